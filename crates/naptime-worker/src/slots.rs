//! The capacity of a worker: slots, and bytes. Both are taken before work is claimed. Under strain, fewer slots are in
//! use at a time.

use std::sync::Arc;
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

impl Slots {
    pub(crate) fn new(capacity: u32, max_bytes: usize) -> Self {
        let claims = Arc::new(Semaphore::new(capacity as usize));
        Self { claims, capacity, bytes: Arc::new(Semaphore::new(max_bytes)), strain: Strain::new(capacity) }
    }

    /// Takes all slots that are free, as soon as there is one, and room for the largest request.
    pub(crate) async fn take(&self) -> Taken {
        self.take_up_to(usize::MAX).await
    }

    /// The same, but no more than `most`.
    pub(crate) async fn take_up_to(&self, most: usize) -> Taken {
        const OPEN: &str = "the semaphore is never closed";
        let (mut claims, room) = loop {
            let claim = self.claims.clone().acquire_owned().await.expect(OPEN);
            let room = self.room();
            if room > 0 {
                break (claim, room);
            }
            drop(claim);
            tokio::time::sleep(STRAINED_LOOK).await;
        };
        let more = most.min(room).saturating_sub(1);
        let rest = u32::try_from(self.claims.available_permits().min(more)).unwrap_or(u32::MAX);
        if let Ok(more) = self.claims.clone().try_acquire_many_owned(rest) {
            claims.merge(more);
        }
        let largest = u32::try_from(LARGEST).unwrap_or(u32::MAX);
        let mut bytes = self.bytes.clone().acquire_many_owned(largest).await.expect(OPEN);
        let rest = self.bytes.available_permits().min(more.saturating_mul(LARGEST));
        let rest = u32::try_from(rest).unwrap_or(u32::MAX);
        if let Ok(more) = self.bytes.clone().try_acquire_many_owned(rest) {
            bytes.merge(more);
        }
        Taken { claims, bytes }
    }

    /// How many slots may be taken by whoever has taken one.
    fn room(&self) -> usize {
        let others = (self.capacity as usize).saturating_sub(self.claims.available_permits() + 1);
        self.strain.slots().map_or(usize::MAX, |slots| (slots as usize).saturating_sub(others))
    }

    /// Waits until an eighth of the slots is free.
    pub(crate) async fn several_free(&self) {
        let several = self.claims.acquire_many(self.capacity.div_ceil(8)).await;
        drop(several);
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
