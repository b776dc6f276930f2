//! What is said of something that was done to an endpoint.

use std::fmt::Display;
use std::io;

use naptime_client::{Endpoint, Item};

use super::output::{Form, OutputArgs, json, line};

/// Says what was done: in a sentence, or as `--json` and `--quiet` want it.
pub(super) fn told(output: &OutputArgs, endpoint: &Item<Endpoint>, sentence: impl Display) -> io::Result<()> {
    match output.form() {
        Form::Json => json(endpoint.json()),
        Form::Ids => line(&endpoint.id.to_string()),
        Form::Table | Form::Tabs => line(&sentence.to_string()),
    }
}

/// An endpoint by its name, or else its key, and its URL.
pub(super) fn shown(endpoint: &Endpoint) -> String {
    match (&*endpoint.name, endpoint.key.as_deref()) {
        ("", None) => endpoint.url.clone(),
        ("", Some(name)) | (name, _) => format!("{name} ({})", endpoint.url),
    }
}

/// When it is called next.
pub(super) fn next_call(endpoint: &Endpoint) -> String {
    match endpoint.due {
        Some(due) => format!("next call {due}"),
        None if endpoint.active => "no call to come".to_owned(),
        None => "switched off".to_owned(),
    }
}
