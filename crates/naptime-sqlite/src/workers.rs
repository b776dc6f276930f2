//! Workers as rows: who lives.

use std::time::Duration;

use naptime_core::worker::{DEAD_AFTER, Worker};
use naptime_core::{Heartbeat, Peer, Time, WorkerId};
use rusqlite::{Connection, Row};

use crate::fault::Fault;
use crate::rows::{blob, json, time, uuid};

/// How long a worker is remembered.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// Notes a heartbeat.
pub(crate) fn beat(connection: &Connection, me: &Heartbeat, now: Time) -> Result<(), Fault> {
    const SQL: &str = "INSERT OR REPLACE INTO workers (id, seen_at, left, beat) VALUES (?1, ?2, 0, ?3)";
    connection.prepare_cached(SQL)?.execute((blob(me.id.uuid()), now.millis(), serde_json::to_string(me)?))?;
    Ok(())
}

/// Those who live and go on.
pub(crate) fn living(connection: &Connection, now: Time) -> Result<Vec<Peer>, Fault> {
    const SQL: &str = "SELECT id, beat ->> 'capacity' AS capacity, beat ->> 'held' AS held FROM workers
        WHERE NOT left AND seen_at >= ?1 AND NOT coalesce(beat ->> 'stopping', 0)";
    let mut statement = connection.prepare_cached(SQL)?;
    let peer = |row: &Row<'_>| Ok(Peer::new(uuid(row, "id")?.into(), row.get("capacity")?, row.get("held")?));
    let living = statement.query_map([(now - DEAD_AFTER).millis()], peer)?;
    Ok(living.collect::<Result<_, _>>()?)
}

/// Notes that a worker took its leave.
pub(crate) fn leave(connection: &Connection, me: WorkerId) -> Result<(), Fault> {
    connection.prepare_cached("UPDATE workers SET left = 1 WHERE id = ?1")?.execute([blob(me.uuid())])?;
    Ok(())
}

/// Notes that nobody noted so far is there any more.
pub(crate) fn all_left(connection: &Connection) -> Result<(), Fault> {
    connection.execute("UPDATE workers SET left = 1", [])?;
    Ok(())
}

/// The workers heard of lately, the living first, then by start.
pub(crate) fn all(connection: &Connection, now: Time) -> Result<Vec<Worker>, Fault> {
    let mut statement = connection.prepare_cached("SELECT seen_at, left, beat FROM workers WHERE seen_at >= ?1")?;
    let rows = statement.query_map([(now - REMEMBERED).millis()], |row| {
        let seen_at = time(row, "seen_at")?;
        let left: bool = row.get("left")?;
        Ok(Worker { beat: json(row, "beat")?, seen_at, alive: !left && seen_at >= now - DEAD_AFTER })
    })?;
    let mut workers: Vec<Worker> = rows.collect::<Result<_, _>>()?;
    workers.sort_by_key(|worker| (!worker.alive, worker.beat.started_at, worker.beat.id));
    Ok(workers)
}

/// Removes those not heard of for long.
pub(crate) fn purge(connection: &Connection, now: Time) -> Result<(), Fault> {
    connection.execute("DELETE FROM workers WHERE seen_at < ?1", [(now - REMEMBERED).millis()])?;
    Ok(())
}
