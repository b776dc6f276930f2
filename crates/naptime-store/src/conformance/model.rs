//! Random histories, compared step by step with what the pure transitions of [`naptime_core`] make of them.
//!
//! The store's clock goes on while a step runs. So where the store writes a time, the model takes it from there (after
//! checking that it is one of this step), and where it does not, the model tries the earliest and the latest. Between
//! steps time moves by seconds to hours, so on which side of it a lease or a due time is, is not in doubt.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use naptime_core::state::LEASE;
use naptime_core::{
    By, Change, Claim, ClaimRef, Edit, Job, JobId, Outcome, Retry, Rev, Run, Schedule, Settled, Sla, Spec, Stage, Then,
    Time,
};
use uuid::Uuid;

use super::Backend;
use super::case::{Case, Dice, HOUR, endpoint, new_job, want};
use crate::{Error, PageRef, QueuedQuery, SIGHT, Store, Want};

const SEEDS: u64 = 10;
const STEPS: usize = 60;
/// What two clocks on one machine may differ by, and a millisecond's rounding.
const SLACK: Duration = Duration::from_millis(50);

pub async fn random_histories_follow_the_model_1<B: Backend>() {
    follow::<B>(0).await;
}

pub async fn random_histories_follow_the_model_2<B: Backend>() {
    follow::<B>(1).await;
}

pub async fn random_histories_follow_the_model_3<B: Backend>() {
    follow::<B>(2).await;
}

pub async fn random_histories_follow_the_model_4<B: Backend>() {
    follow::<B>(3).await;
}

async fn follow<B: Backend>(share: u64) {
    let mut seen = Seen::default();
    for seed in share * SEEDS..(share + 1) * SEEDS {
        let case = Case::<B>::new().await;
        let handles = vec![case.store.clone(), case.backend.another().await];
        let model = Model::default();
        let started = case.now().await;
        let mut history =
            History { case, handles, dice: Dice(seed), started, model, seen, log: format!("seed {seed}:\n") };
        for step in 0..STEPS {
            write!(history.log, "{step}. ").expect("a string takes it");
            history.step().await;
            history.compare().await;
            history.compare_stage(Stage::ALL[step % Stage::ALL.len()]).await;
            history.log.push('\n');
        }
        for stage in Stage::ALL {
            history.compare_stage(stage).await;
        }
        seen = history.seen;
    }
    // Dice that never throw what matters would prove nothing.
    let Seen { claims, settles, late_settles, lost, recorded, held_edits, stale, renewed, gone, listed } = seen;
    let rare = [claims, settles, late_settles, lost, recorded, held_edits, stale, renewed, gone, listed];
    assert!(rare.iter().all(|&count| count >= 2), "too little happened: {seen:?}");
}

/// How often what matters happened.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    claims: u32,
    settles: u32,
    late_settles: u32,
    lost: u32,
    recorded: u32,
    held_edits: u32,
    stale: u32,
    renewed: u32,
    gone: u32,
    listed: u32,
}

/// What ought to be in the store.
#[derive(Default)]
struct Model {
    jobs: BTreeMap<JobId, Job>,
    runs: BTreeMap<JobId, Vec<Run>>,
    /// Claims that were made, settled and lost ones included.
    claims: Vec<Claim>,
}

struct History<B> {
    case: Case<B>,
    handles: Vec<Arc<dyn Store>>,
    dice: Dice,
    started: Time,
    model: Model,
    seen: Seen,
    log: String,
}

impl<B: Backend> History<B> {
    async fn step(&mut self) {
        if self.model.jobs.is_empty() || (self.model.jobs.len() < 4 && self.dice.one_in(3)) {
            return self.insert().await;
        }
        match self.dice.below(32) {
            0..6 => self.edit().await,
            6..14 => self.claim().await,
            14..21 => self.settle().await,
            21..23 => self.renew().await,
            23..25 => self.die().await,
            _ => self.advance().await,
        }
    }

    fn handle(&mut self) -> Arc<dyn Store> {
        self.dice.pick(&self.handles)
    }

    #[track_caller]
    fn check(&self, holds: bool, what: impl FnOnce() -> String) {
        assert!(holds, "{}\n\n{}", what(), self.log);
    }

    #[track_caller]
    fn same<T: PartialEq + std::fmt::Debug>(&self, actual: &T, expect: &T, what: &str) {
        self.check(actual == expect, || format!("{what}\n  the store: {actual:?}\n  the model: {expect:?}"));
    }

    fn some_job(&mut self) -> JobId {
        let ids: Vec<JobId> = self.model.jobs.keys().copied().collect();
        self.dice.pick(&ids)
    }

    fn schedule(&mut self) -> Schedule {
        if self.dice.one_in(4) {
            let at = i64::try_from(self.dice.below(7_200_000)).expect("small");
            return Schedule::Once { at: Time::from_millis(self.started.millis() + at) };
        }
        let period = self.dice.pick(&[60, 300, 3600]);
        let anchor = i64::try_from(self.dice.below(3_600_000)).expect("small");
        Schedule::Every { period: Duration::from_secs(period), anchor: Time::from_millis(anchor), jitter: None }
    }

    fn sla(&mut self) -> Option<Sla> {
        self.dice.pick(&[None, Some(Duration::from_secs(300)), Some(2 * HOUR)]).map(Sla::from)
    }

    async fn insert(&mut self) {
        let mut new = new_job();
        // Where the order of jobs counts, it is to be the same when the seed is.
        new.id = Uuid::from_u64_pair(self.dice.below(u64::MAX), self.dice.below(u64::MAX)).into();
        new.spec.schedule = self.schedule();
        new.spec.retry = Retry::new(self.dice.pick(&[1, 2, 5]), Duration::from_secs(10)).expect("a retry");
        new.spec.sla = self.sla();
        new.spec.lease = self.dice.pick(&[LEASE, Duration::from_secs(6), Duration::from_secs(60)]);
        new.active = !self.dice.one_in(4);
        self.log += &format!("insert {} {:?}, active: {}", new.id, new.spec.schedule, new.active);
        let store = self.handle();
        let job = store.insert(vec![new.clone()]).await.expect("added").remove(0).into_job();
        self.same(&job, &new.into_job(job.created_at), "what was added");
        self.model.jobs.insert(job.id, job);
    }

    async fn edit(&mut self) {
        let id = self.some_job();
        let job = self.model.jobs[&id].clone();
        let old = Spec::clone(&job.spec);
        let edit = match self.dice.below(15) {
            0..3 => Edit::Change(Change::switch(!job.active)),
            3..5 => Edit::Change(Change::schedule(self.schedule())),
            5..8 => Edit::CallNow,
            8 => Edit::Delete,
            9 => Edit::Restore,
            12 => Edit::PutOff { until: job.updated_at + Duration::from_secs(self.dice.below(10_000)), cut: None },
            13..15 => Edit::Change(Change { by: By::Target, ..Change::to(Spec { sla: self.sla(), ..old }) }),
            10 => Edit::Change(Change::to(Spec {
                endpoint: endpoint(&format!("http://n{}.test/$x?a.b", self.dice.below(100))),
                name: format!("$name {}", self.dice.below(100)),
                tags: vec!["$tag".to_owned(); usize::try_from(self.dice.below(3)).expect("small")],
                retry: Retry::new(3, Duration::from_secs(1)).expect("a retry"),
                ..old
            })),
            _ => {
                let spec = Spec {
                    name: "both".to_owned(),
                    lease: Duration::from_secs(5 + self.dice.below(20)),
                    schedule: self.schedule(),
                    ..old
                };
                Edit::Change(Change { active: Some(self.dice.one_in(2)), ..Change::to(spec) })
            }
        };
        // A deleted job is soon restored, or else it would only lie there.
        let edit = if job.deleted_at.is_some() && self.dice.one_in(2) { Edit::Restore } else { edit };
        let expect = self.dice.pick(&[None, Some(job.rev), Some(Rev(job.rev.0 - 1))]);
        self.log += &format!("edit {id}, expecting {expect:?}: {edit:?}");
        let store = self.handle();
        let answer = store.edit(id, expect, edit.clone()).await;
        let mut model = job.clone();
        // The time of the edit is what the store wrote.
        let now = answer.as_ref().ok().map_or(job.updated_at, |edited| match edit {
            Edit::CallNow => edited.state.asked_at.unwrap_or(edited.updated_at),
            _ => edited.updated_at,
        });
        match (model.edit(edit, now), answer) {
            (Err(_), Err(Error::Deleted)) => {}
            (Ok(_), Err(Error::Stale(rev))) => {
                self.seen.stale += 1;
                self.check(expect.is_some_and(|expect| expect != job.rev), || {
                    "the revision is the right one".to_owned()
                });
                self.same(&rev, &job.rev, "the revision it is at");
            }
            (Ok(_), Ok(edited)) => {
                self.seen.held_edits += u32::from(job.state.lock().is_some());
                self.check(expect.is_none_or(|expect| expect == job.rev), || "the revision is stale".to_owned());
                self.same(&edited, &model, "what the edit returned");
                self.model.jobs.insert(id, model);
            }
            (model, answer) => self.check(false, || format!("the store: {answer:?}, the model: {model:?}")),
        }
    }

    async fn claim(&mut self) {
        let slots = self.dice.pick(&[1, 2, 100]);
        let lookahead = self.dice.pick(&[Duration::ZERO, Duration::from_millis(100), Duration::from_secs(40)]);
        let want = Want { slots, lookahead, ..want() };
        self.log += &format!("claim {slots} with {}, {lookahead:?} ahead:", want.token);
        let before = self.model.jobs.clone();
        let store = self.handle();
        let from = self.case.now().await;
        let taken = store.claim(&want).await.expect("claimed");
        let to = self.case.now().await;
        for claim in &taken.claims {
            self.seen.claims += 1;
            let since = claim.lock.since;
            self.log += &format!(" {} at {since}", claim.job.id);
            self.check(from - SLACK <= since && since <= to + SLACK, || format!("claimed at {since}"));
            let mut job = self.model.jobs[&claim.job.id].clone();
            let could = job.claim(want.worker, want.token, since, lookahead);
            self.check(could, || format!("it cannot be claimed: {job:?}"));
            let lock = job.state.lock().cloned().expect("just claimed");
            let mut expect = Claim { job: job.clone().into(), lock, recorded: None };
            self.model.jobs.insert(job.id, job);
            let runs = self.model.runs.entry(claim.job.id).or_default();
            for lost in expect.lost_runs(since) {
                match runs.iter().find(|run| run.token == lost.token) {
                    Some(run) => expect.take_over(run.clone()),
                    None => runs.push(lost),
                }
            }
            self.seen.lost += u32::from(!expect.lock.lost.is_empty());
            self.seen.recorded += u32::from(expect.recorded.is_some());
            self.same(claim, &expect, "the claim");
            self.model.claims.push(claim.clone());
        }
        // What was not claimed: there was no room, and it was not the first.
        let was_at = |claim: &Claim| before[&claim.job.id].state.claim_at();
        let latest = taken.claims.iter().filter_map(was_at).max();
        let left = before.values().filter(|job| taken.claims.iter().all(|claim| claim.job.id != job.id));
        for job in left.clone().filter(|job| job.is_claimable(from, lookahead)) {
            // Others may take up its place, as long as it is announced.
            let announced = taken.next.is_some_and(|next| Some(next) <= job.state.claim_at());
            self.check(taken.claims.len() == slots || announced, || format!("forgotten: {job:?}"));
            self.check(job.state.claim_at() >= latest, || format!("passed over: {job:?}"));
        }
        if let Some(first) = left.filter_map(|job| job.state.claim_at()).min() {
            let in_sight = first <= from + lookahead + SIGHT;
            self.check(!in_sight || taken.next.is_some_and(|next| next <= first), || {
                format!("next is {:?}, not {first}", taken.next)
            });
        }
    }

    /// How a claim ends: as a worker would have it, or anyhow.
    fn ending(&mut self, claim: &Claim, now: Time) -> Settled {
        let outcome = self.dice.pick(&[Outcome::Ok, Outcome::Ok, Outcome::Failed, Outcome::Timeout]);
        let run = Run {
            token: claim.lock.token,
            job: claim.job.id,
            worker: claim.lock.worker,
            due: claim.lock.asked_at.or(claim.lock.due).unwrap_or(now),
            started: claim.lock.at,
            finished: claim.lock.at + Duration::from_millis(self.dice.below(20_000)),
            outcome,
            status: (outcome != Outcome::Timeout).then_some(500),
            message: "$message".to_owned(),
            attempt: claim.attempt(),
            manual: claim.lock.asked_at.is_some(),
            skipped: None,
        };
        let then = match self.dice.below(12) {
            0 if self.dice.one_in(3) => Then::Next { due: None, missed: 2 },
            // What is passed over lies between the two, so that no two rows are of the same occurrences.
            1 => Then::Next { due: Some(now + Duration::from_secs(100)), missed: 0 },
            2..4 => Then::Retry { after: Duration::from_secs(self.dice.below(200)) },
            4 => Then::Keep,
            5..7 => Then::GiveBack,
            _ => claim.conclude(&run, None),
        };
        let called = then != Then::GiveBack && !self.dice.one_in(8);
        claim.settled(called.then_some(run), then)
    }

    async fn settle(&mut self) {
        let is_held = |claim: &&Claim| {
            self.model.jobs[&claim.job.id].state.lock().is_some_and(|lock| lock.token == claim.lock.token)
        };
        let recent = self.model.claims[self.model.claims.len().saturating_sub(6)..].to_vec();
        let held: Vec<Claim> = self.model.claims.iter().filter(is_held).cloned().collect();
        if held.is_empty() {
            return self.claim().await;
        }
        let now = self.case.now().await;
        let mut batch: Vec<Settled> = Vec::new();
        for _ in 0..self.dice.pick(&[1, 1, 3]) {
            let of = if self.dice.one_in(4) { &recent } else { &held };
            let claim = self.dice.pick(of);
            if batch.iter().all(|settled| settled.claim != claim.reference()) {
                let settled = self.ending(&claim, now);
                batch.push(settled);
            }
        }
        self.log += &format!("settle {batch:?}");
        let store = self.handle();
        let from = self.case.now().await - SLACK;
        store.settle(&batch).await.expect("settled");
        let to = self.case.now().await + SLACK;
        for run in batch.iter().filter_map(|settled| settled.run.as_ref()) {
            let runs = self.model.runs.entry(run.job).or_default();
            if runs.iter().all(|other| other.token != run.token) {
                runs.push(run.clone());
            }
        }
        let mut settled_jobs: BTreeMap<JobId, [Job; 2]> = BTreeMap::new();
        for settled in &batch {
            let id = settled.claim.job;
            let job = &self.model.jobs[&id];
            let [early, late] = settled_jobs.entry(id).or_insert_with(|| [job.clone(), job.clone()]);
            let held = early.settle(settled, from);
            late.settle(settled, to);
            (self.seen.settles, self.seen.late_settles) =
                (self.seen.settles + u32::from(held), self.seen.late_settles + u32::from(!held));
        }
        for (id, [early, late]) in settled_jobs {
            let actual = self.case.get(id).await;
            self.agree(&actual, early, late);
        }
    }

    /// A worker dies after its run was recorded and before it was settled, and its lease runs out.
    async fn die(&mut self) {
        let now = self.case.now().await;
        let live = |claim: &&Claim| {
            self.model.jobs[&claim.job.id].state.lock().is_some_and(|lock| lock.token == claim.lock.token)
        };
        let held: Vec<Claim> = self.model.claims.iter().filter(live).cloned().collect();
        if held.is_empty() {
            return self.claim().await;
        }
        let claim = self.dice.pick(&held);
        let Some(run) = self.ending(&claim, now).run else { return self.advance().await };
        self.log += &format!("die with {run:?}");
        self.case.record(run.clone()).await;
        let runs = self.model.runs.entry(run.job).or_default();
        if runs.iter().all(|other| other.token != run.token) {
            runs.push(run);
        }
        self.case.outlive_leases().await;
        self.claim().await;
    }

    async fn renew(&mut self) {
        let recent = self.model.claims.len().saturating_sub(6);
        let held: Vec<ClaimRef> = self.model.claims[recent..].iter().map(Claim::reference).collect();
        self.log += &format!("renew {held:?}");
        let store = self.handle();
        let from = self.case.now().await - SLACK;
        let mut gone = store.renew(&held).await.expect("renewed");
        let to = self.case.now().await + SLACK;
        gone.sort_by_key(|claim| held.iter().position(|other| other == claim));
        let mut expect = Vec::new();
        for claim in held {
            let [mut early, mut late] = [self.model.jobs[&claim.job].clone(), self.model.jobs[&claim.job].clone()];
            if early.renew(claim.token, from) && late.renew(claim.token, to) {
                self.seen.renewed += 1;
                let actual = self.case.get(claim.job).await;
                self.agree(&actual, early, late);
            } else {
                expect.push(claim);
            }
        }
        self.seen.gone += u32::try_from(expect.len()).expect("few");
        self.same(&gone, &expect, "what is no longer held");
    }

    async fn advance(&mut self) {
        let now = self.case.now().await;
        let times: Vec<Time> = self.model.jobs.values().filter_map(|job| job.state.claim_at()).collect();
        let ahead: Vec<Time> = times.into_iter().filter(|&at| at > now).collect();
        let by = match self.dice.below(4) {
            // To just after something can be claimed, or the time at which a lookahead may reach for it.
            0..2 if !ahead.is_empty() => self.dice.pick(&ahead).since(now) + SLACK,
            2 if !ahead.is_empty() => (self.dice.pick(&ahead) - Duration::from_secs(30)).since(now),
            _ => self.dice.pick(&[1, 5, 16, 60, 420, 4000]) * Duration::from_secs(1),
        };
        // No further than the longest period: not a job whose next time was made up lies far off.
        let by = by.min(2 * HOUR);
        self.log += &format!("advance by {by:?}");
        self.case.advance(by).await;
    }

    /// Takes over what is in the store, if it is what one of the two makes of the job, or lies between them.
    fn agree(&mut self, actual: &Job, early: Job, late: Job) {
        let (low, high) = (early.state.claim_at(), late.state.claim_at());
        let between = |at: &Time| low.is_some_and(|low| low <= *at) && high.is_some_and(|high| *at <= high);
        let at = actual.state.claim_at().filter(between);
        let (low, high) = (early.state.ended_at, late.state.ended_at);
        let ended = actual
            .state
            .ended_at
            .filter(|at| low.is_some_and(|low| low <= *at) && high.is_some_and(|high| *at <= high));
        let with = |mut job: Job| {
            if let Some(at) = at {
                job.state.phase = job.state.phase.claimable_from(at);
            }
            job.state.ended_at = ended.or(job.state.ended_at);
            job
        };
        let (early, late) = (with(early), with(late));
        if *actual != late {
            self.same(actual, &early, "the job after that");
        }
        self.model.jobs.insert(actual.id, actual.clone());
    }

    /// Compares the list and the count of a stage.
    async fn compare_stage(&mut self, stage: Stage) {
        let query = QueuedQuery { stages: vec![stage], ..QueuedQuery::default() };
        let listed = self.case.store.queued(&query, &PageRef::first(1000)).await.expect("a list").items;
        let listed: BTreeSet<JobId> = listed.iter().map(|job| job.id).collect();
        let jobs = self.model.jobs.values().filter(|job| job.stage() == Some(stage));
        let expect: BTreeSet<JobId> = jobs.map(|job| job.id).collect();
        self.seen.listed += u32::from(!expect.is_empty());
        self.same(&listed, &expect, &format!("the jobs that are {}", stage.as_str()));
        let count = self.case.store.stages().await.expect("counts")[&stage];
        self.same(&count, &(expect.len() as u64), &format!("how many jobs are {}", stage.as_str()));
    }

    /// Every occurrence that is counted as missed is told of by a row. A settle that came too late, for a claim that was
    /// lost, may have left a row of what the next settle counts.
    fn compare_skipped(&self, id: JobId, rows: &[Run]) {
        let told: u64 = rows.iter().filter_map(|run| run.skipped).map(|skipped| skipped.count).sum();
        let missed = self.model.jobs[&id].state.counters.missed;
        self.check(told >= missed, || format!("{missed} were missed, and rows tell of {told}: {rows:?}"));
    }

    /// Compares everything, field by field.
    async fn compare(&mut self) {
        for (id, job) in &self.model.jobs {
            let actual = self.case.get(*id).await;
            self.same(&actual, job, "the job");
            let reached = !job.active || job.state.due.is_none() || job.state.claim_at().is_some();
            self.check(reached, || format!("invariant 9: {job:?}"));
        }
        let ids: Vec<JobId> = self.model.runs.keys().copied().collect();
        for id in ids {
            let rows = self.case.store.runs(id, &PageRef::first(1000)).await.expect("runs").items;
            self.compare_skipped(id, &rows);
            let mut runs = rows;
            runs.retain(|run| run.skipped.is_none());
            self.check(runs.is_sorted_by(|a, b| a.started >= b.started), || format!("newest first: {runs:?}"));
            runs.sort_by_key(|run| run.token);
            let mut expect = self.model.runs[&id].clone();
            expect.sort_by_key(|run| run.token);
            for (lost, actual) in expect.iter_mut().zip(&runs).filter(|(run, _)| run.outcome == Outcome::Lost) {
                // When it was found lost is not told otherwise.
                if actual.finished.since(lost.finished).max(lost.finished.since(actual.finished)) < LEASE / 5 {
                    lost.finished = actual.finished;
                }
            }
            self.same(&runs, &expect, "the runs");
            self.model.runs.insert(id, runs);
        }
    }
}
