//! What a worker has done since it was started, for others in its process.

use std::sync::Arc;

use naptime_core::WorkerId;
use naptime_core::load::Figures;

use crate::held::Registry;
use crate::meter::Meter;

/// Tells what a worker has done since it was started. Clones tell of the same worker.
#[derive(Clone)]
pub struct Tally {
    pub(crate) worker: WorkerId,
    pub(crate) capacity: u32,
    pub(crate) meter: Arc<Meter>,
    pub(crate) registry: Registry,
}

impl Tally {
    /// Its identity.
    pub fn worker(&self) -> WorkerId {
        self.worker
    }

    /// The most claims it holds at once.
    pub fn capacity(&self) -> u32 {
        self.capacity
    }

    /// The claims it holds now.
    pub fn held(&self) -> u32 {
        self.registry.len()
    }

    /// The calls it has made.
    pub fn figures(&self) -> Figures {
        self.meter.total()
    }
}
