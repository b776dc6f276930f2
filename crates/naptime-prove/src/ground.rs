//! What all legs stand on: the server their databases are made on, a folder for what is kept meanwhile, and the word to
//! stop.

use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::Where;
use crate::clock::Clock;
use crate::database::Database;
use crate::error::{Error, Result};

/// What all legs stand on.
pub(crate) struct Ground {
    place: Where,
    id: String,
    legs: AtomicUsize,
    folder: TempDir,
    cancel: CancellationToken,
    /// The longest that a pause took more than it should, in microseconds.
    stalled_us: AtomicU64,
    /// What the databases are made on.
    pub(crate) server: Server,
    /// The clock of the server.
    pub(crate) clock: Clock,
}

/// What databases are made on.
#[derive(Default)]
pub(crate) struct Server {
    /// Kind and version.
    pub(crate) name: String,
    /// Its process, if that is one of this machine and not this one.
    pub(crate) pid: Option<u32>,
}

impl Ground {
    /// On this server, where a database can be made and dropped. `cancel` is the word to stop.
    ///
    /// # Errors
    /// If the server does not answer, or its user may not make a database.
    pub(crate) async fn new(place: &Where, cancel: CancellationToken) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("naptime-prove-").tempdir();
        let folder = folder.map_err(Error::machine("cannot make a folder for what is kept meanwhile"))?;
        let id = Uuid::now_v7().simple().to_string();
        let (server, clock) = (Server::default(), Clock::default());
        let (place, legs, stalled_us) = (place.clone(), AtomicUsize::new(0), AtomicU64::new(0));
        let mut ground = Self { place, id, legs, folder, cancel, stalled_us, server, clock };
        let database = ground.database().await?;
        // The store has wishes of its own, such as a replica set.
        let opened = database.store().await;
        ground.server = match database.mongo() {
            Some(mongo) => mongo.server().await,
            None => Server { name: "SQLite, embedded".to_owned(), pid: None },
        };
        let clock = ground.clock_of(&database).await;
        database.drop().await?;
        ground.clock = clock?;
        opened.map_err(|error| match error {
            Error::Store(naptime_store::Error::Unavailable(why)) => Error::Unusable(why),
            other => other,
        })?;
        Ok(ground)
    }

    /// A server of this machine has the same clock.
    async fn clock_of(&self, database: &Database) -> Result<Clock> {
        match database.mongo() {
            Some(mongo) if self.server.pid.is_none() => Clock::of(mongo).await,
            _ => Ok(Clock::default()),
        }
    }

    /// How much further the server's clock is ahead by now.
    pub(crate) async fn drift_us(&self, database: &Database) -> Result<i64> {
        Ok(self.clock.drift_us(self.wait(self.clock_of(database)).await??))
    }

    /// The name of the last database that was made on a server.
    pub(crate) fn database_name(&self) -> Option<String> {
        let last = self.legs.load(Ordering::Relaxed).checked_sub(1)?;
        matches!(self.place, Where::Mongo(_)).then(|| self.name(last))
    }

    fn name(&self, number: usize) -> String {
        format!("naptime_prove_{}_{number}", self.id)
    }

    /// A database of its own. Whoever asks for it drops it.
    pub(crate) async fn database(&self) -> Result<Database> {
        let number = self.legs.fetch_add(1, Ordering::Relaxed);
        match &self.place {
            Where::Mongo(uri) => Database::on_mongo(uri, &self.name(number)).await,
            Where::Embedded => {
                let folder = self.folder.path().join(number.to_string());
                std::fs::create_dir(&folder).map_err(Error::machine("cannot make a folder for a database"))?;
                Ok(Database::in_folder(&folder))
            }
        }
    }

    /// For what is kept until the end.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// If it is to stop.
    pub(crate) fn go_on(&self) -> Result<()> {
        if self.cancel.is_cancelled() { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// Waits for something that may be left half-way: which writes nothing.
    ///
    /// # Errors
    /// If it is to stop meanwhile.
    pub(crate) async fn wait<T>(&self, something: impl Future<Output = T>) -> Result<T> {
        self.cancel.run_until_cancelled(something).await.ok_or(Error::Interrupted)
    }

    /// Lets time go by.
    ///
    /// # Errors
    /// If it is to stop meanwhile.
    pub(crate) async fn pause(&self, time: Duration) -> Result<()> {
        // A machine that sleeps stops the one clock and not the other.
        let (start, wall) = (Instant::now(), SystemTime::now());
        self.wait(tokio::time::sleep(time)).await?;
        let took = start.elapsed().max(wall.elapsed().unwrap_or_default());
        let more = u64::try_from(took.saturating_sub(time).as_micros()).unwrap_or(u64::MAX);
        self.stalled_us.fetch_max(more, Ordering::Relaxed);
        Ok(())
    }

    /// Until the word to stop.
    pub(crate) async fn told_to_stop(&self) {
        self.cancel.cancelled().await;
    }

    /// The longest that this process stood still in a pause since this was asked before.
    pub(crate) fn stalled(&self) -> Duration {
        Duration::from_micros(self.stalled_us.swap(0, Ordering::Relaxed))
    }
}
