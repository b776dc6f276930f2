//! Records: what alerts go by, and what was applied, as small JSON documents.
//!
//! Receivers, mutes, the problems that are open, and what was sent: there are few of each, all of them are read at once,
//! and each is written by itself. One more tells what files said of pools, rules and receivers. What is in them is decided
//! above the stores.

use async_trait::async_trait;
use naptime_core::Rev;
use serde_json::Value;

use crate::Result;

/// The most records that are read.
pub const MAX_RECORDS: usize = 10_000;

/// The id of the record of what files said when they were applied. All others are those of alerts.
pub const APPLIED: &str = "applied";

/// Small JSON documents. What the web gets, and whoever sends alerts.
#[async_trait]
pub trait Records: Send + Sync {
    /// All records, no more than [`MAX_RECORDS`], by their ids. One that is no JSON is null.
    async fn records(&self) -> Result<Vec<Record>>;

    /// Writes a record in place of the one of its id that has this revision; none: only if there is none. Returns the new
    /// revision, or none if another is there, or none is.
    async fn put_record(&self, id: &str, expect: Option<Rev>, value: Value) -> Result<Option<Rev>>;

    /// Removes a record if it has this revision. Returns whether it did.
    async fn remove_record(&self, id: &str, expect: Rev) -> Result<bool>;
}

/// A small JSON document.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// What it is, and which: `mute/...`.
    pub id: String,
    /// Raised by every write.
    pub rev: Rev,
    /// What it says.
    pub value: Value,
}
