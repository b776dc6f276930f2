//! What there is beside jobs and history.

use std::collections::HashMap;

use naptime_core::standing::Amount;
use naptime_core::{PoolSettings, Tier, Time};
use rusqlite::{Connection, Row};

use crate::fault::Fault;
use crate::rows::time;

/// The settings of all pools.
pub(super) fn pools(connection: &Connection) -> Result<Vec<PoolSettings>, Fault> {
    let sql = format!("SELECT {} FROM pools ORDER BY pool", crate::pools::COLUMNS);
    let mut statement = connection.prepare(&sql)?;
    let pools = statement.query_map([], crate::pools::settings)?;
    Ok(pools.collect::<rusqlite::Result<_>>()?)
}

/// The sums of what has ended of SLAs.
pub(super) fn sums(connection: &Connection) -> Result<HashMap<(Tier, Time), Amount>, Fault> {
    let mut statement = connection.prepare("SELECT tier, at, promised_ms, breached_ms FROM sla")?;
    let sum = |row: &Row<'_>| {
        let [promised_ms, breached_ms] =
            [row.get::<_, i64>("promised_ms")?, row.get("breached_ms")?].map(i64::unsigned_abs);
        Ok(((tier(row)?, time(row, "at")?), Amount { promised_ms, breached_ms }))
    };
    let sums = statement.query_map([], sum)?;
    Ok(sums.collect::<rusqlite::Result<_>>()?)
}

/// The tier of a row, which is stored by its seconds.
pub(super) fn tier(row: &Row<'_>) -> rusqlite::Result<Tier> {
    let seconds: u16 = row.get("tier")?;
    let tier = Tier::ALL.into_iter().find(|tier| tier.seconds() == seconds);
    tier.ok_or_else(|| rusqlite::Error::IntegralValueOutOfRange(0, seconds.into()))
}
