//! Load as rows: figures of a worker over a stretch of time.

use naptime_core::load::{self, Figures, Load};
use naptime_core::{Tier, Time, WorkerId};
use rusqlite::{CachedStatement, Connection, OptionalExtension};

use crate::fault::Fault;
use crate::rows::{blob, json, time, uuid};

/// The key of a row: the tier in seconds, when it begins, and the worker.
type Key = (u16, i64, [u8; 16]);

/// The row of all workers and all times.
fn of_total() -> Key {
    (0, 0, blob(WorkerId::NOBODY.uuid()))
}

/// Adds figures to the rows of each tier, and to the total.
pub(crate) fn add(connection: &Connection, load: &[Load]) -> Result<(), Fault> {
    let mut find = prepare_find(connection)?;
    let tiers = load::sums(load).into_iter();
    let tiers = tiers.map(|((tier, at, worker), more)| ((tier.seconds(), at.millis(), blob(worker.uuid())), more));
    for (key, more) in tiers.chain([(of_total(), load::total(load))]) {
        let mut figures = figures(&mut find, key)?;
        figures.add(&more);
        put_row(connection, key, &figures)?;
    }
    Ok(())
}

/// Puts a row as it is, in the place of the one that is there.
pub(crate) fn put(connection: &Connection, tier: Tier, row: &Load) -> Result<(), Fault> {
    put_row(connection, (tier.seconds(), row.at.millis(), blob(row.worker.uuid())), &row.figures)
}

/// Puts the total in the place of the one that is there.
pub(crate) fn put_total(connection: &Connection, total: &Figures) -> Result<(), Fault> {
    put_row(connection, of_total(), total)
}

fn put_row(connection: &Connection, (tier, at, worker): Key, figures: &Figures) -> Result<(), Fault> {
    const SQL: &str = "INSERT OR REPLACE INTO load (tier, at, worker, figures) VALUES (?1, ?2, ?3, ?4)";
    connection.prepare_cached(SQL)?.execute((tier, at, worker, serde_json::to_string(figures)?))?;
    Ok(())
}

/// The figures of all workers and all times.
pub(crate) fn total(connection: &Connection) -> Result<Figures, Fault> {
    figures(&mut prepare_find(connection)?, of_total())
}

fn prepare_find(connection: &Connection) -> rusqlite::Result<CachedStatement<'_>> {
    connection.prepare_cached("SELECT figures FROM load WHERE tier = ?1 AND at = ?2 AND worker = ?3")
}

/// What is in a row; nothing if it isn't there.
fn figures(find: &mut CachedStatement<'_>, key: Key) -> Result<Figures, Fault> {
    Ok(find.query_row(key, |row| json(row, "figures")).optional()?.unwrap_or_default())
}

/// The rows of a tier with `from <= at < to`.
pub(crate) fn between(connection: &Connection, tier: Tier, from: Time, to: Time) -> Result<Vec<Load>, Fault> {
    const SQL: &str = "SELECT at, worker, figures FROM load WHERE tier = ?1 AND at >= ?2 AND at < ?3
        ORDER BY at, worker";
    let mut statement = connection.prepare_cached(SQL)?;
    let rows = statement.query_map((tier.seconds(), from.millis(), to.millis()), |row| {
        Ok(Load { at: time(row, "at")?, worker: uuid(row, "worker")?.into(), figures: json(row, "figures")? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Removes the rows that each tier keeps no longer.
pub(crate) fn purge(connection: &Connection, now: Time) -> Result<(), Fault> {
    let mut statement = connection.prepare_cached("DELETE FROM load WHERE tier = ?1 AND at < ?2")?;
    for tier in Tier::ALL {
        statement.execute((tier.seconds(), (now - tier.kept()).millis()))?;
    }
    Ok(())
}
