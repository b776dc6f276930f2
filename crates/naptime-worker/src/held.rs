//! The claims a worker holds: their slots, their bytes, and until when they are safe.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use naptime_core::pool::PASS_LEASE;
use naptime_core::{Claim, ClaimRef, Pass};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::passes::HeldPass;

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
        self.take_up_to(usize::MAX).await
    }

    /// The same, but no more than `most`.
    pub(crate) async fn take_up_to(&self, most: usize) -> Taken {
        const OPEN: &str = "the semaphore is never closed";
        let more = most.saturating_sub(1);
        let mut claims = self.claims.clone().acquire_owned().await.expect(OPEN);
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
    pass: Option<HeldPass>,
}

/// What is known of a held claim besides the work itself.
struct Entry {
    since: Instant,
    lease: Duration,
    fence: Instant,
    flight: Option<Flight>,
    gone: CancellationToken,
}

/// A pass that has to be extended, and until when it is safe.
struct Flight {
    pass: Pass,
    fence: Instant,
}

impl Entry {
    /// Whether both the claim and its pass are safe now.
    fn is_safe(&self) -> bool {
        let now = Instant::now();
        now < self.fence && self.flight.as_ref().is_none_or(|flight| now < flight.fence)
    }
}

/// All claims held.
#[derive(Default)]
pub(crate) struct Registry(Arc<Mutex<HashMap<ClaimRef, Entry>>>);

impl Registry {
    /// Takes in a claim that was made by a request sent at `sent`, and the pass it was made with, if it needs one. None
    /// if it exceeds the slots taken.
    pub(crate) fn hold(&self, claim: &Claim, sent: Instant, taken: &mut Taken, pass: Option<HeldPass>) -> Option<Held> {
        let slot = taken.split(claim.job.spec.request.size())?;
        let (gone, lease, claim) = (CancellationToken::new(), claim.lock.lease, claim.reference());
        let limited = pass.as_ref().filter(|pass| pass.in_flight);
        let flight = limited.map(|it| Flight { pass: it.pass.clone(), fence: fence(it.sent, PASS_LEASE) });
        let entry = Entry { since: Instant::now(), lease, fence: fence(sent, lease), flight, gone: gone.clone() };
        self.lock().insert(claim, entry);
        Some(Held { gone, claim, registry: self.0.clone(), _slot: slot, pass })
    }

    /// The number of claims held.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.lock().len()).unwrap_or(u32::MAX)
    }

    /// The claims to renew, if that is done `every` so often: those held for longer than that, and those whose lease is
    /// so short that the next time might be too late.
    pub(crate) fn to_renew(&self, every: Duration) -> Vec<ClaimRef> {
        let is_ripe = |entry: &Entry| entry.since.elapsed() > every.min(entry.lease / 5);
        self.lock().iter().filter(|(_, entry)| is_ripe(entry)).map(|(&claim, _)| claim).collect()
    }

    /// The leases of these were prolonged, by a request sent at `sent`.
    pub(crate) fn renewed(&self, claims: &[ClaimRef], sent: Instant) {
        let mut entries = self.lock();
        for claim in claims {
            if let Some(entry) = entries.get_mut(claim) {
                entry.fence = fence(sent, entry.lease);
            }
        }
    }

    /// The passes to extend, if that is done `every` so often.
    pub(crate) fn to_extend(&self, every: Duration) -> Vec<Pass> {
        let entries = self.lock();
        let ripe = entries.values().filter(|entry| entry.since.elapsed() > every);
        ripe.filter_map(|entry| Some(entry.flight.as_ref()?.pass.clone())).collect()
    }

    /// These passes were extended, by a request sent at `sent`, but for those that are `lost`.
    pub(crate) fn extended(&self, passes: &[Pass], lost: &[Pass], sent: Instant) {
        let (passes, lost): (HashSet<_>, HashSet<_>) = (passes.iter().collect(), lost.iter().collect());
        for entry in self.lock().values_mut() {
            let Some(flight) = entry.flight.as_mut() else { continue };
            if lost.contains(&flight.pass) {
                entry.gone.cancel();
            } else if passes.contains(&flight.pass) {
                flight.fence = fence(sent, PASS_LEASE);
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
        self.lock().values().filter(|entry| !entry.is_safe()).for_each(|entry| entry.gone.cancel());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ClaimRef, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until when a claim is safe whose lease began with a request sent at `sent`: from its end on another worker may have
/// it, less a second for what is late.
fn fence(sent: Instant, lease: Duration) -> Instant {
    sent + lease.saturating_sub(Duration::from_secs(1))
}

impl Held {
    /// Whether the claim is safe now, and its call not too late for its pass. Asked right before a call leaves: a process that was stopped for a while must not
    /// send what others have long since taken over.
    pub(crate) fn is_safe(&self) -> bool {
        let entries = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let in_time = self.pass.as_ref().is_none_or(HeldPass::is_in_time);
        in_time && !self.gone.is_cancelled() && entries.get(&self.claim).is_some_and(Entry::is_safe)
    }

    /// Notes that a call leaves.
    pub(crate) fn call_leaves(&self) {
        self.pass.as_ref().inspect(|pass| pass.make_use());
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.claim);
    }
}

#[cfg(test)]
mod tests {
    use naptime_core::{Endpoint, JobId, NewJob, Schedule, Spec, Time};
    use uuid::Uuid;

    use super::*;

    fn claim(lease: Duration) -> Claim {
        let now = Time::from_millis(0);
        let mut spec = Spec::new(Endpoint::parse("http://target.test/").expect("a URL"), Schedule::Once { at: now });
        spec.lease = lease;
        let mut job = NewJob { id: JobId::from(Uuid::new_v4()), spec, active: true }.into_job(now);
        assert!(job.claim(Uuid::new_v4().into(), Uuid::new_v4().into(), now, Duration::ZERO));
        Claim { lock: job.state.lock.clone().expect("claimed"), job, recorded: None }
    }

    #[tokio::test]
    async fn a_short_lease_is_renewed_before_a_long_one_has_to_be() {
        let (registry, slots) = (Registry::default(), Slots::new(2, 2 * LARGEST));
        let mut taken = slots.take().await;
        let [short, long] = [claim(Duration::from_millis(500)), claim(Duration::from_secs(60))];
        let hold = |claim| registry.hold(claim, Instant::now(), &mut taken, None).expect("room");
        let _held = [&short, &long].map(hold);
        assert_eq!(registry.to_renew(Duration::from_secs(600)), [], "both are young");
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert_eq!(registry.to_renew(Duration::from_secs(600)), [short.reference()]);
        assert_eq!(registry.to_renew(Duration::from_millis(100)).len(), 2);
    }
}
