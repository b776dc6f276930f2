//! Pools: what is true of a scheme and host.

use jiff::Timestamp;
use serde::Deserialize;

use crate::client::Client;
use crate::filter::Filter;
use crate::list::List;
use crate::time;

/// A pool.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Pool {
    /// Scheme, host, and a port that is not the usual one: `https://example.com`.
    pub pool: String,
    /// Whether anything of it is called.
    pub active: bool,
    /// That its host is down, or has just come back, if it is so.
    #[serde(default)]
    pub down: Option<PoolDown>,
    /// The most calls at once.
    pub max_in_flight: Option<u32>,
    /// The most calls a second.
    pub max_per_second: Option<u32>,
    /// How many endpoints it has.
    pub endpoints: u64,
    /// How many of them are switched on.
    pub active_endpoints: u64,
}

/// That the host of a pool is down.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct PoolDown {
    /// Since when its calls are held back.
    #[serde(deserialize_with = "time::at")]
    pub since: Timestamp,
    /// How many calls per second are let through since the host answers again; none: one at a time, as a probe.
    pub per_second: Option<u32>,
}

impl Client {
    /// The pools: by `q`.
    pub fn pools(&self, filter: Filter) -> List<Pool> {
        List::new(self, &["pools"], filter)
    }
}
