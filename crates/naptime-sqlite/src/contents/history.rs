//! History, part by part in the order of its keys.

use naptime_core::load::Load;
use naptime_core::{JobId, Tier};
use naptime_store::moving::{HistoryCursor, HistoryItems, HistoryPart};
use rusqlite::{Connection, Params, Row};

use super::settings::tier;
use crate::fault::{Fault, is_unreadable};
use crate::rows::{blob, json, time, uuid};
use crate::{answers, runs, sla};

/// The most answers at once: each may take 100 KiB.
const MAX_ANSWERS: i64 = 100;
/// Before all that have an id.
const FIRST: [u8; 16] = [0; 16];

/// What follows `after`, of its kind; then comes the next kind.
pub(super) fn part(connection: &Connection, after: HistoryCursor, limit: usize) -> Result<HistoryPart, Fault> {
    let next_kind = after.next_kind();
    let rows = i64::try_from(limit).unwrap_or(i64::MAX);
    let (items, next) = match after {
        HistoryCursor::Runs(after) => {
            const SQL: &str = "SELECT * FROM runs WHERE (job, token) > (?1, ?2) ORDER BY job, token LIMIT ?3";
            let (job, token) = after.map_or((FIRST, FIRST), |(job, token)| (blob(job.uuid()), blob(token.uuid())));
            let key = |row: &Row<'_>| Ok((job_of(row)?, uuid(row, "token")?.into()));
            let (items, last) = read(connection, SQL, (job, token, rows), key, runs::run)?;
            (HistoryItems::Runs(items), last.map(|last| HistoryCursor::Runs(Some(last))))
        }
        HistoryCursor::Answers(after) => {
            const SQL: &str = "SELECT * FROM answers WHERE (job, place) > (?1, ?2) ORDER BY job, place LIMIT ?3";
            let (job, place) = after.map_or((FIRST, String::new()), |(job, place)| (blob(job.uuid()), place));
            let key = |row: &Row<'_>| Ok((job_of(row)?, row.get("place")?));
            let (items, last) = read(connection, SQL, (job, place, rows.min(MAX_ANSWERS)), key, answers::answer)?;
            (HistoryItems::Answers(items), last.map(|last| HistoryCursor::Answers(Some(last))))
        }
        HistoryCursor::Breaches(after) => {
            const SQL: &str = "SELECT * FROM breaches WHERE (job, began) > (?1, ?2) ORDER BY job, began LIMIT ?3";
            let (job, from) = after.map_or((FIRST, i64::MIN), |(job, from)| (blob(job.uuid()), from.millis()));
            let key = |row: &Row<'_>| Ok((job_of(row)?, time(row, "began")?));
            let (items, last) = read(connection, SQL, (job, from, rows), key, sla::breach)?;
            (HistoryItems::Breaches(items), last.map(|last| HistoryCursor::Breaches(Some(last))))
        }
        HistoryCursor::Load(after) => {
            const SQL: &str = "SELECT * FROM load WHERE (tier, at, worker) > (?1, ?2, ?3)
                ORDER BY tier, at, worker LIMIT ?4";
            let (tier, at, worker) =
                // The total comes before all tiers, and is no history.
                after.map_or((1, i64::MIN, FIRST), |(tier, at, worker)| (tier, at.millis(), blob(worker.uuid())));
            let key = |row: &Row<'_>| Ok((row.get("tier")?, time(row, "at")?, uuid(row, "worker")?.into()));
            let (items, last) = read(connection, SQL, (tier, at, worker, rows), key, load)?;
            (HistoryItems::Load(items), last.map(|last| HistoryCursor::Load(Some(last))))
        }
    };
    Ok(HistoryPart { items, next: next.or(next_kind) })
}

/// The rows that can be read, and the key of the last row if others may follow it.
fn read<T, K>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    key: impl Fn(&Row<'_>) -> rusqlite::Result<K>,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<(Vec<T>, Option<K>), Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let (mut rows, mut items, mut last) = (statement.query(parameters)?, Vec::new(), None);
    while let Some(row) = rows.next()? {
        last = Some(key(row)?);
        match read(row) {
            Ok(item) => items.push(item),
            Err(error) if is_unreadable(&error) => {
                tracing::error!(%error, "a row of the history cannot be read, and stays behind");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok((items, last))
}

fn job_of(row: &Row<'_>) -> rusqlite::Result<JobId> {
    uuid(row, "job").map(JobId::from)
}

fn load(row: &Row<'_>) -> rusqlite::Result<(Tier, Load)> {
    let load = Load { at: time(row, "at")?, worker: uuid(row, "worker")?.into(), figures: json(row, "figures")? };
    Ok((tier(row)?, load))
}
