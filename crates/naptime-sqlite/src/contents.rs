//! All that the file holds, read part by part.

mod history;
mod jobs;
mod settings;

use async_trait::async_trait;
use naptime_core::{Job, JobId};
use naptime_store::moving::{Contents, HistoryCursor, HistoryPart, Settings, check_records};
use naptime_store::{History, Records, Result, Rules};

use crate::SqliteStore;

#[async_trait]
impl Contents for SqliteStore {
    async fn jobs_after(&self, after: Option<JobId>, limit: usize) -> Result<Vec<Job>> {
        self.read(move |connection, _| jobs::after(connection, after, limit)).await
    }

    async fn jobs_of(&self, ids: &[JobId]) -> Result<Vec<Job>> {
        let ids = ids.to_vec();
        self.read(move |connection, _| jobs::of(connection, &ids)).await
    }

    async fn settings(&self) -> Result<Settings> {
        let (rules, records) = (self.rules(None).await?, self.records().await?);
        check_records(&records)?;
        let (pools, sums) =
            self.read(|connection, _| Ok((settings::pools(connection)?, settings::sums(connection)?))).await?;
        Ok(Settings { pools, rules, records, sums, total: self.total().await? })
    }

    async fn history_after(&self, after: HistoryCursor, limit: usize) -> Result<HistoryPart> {
        self.read(move |connection, _| history::part(connection, after, limit)).await
    }
}
