//! What was found in a file: endpoints, and what cannot be taken over.

use std::fmt;

use naptime_core::duration::show;
use naptime_core::request::MAX_TIMEOUT;
use naptime_core::retry::{MAX_ATTEMPTS, MAX_BACKOFF, MIN_BACKOFF};
use serde_json::{Map, Value, json};

use super::call::Call;
use crate::commands::variables::literal;

/// The most characters of a name.
const MAX_NAME: usize = 100;
/// The attempts where there are too many elsewhere: as many as an endpoint has of its own accord.
const DEFAULT_ATTEMPTS: u32 = 3;

/// What is in a file, in its order.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) taken: Vec<Taken>,
    pub(super) left: Vec<Left>,
    /// What differs for all of them.
    pub(super) notes: Vec<String>,
}

/// An endpoint to be.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) place: Place,
    /// What it is known by; given once all are found.
    pub(super) key: String,
    /// The body of `PUT /api/endpoints/by-key/{key}`. In its texts `${NAME}` is a variable.
    pub(super) fields: Map<String, Value>,
    /// Whether it is switched on where it comes from.
    pub(super) is_on: bool,
    /// What differs from how it was called before, as sentences without a full stop.
    pub(super) differs: Vec<String>,
}

/// What cannot be taken over.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) place: Place,
    pub(super) what: String,
    pub(super) why: String,
}

/// Where in a file it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In this line, from 1.
    Line(usize),
    /// At what has this name there.
    Named(String),
}

impl Place {
    /// At what has this name, if it has one.
    pub(super) fn named(name: impl Into<String>) -> Self {
        Self::Named(Some(name.into()).filter(|name| !name.is_empty()).unwrap_or_else(|| "(no name)".to_owned()))
    }
}

impl Found {
    pub(super) fn leave(&mut self, place: Place, what: impl Into<String>, why: impl Into<String>) {
        self.left.push(Left { place, what: what.into(), why: why.into() });
    }

    /// Says what differs when the clocks change, if that happens in the zone of one of them.
    pub(super) fn note_clock_changes(&mut self, there: &str) {
        let is_utc = |taken: &Taken| matches!(taken.text("tz"), "" | "UTC" | "Etc/UTC");
        if !self.taken.iter().all(is_utc) {
            self.notes.push(format!(
                "when clocks change, {there}; here a call at a time that is skipped comes right after, and one at a time that \
                 comes twice comes once"
            ));
        }
    }
}

impl Taken {
    /// An endpoint that makes a call at these times. Where Naptime cannot call as it is called now, that differs.
    pub(super) fn new(place: Place, name: &str, call: Call, timing: Map<String, Value>) -> Self {
        let mut fields = Map::new();
        let mut differs = call.differs;
        fields.insert("url".to_owned(), call.url.into());
        let name: String = name.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_NAME).collect();
        if !name.is_empty() {
            fields.insert("name".to_owned(), literal(&name).into());
        }
        fields.extend(timing);
        if call.method != "GET" {
            fields.insert("method".to_owned(), call.method.into());
        }
        let sent: Vec<_> = call.headers.into_iter().filter(|(name, _)| !is_of_connection(name)).collect();
        if !sent.is_empty() {
            fields.insert("headers".to_owned(), headers(sent));
        }
        fields.extend(call.body.map(|body| ("body".to_owned(), body.into())));
        let timeout = match call.timeout {
            None => {
                differs.push(format!("a call may take any time there; here it ends after {}", show(MAX_TIMEOUT)));
                MAX_TIMEOUT
            }
            Some(timeout) if timeout > MAX_TIMEOUT => {
                differs.push(format!(
                    "a call may take {} there; here {}, or up to an hour once its pool allows that (`max_timeout`)",
                    show(timeout),
                    show(MAX_TIMEOUT)
                ));
                MAX_TIMEOUT
            }
            Some(timeout) => timeout,
        };
        fields.insert("timeout".to_owned(), show(timeout).into());
        let attempts = if call.attempts > MAX_ATTEMPTS { DEFAULT_ATTEMPTS } else { call.attempts };
        if attempts < call.attempts {
            let there = if call.attempts == u32::MAX {
                "again and again".to_owned()
            } else {
                format!("{} times", call.attempts)
            };
            differs.push(format!(
                "a call that fails is tried {there} there, and {attempts} times here, as the next call is to come"
            ));
        }
        let mut retry = json!({"attempts": attempts});
        if let Some(backoff) = call.backoff.filter(|_| attempts > 1) {
            retry["backoff"] = show(backoff.clamp(MIN_BACKOFF, MAX_BACKOFF)).into();
        }
        fields.insert("retry".to_owned(), retry);
        Self { place, key: String::new(), fields, is_on: true, differs }
    }

    /// Adds a header, unless it has one of that name. `${NAME}` in its value is a variable.
    pub(super) fn add_header(&mut self, name: &str, value: &str) {
        match self.fields.entry("headers").or_insert_with(|| json!({})) {
            Value::Object(said) if !said.keys().any(|said| said.eq_ignore_ascii_case(name)) => {
                said.insert(name.to_owned(), value.into());
            }
            Value::Array(said) if !said.iter().any(|pair| is_of(pair, name)) => said.push(json!([name, value])),
            _ => {}
        }
    }

    /// Says whether it is switched on, if that is wanted, and what becomes of one that is off.
    pub(super) fn switch(&mut self, activate: bool) {
        if !self.is_on {
            self.differs.push("it is switched off there, and stays off here".to_owned());
        }
        if activate {
            self.fields.insert("active".to_owned(), self.is_on.into());
        }
    }

    /// The text of a field; empty if it is none.
    pub(super) fn text(&self, field: &str) -> &str {
        self.fields.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// When it is called, as the report shows it.
    pub(super) fn schedule(&self) -> String {
        let kinds = ["every", "cron"].into_iter();
        let said = kinds.filter_map(|kind| Some(format!("{kind} {}", self.fields.get(kind)?.as_str()?)));
        let mut words: Vec<String> = said.collect();
        words.extend(self.fields.get("tz").and_then(Value::as_str).map(|zone| format!("({zone})")));
        words.join(" ")
    }

    /// What is called, as the report shows it.
    pub(super) fn call(&self) -> String {
        let method = self.text("method");
        format!("{} {}", if method.is_empty() { "GET" } else { method }, self.text("url"))
    }
}

/// Whether a header belongs to the connection, so that each caller makes its own.
fn is_of_connection(name: &str) -> bool {
    const NAMES: [&str; 9] = [
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// As an object, unless a name is there twice.
fn headers(headers: Vec<(String, String)>) -> Value {
    let mut fields = Map::new();
    for (name, value) in &headers {
        if fields.keys().any(|said: &String| said.eq_ignore_ascii_case(name)) {
            return json!(headers);
        }
        fields.insert(name.clone(), value.clone().into());
    }
    fields.into()
}

/// Whether a pair is a header of this name.
fn is_of(pair: &Value, name: &str) -> bool {
    pair[0].as_str().is_some_and(|said| said.eq_ignore_ascii_case(name))
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Named(name) => f.write_str(name),
        }
    }
}
