//! Finds due jobs and takes them, as many as there are slots.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use naptime_core::{Claim, Partition, Then, Time};
use naptime_store::{Result, SIGHT, Want};
use uuid::Uuid;

use crate::outage::backoff;
use crate::slots::Taken;
use crate::{LOOKAHEAD, Shared, holding};

/// How long before its due time a job is looked for: time enough to claim it, and less than the lookahead, so that one
/// look takes all that is due in the time between.
pub(crate) const MARGIN: Duration = Duration::from_millis(40);
/// How late a job must be for a worker whose partition it is not.
const STEAL_AFTER: Duration = Duration::from_millis(250);
/// The pause when others were faster, or a lease is about to end.
const CONTENDED: Duration = Duration::from_millis(5);

/// How long a worker whose slots are all in use waits for several to be free. A look for one job costs nearly as much as
/// one for many.
const SEVERAL: Duration = Duration::from_millis(5);

/// Claims until told to stop. A claim under way is waited for: what it takes must not be left to run out.
pub(crate) async fn run(shared: Arc<Shared>) {
    if shared.stopping.run_until_cancelled(shared.pools.known()).await.is_none() {
        return;
    }
    let mut failures = 0;
    let mut stole = Instant::now();
    let slots = async || {
        if shared.behind.load(Ordering::Relaxed) {
            let _ = tokio::time::timeout(SEVERAL, shared.slots.several_free()).await;
        }
        shared.slots.take().await
    };
    while let Some(mut taken) = shared.stopping.run_until_cancelled(slots()).await {
        let steal = stole.elapsed() >= STEAL_AFTER;
        if steal {
            stole = Instant::now();
        }
        let looked = look(&shared, &mut taken, steal).await;
        failures = if looked.is_ok() { 0 } else { failures + 1 };
        drop(taken);
        let (pause, crowded) = looked.unwrap_or_else(|_| (backoff(failures), false));
        shared.behind.store(pause.is_zero() || crowded, Ordering::Relaxed);
        let pausing = async {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shared.registry.freed(), if crowded => {}
            }
        };
        if !pause.is_zero() && shared.stopping.run_until_cancelled(pausing).await.is_none() {
            break;
        }
    }
}

/// Takes what is due at home and, if it is time, what others are late with. Returns how long to pause, and whether a
/// slot that is freed ends that: jobs of one pool were left, to keep slots for others.
async fn look(shared: &Arc<Shared>, taken: &mut Taken, steal: bool) -> Result<(Duration, bool)> {
    let home = shared.share.home();
    let has_home = !home.is_empty();
    let found = claim(shared, taken, home, Duration::ZERO).await?;
    let soon = found.next.is_some_and(|next| next.since(shared.store.now()) <= SIGHT);
    // A worker learns a moment after its start which partitions are its own.
    if has_home || steal {
        shared.fair.note_ordinary(found.count > 0 || soon || found.left.is_some());
    }
    if steal {
        claim(shared, taken, shared.share.others(), STEAL_AFTER).await?;
    }
    let idle = shared.settings.sleep;
    let pause = match found.next.map(|next| (next - MARGIN).since(shared.store.now())) {
        Some(Duration::ZERO) if found.count == 0 => CONTENDED,
        Some(until) => until.min(idle),
        None => idle,
    };
    Ok((found.left.map_or(pause, |left| left.min(pause)), found.left.is_some()))
}

/// What came of a claim.
#[derive(Default)]
struct Claimed {
    count: usize,
    /// When there is more.
    next: Option<Time>,
    /// How long to leave what was passed over.
    left: Option<Duration>,
}

/// Claims from these partitions and sets the claims to work.
async fn claim(shared: &Arc<Shared>, taken: &mut Taken, partitions: Vec<Partition>, late: Duration) -> Result<Claimed> {
    if partitions.is_empty() || taken.slots() == 0 {
        return Ok(Claimed::default());
    }
    let at_home = late.is_zero();
    let rooms = shared.fair.rooms(&shared.registry, taken.slots(), at_home, shared.store.now());
    let want = Want {
        worker: shared.id,
        token: Uuid::now_v7().into(),
        slots: taken.slots(),
        bytes: taken.bytes(),
        partitions,
        late,
        lookahead: LOOKAHEAD,
        gate: None,
        rooms,
    };
    let sent = Instant::now();
    let mut found = shared.outage.note(shared.store.claim(&want).await)?;
    let took = sent.elapsed();
    let count = found.claims.len();
    let gated = |claim: &Claim| shared.pools.is_gated(claim.job.spec.endpoint.pool());
    if found.claims.iter().any(gated) {
        // Their pool has changed, and it has not come to its jobs yet, or not to this worker. If it cannot be read now,
        // what is known counts.
        let _ = shared.pools.refresh(shared).await;
    }
    let mut given_back = Vec::new();
    for claim in std::mem::take(&mut found.claims) {
        let held = if gated(&claim) { None } else { shared.registry.hold(&claim, sent, taken, None) };
        match held {
            Some(held) => holding::start(shared, claim, held),
            // Or its request has grown since it was looked at, and there is no room for it.
            None => given_back.push(claim.settled(None, Then::GiveBack)),
        }
    }
    if !given_back.is_empty() {
        // After all others are at work: a failure here must not leave them lying until their leases end.
        shared.outage.note(shared.store.settle(&given_back).await)?;
    }
    let looked = want.rooms.look_past().map(|_| took);
    let left = || shared.fair.note(&shared.registry, &found, looked, shared.store.now());
    Ok(Claimed { count, next: found.next, left: at_home.then(left).flatten() })
}
