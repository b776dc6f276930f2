//! What is used from one moment to another.

use std::time::{Duration, Instant};

use crate::database::Database;
use crate::ground::Ground;
use crate::report::Used;
use crate::usage;
use crate::workers::Workers;

/// What had been used at a moment.
pub(crate) struct Meter {
    at: Instant,
    workers: Duration,
    database: Option<Duration>,
    own: Duration,
    all: Duration,
    commands: Option<i64>,
}

impl Meter {
    /// Now.
    pub(crate) async fn read(ground: &Ground, workers: &Workers, database: &Database) -> Self {
        Self {
            at: Instant::now(),
            workers: workers.cpu(),
            database: ground.server.pid.map(usage::cpu),
            own: usage::cpu(std::process::id()),
            all: usage::cpu_of_all(),
            // Not everybody may ask.
            commands: match database.mongo() {
                Some(mongo) => mongo.commands().await.ok(),
                None => None,
            },
        }
    }

    /// What was used from then to `to`, for each of so many `calls`.
    pub(crate) fn until(&self, to: &Self, calls: usize, worker_mib: f64) -> Used {
        let used = |of: fn(&Self) -> Duration| of(to).saturating_sub(of(self));
        let per_call = |time: Duration| time.as_secs_f64() * 1e6 / calls.max(1) as f64;
        let workers = used(|it| it.workers);
        let database = to.database.zip(self.database).map(|(to, from)| to.saturating_sub(from));
        let ours = used(|it| it.own) + workers;
        let strangers = used(|it| it.all).saturating_sub(ours + database.unwrap_or_default());
        let commands = to.commands.zip(self.commands).map(|(to, from)| to - from);
        Used {
            workers_us_per_call: per_call(workers),
            database_us_per_call: database.map(per_call),
            commands_per_call: commands.map(|commands| commands as f64 / calls.max(1) as f64),
            worker_mib,
            stalled_ms: 0.0,
            strangers: strangers.as_secs_f64() / (to.at - self.at).as_secs_f64().max(0.001),
        }
    }
}
