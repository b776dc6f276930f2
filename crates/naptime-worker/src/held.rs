//! The claims a worker holds: their slots, their bytes, and until when they are safe.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use naptime_core::ClaimRef;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// The capacity of a worker: how many claims, and how many bytes of requests.
#[derive(Debug)]
pub(crate) struct Slots {
    claims: Arc<Semaphore>,
    capacity: u32,
    bytes: Arc<Semaphore>,
}

/// Slots taken before work is claimed.
pub(crate) struct Taken {
    claims: OwnedSemaphorePermit,
    bytes: OwnedSemaphorePermit,
}

/// One claim's share of the capacity. It is free when this is dropped.
#[derive(Debug)]
struct Slot {
    _claim: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

/// The largest request there can be, with room to spare.
const LARGEST: usize = naptime_core::request::MAX_BODY + naptime_core::request::MAX_HEADER_BYTES;

impl Slots {
    pub(crate) fn new(capacity: u32, max_bytes: usize) -> Self {
        let claims = Arc::new(Semaphore::new(capacity as usize));
        Self { claims, capacity, bytes: Arc::new(Semaphore::new(max_bytes)) }
    }

    /// Takes all slots that are free, as soon as there is one, and room for the largest request.
    pub(crate) async fn take(&self) -> Taken {
        const OPEN: &str = "the semaphore is never closed";
        let mut claims = self.claims.clone().acquire_owned().await.expect(OPEN);
        let rest = u32::try_from(self.claims.available_permits()).unwrap_or(u32::MAX);
        if let Ok(more) = self.claims.clone().try_acquire_many_owned(rest) {
            claims.merge(more);
        }
        let largest = u32::try_from(LARGEST).unwrap_or(u32::MAX);
        let mut bytes = self.bytes.clone().acquire_many_owned(largest).await.expect(OPEN);
        let rest = u32::try_from(self.bytes.available_permits()).unwrap_or(u32::MAX);
        if let Ok(more) = self.bytes.clone().try_acquire_many_owned(rest) {
            bytes.merge(more);
        }
        Taken { claims, bytes }
    }

    /// Waits until nothing is held.
    pub(crate) async fn all_free(&self) {
        let all = self.claims.acquire_many(self.capacity).await;
        drop(all);
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
    fn split(&mut self, bytes: usize) -> Option<Slot> {
        if self.claims.num_permits() == 0 || self.bytes.num_permits() < bytes {
            return None;
        }
        Some(Slot { _claim: self.claims.split(1)?, _bytes: self.bytes.split(bytes)? })
    }
}

/// A claim that this worker holds. When it is dropped, its slot is free.
pub(crate) struct Held {
    /// Cancelled when the claim is no longer safe: it was taken by another, or its fence has passed.
    pub(crate) gone: CancellationToken,
    claim: ClaimRef,
    registry: Arc<Mutex<HashMap<ClaimRef, Entry>>>,
    _slot: Slot,
}

/// What is known of a held claim besides the work itself.
struct Entry {
    since: Instant,
    fence: Instant,
    gone: CancellationToken,
}

/// All claims held.
#[derive(Default)]
pub(crate) struct Registry(Arc<Mutex<HashMap<ClaimRef, Entry>>>);

impl Registry {
    /// Takes a claim in. It is safe until `fence`. None if it exceeds the slots taken.
    pub(crate) fn hold(&self, claim: ClaimRef, bytes: usize, fence: Instant, taken: &mut Taken) -> Option<Held> {
        let slot = taken.split(bytes)?;
        let gone = CancellationToken::new();
        self.lock().insert(claim, Entry { since: Instant::now(), fence, gone: gone.clone() });
        Some(Held { gone, claim, registry: self.0.clone(), _slot: slot })
    }

    /// The number of claims held.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.lock().len()).unwrap_or(u32::MAX)
    }

    /// The claims held for longer than `age`.
    pub(crate) fn older_than(&self, age: Duration) -> Vec<ClaimRef> {
        self.lock().iter().filter(|(_, entry)| entry.since.elapsed() > age).map(|(&claim, _)| claim).collect()
    }

    /// These are safe until `fence`.
    pub(crate) fn renewed(&self, claims: &[ClaimRef], fence: Instant) {
        let mut entries = self.lock();
        for claim in claims {
            if let Some(entry) = entries.get_mut(claim) {
                entry.fence = fence;
            }
        }
    }

    /// These belong to somebody else.
    pub(crate) fn lost(&self, claims: &[ClaimRef]) {
        let entries = self.lock();
        claims.iter().filter_map(|claim| entries.get(claim)).for_each(|entry| entry.gone.cancel());
    }

    /// Gives up those whose fence has passed.
    pub(crate) fn check_fences(&self) {
        let now = Instant::now();
        self.lock().values().filter(|entry| entry.fence <= now).for_each(|entry| entry.gone.cancel());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ClaimRef, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Whether the claim is safe now. Asked right before a call leaves: a process that was stopped for a while must not
    /// send what others have long since taken over.
    pub(crate) fn is_safe(&self) -> bool {
        let entries = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        !self.gone.is_cancelled() && entries.get(&self.claim).is_some_and(|entry| Instant::now() < entry.fence)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.claim);
    }
}
