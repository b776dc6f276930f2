//! What alerts go by, as it is kept in the store.

use std::collections::{BTreeMap, BTreeSet};

use naptime_core::alert::{Book, Mute, Receiver};
use naptime_core::problem::Report;
use naptime_core::{Rev, Time};
use naptime_store::Record;
use naptime_store::records::APPLIED;
use serde::de::DeserializeOwned;

/// What begins the ids of each sort of record.
pub(crate) const RECEIVER: &str = "receiver/";
pub(crate) const MUTE: &str = "mute/";
/// The id of the one book.
pub(crate) const BOOK: &str = "book";

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
    /// The problems that are open, and what was told of them.
    pub book: Book,
    /// The revisions of all records, by their ids.
    pub(crate) revs: BTreeMap<String, Rev>,
    /// The records that this version cannot read.
    pub(crate) unreadable: BTreeSet<String>,
}

impl Kept {
    /// Sorts records. One that cannot be read is left as it is, and no reason not to go by the others.
    pub(crate) fn of(records: Vec<Record>) -> Self {
        let mut kept = Self::default();
        for Record { id, rev, value } in records.into_iter().filter(|record| record.id != APPLIED) {
            let is_read = if let Some(name) = id.strip_prefix(RECEIVER) {
                read(value).map(|value| drop(kept.receivers.insert(name.to_owned(), Numbered { value, rev })))
            } else if let Some(name) = id.strip_prefix(MUTE) {
                read(value).map(|value| drop(kept.mutes.insert(name.to_owned(), Numbered { value, rev })))
            } else if id == BOOK {
                read(value).map(|book| kept.book = book)
            } else {
                None
            };
            if is_read.is_none() {
                kept.unreadable.insert(id.clone());
            }
            kept.revs.insert(id, rev);
        }
        kept
    }

    /// Until when nothing is told of a problem, if it is muted at `now`.
    pub fn muted_until(&self, report: &Report, now: Time) -> Option<Time> {
        let mutes = self.mutes.values().map(|mute| &mute.value);
        mutes.filter(|mute| mute.holds(report, now)).map(|mute| mute.until).max()
    }
}

fn read<T: DeserializeOwned>(value: serde_json::Value) -> Option<T> {
    serde_json::from_value(value).ok()
}
