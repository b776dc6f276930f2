//! What happened: runs, load, workers, and how long they are kept.

use async_trait::async_trait;
use naptime_core::load::{Figures, Load};
use naptime_core::worker::Worker;
use naptime_core::{JobId, KeptAnswer, Run, Tier, Time, Token};
use naptime_store::latest::RunQuery;
use naptime_store::{History, Moves, Page, PageRef, Result, Runs};

use crate::{SqliteStore, answers, load, repairs, runs, sla, workers};

/// The most rows removed by one write, so that claims and settles don't wait for long.
const PURGE_STEP: usize = 2_000;

#[async_trait]
impl Runs for SqliteStore {
    async fn runs(&self, job: JobId, page: &PageRef) -> Result<Page<Run>> {
        let page = page.clone();
        self.read(move |connection, _| runs::page(connection, job, &page)).await
    }

    async fn run(&self, job: JobId, run: Token) -> Result<Option<Run>> {
        self.read(move |connection, _| runs::find(connection, job, run)).await
    }

    async fn all_runs(&self, query: &RunQuery, page: &PageRef) -> Result<Page<Run>> {
        let (query, page) = (query.clone(), page.clone());
        self.read(move |connection, _| runs::latest(connection, &query, &page)).await
    }

    async fn answer(&self, job: JobId, run: Token) -> Result<Option<KeptAnswer>> {
        self.read(move |connection, _| answers::find(connection, job, run)).await
    }

    async fn good_answer(&self, job: JobId, before: Time) -> Result<Option<KeptAnswer>> {
        self.read(move |connection, _| answers::good(connection, job, before)).await
    }
}

#[async_trait]
impl History for SqliteStore {
    async fn add_load(&self, load: &[Load]) -> Result<()> {
        let load = load.to_vec();
        self.write(move |connection, _| load::add(connection, &load)).await
    }

    async fn load(&self, tier: Tier, from: Time, to: Time) -> Result<Vec<Load>> {
        self.read(move |connection, _| load::between(connection, tier, from, to)).await
    }

    async fn total(&self) -> Result<Figures> {
        self.read(|connection, _| load::total(connection)).await
    }

    async fn workers(&self) -> Result<Vec<Worker>> {
        self.read(workers::all).await
    }

    async fn purge(&self) -> Result<()> {
        // What is being copied is to stay as it is.
        if self.shut().await?.is_some() {
            return Ok(());
        }
        let retention = self.inner.retention;
        while self.write(repairs::clear_ahead).await? {}
        self.write(move |connection, now| {
            load::purge(connection, now)?;
            sla::purge_sums(connection, now, retention)?;
            workers::purge(connection, now)
        })
        .await?;
        while self.write(move |connection, now| runs::purge(connection, now - retention, PURGE_STEP)).await? > 0 {}
        let answers = move |connection: &rusqlite::Connection, now: Time| answers::purge(connection, now - retention);
        while self.write(answers).await? > 0 {}
        while self.write(move |connection, now| sla::purge(connection, now - retention, PURGE_STEP)).await? > 0 {}
        // A deleted job that is still held stays until whoever holds it, or finds it lost, has set it free.
        const DELETED: &str = "DELETE FROM jobs WHERE seq IN
            (SELECT seq FROM jobs INDEXED BY jobs_deleted CROSS JOIN due USING (seq)
             WHERE deleted_at < ?1 AND NOT held LIMIT ?2)";
        const ENDED: &str = "DELETE FROM jobs WHERE seq IN
            (SELECT seq FROM due INDEXED BY due_ended WHERE ended_at < ?1 AND stage IN ('done', 'failed') LIMIT ?2)";
        let step = i64::try_from(PURGE_STEP).unwrap_or(i64::MAX);
        for delete in [DELETED, ENDED] {
            let jobs = move |connection: &rusqlite::Connection, now: Time| {
                Ok(connection.execute(delete, ((now - retention).millis(), step))?)
            };
            while self.write(jobs).await? > 0 {}
        }
        Ok(())
    }
}
