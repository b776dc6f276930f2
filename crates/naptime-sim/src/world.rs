//! Plays a scenario: starts the workers, and makes happen what happens.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use naptime_core::{AllowedNetworks, JobId, PoolChange, Time, WorkerId};
use naptime_store::memory::MemoryStore;
use naptime_store::{Clock, Pools};
use naptime_worker::call::Handlers;
use naptime_worker::{Runtime, Settings, Worker};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::link::Link;
use crate::network::{Network, PATIENCE};
use crate::node::Node;
use crate::people;
use crate::random::{self, Random};
use crate::scenario::{Limits, Scenario, What};
use crate::target::{Line, Target};
use crate::trace::Trace;
use crate::witness::{Cause, Witness};

/// When runs begin, by the store's clock: 2026-11-02T03:04:05.006Z.
pub(crate) const BEGINNING: Time = Time::from_millis(1_793_588_645_006);
/// How long runs and deleted jobs are kept: longer than a run lasts.
const RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long workers go on after the last event has ended, beyond the longest lease.
const QUIET: Duration = Duration::from_secs(30);

/// How long after the end of its lease what a killed worker held is claimed again at the latest.
const RECOVERY: Duration = Duration::from_secs(1);

/// How soon a worker has stopped that is told to, at the latest; a claim may be under way by then.
const STOPS_WITHIN: Duration = Duration::from_secs(28 + PATIENCE.as_secs());

/// How often hosts are looked after, as one of all workers does.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// All that there is in a run.
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) store: MemoryStore,
    pub(crate) witness: Arc<Witness>,
    pub(crate) target: Arc<Target>,
    network: Arc<Network>,
    workers: Vec<Mutex<Post>>,
}

/// The place of a worker, and who is there.
#[derive(Default)]
struct Post {
    /// How many have been there.
    lives: u64,
    requests: Arc<AtomicU64>,
    present: Option<Present>,
}

struct Present {
    id: WorkerId,
    node: Node,
    stop: CancellationToken,
    ended: CancellationToken,
}

impl World {
    pub(crate) fn new(scenario: Scenario, trace: Trace) -> Arc<Self> {
        let store = MemoryStore::new(BEGINNING, RETENTION);
        let witness = Arc::new(Witness::new(trace));
        let target = Target::new(store.clone(), witness.clone(), scenario.clone());
        Arc::new(Self {
            network: Arc::new(Network::new(store.clone(), scenario.seed)),
            target: Arc::new(target),
            workers: (0..scenario.workers).map(|_| Mutex::default()).collect(),
            store,
            witness,
            scenario,
        })
    }

    /// The id of a job.
    pub(crate) fn job_id(&self, number: usize) -> JobId {
        random::id(&[self.scenario.seed, number as u64]).into()
    }

    /// Plays it to its end. Returns when the workers were told to stop.
    pub(crate) async fn play(self: &Arc<Self>) -> Time {
        let beginning = Instant::now();
        for pool in 0..self.scenario.pools.len() {
            people::add_pool(self, pool).await;
        }
        (0..self.scenario.workers).for_each(|worker| self.start(worker));
        let watch = tokio::spawn(self.clone().watch_hosts());
        let mut happenings: Vec<(Duration, Happening)> =
            self.scenario.jobs().map(|(number, job)| (job.added, Happening::Added(number))).collect();
        for event in self.scenario.events.iter().flatten() {
            happenings.push((event.at, Happening::Begins(event.what)));
            happenings.push((event.ends(), Happening::Ends(event.what)));
        }
        happenings.sort_by_key(|(at, _)| *at);
        for (at, happening) in happenings {
            sleep_until(beginning + at).await;
            match happening {
                Happening::Added(job) => people::add(self, job).await,
                Happening::Begins(what) => self.begin(what).await,
                Happening::Ends(what) => self.end(what).await,
            }
        }
        let longest_lease = self.scenario.jobs().map(|(_, job)| job.lease).max().unwrap_or_default();
        sleep_until(beginning + self.scenario.length + longest_lease + QUIET).await;
        let until = self.store.now();
        self.stop_all().await;
        watch.abort();
        until
    }

    /// Finds which hosts are down. Whoever's turn it is, it is soon another's, so nobody is killed over it.
    async fn watch_hosts(self: Arc<Self>) {
        let mut hosts = naptime_alerts::Hosts::default();
        loop {
            sleep(LOOK_EVERY).await;
            if let Err(error) = hosts.look(&self.store).await {
                self.witness.violation(self.store.now(), format!("hosts cannot be looked after: {error}"));
            }
        }
    }

    async fn begin(self: &Arc<Self>, what: What) {
        self.witness.happened(self.store.now(), || format!("--- {what:?}"));
        match what {
            What::Kill { worker, .. } => {
                let gone = self.post(worker).present.take();
                if let Some(present) = gone {
                    present.node.kill();
                    self.watch_recovery(present.id);
                }
            }
            What::Stop { worker, away } => {
                let Some(present) = self.post(worker).present.take() else { return };
                // It may be frozen, and would never end.
                present.node.thaw();
                present.stop.cancel();
                let here = self.clone();
                tokio::spawn(async move {
                    here.wait_for(&present).await;
                    sleep(away).await;
                    here.start(worker);
                });
            }
            What::Freeze { worker, .. } => {
                if let Some(present) = &self.post(worker).present {
                    present.node.freeze();
                }
            }
            What::Weather { worker, lasts, weather } => self.network.worsen(worker, weather, lasts),
            What::Edit { job, edit } => people::edit(self, job, edit).await,
            // The target goes by the time.
            What::Exhaust { .. } | What::Down { .. } => {}
            What::Limit { pool, limits } => self.change_pool(pool, limiting(limits)).await,
            What::Close { pool, .. } => {
                self.change_pool(pool, PoolChange { active: Some(false), ..PoolChange::default() }).await;
            }
        }
    }

    async fn end(self: &Arc<Self>, what: What) {
        match what {
            What::Kill { worker, .. } => self.start(worker),
            What::Freeze { worker, .. } => {
                if let Some(present) = &self.post(worker).present {
                    present.node.thaw();
                }
            }
            What::Close { pool, .. } => {
                self.change_pool(pool, PoolChange { active: Some(true), ..PoolChange::default() }).await;
            }
            What::Stop { .. }
            | What::Exhaust { .. }
            | What::Weather { .. }
            | What::Edit { .. }
            | What::Limit { .. }
            | What::Down { .. } => {}
        }
    }

    async fn change_pool(&self, pool: usize, change: PoolChange) {
        // A pool that no job was added to is not there.
        let _ = self.store.change_pool(&people::pool(pool), None, change).await;
    }

    /// Starts a worker at its place, unless one is there.
    fn start(self: &Arc<Self>, worker: usize) {
        let mut post = self.post(worker);
        if post.present.is_some() {
            return;
        }
        post.lives += 1;
        let seed = random::hash(&[self.scenario.seed, worker as u64, post.lives]);
        let node = Node::start(seed);
        let mut random = Random::new(seed, &[]);
        let lag = random.between(Duration::ZERO, Duration::from_millis(20));
        let link = Link {
            network: self.network.clone(),
            witness: self.witness.clone(),
            worker,
            lag,
            requests: post.requests.clone(),
        };
        let settings = Settings {
            mailer: None,
            handlers: Handlers::default(),
            capacity: self.scenario.capacity,
            sleep: Duration::from_millis(250),
            networks: AllowedNetworks::default(),
            host: format!("machine {worker}"),
        };
        let id = WorkerId::from(node.id());
        let capacity = self.scenario.capacity;
        let line = Line { target: self.target.clone(), worker: id, number: worker, capacity, lag };
        let it = Worker::on(id, Arc::new(link), Arc::new(line), Arc::new(node.clone()), settings);
        let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
        self.witness.happened(self.store.now(), || format!("--- worker {worker} starts: {}", id.name()));
        let (told, end) = (stop.clone(), ended.clone());
        node.spawn(Box::pin(async move {
            it.run(told).await;
            end.cancel();
        }));
        post.present = Some(Present { id, node, stop, ended });
    }

    /// Stops all workers, and waits for them.
    async fn stop_all(&self) {
        let all: Vec<Present> = (0..self.workers.len()).filter_map(|worker| self.post(worker).present.take()).collect();
        all.iter().for_each(|present| present.stop.cancel());
        for present in all {
            self.wait_for(&present).await;
        }
    }

    /// Waits until a worker has stopped, and kills it if it does not in time.
    async fn wait_for(&self, present: &Present) {
        if timeout(STOPS_WITHIN, present.ended.cancelled()).await.is_err() {
            let name = present.id.name();
            self.witness.violation(self.store.now(), format!("[8] {name} has not stopped after {STOPS_WITHIN:?}"));
            present.node.kill();
        }
    }

    /// Looks whether what a killed worker held is claimed again within a second after its lease is over [3], where
    /// nothing else goes wrong meanwhile.
    fn watch_recovery(self: &Arc<Self>, killed: WorkerId) {
        let now = self.store.now();
        for (number, job) in self.scenario.jobs() {
            let Some(stored) = self.store.job(self.job_id(number)) else { continue };
            let (Some(lock), Some(lease_ends)) = (stored.state.lock(), stored.state.claim_at()) else { continue };
            // It may have been over before, while no worker reached the store.
            let latest = lease_ends.max(now) + RECOVERY;
            let is_calm = self.scenario.is_calm(now.since(BEGINNING), latest.since(BEGINNING));
            if lock.worker != killed || job.is_edited || self.scenario.is_limited(job.pool) || !is_calm {
                continue;
            }
            let (here, token, id) = (self.clone(), lock.token, stored.id);
            tokio::spawn(async move {
                sleep(here.store.until(latest)).await;
                let still = here.store.job(id).is_some_and(|job| job.state.lock().is_some_and(|it| it.token == token));
                if still {
                    here.witness
                        .violation(latest, format!("[3] {id} is still held by {}, which was killed", killed.name()));
                }
            });
        }
    }

    /// The job is as a person left it.
    pub(crate) fn edited(&self, id: JobId) {
        self.witness.changed(&self.store, Cause::Edit, [id].into_iter());
    }

    fn post(&self, worker: usize) -> MutexGuard<'_, Post> {
        self.workers[worker].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Happening {
    Added(usize),
    Begins(What),
    Ends(What),
}

/// The change that sets these limits.
pub(crate) fn limiting(limits: Limits) -> PoolChange {
    PoolChange {
        max_in_flight: Some(limits.in_flight),
        max_per_second: Some(limits.per_second),
        ..PoolChange::default()
    }
}
