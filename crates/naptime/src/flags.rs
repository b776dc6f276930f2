//! The words of the command line for the fields of the API, in which faults are told.

use naptime_client::Fault;
use naptime_core::Invalid;
use naptime_core::retry::MAX_ATTEMPTS;

use crate::faults::Faults;

/// The fields that messages name.
const FIELDS: [&str; 25] = [
    "every", "jitter", "align", "cron", "random", "window", "days", "tz", "from", "until", "except", "pause", "sla",
    "late", "sign", "method", "body", "timeout", "at", "in", "key", "after", "n", "sort", "worker",
];

/// What was found at a field.
pub(crate) trait Found {
    /// The field, and what is wrong with it.
    fn into_parts(self) -> (String, String);
}

impl Found for Invalid {
    fn into_parts(self) -> (String, String) {
        (self.field.into_owned(), self.detail)
    }
}

impl Found for Fault {
    fn into_parts(self) -> (String, String) {
        (self.field, self.detail)
    }
}

/// Adds what is wrong with fields as faults of the arguments that they were read from, in the words of the command line.
pub(crate) fn add_faults(faults: &mut Faults, found: impl IntoIterator<Item = impl Found>) {
    for fault in found {
        let (field, mut detail) = fault.into_parts();
        if field == "retry.attempts" {
            // One attempt more than retries.
            detail = format!("the retries may be from 0 to {}", MAX_ATTEMPTS - 1);
        }
        for field in FIELDS {
            detail = detail.replace(&format!("`{field}`"), &format!("`{}`", argument(field)));
        }
        faults.add(argument(&field), detail);
    }
}

/// The argument of a field.
pub(crate) fn argument(field: &str) -> String {
    match field {
        "url" => "URL".to_owned(),
        "q" => "TEXT".to_owned(),
        "headers" => "--header".to_owned(),
        "tags" => "--tag".to_owned(),
        "active" => "--activate".to_owned(),
        "n" => "-n".to_owned(),
        "pause" => "--pause-until".to_owned(),
        "retry.attempts" => "--retries".to_owned(),
        "sla.every" => "--sla".to_owned(),
        // `pause.until` is --pause-until.
        field => format!("--{}", field.replace(['.', '_'], "-")),
    }
}
