//! What the tests of a worker's loops work with: a store in memory, a target that is none, and the parts of one worker,
//! on a clock that is paused.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use naptime_core::{
    Claim, Endpoint, Heartbeat, Job, JobId, NewJob, Outcome, Partition, Peer, Pool, PoolChange, Rooms, Schedule, Spec,
    Time, WorkerId,
};
use naptime_store::memory::MemoryStore;
use naptime_store::{Clock, Jobs, Pools as _, Queue, Want};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::call::{Answer, Call, LocalFault, Outbound};
use crate::claiming::Claiming;
use crate::fair::Fair;
use crate::gated::Gated;
use crate::held::{Held, Registry};
use crate::holding::Holding;
use crate::link::Link;
use crate::meter::Meter;
use crate::passes::{self, Passes};
use crate::pools::Pools;
use crate::presence::Presence;
use crate::runtime::Runtime;
use crate::scheduler::Scheduler;
use crate::settling::{Settler, Settling, ToSettle};
use crate::share::Share;
use crate::slots::Slots;
use crate::waiting::Waiting;
use crate::wakes::Wakes;

/// When tests begin: 2026-11-02T03:04:05.006Z.
pub(crate) const BEGINNING: Time = Time::from_millis(1_793_588_645_006);

/// The parts of a worker, which are put together as a test needs them.
pub(crate) struct Workbench {
    pub(crate) me: WorkerId,
    pub(crate) store: MemoryStore,
    pub(crate) link: Link,
    pub(crate) target: Arc<Target>,
    pub(crate) slots: Arc<Slots>,
    pub(crate) registry: Registry,
    pub(crate) fair: Arc<Fair>,
    pub(crate) waiting: Arc<Waiting>,
    pub(crate) wakes: Arc<Wakes>,
    pub(crate) share: Arc<Share>,
    pub(crate) pools: Arc<Pools>,
    pub(crate) passes: Arc<Passes>,
    pub(crate) stopping: CancellationToken,
    pub(crate) cutting: CancellationToken,
    pub(crate) holding: Arc<Holding>,
    /// What was handed over to be settled.
    pub(crate) to_settle: Option<ToSettle>,
}

/// The runtime of a test, whose clock is paused.
pub(crate) struct Paused;

impl Runtime for Paused {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }

    fn id(&self) -> Uuid {
        Uuid::new_v4()
    }
}

/// A target that notes when each call came, and answers after a while.
pub(crate) struct Target {
    pub(crate) takes: Mutex<Duration>,
    pub(crate) calls: Mutex<Vec<(String, Time)>>,
    store: MemoryStore,
}

#[async_trait]
impl Outbound for Target {
    async fn call(&self, call: Call<'_>) -> Result<Answer, LocalFault> {
        self.calls.lock().expect("no panic").push((call.endpoint.to_string(), self.store.now()));
        let takes = *self.takes.lock().expect("no panic");
        tokio::time::sleep(takes).await;
        let message = String::new();
        Ok(Answer {
            outcome: Outcome::Ok,
            status: Some(200),
            message,
            retry_after: None,
            every: None,
            transcript: None,
        })
    }
}

impl Workbench {
    /// A worker of so many slots, with all partitions its own, and the settings of all pools read.
    pub(crate) async fn with_slots(capacity: u32) -> Self {
        let me = WorkerId::from(Uuid::from_u128(1));
        let store = MemoryStore::new(BEGINNING, Duration::from_secs(3600));
        let link = Link::new(Arc::new(store.clone()));
        let target = Arc::new(Target { takes: Mutex::default(), calls: Mutex::default(), store: store.clone() });
        let presence = Arc::new(Presence::new(link.clone()));
        let pools = Arc::new(Pools::new(link.clone(), presence.clone()));
        pools.refresh().await.expect("the store answers");
        let share = Arc::new(Share::default());
        share.update(me, &[Peer { id: me, has_room: true }]);
        let slots = Arc::new(Slots::new(capacity, 32 << 20));
        let registry = Registry::default();
        let (passes, to_free) = Passes::new();
        let passes = Arc::new(passes);
        tokio::spawn(passes::run(passes.clone(), link.clone(), to_free));
        let (settler, to_settle) = Settler::new();
        let fair = Arc::new(Fair::new(capacity));
        let (stopping, cutting) = (CancellationToken::new(), CancellationToken::new());
        let waiting = Waiting::new(link.clone(), slots.clone(), share.clone(), settler.clone(), stopping.clone());
        let waiting = Arc::new(waiting);
        let wakes = Arc::new(Wakes::new(link.clone(), share.clone(), stopping.clone()));
        let holding = Arc::new(Holding {
            me,
            link: link.clone(),
            outbound: target.clone(),
            runtime: Arc::new(Paused),
            tracer: None,
            pools: pools.clone(),
            presence,
            meter: Arc::new(Meter::default()),
            slots: slots.clone(),
            registry: registry.clone(),
            settler,
            waiting: waiting.clone(),
            tasks: TaskTracker::new(),
            stopping: stopping.clone(),
            cutting: cutting.clone(),
        });
        Self {
            me,
            store,
            link,
            target,
            slots,
            registry,
            fair,
            waiting,
            wakes,
            share,
            pools,
            passes,
            stopping,
            cutting,
            holding,
            to_settle: Some(to_settle),
        }
    }

    /// The loop that gives slots to work, to be run.
    pub(crate) fn scheduler(&self) -> Scheduler {
        let claiming = Claiming {
            me: self.me,
            link: self.link.clone(),
            runtime: Arc::new(Paused),
            sleep: Duration::from_millis(250),
            registry: self.registry.clone(),
            fair: self.fair.clone(),
            share: self.share.clone(),
            pools: self.pools.clone(),
            wakes: self.wakes.clone(),
            holding: self.holding.clone(),
        };
        Scheduler {
            link: self.link.clone(),
            slots: self.slots.clone(),
            registry: self.registry.clone(),
            fair: self.fair.clone(),
            pools: self.pools.clone(),
            waiting: self.waiting.clone(),
            wakes: self.wakes.clone(),
            claiming,
            holding: self.holding.clone(),
            stopping: self.stopping.clone(),
        }
    }

    /// The loop that settles, to be run.
    pub(crate) fn settling(&self, to_settle: ToSettle) -> impl Future<Output = ()> + use<> {
        let settling = Settling {
            link: self.link.clone(),
            runtime: Arc::new(Paused),
            registry: self.registry.clone(),
            waiting: self.waiting.clone(),
            wakes: self.wakes.clone(),
        };
        settling.run(to_settle)
    }

    /// The loop that claims jobs of pools with limits, to be run.
    pub(crate) fn gated(&self) -> Gated {
        Gated {
            me: self.me,
            link: self.link.clone(),
            runtime: Arc::new(Paused),
            sleep: Duration::from_millis(250),
            slots: self.slots.clone(),
            registry: self.registry.clone(),
            fair: self.fair.clone(),
            pools: self.pools.clone(),
            passes: self.passes.clone(),
            wakes: self.wakes.clone(),
            holding: self.holding.clone(),
            stopping: self.stopping.clone(),
        }
    }

    /// Adds a job that calls `url` once, so long after the beginning.
    pub(crate) async fn once(&self, url: &str, after: Duration) -> JobId {
        self.add(url, Schedule::Once { at: BEGINNING + after }).await
    }

    /// Adds a job.
    pub(crate) async fn add(&self, url: &str, schedule: Schedule) -> JobId {
        let id = JobId::from(Paused.id());
        let spec = Spec::new(Endpoint::parse(url).expect("a URL"), schedule);
        self.store.insert(vec![NewJob { id, spec, active: true }]).await.expect("the store answers");
        id
    }

    /// Sets limits on a pool that has jobs, and has the worker know of them.
    pub(crate) async fn limit(&self, pool: &str, change: PoolChange) {
        let pool = Pool::parse(pool).expect("a pool");
        self.store.change_pool(&pool, None, change).await.expect("it is there");
        self.pools.refresh().await.expect("the store answers");
    }

    /// Claims what is due, and takes it in, as the loop does.
    pub(crate) async fn hold(&self) -> Vec<(Claim, Held)> {
        let mut taken = self.slots.take_up_to(usize::MAX).await;
        let want = Want {
            worker: self.me,
            token: Paused.id().into(),
            slots: taken.slots(),
            bytes: taken.bytes(),
            partitions: Partition::all().collect(),
            late: Duration::ZERO,
            lookahead: crate::LOOKAHEAD,
            gate: None,
            rooms: Rooms::default(),
        };
        let sent = Instant::now();
        let claims = self.store.claim(&want).await.expect("the store answers").claims;
        let hold = |claim: Claim| {
            let held = self.registry.hold(&claim, sent, &mut taken, None).expect("there is room");
            (claim, held)
        };
        claims.into_iter().map(hold).collect()
    }

    /// A job as it is now.
    pub(crate) fn job(&self, id: JobId) -> Arc<Job> {
        self.store.job(id).expect("it is there")
    }

    /// When each call came, in milliseconds after the beginning.
    pub(crate) fn calls(&self) -> Vec<u128> {
        let calls = self.target.calls.lock().expect("no panic");
        calls.iter().map(|(_, at)| at.since(BEGINNING).as_millis()).collect()
    }
}

/// The heartbeats of workers that live, by the store.
pub(crate) async fn living(store: &MemoryStore) -> Vec<Heartbeat> {
    use naptime_store::History;
    let workers = store.workers().await.expect("the store answers");
    workers.into_iter().filter(|worker| worker.alive).map(|worker| worker.beat).collect()
}
