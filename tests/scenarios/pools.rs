//! Pools with real workers and targets: limits across workers, default headers, off and on. On both stores.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mongodb::bson::{Document, doc};
use naptime_core::pool::PASS_LEASE;
use naptime_core::{Edit, Headers, Job, NewJob, Outcome, Pool, PoolChange};
use naptime_mongo::MongoStore;
use naptime_sqlite::SqliteStore;
use naptime_store::{Added, Gates, Jobs, Pools, Store};
use naptime_tests::mongo::{self, Database};
use naptime_tests::naptime::{self, Naptime, Start};
use naptime_tests::target::{Answer, Call, Target};
use naptime_tests::{eventually, sqlite};

use super::ground::{due, every, most_at_once, occurrences, on_demand, open};

const SECOND: Duration = Duration::from_secs(1);
/// For what comes soon on an idle machine, and later on a busy one.
const SOON: Duration = Duration::from_secs(30);

/// A place for a store, and a handle on it, beside the workers.
struct Place<P> {
    place: P,
    store: Arc<dyn Store>,
    worker: fn(&P) -> Start,
}

async fn on_mongo() -> Place<Database> {
    let place = mongo::fresh_database().await;
    let store = Arc::new(open(&place).await);
    Place { place, store, worker: Naptime::worker }
}

fn on_sqlite() -> Place<sqlite::File> {
    let place = sqlite::File::fresh();
    let store = SqliteStore::open(place.path(), naptime_sqlite::Options::default()).unwrap();
    Place { place, store: Arc::new(store), worker: Naptime::up }
}

impl Place<Database> {
    /// When the passes for calls in flight run out, in milliseconds since 1970.
    async fn leases(&self) -> Vec<i64> {
        let pools = self.place.open().await.collection::<Document>("pools");
        let pool = pools.find_one(doc! {"flights": {"$ne": []}}).await.unwrap().unwrap();
        let flights = pool.get_array("flights").unwrap().iter().map(|flight| flight.as_document().unwrap());
        flights.map(|flight| flight.get_datetime("until").unwrap().timestamp_millis()).collect()
    }
}

impl<P: naptime::Store> Place<P> {
    async fn add(&self, new: NewJob) -> Job {
        self.store.insert(vec![new]).await.unwrap().remove(0).into_job()
    }

    /// Adds jobs with these paths, due every second.
    async fn add_many(&self, target: &Target, paths: impl Iterator<Item = String>) -> Vec<Job> {
        let new = paths.map(|path| every(SECOND, &target.url(&path))).collect();
        self.store.insert(new).await.unwrap().into_iter().map(Added::into_job).collect()
    }

    async fn change(&self, target: &Target, change: PoolChange) {
        self.store.change_pool(&pool(target), None, change).await.unwrap();
    }

    fn worker(&self) -> Naptime {
        (self.worker)(&self.place).launch()
    }
}

fn pool(target: &Target) -> Pool {
    Pool::parse(&target.url("")).unwrap()
}

fn in_flight(limit: u32) -> PoolChange {
    PoolChange { max_in_flight: Some(Some(limit)), ..PoolChange::default() }
}

fn per_second(limit: u32) -> PoolChange {
    PoolChange { max_per_second: Some(Some(limit)), ..PoolChange::default() }
}

fn switch(active: bool) -> PoolChange {
    PoolChange { active: Some(active), ..PoolChange::default() }
}

/// The least time in which so many calls started.
fn least_time_of(count: usize, calls: &[Call]) -> Duration {
    let mut starts: Vec<Instant> = calls.iter().map(|call| call.start).collect();
    starts.sort();
    starts.windows(count).map(|window| window[count - 1] - window[0]).min().unwrap()
}

/// Forty jobs want forty calls a second; three may be in flight, of 200 ms each. Another pool is not held up.
async fn calls_in_flight_stay_within_the_limit<P: naptime::Store>(at: Place<P>, workers: usize) {
    let (limited, free) = (Target::start().await, Target::start().await);
    let paths = (0..40).map(|n| format!("/{n}"));
    paths.clone().for_each(|path| limited.on(&path, Answer::ok().after(Duration::from_millis(200))));
    at.add_many(&limited, paths).await;
    at.change(&limited, in_flight(3)).await;
    let workers: Vec<Naptime> = (0..workers).map(|_| at.worker()).collect();
    for worker in &workers {
        worker.wait_line(SOON, "it is up", |line| line.contains("starts")).await;
    }
    let other = at.add_many(&free, ["/".to_owned()].into_iter()).await;
    limited.wait_for(SOON, "many calls, at 15 a second", |calls| calls.len() >= 60).await;
    free.wait_for(SOON, "calls of the other pool", |calls| calls.len() >= 8).await;
    assert_eq!(most_at_once(&limited.all_calls()), 3, "as many as may be, and no more");
    let missed = at.store.get(other[0].id).await.unwrap().state.counters.missed;
    assert!(missed <= 15, "{missed} calls of the other pool were missed while 8 were made");
    drop(workers);
}

/// Thirty jobs want thirty calls a second; six may leave.
async fn calls_per_second_stay_within_the_limit<P: naptime::Store>(at: Place<P>, workers: usize) {
    const LIMIT: usize = 6;
    let target = Target::start().await;
    at.add_many(&target, (0..30).map(|n| format!("/{n}"))).await;
    at.change(&target, per_second(u32::try_from(LIMIT).unwrap())).await;
    let workers: Vec<Naptime> = (0..workers).map(|_| at.worker()).collect();
    target.wait_for(SOON, "ten seconds' calls", |calls| calls.len() >= 10 * LIMIT).await;
    // They leave over nine seconds. The first of them may have been held up on its way; the conformance suite counts
    // what leaves within each second.
    let least = least_time_of(10 * LIMIT, &target.all_calls());
    assert!(least >= 6 * SECOND, "{} calls within {least:?}", 10 * LIMIT);
    drop(workers);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_keep_calls_in_flight_within_the_limit() {
    calls_in_flight_stay_within_the_limit(on_mongo().await, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_worker_keeps_calls_in_flight_within_the_limit() {
    calls_in_flight_stay_within_the_limit(on_sqlite(), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_keep_calls_per_second_within_the_limit() {
    calls_per_second_stay_within_the_limit(on_mongo().await, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_worker_keeps_calls_per_second_within_the_limit() {
    calls_per_second_stay_within_the_limit(on_sqlite(), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_passes_of_a_killed_worker_come_back_after_a_lease() {
    const LIMIT: usize = 4;
    let at = on_mongo().await;
    let target = Target::start().await;
    let paths: Vec<String> = (0..12).map(|n| format!("/{n}")).collect();
    paths.iter().for_each(|path| target.on(path, Answer::never()));
    at.add_many(&target, paths.iter().cloned()).await;
    at.change(&target, in_flight(u32::try_from(LIMIT).unwrap())).await;
    let doomed = at.worker();
    target.wait_for(SOON, "it holds all passes", |calls| calls.len() == LIMIT).await;
    let heir = at.worker();
    heir.wait_line(SOON, "the other worker is up", |line| line.contains("starts")).await;
    // Long enough for its passes to have been extended; nothing tells when.
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(target.count(), LIMIT, "the other worker waits");

    doomed.kill9();
    let leases = at.leases().await;
    assert_eq!(leases.len(), LIMIT);
    // So long that all passes are used again before the first of these ends.
    paths.iter().for_each(|path| target.on(path, Answer::ok().after(SECOND)));
    target.wait_for(PASS_LEASE + SOON, "calls go on", |calls| calls.len() >= 4 * LIMIT).await;
    let calls = target.all_calls();
    let (first, lease) = (calls[LIMIT].start_ms, *leases.iter().min().unwrap());
    assert!(first >= lease as f64, "calls went on at {first}, when the holder might have lived until {lease}");
    assert_eq!(most_at_once(&calls[LIMIT..]), LIMIT, "all passes came back, and no more than all");
    assert!(most_at_once(&calls) <= LIMIT);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_passes_of_a_killed_embedded_worker_come_back_with_the_next() {
    const LIMIT: usize = 4;
    let at = on_sqlite();
    let target = Target::start().await;
    let paths: Vec<String> = (0..12).map(|n| format!("/{n}")).collect();
    paths.iter().for_each(|path| target.on(path, Answer::never()));
    at.add_many(&target, paths.iter().cloned()).await;
    at.change(&target, in_flight(u32::try_from(LIMIT).unwrap())).await;
    let doomed = at.worker();
    target.wait_for(SOON, "it holds all passes", |calls| calls.len() == LIMIT).await;
    doomed.kill9();
    paths.iter().for_each(|path| target.on(path, Answer::ok().after(SECOND)));
    let heir = at.worker();
    heir.wait_line(SOON, "it is up", |line| line.contains("starts")).await;
    target.wait_for(PASS_LEASE / 2, "calls go on at once", |calls| calls.len() >= 2 * LIMIT).await;
    assert!(most_at_once(&target.all_calls()) <= LIMIT);
}

/// A worker that stops leaves its passes to the others at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_worker_leaves_its_passes_behind() {
    let at = on_mongo().await;
    let target = Target::start().await;
    target.on("/", Answer::ok().after(2 * SECOND));
    at.add_many(&target, (0..3).map(|_| "/".to_owned())).await;
    at.change(&target, in_flight(1)).await;
    let first = at.worker();
    target.wait_for(SOON, "it holds the pass", |calls| calls.len() == 1).await;
    let second = at.worker();
    second.wait_line(SOON, "it is up", |line| line.contains("starts")).await;
    first.sigterm();
    assert!(first.wait_exit(SOON).await.success());
    let stopped = Instant::now();
    target.wait_for(PASS_LEASE / 2, "the other goes on", |calls| calls.iter().any(|call| call.start > stopped)).await;
    assert_eq!(most_at_once(&target.all_calls()), 1);
}

async fn default_headers_are_sent<P: naptime::Store>(at: Place<P>) {
    let target = Target::start().await;
    let header = |text: &str| Headers::new(Headers::split_lines(text).unwrap()).unwrap();
    let mut own = on_demand(&target.url("/own"));
    own.spec.request.headers = header("x-token: own");
    let jobs = [at.add(own).await, at.add(on_demand(&target.url("/plain"))).await];
    let headers = Some(header("X-Token: default\nX-Source: naptime"));
    at.change(&target, PoolChange { headers, ..PoolChange::default() }).await;
    let _worker = at.worker();
    for job in &jobs {
        at.store.edit(job.id, None, Edit::CallNow).await.unwrap();
    }
    target.wait_for(SOON, "both are called", |calls| calls.len() == 2).await;
    let sent = |path: &str, name: &str| target.calls(path)[0].header(name).map(str::to_owned);
    assert_eq!(sent("/plain", "X-Token").as_deref(), Some("default"));
    assert_eq!(sent("/own", "X-Token").as_deref(), Some("own"), "a job's own header wins");
    assert_eq!(sent("/own", "X-Source").as_deref(), Some("naptime"));
    assert_eq!(target.calls("/own")[0].headers.get_all("X-Token").iter().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn default_headers_are_sent_on_mongodb() {
    default_headers_are_sent(on_mongo().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn default_headers_are_sent_on_sqlite() {
    default_headers_are_sent(on_sqlite()).await;
}

async fn a_pool_goes_off_and_on<P: naptime::Store>(at: Place<P>) {
    let target = Target::start().await;
    target.on("/", Answer::ok().after(Duration::from_millis(600)));
    let job = at.add_many(&target, ["/".to_owned()].into_iter()).await.remove(0);
    let asked = at.add(on_demand(&target.url("/asked"))).await;
    let _worker = at.worker();
    target.wait_for(SOON, "a call is in flight", |calls| calls.iter().any(|call| call.end.is_none())).await;
    at.change(&target, switch(false)).await;
    eventually(SOON, "what is in flight ends", async || {
        at.store.get(job.id).await.unwrap().state.lock().is_none().then_some(())
    })
    .await;
    assert!(target.all_calls().iter().all(|call| call.answered));
    // A call that was being claimed as the pool was switched off may still have left; from here on, none.
    tokio::time::sleep(SECOND).await;
    let before = target.count();
    at.store.edit(asked.id, None, Edit::CallNow).await.unwrap();
    tokio::time::sleep(Duration::from_millis(3500)).await;
    assert_eq!(target.count(), before, "nothing is called, not even when asked for");

    at.change(&target, switch(true)).await;
    target.wait_for(SOON, "calls go on", |calls| calls.len() >= before + 5).await;
    assert_eq!(target.calls("/asked").len(), 1);
    let calls = target.calls("/");
    let mut dues: Vec<i64> = calls.iter().map(due).collect();
    dues.dedup();
    assert_eq!(dues.len(), calls.len(), "no occurrence is called twice");
    let again = calls.iter().filter(|call| call.start > calls[0].start + 3 * SECOND).cloned().collect::<Vec<_>>();
    let least = least_time_of(3, &again);
    assert!(least > SECOND, "no burst: three calls within {least:?}");
    let now = eventually(SOON, "between calls", async || {
        Some(at.store.get(job.id).await.unwrap()).filter(|job| job.state.lock().is_none())
    })
    .await;
    let counters = now.state.counters;
    assert!(counters.missed >= 3, "{counters:?}");
    assert_eq!(counters.settled + counters.missed, occurrences(&job, &now), "each occurrence is accounted for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_goes_off_and_on_on_mongodb() {
    a_pool_goes_off_and_on(on_mongo().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_goes_off_and_on_on_sqlite() {
    a_pool_goes_off_and_on(on_sqlite()).await;
}

/// A process that dies while it adds jobs to a pool that is being changed leaves jobs without their gate.
#[tokio::test(flavor = "multi_thread")]
async fn what_slipped_past_a_gate_is_not_called_and_put_right() {
    let at = on_mongo().await;
    let target = Target::start().await;
    at.add_many(&target, (0..20).map(|n| format!("/{n}"))).await;
    at.change(&target, switch(false)).await;
    let jobs = at.place.open().await.collection::<Document>("due");
    let _worker = at.worker();
    for _ in 0..5 {
        jobs.update_many(doc! {}, doc! {"$set": {"gate": ""}}).await.unwrap();
        eventually(SOON, "the jobs carry their gate again", async || {
            let open = jobs.count_documents(doc! {"$or": [{"gate": ""}, {"lock": {"$ne": null}}]}).await.unwrap();
            (open == 0).then_some(())
        })
        .await;
    }
    assert_eq!(target.count(), 0);
    // They are as they were: switched on, they are called.
    at.change(&target, switch(true)).await;
    target.wait_for(SOON, "they are called", |calls| calls.len() >= 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_is_gone_is_not_brought_back_by_who_was_stopped() {
    const STOPPED: Duration = Duration::from_secs(3);
    let set = mongo::ReplicaSet::start_with(1, &["--setParameter", "enableTestCommands=1"]).await;
    let database = set.fresh_database();
    let (store, target) = (open(&database).await, Target::start().await);
    store.insert(vec![every(SECOND, &target.url("/"))]).await.unwrap();
    store.change_pool(&pool(&target), None, in_flight(1)).await.unwrap();
    // Somebody reads of the limit, and is stopped before it writes the gates.
    let uri = format!("{}&appName=stopped", database.uri);
    let stopped = MongoStore::open(&uri, naptime_mongo::Options::default()).await.unwrap();
    let blocked = doc! {
        "failCommands": ["update"], "blockConnection": true, "blockTimeMS": 3_000, "appName": "stopped",
    };
    let fail = doc! {"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": blocked};
    let client = database.client().await;
    client.database("admin").run_command(fail).await.unwrap();
    let began = Instant::now();
    let looking = tokio::spawn(async move { stopped.known_pools().await });
    let hits = doc! {"waitForFailPoint": "failCommand", "timesEntered": 1, "maxTimeMS": 10_000};
    client.database("admin").run_command(hits).await.unwrap();
    store
        .change_pool(&pool(&target), None, PoolChange { max_in_flight: Some(None), ..PoolChange::default() })
        .await
        .unwrap();
    looking.await.unwrap().unwrap();
    assert!(began.elapsed() >= STOPPED, "it was stopped meanwhile");
    let jobs = database.open().await.collection::<Document>("due");
    let job = jobs.find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!(job.get_str("gate").unwrap(), "", "a gate that nobody passes any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_no_pass_is_held_though_passes_cannot_be_extended() {
    let set = mongo::ReplicaSet::start_with(1, &["--setParameter", "enableTestCommands=1"]).await;
    let database = set.fresh_database();
    let store = open(&database).await;
    let (limited, free) = (Target::start().await, Target::start().await);
    limited.on("/", Answer::never());
    // Longer than the lease.
    free.on("/", Answer::ok().after(8 * SECOND));
    let mut new = [every(SECOND, &limited.url("/")), every(SECOND, &free.url("/"))];
    new[1].spec.lease = naptime_core::job::MIN_LEASE;
    let job = store.insert(new.to_vec()).await.unwrap().remove(1).into_job();
    store.change_pool(&pool(&limited), None, in_flight(1)).await.unwrap();
    let _worker = Naptime::worker(&database).launch();
    limited.wait_for(SOON, "it holds a pass", |calls| calls.len() == 1).await;
    let failing = doc! {
        "failCommands": ["update"], "errorCode": 50, "namespace": format!("{}.pools", database.name),
    };
    let fail = doc! {"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": failing};
    database.client().await.database("admin").run_command(fail).await.unwrap();
    eventually(SOON, "the other call ends well", async || {
        store.get(job.id).await.unwrap().state.last.filter(|last| last.outcome == Outcome::Ok)
    })
    .await;
}
