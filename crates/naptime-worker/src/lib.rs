//! A worker: claims due jobs, calls them, settles.
//!
//! ```text
//!             slots free                  at its time            group commit
//!   Queue ──▶ scheduler ──▶ holding (a task per claim) ──▶ call ──▶ settling ──▶ Queue
//!                 ▲              ▲ abort                               │ slot free
//!                 │           renewing ◀──────── held claims ◀─────────┤
//!                 └────────── waiting ◀──────── held over ◀────────────┘
//! ```
//!
//! A slot is taken before work is claimed, moves into the claim, and is free only when the settle is acknowledged. So a
//! worker never makes more calls than its capacity, and its memory stays flat while the store is away. A claim that holds a
//! job over waits without a slot, and gets one before it calls.
//!
//! Pools with limits, and those whose host is down, have a claiming of their own, `gated`, which takes a pass for each call
//! before its job.

pub mod call;

mod beating;
mod claiming;
mod clock;
mod fair;
mod gated;
mod held;
mod holding;
mod hosts;
mod link;
mod meter;
mod outage;
mod passes;
mod pools;
mod presence;
mod renewing;
mod runtime;
mod scheduler;
mod settling;
mod share;
mod slots;
mod strain;
mod tally;
mod trace;
mod waiting;
mod wakes;
#[cfg(test)]
mod workbench;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use naptime_core::{AllowedNetworks, WorkerId};
use naptime_store::WorkStore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::beating::Beating;
use crate::call::{Caller, Handlers, Mailer, Outbound};
use crate::claiming::Claiming;
use crate::fair::Fair;
use crate::gated::Gated;
use crate::held::Registry;
use crate::holding::Holding;
use crate::link::Link;
use crate::meter::Meter;
use crate::passes::Passes;
use crate::pools::Pools;
use crate::presence::Presence;
use crate::scheduler::Scheduler;
use crate::settling::{Settler, Settling};
use crate::share::Share;
use crate::slots::Slots;
use crate::waiting::Waiting;
use crate::wakes::Wakes;

pub use runtime::{Runtime, Tokio};
pub use tally::Tally;
pub use trace::{CallSpan, CallTracer};

/// How a worker works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The most calls at once (`WORKER_MAX_CAPACITY`).
    pub capacity: u32,
    /// The longest sleep between looks for work (`WORKER_SLEEP_TIME`).
    pub sleep: Duration,
    /// The networks that may be called beside the public internet (`NAPTIME_ALLOW_NETWORKS`).
    pub networks: AllowedNetworks,
    /// What sends mail; none: no mail is sent.
    pub mailer: Option<Mailer>,
    /// What calls of `job://name` go to.
    pub handlers: Handlers,
    /// The name of the machine, for the workers' page.
    pub host: String,
}

/// How far ahead a job is claimed, to be held in a timer until it is due.
const LOOKAHEAD: Duration = Duration::from_millis(100);
/// The most bytes of requests held at once.
pub const MAX_BYTES: usize = 32 * 1024 * 1024;
/// How long calls may go on after the worker was told to stop. Platforms kill after 30 s.
const GRACE: Duration = Duration::from_secs(25);
/// How long the store may take none of what is left to settle before it is given up, and how long settling may take
/// after [`GRACE`].
const SETTLING: Duration = Duration::from_secs(2);
/// How long the last figures and the leave-taking may take after that.
const FAREWELL: Duration = Duration::from_secs(1);

/// A worker, not yet started.
pub struct Worker {
    id: WorkerId,
    store: Arc<dyn WorkStore>,
    outbound: Arc<dyn Outbound>,
    runtime: Arc<dyn Runtime>,
    tracer: Option<Arc<dyn CallTracer>>,
    settings: Settings,
    share: Arc<Share>,
    meter: Arc<Meter>,
    registry: Registry,
}

/// Whether it is a worker's turn to do what one of all does: it has the first partition.
#[derive(Clone, Debug)]
pub struct Turn(Arc<Share>);

impl Turn {
    /// Whether it is, as far as this worker knows.
    pub fn is_mine(&self) -> bool {
        self.0.is_first()
    }
}

impl Worker {
    /// A worker with a fresh identity, which calls by HTTP, and handlers in this process.
    ///
    /// # Errors
    /// If the HTTP client cannot be set up.
    pub fn new(store: Arc<dyn WorkStore>, settings: Settings) -> Result<Self, call::SetupError> {
        let caller = Caller::new(settings.networks.clone(), env!("CARGO_PKG_VERSION"))?;
        let caller = caller.with_mailer(settings.mailer.clone()).with_handlers(settings.handlers.clone());
        Ok(Self::on(Tokio.id().into(), store, Arc::new(caller), Arc::new(Tokio), settings))
    }

    /// A worker of this identity, whose calls and tasks are somebody else's.
    pub fn on(
        id: WorkerId,
        store: Arc<dyn WorkStore>,
        outbound: Arc<dyn Outbound>,
        runtime: Arc<dyn Runtime>,
        settings: Settings,
    ) -> Self {
        let (share, meter, registry) = Default::default();
        Self { id, store, outbound, runtime, tracer: None, settings, share, meter, registry }
    }

    /// The same, with its calls traced, if by anything.
    #[must_use]
    pub fn traced(self, tracer: Option<Arc<dyn CallTracer>>) -> Self {
        Self { tracer, ..self }
    }

    /// Its identity.
    pub fn id(&self) -> WorkerId {
        self.id
    }

    /// Whether it is its turn to do what one of all does, while it works.
    pub fn turn(&self) -> Turn {
        Turn(self.share.clone())
    }

    /// What it does, to be looked at while it works.
    pub fn tally(&self) -> Tally {
        let (meter, registry) = (self.meter.clone(), self.registry.clone());
        Tally { worker: self.id, capacity: self.settings.capacity, meter, registry }
    }

    /// Works until `stop` is cancelled, and then until everything held is settled, but no longer than 28 s: calls have
    /// 25 s to end, what has not left is given back at once.
    pub async fn run(self, stop: CancellationToken) {
        let Self { id: me, store, outbound, runtime, tracer, settings, share, meter, registry } = self;
        let Settings { capacity, sleep, host, .. } = settings;
        let name = me.name();
        tracing::info!(worker = %me, capacity, "worker {name} starts");

        let link = Link::new(store);
        let slots = Arc::new(Slots::new(capacity, MAX_BYTES));
        let fair = Arc::new(Fair::new(capacity));
        let presence = Arc::new(Presence::new(link.clone()));
        let pools = Arc::new(Pools::new(link.clone(), presence.clone()));
        let (passes, to_free) = Passes::new();
        let passes = Arc::new(passes);
        let (settler, to_settle) = Settler::new();
        let cutting = CancellationToken::new();
        let calls = TaskTracker::new();
        let waiting = Waiting::new(link.clone(), slots.clone(), share.clone(), settler.clone(), stop.clone());
        let waiting = Arc::new(waiting);
        let wakes = Arc::new(Wakes::new(link.clone(), share.clone(), stop.clone()));
        let holding = Arc::new(Holding {
            me,
            link: link.clone(),
            outbound,
            runtime: runtime.clone(),
            tracer,
            pools: pools.clone(),
            presence,
            meter: meter.clone(),
            slots: slots.clone(),
            registry: registry.clone(),
            settler,
            waiting: waiting.clone(),
            tasks: calls.clone(),
            stopping: stop.clone(),
            cutting: cutting.clone(),
        });
        let beating = Beating {
            me,
            host,
            capacity,
            link: link.clone(),
            registry: registry.clone(),
            slots: slots.clone(),
            share: share.clone(),
            waiting: waiting.clone(),
            wakes: wakes.clone(),
            runtime: runtime.clone(),
            stopping: stop.clone(),
        };
        let claiming = Claiming {
            me,
            link: link.clone(),
            runtime: runtime.clone(),
            sleep,
            registry: registry.clone(),
            fair: fair.clone(),
            share,
            pools: pools.clone(),
            wakes: wakes.clone(),
            holding: holding.clone(),
        };
        let scheduler = Scheduler {
            link: link.clone(),
            slots: slots.clone(),
            registry: registry.clone(),
            fair: fair.clone(),
            pools: pools.clone(),
            waiting: waiting.clone(),
            wakes: wakes.clone(),
            claiming,
            holding: holding.clone(),
            stopping: stop.clone(),
        };
        let gated = Gated {
            me,
            link: link.clone(),
            runtime: runtime.clone(),
            sleep,
            slots: slots.clone(),
            registry: registry.clone(),
            fair,
            pools: pools.clone(),
            passes: passes.clone(),
            wakes: wakes.clone(),
            holding: holding.clone(),
            stopping: stop.clone(),
        };

        let settling = Settling {
            link: link.clone(),
            runtime: runtime.clone(),
            registry: registry.clone(),
            waiting: waiting.clone(),
            wakes: wakes.clone(),
        };

        // These go on until the last claim is settled.
        let ended = CancellationToken::new();
        let helpers = TaskTracker::new();
        let help = |helper: BoxFuture<'static, ()>| {
            let until_ended = ended.clone().run_until_cancelled_owned(helper).map(drop);
            runtime.spawn(Box::pin(helpers.track_future(until_ended)));
        };
        help(Box::pin(beating.run()));
        help(Box::pin(clock::run(link.clone())));
        help(Box::pin(renewing::run(link.clone(), registry.clone())));
        help(Box::pin(renewing::keep_fences(registry.clone())));
        help(Box::pin(meter::run(meter.clone(), me, capacity, link.clone(), registry.clone())));
        help(Box::pin(waiting::ask_for_edits(waiting, me)));
        help(Box::pin(pools::run(pools, wakes.clone())));
        help(Box::pin(wakes::run(wakes)));
        help(Box::pin(passes::run(passes.clone(), link.clone(), to_free)));
        help(Box::pin(settling.run(to_settle)));
        let claimers = TaskTracker::new();
        runtime.spawn(Box::pin(claimers.track_future(scheduler.run())));
        runtime.spawn(Box::pin(claimers.track_future(gated.run())));

        stop.cancelled().await;
        // The time runs from here, though a claim under way may take its own to come back.
        let deadline = Instant::now() + GRACE;
        tracing::info!(worker = %me, held = registry.len(), "worker {name} stops");
        let mut all_called = std::pin::pin!(async {
            claimers.close();
            claimers.wait().await;
            calls.close();
            calls.wait().await;
        });
        let in_time = tokio::time::timeout_at(deadline, &mut all_called).await.is_ok();
        if !in_time {
            cutting.cancel();
        }
        let rest = async {
            if !in_time {
                all_called.await;
            }
            registry.all_end(SETTLING).await && tokio::time::timeout(SETTLING, passes.all_free()).await.is_ok()
        };
        if !tokio::time::timeout_at(deadline + SETTLING, rest).await.unwrap_or(false) {
            // Their leases run out, and other workers take over, as if this one had been killed.
            tracing::warn!(held = registry.len(), "the store does not take what is left to settle");
        }
        ended.cancel();
        helpers.close();
        helpers.wait().await;
        let farewell = async {
            meter.flush(me, &link).await;
            link.leave(me).await
        };
        match tokio::time::timeout(FAREWELL, farewell).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "cannot take leave"),
            Err(_) => tracing::debug!("cannot take leave: no answer"),
        }
        tracing::info!(worker = %me, "worker {name} has stopped");
    }
}
