//! Why it could not be found out whether what is promised holds.

use std::io;
use std::process::ExitStatus;

use naptime_core::Invalid;

/// Why it could not be found out whether what is promised holds. The text is for the person who asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The options are wrong. Nothing was started.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Options(Vec<Invalid>),
    /// It was told to stop.
    #[error("told to stop")]
    Interrupted,
    /// The database cannot be reached, or is not one that Naptime works on.
    #[error("the database cannot be used: {0}")]
    Unusable(String),
    /// The database's user has not the rights it takes.
    #[error(
        "the user of MONGODB_URI may not make a database, which this takes; give it the roles readWriteAnyDatabase and \
         dbAdminAnyDatabase, or name another MongoDB ({0})"
    )]
    Forbidden(String),
    /// The database stopped answering.
    #[error("the database has not answered for {0} s")]
    Vanished(u64),
    /// A command failed.
    #[error("the database failed: {0}")]
    Mongo(#[from] mongodb::error::Error),
    /// The store failed.
    #[error("{0}")]
    Store(#[from] naptime_store::Error),
    /// The database is still there.
    #[error("{}its database {name} could not be dropped, do so yourself: {why}", and_before(.because.as_deref()))]
    NotDropped {
        /// The database.
        name: String,
        /// Why not.
        why: String,
        /// What was wrong before.
        because: Option<Box<Error>>,
    },
    /// A worker ended by itself.
    #[error("a worker ended by itself ({status}); its last words:\n{output}")]
    WorkerEnded {
        /// How.
        status: ExitStatus,
        /// The end of what it wrote.
        output: String,
    },
    /// Something did not come about in the time for it.
    #[error("{0}")]
    TooSlow(String),
    /// Programs, files or sockets of this machine.
    #[error("{what}: {error}")]
    Machine {
        /// What was wanted.
        what: &'static str,
        /// What the system said.
        error: io::Error,
    },
}

/// The result of a part of it.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Whether it was told to stop, even if not all went well then.
    pub fn is_interrupted(&self) -> bool {
        match self {
            Self::Interrupted => true,
            Self::NotDropped { because, .. } => because.as_deref().is_some_and(Self::is_interrupted),
            _ => false,
        }
    }

    /// An error of the system, for those who say what was wanted.
    pub(crate) fn machine(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Machine { what, error }
    }
}

fn and_before(error: Option<&Error>) -> String {
    error.map(|error| format!("{error}; and ")).unwrap_or_default()
}
