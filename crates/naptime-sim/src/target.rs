//! The target of all calls: notes each as it arrives, and answers as the scenario says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use naptime_core::claim::AHEAD;
use naptime_core::pool::PASS_LEASE;
use naptime_core::{JobId, Outcome, Plan, PoolSettings, Run, Time, WorkerId};
use naptime_prove::Arrival;
use naptime_store::memory::MemoryStore;
use naptime_store::{Clock, Pools};
use naptime_worker::call::{Answer, Call, LocalFault, Outbound, RetryAfter};
use tokio::time::{Instant, sleep, timeout};

use crate::random::Random;
use crate::scenario::{Behaviour, JobPlan};
use crate::witness::Witness;
use crate::world::BEGINNING;

/// How long after a change of its settings the calls of a pool are not held against them: workers read them every two
/// seconds, and what is in flight by then goes on.
const UNSETTLED: Duration = Duration::from_secs(30);

/// The target of all calls.
pub(crate) struct Target {
    store: MemoryStore,
    witness: Arc<Witness>,
    seed: u64,
    jobs: Vec<JobPlan>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    arrivals: Vec<Arrival>,
    /// The calls under way, by the place of their arrival.
    under_way: BTreeMap<usize, UnderWay>,
    /// When the last calls of each pool began.
    begun: BTreeMap<String, Vec<Time>>,
    /// The calls for each occurrence of each plan of a job.
    tries: BTreeMap<(JobId, Plan, Time), u32>,
}

struct UnderWay {
    job: JobId,
    pool: String,
    worker: WorkerId,
    /// How long its claim lasts without renewal.
    lease: Duration,
    began: Time,
    /// When the target ends it, if nobody else does before.
    ends: Time,
}

/// The way of one worker to the target.
pub(crate) struct Line {
    pub(crate) target: Arc<Target>,
    pub(crate) worker: WorkerId,
    pub(crate) capacity: u32,
}

impl Target {
    pub(crate) fn new(store: MemoryStore, witness: Arc<Witness>, seed: u64, jobs: Vec<JobPlan>) -> Self {
        Self { store, witness, seed, jobs, seen: Mutex::default() }
    }

    /// All calls, in the order of their arrival.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.lock().arrivals.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call of a job, and what must not be of it. Returns the place of its arrival.
    async fn arrive(&self, line: &Line, call: &Call<'_>, number: usize, lasts: Duration) -> usize {
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
        if let (Some(lock), Some(stored)) = (&lock, &stored) {
            if lock.asked_at.is_some() {
                // After a call that was asked for, attempts are counted anew.
                seen.tries.retain(|(job, ..), _| *job != stored.id);
            } else {
                let (tries, most) =
                    (seen.tries.entry((stored.id, lock.plan, due)).or_default(), stored.spec.retry.attempts);
                *tries += 1;
                if *tries > most {
                    violation(format!("{}: called {tries} times for {due}, with {most} attempts", call.endpoint));
                }
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
        if let Some(settings) = settings {
            self.hold_to_limits(&mut seen, &settings, now);
        }
        let at_us = now.millis().saturating_mul(1000);
        seen.arrivals.push(Arrival { endpoint: number, due, at_us, ended_us: Some((now + lasts).millis() * 1000) });
        let place = seen.arrivals.len() - 1;
        if let Some(job) = job {
            let (pool, ends) = (pool.as_str().to_owned(), now + lasts);
            seen.under_way.insert(place, UnderWay { job, pool, worker: line.worker, lease, began: now, ends });
        }
        place
    }

    /// Notes what is beyond the limits of a pool, with this call.
    fn hold_to_limits(&self, seen: &mut Seen, settings: &PoolSettings, now: Time) {
        let begun = seen.begun.entry(settings.pool.as_str().to_owned()).or_default();
        begun.retain(|at| now.since(*at) < Duration::from_secs(1));
        begun.push(now);
        let begun = begun.len();
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

    /// How the call at this place is answered, and after how long.
    fn answer(&self, number: usize, place: usize) -> (Duration, Answer) {
        let mut random = Random::new(self.seed, &[u64::MAX, place as u64]);
        let behaviour = self.jobs.get(number).map_or(Behaviour::Well(Duration::ZERO), |job| job.target);
        let ms = Duration::from_millis;
        let well = |message: &str| Answer {
            outcome: Outcome::Ok,
            status: Some(200),
            message: message.to_owned(),
            transcript: None,
            retry_after: None,
            every: None,
        };
        match behaviour {
            Behaviour::Well(most) => (random.between(Duration::ZERO, most), well("")),
            Behaviour::Hanging if random.one_in(4) => (Duration::from_secs(3600), well("")),
            Behaviour::Hanging => (random.between(ms(1), ms(300)), well("")),
            Behaviour::Steering => {
                let every = random.one_in(3).then(|| format!("{}s", 1 + random.below(4)));
                (random.between(ms(1), ms(3_000)), Answer { every, ..well("") })
            }
            Behaviour::Failing if random.one_in(2) => {
                let pause = random.one_in(3).then(|| RetryAfter::For(Duration::from_secs(random.below(8))));
                let busy = Answer { outcome: Outcome::Failed, status: Some(503), retry_after: pause, ..well("busy") };
                (random.between(ms(1), ms(300)), busy)
            }
            Behaviour::Failing => (random.between(ms(1), ms(300)), well("")),
        }
    }
}

#[async_trait]
impl Outbound for Line {
    async fn call(&self, call: Call<'_>) -> Result<Answer, LocalFault> {
        let number = call.endpoint.channel().as_str().rsplit('/').next().and_then(|number| number.parse().ok());
        let Some(number) = number else { return Err(LocalFault::NoPorts) };
        let place = self.target.lock().arrivals.len();
        let (lasts, answer) = self.target.answer(number, place);
        let place = self.target.arrive(self, &call, number, lasts).await;
        let _ends = Ends { target: &self.target, place };
        // What a frozen caller finds when it goes on had come by then.
        let began = Instant::now();
        match timeout(call.request.timeout, sleep(lasts)).await {
            Ok(()) => Ok(answer),
            Err(_) if began.elapsed() >= lasts => Ok(answer),
            Err(_) => Ok(Answer { outcome: Outcome::Timeout, status: None, message: "no answer".to_owned(), ..answer }),
        }
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
