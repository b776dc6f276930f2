//! What alerts go by, as it is kept in the store.

use std::collections::BTreeMap;

use naptime_core::alert::{Book, Mute, Receiver};
use naptime_core::problem::Report;
use naptime_core::{Rev, Time};
use naptime_store::Record;
use serde::de::DeserializeOwned;

/// What begins the ids of each sort of record.
pub(crate) const RECEIVER: &str = "receiver/";
pub(crate) const MUTE: &str = "mute/";
pub(crate) const OPEN: &str = "open/";
pub(crate) const SENT: &str = "sent/";

/// Something with its revision.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbered<T> {
    /// What it is.
    pub value: T,
    /// Raised by every change.
    pub rev: Rev,
}

/// All that alerts go by.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// The receivers, by their names.
    pub receivers: BTreeMap<String, Numbered<Receiver>>,
    /// What is muted, by the ids.
    pub mutes: BTreeMap<String, Numbered<Mute>>,
    /// The problems that are open, and what was sent.
    pub book: Book,
    /// The revisions of all records, by their ids.
    pub(crate) revs: BTreeMap<String, Rev>,
}

impl Kept {
    /// Until when nothing is told of a problem, if it is muted at `now`.
    pub fn muted_until(&self, report: &Report, now: Time) -> Option<Time> {
        let mutes = self.mutes.values().map(|mute| &mute.value);
        mutes.filter(|mute| mute.holds(report, now)).map(|mute| mute.until).max()
    }

    /// Sorts records. One that cannot be read is left as it is, and no reason not to tell of the others.
    pub(crate) fn of(records: Vec<Record>) -> Self {
        let mut kept = Self::default();
        for record in records {
            kept.revs.insert(record.id.clone(), record.rev);
            let id = record.id.clone();
            if let Some(name) = id.strip_prefix(RECEIVER) {
                put(&mut kept.receivers, name, numbered(record));
            } else if let Some(name) = id.strip_prefix(MUTE) {
                put(&mut kept.mutes, name, numbered(record));
            } else if let Some(name) = id.strip_prefix(OPEN) {
                put(&mut kept.book.open, name, read(record));
            } else if let Some(name) = id.strip_prefix(SENT) {
                put(&mut kept.book.sent, name, read(record));
            }
        }
        kept
    }
}

fn put<T>(map: &mut BTreeMap<String, T>, name: &str, value: Option<T>) {
    if let Some(value) = value {
        map.insert(name.to_owned(), value);
    }
}

fn numbered<T: DeserializeOwned>(record: Record) -> Option<Numbered<T>> {
    let rev = record.rev;
    read(record).map(|value| Numbered { value, rev })
}

fn read<T: DeserializeOwned>(record: Record) -> Option<T> {
    serde_json::from_value(record.value)
        .inspect_err(|error| tracing::error!(record = record.id, %error, "a record of alerts cannot be read"))
        .ok()
}
