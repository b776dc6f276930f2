//! The claims a worker holds: their slots, their pools, and until when they are safe.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use naptime_core::pool::{Down, PASS_LEASE};
use naptime_core::{Claim, ClaimRef, Pass, Pool, Rooms};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::passes::HeldPass;
use crate::slots::{Slot, Taken};

/// A claim that this worker holds. When it is dropped, its slot is free.
pub(crate) struct Held {
    /// Cancelled when the claim is no longer safe: it was taken by another, or its fence has passed.
    pub(crate) gone: CancellationToken,
    claim: ClaimRef,
    book: Arc<Book>,
    /// None while the claim waits.
    slot: Option<Slot>,
    pass: Option<HeldPass>,
}

/// What is known of a held claim besides the work itself.
struct Entry {
    pool: Pool,
    /// Since when it takes a slot, or waits.
    since: Instant,
    /// When its lease began that lasts now.
    leased: Instant,
    lease: Duration,
    fence: Instant,
    flight: Option<Flight>,
    gone: CancellationToken,
    /// If it holds a job over and has no slot yet: when it will want one.
    waits: Option<Instant>,
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

/// What is known of a pool while claims of it are held or wait.
#[derive(Default)]
struct OfPool {
    held: usize,
    /// When the last of them took its slot.
    last: Option<Instant>,
    /// The claims of it that wait, by when they will want a slot.
    waits: BTreeSet<(Instant, ClaimRef)>,
    /// How long its claims last, on average, and when one ended last; none has yet if there is none.
    lasts: Option<(Duration, Instant)>,
}

/// All claims held. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Registry(Arc<Book>);

#[derive(Default)]
struct Book {
    held: Mutex<AllHeld>,
    freed: Notify,
}

#[derive(Default)]
struct AllHeld {
    entries: BTreeMap<ClaimRef, Entry>,
    pools: BTreeMap<Pool, OfPool>,
    /// How many of the entries wait.
    waiting: usize,
}

impl Registry {
    /// Takes in a claim that was made by a request sent at `sent`, and the pass it was made with, if it needs one. None
    /// if it exceeds the slots taken.
    pub(crate) fn hold(&self, claim: &Claim, sent: Instant, taken: &mut Taken, pass: Option<HeldPass>) -> Option<Held> {
        let slot = taken.split(claim.job.spec.request.size())?;
        let pool = claim.job.spec.endpoint.pool().clone();
        let (gone, lease, claim) = (CancellationToken::new(), claim.lock.lease, claim.reference());
        let limited = pass.as_ref().filter(|pass| pass.in_flight);
        let flight = limited.map(|it| Flight { pass: it.pass.clone(), fence: fence(it.sent, PASS_LEASE) });
        let entry = Entry {
            pool,
            since: Instant::now(),
            leased: sent,
            lease,
            fence: fence(sent, lease),
            flight,
            gone: gone.clone(),
            waits: None,
        };
        self.0.lock().add(claim, entry);
        Some(Held { gone, claim, book: self.0.clone(), slot: Some(slot), pass })
    }

    /// Takes in a claim that holds a job over, by a request first sent at `sent`. It waits until then, and takes no slot
    /// before [`Held::begin`].
    pub(crate) fn hold_over(&self, claim: &Claim, sent: Instant, until: Instant) -> Held {
        let pool = claim.job.spec.endpoint.pool().clone();
        let (gone, lease, claim) = (CancellationToken::new(), claim.lock.lease, claim.reference());
        let fence = fence(sent, lease);
        let entry = Entry {
            pool,
            since: Instant::now(),
            leased: sent,
            lease,
            fence,
            flight: None,
            gone: gone.clone(),
            waits: Some(until),
        };
        self.0.lock().add(claim, entry);
        Held { gone, claim, book: self.0.clone(), slot: None, pass: None }
    }

    /// Waits until no claim is held. Returns false if none has ended for so long: there may be thousands, and a store
    /// that has much to do takes them a few hundred at a time.
    pub(crate) async fn all_end(&self, patience: Duration) -> bool {
        while !self.0.lock().entries.is_empty() {
            if tokio::time::timeout(patience, self.freed()).await.is_err() {
                return false;
            }
        }
        true
    }

    /// How many more claims of each pool may be made, if there are to be `most` of each; those that are not named have
    /// more room than there are slots, or all of it.
    pub(crate) fn rooms(&self, most: usize, slots: usize) -> Rooms {
        let held = self.0.lock();
        let room = |of: &OfPool| most.saturating_sub(of.held);
        let named = held.pools.iter().filter(|(_, of)| room(of) < slots);
        named.fold(Rooms::of_each(most), |rooms, (pool, of)| rooms.with(pool, room(of)))
    }

    /// How many claims of a pool are held.
    pub(crate) fn held_of(&self, pool: &Pool) -> usize {
        self.0.lock().pools.get(pool).map_or(0, |of| of.held)
    }

    /// How long the claims of a pool last, on average, if any is held and they end as they did: of one that hangs
    /// nothing is known.
    pub(crate) fn lasts(&self, pool: &Pool) -> Option<Duration> {
        let (lasts, ended) = self.0.lock().pools.get(pool)?.lasts?;
        (ended.elapsed() <= (2 * lasts).max(Duration::from_millis(100))).then_some(lasts)
    }

    /// Whether another pool took a slot within this time, or has a claim that waits for no longer than that.
    pub(crate) fn holds_others(&self, pool: &Pool, within: Duration) -> bool {
        let now = Instant::now();
        let is_near = |of: &OfPool| {
            let wants_at = of.waits.first().map(|(until, _)| *until);
            of.last.is_some_and(|last| now.saturating_duration_since(last) < within)
                || wants_at.is_some_and(|until| until.saturating_duration_since(now) < within)
        };
        self.0.lock().pools.iter().any(|(other, of)| other != pool && is_near(of))
    }

    /// Waits until a claim is ended.
    pub(crate) async fn freed(&self) {
        self.0.freed.notified().await;
    }

    /// The number of claims held, without those that wait.
    pub(crate) fn len(&self) -> u32 {
        let held = self.0.lock();
        u32::try_from(held.entries.len() - held.waiting).unwrap_or(u32::MAX)
    }

    /// The claims to renew, if that is done `every` so often: those whose lease began longer ago than that, and those whose
    /// lease is so short that the next time might be too late.
    pub(crate) fn to_renew(&self, every: Duration) -> Vec<ClaimRef> {
        let is_ripe = |entry: &Entry| {
            // What waits is mostly called before that, and leases of thousands are dear.
            let after = if entry.waits.is_some() { entry.lease / 2 } else { every.min(entry.lease / 5) };
            entry.leased.elapsed() >= after
        };
        self.0.lock().entries.iter().filter(|(_, entry)| is_ripe(entry)).map(|(&claim, _)| claim).collect()
    }

    /// The leases of these were prolonged, by a request sent at `sent`.
    pub(crate) fn renewed(&self, claims: &[ClaimRef], sent: Instant) {
        let mut held = self.0.lock();
        for claim in claims {
            if let Some(entry) = held.entries.get_mut(claim) {
                (entry.leased, entry.fence) = (sent, fence(sent, entry.lease));
            }
        }
    }

    /// The passes to extend, if that is done `every` so often.
    pub(crate) fn to_extend(&self, every: Duration) -> Vec<Pass> {
        let held = self.0.lock();
        let ripe = held.entries.values().filter(|entry| entry.since.elapsed() > every);
        ripe.filter_map(|entry| Some(entry.flight.as_ref()?.pass.clone())).collect()
    }

    /// These passes were extended, by a request sent at `sent`, but for those that are `lost`.
    pub(crate) fn extended(&self, passes: &[Pass], lost: &[Pass], sent: Instant) {
        let (passes, lost): (BTreeSet<_>, BTreeSet<_>) = (passes.iter().collect(), lost.iter().collect());
        for entry in self.0.lock().entries.values_mut() {
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
        let held = self.0.lock();
        claims.iter().filter_map(|claim| held.entries.get(claim)).for_each(|entry| entry.gone.cancel());
    }

    /// Gives up those whose fence has passed.
    pub(crate) fn check_fences(&self) {
        self.0.lock().entries.values().filter(|entry| !entry.is_safe()).for_each(|entry| entry.gone.cancel());
    }
}

impl Book {
    fn lock(&self) -> MutexGuard<'_, AllHeld> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AllHeld {
    fn add(&mut self, claim: ClaimRef, entry: Entry) {
        let of = self.pools.entry(entry.pool.clone()).or_default();
        if let Some(until) = entry.waits {
            self.waiting += 1;
            of.waits.insert((until, claim));
        } else {
            of.held += 1;
            of.last = Some(entry.since);
        }
        self.entries.insert(claim, entry);
    }

    fn begin(&mut self, claim: ClaimRef, most: usize) -> bool {
        let Some(entry) = self.entries.get_mut(&claim) else { return false };
        let (Some(until), Some(of)) = (entry.waits, self.pools.get_mut(&entry.pool)) else { return false };
        if of.held >= most {
            return false;
        }
        (entry.waits, entry.since) = (None, Instant::now());
        self.waiting -= 1;
        of.waits.remove(&(until, claim));
        of.held += 1;
        of.last = Some(entry.since);
        true
    }

    fn remove(&mut self, claim: ClaimRef) {
        let Some(entry) = self.entries.remove(&claim) else { return };
        let Some(of) = self.pools.get_mut(&entry.pool) else { return };
        if let Some(until) = entry.waits {
            self.waiting -= 1;
            of.waits.remove(&(until, claim));
        } else {
            let lasted = entry.since.elapsed();
            of.held -= 1;
            let lasts = of.lasts.map_or(lasted, |(lasts, _)| (7 * lasts + lasted) / 8);
            of.lasts = Some((lasts, Instant::now()));
        }
        if of.held == 0 && of.waits.is_empty() {
            self.pools.remove(&entry.pool);
        }
    }
}

/// Until when a claim is safe whose lease began with a request sent at `sent`: from its end on another worker may have
/// it, less a second for what is late.
fn fence(sent: Instant, lease: Duration) -> Instant {
    sent + lease.saturating_sub(Duration::from_secs(1))
}

impl Held {
    /// Whether the claim is safe now, and its call not too late for its pass. Asked right before a call leaves: a process
    /// that was stopped for a while must not send what others have long since taken over.
    pub(crate) fn is_safe(&self) -> bool {
        let held = self.book.lock();
        let in_time = self.pass.as_ref().is_none_or(HeldPass::is_in_time);
        in_time && !self.gone.is_cancelled() && held.entries.get(&self.claim).is_some_and(Entry::is_safe)
    }

    /// Ends the waiting: from now on the claim is one as any other. Returns whether it did; not if its pool has so many
    /// slots already.
    pub(crate) fn begin(&mut self, slot: Slot, most: usize) -> bool {
        let begun = self.book.lock().begin(self.claim, most);
        self.slot = Some(slot).filter(|_| begun);
        begun
    }

    /// Whether it was made with a pass.
    pub(crate) fn has_pass(&self) -> bool {
        self.pass.is_some()
    }

    /// That the host of its pool was down when the pass for it was taken, if it was.
    pub(crate) fn host_was_down(&self) -> Option<Down> {
        self.pass.as_ref()?.down
    }

    /// Notes that a call leaves.
    pub(crate) fn call_leaves(&self) {
        self.pass.as_ref().inspect(|pass| pass.make_use());
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.book.lock().remove(self.claim);
        // The slot first: who waits for a claim to end may want it.
        self.slot.take();
        self.book.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use naptime_core::{Endpoint, JobId, NewJob, Schedule, Spec, Time};
    use uuid::Uuid;

    use super::*;
    use crate::slots::{LARGEST, Slots};

    fn claim(lease: Duration) -> Claim {
        let now = Time::from_millis(0);
        let mut spec = Spec::new(Endpoint::parse("http://target.test/").expect("a URL"), Schedule::Once { at: now });
        spec.lease = lease;
        let mut job = NewJob { id: JobId::from(Uuid::new_v4()), spec, active: true }.into_job(now);
        assert!(job.claim(Uuid::new_v4().into(), Uuid::new_v4().into(), now, Duration::ZERO));
        Claim { lock: job.state.lock().cloned().expect("claimed"), job: job.into(), recorded: None }
    }

    #[tokio::test]
    async fn of_a_pool_that_hangs_it_is_not_known_how_long_its_claims_last() {
        let (registry, slots) = (Registry::default(), Slots::new(2, 2 * LARGEST));
        let mut taken = slots.take_up_to(usize::MAX).await;
        let [one, other] = [(); 2].map(|()| claim(Duration::from_secs(60)));
        let pool = one.job.spec.endpoint.pool().clone();
        let mut hold = |claim| registry.hold(claim, Instant::now(), &mut taken, None).expect("room");
        let (_held, ends) = (hold(&one), hold(&other));
        assert_eq!(registry.lasts(&pool), None, "none has ended");
        drop(ends);
        assert!(registry.lasts(&pool).is_some_and(|lasts| lasts < Duration::from_secs(10)));
        let forgotten = async {
            while registry.lasts(&pool).is_some() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), forgotten).await.expect("none has ended for long");
    }

    #[tokio::test]
    async fn a_short_lease_is_renewed_before_a_long_one_has_to_be() {
        let (registry, slots) = (Registry::default(), Slots::new(2, 2 * LARGEST));
        let mut taken = slots.take_up_to(usize::MAX).await;
        let [short, long] = [claim(Duration::from_secs(5)), claim(Duration::from_secs(60))];
        let hold = |claim| registry.hold(claim, Instant::now(), &mut taken, None).expect("room");
        let _held = [&short, &long].map(hold);
        assert_eq!(registry.to_renew(Duration::from_secs(600)), [], "both are young");
        tokio::time::sleep(Duration::from_millis(1_050)).await;
        assert_eq!(registry.to_renew(Duration::from_secs(600)), [short.reference()]);
        assert_eq!(registry.to_renew(Duration::from_millis(100)).len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_stops_waits_for_claims_as_long_as_some_end() {
        let registry = Registry::default();
        let hold = |_| registry.hold_over(&claim(Duration::from_secs(15)), Instant::now(), Instant::now());
        let mut held: Vec<Held> = (0..5).map(hold).collect();
        let some_end = async {
            for _ in 0..4 {
                tokio::time::sleep(Duration::from_millis(1_500)).await;
                held.pop();
            }
        };
        let begun = Instant::now();
        let (all_ended, ()) = tokio::join!(registry.all_end(Duration::from_secs(2)), some_end);
        assert_eq!((all_ended, begun.elapsed()), (false, Duration::from_secs(8)), "one is left, and 2 s have passed");
        held.pop();
        assert!(registry.all_end(Duration::ZERO).await);
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_is_renewed_at_half_its_lease() {
        let registry = Registry::default();
        let claim = claim(Duration::from_secs(10));
        let until = Instant::now() + Duration::from_secs(3600);
        let _held = registry.hold_over(&claim, Instant::now(), until);
        tokio::time::sleep(Duration::from_millis(4_900)).await;
        assert_eq!(registry.to_renew(Duration::from_secs(2)), []);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(registry.to_renew(Duration::from_secs(2)), [claim.reference()]);
        registry.renewed(&[claim.reference()], Instant::now());
        assert_eq!(registry.to_renew(Duration::from_secs(2)), []);
    }
}
