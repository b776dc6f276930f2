//! Finds due jobs of pools that have limits. First a pass, then a job: as many passes are taken as there are slots and
//! the limits leave, as many jobs are claimed as there are passes, and what is left over is freed at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use naptime_core::{PassId, Pool, Then, Time};
use naptime_store::{Passes, Result, Rooms, Take, Want};
use uuid::Uuid;

use crate::outage::backoff;
use crate::passes::HeldPass;
use crate::{Shared, holding};

/// The most passes taken at once.
const MAX_BATCH: usize = 100;
/// How soon after it asked for a pass a worker makes its call, where there is a limit per second. The pass lasts so much
/// longer than a second, so what is long costs speed; where the store is far away, it has to be longer.
const LEAVES_WITHIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// The pauses between looks for a free pass. Passes that this worker frees itself end them early.
const LOOKS: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(200));
/// The most pools served at once.
const AT_ONCE: usize = 8;
/// The pause when others were faster, or a lease is about to end.
const CONTENDED: Duration = Duration::from_millis(5);

/// What is known of a pool from the last times.
struct Turn {
    /// How many passes to take: few, until it is seen that there is work for more.
    batch: usize,
    /// The time in which calls have to leave.
    leaves_within: Duration,
    /// All passes are taken; look again then.
    wait: Option<Instant>,
    /// Whether a pass that is freed may end that wait.
    for_flight: bool,
    /// How long to wait the next time.
    look: Duration,
}

impl Default for Turn {
    fn default() -> Self {
        Self { batch: 1, leaves_within: LEAVES_WITHIN.0, wait: None, for_flight: false, look: LOOKS.0 }
    }
}

/// Claims until told to stop. A claim under way is waited for: what it takes must not be left to run out.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut turns: HashMap<Pool, Turn> = HashMap::new();
    let mut failures = 0;
    loop {
        let looked = look(&shared, &mut turns).await;
        failures = if looked.is_ok() { 0 } else { failures + 1 };
        let pause = looked.unwrap_or_else(|_| backoff(failures));
        let freed = async {
            tokio::select! {
                () = tokio::time::sleep(pause) => false,
                () = shared.passes.freed.notified() => true,
            }
        };
        let Some(freed) = shared.stopping.run_until_cancelled(freed).await else { break };
        for turn in turns.values_mut().filter(|turn| freed && turn.for_flight) {
            turn.wait = None;
        }
    }
}

/// Takes what is due of each limited pool. Returns how long to pause.
async fn look(shared: &Arc<Shared>, turns: &mut HashMap<Pool, Turn>) -> Result<Duration> {
    let mut pause = shared.settings.sleep;
    let limited = shared.pools.limited();
    turns.retain(|pool, _| limited.contains(pool));
    if limited.is_empty() {
        shared.fair.note_gated(None);
        return Ok(pause);
    }
    let next = shared.outage.note(shared.store.next_in(&limited).await)?;
    let next: HashMap<Pool, Time> = next.into_iter().collect();
    for pool in next.keys() {
        turns.entry(pool.clone()).or_default();
    }
    let now = shared.store.now();
    let ready = |pool, turn: &Turn| {
        let wait = turn.wait.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
        next.get(pool).map(|&at: &Time| at.max(now + wait))
    };
    let ready: HashMap<Pool, Time> =
        turns.iter().filter_map(|(pool, turn)| Some((pool.clone(), ready(pool, turn)?))).collect();
    shared.fair.note_gated(ready.values().min().copied());
    let mut serving = Vec::new();
    for (pool, turn) in turns.iter_mut() {
        let Some(&at) = ready.get(pool) else { continue };
        if at <= now {
            let others = ready.iter().filter(|(other, _)| *other != pool).map(|(_, &at)| at).min();
            serving.push(serve(shared, pool, turn, others));
        } else {
            pause = pause.min(at.since(now));
        }
    }
    // All are served, whatever becomes of one of them.
    let served: Vec<Result<Duration>> = stream::iter(serving).buffer_unordered(AT_ONCE).collect().await;
    for until_next in served {
        pause = pause.min(until_next?);
    }
    Ok(pause)
}

/// Takes passes, and jobs with them; `others` is when other such pools have work. Returns how long to leave the pool
/// alone.
async fn serve(shared: &Arc<Shared>, pool: &Pool, turn: &mut Turn, others: Option<Time>) -> Result<Duration> {
    let room = shared.fair.room(&shared.registry, pool, others, shared.store.now());
    if room == 0 {
        // A pass that is freed with a slot of this pool ends that.
        return Ok(shared.settings.sleep);
    }
    let taking = shared.slots.take_up_to(turn.batch.min(room));
    let Some(mut taken) = shared.stopping.run_until_cancelled(taking).await else { return Ok(Duration::ZERO) };
    let wanted = taken.slots();
    let sent = Instant::now();
    let (granted, mut passes) = take(shared, pool, wanted, turn.leaves_within, sent).await?;
    let held = passes.len();
    if held == 0 {
        return Ok(turn.pause(&granted, shared.store.now()));
    }
    let want = Want {
        worker: shared.id,
        token: Uuid::now_v7().into(),
        slots: held,
        bytes: taken.bytes(),
        partitions: Vec::new(),
        late: Duration::ZERO,
        // What is claimed ahead would wait, and its pass run out.
        lookahead: Duration::ZERO,
        gate: Some(pool.clone()),
        rooms: Rooms::default(),
    };
    let claiming = Instant::now();
    let found = shared.outage.note(shared.store.claim(&want).await)?;
    turn.measure(sent.elapsed());
    let count = found.claims.len();
    let mut given_back = Vec::new();
    for claim in found.claims {
        // Moved to another pool since it was claimed.
        let moved = claim.job.spec.endpoint.pool() != pool;
        let pass = passes.pop().filter(|_| !moved);
        match pass.and_then(|pass| shared.registry.hold(&claim, claiming, &mut taken, Some(pass))) {
            Some(held) => holding::start(shared, claim, held),
            None => given_back.push(claim.settled(None, Then::GiveBack)),
        }
    }
    drop(passes);
    drop(taken);
    if !given_back.is_empty() {
        shared.outage.note(shared.store.settle(&given_back).await)?;
    }
    (turn.wait, turn.look) = (None, LOOKS.0);
    Ok(if count < held {
        turn.batch = count.max(1);
        found.next.map_or(shared.settings.sleep, |next| next.since(shared.store.now())).max(CONTENDED)
    } else if held < wanted {
        turn.pause(&granted, shared.store.now())
    } else {
        turn.batch = (2 * held).min(MAX_BATCH);
        Duration::ZERO
    })
}

/// Takes so many passes, or as many as are free.
async fn take(
    shared: &Shared,
    pool: &Pool,
    wanted: usize,
    leaves_within: Duration,
    sent: Instant,
) -> Result<(Passes, Vec<HeldPass>)> {
    let ids: Vec<PassId> = (0..wanted).map(|_| Uuid::now_v7().into()).collect();
    let take = Take { pool: pool.clone(), ids: ids.clone(), leaves_within };
    let hold = |granted: Passes| {
        let leaves_by = granted.per_second.then(|| sent + leaves_within);
        let hold = |id| shared.passes.hold(pool, id, sent, granted.in_flight, leaves_by);
        ids.into_iter().take(granted.granted).map(hold).collect::<Vec<_>>()
    };
    match shared.outage.note(shared.store.take_passes(&take).await) {
        Ok(granted) => Ok((granted, hold(granted))),
        Err(error) => {
            // They may have been taken: free all.
            drop(hold(Passes { granted: wanted, ..Passes::default() }));
            Err(error)
        }
    }
}

impl Turn {
    /// All passes are taken: how long to wait for one.
    fn pause(&mut self, granted: &Passes, now: Time) -> Duration {
        let pause = match granted.next {
            // Others may be faster, or may not use what they took.
            Some(next) => next.since(now).clamp(CONTENDED, LOOKS.1),
            None => self.look,
        };
        self.look = (2 * self.look).min(LOOKS.1);
        self.for_flight = granted.next.is_none();
        self.wait = Some(Instant::now() + pause);
        self.batch = self.batch.div_ceil(2);
        pause
    }

    /// Notes how long it took to have pass and job, and leaves room for three times that.
    fn measure(&mut self, took: Duration) {
        let (least, most) = LEAVES_WITHIN;
        let room = (3 * took).max((7 * self.leaves_within + 3 * took) / 8);
        self.leaves_within = room.clamp(least, most);
    }
}
