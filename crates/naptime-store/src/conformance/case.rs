//! What the cases have in common: a fresh store, jobs, claims, runs, time.

use std::sync::Arc;
use std::time::Duration;

use naptime_core::{
    Change, Claim, Duty, Edit, Endpoint, Job, JobId, NewJob, Outcome, Partition, Rooms, Run, Schedule, Settled,
    SkipReason, Spec, Then, Time, Token, WorkerId,
};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::Backend;
use crate::{Added, PageRef, Store, Want};

/// The period of most jobs here: long against how long a case runs.
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
/// Long against how long a case runs, short against a lease.
pub(crate) const SECONDS: Duration = Duration::from_secs(5);

/// A fresh store, and a handle on it.
pub(crate) struct Case<B> {
    pub(crate) backend: B,
    pub(crate) store: Arc<dyn Store>,
    probe: OnceCell<Job>,
}

impl<B: Backend> Case<B> {
    pub(crate) async fn new() -> Self {
        let backend = B::fresh().await;
        let store = backend.store();
        Self { backend, store, probe: OnceCell::new() }
    }

    /// The store's time: the one it writes. Leaves a job behind that is never due.
    pub(crate) async fn now(&self) -> Time {
        let probe = self.probe.get_or_init(|| self.add(new_job())).await;
        self.edit(probe.id, rename(probe, &Uuid::now_v7().to_string())).await.updated_at
    }

    pub(crate) async fn advance(&self, by: Duration) {
        self.backend.advance(by).await;
    }

    /// Moves the time on until it is `to`, if it is not later already.
    pub(crate) async fn advance_to(&self, to: Time) {
        let now = self.now().await;
        self.advance(to.since(now)).await;
    }

    pub(crate) async fn add(&self, new: NewJob) -> Job {
        let mut added = self.add_all(vec![new]).await;
        assert_eq!(added.len(), 1);
        added.remove(0)
    }

    /// Adds jobs, all of which are new.
    pub(crate) async fn add_all(&self, new: Vec<NewJob>) -> Vec<Job> {
        let added = self.store.insert(new).await.expect("the jobs are added");
        let new = |added| match added {
            Added::New(job) => job,
            Added::Existing(job) => panic!("there is one of its key: {job:?}"),
        };
        added.into_iter().map(new).collect()
    }

    /// Adds an hourly job whose first occurrence comes `after` this.
    pub(crate) async fn add_due_in(&self, after: Duration) -> Job {
        self.add_changed(after, |_| {}).await
    }

    /// The same, changed before it is added.
    pub(crate) async fn add_changed(&self, after: Duration, change: impl FnOnce(&mut NewJob)) -> Job {
        let due = self.now().await + after;
        let mut new = due_at(due);
        change(&mut new);
        let job = self.add(new).await;
        assert_eq!(job.state.due, Some(due), "due at the first grid point");
        job
    }

    /// Adds a job and waits until it is due.
    pub(crate) async fn add_due(&self) -> Job {
        let job = self.add_due_in(SECONDS).await;
        self.advance_to(job.state.due.expect("due")).await;
        job
    }

    pub(crate) async fn edit(&self, id: JobId, edit: Edit) -> Job {
        let asked = matches!(edit, Edit::CallNow);
        let job = self.store.edit(id, None, edit).await.expect("the edit is made");
        if asked {
            // It is due now; a store that knows its time as a lower bound may find so a little later.
            self.advance(Duration::from_millis(100)).await;
        }
        job
    }

    /// Changes the configuration from what it is now.
    pub(crate) async fn change(&self, id: JobId, set: impl FnOnce(&mut Spec)) -> Job {
        let mut spec = Spec::clone(&self.get(id).await.spec);
        set(&mut spec);
        self.edit(id, Edit::Change(Change::to(spec))).await
    }

    pub(crate) async fn rename(&self, id: JobId, name: &str) -> Job {
        self.change(id, |spec| spec.name = name.to_owned()).await
    }

    pub(crate) async fn switch(&self, id: JobId, active: bool) -> Job {
        self.edit(id, Edit::Change(Change::switch(active))).await
    }

    pub(crate) async fn get(&self, id: JobId) -> Job {
        self.store.get(id).await.expect("the job is there")
    }

    /// Claims all that is due.
    pub(crate) async fn claim(&self) -> Vec<Claim> {
        self.claim_by(&want()).await
    }

    pub(crate) async fn claim_by(&self, want: &Want) -> Vec<Claim> {
        self.store.claim(want).await.expect("claimed").claims
    }

    /// Claims all that is due, which must be this job and no other.
    pub(crate) async fn claim_only(&self, id: JobId) -> Claim {
        let mut claims = self.claim().await;
        assert_eq!(ids(&claims), [id]);
        claims.remove(0)
    }

    /// A job that is due, and the claim of it.
    pub(crate) async fn add_claimed(&self) -> Claim {
        let job = self.add_due().await;
        self.claim_only(job.id).await
    }

    /// Lets the lease of the claims that there are run out.
    pub(crate) async fn outlive_leases(&self) {
        self.advance(naptime_core::state::LEASE + Duration::from_secs(1)).await;
    }

    pub(crate) async fn settle(&self, settled: Settled) {
        self.store.settle(&[settled]).await.expect("settled");
    }

    /// Settles a claim after a call that went well. Returns the settled message.
    pub(crate) async fn settle_ok(&self, claim: &Claim) -> Settled {
        let run = run(claim, Outcome::Ok);
        let then = claim.conclude(&run, None);
        let settled = claim.settled(Some(run), then);
        self.settle(settled.clone()).await;
        settled
    }

    /// Records a run without settling its claim, as if the store had gone away in between.
    pub(crate) async fn record(&self, run: Run) {
        let claim = naptime_core::ClaimRef { job: run.job, token: new_token() };
        let job = self.get(run.job).await.into();
        self.settle(Settled {
            claim,
            job,
            run: Some(run),
            then: Then::GiveBack,
            abandoned: 0,
            reason: SkipReason::SlotsFull,
            breach: None,
            hold_over: None,
            answer: None,
        })
        .await;
    }

    /// All runs of a job, newest first.
    pub(crate) async fn runs(&self, id: JobId) -> Vec<Run> {
        self.rows(id).await.into_iter().filter(|run| run.skipped.is_none()).collect()
    }

    /// The rows of a job that tell of occurrences that were not called, newest first: from when on, how many, and why.
    pub(crate) async fn skipped(&self, id: JobId) -> Vec<(Time, u64, SkipReason)> {
        let row = |run: Run| run.skipped.map(|skipped| (run.due, skipped.count, skipped.reason));
        self.rows(id).await.into_iter().filter_map(row).collect()
    }

    /// Both, newest first.
    pub(crate) async fn rows(&self, id: JobId) -> Vec<Run> {
        let page = self.store.runs(id, &PageRef::first(1000)).await.expect("a page of runs");
        assert_eq!(page.next, None, "all rows fit one page");
        page.items
    }
}

pub(crate) fn new_token() -> Token {
    Uuid::now_v7().into()
}

pub(crate) fn new_worker() -> WorkerId {
    Uuid::new_v4().into()
}

/// Somebody wants all that is due.
pub(crate) fn want() -> Want {
    Want {
        worker: new_worker(),
        token: new_token(),
        slots: 100,
        bytes: 1 << 30,
        partitions: Partition::all().collect(),
        late: Duration::ZERO,
        lookahead: Duration::ZERO,
        gate: None,
        rooms: Rooms::default(),
    }
}

/// An hourly job, switched off.
pub(crate) fn new_job() -> NewJob {
    let id = JobId::from(Uuid::new_v4());
    let spec = Spec::new(endpoint(&format!("https://target.test/{id}")), Schedule::every(HOUR, id));
    NewJob { id, spec, active: false }
}

/// An hourly job, switched on, with an occurrence at `due`.
pub(crate) fn due_at(due: Time) -> NewJob {
    let mut new = new_job();
    new.active = true;
    new.spec.schedule = Schedule::Every { period: HOUR, anchor: due, jitter: None };
    new
}

pub(crate) fn endpoint(url: &str) -> Endpoint {
    Endpoint::parse(url).expect("a URL")
}

/// The run of a claim that is called: it leaves when it is to, and takes 70 ms.
pub(crate) fn run(claim: &Claim, outcome: Outcome) -> Run {
    let Duty::Call { at, due, manual } = claim.duty() else { panic!("there is nothing to call: {claim:?}") };
    Run {
        token: claim.lock.token,
        job: claim.job.id,
        worker: claim.lock.worker,
        due,
        started: at,
        finished: at + Duration::from_millis(70),
        outcome,
        status: (outcome == Outcome::Ok).then_some(200),
        message: format!("it was {}", outcome.as_str()),
        attempt: claim.attempt(),
        manual,
        skipped: None,
    }
}

/// Gives the job another name, and else the configuration that it has here.
pub(crate) fn rename(job: &Job, name: &str) -> Edit {
    Edit::Change(Change::to(Spec { name: name.to_owned(), ..Spec::clone(&job.spec) }))
}

pub(crate) fn ids(claims: &[Claim]) -> Vec<JobId> {
    claims.iter().map(|claim| claim.job.id).collect()
}

/// A schedule of which nothing is due for long after `now`.
pub(crate) fn rarely(now: Time) -> Schedule {
    Schedule::Every { period: HOUR * 24 * 366, anchor: now - SECONDS, jitter: None }
}

/// Whether two times are the same but for how long a case runs.
pub(crate) fn about(a: Time, b: Time) -> bool {
    a.since(b).max(b.since(a)) < Duration::from_secs(60)
}

/// Numbers that a seed decides, so that a failure can be repeated (splitmix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    /// True once in `n` times.
    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of these.
    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).expect("small")].clone()
    }
}
