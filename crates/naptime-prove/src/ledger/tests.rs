//! Books that have each kind of fault, and such that are just short of it.

use std::time::Duration;

use naptime_core::{Claim, Endpoint, NewJob, Partition, Rooms, Spec, Token, WorkerId};
use naptime_sqlite::{Options, SqliteStore};
use naptime_store::{Added, Clock, Jobs, Queue, Want};
use uuid::Uuid;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
/// A point of the grid.
const START: Time = Time::from_millis(1_767_323_000_000);

/// A job, its runs, and the calls of it, as the store and the target would have them.
struct Books {
    job: Job,
    runs: Vec<Run>,
    entry: Entry,
}

impl Books {
    fn of(schedule: Schedule) -> Self {
        let endpoint = Endpoint::parse("http://127.0.0.1/e/0").unwrap();
        let new = NewJob { id: Uuid::now_v7().into(), spec: Spec::new(endpoint, schedule), active: true };
        let job = new.into_job(START);
        let first = job.state.due.unwrap();
        Self { job, runs: Vec::new(), entry: Entry { endpoint: 0, first, calls: Vec::new() } }
    }

    fn every_second() -> Self {
        Self::of(Schedule::Every { period: SECOND, anchor: START, jitter: None })
    }

    /// Claims the job `late` after it can be claimed.
    fn claim(&mut self, late: Duration) -> (Claim, Time) {
        let now = self.job.state.claim_at().unwrap() + late;
        let worker = WorkerId::from(Uuid::now_v7());
        assert!(self.job.claim(worker, Uuid::now_v7().into(), now, Duration::ZERO));
        (Claim { job: self.job.clone().into(), lock: self.job.state.lock().cloned().unwrap(), recorded: None }, now)
    }

    /// Calls what is due, `late`.
    fn call(&mut self, late: Duration) {
        let (claim, now) = self.claim(late);
        self.runs.extend(claim.lost_runs(now));
        let run = run(&claim, now, claim.lock.token);
        let settled = claim.settled(Some(run.clone()), claim.conclude(&run, None));
        let before = self.job.clone();
        assert!(self.job.settle(&settled, now));
        self.runs.extend(self.job.skipped_since(&before, settled.reason, now));
        self.entry.calls.push(run.due);
        self.runs.push(run);
    }

    /// Claims what is due with a worker that dies, before or after it called.
    fn lose(&mut self, called: bool) {
        let (claim, _) = self.claim(Duration::ZERO);
        self.entry.calls.extend(claim.lock.due.filter(|_| called));
    }

    fn ledger(&self) -> Ledger {
        let mut audit = Audit::default();
        audit.add(&self.entry, Some((&self.job, &self.runs)));
        audit.ledger()
    }
}

/// The run of a call that ended well.
fn run(claim: &Claim, now: Time, token: Token) -> Run {
    Run {
        token,
        job: claim.job.id,
        worker: claim.lock.worker,
        due: claim.lock.due.unwrap(),
        started: now,
        finished: now,
        outcome: Outcome::Ok,
        status: Some(200),
        message: String::new(),
        attempt: claim.attempt(),
        manual: false,
        skipped: None,
    }
}

/// Ten occurrences, one of them called late and three missed by that, one lost before and one after its call.
fn good() -> Books {
    let mut books = Books::every_second();
    for _ in 0..3 {
        books.call(Duration::ZERO);
    }
    books.call(3 * SECOND);
    books.lose(false);
    books.call(Duration::ZERO);
    books.lose(true);
    books.call(Duration::ZERO);
    books
}

fn check(change: impl FnOnce(&mut Books), expect: &[(&str, usize)]) {
    let mut books = good();
    change(&mut books);
    let ledger = books.ledger();
    let counts = [
        ("calls_without_run", ledger.calls_without_run),
        ("runs_without_call", ledger.runs_without_call),
        ("repeated_runs", ledger.repeated_runs),
        ("unaccounted", ledger.unaccounted),
        ("held", ledger.held),
    ];
    let found: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(found, expect, "{ledger:?}");
    assert_eq!(ledger.holds(), expect.is_empty());
    assert_eq!(ledger.faults.len(), expect.iter().map(|(_, count)| count).sum::<usize>(), "{ledger:?}");
}

#[test]
fn good_books_hold() {
    check(|_| (), &[]);
    let ledger = good().ledger();
    assert_eq!((ledger.jobs, ledger.runs, ledger.lost_runs, ledger.settled), (1, 8, 2, 6));
    // Three by the late one, and those of two leases.
    assert!(ledger.missed >= 3 + 2 * 14, "{ledger:?}");
    assert!(Books::every_second().ledger().holds());
}

#[test]
fn a_call_needs_a_run() {
    check(|books| books.entry.calls.push(books.entry.first), &[("calls_without_run", 1)]);
    // That of a lost claim is one.
    let lost = |books: &mut Books| {
        let called = books.runs.iter().rposition(|run| run.outcome == Outcome::Lost).unwrap();
        books.runs.remove(called);
    };
    check(lost, &[("calls_without_run", 1)]);
}

#[test]
fn an_answer_needs_a_call() {
    check(|books| books.entry.calls = books.entry.calls[1..].to_vec(), &[("runs_without_call", 1)]);
    // What had no answer may not have come so far.
    let timeout = |books: &mut Books| {
        books.entry.calls.remove(0);
        (books.runs[0].outcome, books.runs[0].status) = (Outcome::Timeout, None);
    };
    check(timeout, &[]);
}

#[test]
fn an_occurrence_ends_well_once() {
    let again = |token: Option<Token>| {
        move |books: &mut Books| {
            let run = books.runs[0].clone();
            books.entry.calls.push(run.due);
            books.runs.push(Run { token: token.unwrap_or(run.token), ..run });
        }
    };
    let fresh = Token::from(Uuid::now_v7());
    check(again(Some(fresh)), &[("repeated_runs", 1)]);
    check(again(None), &[("repeated_runs", 2)]);
    let failed = |books: &mut Books| {
        again(Some(fresh))(books);
        books.runs[0].outcome = Outcome::Interrupted;
    };
    check(failed, &[]);
    let asked = |books: &mut Books| {
        again(Some(fresh))(books);
        books.runs[0].manual = true;
    };
    check(asked, &[]);
}

#[test]
fn every_occurrence_is_accounted_for_as_what_it_was() {
    let unaccounted = [("unaccounted", 1)];
    check(|books| books.job.state.counters.settled += 1, &unaccounted);
    check(|books| books.job.state.counters.missed -= 1, &unaccounted);
    check(|books| books.runs.retain(|run| run.skipped.is_none()), &unaccounted);
    // One that was called and counts as missed, and the other way about.
    let counted = |settled: i64| {
        move |books: &mut Books| {
            let counters = &mut books.job.state.counters;
            counters.settled = counters.settled.checked_add_signed(settled).unwrap();
            counters.missed = counters.missed.checked_add_signed(-settled).unwrap();
        }
    };
    check(counted(1), &unaccounted);
    check(counted(-1), &unaccounted);
    check(|books| books.job.state.due = books.job.state.due.map(|due| due + SECOND), &unaccounted);
    // Called well, and due all the same, as if it were yet to be settled.
    let again = |books: &mut Books| {
        let last = books.runs.last().unwrap().due;
        let before = over(&books.job.spec.schedule, books.entry.first, Some(last)).unwrap();
        books.job.state.due = Some(last);
        let counters = &mut books.job.state.counters;
        counters.settled -= 1;
        counters.missed = before - counters.settled;
    };
    check(again, &unaccounted);
    check(|books| books.job.state.due = None, &unaccounted);
}

#[test]
fn no_job_is_still_held() {
    check(|books| drop(books.claim(Duration::ZERO)), &[("held", 1)]);
}

#[test]
fn a_job_that_is_gone_is_a_fault() {
    let mut audit = Audit::default();
    audit.add(&good().entry, None);
    assert_eq!(audit.ledger().unaccounted, 1);
}

#[test]
fn a_one_off_job_is_settled_once() {
    let mut books = Books::of(Schedule::Once { at: START + SECOND });
    assert!(books.ledger().holds());
    books.call(20 * SECOND);
    assert!(books.ledger().holds(), "{:?}", books.ledger());
    assert_eq!((books.ledger().settled, books.ledger().missed), (1, 0));
    books.job.state.counters.settled = 0;
    assert_eq!(books.ledger().unaccounted, 1);
}

#[tokio::test]
async fn the_books_are_read_from_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("books.db"), Options::default()).unwrap();
    let new = |number: usize| {
        let endpoint = Endpoint::parse(&format!("http://127.0.0.1/e/{number}")).unwrap();
        let at = store.now() + if number == 3 { 3600 * SECOND } else { Duration::ZERO };
        NewJob { id: Uuid::now_v7().into(), spec: Spec::new(endpoint, Schedule::Once { at }), active: true }
    };
    let added = store.insert((0..4).map(new).collect()).await.unwrap();
    let added: Vec<Job> = added.into_iter().map(Added::into_job).collect();
    let jobs: Vec<(JobId, Time)> = added.iter().map(|job| (job.id, job.state.due.unwrap())).collect();
    let want = Want {
        worker: Uuid::now_v7().into(),
        token: Uuid::now_v7().into(),
        slots: 10,
        bytes: 1_000_000,
        partitions: Partition::all().collect(),
        late: Duration::ZERO,
        lookahead: Duration::ZERO,
        gate: None,
        rooms: Rooms::default(),
    };
    let claims = store.claim(&want).await.unwrap().claims;
    assert_eq!(claims.len(), 3);
    let settled = |claim: &Claim| {
        let run = run(claim, claim.lock.since, claim.lock.token);
        claim.settled(Some(run.clone()), claim.conclude(&run, None))
    };
    let done: Vec<_> = claims.iter().map(settled).collect();
    store.settle(&done[1..]).await.unwrap();
    let arrival = |(endpoint, (_, due)): (usize, &(JobId, Time))| {
        let at_us = due.millis() * 1000;
        Arrival { endpoint, due: *due, at_us, ended_us: Some(at_us) }
    };
    let mut arrivals: Vec<Arrival> = jobs[..3].iter().enumerate().map(arrival).collect();
    let ledger = compare(&store, &jobs, &arrivals).await.unwrap();
    assert_eq!((ledger.jobs, ledger.held, ledger.calls_without_run), (3, 1, 1));
    store.settle(&done).await.unwrap();
    let ledger = compare(&store, &jobs, &arrivals).await.unwrap();
    assert!(ledger.holds(), "{ledger:?}");
    assert_eq!((ledger.jobs, ledger.runs, ledger.settled), (3, 3, 3));
    arrivals.remove(1);
    let ledger = compare(&store, &jobs, &arrivals).await.unwrap();
    assert_eq!((ledger.runs_without_call, ledger.unaccounted), (1, 0));
}

#[tokio::test]
async fn all_pages_of_runs_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("books.db"), Options::default()).unwrap();
    let mut books = Books::every_second();
    let (claim, now) = books.claim(Duration::ZERO);
    let new = NewJob { id: books.job.id, spec: Spec::clone(&books.job.spec), active: true };
    store.insert(vec![new]).await.unwrap();
    // Claims that are no longer held leave their runs.
    let late = |_| {
        let token = Uuid::now_v7().into();
        let mut settled = claim.settled(Some(run(&claim, now, token)), naptime_core::Then::GiveBack);
        settled.claim.token = token;
        settled
    };
    store.settle(&(0..=PAGE).map(late).collect::<Vec<_>>()).await.unwrap();
    let (_, runs) = read(&store, books.job.id, false).await.unwrap().unwrap();
    assert_eq!(runs.len(), PAGE + 1);
}
