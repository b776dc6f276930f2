//! The store on an embedded SQLite file, for one machine.
//!
//! One process works (claims, calls, settles); others may edit beside it, such as a `naptime web`
//! without a worker. All of them write
//! through `writer`: one thread, one connection, `BEGIN IMMEDIATE`, and what queued up meanwhile goes into one commit.
//! What a claim, a settle or an edit does to a job is not written here: it is read, handed to the transitions of
//! [`naptime_core`], and written back, within one transaction. People write `jobs`, workers write `due` (see `schema`);
//! configurations that were called lately are kept in memory, so that a worker's turn reads and writes `due` alone.
//!
//! # What is guaranteed
//!
//! Nothing returns before its commit has been synced to disk (WAL, `synchronous=FULL`). So a claim that was returned, a
//! run that was settled and an edit that was answered survive `kill -9` and, as far as the disk keeps its word, a power
//! cut. The price is one sync for each group of writes, and claims are made ahead of their due time to hide it.
//!
//! The time that counts is this machine's, see [`Options`]. Partitions are ignored: they keep many worker processes out
//! of each other's way, and here is only one.

#![warn(missing_docs)]

mod answers;
mod clock;
mod conditions;
mod contents;
mod deleted;
mod due;
mod fault;
mod filling;
mod gates;
mod history;
mod jobs;
mod list;
mod load;
mod lock;
mod moving;
mod plan;
mod pools;
mod private;
mod probe;
mod queue;
mod queued;
mod readers;
mod records;
mod repairs;
mod rows;
mod rules;
mod runs;
mod schema;
mod sessions;
mod sla;
mod states;
mod troubles;
mod workers;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use naptime_core::Time;
use naptime_store::moving::Filler;
use naptime_store::{Clock, Configs, Error};
use tokio::sync::watch;

use crate::clock::SteadyWallClock;
use crate::fault::Fault;
use crate::readers::Readers;
use crate::repairs::Noted;
use crate::writer::Writer;
pub use lock::{LockError, MoveLock, WorkerLock};

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long runs and deleted jobs are kept.
    pub retention: Duration,
    /// Milliseconds that are added to the clock. For tests, which share it with the store to move its time forward.
    pub clock_offset: Arc<AtomicI64>,
}

impl Default for Options {
    /// Seven days, and the clock as it is.
    fn default() -> Self {
        Self { retention: Duration::from_secs(7 * 24 * 3600), clock_offset: Arc::default() }
    }
}

/// Why a file could not be opened as a store. The text is for the person who started the program.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be created, read or written.
    #[error("cannot open {}: {reason}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system or SQLite said.
        reason: String,
    },
    /// A newer version of Naptime has written it.
    #[error(
        "{} was written by a newer version of Naptime (its schema is {found}, this version knows {known}); start that \
         version, or use another file",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of its schema.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// It is a database, but not Naptime's.
    #[error("{} is not a database of Naptime; use another file", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
}

/// The store. Clones are handles on the same one.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    retention: Duration,
    clock: SteadyWallClock,
    noted: Noted,
    configs: Configs,
    filler: Filler,
    /// How often work came that workers may not have foreseen.
    wakes: watch::Sender<u64>,
    writer: Writer,
    readers: Readers,
}

impl SqliteStore {
    /// Opens the file, creating it if it isn't there, for this user alone: it may hold credentials of targets. Wider
    /// rights are taken away.
    ///
    /// Blocks for as long as another process is creating or upgrading it.
    ///
    /// # Errors
    /// If it cannot be opened, is somebody else's, or of a newer version.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let io = |reason: String| OpenError::Io { path: path.to_owned(), reason };
        private::create(path).map_err(|error| io(error.to_string()))?;
        // One name for one file, or else two workers could each lock a name of their own.
        let real = path.canonicalize().map_err(|error| io(error.to_string()))?;
        let connection = schema::open_for_writing(&real)?;
        // Not before it is known to be Naptime's.
        private::narrow_database(&real).map_err(|error| {
            io(format!("other users may open it, and this one may not change that ({error}); chmod 600 does"))
        })?;
        Ok(Self {
            inner: Arc::new(Inner {
                clock: SteadyWallClock::new(options.clock_offset),
                noted: Noted::default(),
                configs: Configs::default(),
                filler: Filler::default(),
                wakes: watch::Sender::default(),
                retention: options.retention,
                writer: Writer::start(connection).map_err(|error| io(error.to_string()))?,
                readers: Readers::new(real.clone()),
                path: real,
            }),
        })
    }

    /// Runs `work` in a write transaction, and returns when it is on disk. `work` gets the store's time, read once the
    /// transaction is the only one, so that what commits later has not an earlier time.
    async fn write<T, W>(&self, work: W) -> Result<T, Error>
    where
        T: Send + 'static,
        W: FnOnce(&rusqlite::Connection, Time) -> Result<T, Fault> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let work = move |connection: &rusqlite::Connection| {
            let now = inner.clock.now();
            inner.noted.note(connection, now)?;
            work(connection, now)
        };
        self.inner.writer.write(work).await
    }

    /// [`Self::write`], for what is not done any more once the store is shut.
    async fn write_if_open<T, W>(&self, work: W) -> Result<T, Error>
    where
        T: Send + 'static,
        W: FnOnce(&rusqlite::Connection, Time) -> Result<T, Fault> + Send + 'static,
    {
        self.write(move |connection, now| {
            moving::check_open(connection)?;
            work(connection, now)
        })
        .await
    }

    /// Wakes the worker of this process.
    fn wake_up(&self) {
        self.inner.wakes.send_modify(|count| *count += 1);
    }

    /// Runs `work` on a connection that only reads.
    async fn read<T, W>(&self, work: W) -> Result<T, Error>
    where
        T: Send + 'static,
        W: FnOnce(&rusqlite::Connection, Time) -> Result<T, Fault> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        self.inner.readers.read(move |connection| work(connection, inner.clock.now())).await
    }
}

impl Clock for SqliteStore {
    fn now(&self) -> Time {
        self.inner.clock.now()
    }

    fn until(&self, at: Time) -> Duration {
        self.inner.clock.until(at)
    }
}
