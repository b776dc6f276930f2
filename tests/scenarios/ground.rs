//! What many scenarios stand on: a store on a fresh database, jobs, workers in this process.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use naptime_core::{Endpoint, Job, JobId, NewJob, Partition, Rooms, Run, Schedule, Spec, Time};
use naptime_mongo::MongoStore;
use naptime_store::{Added, Jobs, PageRef, Runs, Want, WorkStore};
use naptime_tests::mongo::Database;
use naptime_tests::target::Call;
use naptime_worker::call::Handlers;
use naptime_worker::{Settings, Worker};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A handle on a database, as a process would have.
pub(crate) async fn open(database: &Database) -> MongoStore {
    MongoStore::open(&database.uri, naptime_mongo::Options::default()).await.unwrap()
}

/// An active job that calls `url` every `period`.
pub(crate) fn every(period: Duration, url: &str) -> NewJob {
    let id = JobId::from(Uuid::now_v7());
    let spec = Spec::new(Endpoint::parse(url).unwrap(), Schedule::every(period, id));
    NewJob { id, spec, active: true }
}

/// A job that is switched off, and called only when asked to.
pub(crate) fn on_demand(url: &str) -> NewJob {
    NewJob { active: false, ..every(Duration::from_secs(3600), url) }
}

/// Adds one job.
pub(crate) async fn add(store: &impl Jobs, job: NewJob) -> Job {
    add_all(store, vec![job]).await.remove(0)
}

/// Adds jobs.
pub(crate) async fn add_all(store: &impl Jobs, jobs: Vec<NewJob>) -> Vec<Job> {
    store.insert(jobs).await.unwrap().into_iter().map(Added::into_job).collect()
}

/// Somebody wants so many of all that are due.
pub(crate) fn want(slots: usize) -> Want {
    Want {
        worker: Uuid::new_v4().into(),
        token: Uuid::now_v7().into(),
        slots,
        bytes: 1 << 30,
        partitions: Partition::all().collect(),
        late: Duration::ZERO,
        lookahead: Duration::ZERO,
        gate: None,
        rooms: Rooms::default(),
    }
}

/// The clock of this machine, in milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// A worker in this process. It is told to stop when this is dropped.
pub(crate) struct Working {
    stop: CancellationToken,
}

impl Working {
    pub(crate) fn start(store: Arc<dyn WorkStore>, capacity: u32) -> Self {
        let settings = Settings {
            mailer: None,
            handlers: Handlers::default(),
            capacity,
            sleep: Duration::from_millis(50),
            networks: "127.0.0.0/8".parse().unwrap(),
            host: "here".to_owned(),
        };
        let stop = CancellationToken::new();
        tokio::spawn(Worker::new(store, settings).unwrap().run(stop.clone()));
        Self { stop }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// All runs of a job, oldest first, but for rows of what was not called.
pub(crate) async fn runs(store: &impl Runs, job: JobId) -> Vec<Run> {
    let mut page = PageRef::first(500);
    let mut all = Vec::new();
    loop {
        let found = store.runs(job, &page).await.unwrap();
        all.extend(found.items.into_iter().filter(|run| run.skipped.is_none()));
        page.cursor = found.next;
        if page.cursor.is_none() {
            all.reverse();
            return all;
        }
    }
}

/// The occurrence that a call was made for, in milliseconds since 1970.
pub(crate) fn due(call: &Call) -> i64 {
    call.header("Naptime-Due").unwrap().parse::<Time>().unwrap().millis()
}

/// The calls of each occurrence.
pub(crate) fn by_occurrence(calls: &[Call]) -> HashMap<String, Vec<&Call>> {
    let mut by_key: HashMap<String, Vec<&Call>> = HashMap::new();
    for call in calls {
        by_key.entry(call.header("Idempotency-Key").unwrap().to_owned()).or_default().push(call);
    }
    by_key
}

/// The most calls that were under way at the same time.
pub(crate) fn most_at_once(calls: &[Call]) -> usize {
    let mut starts: Vec<Instant> = calls.iter().map(|call| call.start).collect();
    let mut ends: Vec<Instant> = calls.iter().filter_map(|call| call.end).collect();
    starts.sort_unstable();
    ends.sort_unstable();
    let under_way = |(before, start): (usize, &Instant)| before + 1 - ends.partition_point(|end| end <= start);
    starts.iter().enumerate().map(under_way).max().unwrap_or(0)
}

/// How many occurrences of a job of one fixed period lie behind it, by its due time.
pub(crate) fn occurrences(first: &Job, now: &Job) -> u64 {
    let period = now.spec.schedule.period().unwrap();
    let passed = now.state.due.unwrap().since(first.state.due.unwrap());
    u64::try_from(passed.as_millis() / period.as_millis()).unwrap()
}
