//! What can go wrong inside, and what it is called outside.

use naptime_store::{Error, Refusal};
use rusqlite::ErrorCode;

/// A fault on the way through SQLite. It ends up as the store's [`Error`].
#[derive(Debug)]
pub(crate) enum Fault {
    Store(Error),
    Sqlite(rusqlite::Error),
    Json(serde_json::Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Store(error) => error,
            Fault::Json(error) => Error::Corrupt(error.to_string()),
            Fault::Sqlite(error) => failure(&error),
        }
    }
}

/// SQLite's error as the store's.
pub(crate) fn failure(error: &rusqlite::Error) -> Error {
    let detail = error.to_string();
    let is_damaged = matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase));
    if is_damaged || is_unreadable(error) {
        return Error::Corrupt(detail);
    }
    let refusal = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Refusal::DiskFull,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Refusal::WriteProtected,
        Some(ErrorCode::SystemIoFailure) => Refusal::DiskFault,
        _ => return Error::Unavailable(detail),
    };
    Error::Refused { refusal, detail }
}

/// Whether a row holds what cannot be read.
pub(crate) fn is_unreadable(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..)
    )
}

/// Something stored that cannot be: a bug, or somebody else's hand.
pub(crate) fn corrupt(what: impl Into<String>) -> Fault {
    Fault::Store(Error::Corrupt(what.into()))
}
