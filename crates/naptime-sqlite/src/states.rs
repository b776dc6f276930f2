//! How many endpoints are in which state.

use std::collections::BTreeMap;

use naptime_core::Time;
use naptime_store::plan::MOST_LATE;
use naptime_store::{EndpointState, JobQuery};
use rusqlite::{Connection, Row};

use crate::fault::Fault;
use crate::list::{self, matching, source};

/// How many endpoints a list of each state has.
pub(crate) fn count(connection: &Connection, now: Time) -> Result<BTreeMap<EndpointState, u64>, Fault> {
    let all = list::count(connection)?;
    let count = |state| {
        Ok::<u64, Fault>(match state {
            EndpointState::On => all.active,
            EndpointState::Off => all.total - all.active,
            EndpointState::Healthy => all.active.saturating_sub(unwell(connection, now)?),
            state => found(connection, state, now)?,
        })
    };
    EndpointState::ALL.into_iter().map(|state| Ok((state, count(state)?))).collect()
}

/// How many a list of a state has that few are in.
fn found(connection: &Connection, state: EndpointState, now: Time) -> Result<u64, Fault> {
    let query = JobQuery::of_state(state);
    let mut wanted = matching(&query, now);
    let most = if state == EndpointState::Late { i64::try_from(MOST_LATE).unwrap_or(i64::MAX) } else { i64::MAX };
    wanted.set(":most", most);
    let sql = format!(
        "SELECT count(*) FROM (SELECT 1 FROM {} WHERE deleted_at IS NULL AND NOT once{} LIMIT :most)",
        source(&query, query.order()).tables,
        wanted.sql()
    );
    Ok(connection.prepare_cached(&sql)?.query_row(&*wanted.parameters(), first)?.unsigned_abs())
}

/// How many of those that are switched on are not healthy.
fn unwell(connection: &Connection, now: Time) -> Result<u64, Fault> {
    const SQL: &str = "SELECT count(*) FROM jobs WHERE active AND deleted_at IS NULL AND NOT once AND seq IN (
        SELECT seq FROM due INDEXED BY due_trouble WHERE trouble IS NOT NULL
        UNION SELECT seq FROM due INDEXED BY due_deadline WHERE deadline < ?1
        UNION SELECT seq FROM jobs INDEXED BY jobs_paused
            WHERE paused_until > ?1 AND deleted_at IS NULL AND NOT once)";
    Ok(connection.prepare_cached(SQL)?.query_row([now.millis()], first)?.unsigned_abs())
}

fn first(row: &Row<'_>) -> rusqlite::Result<i64> {
    row.get(0)
}
