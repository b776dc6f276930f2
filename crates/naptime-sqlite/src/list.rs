//! Lists of endpoints, a page at a time.
//!
//! A page begins where the one before it ended, by what the list is sorted by, then the id, so a page far back costs no
//! more than the first, and no job is shown twice because another was added. A list by text is filtered in an index that
//! holds all that is asked of it; one of a state that few are in is read from an index of nothing else, and sorted.

use naptime_core::{Rev, Time};
use naptime_store::{
    Edited, EndpointState, JobCount, JobQuery, JobSummary, LATE_AFTER, Page, PageRef, Position, Sort, SortBy,
    TextPosition,
};
use rusqlite::types::Value;
use rusqlite::{Connection, Row};
use uuid::Uuid;

use crate::conditions::Conditions;
use crate::deleted;
use crate::fault::Fault;
use crate::rows::{self, COLUMNS, blob};

/// The last edits of endpoints since then, the latest first.
pub(crate) fn last_edits(connection: &Connection, from: Time, limit: usize) -> Result<Vec<Edited>, Fault> {
    const SQL: &str = "SELECT updated_at, id, rev, deleted_at FROM jobs INDEXED BY jobs_edited
        WHERE NOT once AND updated_at >= ?1 ORDER BY updated_at DESC LIMIT ?2";
    let mut statement = connection.prepare_cached(SQL)?;
    let read = |row: &Row<'_>| {
        Ok(Edited {
            id: rows::uuid(row, "id")?.into(),
            rev: Rev(row.get("rev")?),
            at: rows::time(row, "updated_at")?,
            deleted: row.get::<_, Option<i64>>("deleted_at")?.is_some(),
        })
    };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    Ok(statement.query_map((from.millis(), limit), read)?.collect::<Result<_, _>>()?)
}

/// A page of the endpoints that are not deleted and match.
pub(crate) fn list(
    connection: &Connection,
    query: &JobQuery,
    page: &PageRef,
    now: Time,
) -> Result<Page<JobSummary>, Fault> {
    if query.deleted {
        return deleted::list(connection, query, page);
    }
    let sort = query.order();
    let Source { tables, id, since } = source(query, sort);
    let key = match sort.map(|sort| sort.by) {
        None => since,
        Some(SortBy::Name) => "name",
        Some(_) => "search",
    };
    let mut wanted = matching(query, now);
    let (from, back) = page.beside();
    let falls = back != sort.is_some_and(|sort| sort.descending);
    let (follows, direction) = if falls { ("<", "DESC") } else { (">", "ASC") };
    if let Some(from) = from {
        let (at, from): (Value, Uuid) = match sort {
            None => Position::read(from).map(|place| (place.at.millis().into(), place.id))?,
            Some(_) => TextPosition::read(from).map(|place| (place.text.into(), place.id))?,
        };
        wanted.and(&format!("({key}, {id}) {follows} (:at, :id)")).set(":at", at).set(":id", blob(from).to_vec());
    }
    wanted.set(":limit", page.probe());
    let sql = format!(
        "SELECT {COLUMNS}, {key} AS place FROM {tables} WHERE deleted_at IS NULL AND NOT once{}
         ORDER BY {key} {direction}, {id} {direction} LIMIT :limit",
        wanted.sql()
    );
    let place = |row: &Row<'_>, id: Uuid| match sort {
        None => rows::time(row, "place").map(|at| Position { at, id }.write()),
        Some(_) => row.get("place").map(|text| TextPosition { text, id }.write()),
    };
    let read = |row: &Row<'_>| {
        let id = rows::uuid(row, "id")?;
        rows::placed(id, || place(row, id), rows::slim_job(row))
    };
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(rows::page_of_both(statement.query_map(&*wanted.parameters(), read)?, page)?.map(Into::into))
}

/// How many endpoints there are that are not deleted.
pub(crate) fn count(connection: &Connection) -> Result<JobCount, Fault> {
    const SQL: &str = "SELECT count(*), coalesce(sum(active), 0) FROM jobs INDEXED BY jobs_count
        WHERE deleted_at IS NULL AND NOT once";
    let mut statement = connection.prepare_cached(SQL)?;
    let (total, active): (i64, i64) = statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(JobCount { total: total.unsigned_abs(), active: active.unsigned_abs() })
}

/// Where the endpoints of a list are read.
pub(crate) struct Source {
    /// The tables, each with the index that it is read by.
    pub(crate) tables: &'static str,
    /// The column of the id that the index goes by.
    id: &'static str,
    /// The column that says since when they are in their state, if lists go by that.
    since: &'static str,
}

/// Where the endpoints of a query are read, in a list that is sorted so.
pub(crate) fn source(query: &JobQuery, sort: Option<Sort>) -> Source {
    let by_name = sort.is_some_and(|sort| sort.by == SortBy::Name);
    let (tables, id, since) = match query.state {
        Some(EndpointState::Failing | EndpointState::PutOff | EndpointState::Flapping) => {
            ("due INDEXED BY due_trouble CROSS JOIN jobs USING (seq)", "due.id", "trouble_since")
        }
        Some(EndpointState::Breach) => {
            ("due INDEXED BY due_deadline CROSS JOIN jobs USING (seq)", "due.id", "deadline")
        }
        Some(EndpointState::Late | EndpointState::Running) => {
            ("due INDEXED BY due_peek CROSS JOIN jobs USING (seq)", "due.id", "claim_at")
        }
        Some(EndpointState::Paused) => ("jobs INDEXED BY jobs_paused CROSS JOIN due USING (seq)", "jobs.id", ""),
        _ if query.outcome.is_some() => ("due INDEXED BY due_bad CROSS JOIN jobs USING (seq)", "due.id", ""),
        _ if query.project.is_some() => ("jobs INDEXED BY jobs_project CROSS JOIN due USING (seq)", "jobs.id", ""),
        _ if by_name => ("jobs INDEXED BY jobs_name CROSS JOIN due USING (seq)", "jobs.id", ""),
        _ => ("jobs INDEXED BY jobs_list CROSS JOIN due USING (seq)", "jobs.id", ""),
    };
    Source { tables, id, since }
}

/// What a query asks, its state included.
pub(crate) fn matching(query: &JobQuery, now: Time) -> Conditions {
    let mut all = Conditions::of(query);
    let Some(state) = query.state else { return all };
    match state {
        EndpointState::Failing | EndpointState::PutOff | EndpointState::Flapping => {
            all.and("trouble = :trouble").set(":trouble", state.as_str().to_owned())
        }
        EndpointState::Late => {
            let late = (now - LATE_AFTER).millis();
            all.and("due.gate = '' AND claim_at <= :late AND active").set(":late", late)
        }
        EndpointState::Breach => all.and("deadline < :now").set(":now", now.millis()),
        EndpointState::Running => all.and("claim_at > :now AND held").set(":now", now.millis()),
        EndpointState::Paused => all.and("paused_until > :now").set(":now", now.millis()),
        EndpointState::On => all.and("active"),
        EndpointState::Off => all.and("NOT active"),
        EndpointState::Healthy => {
            let is_well = "active AND (paused_until IS NULL OR paused_until <= :now) AND trouble IS NULL
                AND (deadline IS NULL OR deadline >= :now)";
            all.and(is_well).set(":now", now.millis())
        }
    };
    all
}
