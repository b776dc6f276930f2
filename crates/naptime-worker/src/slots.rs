//! The capacity of a worker: slots, and bytes. Both are taken before work is claimed. Under strain, fewer slots are in
//! use at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::strain::Strain;

/// How often a worker that is under strain looks whether it may take a slot.
const STRAINED_LOOK: Duration = Duration::from_millis(100);

/// The capacity of a worker: how many claims, and how many bytes of requests.
#[derive(Debug)]
pub(crate) struct Slots {
    claims: Arc<Semaphore>,
    capacity: u32,
    bytes: Arc<Semaphore>,
    is_short: AtomicBool,
    /// What keeps this machine from making calls.
    pub(crate) strain: Strain,
}

/// Slots taken before work is claimed.
pub(crate) struct Taken {
    claims: OwnedSemaphorePermit,
    bytes: OwnedSemaphorePermit,
}

/// One claim's share of the capacity. It is free when this is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    _claim: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

/// The largest request there can be, with room to spare.
pub(crate) const LARGEST: usize = naptime_core::request::MAX_BODY + naptime_core::request::MAX_HEADER_BYTES;
/// A small request.
pub(crate) const SMALL: usize = 1024;
const OPEN: &str = "the semaphore is never closed";

impl Slots {
    pub(crate) fn new(capacity: u32, max_bytes: usize) -> Self {
        let claims = Arc::new(Semaphore::new(capacity as usize));
        let (is_short, strain) = (AtomicBool::new(false), Strain::new(capacity));
        Self { claims, capacity, bytes: Arc::new(Semaphore::new(max_bytes)), is_short, strain }
    }

    /// How many slots may be taken now.
    pub(crate) fn free(&self) -> usize {
        let free = self.claims.available_permits();
        self.strain.slots().map_or(free, |slots| free.min((slots as usize).saturating_sub(self.taken())))
    }

    /// So many slots that it is worth while to wait for them.
    pub(crate) fn several(&self) -> usize {
        self.capacity.div_ceil(8) as usize
    }

    /// Takes slots that are free, but no more than `most`, and room for the largest request at least. For each slot that
    /// it leaves, it leaves room for a small one.
    pub(crate) fn try_take(&self, most: usize) -> Option<Taken> {
        let free = self.free();
        let slots = free.min(most);
        let left = (free - slots).saturating_mul(SMALL);
        let bytes = self.bytes.available_permits().saturating_sub(left).min(slots.saturating_mul(LARGEST)).max(LARGEST);
        let [slots, bytes] = [slots, bytes].map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        let claims = self.claims.clone().try_acquire_many_owned(slots).ok().filter(|_| slots > 0)?;
        Some(Taken { claims, bytes: self.bytes.clone().try_acquire_many_owned(bytes).ok()? })
    }

    /// Takes a slot, and room for a small request.
    pub(crate) fn try_slot(&self) -> Option<Slot> {
        let small = u32::try_from(SMALL).ok().filter(|_| self.free() > 0)?;
        let claim = self.claims.clone().try_acquire_owned().ok()?;
        Some(Slot { _claim: claim, _bytes: self.bytes.clone().try_acquire_many_owned(small).ok()? })
    }

    /// Waits until so many slots are free, and room for the largest request.
    pub(crate) async fn some_free(&self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX).min(self.capacity);
        loop {
            let claims = self.claims.acquire_many(count).await.expect(OPEN);
            let bytes = self.bytes.acquire_many(u32::try_from(LARGEST).unwrap_or(u32::MAX)).await.expect(OPEN);
            drop((claims, bytes));
            // Somebody else may have waited for them, too.
            if self.free() >= count as usize {
                return;
            }
            if self.strain.slots().is_some() {
                tokio::time::sleep(STRAINED_LOOK).await;
            }
        }
    }

    /// Takes slots that are free, but no more than `most`, as soon as there is one. What it waits for it keeps, or else
    /// several that wait would hand one slot round among them.
    pub(crate) async fn take_up_to(&self, most: usize) -> Taken {
        let mut claims = loop {
            let claim = self.claims.clone().acquire_owned().await.expect(OPEN);
            let may_be_taken = self.strain.slots().is_none_or(|slots| self.taken() <= slots as usize);
            if may_be_taken {
                break claim;
            }
            drop(claim);
            tokio::time::sleep(STRAINED_LOOK).await;
        };
        let largest = u32::try_from(LARGEST).unwrap_or(u32::MAX);
        let mut bytes = self.bytes.clone().acquire_many_owned(largest).await.expect(OPEN);
        if let Some(more) = self.try_take(most.saturating_sub(1)) {
            claims.merge(more.claims);
            bytes.merge(more.bytes);
        }
        Taken { claims, bytes }
    }

    /// How many slots are taken.
    fn taken(&self) -> usize {
        (self.capacity as usize).saturating_sub(self.claims.available_permits())
    }

    /// Notes whether work that is due waits for slots.
    pub(crate) fn note_short(&self, is_short: bool) {
        self.is_short.store(is_short, Ordering::Relaxed);
    }

    /// Whether work that is due waits for slots.
    pub(crate) fn are_short(&self) -> bool {
        self.is_short.load(Ordering::Relaxed)
    }
}

impl Taken {
    /// How many claims these slots are for.
    pub(crate) fn slots(&self) -> usize {
        self.claims.num_permits()
    }

    /// How many bytes these slots are for.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.num_permits()
    }

    /// Parts with the share of one claim. None if it exceeds what was taken.
    pub(crate) fn split(&mut self, bytes: usize) -> Option<Slot> {
        if self.claims.num_permits() == 0 || self.bytes.num_permits() < bytes {
            return None;
        }
        Some(Slot { _claim: self.claims.split(1)?, _bytes: self.bytes.split(bytes)? })
    }
}
