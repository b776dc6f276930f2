//! Why a server took no write, by the codes of its errors.

use mongodb::error::{Error as DriverError, ErrorKind, WriteFailure};
use naptime_store::{Error, Refusal};

/// Of errors of the Atlas service itself, which has one code for all of them.
const ATLAS: i32 = 8000;

/// An error that the server sent inside a successful answer, on its way through a transaction of the driver.
pub(crate) struct WriteFailed {
    pub(crate) code: Option<i32>,
    pub(crate) detail: String,
}

/// The driver's error as the store's, without the server's whole answer.
pub(crate) fn failure(error: &DriverError) -> Error {
    if let Some(WriteFailed { code, detail }) = error.get_custom() {
        return write_failed(*code, detail.clone());
    }
    let detail = error.kind.to_string();
    match refusal_of(&error.kind) {
        Some(refusal) => Error::Refused { refusal, detail },
        None => Error::Unavailable(detail),
    }
}

/// An error that the server sent inside a successful answer.
pub(crate) fn write_failed(code: Option<i32>, detail: String) -> Error {
    match code.and_then(|code| by_code(code, &detail)) {
        Some(refusal) => Error::Refused { refusal, detail },
        None => Error::Unavailable(detail),
    }
}

/// Whether a server that answers with this code may do the same later: it starts, stops, or another is being elected.
pub(crate) fn passes(code: i32) -> bool {
    matches!(
        code,
        // HostUnreachable, HostNotFound, MaxTimeMSExpired, WriteConcernFailed (in time), NetworkTimeout,
        // ShutdownInProgress, WriteConflict, FailedToSatisfyReadPreference, ReadConcernMajorityNotAvailableYet
        6 | 7 | 50 | 64 | 89 | 91 | 112 | 133 | 134
        // PrimarySteppedDown, ExceededTimeLimit, SocketException, LegacyNotPrimary, NotWritablePrimary,
        // InterruptedAtShutdown, InterruptedDueToReplStateChange, NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary
        | 189 | 262 | 9_001 | 10_058 | 10_107 | 11_600 | 11_602 | 13_435 | 13_436
    )
}

fn refusal_of(kind: &ErrorKind) -> Option<Refusal> {
    match kind {
        ErrorKind::Command(error) => by_code(error.code, &error.message),
        ErrorKind::Write(WriteFailure::WriteError(error)) => by_code(error.code, &error.message),
        ErrorKind::Write(WriteFailure::WriteConcernError(_)) => Some(Refusal::NoMajority),
        ErrorKind::InsertMany(error) => {
            let mut errors = error.write_errors.iter().flatten();
            let refusal = errors.find_map(|error| by_code(error.code, &error.message));
            refusal.or(error.write_concern_error.as_ref().map(|_| Refusal::NoMajority))
        }
        _ => None,
    }
}

fn by_code(code: i32, message: &str) -> Option<Refusal> {
    match code {
        // Unauthorized
        13 => Some(Refusal::NotAllowed),
        // The text is all that tells.
        ATLAS if message.contains("quota") => Some(Refusal::OverQuota),
        ATLAS if message.contains("not allowed") || message.contains("not authorized") => Some(Refusal::NotAllowed),
        // OutOfDiskSpace
        14_031 => Some(Refusal::DiskFull),
        // PrimarySteppedDown, LegacyNotPrimary, NotWritablePrimary, NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary
        189 | 10_058 | 10_107 | 13_435 | 13_436 => Some(Refusal::NoPrimary),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_told_by_the_code() {
        let check = |code, message: &str, expect: &str| {
            let error = write_failed(Some(code), message.to_owned());
            assert_eq!(error.to_string(), expect);
        };
        let quota = "you are over your space quota, using 513 MB of 512 MB";
        check(8000, quota, &format!("the database is over its space quota: {quota}"));
        check(13, "not authorized", "the user of the database may only read it: not authorized");
        check(14_031, "no space", "the disk of the database is full: no space");
        check(50, "exceeded", "the store is not available: exceeded");
    }
}
