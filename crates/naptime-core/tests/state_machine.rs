//! The state machine of a job under anything that workers, people and time may do to it, in any order.
//!
//! Each message of a failure begins with the number of the invariant of ARCHITECTURE.md that is broken.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use naptime_core::state::LEASE;
use naptime_core::{
    Bounds, Change, Claim, Duty, Edit, Endpoint, Job, JobId, Lock, Misfire, NewJob, Outcome, Retry, Run, Schedule,
    Settled, Spec, Then, Time, Token, WorkerId,
};
use proptest::prelude::*;
use uuid::Uuid;

const START: i64 = 100_000;
/// A job that is switched on never waits for longer than this beyond what is due.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// What may happen. Claims are named by their order, the latest being 0.
#[derive(Clone, Debug)]
enum Event {
    /// Time passes.
    Wait(u64),
    /// Time passes until the job can be claimed, and so much more or (negative) less.
    WaitForClaim(i64),
    /// A worker tries to claim, this far ahead.
    Claim(u64),
    /// A worker reads back what it claimed. Without this it happens when the claim is finished or given back.
    Read(usize),
    Renew(usize),
    /// A worker does its duty and settles. The call ends like this, and the target asks for this pause in seconds.
    Finish(usize, Outcome, Option<u64>),
    /// The same, and the worker wants the next occurrence at once.
    HoldOver(usize, Outcome),
    /// A worker does its duty and dies after it has recorded the run.
    Record(usize, Outcome),
    /// A worker changes its mind before it has called.
    GiveBack(usize),
    /// A message that ended a claim arrives once more.
    SettleAgain(usize),
    Edit(Edit),
    /// A person changes one setting, and leaves the rest as it is.
    Set(Setting),
}

/// A setting that the schedule does not depend on.
#[derive(Clone, Debug)]
enum Setting {
    Name(String),
    Retry(Retry),
    Misfire(Misfire),
}

use Event::{Finish, GiveBack, HoldOver, Read, Record, Renew, SettleAgain, Wait, WaitForClaim};

/// A claim in the hands of a worker, from its lock to its end, lost or not.
struct Held {
    token: Token,
    claim: Option<Claim>,
    settled: Option<Settled>,
}

/// The plan in force: what the occurrences are counted by.
struct InForce {
    schedule: Schedule,
    period: Duration,
    first: Time,
}

/// A job, and beside it the books that it ought to keep.
struct World {
    job: Job,
    now: Time,
    claims: Vec<Held>,
    /// The runs recorded by claims that did not settle.
    recorded: HashMap<Token, Run>,
    /// The live claim, or the one that was lost last, and the end of its lease.
    lease: Option<(Token, Time)>,
    plan: Option<InForce>,
    /// The occurrences of the plans before.
    occurrences: u64,
    /// Those of them that were being called when their plan ended, and are not accounted for yet.
    left: u64,
    /// The claims of the present occurrence that were not given back.
    tries: u32,
    /// The occurrences that were settled, by plan.
    done: HashSet<(i64, Time)>,
}

impl InForce {
    /// Whether the bounds leave this point of the grid. The only exception there is lasts from 00:02 to 00:03.
    fn leaves(&self, point: Time) -> bool {
        let Some(bounds) = self.schedule.bounds() else { return true };
        let is_excepted = !bounds.except.is_empty() && (120_000..180_000).contains(&(point.millis() % 86_400_000));
        let is_paused = bounds.pause.as_ref().is_some_and(|pause| pause.until.is_none_or(|until| point < until));
        !is_excepted && !is_paused && bounds.until.is_none_or(|until| point <= until)
    }

    /// How many occurrences come before `end`.
    fn count_before(&self, end: Time) -> u64 {
        let end = self.schedule.bounds().and_then(|bounds| bounds.until).map_or(end, |until| end.min(after(until)));
        let points = u64::try_from(end.since(self.first).as_millis().div_ceil(self.period.as_millis())).unwrap();
        if self.schedule.bounds().is_none() {
            return points;
        }
        let points = (0..points).map(|n| self.first + Duration::from_millis(n * self.period.as_millis() as u64));
        points.filter(|point| self.leaves(*point)).count() as u64
    }

    /// Whether nothing may be due any more.
    fn may_be_over(&self) -> bool {
        self.schedule.bounds().is_some_and(|bounds| bounds.until.is_some() || is_halted(bounds))
    }
}

/// Whether somebody is to take the pause away.
fn is_halted(bounds: &Bounds) -> bool {
    bounds.pause.as_ref().is_some_and(|pause| pause.until.is_none())
}

fn after(at: Time) -> Time {
    at + Duration::from_millis(1)
}

impl World {
    fn new(period: u64, anchor: i64) -> Self {
        Self::of(every_millis(period, anchor))
    }

    fn of(schedule: Schedule) -> Self {
        let now = Time::from_millis(START);
        let spec = Spec::new(Endpoint::parse("http://foobar.net/").unwrap(), schedule);
        let job = NewJob { id: JobId::from(Uuid::from_u128(1)), spec, active: true }.into_job(now);
        let mut world = Self {
            job,
            now,
            claims: Vec::new(),
            recorded: HashMap::new(),
            lease: None,
            plan: None,
            occurrences: 0,
            left: 0,
            tries: 0,
            done: HashSet::new(),
        };
        world.plan = world.in_force();
        world
    }

    fn in_force(&self) -> Option<InForce> {
        let period = self.job.spec.schedule.period().unwrap();
        self.job.state.due.map(|first| InForce { schedule: self.job.spec.schedule.clone(), period, first })
    }

    fn happen(&mut self, event: &Event) {
        let before = self.job.clone();
        match event {
            Wait(millis) => self.now = self.now + Duration::from_millis(*millis),
            WaitForClaim(more) => {
                if let Some(at) = self.job.state.claim_at() {
                    self.now = self.now.max(Time::from_millis(at.millis() + more));
                }
            }
            Event::Claim(lookahead) => self.claim(Duration::from_millis(*lookahead)),
            Read(which) => {
                if let Some(index) = self.index(*which) {
                    self.read(index);
                }
            }
            Renew(which) => {
                if let Some(index) = self.index(*which) {
                    self.renew(index);
                }
            }
            Finish(which, outcome, asked) => {
                if let Some((index, claim)) = self.duty(*which) {
                    let settled = self.perform(&claim, *outcome, *asked);
                    self.settle(index, settled);
                }
            }
            HoldOver(which, outcome) => {
                if let Some((index, claim)) = self.duty(*which) {
                    let token = Some(self.fresh());
                    let settled = Settled { hold_over: token, ..self.perform(&claim, *outcome, None) };
                    self.settle(index, settled);
                }
            }
            Record(which, outcome) => {
                if let Some((_, claim)) = self.duty(*which)
                    && let Some(run) = self.perform(&claim, *outcome, None).run
                {
                    // Whoever records first is right.
                    self.recorded.entry(run.token).or_insert(run);
                }
            }
            GiveBack(which) => {
                if let Some((index, claim)) = self.duty(*which)
                    && matches!(claim.duty(), Duty::Call { .. })
                    && !self.recorded.contains_key(&claim.lock.token)
                {
                    self.settle(index, claim.settled(None, Then::GiveBack));
                }
            }
            SettleAgain(which) => {
                if let Some(settled) = self.index(*which).and_then(|index| self.claims[index].settled.clone()) {
                    assert!(!self.job.settle(&settled, self.now), "a claim ended twice");
                    assert_eq!(self.job, before, "4: a late settle changes nothing");
                }
            }
            Event::Edit(edit) => self.edit(edit),
            Event::Set(setting) => self.edit(&set(Spec::clone(&self.job.spec), setting.clone())),
        }
        if !matches!(event, Event::Edit(_) | Event::Set(_)) {
            let after = Job { state: before.state.clone(), ..self.job.clone() };
            assert_eq!(after, before, "4: workers write no configuration");
            if before.state.lock().is_some_and(|lock| lock.plan != before.plan) {
                let called = before.state.lock().and_then(|lock| lock.due) == before.state.due;
                assert!(
                    self.job.state.due == before.state.due || called,
                    "4: a settle keeps what an edit has set, but for what was called"
                );
            }
        }
        self.check();
    }

    fn index(&self, which: usize) -> Option<usize> {
        self.claims.len().checked_sub(which % self.claims.len().max(1) + 1)
    }

    fn claim(&mut self, lookahead: Duration) {
        let token = self.fresh();
        let before = self.job.state.clone();
        if !self.job.claim(WorkerId::from(Uuid::from_u128(1)), token, self.now, lookahead) {
            return;
        }
        match self.lease {
            Some((_, end)) => assert!(end <= self.now, "1: claimed while a lease lives"),
            None => assert!(before.claim_at().unwrap() <= self.now + lookahead, "claimed early"),
        }
        self.lease = Some((token, self.now + LEASE));
        self.tries += u32::from(took_on(self.job.state.lock().unwrap()));
        self.claims.push(Held { token, claim: None, settled: None });
    }

    fn fresh(&self) -> Token {
        Token::from(Uuid::from_u128(1000 + self.claims.len() as u128))
    }

    /// Reads a claim back, if it is still the one held, and records the runs of those lost before it.
    fn read(&mut self, index: usize) {
        let held = &mut self.claims[index];
        let lock = self.job.state.lock().cloned().filter(|lock| lock.token == held.token);
        if let (None, Some(lock)) = (&held.claim, lock) {
            let mut claim = Claim { job: self.job.clone().into(), lock, recorded: None };
            for lost in claim.lost_runs(self.now) {
                assert!(lost.due <= self.now, "a run is recorded as lost that was not due");
                match self.recorded.get(&lost.token) {
                    Some(run) => claim.take_over(run.clone()),
                    None => drop(self.recorded.insert(lost.token, lost)),
                }
            }
            held.claim = Some(claim);
        }
    }

    fn renew(&mut self, index: usize) {
        let token = self.claims[index].token;
        let live = self.is_live(token);
        assert_eq!(self.job.renew(token, self.now), live, "1: the live claim and no other can be renewed");
        if live {
            self.lease = Some((token, self.now + LEASE));
        }
    }

    fn is_live(&self, token: Token) -> bool {
        self.lease.is_some_and(|(live, _)| live == token)
    }

    /// A claim that a worker has read and not ended yet.
    fn duty(&mut self, which: usize) -> Option<(usize, Claim)> {
        let index = self.index(which)?;
        self.read(index);
        let held = &self.claims[index];
        Some((index, held.claim.clone().filter(|_| held.settled.is_none())?))
    }

    /// Does what is to be done with a claim, and says how it ends.
    fn perform(&mut self, claim: &Claim, outcome: Outcome, asked: Option<u64>) -> Settled {
        // What can be counted here: the tries of the present occurrence.
        let counted = self.is_live(claim.lock.token) && claim.job.plan == self.job.plan;
        let attempts = claim.job.spec.retry.attempts;
        match claim.duty() {
            Duty::Call { at, due, manual } => {
                assert!(at >= due, "called early");
                let late = claim.job.spec.misfire.late.filter(|_| !manual && claim.attempt() == 1);
                assert!(late.is_none_or(|late| at.max(claim.lock.since).since(due) <= late), "14: called too late");
                if counted && !manual {
                    assert!(self.tries <= attempts, "{} tries of {attempts}", self.tries);
                    self.check_unanswered(claim);
                }
                self.now = self.now.max(at);
                let run = Run {
                    token: claim.lock.token,
                    job: self.job.id,
                    worker: claim.lock.worker,
                    due,
                    started: at,
                    finished: self.now,
                    outcome,
                    status: (outcome == Outcome::Failed).then_some(503),
                    message: String::new(),
                    attempt: claim.attempt(),
                    manual,
                    skipped: None,
                };
                let then = claim.conclude(&run, asked.map(Duration::from_secs));
                claim.settled(Some(run), then)
            }
            Duty::Settle(then) => {
                assert!(claim.recorded.is_none() || then != Then::GiveBack, "7: a recorded call is thrown away");
                if counted && claim.recorded.is_none() && matches!(then, Then::Next { .. }) {
                    assert!(self.tries > attempts, "7: given up after {} tries of {attempts}", self.tries - 1);
                }
                if claim.recorded.is_none() && claim.lock.asked_at.is_some() {
                    let tries = claim.lock.lost.iter().filter(|lost| lost.asked_at == claim.lock.asked_at).count();
                    assert!(then != Then::Keep || tries >= attempts as usize, "a call asked for is not made");
                }
                claim.settled_uncalled(then)
            }
        }
    }

    /// No claim of the occurrence recorded a run from which nobody has settled: it is called again for want of an answer
    /// only, or because that answer asks for a retry.
    fn check_unanswered(&self, claim: &Claim) {
        for earlier in self.claims.iter().filter_map(|held| held.claim.as_ref()) {
            let same = earlier.lock.token != claim.lock.token
                && (earlier.lock.plan, earlier.lock.due) == (claim.lock.plan, claim.lock.due);
            let Some(run) = self.recorded.get(&earlier.lock.token).filter(|run| same && !run.manual) else { continue };
            let settled = self.claims.iter().filter_map(|held| held.settled.as_ref());
            let is_settled = settled.into_iter().any(|it| {
                it.claim.token == run.token || it.run.as_ref().is_some_and(|settled| settled.token == run.token)
            });
            assert!(run.outcome == Outcome::Lost || is_settled, "7: called again though its run was recorded");
        }
    }

    fn settle(&mut self, index: usize, settled: Settled) {
        let before = self.job.clone();
        let live = self.is_live(settled.claim.token);
        assert_eq!(self.job.settle(&settled, self.now), live, "1: the live claim and no other is settled");
        if live {
            let once = self.job.clone();
            assert!(!self.job.settle(&settled, self.now));
            assert_eq!(self.job, once, "a settle is idempotent");
            self.keep_books(&before, &settled);
        } else {
            assert_eq!(self.job, before, "4: the settle of a lost claim changes nothing");
        }
        self.claims[index].settled = Some(settled);
    }

    fn keep_books(&mut self, before: &Job, settled: &Settled) {
        let lock = before.state.lock().unwrap();
        let same_plan = lock.plan == before.plan;
        let done = match settled.then {
            Then::Next { .. } => true,
            Then::Retry { .. } => !same_plan,
            Then::Keep | Then::GiveBack | Then::Skip { .. } => false,
        };
        if done && !same_plan && !lock.left && self.job.state.due == before.state.due {
            // Called ahead of an edit that abolished the occurrence.
            self.occurrences += 1;
        }
        if done {
            assert!(self.done.insert((lock.plan.0, lock.due.unwrap())), "7: an occurrence counted twice");
        }
        match settled.then {
            _ if !same_plan => {}
            Then::Retry { .. } => {}
            Then::GiveBack => self.tries -= u32::from(took_on(lock)),
            Then::Next { .. } | Then::Keep | Then::Skip { .. } => self.tries = 0,
        }
        if settled.then == Then::GiveBack && same_plan && lock.asked_at.is_none() && self.job.state.asked_at.is_none() {
            assert!(self.job.state.claim_at().is_none_or(|at| at >= lock.at), "a pause is cut short");
        }
        self.left = 0;
        self.lease = None;
        if let Some(claim) = Arc::new(self.job.clone()).held_over(settled) {
            assert!(same_plan && lock.edits == 0 && matches!(settled.then, Then::Next { .. }), "held over for nothing");
            let token = claim.lock.token;
            self.lease = Some((token, self.now + LEASE));
            self.tries = 1;
            self.claims.push(Held { token, claim: Some(claim), settled: None });
        }
    }

    fn edit(&mut self, edit: &Edit) {
        let before = self.job.clone();
        let changed = self.job.edit(edit.clone(), self.now);
        assert_eq!(changed.is_err(), before.deleted_at.is_some() && *edit != Edit::Restore);
        let mut lock = before.state.lock().cloned();
        if let (Some(lock), Ok(true)) = (&mut lock, changed) {
            lock.edits += 1;
            lock.left = self.job.state.lock().is_some_and(|lock| lock.left);
        }
        assert_eq!(
            self.job.state.lock(),
            lock.as_ref(),
            "4: of a lock, an edit changes nothing but that it was edited"
        );
        assert_eq!(
            self.job.rev.0 - before.rev.0,
            i64::from(changed == Ok(true) && *edit != Edit::CallNow),
            "4: {edit:?}"
        );
        let when = |job: &Job| (job.active, job.spec.schedule.clone(), job.deleted_at.is_some());
        if when(&self.job) == when(&before) || *edit == Edit::Restore {
            assert_eq!(self.job.plan, before.plan, "4: {edit:?}");
            if *edit == Edit::CallNow {
                assert_eq!(self.job.state.due, before.state.due);
            } else {
                let mut expect = before.state;
                if let (Some(before), Some(lock)) = (expect.lock_mut(), lock) {
                    *before = lock;
                }
                assert_eq!(self.job.state, expect, "4: an edit that keeps the schedule changes no time");
            }
            return;
        }
        assert!(self.job.plan > before.plan, "4: a settle must see this edit: {edit:?}");
        // The plan ends. Its occurrences are the grid points up to now, those already settled or skipped, and the one
        // that is being called.
        if let Some(plan) = self.plan.take() {
            let calling = before.state.lock().is_some_and(|lock| lock.plan == before.plan && took_on(lock));
            // What is not due yet may be an occurrence of the next plan.
            let calling = calling && before.state.due.is_some_and(|due| due <= self.now);
            let end = before.state.due.map_or(Time::from_millis(i64::MAX), |due| due.max(after(self.now)));
            self.occurrences += plan.count_before(end);
            self.left += u64::from(calling);
        }
        self.plan = self.in_force();
        self.tries = 0;
    }

    /// What holds at every moment.
    fn check(&self) {
        let (job, state) = (&self.job, &self.job.state);
        match self.lease {
            Some((token, end)) => {
                assert_eq!(state.lock().map(|lock| lock.token), Some(token), "1: one live token");
                assert_eq!(state.claim_at(), Some(end), "3: held until the end of the lease, whatever was edited");
                assert!(!job.is_claimable(end - Duration::from_millis(1), LONGEST_PAUSE), "1: a live lease is taken");
                assert!(job.is_claimable(end, Duration::ZERO), "3: a lease that ran out can be taken");
            }
            None if state.due.is_some() => {
                assert_eq!(state.lock(), None);
                let (at, due) = (state.claim_at().expect("9: an active job can be claimed"), state.due.unwrap());
                assert!(at <= due.max(self.now + LONGEST_PAUSE), "9: in reach");
                assert!(state.asked_at.is_some() || at >= due, "claimable early");
            }
            None => {
                assert_eq!(state.lock(), None);
                assert_eq!(state.claim_at().is_some(), state.asked_at.is_some(), "off, and claimed only if asked for");
            }
        }
        if job.deleted_at.is_some() {
            assert!(!job.active && state.asked_at.is_none(), "4: a deleted job is never revived");
        }
        assert!(job.active || state.due.is_none());
        let passed = match (&self.plan, state.due) {
            (Some(plan), Some(due)) => {
                let (distance, period) = (due.since(plan.first).as_millis(), plan.period.as_millis());
                assert_eq!(distance % period, 0, "7: on the grid");
                assert!(plan.leaves(due), "7: {due} is outside the bounds");
                plan.count_before(due)
            }
            (Some(plan), None) => {
                assert!(plan.may_be_over(), "9: an active job is due");
                plan.count_before(Time::from_millis(i64::MAX))
            }
            (None, _) => {
                let bounds = job.spec.schedule.bounds();
                let is_over =
                    bounds.and_then(|bounds| bounds.until).is_some_and(|until| until < self.now + LONGEST_PAUSE);
                assert!(!job.active || is_over || bounds.is_some_and(is_halted), "9: a job is due");
                0
            }
        };
        let counters = state.counters;
        let accounted = counters.settled + counters.missed;
        assert_eq!(accounted, self.occurrences + passed - self.left, "7: {counters:?}, {} left", self.left);
        assert_eq!(counters.settled, self.done.len() as u64, "7: settled once each");
    }

    /// A good worker works for a while.
    fn recover(&mut self) {
        for _ in 0..4 {
            self.happen(&WaitForClaim(0));
            self.happen(&Event::Claim(0));
            self.happen(&Finish(0, Outcome::Ok, None));
        }
        assert_eq!(self.left, 0, "7: nothing is left over");
    }
}

/// Whether a claim is for the occurrence it found, and not for a call asked for or to clean up.
fn took_on(lock: &Lock) -> bool {
    lock.asked_at.is_none() && lock.due.is_some_and(|due| due <= lock.at)
}

/// The edit that makes this setting in `spec`.
fn set(spec: Spec, setting: Setting) -> Edit {
    Edit::Change(Change::to(match setting {
        Setting::Name(name) => Spec { name, ..spec },
        Setting::Retry(retry) => Spec { retry, ..spec },
        Setting::Misfire(misfire) => Spec { misfire, ..spec },
    }))
}

fn outcome() -> impl Strategy<Value = Outcome> {
    use Outcome::{Failed, Ok, Timeout, Tls};
    prop_oneof![4 => Just(Ok), 2 => Just(Timeout), 1 => Just(Failed), 1 => Just(Tls)]
}

fn every_millis(period: u64, anchor: i64) -> Schedule {
    Schedule::Every { period: Duration::from_millis(period), anchor: Time::from_millis(anchor), jitter: None }
}

/// A plain schedule, or one that ends, has an exception of a minute, is paused, or several of that.
fn schedule(periods: impl Strategy<Value = u64>) -> impl Strategy<Value = Schedule> {
    let pause = prop::option::of(prop::option::weighted(0.7, START..START + 100_000));
    let bounds = (prop::option::of(START..START + 200_000), any::<bool>(), pause, 1_000u64..20_000);
    (periods, 0i64..50_000, prop::option::of(bounds)).prop_map(|(period, anchor, bounds)| {
        let Some((until, except, pause, period)) = bounds else { return every_millis(period, anchor) };
        // As it is stored: what is typed is refused if it is over.
        let bounded = serde_json::json!({"bounded": {
            "schedule": every_millis(period, anchor),
            "until": until.map(Time::from_millis),
            "except": if except { "00:02-00:03" } else { "" },
            "pause": pause.map(|until| serde_json::json!({"until": until.map(Time::from_millis), "note": "n"})),
            "tz": "UTC",
        }});
        serde_json::from_value(bounded).unwrap()
    })
}

/// Any edit, of one setting or of another kind.
fn edit() -> impl Strategy<Value = Event> {
    let periods = prop_oneof![1_000u64..20_000, Just(3_600_000u64), 100u64..1_000];
    prop_oneof![
        3 => schedule(periods).prop_map(|schedule| Event::Edit(Edit::Change(Change::schedule(schedule)))),
        3 => any::<bool>().prop_map(switch),
        1 => "[ab]".prop_map(|name| Event::Set(Setting::Name(name))),
        1 => (1u32..4, 100u64..20_000).prop_map(|(attempts, backoff)| {
            let backoff = Duration::from_millis(backoff);
            Event::Set(Setting::Retry(Retry { attempts, backoff, ..Retry::default() }))
        }),
        2 => (prop::option::of(1_000u64..30_000), prop_oneof![Just("latest"), Just("all"), Just("2")]).prop_map(
            |(late, catch_up)| {
                let misfire = Misfire { late: late.map(Duration::from_millis), catch_up: catch_up.parse().unwrap() };
                Event::Set(Setting::Misfire(misfire))
            }
        ),
        3 => Just(CALL_NOW),
        1 => Just(Event::Edit(Edit::Delete)),
        2 => Just(Event::Edit(Edit::Restore)),
    ]
}

/// Mostly the latest claim.
fn which() -> impl Strategy<Value = usize> {
    prop_oneof![4 => Just(0usize), 1 => 0usize..4]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => prop_oneof![0u64..200, 0u64..30_000].prop_map(Wait),
        5 => prop_oneof![3 => Just(0i64), 2 => -120i64..120, 1 => 0i64..40_000].prop_map(WaitForClaim),
        8 => prop_oneof![Just(0u64), Just(100)].prop_map(Event::Claim),
        2 => which().prop_map(Read),
        1 => which().prop_map(Renew),
        5 => (which(), outcome(), prop::option::of(0u64..5_000)).prop_map(|(which, end, asked)| Finish(which, end, asked)),
        4 => (which(), outcome()).prop_map(|(which, end)| HoldOver(which, end)),
        2 => (which(), outcome()).prop_map(|(which, end)| Record(which, end)),
        2 => which().prop_map(GiveBack),
        1 => which().prop_map(SettleAgain),
        4 => edit(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Invariants 1, 3, 4, 7 and 9, bounded attempts and idempotent settles, all asserted after every event.
    #[test]
    fn invariants_1_3_4_7_9_hold_whatever_happens(
        schedule in schedule(prop_oneof![1_000u64..20_000, 100u64..4_000]),
        events in prop::collection::vec(event(), 0..60),
    ) {
        let mut world = World::of(schedule);
        for event in &events {
            world.happen(event);
        }
        world.recover();
    }
}

/// Where a job stands, with times in seconds: what the tests below compare.
fn show(job: &Job) -> String {
    let state = &job.state;
    let time = |time: Option<Time>| time.map_or("-".to_owned(), |time| (time.millis() as f64 / 1000.0).to_string());
    let held = match state.lock() {
        Some(lock) => {
            format!("held from {} at {}, {} lost", time(Some(lock.since)), time(Some(lock.at)), lock.lost.len())
        }
        None => "free".to_owned(),
    };
    let counters = state.counters;
    let (settled, missed) = (counters.settled, counters.missed);
    format!(
        "{held}; due {}, claim at {}, attempt {}; {settled} settled, {missed} missed",
        time(state.due),
        time(state.claim_at()),
        job.attempts()
    )
}

/// What becomes of a job that is due every 10 s, at 100 s, 110 s and so on, switched on at 100 s.
#[track_caller]
fn check(events: &[Event], expect: &str) {
    let mut world = World::new(10_000, 0);
    for event in events {
        world.happen(event);
    }
    assert_eq!(show(&world.job), expect);
}

const CLAIM: Event = Event::Claim(0);
const CLAIM_AHEAD: Event = Event::Claim(100);
const TO_CLAIM: Event = WaitForClaim(0);
const OK: Event = Finish(0, Outcome::Ok, None);
const BUSY: Event = Finish(0, Outcome::Timeout, None);
const HOLD: Event = HoldOver(0, Outcome::Ok);
const CALL_NOW: Event = Event::Edit(Edit::CallNow);

fn switch(on: bool) -> Event {
    Event::Edit(Edit::Change(Change::switch(on)))
}

fn every(period: u64) -> Event {
    let schedule = Schedule::Every { period: Duration::from_secs(period), anchor: Time::from_millis(0), jitter: None };
    Event::Edit(Edit::Change(Change::schedule(schedule)))
}

#[test]
fn a_claim_holds_the_job_for_a_lease() {
    check(&[], "free; due 110, claim at 110, attempt 0; 0 settled, 0 missed");
    check(&[CLAIM], "free; due 110, claim at 110, attempt 0; 0 settled, 0 missed");
    check(&[TO_CLAIM, CLAIM], "held from 110 at 110, 0 lost; due 110, claim at 125, attempt 1; 0 settled, 0 missed");
    check(
        &[WaitForClaim(-80), CLAIM_AHEAD],
        "held from 109.92 at 110, 0 lost; due 110, claim at 124.92, attempt 1; 0 settled, 0 missed",
    );
    check(
        &[TO_CLAIM, CLAIM, Wait(2_000), Renew(0)],
        "held from 110 at 110, 0 lost; due 110, claim at 127, attempt 1; 0 settled, 0 missed",
    );
}

#[test]
fn a_settle_moves_on_along_the_grid() {
    check(&[TO_CLAIM, CLAIM, OK], "free; due 120, claim at 120, attempt 0; 1 settled, 0 missed");
    check(&[WaitForClaim(7_000), CLAIM, OK], "free; due 130, claim at 130, attempt 0; 1 settled, 1 missed");
    check(&[TO_CLAIM, CLAIM, GiveBack(0)], "free; due 110, claim at 110, attempt 0; 0 settled, 0 missed");
    check(&[TO_CLAIM, CLAIM, OK, SettleAgain(0)], "free; due 120, claim at 120, attempt 0; 1 settled, 0 missed");
}

#[test]
fn a_retry_is_the_same_occurrence_after_a_pause_up_to_the_most_attempts() {
    let asked = Finish(0, Outcome::Timeout, Some(4));
    check(&[TO_CLAIM, CLAIM, asked.clone()], "free; due 110, claim at 114, attempt 1; 0 settled, 0 missed");
    // A pause past the next occurrence is none.
    let long = Finish(0, Outcome::Timeout, Some(60));
    check(&[TO_CLAIM, CLAIM, long], "free; due 120, claim at 120, attempt 0; 1 settled, 0 missed");
    // A third attempt is the last.
    let thrice = [TO_CLAIM, CLAIM, BUSY, TO_CLAIM, CLAIM, BUSY, TO_CLAIM, CLAIM];
    let mut world = World::new(100_000, 0);
    for event in thrice.iter().chain([&BUSY]) {
        world.happen(event);
    }
    assert_eq!(show(&world.job), "free; due 300, claim at 300, attempt 0; 1 settled, 0 missed");
}

#[test]
fn a_lost_claim_is_taken_at_the_end_of_its_lease_and_ends_after_the_most_attempts() {
    let lose = [CLAIM, TO_CLAIM];
    let twice = [[TO_CLAIM].as_slice(), &lose, &[CLAIM]].concat();
    check(&twice, "held from 125 at 125, 1 lost; due 110, claim at 140, attempt 2; 0 settled, 0 missed");
    // What was recorded before the worker died is not called again.
    check(
        &[TO_CLAIM, CLAIM, Record(0, Outcome::Ok), TO_CLAIM, CLAIM, Finish(0, Outcome::Timeout, None)],
        "free; due 120, claim at 120, attempt 0; 1 settled, 0 missed",
    );
    // The fourth claim of three attempts gives up: 110 is settled, 120 to 150 were slept through, 155 is near 160.
    let four = [[TO_CLAIM].as_slice(), &lose, &lose, &lose, &[CLAIM, OK]].concat();
    check(&four, "free; due 160, claim at 160, attempt 0; 1 settled, 4 missed");
}

#[test]
fn call_now_leaves_due_what_is_due() {
    check(&[Wait(3_000), CALL_NOW], "free; due 110, claim at 103, attempt 0; 0 settled, 0 missed");
    check(&[CALL_NOW, CLAIM, OK], "free; due 110, claim at 110, attempt 0; 0 settled, 0 missed");
    check(&[CALL_NOW, CLAIM, BUSY], "free; due 110, claim at 110, attempt 0; 0 settled, 0 missed");
    // Asked for while the job is held, it is called afterwards.
    check(&[TO_CLAIM, CLAIM, CALL_NOW, OK], "free; due 120, claim at 110, attempt 0; 1 settled, 0 missed");
    check(&[switch(false), CALL_NOW], "free; due -, claim at 100, attempt 0; 0 settled, 0 missed");
    check(&[switch(false), CALL_NOW, CLAIM, OK], "free; due -, claim at -, attempt 0; 0 settled, 0 missed");
    // It is made even if the occurrence owed has used up its attempts.
    let lose = [CLAIM, TO_CLAIM];
    let asked = [[TO_CLAIM].as_slice(), &lose, &lose, &[CLAIM, CALL_NOW, TO_CLAIM, CLAIM]].concat();
    let mut world = World::new(10_000, 0);
    for event in &asked {
        world.happen(event);
    }
    let (_, claim) = world.duty(0).unwrap();
    assert!(matches!(claim.duty(), Duty::Call { manual: true, .. }), "{:?}", claim.duty());
}

#[test]
fn an_edit_of_the_schedule_is_not_overwritten_by_a_settle() {
    let edited = "held from 110 at 110, 0 lost; due 112, claim at 125, attempt 0; 0 settled, 0 missed";
    check(&[TO_CLAIM, CLAIM, Read(0), every(4)], edited);
    check(&[TO_CLAIM, CLAIM, Read(0), every(4), OK], "free; due 112, claim at 112, attempt 0; 1 settled, 0 missed");
    check(&[TO_CLAIM, CLAIM, every(4), OK], "free; due 112, claim at 112, attempt 0; 0 settled, 1 missed");
    check(&[TO_CLAIM, CLAIM, Read(0), switch(false), OK], "free; due -, claim at -, attempt 0; 1 settled, 0 missed");
    let delete = Event::Edit(Edit::Delete);
    check(&[TO_CLAIM, CLAIM, Read(0), delete, OK], "free; due -, claim at -, attempt 0; 1 settled, 0 missed");
}

#[test]
fn a_job_is_held_over_for_its_next_occurrence_unless_it_was_edited() {
    let check = |events: &[Event], expect: &str| {
        let mut world = World::new(2_000, 0);
        [TO_CLAIM, CLAIM].iter().chain(events).for_each(|event| world.happen(event));
        assert_eq!(show(&world.job), expect);
    };
    let held = "held from 102 at 104, 0 lost; due 104, claim at 117, attempt 1; 1 settled, 0 missed";
    check(&[HOLD], held);
    check(&[HOLD, OK], "free; due 106, claim at 106, attempt 0; 2 settled, 0 missed");
    check(&[HOLD, GiveBack(0)], "free; due 104, claim at 104, attempt 0; 1 settled, 0 missed");
    check(&[HOLD, CALL_NOW, GiveBack(0)], "free; due 104, claim at 102, attempt 0; 1 settled, 0 missed");
    // Switched off or planned anew while it waits, it is given back, and nothing was missed.
    check(&[HOLD, switch(false), GiveBack(0)], "free; due -, claim at -, attempt 0; 1 settled, 0 missed");
    check(&[HOLD, every(5), GiveBack(0)], "free; due 105, claim at 105, attempt 0; 1 settled, 0 missed");
    for edit in [CALL_NOW, switch(false), every(5)] {
        let mut world = World::new(2_000, 0);
        [TO_CLAIM, CLAIM, Read(0), edit, HOLD].iter().for_each(|event| world.happen(event));
        assert_eq!(world.job.state.lock(), None, "it was edited meanwhile");
    }
    let mut world = World::new(4_000, 0);
    [TO_CLAIM, CLAIM, HOLD].iter().for_each(|event| world.happen(event));
    assert_eq!(world.job.state.lock(), None, "it would wait for too long");
}

#[test]
fn what_is_called_already_is_not_owed_again_by_a_new_schedule() {
    // Claimed ahead, and the new schedule has the same occurrence.
    let edited = [WaitForClaim(-50), Event::Claim(100), Read(0), every(5)];
    let then = |end: Event| [edited.as_slice(), &[end]].concat();
    check(&then(OK), "free; due 115, claim at 115, attempt 0; 1 settled, 0 missed");
    check(&then(GiveBack(0)), "free; due 110, claim at 110, attempt 0; 0 settled, 0 missed");
}

#[test]
fn occurrences_that_an_edit_drops_are_missed() {
    // 110, 120 and 130 are overdue.
    check(&[WaitForClaim(25_000), every(4)], "free; due 136, claim at 136, attempt 0; 0 settled, 3 missed");
    check(&[WaitForClaim(-1), every(4)], "free; due 112, claim at 112, attempt 0; 0 settled, 0 missed");
    // 110 is being called, by a worker that is lost: it is missed once the lost claim is cleaned up.
    let cleaned = [TO_CLAIM, CLAIM, every(3600), TO_CLAIM, CLAIM, OK];
    check(&cleaned, "free; due 3600, claim at 3600, attempt 0; 0 settled, 1 missed");
}

#[test]
fn a_claim_that_only_cleans_up_is_no_attempt_and_drops_no_occurrence_if_it_is_lost_too() {
    let lost_twice = [TO_CLAIM, CLAIM, every(3600), TO_CLAIM, CLAIM, TO_CLAIM];
    let cleaned = [lost_twice.as_slice(), &[CLAIM, OK]].concat();
    check(&cleaned, "free; due 3600, claim at 3600, attempt 0; 0 settled, 1 missed");
    // Nor does an edit that comes after it leave anything to it.
    let edited = [lost_twice.as_slice(), &[every(7200), CLAIM, OK]].concat();
    check(&edited, "free; due 7200, claim at 7200, attempt 0; 0 settled, 1 missed");
}
