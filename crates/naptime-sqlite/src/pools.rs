//! Pools as rows. The gate that a job carries is a copy of its pool's, kept right within each transaction.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use naptime_core::{Pool, PoolChange, PoolSettings, Rev, Time};
use naptime_store::{Error, JobCount, Page, PageRef, PoolSummary, Pools, Read, Result};
use rusqlite::types::{Type, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use crate::fault::Fault;
use crate::queue::readable;
use crate::rows::{json, page_of, placed, time};
use crate::{SqliteStore, due};

/// The columns that [`settings`] reads.
pub(crate) const COLUMNS: &str =
    "pool, active, headers, max_in_flight, max_per_second, max_timeout_ms, transport, probe, down, rev, updated_at";

#[async_trait]
impl Pools for SqliteStore {
    async fn pool(&self, pool: &Pool) -> Result<PoolSummary> {
        let pool = pool.clone();
        let look = move |connection: &Connection, _| match find(connection, &pool)? {
            Some(settings) => Ok(Some(summary(connection, settings)?)),
            None => Ok(None),
        };
        self.read(look).await?.ok_or(Error::NotFound)
    }

    async fn pools(&self, q: Option<&str>, page: &PageRef) -> Result<Page<PoolSummary>> {
        let (q, page) = (q.map(str::to_lowercase), page.clone());
        self.read(move |connection, _| list(connection, q.as_deref(), &page)).await
    }

    async fn pool_settings(&self, pools: &[Pool]) -> Result<Vec<PoolSettings>> {
        let pools: BTreeSet<Pool> = pools.iter().cloned().collect();
        self.read(move |connection, _| {
            let find = |pool| readable(pool, find(connection, pool)).transpose();
            pools.iter().filter_map(find).collect()
        })
        .await
    }

    async fn in_flight(&self, pool: &Pool) -> Result<u32> {
        const SQL: &str = "SELECT count(*) FROM passes WHERE pool = ?1 AND flight_until > ?2";
        let pool = pool.clone();
        let count = move |connection: &Connection, now: Time| {
            Ok(connection.prepare_cached(SQL)?.query_row((pool.as_str(), now.millis()), |row| row.get(0))?)
        };
        self.read(count).await
    }

    async fn change_pool(&self, pool: &Pool, expect: Option<Rev>, change: PoolChange) -> Result<PoolSettings> {
        let pool = pool.clone();
        let changed = self.write_if_open(move |connection, now| {
            let change = |settings: &mut PoolSettings| match expect {
                Some(expect) if expect != settings.rev => Err(Error::Stale(settings.rev).into()),
                _ => Ok(settings.change(change, now)),
            };
            let (settings, _) = self::change(connection, &pool, change)?.ok_or(Error::NotFound)?;
            Ok(settings)
        });
        let changed = changed.await;
        self.wake_up();
        changed
    }

    async fn delete_pool(&self, pool: &Pool, expect: Option<Rev>) -> Result<()> {
        let pool = pool.clone();
        self.write_if_open(move |connection, _| delete(connection, &pool, expect)).await
    }
}

fn delete(connection: &Connection, pool: &Pool, expect: Option<Rev>) -> std::result::Result<(), Fault> {
    const COUNT: &str = "SELECT coalesce(sum(NOT once), 0), coalesce(sum(once), 0) 
        FROM jobs INDEXED BY jobs_pool CROSS JOIN due USING (seq)
        WHERE jobs.pool = ?1 AND deleted_at IS NULL AND ended_at IS NULL";
    let settings = find(connection, pool)?.ok_or(Error::NotFound)?;
    if expect.is_some_and(|expect| expect != settings.rev) {
        return Err(Error::Stale(settings.rev).into());
    }
    let count = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, i64>(1)?.unsigned_abs()));
    let (endpoints, once) = connection.prepare_cached(COUNT)?.query_row([pool.as_str()], count)?;
    if endpoints + once > 0 {
        return Err(Error::PoolInUse { endpoints, once }.into());
    }
    // A deleted job that is still held must not wait behind a gate that nobody opens.
    due::set_gate(connection, pool.as_str(), "")?;
    for sql in ["DELETE FROM passes WHERE pool = ?1", "DELETE FROM pools WHERE pool = ?1"] {
        connection.prepare_cached(sql)?.execute([pool.as_str()])?;
    }
    Ok(())
}

/// Makes a pool, if it is not there yet. Returns what its jobs carry.
pub(crate) fn ensure(connection: &Connection, pool: &Pool, now: Time) -> std::result::Result<String, Fault> {
    const MAKE: &str = "INSERT OR IGNORE INTO pools (pool, rev, updated_at) VALUES (?1, 1, ?2)";
    const GATE: &str = "SELECT gate FROM pools WHERE pool = ?1";
    connection.prepare_cached(MAKE)?.execute((pool.as_str(), now.millis()))?;
    Ok(connection.prepare_cached(GATE)?.query_row([pool.as_str()], |row| row.get("gate"))?)
}

/// The pools that are not as all others. One that cannot be read must not keep the endpoints of others from being called.
pub(crate) fn known(connection: &Connection) -> std::result::Result<Vec<PoolSettings>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM pools WHERE known");
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(page_of(statement.query_map([], listed)?, &PageRef::first(usize::MAX))?.items)
}

pub(crate) fn find(connection: &Connection, pool: &Pool) -> std::result::Result<Option<PoolSettings>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM pools WHERE pool = ?1");
    Ok(connection.prepare_cached(&sql)?.query_row([pool.as_str()], settings).optional()?)
}

/// Changes a pool. Returns it, and whether that changed anything; none if it is not there.
pub(crate) fn change(
    connection: &Connection,
    pool: &Pool,
    change: impl FnOnce(&mut PoolSettings) -> std::result::Result<bool, Fault>,
) -> std::result::Result<Option<(PoolSettings, bool)>, Fault> {
    let Some(mut settings) = find(connection, pool)? else { return Ok(None) };
    let was_gated = settings.is_gated();
    let changed = change(&mut settings)?;
    if changed {
        write(connection, &settings, was_gated)?;
    }
    Ok(Some((settings, changed)))
}

/// Puts the settings of a pool as they are, but not the gate of its jobs: see [`mend_gates`].
pub(crate) fn put(connection: &Connection, settings: &PoolSettings) -> std::result::Result<(), Fault> {
    ensure(connection, &settings.pool, settings.updated_at)?;
    write(connection, settings, settings.is_gated())
}

/// Has all jobs carry the gates of their pools.
pub(crate) fn mend_gates(connection: &Connection) -> std::result::Result<(), Fault> {
    const SQL: &str = "UPDATE due SET gate = pools.gate FROM pools
        WHERE pools.pool = due.pool AND due.gate <> pools.gate";
    connection.execute(SQL, [])?;
    Ok(())
}

/// Writes a pool, and the gate of its jobs if that is another.
fn write(connection: &Connection, settings: &PoolSettings, was_gated: bool) -> std::result::Result<(), Fault> {
    const POOL: &str = "UPDATE pools SET active = :active, headers = :headers, max_in_flight = :in_flight,
        max_per_second = :per_second, max_timeout_ms = :max_timeout, transport = :transport, probe = :probe, down = :down,
        rev = :rev, updated_at = :updated_at, gate = :gate, known = :known
        WHERE pool = :pool";
    let gate = if settings.is_gated() { settings.pool.as_str() } else { "" };
    connection.prepare_cached(POOL)?.execute(named_params! {
        ":pool": settings.pool.as_str(),
        ":active": settings.active,
        ":headers": serde_json::to_string(&settings.headers)?,
        ":in_flight": settings.max_in_flight,
        ":per_second": settings.max_per_second,
        ":max_timeout": settings.max_timeout.map(|timeout| i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX)),
        ":transport": serde_json::to_string(&settings.transport)?,
        ":probe": settings.probe,
        ":down": settings.down.as_ref().map(serde_json::to_string).transpose()?,
        ":rev": settings.rev.0,
        ":updated_at": settings.updated_at.millis(),
        ":gate": gate,
        ":known": !settings.is_plain(),
    })?;
    if settings.is_gated() != was_gated {
        due::set_gate(connection, settings.pool.as_str(), gate)?;
    }
    Ok(())
}

fn list(connection: &Connection, q: Option<&str>, page: &PageRef) -> std::result::Result<Page<PoolSummary>, Fault> {
    let after = page.cursor.as_deref().map(Pool::parse).transpose().map_err(|_| Error::BadCursor)?;
    let sql = format!(
        "SELECT {COLUMNS} FROM pools WHERE pool > :after AND (:q IS NULL OR instr(pool, :q) > 0)
         ORDER BY pool LIMIT :limit"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let parameters = named_params! {
        ":after": after.as_ref().map_or("", Pool::as_str),
        ":q": q,
        ":limit": page.probe(),
    };
    let Page { items, next, prev, unreadable } = page_of(statement.query_map(parameters, listed)?, page)?;
    let items =
        items.into_iter().map(|settings| summary(connection, settings)).collect::<std::result::Result<_, _>>()?;
    Ok(Page { items, next, prev, unreadable })
}

fn summary(connection: &Connection, settings: PoolSettings) -> std::result::Result<PoolSummary, Fault> {
    const SQL: &str = "SELECT count(*), coalesce(sum(active), 0) FROM jobs INDEXED BY jobs_pool
        WHERE pool = ?1 AND NOT once AND deleted_at IS NULL";
    let count = |row: &Row<'_>| {
        let (total, active): (i64, i64) = (row.get(0)?, row.get(1)?);
        Ok(JobCount { total: total.unsigned_abs(), active: active.unsigned_abs() })
    };
    let endpoints = connection.prepare_cached(SQL)?.query_row([settings.pool.as_str()], count)?;
    Ok(PoolSummary { settings, endpoints })
}

fn listed(row: &Row<'_>) -> rusqlite::Result<(String, Read<PoolSettings>)> {
    let name: String = row.get("pool")?;
    placed(name.clone(), || Ok(name), settings(row))
}

pub(crate) fn settings(row: &Row<'_>) -> rusqlite::Result<PoolSettings> {
    let pool: String = row.get("pool")?;
    Ok(PoolSettings {
        pool: Pool::parse(&pool)
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))?,
        active: row.get("active")?,
        headers: json(row, "headers")?,
        max_in_flight: row.get("max_in_flight")?,
        max_per_second: row.get("max_per_second")?,
        max_timeout: row.get::<_, Option<u32>>("max_timeout_ms")?.map(|millis| Duration::from_millis(millis.into())),
        transport: json(row, "transport")?,
        probe: row.get("probe")?,
        down: match row.get_ref("down")? {
            ValueRef::Null => None,
            _ => Some(json(row, "down")?),
        },
        rev: Rev(row.get("rev")?),
        updated_at: time(row, "updated_at")?,
    })
}
