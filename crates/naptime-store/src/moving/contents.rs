//! All that a store holds, read part by part.

use async_trait::async_trait;
use naptime_core::{Job, JobId};

use super::{HistoryCursor, HistoryPart, Settings};
use crate::records::{MAX_RECORDS, Record};
use crate::{Error, Result};

/// A store that everything is read from. It may be in use meanwhile: then each job is as it was at one moment, and
/// different jobs are as they were at different ones.
#[async_trait]
pub trait Contents: Send + Sync {
    /// The jobs after this one in the order of their ids, `limit` at most. No more follow if there are fewer.
    ///
    /// # Errors
    /// [`Error::Corrupt`], if one cannot be read: it would be lost.
    async fn jobs_after(&self, after: Option<JobId>, limit: usize) -> Result<Vec<Job>>;

    /// The jobs of these ids, but for those that are not there.
    ///
    /// # Errors
    /// [`Error::Corrupt`], if one cannot be read: it would be lost.
    async fn jobs_of(&self, ids: &[JobId]) -> Result<Vec<Job>>;

    /// What is there beside jobs and history.
    ///
    /// # Errors
    /// [`Error::Corrupt`], if some of it cannot be read: it would be lost.
    async fn settings(&self) -> Result<Settings>;

    /// A part of the history: what follows the part whose end this is; of each kind one after the other. The rows that
    /// cannot be read are left out, and named in the log.
    async fn history_after(&self, after: HistoryCursor, limit: usize) -> Result<HistoryPart>;
}

/// Fails if these are not all records, or one of them could not be read.
///
/// # Errors
/// [`Error::Corrupt`].
pub fn check_records(records: &[Record]) -> Result<()> {
    if records.len() >= MAX_RECORDS {
        return Err(Error::Corrupt(format!("there are more records than the {MAX_RECORDS} that are read at once")));
    }
    // A record that is no JSON is read as null.
    match records.iter().find(|record| record.value.is_null()) {
        Some(record) => Err(Error::Corrupt(format!("record {} cannot be read", record.id))),
        None => Ok(()),
    }
}
