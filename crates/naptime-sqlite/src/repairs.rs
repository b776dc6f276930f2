//! What is put right after the machine's clock was wrong.
//!
//! The table `clock` holds the latest time that was written. A clock that shows an earlier one was set back.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use naptime_core::Time;
use naptime_core::pool::PASS_LEASE;
use naptime_core::set_back::{CLOCK_TOLERANCE, is_plausible, is_set_back};
use naptime_store::pools::START_LASTS;
use naptime_store::{Repairs, Result, SetBack};
use rusqlite::{Connection, named_params};

use crate::fault::Fault;
use crate::{SqliteStore, moving, queue, rows};

/// How far the table `clock` may be behind what was written: so it is changed once a second at most.
const NOTED_EVERY: Duration = Duration::from_secs(1);
/// The most jobs looked at by one write, so that claims and settles don't wait for long.
const STEP: i64 = 500;
/// The most runs moved by one write.
const RUNS_STEP: i64 = 2_000;

/// The latest time that this process has noted in the table.
#[derive(Default)]
pub(crate) struct Noted(AtomicI64);

impl Noted {
    /// Notes that something was written at `now`.
    pub(crate) fn note(&self, connection: &Connection, now: Time) -> rusqlite::Result<()> {
        let noted = Time::from_millis(self.0.load(Ordering::Relaxed));
        // Where the clock was set back, what it showed stays until that is seen to.
        if now > noted && now < noted + NOTED_EVERY {
            return Ok(());
        }
        const SQL: &str = "UPDATE clock SET seen = ?1 WHERE seen < ?1";
        connection.prepare_cached(SQL)?.execute([now.millis()])?;
        self.0.store(now.millis(), Ordering::Relaxed);
        Ok(())
    }
}

#[async_trait]
impl Repairs for SqliteStore {
    async fn follow_clock(&self) -> Result<Option<SetBack>> {
        let look = |connection: &Connection, now: Time| Ok((seen(connection)?, moving::is_shut(connection)?, now));
        let (seen, is_shut, now) = self.read(look).await?;
        if is_shut || !is_set_back(seen, now) {
            return Ok(None);
        }
        let (mut jobs, mut last) = (0, 0);
        while let Some((through, changed)) = self.write(move |connection, now| step(connection, last, now)).await? {
            last = through;
            jobs += changed;
        }
        self.write(end_waits).await?;
        // A file of an earlier version does not say what time was seen: all is looked at once.
        let is_known = seen.millis() < i64::MAX;
        Ok((is_known || jobs > 0)
            .then(|| SetBack { by: if is_known { seen.since(now) } else { Duration::ZERO }, jobs }))
    }
}

/// Moves runs that lie ahead back, as far as the clock was ahead, and removes figures and breaches that do. Returns
/// whether there is more to do.
pub(crate) fn clear_ahead(connection: &Connection, now: Time) -> std::result::Result<bool, Fault> {
    if !is_plausible(now) {
        return Ok(false);
    }
    const NEWEST: &str = "SELECT max(finished) FROM runs";
    const MOVE: &str = "UPDATE runs SET due = iif(due > :soon, due - :by, due),
        started = iif(started > :soon, started - :by, started), finished = finished - :by
        WHERE (job, token) IN (SELECT job, token FROM runs WHERE finished > :soon ORDER BY finished LIMIT :step)";
    let soon = (now + CLOCK_TOLERANCE).millis();
    let newest: Option<i64> = connection.query_row(NEWEST, [], |row| row.get(0))?;
    let Some(newest) = newest.filter(|newest| *newest > soon) else {
        connection.prepare_cached("UPDATE answers SET at = ?2 WHERE at > ?1")?.execute([soon, now.millis()])?;
        for sql in
            ["DELETE FROM load WHERE at > ?1", "DELETE FROM sla WHERE at > ?1", "DELETE FROM breaches WHERE ended > ?1"]
        {
            connection.prepare_cached(sql)?.execute([soon])?;
        }
        return Ok(false);
    };
    let by = newest - now.millis();
    connection.prepare_cached(MOVE)?.execute(named_params! {":by": by, ":soon": soon, ":step": RUNS_STEP})?;
    Ok(true)
}

fn seen(connection: &Connection) -> std::result::Result<Time, Fault> {
    Ok(connection.prepare_cached("SELECT seen FROM clock")?.query_row([], |row| row.get(0)).map(Time::from_millis)?)
}

/// Puts the next jobs right. Returns the last of them and how many were changed; none if there are no more.
fn step(connection: &Connection, after: i64, now: Time) -> std::result::Result<Option<(i64, u64)>, Fault> {
    let through: Option<i64> = connection
        .prepare_cached("SELECT max(seq) FROM (SELECT seq FROM jobs WHERE seq > ?1 ORDER BY seq LIMIT ?2)")?
        .query_row((after, STEP), |row| row.get(0))?;
    let Some(through) = through else { return Ok(None) };
    let ids = connection
        .prepare_cached("SELECT id FROM jobs WHERE seq > ?1 AND seq <= ?2")?
        .query_map((after, through), |row| rows::uuid(row, "id"))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut changed = 0;
    for id in ids {
        let Some(before) = queue::readable(id, rows::find(connection, id.into()))? else { continue };
        if let Some(job) = before.after_set_back(now) {
            rows::write(connection, Some(&before), &job)?;
            changed += 1;
        }
    }
    Ok(Some((through, changed)))
}

/// Ends what else would last too long, and notes that the clock was seen to.
fn end_waits(connection: &Connection, now: Time) -> std::result::Result<(), Fault> {
    let flight = now + PASS_LEASE + CLOCK_TOLERANCE;
    let start = now + START_LASTS + CLOCK_TOLERANCE;
    connection.execute("UPDATE passes SET flight_until = ?1 WHERE flight_until > ?1", [flight.millis()])?;
    connection.execute("UPDATE passes SET start_until = ?1 WHERE start_until > ?1", [start.millis()])?;
    for sql in [
        "UPDATE workers SET seen_at = ?1 WHERE seen_at > ?1",
        "UPDATE pools SET updated_at = ?1 WHERE updated_at > ?1",
        "UPDATE rules SET updated_at = ?1 WHERE updated_at > ?1",
        "UPDATE clock SET seen = ?1",
    ] {
        connection.execute(sql, [now.millis()])?;
    }
    Ok(())
}
