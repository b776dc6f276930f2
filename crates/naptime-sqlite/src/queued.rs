//! One-off jobs: listed by stage, counted, called again, cancelled.

use std::collections::BTreeMap;

use async_trait::async_trait;
use naptime_core::{Job, JobId, Rev, Stage};
use naptime_store::{JobSummary, MAX_COUNTED, Page, PageRef, Position, Queued, QueuedQuery, Result, Treatment};
use rusqlite::{Connection, Row};

use crate::conditions::Conditions;
use crate::fault::Fault;
use crate::rows::{self, COLUMNS, blob};
use crate::{SqliteStore, jobs};

#[async_trait]
impl Queued for SqliteStore {
    async fn queued(&self, query: &QueuedQuery, page: &PageRef) -> Result<Page<JobSummary>> {
        let (query, page) = (query.clone(), page.clone());
        self.read(move |connection, _| list(connection, &query, &page)).await
    }

    async fn count_queued(&self, query: &QueuedQuery) -> Result<u64> {
        let query = query.clone();
        self.read(move |connection, _| count_matching(connection, &query)).await
    }

    async fn stages(&self) -> Result<BTreeMap<Stage, u64>> {
        self.read(|connection, _| count(connection)).await
    }

    async fn treat(&self, id: JobId, expect: Option<Rev>, treatment: Treatment) -> Result<Job> {
        let retention = self.inner.retention;
        let treat = move |connection: &Connection, now| {
            jobs::carry_out(connection, id, expect, |job| treatment.edit(job, now), now, retention)
        };
        self.write_if_open(treat).await
    }
}

/// The stages that are asked for.
fn stages_of(query: &QueuedQuery) -> &[Stage] {
    if query.stages.is_empty() { &Stage::ALL } else { &query.stages }
}

fn list(connection: &Connection, query: &QueuedQuery, page: &PageRef) -> std::result::Result<Page<JobSummary>, Fault> {
    let mut wanted = Conditions::of_texts(query.q.as_deref(), query.pool.as_deref(), query.tag.as_deref());
    let (from, back) = page.beside();
    let (follows, direction) = if back { (">", "ASC") } else { ("<", "DESC") };
    if let Some(Position { at, id }) = from.map(Position::read).transpose()? {
        wanted.and(&format!("(due.created_at, due.id) {follows} (:created_at, :id)"));
        wanted.set(":created_at", at.millis()).set(":id", blob(id).to_vec());
    }
    wanted.set(":limit", page.probe());
    // What a stage needs is read in the order of its index, and the stages are merged. That is about the order in which
    // jobs were added, so to look at the row of each job is cheap.
    let of_stage = |stage: &Stage| {
        format!(
            "SELECT * FROM (SELECT seq, due.created_at, due.id FROM due INDEXED BY due_stage CROSS JOIN jobs USING (seq)
             WHERE stage = '{}'{}
             ORDER BY due.created_at {direction}, due.id {direction} LIMIT :limit)",
            stage.as_str(),
            wanted.sql()
        )
    };
    let found = stages_of(query).iter().map(of_stage).collect::<Vec<_>>().join(" UNION ALL ");
    let sql = format!(
        "SELECT {COLUMNS} FROM jobs JOIN due USING (seq) WHERE seq IN (SELECT seq FROM ({found})
         ORDER BY created_at {direction}, id {direction} LIMIT :limit) ORDER BY created_at {direction}, id {direction}"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let read = |row: &Row<'_>| {
        let last = Position { at: rows::time(row, "created_at")?, id: rows::uuid(row, "id")? };
        rows::placed(last.id, || Ok(last.write()), rows::slim_job(row))
    };
    Ok(rows::page_of_both(statement.query_map(&*wanted.parameters(), read)?, page)?.map(JobSummary::from))
}

fn count_matching(connection: &Connection, query: &QueuedQuery) -> std::result::Result<u64, Fault> {
    let mut wanted = Conditions::of_texts(query.q.as_deref(), query.pool.as_deref(), query.tag.as_deref());
    wanted.set(":most", i64::try_from(MAX_COUNTED).unwrap_or(i64::MAX));
    let of_stage = |stage: &Stage| {
        format!(
            "SELECT * FROM (SELECT seq FROM due INDEXED BY due_stage CROSS JOIN jobs USING (seq)
             WHERE stage = '{}'{} LIMIT :most)",
            stage.as_str(),
            wanted.sql()
        )
    };
    let found = stages_of(query).iter().map(of_stage).collect::<Vec<_>>().join(" UNION ALL ");
    let sql = format!("SELECT count(*) FROM (SELECT * FROM ({found}) LIMIT :most)");
    let count = connection.prepare_cached(&sql)?.query_row(&*wanted.parameters(), |row| row.get::<_, i64>(0))?;
    Ok(count.unsigned_abs())
}

fn count(connection: &Connection) -> std::result::Result<BTreeMap<Stage, u64>, Fault> {
    const SQL: &str = "SELECT stage, count(*) FROM due INDEXED BY due_stage WHERE stage IS NOT NULL GROUP BY stage";
    let mut counts: BTreeMap<Stage, u64> = Stage::ALL.map(|stage| (stage, 0)).into();
    let mut statement = connection.prepare_cached(SQL)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (stage, count): (String, i64) = (row.get(0)?, row.get(1)?);
        let stage = stage.parse().map_err(|_| crate::fault::corrupt(format!("unknown stage {stage}")))?;
        counts.insert(stage, count.unsigned_abs());
    }
    Ok(counts)
}
