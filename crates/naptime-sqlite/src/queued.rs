//! One-off jobs: listed by stage, counted, called again, cancelled.

use std::collections::BTreeMap;

use async_trait::async_trait;
use naptime_core::{Job, JobId, Rev, Stage};
use naptime_store::{JobSummary, Page, PageRef, Position, Queued, QueuedQuery, Result, Treatment};
use rusqlite::{Connection, Row, named_params};

use crate::fault::Fault;
use crate::rows::{self, COLUMNS, blob};
use crate::{SqliteStore, jobs};

#[async_trait]
impl Queued for SqliteStore {
    async fn queued(&self, query: &QueuedQuery, page: &PageRef) -> Result<Page<JobSummary>> {
        let (query, page) = (query.clone(), page.clone());
        self.read(move |connection, _| list(connection, &query, &page)).await
    }

    async fn stages(&self) -> Result<BTreeMap<Stage, u64>> {
        self.read(|connection, _| count(connection)).await
    }

    async fn treat(&self, id: JobId, expect: Option<Rev>, treatment: Treatment) -> Result<Job> {
        let retention = self.inner.retention;
        let treat = move |connection: &Connection, now| {
            jobs::carry_out(connection, id, expect, |job| treatment.edit(job, now), now, retention)
        };
        self.write(treat).await
    }
}

fn list(connection: &Connection, query: &QueuedQuery, page: &PageRef) -> std::result::Result<Page<JobSummary>, Fault> {
    // No job is added at the end of time.
    let (created_at, id) = page.after()?.map_or((i64::MAX, [0; 16]), |after| (after.at.millis(), blob(after.id)));
    let stages = if query.stages.is_empty() { &Stage::ALL[..] } else { &query.stages };
    // What a stage needs is read in the order of its index, and the stages are merged. That is about the order in which
    // jobs were added, so to look at the row of each job is cheap. A tag is looked for as text first, since reading JSON
    // is dear.
    let of_stage = |stage: &Stage| {
        format!(
            "SELECT * FROM (SELECT seq, due.created_at, due.id FROM due INDEXED BY due_stage CROSS JOIN jobs USING (seq)
             WHERE stage = '{}' AND (due.created_at, due.id) < (:created_at, :id)
               AND (:q IS NULL OR instr(search, :q) > 0)
               AND (:pool IS NULL OR jobs.pool = :pool)
               AND (:tag IS NULL OR (instr(tags, :tag_json) > 0
                    AND EXISTS (SELECT 1 FROM json_each(tags) WHERE value = :tag)))
             ORDER BY due.created_at DESC, due.id DESC LIMIT :limit)",
            stage.as_str()
        )
    };
    let found = stages.iter().map(of_stage).collect::<Vec<_>>().join(" UNION ALL ");
    let sql = format!(
        "SELECT {COLUMNS} FROM jobs JOIN due USING (seq) WHERE seq IN (SELECT seq FROM ({found})
         ORDER BY created_at DESC, id DESC LIMIT :limit) ORDER BY created_at DESC, id DESC"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let parameters = named_params! {
        ":created_at": created_at,
        ":id": id,
        ":q": query.q.as_ref().map(|q| q.to_lowercase()),
        ":pool": query.pool,
        ":tag": query.tag,
        ":tag_json": query.tag.as_ref().map(serde_json::to_string).transpose()?,
        ":limit": page.probe(),
    };
    let read = |row: &Row<'_>| {
        let last = Position { at: rows::time(row, "created_at")?, id: rows::uuid(row, "id")? };
        rows::placed(last.id, || Ok(last.write()), rows::slim_job(row))
    };
    Ok(rows::page_of(statement.query_map(parameters, read)?, page)?.map(JobSummary::from))
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
