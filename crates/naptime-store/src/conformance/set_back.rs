//! A clock that was wrong, and is right again.

use std::time::Duration;

use naptime_core::pool::PASS_LEASE;
use naptime_core::worker::DEAD_AFTER;
use naptime_core::{
    By, Cron, Heartbeat, Job, JobId, Load, Outcome, Plan, Schedule, Then, Tier, Time, Zone, load::Figures,
};

use super::Backend;
use super::answers;
use super::case::{Case, HOUR, SECONDS, about, due_at, new_job, new_worker, run};
use super::gates::{take, want_of};
use super::pools::{in_flight, target};
use crate::{PageRef, SetBack};

/// How far the clock was ahead.
const WRONG_BY: Duration = Duration::from_secs(400 * 86_400);

impl<B: Backend> Case<B> {
    /// The clock is wrong from now on. A worker sees that.
    async fn clock_goes_wrong(&self) {
        assert_eq!(self.store.follow_clock().await.expect("an answer"), None);
        self.advance(WRONG_BY).await;
        self.is_worked_on().await;
    }

    /// A worker says that it lives.
    async fn is_worked_on(&self) {
        let beat = Heartbeat {
            id: new_worker(),
            host: "here".to_owned(),
            pid: 1,
            version: "0".to_owned(),
            tzdb: None,
            capacity: 1,
            held: 0,
            started_at: self.store.now(),
            trouble: None,
            stopping: false,
        };
        self.store.beat(&beat).await.expect("heard");
        assert_eq!(self.store.follow_clock().await.expect("an answer"), None, "it is not set back");
    }

    /// The clock is right again, and a process looks at it: one that went on, or another one.
    async fn clock_is_right(&self, restarted: bool) -> SetBack {
        self.backend.set_back(WRONG_BY).await;
        let store = if restarted { self.backend.another().await } else { self.store.clone() };
        let done = store.follow_clock().await.expect("an answer").expect("it was set back");
        assert!(about(Time::from_millis(0) + done.by, Time::from_millis(0) + WRONG_BY), "by {:?}", done.by);
        assert_eq!(store.follow_clock().await.expect("an answer"), None, "that is all");
        done
    }

    /// Calls a job that is due.
    async fn call(&self, id: JobId) {
        let due = self.get(id).await.state.due.expect("due");
        self.advance_to(due).await;
        let claim = self.claim_only(id).await;
        self.settle_ok(&claim).await;
    }
}

pub async fn what_was_planned_by_a_wrong_clock_is_planned_anew<B: Backend>() {
    for restarted in [false, true] {
        let case = Case::<B>::new().await;
        let due = case.now().await + HOUR;
        let given_back = case.add(due_at(due)).await;
        let mut far = new_job();
        far.active = true;
        far.spec.schedule = Schedule::Once { at: case.store.now() + 3 * WRONG_BY };
        let far = case.add(far).await;
        // By the right clock it is due long after this case ends.
        let called = case.add_due_in(HOUR / 2).await;
        case.clock_goes_wrong().await;
        case.advance_to(called.state.due.expect("due")).await;
        for claim in case.claim().await {
            if claim.job.id == called.id {
                case.settle_ok(&claim).await;
            } else {
                case.settle(claim.settled(None, Then::GiveBack)).await;
            }
        }
        let mut cron = new_job();
        cron.active = true;
        cron.spec.schedule = Schedule::Cron(Cron::parse("0 * * * *", Zone::UTC, 0).expect("a pattern"));
        let cron = case.add(cron).await;
        let mut once = new_job();
        once.active = true;
        once.spec.schedule = Schedule::Once { at: case.store.now() };
        let once = case.add(once).await;

        let done = case.clock_is_right(restarted).await;
        assert!(done.jobs >= 3, "{done:?}");
        let now = case.store.now();
        for (id, within) in [(called.id, 2 * HOUR), (cron.id, HOUR + SECONDS), (once.id, SECONDS)] {
            let job = case.get(id).await;
            let due = job.state.due.expect("due");
            assert!(due <= now + within, "{} is due at {due}, now is {now}", job.spec.schedule.describe());
            assert_eq!(job.state.claim_at(), Some(due));
            for past in [Some(job.created_at), Some(job.updated_at), job.state.last_ok] {
                assert!(past.is_none_or(|past| past <= now + SECONDS), "{job:?}");
            }
            let noted = job.changes.last().expect("a change");
            assert_eq!(noted.by, By::Clock);
            assert!(noted.what.starts_with("the clock was wrong: due at "), "{}", noted.what);
            assert!(about(noted.at, now));
        }
        let given_back = case.get(given_back.id).await.state;
        assert_eq!((given_back.due, given_back.claim_at()), (Some(due), Some(due)), "it was not called");
        let far_now = case.get(far.id).await;
        assert_eq!((far_now.state.due, far_now.plan, far_now.changes), (far.state.due, Plan(1), vec![]), "the user's");
        let found: Vec<JobId> = case.claim().await.iter().map(|claim| claim.job.id).collect();
        assert_eq!(found, [once.id], "what was to be called at once is");
    }
}

pub async fn a_clock_that_was_behind_changes_nothing<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_due_in(SECONDS).await;
    case.is_worked_on().await;
    case.advance(WRONG_BY).await;
    case.is_worked_on().await;
    let late = case.claim_only(job.id).await;
    case.settle_ok(&late).await;
    let job = case.get(job.id).await;
    assert_eq!(job.changes, []);
    assert!(
        job.state.counters.missed >= 24 * 399,
        "what was not called in between is missed: {:?}",
        job.state.counters
    );
    assert!(job.state.due.is_some_and(|due| due <= case.store.now() + 2 * HOUR));
}

pub async fn what_is_held_by_a_wrong_clock_is_claimed_again<B: Backend>() {
    for restarted in [false, true] {
        let case = Case::<B>::new().await;
        let job = case.add_due_in(SECONDS).await;
        case.clock_goes_wrong().await;
        let lost = case.claim_only(job.id).await;
        case.clock_is_right(restarted).await;
        assert_eq!(case.claim().await, [], "its holder may be alive");
        assert_eq!(case.get(job.id).await.state.lock().map(|lock| lock.token), Some(lost.lock.token));
        case.outlive_leases().await;
        let again = case.claim_only(job.id).await;
        assert_eq!(again.lock.lost.len(), 1);
        case.settle_ok(&again).await;
        let now = case.store.now();
        assert!(case.runs(job.id).await.iter().all(|run| run.started <= now + SECONDS));
    }
}

pub async fn a_call_under_way_settles_by_the_right_clock<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_changed(SECONDS, |new| new.spec.sla = Some(HOUR.into())).await;
    case.clock_goes_wrong().await;
    case.call(job.id).await;
    let due = case.get(job.id).await.state.due.expect("due");
    case.advance_to(due).await;
    let claim = case.claim_only(job.id).await;
    case.backend.set_back(WRONG_BY).await;
    case.store.follow_clock().await.expect("an answer").expect("set back");
    assert!(case.store.renew(&[claim.reference()]).await.expect("renewed").is_empty(), "it is still held");
    let replanned = case.get(job.id).await;
    let mut run = run(&claim, Outcome::Ok);
    (run.started, run.finished) = (case.store.now(), case.store.now());
    let then = claim.conclude(&run, None);
    case.settle(claim.settled(Some(run), then)).await;
    let settled = case.get(job.id).await;
    assert_eq!(settled.state.lock(), None);
    assert_eq!(settled.state.due, replanned.state.due, "the settle leaves the new plan");
    assert_eq!(settled.state.claim_at(), settled.state.due);
    let latest = case.store.now() + 2 * HOUR;
    assert!(settled.state.due.is_some_and(|due| due <= latest), "{settled:?}");
    assert!(settled.state.watch.is_some_and(|watch| watch.deadline <= latest), "{settled:?}");
}

pub async fn an_sla_is_not_met_by_a_call_to_come<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_changed(SECONDS, |new| new.spec.sla = Some(HOUR.into())).await;
    case.clock_goes_wrong().await;
    case.call(job.id).await;
    case.clock_is_right(true).await;
    let watch = |job: Job| job.state.watch.expect("a promise");
    assert!(watch(case.get(job.id).await).deadline <= case.store.now() + HOUR + SECONDS);
    assert!(watch(case.get(job.id).await).longest_ms < 7_200_000);
    case.advance(2 * HOUR).await;
    let standing = case.store.standing().await.expect("a standing");
    assert_eq!((standing.endpoints, standing.breached), (1, 1), "nobody called it since");
    let breached = case.store.in_breach(&PageRef::first(9)).await.expect("a page").items;
    assert_eq!(breached.len(), 1);
    assert!(breached[0].job.as_ref().is_some_and(|found| found.id == job.id));
}

pub async fn passes_do_not_outlast_a_wrong_clock<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_due_in(SECONDS).await;
    case.change_pool(&target(), in_flight(1)).await;
    case.clock_goes_wrong().await;
    assert_eq!(take(case.store.as_ref(), &target(), 1).await.0.granted, 1);
    assert_eq!(take(case.store.as_ref(), &target(), 1).await.0.granted, 0);
    case.clock_is_right(true).await;
    case.advance(PASS_LEASE + 2 * SECONDS).await;
    assert_eq!(take(case.store.as_ref(), &target(), 1).await.0.granted, 1, "its holder is gone");
    let claims = case.claim_by(&want_of(&target())).await;
    assert_eq!(claims.iter().map(|claim| claim.job.id).collect::<Vec<_>>(), [job.id]);
    case.advance(2 * DEAD_AFTER).await;
    let workers = case.store.workers().await.expect("workers");
    assert!(workers.iter().all(|worker| !worker.alive), "nor does a worker live on: {workers:?}");
}

pub async fn history_that_lies_ahead_moves_back<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_due_in(SECONDS).await;
    case.call(job.id).await;
    let before = case.runs(job.id).await;
    case.clock_goes_wrong().await;
    case.call(job.id).await;
    let due = case.get(job.id).await.state.due.expect("due");
    case.advance_to(due).await;
    let claim = case.claim_only(job.id).await;
    let kept = answers::end(&case, &claim, Outcome::Failed, "no disk").await;
    let wrong = case.runs(job.id).await;
    let at = case.store.now().floor(Tier::Second.width());
    let figures = Figures { calls: 1, ..Figures::default() };
    case.store.add_load(&[Load { at, worker: new_worker(), figures }]).await.expect("added");
    case.clock_is_right(true).await;
    case.advance(SECONDS).await;
    case.store.purge().await.expect("purged");
    let now = case.store.now();
    let runs = case.runs(job.id).await;
    assert_eq!(runs.len(), 3);
    assert_eq!(runs[2], before[0], "what was right stays");
    assert!(runs.iter().all(|run| run.finished <= now), "{runs:?}");
    let apart = |runs: &[naptime_core::Run]| runs[0].finished.since(runs[1].finished);
    assert_eq!((apart(&runs), runs[0].took()), (apart(&wrong), wrong[0].took()), "they move together");
    let answer = case.store.answer(kept.job, kept.run).await.expect("read").expect("it is still there");
    assert!(answer.at <= now && answer.transcript == kept.transcript, "{answer:?}");
    for tier in Tier::ALL {
        let ahead = case.store.load(tier, now + 2 * HOUR, now + 2 * WRONG_BY).await.expect("rows");
        assert!(ahead.is_empty(), "{ahead:?}");
    }
}
