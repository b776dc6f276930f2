//! A pool as a document.

use mongodb::bson::{DateTime, Document, doc};
use naptime_core::pool::Down;
use naptime_core::{Headers, Pool, PoolSettings, Rev, Transport};
use naptime_store::{Error, Result};
use serde::Deserialize;

use crate::document::{bson, date, duration, millis, read, time};

/// A pool's document, but for its passes.
#[derive(Deserialize)]
pub(super) struct PoolDocument {
    _id: String,
    active: bool,
    headers: Headers,
    max_in_flight: Option<u32>,
    max_per_second: Option<u32>,
    #[serde(default)]
    max_timeout_ms: Option<i64>,
    #[serde(default)]
    transport: Transport,
    probe: Option<bool>,
    down: Option<DownDocument>,
    pub(super) rev: Rev,
    updated_at: DateTime,
    pub(super) gate: String,
    pub(super) regate_until: Option<DateTime>,
    #[serde(default)]
    pub(super) deleted: bool,
}

/// That the host of a pool is down.
#[derive(Clone, Copy, Deserialize)]
pub(crate) struct DownDocument {
    since: DateTime,
    turned_at: DateTime,
    rate: u32,
}

pub(super) fn new_document(pool: &str, now: DateTime) -> Document {
    doc! {
        "_id": pool, "active": true, "headers": [], "max_in_flight": null, "max_per_second": null, "rev": 1_i64,
        "updated_at": now, "gate": "", "regate_until": null, "known": false, "flights": [], "starts": [],
    }
}

/// A pool as its document, without passes.
pub(crate) fn from_settings(settings: &PoolSettings) -> Result<Document> {
    // A setting that is added later is not to be left behind.
    let PoolSettings {
        pool,
        active,
        headers,
        max_in_flight,
        max_per_second,
        max_timeout,
        transport,
        probe,
        down,
        rev,
        updated_at,
    } = settings;
    let mut document = new_document(pool.as_str(), date(*updated_at));
    document.extend(doc! {
        "active": *active,
        "headers": bson(headers)?,
        "max_in_flight": *max_in_flight,
        "max_per_second": *max_per_second,
        "max_timeout_ms": max_timeout.map(millis),
        "transport": bson(transport)?,
        "probe": *probe,
        "down": down.map(DownDocument::write),
        "rev": rev.0,
        "gate": gate_of(settings),
        "known": !settings.is_plain(),
    });
    Ok(document)
}

/// The gate that jobs of a pool with these settings are to carry.
pub(super) fn gate_of(settings: &PoolSettings) -> &str {
    if settings.is_gated() { settings.pool.as_str() } else { "" }
}

/// The filter of the pools that are not deleted.
pub(crate) fn there() -> Document {
    doc! {"deleted": {"$ne": true}}
}

/// The filter of a pool of this revision.
pub(super) fn of_rev(pool: &Pool, rev: Rev) -> Document {
    let mut filter = there();
    filter.extend(doc! {"_id": pool.as_str(), "rev": rev.0});
    filter
}

/// The filter of a pool that nobody has changed since.
pub(super) fn as_it_is(settings: &PoolSettings) -> Document {
    let mut filter = of_rev(&settings.pool, settings.rev);
    match settings.down {
        Some(down) => filter.extend(doc! {"down.turned_at": date(down.turned_at), "down.rate": i64::from(down.rate)}),
        None => filter.extend(doc! {"down": null}),
    }
    filter
}

impl DownDocument {
    pub(crate) fn read(self) -> Down {
        Down { since: time(self.since), turned_at: time(self.turned_at), rate: self.rate }
    }

    pub(super) fn write(down: Down) -> Document {
        doc! {"since": date(down.since), "turned_at": date(down.turned_at), "rate": i64::from(down.rate)}
    }
}

pub(super) fn without_passes() -> Document {
    doc! {"flights": 0, "starts": 0}
}

/// The settings of a document.
pub(crate) fn to_settings(document: Document) -> Result<PoolSettings> {
    settings(read(document)?)
}

pub(super) fn settings(d: PoolDocument) -> Result<PoolSettings> {
    Ok(PoolSettings {
        pool: Pool::parse(&d._id).map_err(|error| Error::Corrupt(error.to_string()))?,
        active: d.active,
        headers: d.headers,
        max_in_flight: d.max_in_flight,
        max_per_second: d.max_per_second,
        max_timeout: d.max_timeout_ms.map(duration),
        transport: d.transport,
        probe: d.probe.unwrap_or(true),
        down: d.down.map(DownDocument::read),
        rev: d.rev,
        updated_at: time(d.updated_at),
    })
}
