//! What happened: load, workers, and how long all is kept.

use async_trait::async_trait;
use naptime_core::load::{Figures, Load};
use naptime_core::worker::Worker;
use naptime_core::{Tier, Time};

use crate::Result;

/// What happened. Written by workers, read by the web.
#[async_trait]
pub trait History: Send + Sync {
    /// Adds figures to the rows of their second, minute, ten minutes and hour, and to the total.
    async fn add_load(&self, load: &[Load]) -> Result<()>;

    /// The rows of a tier with `from <= at < to`.
    async fn load(&self, tier: Tier, from: Time, to: Time) -> Result<Vec<Load>>;

    /// The figures of all workers since the database was made. They only grow: what is removed of old rows, and a worker
    /// that is gone, take nothing from them.
    async fn total(&self) -> Result<Figures>;

    /// The workers heard of within the last day, the living first, then by start.
    async fn workers(&self) -> Result<Vec<Worker>>;

    /// Removes what is older than it is kept: runs, answers and deleted jobs, rows of load, workers long gone. Runs that lie ahead,
    /// because the store's clock was wrong, are moved back; figures and breaches that do are removed.
    async fn purge(&self) -> Result<()>;
}
