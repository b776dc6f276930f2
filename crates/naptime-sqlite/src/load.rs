//! Load as rows: figures of a worker over a stretch of time.

use naptime_core::load::{self, Figures, Load};
use naptime_core::{Tier, Time};
use rusqlite::{Connection, OptionalExtension};

use crate::fault::Fault;
use crate::rows::{blob, json, time, uuid};

/// Adds figures to the rows of each tier.
pub(crate) fn add(connection: &Connection, load: &[Load]) -> Result<(), Fault> {
    let mut find = connection.prepare_cached("SELECT figures FROM load WHERE tier = ?1 AND at = ?2 AND worker = ?3")?;
    let mut put =
        connection.prepare_cached("INSERT OR REPLACE INTO load (tier, at, worker, figures) VALUES (?1, ?2, ?3, ?4)")?;
    for ((tier, at, worker), more) in load::sums(load) {
        let key = (tier.seconds(), at.millis(), blob(worker.uuid()));
        let found: Option<Figures> = find.query_row(key, |row| json(row, "figures")).optional()?;
        let mut figures = found.unwrap_or_default();
        figures.add(&more);
        put.execute((key.0, key.1, key.2, serde_json::to_string(&figures)?))?;
    }
    Ok(())
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
