//! What needs somebody, worked out from what a store knows: of the fleet, of pools, of endpoints, the worst first.
//!
//! One cause is one problem. Where no worker lives or no slot is free, no endpoint is called late for a reason of its
//! own; where a host is down, its endpoints fail because of that; an endpoint that fails is in breach of its SLA
//! because of that.

mod find;
mod host;
mod report;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::find::{Ailing, Facts, Found, find};
pub use self::host::{LookedAt, by_host, is_to_be_spared};
pub use self::report::{EndpointRef, Report};
use crate::{Cause, Endpoint, JobId, Pool, Time};

/// What needs somebody.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Whose it is.
    pub of: Whose,
    /// What is wrong.
    pub kind: Kind,
    /// The words that the endpoints are found by whose problem it is.
    pub tags: BTreeSet<String>,
    /// Since when, as far as that is known.
    pub since: Option<Time>,
    /// When the last call of the endpoint ended whose problem it is.
    pub called_at: Option<Time>,
    /// What the target said last, or what went wrong.
    pub message: Option<String>,
}

/// Whose problem it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// That of all: workers or the database.
    Fleet,
    /// That of a pool.
    Pool(Pool),
    /// That of an endpoint.
    Endpoint {
        /// Its id.
        id: JobId,
        /// Its URL as it is shown.
        endpoint: Endpoint,
        /// Its name, which may be blank.
        name: String,
    },
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// What was asked for does not happen.
    Bad,
    /// It happens late, or not always.
    Warn,
}

/// What is wrong, the worst first.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// The store takes no writes.
    Database {
        /// Why, in words that follow "because".
        fault: String,
    },
    /// No worker lives.
    NoWorker {
        /// The endpoints that wait to be called.
        active: u64,
    },
    /// The host cannot be reached, or says of itself that it is unavailable.
    PoolDown {
        /// How many of its endpoints fail because of that.
        endpoints: u64,
    },
    /// The last occurrences did not end well.
    Failing {
        /// How many in a row.
        failures: u32,
        /// Whether its SLA is in breach as well.
        breach: bool,
        /// Whether its host cannot be reached, or says that it is unavailable.
        by_host: bool,
    },
    /// Its SLA is in breach, though its calls do not fail.
    Breach {
        /// Why.
        cause: Cause,
    },
    /// Calls are late because the slots of the workers are taken.
    SlotsFull {
        /// How many calls.
        calls: u64,
        /// How many workers more would do, if that is known.
        more_workers: Option<u32>,
    },
    /// Calls are late, and slots are free.
    Late {
        /// How many calls.
        calls: u64,
    },
    /// A pool is switched off, and calls of it are due.
    PoolOff,
    /// The limits of a pool hold its calls back.
    PoolLimit {
        /// The most calls in flight.
        in_flight: Option<u32>,
        /// The most calls in a second.
        per_second: Option<u32>,
    },
    /// Its target has asked not to be called for long.
    PutOff {
        /// Until when.
        until: Option<Time>,
    },
    /// Occurrences fail now and then.
    Flapping {
        /// How many of the last did.
        failed: u32,
        /// How many were the last.
        of: u32,
    },
    /// One-off jobs failed for good.
    JobsFailed {
        /// How many.
        jobs: u64,
    },
    /// Alerts do not reach a receiver.
    AlertsFailed {
        /// The name of the receiver.
        receiver: String,
        /// How many are tried again and again, or failed for good in the last hour.
        alerts: u64,
    },
    /// A worker says that it cannot work as it should.
    WorkerTrouble {
        /// Its name.
        worker: String,
        /// What it says.
        trouble: String,
    },
    /// Workers are of different versions of Naptime.
    Versions {
        /// Those there are.
        versions: Vec<String>,
    },
    /// Workers go by different time-zone data.
    Zones {
        /// The releases there are.
        releases: Vec<String>,
    },
}

impl Kind {
    /// The kinds as they are sent, the worst first.
    pub const NAMES: [&str; 16] = [
        "database",
        "no_worker",
        "pool_down",
        "failing",
        "in_breach",
        "alerts_failed",
        "slots_full",
        "late",
        "worker_trouble",
        "pool_off",
        "pool_limit",
        "put_off",
        "flapping",
        "jobs_failed",
        "versions",
        "zones",
    ];

    /// The kind as it is sent: `pool_down`.
    pub fn as_str(&self) -> &'static str {
        Self::NAMES[usize::from(self.rank())]
    }

    /// How much it matters.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Database { .. }
            | Self::NoWorker { .. }
            | Self::PoolDown { .. }
            | Self::Failing { .. }
            | Self::Breach { .. }
            | Self::AlertsFailed { .. } => Severity::Bad,
            _ => Severity::Warn,
        }
    }

    /// The place of the kind among all, the worst first.
    fn rank(&self) -> u8 {
        match self {
            Self::Database { .. } => 0,
            Self::NoWorker { .. } => 1,
            Self::PoolDown { .. } => 2,
            Self::Failing { .. } => 3,
            Self::Breach { .. } => 4,
            Self::AlertsFailed { .. } => 5,
            Self::SlotsFull { .. } => 6,
            Self::Late { .. } => 7,
            Self::WorkerTrouble { .. } => 8,
            Self::PoolOff => 9,
            Self::PoolLimit { .. } => 10,
            Self::PutOff { .. } => 11,
            Self::Flapping { .. } => 12,
            Self::JobsFailed { .. } => 13,
            Self::Versions { .. } => 14,
            Self::Zones { .. } => 15,
        }
    }
}
