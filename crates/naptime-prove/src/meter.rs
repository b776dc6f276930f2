//! What is used from one moment to another.

use std::time::{Duration, Instant};

use crate::crew::Crew;
use crate::database::Database;
use crate::ground::Ground;
use crate::report::{Subject, Used};
use crate::usage;

/// What had been used at a moment.
pub(crate) struct Meter {
    at: Instant,
    crew: Duration,
    database: Option<Duration>,
    own: Duration,
    all: Duration,
    commands: Option<i64>,
}

impl Meter {
    /// Now.
    pub(crate) async fn read(ground: &Ground, crew: &Crew, database: &Database) -> Self {
        Self {
            at: Instant::now(),
            crew: crew.cpu(),
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
    pub(crate) fn until(&self, to: &Self, calls: usize, subject: Subject, worker_mib: f64) -> Used {
        let used = |of: fn(&Self) -> Duration| of(to).saturating_sub(of(self));
        let per_call = |time: Duration| time.as_secs_f64() * 1e6 / calls.max(1) as f64;
        let crew = used(|it| it.crew);
        let database = to.database.zip(self.database).map(|(to, from)| to.saturating_sub(from));
        // The original's algorithm runs in this process.
        let ours = used(|it| it.own) + if subject == Subject::Naptime { crew } else { Duration::ZERO };
        let strangers = used(|it| it.all).saturating_sub(ours + database.unwrap_or_default());
        let commands = to.commands.zip(self.commands).map(|(to, from)| to - from);
        Used {
            workers_us_per_call: per_call(crew),
            database_us_per_call: database.map(per_call),
            commands_per_call: commands.map(|commands| commands as f64 / calls.max(1) as f64),
            worker_mib,
            stalled_ms: 0.0,
            strangers: strangers.as_secs_f64() / (to.at - self.at).as_secs_f64().max(0.001),
        }
    }
}
