//! Why a store did not do what it was asked.

use naptime_core::{Rev, Stage};

use crate::Shut;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such job (any more).
    #[error("there is no such job")]
    NotFound,
    /// The job is deleted; it can be looked at and restored.
    #[error("the job is deleted")]
    Deleted,
    /// The job has been edited since the revision that was expected.
    #[error("the job has been edited meanwhile; it is at revision {}", .0.0)]
    Stale(Rev),
    /// A one-off job in this stage cannot be treated so.
    #[error("the job is {}", .0.as_str())]
    WrongStage(Stage),
    /// A job can be neither restored nor given a key while another has that key.
    #[error("another job has the key of this one")]
    KeyTaken,
    /// There are as many rules as there may be.
    #[error("there are too many rules")]
    TooManyRules,
    /// A pool cannot be deleted while jobs of it are there.
    #[error("the pool still has {endpoints} endpoints and {once} one-off jobs")]
    PoolInUse {
        /// Its endpoints that are not deleted.
        endpoints: u64,
        /// Its one-off jobs that are not over.
        once: u64,
    },
    /// A cursor that this store did not hand out.
    #[error("the cursor is not one of ours")]
    BadCursor,
    /// The store did not answer, or not with success. Whether the operation happened is unknown. The text is for the
    /// log, not for users.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// The store answers, but takes no writes; nothing was changed. `detail` is for the log, not for users.
    #[error("{refusal}: {detail}")]
    Refused {
        /// Why, as users are told.
        refusal: Refusal,
        /// What the database said.
        detail: String,
    },
    /// The store is shut, because everything is moved out of it or into it; nothing was changed.
    #[error("{0}")]
    Shut(Shut),
    /// The store holds something that this version cannot read. The text is for the log.
    #[error("the store holds what cannot be read: {0}")]
    Corrupt(String),
}

impl Error {
    /// Whether the same may succeed later, without anybody changing what was asked.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Refused { .. } | Self::Shut(_))
    }
}

/// Why a database takes no writes. It displays in words for users: `the disk of the database is full`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its disk is full.
    DiskFull,
    /// It holds as much as its plan allows.
    OverQuota,
    /// Its disk fails to write, which many do when they are full.
    DiskFault,
    /// Its file, folder or disk is write-protected.
    WriteProtected,
    /// Its user may only read.
    NotAllowed,
    /// No member of the replica set is the primary.
    NoPrimary,
    /// Fewer than a majority of the members of the replica set have written it.
    NoMajority,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::DiskFull => "the disk of the database is full",
            Self::OverQuota => "the database is over its space quota",
            Self::DiskFault => "the disk of the database cannot be written: it is full, or fails",
            Self::WriteProtected => "the database is write-protected",
            Self::NotAllowed => "the user of the database may only read it",
            Self::NoPrimary => "no member of the replica set takes writes",
            Self::NoMajority => "no majority of the replica set confirms writes",
        })
    }
}

/// The result of a store's operation.
pub type Result<T> = std::result::Result<T, Error>;
