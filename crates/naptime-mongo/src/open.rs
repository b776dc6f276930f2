//! Why a store cannot be opened, and whether waiting may help.

use mongodb::error::{
    Error as DriverError, ErrorKind, RETRYABLE_WRITE_ERROR, TRANSIENT_TRANSACTION_ERROR, WriteFailure,
};
use naptime_store::{Error, Refusal};

use crate::OPERATION_TIMEOUT;
use crate::capability::Capability;
use crate::command::{self, Failed};
use crate::refusal::{failure, passes};

/// The code of a wrong user or password, where the driver passes it on as a failed command.
const AUTHENTICATION_FAILED: i32 = 18;

/// Why a store cannot be opened. It displays in words for the person who started the program.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nobody answers in time, or no member of the replica set takes writes at the moment.
    #[error("{0}")]
    Away(String),
    /// The server answers, and does not accept the user or the password.
    #[error("the server does not accept the user or the password: {0}")]
    Credentials(String),
    /// The server is on its own.
    #[error(
        "the MongoDB server ({server}) is not a replica set; start it with --replSet and run rs.initiate() (one member \
         is enough)"
    )]
    NoReplicaSet {
        /// What it calls itself.
        server: String,
    },
    /// The server speaks MongoDB's protocol, but cannot do what every claim needs.
    #[error(
        "the server ({server}) cannot do what Naptime needs of a MongoDB: {capability}. It says: {said}. Use a MongoDB \
         replica set; other products that speak its protocol do not suffice"
    )]
    Incapable {
        /// What it calls itself.
        server: String,
        /// What it cannot do.
        capability: Capability,
        /// Its answer.
        said: String,
    },
    /// The database is that of another environment.
    #[error(
        "the database `{database}` belongs to the environment `{theirs}`, and this process to `{ours}`; give it a \
         database of its own, or set NAPTIME_ENV={theirs} if it is to make the calls of that one"
    )]
    OtherEnvironment {
        /// The name of the database.
        database: String,
        /// The environment that the database remembers.
        theirs: String,
        /// That of this process.
        ours: String,
    },
    /// The database was written by a later version of this program.
    #[error(
        "the database `{database}` has version {found} of its schema, and this program knows no later one than {known}; \
         start a version of Naptime that is as new as the last one that was started on it"
    )]
    Newer {
        /// The name of the database.
        database: String,
        /// The version of its schema.
        found: i64,
        /// The version of this program.
        known: i64,
    },
    /// The database was written by an earlier version, and its user may not do what the upgrade needs.
    #[error(
        "the database `{database}` was written by an earlier version of Naptime, and its user may not upgrade it: that \
         needs the right to run collMod, once; give it the role dbAdmin on this database until it has started"
    )]
    NotAllowedToUpgrade {
        /// The name of the database.
        database: String,
    },
    /// The server refuses something for another reason that stays.
    #[error("{0}")]
    Unusable(String),
    /// The store's own error.
    #[error(transparent)]
    Store(Error),
}

impl OpenError {
    /// Whether the same may succeed later, without anybody changing a setting.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Away(_))
    }

    pub(crate) fn into_store(self) -> Error {
        match self {
            Self::Store(error) => error,
            other => Error::Unavailable(other.to_string()),
        }
    }
}

/// Waits for an operation that opening the store needs.
pub(crate) async fn ask<T, F>(operation: F) -> Result<T, OpenError>
where
    T: Send + 'static,
    F: Future<Output = mongodb::error::Result<T>> + Send + 'static,
{
    Ok(command::attempt(OPERATION_TIMEOUT, operation).await?)
}

impl From<Error> for OpenError {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(why) => Self::Away(why),
            Error::Refused { refusal: Refusal::NoPrimary | Refusal::NoMajority, .. } => Self::Away(error.to_string()),
            other => Self::Store(other),
        }
    }
}

impl From<Failed> for OpenError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Driver(error) => error.into(),
            Failed::Unanswered(why) => Self::Away(why),
        }
    }
}

impl From<DriverError> for OpenError {
    fn from(error: DriverError) -> Self {
        if let refused @ Error::Refused { .. } = failure(&error) {
            return refused.into();
        }
        let said = error.kind.to_string();
        let code = match error.kind.as_ref() {
            ErrorKind::Command(error) => error.code,
            ErrorKind::Write(WriteFailure::WriteError(error)) => error.code,
            ErrorKind::Authentication { .. } => return Self::Credentials(said),
            ErrorKind::Io(_)
            | ErrorKind::DnsResolve { .. }
            | ErrorKind::ServerSelection { .. }
            | ErrorKind::ConnectionPoolCleared { .. } => return Self::Away(said),
            _ => return Self::Unusable(said),
        };
        let passes = passes(code)
            || [RETRYABLE_WRITE_ERROR, TRANSIENT_TRANSACTION_ERROR].iter().any(|it| error.contains_label(it));
        match code {
            AUTHENTICATION_FAILED => Self::Credentials(said),
            _ if passes => Self::Away(said),
            _ => Self::Unusable(said),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn what_waiting_may_help_is_told_by_the_kind_of_the_error() {
        let away: DriverError = io::Error::from(io::ErrorKind::ConnectionRefused).into();
        assert!(OpenError::from(away).may_pass());
        assert!(!OpenError::from(DriverError::custom("anything else")).may_pass());
        let check = |refusal, expect| {
            let error = Error::Refused { refusal, detail: String::new() };
            assert_eq!(OpenError::from(error).may_pass(), expect, "{refusal}");
        };
        check(Refusal::NoPrimary, true);
        check(Refusal::NoMajority, true);
        check(Refusal::NotAllowed, false);
        check(Refusal::OverQuota, false);
    }
}
