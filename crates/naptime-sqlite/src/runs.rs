//! Runs as rows: the record of what was called.

use std::sync::LazyLock;

use naptime_core::{JobId, Outcome, Run, SkipReason, Skipped, Time, Token};
use naptime_store::latest::{Found, How, MAX_SEARCHED, RunQuery, Stretch};
use naptime_store::{MAX_RUNS, Page, PageRef, Position};
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde_json::to_string;

use crate::fault::Fault;
use crate::rows::{blob, page_of, placed, time, uuid};

/// One run in this many is an occasion to remove the job's oldest.
const TRIM_EVERY: u64 = 500;

/// Records a run, unless one of this claim is there already. Returns whether it was recorded: whoever records first is
/// right.
pub(crate) fn record(connection: &Connection, run: &Run) -> Result<bool, Fault> {
    const SQL: &str = "INSERT INTO runs
        (job, token, worker, due, started, finished, outcome, status, message, attempt, manual, skipped, skip_reason)
        VALUES (:job, :token, :worker, :due, :started, :finished, :outcome, :status, :message, :attempt, :manual,
            :skipped, :skip_reason)
        ON CONFLICT (job, token) DO NOTHING";
    let added = connection.prepare_cached(SQL)?.execute(named_params! {
        ":job": blob(run.job.uuid()),
        ":token": blob(run.token.uuid()),
        ":worker": blob(run.worker.uuid()),
        ":due": run.due.millis(),
        ":started": run.started.millis(),
        ":finished": run.finished.millis(),
        ":outcome": run.outcome.as_str(),
        ":status": run.status,
        ":message": run.message,
        ":attempt": run.attempt,
        ":manual": run.manual,
        ":skipped": run.skipped.map(|skipped| i64::try_from(skipped.count).unwrap_or(i64::MAX)),
        ":skip_reason": run.skipped.map(|skipped| skipped.reason.as_str()),
    })?;
    // By hash, so that no count has to be kept, and the jobs of one batch do not have their turn together.
    if added == 1 && (run.token.hash() ^ run.job.hash()).is_multiple_of(TRIM_EVERY) {
        trim(connection, run.job)?;
    }
    Ok(added == 1)
}

/// The run that this claim recorded.
pub(crate) fn find(connection: &Connection, job: JobId, token: Token) -> Result<Option<Run>, Fault> {
    let mut statement = connection.prepare_cached("SELECT * FROM runs WHERE job = ?1 AND token = ?2")?;
    Ok(statement.query_row([blob(job.uuid()), blob(token.uuid())], run).optional()?)
}

/// A page of a job's runs, newest first.
pub(crate) fn page(connection: &Connection, job: JobId, page: &PageRef) -> Result<Page<Run>, Fault> {
    const SQL: &str = "SELECT * FROM runs WHERE job = ?1 AND (started, token) < (?2, ?3)
        ORDER BY started DESC, token DESC LIMIT ?4";
    // No run starts at the end of time.
    let (started, token) = page.after()?.map_or((i64::MAX, [0; 16]), |after| (after.at.millis(), blob(after.id)));
    let mut statement = connection.prepare_cached(SQL)?;
    let parameters = (blob(job.uuid()), started, token, page.probe());
    let read = |row: &Row<'_>| {
        let last = Position { at: time(row, "started")?, id: uuid(row, "token")? };
        placed(last.id, || Ok(last.write()), run(row))
    };
    page_of(statement.query_map(parameters, read)?, page)
}

/// What a list of runs of all jobs asks for, but for the jobs.
const MATCHING: &str = "finished <= :last AND finished >= :from AND finished > :edge
    AND (NOT :badly OR outcome NOT IN ('ok', 'skipped'))
    AND (NOT :called OR outcome NOT IN ('lost', 'skipped'))
    AND (:outcome IS NULL OR outcome = :outcome)
    AND (:worker IS NULL OR worker = :worker)
    ORDER BY finished DESC LIMIT :limit";

// By one index or the other: which one is the better is known here, and not to SQLite.
static LATEST: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT * FROM runs INDEXED BY runs_finished
         WHERE (:jobs IS NULL OR job IN (SELECT unhex(value) FROM json_each(:jobs))) AND {MATCHING}"
    )
});
static LATEST_OF_ONE: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT * FROM runs INDEXED BY runs_newest WHERE job = unhex(:jobs ->> '$[0]') AND {MATCHING}")
});

/// A page of the runs of all jobs that match, the last to end first.
pub(crate) fn latest(connection: &Connection, query: &RunQuery, page: &PageRef) -> Result<Page<Run>, Fault> {
    const EDGE: &str = "SELECT finished FROM runs WHERE finished <= ?1 ORDER BY finished DESC LIMIT 1 OFFSET ?2";
    let stretch = Stretch::of(query, page)?;
    let edge: Option<i64> = if query.is_sparse() {
        let skipped = i64::try_from(MAX_SEARCHED).unwrap_or(i64::MAX);
        connection.prepare_cached(EDGE)?.query_row((stretch.last.millis(), skipped), |row| row.get(0)).optional()?
    } else {
        None
    };
    let edge = edge.filter(|edge| query.from.is_none_or(|from| *edge >= from.millis()));
    let jobs = query.jobs.as_ref().map(|jobs| jobs.iter().map(|job| job.uuid().simple().to_string()).collect());
    let jobs = jobs.map(|jobs: Vec<String>| to_string(&jobs)).transpose()?;
    let outcome = match query.how {
        Some(How::As(outcome)) => Some(outcome.as_str()),
        _ => None,
    };
    let sql = if query.one_job().is_some() { &LATEST_OF_ONE } else { &LATEST };
    let mut statement = connection.prepare_cached(sql)?;
    let parameters = named_params! {
        ":last": stretch.last.millis(),
        ":from": query.from.map_or(i64::MIN, Time::millis),
        ":edge": edge.unwrap_or(i64::MIN),
        ":badly": query.how == Some(How::Badly),
        ":called": query.how == Some(How::Called),
        ":outcome": outcome,
        ":worker": query.worker.map(|worker| blob(worker.uuid())),
        ":jobs": jobs,
        ":limit": i64::try_from(stretch.limit).unwrap_or(i64::MAX),
    };
    let read = |row: &Row<'_>| placed(uuid(row, "token")?, || Ok(String::new()), run(row));
    let mut found = Found { edge: edge.map(Time::from_millis), ..Found::default() };
    for row in statement.query_map(parameters, read)? {
        match row?.1 {
            Ok(run) => found.runs.push(run),
            Err(row) => found.unreadable.push(row),
        }
    }
    Ok(found.page(stretch, page)?)
}

/// Removes up to `limit` runs that ended before `before`. Returns how many.
pub(crate) fn purge(connection: &Connection, before: Time, limit: usize) -> Result<usize, Fault> {
    const SQL: &str = "DELETE FROM runs WHERE (job, token) IN
        (SELECT job, token FROM runs WHERE finished < ?1 ORDER BY finished LIMIT ?2)";
    Ok(connection.prepare_cached(SQL)?.execute((before.millis(), i64::try_from(limit).unwrap_or(i64::MAX)))?)
}

fn trim(connection: &Connection, job: JobId) -> Result<usize, Fault> {
    const SQL: &str = "DELETE FROM runs WHERE job = ?1 AND (started, token) <
        (SELECT started, token FROM runs WHERE job = ?1 ORDER BY started DESC, token DESC LIMIT 1 OFFSET ?2)";
    let offset = i64::try_from(MAX_RUNS - 1).unwrap_or(i64::MAX);
    Ok(connection.prepare_cached(SQL)?.execute((blob(job.uuid()), offset))?)
}

pub(crate) fn run(row: &Row<'_>) -> rusqlite::Result<Run> {
    let outcome: String = row.get("outcome")?;
    Ok(Run {
        token: uuid(row, "token")?.into(),
        job: uuid(row, "job")?.into(),
        worker: uuid(row, "worker")?.into(),
        due: time(row, "due")?,
        started: time(row, "started")?,
        finished: time(row, "finished")?,
        outcome: Outcome::stored(&outcome),
        status: row.get("status")?,
        message: row.get("message")?,
        attempt: row.get("attempt")?,
        manual: row.get("manual")?,
        skipped: skipped(row)?,
    })
}

fn skipped(row: &Row<'_>) -> rusqlite::Result<Option<Skipped>> {
    let Some(count): Option<i64> = row.get("skipped")? else { return Ok(None) };
    let reason: Option<String> = row.get("skip_reason")?;
    Ok(Some(Skipped { count: count.unsigned_abs(), reason: SkipReason::stored(&reason.unwrap_or_default()) }))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// About one in [`TRIM_EVERY`] runs trims, so over 5,000 more than the cap, some do.
    #[test]
    fn a_job_keeps_its_newest_runs_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("naptime.db");
        crate::private::create(&path).expect("a file");
        let mut connection = crate::schema::open_for_writing(&path).expect("a database");
        let job = JobId::from(Uuid::from_u128(1));
        let total = i64::try_from(MAX_RUNS).expect("small") + 5_000;
        let transaction = connection.transaction().expect("a transaction");
        for n in 0..total {
            let token = Token::from(Uuid::from_u128(n.unsigned_abs().into()));
            let at = Time::from_millis(n);
            let run = Run {
                token,
                job,
                worker: Uuid::nil().into(),
                due: at,
                started: at,
                finished: at,
                outcome: Outcome::Ok,
                status: None,
                message: String::new(),
                attempt: 1,
                manual: false,
                skipped: None,
            };
            record(&transaction, &run).expect("recorded");
        }
        transaction.commit().expect("committed");
        let (count, oldest): (i64, i64) = connection
            .query_row("SELECT count(*), min(started) FROM runs", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .expect("a count");
        assert_eq!(oldest, total - count, "the oldest are the ones that went");
        assert!((10_000..13_000).contains(&count), "{count} runs are left");
    }
}
