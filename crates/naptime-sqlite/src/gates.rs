//! The limits of pools: passes as rows, taken and counted within one transaction.

use async_trait::async_trait;
use naptime_core::pool::{CallLimits, PASS_LEASE, Sign};
use naptime_core::{Pass, Pool, PoolSettings, Time};
use naptime_store::pools::{START_LASTS, start_lasts};
use naptime_store::{Freed, Gates, Hosts, Passes, Result, Take};
use rusqlite::Connection;

use crate::fault::Fault;
use crate::rows::blob;
use crate::{SqliteStore, moving, pools, queue};

#[async_trait]
impl Gates for SqliteStore {
    async fn known_pools(&self) -> Result<Vec<PoolSettings>> {
        self.read(|connection, _| pools::known(connection)).await
    }

    async fn next_in(&self, pools: &[Pool]) -> Result<Vec<(Pool, Time)>> {
        let pools = pools.to_vec();
        self.read(move |connection, _| {
            let mut next = Vec::new();
            if moving::is_shut(connection)? {
                return Ok(next);
            }
            for pool in pools {
                if let Some(at) = queue::first_behind(connection, pool.as_str())? {
                    next.push((pool, at));
                }
            }
            Ok(next)
        })
        .await
    }

    async fn take_passes(&self, take: &Take) -> Result<Passes> {
        let wanted = take.clone();
        self.write(move |connection, now| grant(connection, &wanted, now)).await
    }

    async fn extend_passes(&self, passes: &[Pass]) -> Result<Vec<Pass>> {
        if passes.is_empty() {
            return Ok(Vec::new());
        }
        let passes = passes.to_vec();
        self.write(move |connection, now| {
            const SQL: &str = "UPDATE passes SET flight_until = ?2 WHERE id = ?1 AND flight_until IS NOT NULL";
            let until = (now + PASS_LEASE).millis();
            let mut gone = Vec::new();
            for pass in passes {
                if connection.prepare_cached(SQL)?.execute((blob(pass.id.uuid()), until))? == 0 {
                    gone.push(pass);
                }
            }
            Ok(gone)
        })
        .await
    }

    async fn free_passes(&self, passes: &[Freed]) -> Result<()> {
        if passes.is_empty() {
            return Ok(());
        }
        let passes = passes.to_vec();
        self.write(move |connection, _| {
            for Freed { pass, used } in passes {
                let sql = match used {
                    true => "UPDATE passes SET flight_until = NULL WHERE id = ?1",
                    false => "DELETE FROM passes WHERE id = ?1",
                };
                connection.prepare_cached(sql)?.execute([blob(pass.id.uuid())])?;
            }
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl Hosts for SqliteStore {
    async fn down_pools(&self) -> Result<Vec<PoolSettings>> {
        let known = self.read(|connection, _| pools::known(connection)).await?;
        Ok(known.into_iter().filter(|settings| settings.down.is_some()).collect())
    }

    async fn heed(&self, pool: &Pool, sign: Sign) -> Result<bool> {
        const CUT: &str = "UPDATE passes SET start_until = min(start_until, ?2) WHERE pool = ?1";
        let pool = pool.clone();
        let heed = move |connection: &Connection, now: Time| {
            let heed = |settings: &mut PoolSettings| Ok(settings.heed(sign, now));
            let changed = pools::change(connection, &pool, heed)?.is_some_and(|(_, changed)| changed);
            if changed {
                connection.prepare_cached(CUT)?.execute((pool.as_str(), (now + START_LASTS).millis()))?;
            }
            Ok(changed)
        };
        let changed = self.write(heed).await?;
        if changed {
            self.wake_up();
        }
        Ok(changed)
    }
}

/// Drops the passes for calls in flight. Whoever held them is gone.
pub(crate) fn free_all(connection: &Connection) -> std::result::Result<(), Fault> {
    connection.execute("UPDATE passes SET flight_until = NULL", [])?;
    Ok(())
}

fn grant(connection: &Connection, take: &Take, now: Time) -> std::result::Result<Passes, Fault> {
    let Some(settings) = pools::find(connection, &take.pool)? else { return Ok(Passes::default()) };
    let pool = take.pool.as_str();
    const EXPIRE: [&str; 2] = [
        "UPDATE passes SET flight_until = NULL WHERE pool = ?1 AND flight_until <= ?2",
        "UPDATE passes SET start_until = NULL WHERE pool = ?1 AND start_until <= ?2",
    ];
    const DROP: &str = "DELETE FROM passes WHERE pool = ?1 AND flight_until IS NULL AND start_until IS NULL";
    for sql in EXPIRE {
        connection.prepare_cached(sql)?.execute((pool, now.millis()))?;
    }
    connection.prepare_cached(DROP)?.execute([pool])?;
    const COUNT: &str = "SELECT count(flight_until), count(start_until), min(start_until) FROM passes WHERE pool = ?1";
    let count = connection
        .prepare_cached(COUNT)?
        .query_row([pool], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, u32>(1)?, row.get::<_, Option<i64>>(2)?)));
    let (flights, starts, first) = count?;
    let room = |limit: Option<u32>, held: u32| limit.map_or(usize::MAX, |limit| limit.saturating_sub(held) as usize);
    let CallLimits { in_flight, starts: most_starts } = settings.call_limits();
    let room = room(in_flight, flights).min(room(most_starts, starts));
    let granted = if settings.active { room.min(take.ids.len()) } else { 0 };
    let flight_until = in_flight.map(|_| (now + PASS_LEASE).millis());
    let start_until = most_starts.map(|_| (now + start_lasts(settings.down) + take.leaves_within).millis());
    const INSERT: &str = "INSERT INTO passes (id, pool, flight_until, start_until) VALUES (?1, ?2, ?3, ?4)";
    for id in &take.ids[..granted] {
        connection.prepare_cached(INSERT)?.execute((blob(id.uuid()), pool, flight_until, start_until))?;
    }
    let full = most_starts.is_some_and(|limit| starts >= limit);
    Ok(Passes {
        granted,
        in_flight: in_flight.is_some(),
        per_second: most_starts.is_some(),
        next: first.filter(|_| full).map(Time::from_millis),
        down: settings.down,
    })
}
