//! What Naptime asks of a store, and the suite that every store must pass.
//!
//! The traits are narrow on purpose: the web cannot claim, and a worker cannot edit but in the name of a target
//! ([`Steering`]). What a claim, a settle or an edit does to a job is decided in [`naptime_core`]; a store carries it
//! out atomically. The store in `memory` is for the simulator and for tests, and no product.

#![warn(missing_docs)]

mod configs;
pub mod conformance;
mod ended;
mod error;
mod history;
mod jobs;
pub mod latest;
pub mod memory;
pub mod moving;
mod page;
pub mod plan;
pub mod pools;
mod probe;
mod queue;
mod queued;
pub mod records;
mod repairs;
pub mod rules;
mod runs;
pub mod sessions;
pub mod sla;
mod sort;
mod states;
pub mod steering;
pub mod troubles;

use std::time::Duration;

use naptime_core::Time;

pub use configs::Configs;
pub use ended::Ended;
pub use error::{Error, Refusal, Result};
pub use history::History;
pub use jobs::{Added, Edited, JobCount, JobQuery, JobSummary, Jobs, words};
pub use moving::{Moves, Shut};
pub use page::{Page, PageRef, Position, Read, TextPosition, Unreadable};
pub use plan::Planning;
pub use pools::{Freed, Gates, Hosts, Passes, PoolSummary, Pools, Take, TimeoutLimits};
pub use probe::Probe;
pub use queue::{Queue, SIGHT, SIGHT_OF_OTHERS, Taken, Want, is_soon};
pub use queued::{MAX_COUNTED, Queued, QueuedQuery, Treated, Treatment};
pub use records::{Record, Records};
pub use repairs::{Repairs, SetBack};
pub use rules::{Expect, Rules, StoredRule};
pub use runs::{MAX_RUNS, Runs};
pub use sessions::Sessions;
pub use sla::{Breached, Slas};
pub use sort::{MAX_SORTED, Sort, SortBy, sorted};
pub use states::{EndpointState, LATE_AFTER, ScheduleKind};
pub use steering::Steering;
pub use troubles::{Overdue, Troubles};

/// The time that counts: the store's.
pub trait Clock: Send + Sync {
    /// A lower bound of the store's time now, so that what waits for it is never early. It costs nothing: it is
    /// computed from the time last received.
    fn now(&self) -> Time;

    /// How long it is until that time has come. More exact than [`Clock::now`], which is of whole milliseconds: a call
    /// that waits for so long is not a millisecond late.
    fn until(&self, at: Time) -> Duration;
}

/// Everything the web needs.
pub trait WebStore:
    Jobs + Queued + Runs + History + Planning + Slas + Troubles + Pools + Hosts + Rules + Records + Probe + Sessions + Moves
{
}
impl<
    T: Jobs
        + Queued
        + Runs
        + History
        + Planning
        + Slas
        + Troubles
        + Pools
        + Hosts
        + Rules
        + Records
        + Probe
        + Sessions
        + Moves,
> WebStore for T
{
}

/// Everything a worker needs.
pub trait WorkStore: Queue + History + Steering + Gates + Hosts + Repairs {}
impl<T: Queue + History + Steering + Gates + Hosts + Repairs> WorkStore for T {}

/// Everything a store can do, for whoever holds both ends: a process with web and worker, and the conformance suite.
pub trait Store: WebStore + WorkStore {}
impl<T: WebStore + WorkStore> Store for T {}
