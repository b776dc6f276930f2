//! Why a store did not do what it was asked.

use naptime_core::{Rev, Stage};

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
    /// A deleted job cannot be restored while another has its key.
    #[error("another job has the key of this one")]
    KeyTaken,
    /// There are as many rules as there may be.
    #[error("there are too many rules")]
    TooManyRules,
    /// A cursor that this store did not hand out.
    #[error("the cursor is not one of ours")]
    BadCursor,
    /// The store did not answer, or not with success. Whether the operation happened is unknown. The text is for the
    /// log, not for users.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// The store holds something that this version cannot read. The text is for the log.
    #[error("the store holds what cannot be read: {0}")]
    Corrupt(String),
}

/// The result of a store's operation.
pub type Result<T> = std::result::Result<T, Error>;
