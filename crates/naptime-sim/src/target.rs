//! The target of all calls: notes each as it arrives, and answers as the scenario says.

mod answer;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use naptime_core::claim::AHEAD;
use naptime_core::pool::{PASS_LEASE, PROBE_EVERY};
use naptime_core::{JobId, Outcome, Pool, PoolSettings, Run, Time, WorkerId};
use naptime_prove::Arrival;
use naptime_store::memory::MemoryStore;
use naptime_store::{Clock, Pools};
use naptime_worker::MAX_BYTES;
use naptime_worker::call::{Answer, Call, LocalFault, Outbound};
use tokio::time::{Instant, sleep, timeout};

use crate::attempts::{Aim, Attempts};
use crate::hosts::Hosts;
use crate::scenario::Scenario;
use crate::witness::Witness;
use crate::world::BEGINNING;

/// How long after a change of its settings the calls of a pool are not held against them: workers read them every two
/// seconds, and what is in flight by then goes on.
pub(crate) const UNSETTLED: Duration = Duration::from_secs(30);

/// How often a machine that has run out may try the same call within a second: it is to pause for as long.
const MOST_FAULTS: usize = 3;

/// The target of all calls.
pub(crate) struct Target {
    store: MemoryStore,
    witness: Arc<Witness>,
    scenario: Scenario,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    arrivals: Vec<Arrival>,
    /// The calls under way, by the place of their arrival.
    under_way: BTreeMap<usize, UnderWay>,
    /// When the last calls of each pool began.
    begun: BTreeMap<String, Vec<Time>>,
    /// When the last call of each pool began.
    last: BTreeMap<String, Time>,
    attempts: Attempts,
    hosts: Hosts,
    /// The calls that each machine could not make within the last second, by endpoint and occurrence.
    faults: BTreeMap<(WorkerId, usize, Time), Vec<Time>>,
}

struct UnderWay {
    job: JobId,
    pool: String,
    worker: WorkerId,
    /// How long its claim lasts without renewal.
    lease: Duration,
    /// The bytes of its request.
    size: usize,
    began: Time,
    /// When the target ends it, if nobody else does before.
    ends: Time,
}

/// The way of one worker to the target.
pub(crate) struct Line {
    pub(crate) target: Arc<Target>,
    pub(crate) worker: WorkerId,
    /// Its number.
    pub(crate) number: usize,
    pub(crate) capacity: u32,
    /// How far its reading of the store's clock lags behind.
    pub(crate) lag: Duration,
}

impl Target {
    pub(crate) fn new(store: MemoryStore, witness: Arc<Witness>, scenario: Scenario) -> Self {
        Self { store, witness, scenario, seen: Mutex::default() }
    }

    /// All calls, in the order of their arrival.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.lock().arrivals.clone()
    }

    /// When the last call of a pool began.
    pub(crate) fn last_call(&self, pool: &Pool) -> Option<Time> {
        self.lock().last.get(pool.as_str()).copied()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call of a job, and what must not be of it. Returns the place of its arrival, and what it is an attempt at.
    async fn arrive(&self, line: &Line, call: &Call<'_>, number: usize, lasts: Duration) -> (usize, Option<Aim>) {
        let settings = self.store.pool_settings(std::slice::from_ref(call.endpoint.pool())).await;
        let settings = settings.ok().and_then(|mut settings| settings.pop());
        let (now, due) = (self.store.now(), call.headers.due);
        let pool = call.endpoint.pool();
        let job: Option<JobId> = call.headers.idempotency_key.get(..36).and_then(|id| id.parse().ok());
        let stored = job.and_then(|id| self.store.job(id));
        self.witness.happened(now, || format!("call {} due {due} by {}", call.endpoint, line.worker.name()));
        let violation = |what: String| self.witness.violation(now, what);
        if due > now {
            violation(format!("{}: called before it was due at {due}", call.endpoint));
        }
        let mut seen = self.lock();
        let lock = stored.as_ref().and_then(|job| job.state.lock().cloned());
        let lease = lock.as_ref().map_or(Duration::ZERO, |lock| lock.lease);
        let lease_ends = stored.as_ref().and_then(|job| job.state.claim_at()).unwrap_or(now);
        let waited = lock.as_ref().filter(|lock| lock.at > lock.since + AHEAD);
        if let (Some(lock), Some(stored)) = (waited, &stored)
            && stored.plan != lock.plan
            // It was asked for edits within that time.
            && stored.updated_at + AHEAD < now
        {
            violation(format!("[4] {}: called though it was edited at {}", call.endpoint, stored.updated_at));
        }
        let mut aim = None;
        if let (Some(lock), Some(stored)) = (&lock, &stored) {
            let place = seen.arrivals.len();
            aim = Some(seen.attempts.begin((stored, lock), (place, due, now), violation));
            let late = stored.spec.misfire.late.filter(|_| lock.asked_at.is_none() && lock.attempt == 1);
            // What waits for its time leaves when it gets a slot, by the clock of its worker, and all else right after
            // its claim.
            let leaves = if waited.is_some() { now - line.lag } else { lock.at.max(lock.since) };
            if late.is_some_and(|late| leaves.since(due) > late) {
                violation(format!("[7] {}: called for {due}, which is later than it may be", call.endpoint));
            }
        }
        if lock.is_none_or(|lock| lock.worker != line.worker) {
            violation(format!("[2] {}: called by {}, which does not hold it", call.endpoint, line.worker.name()));
        } else if lease_ends <= now {
            violation(format!("[1] {}: called after its lease was over", call.endpoint));
        }
        let is_recorded = |run: &Run| run.due == due && run.outcome == Outcome::Ok && !run.manual;
        if let Some(stored) = stored.as_ref().filter(|job| job.state.lock().is_some_and(|it| !it.lost.is_empty()))
            && self.store.runs_of(stored.id).iter().any(is_recorded)
        {
            violation(format!("[7] {}: called again for {due}, though a run says that it ended well", call.endpoint));
        }
        seen.under_way.retain(|_, other| other.ends > now);
        for other in seen.under_way.values().filter(|other| Some(other.job) == job) {
            if let Some(ends) = self.witness.lease(other.job, other.worker).filter(|ends| *ends > now) {
                violation(format!("[1] {}: called during a call whose lease ends {ends}", call.endpoint));
            }
        }
        let held = seen.under_way.values().filter(|other| other.worker == line.worker).count() + 1;
        if held > line.capacity as usize {
            violation(format!("[10] {held} calls are under way for {} slots", line.capacity));
        }
        let size = call.request.size();
        let bytes =
            seen.under_way.values().filter(|other| other.worker == line.worker).map(|it| it.size).sum::<usize>();
        if bytes + size > MAX_BYTES {
            violation(format!("[10] requests of {} bytes are under way by one worker", bytes + size));
        }
        if let Some(settings) = settings {
            self.hold_to_limits(&mut seen, &settings, now);
        }
        let at_us = now.millis().saturating_mul(1000);
        seen.arrivals.push(Arrival { endpoint: number, due, at_us, ended_us: Some((now + lasts).millis() * 1000) });
        let place = seen.arrivals.len() - 1;
        if let Some(job) = job {
            let (pool, ends) = (pool.as_str().to_owned(), now + lasts);
            seen.under_way.insert(place, UnderWay { job, pool, worker: line.worker, lease, size, began: now, ends });
        }
        (place, aim)
    }

    /// Notes what is beyond the limits of a pool, with this call.
    fn hold_to_limits(&self, seen: &mut Seen, settings: &PoolSettings, now: Time) {
        let last = seen.last.insert(settings.pool.as_str().to_owned(), now);
        let probed = settings.down.filter(|down| down.is_probing() && down.turned_at + UNSETTLED < now);
        if let (Some(_), Some(last)) = (probed, last)
            && now.since(last) < PROBE_EVERY
        {
            self.witness.violation(now, format!("[11] {} is down, and was called at {last} as well", settings.pool));
        }
        let begun = seen.begun.entry(settings.pool.as_str().to_owned()).or_default();
        begun.retain(|at| now.since(*at) < Duration::from_secs(1));
        begun.push(now);
        let begun = begun.len();
        let violation = |what: String| self.witness.violation(now, what);
        seen.hosts.call(&self.scenario, settings, (begun, now), violation);
        let is_settled = |at: Time| settings.updated_at <= BEGINNING || at > settings.updated_at + UNSETTLED;
        if !is_settled(now) {
            return;
        }
        if !settings.active {
            self.witness.violation(now, format!("[11] {} is off, and called", settings.pool));
        }
        if settings.max_per_second.is_some_and(|most| begun > most as usize) {
            self.witness.violation(now, format!("[11] {begun} calls of {} began within a second", settings.pool));
        }
        // The pass of a worker that is gone comes back when it runs out, though its call may go on.
        // Passes are prolonged together with leases, and may be shorter.
        let has_run_out = |other: &UnderWay, ends: Time| ends - other.lease + PASS_LEASE.min(other.lease) <= now;
        let lease = |other: &UnderWay| self.witness.lease(other.job, other.worker);
        let lease_lasts = |other: &UnderWay| lease(other).is_some_and(|ends| !has_run_out(other, ends));
        let counts = |other: &UnderWay| other.pool == settings.pool.as_str() && is_settled(other.began);
        let has_pass = |other: &&UnderWay| counts(other) && lease_lasts(other);
        let in_flight = seen.under_way.values().filter(has_pass).count() + 1;
        if settings.max_in_flight.is_some_and(|most| in_flight > most as usize) {
            self.witness.violation(now, format!("[11] {in_flight} calls of {} are in flight", settings.pool));
        }
    }

    /// Notes that a machine could not make a call, and whether it keeps trying that.
    fn fault(&self, line: &Line, call: &Call<'_>, number: usize) {
        let (now, due) = (self.store.now(), call.headers.due);
        let mut seen = self.lock();
        let faults = seen.faults.entry((line.worker, number, due)).or_default();
        faults.retain(|at| now.since(*at) < Duration::from_secs(1));
        faults.push(now);
        if faults.len() > MOST_FAULTS {
            self.witness.violation(
                now,
                format!("{} was tried {} times in a second by a machine that has run out", call.endpoint, faults.len()),
            );
        }
    }

    /// A call ended, by its target or its caller.
    fn end(&self, place: usize) {
        let now = self.store.now();
        let mut seen = self.lock();
        seen.under_way.remove(&place);
        if let Some(arrival) = seen.arrivals.get_mut(place) {
            let now_us = now.millis().saturating_mul(1000);
            arrival.ended_us = arrival.ended_us.map(|planned| planned.min(now_us));
        }
    }
}

#[async_trait]
impl Outbound for Line {
    async fn call(&self, call: Call<'_>) -> Result<Answer, LocalFault> {
        let number = call.endpoint.channel().as_str().rsplit('/').next().and_then(|number| number.parse().ok());
        let Some(number) = number else { return Err(LocalFault::NoPorts) };
        let place = self.target.lock().arrivals.len();
        let (lasts, answer) = self.target.answer(number, call.endpoint.pool(), place);
        let after = self.target.store.now().since(BEGINNING);
        if self.target.scenario.is_exhausted(self.number, after) {
            self.target.fault(self, &call, number);
            return Err(LocalFault::NoPorts);
        }
        let (place, aim) = self.target.arrive(self, &call, number, lasts).await;
        let _ends = Ends { target: &self.target, place };
        // What a frozen caller finds when it goes on had come by then.
        let began = Instant::now();
        let answer = match timeout(call.request.timeout, sleep(lasts)).await {
            Ok(()) => answer,
            Err(_) if began.elapsed() >= lasts => answer,
            Err(_) => Answer { outcome: Outcome::Timeout, status: None, message: "no answer".to_owned(), ..answer },
        };
        if let Some(aim) = aim {
            self.target.lock().attempts.end(&aim, place, &answer, self.target.store.now());
        }
        Ok(answer)
    }
}

/// Ends a call when its caller is done with it.
struct Ends<'a> {
    target: &'a Target,
    place: usize,
}

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.target.end(self.place);
    }
}
