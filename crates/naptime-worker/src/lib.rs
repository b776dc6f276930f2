//! A worker: claims due jobs, calls them, settles.
//!
//! ```text
//!              slots free                at its time                    group commit
//!   Queue ──▶ claiming ──▶ holding (one task per claim) ──▶ call ──▶ settling ──▶ Queue
//!                             ▲ abort                                   │ slot free
//!                          renewing ◀───────── held claims ◀────────────┘
//! ```
//!
//! A slot is taken before work is claimed, moves into the claim, and is free only when the settle is acknowledged. So a
//! worker never holds more than its capacity, and its memory stays flat while the store is away.
//!
//! Pools with limits have a claiming of their own, `gated`, which takes a pass for each call before its job.

pub mod call;

mod beating;
mod claiming;
mod clock;
mod fair;
mod gated;
mod held;
mod holding;
mod meter;
mod outage;
mod passes;
mod pools;
mod presence;
mod renewing;
mod settling;
mod share;
mod slots;
mod strain;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use naptime_core::{AllowedNetworks, Settled, WorkerId};
use naptime_store::WorkStore;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::call::Caller;
use crate::fair::Fair;
use crate::held::{Held, Registry};
use crate::meter::Meter;
use crate::outage::Outage;
use crate::passes::Passes;
use crate::pools::Pools;
use crate::presence::Presence;
use crate::share::Share;
use crate::slots::Slots;

/// How a worker works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The most claims held at once (`WORKER_MAX_CAPACITY`).
    pub capacity: u32,
    /// The longest sleep between looks for work (`WORKER_SLEEP_TIME`).
    pub sleep: Duration,
    /// The networks that may be called beside the public internet (`NAPTIME_ALLOW_NETWORKS`).
    pub networks: AllowedNetworks,
    /// The name of the machine, for the workers' page.
    pub host: String,
}

/// How far ahead a job is claimed, to be held in a timer until it is due.
const LOOKAHEAD: Duration = Duration::from_millis(100);
/// The most bytes of requests held at once.
const MAX_BYTES: usize = 32 * 1024 * 1024;
/// How long calls may go on after the worker was told to stop. Platforms kill after 30 s.
const GRACE: Duration = Duration::from_secs(25);
/// How long settling what is left may take after that.
const SETTLING: Duration = Duration::from_secs(2);
/// How long the last figures and the leave-taking may take after that.
const FAREWELL: Duration = Duration::from_secs(1);

/// A worker, not yet started.
pub struct Worker {
    id: WorkerId,
    store: Arc<dyn WorkStore>,
    caller: Caller,
    settings: Settings,
}

/// What the parts of a running worker share.
struct Shared {
    id: WorkerId,
    store: Arc<dyn WorkStore>,
    caller: Caller,
    settings: Settings,
    slots: Slots,
    /// Whether the last look left behind what was due, for want of slots.
    behind: AtomicBool,
    registry: Registry,
    fair: Fair,
    share: Share,
    meter: Meter,
    outage: Outage,
    pools: Pools,
    passes: Passes,
    presence: Presence,
    /// Told to stop: no more claims, and claims whose call has not left are given back.
    stopping: CancellationToken,
    /// The time after that is up: calls are cut.
    cutting: CancellationToken,
    settling: mpsc::UnboundedSender<(Held, Settled)>,
    holding: TaskTracker,
}

impl Worker {
    /// A worker with a fresh identity.
    ///
    /// # Errors
    /// If the HTTP client cannot be set up.
    pub fn new(store: Arc<dyn WorkStore>, settings: Settings) -> Result<Self, call::SetupError> {
        let caller = Caller::new(settings.networks.clone(), env!("CARGO_PKG_VERSION"))?;
        Ok(Self { id: uuid::Uuid::new_v4().into(), store, caller, settings })
    }

    /// Its identity.
    pub fn id(&self) -> WorkerId {
        self.id
    }

    /// Works until `stop` is cancelled, and then until everything held is settled, but no longer than 28 s: calls have
    /// 25 s to end, what has not left is given back at once.
    pub async fn run(self, stop: CancellationToken) {
        let name = self.id.name();
        tracing::info!(worker = %self.id, capacity = self.settings.capacity, "worker {name} starts");
        // Not bounded: no more can be sent than there are slots.
        let (settling, to_settle) = mpsc::unbounded_channel();
        let (passes, to_free) = Passes::new();
        let shared = Arc::new(Shared {
            id: self.id,
            slots: Slots::new(self.settings.capacity, MAX_BYTES),
            behind: AtomicBool::new(false),
            registry: Registry::default(),
            fair: Fair::new(self.settings.capacity),
            share: Share::default(),
            meter: Meter::default(),
            outage: Outage::default(),
            pools: Pools::default(),
            passes,
            presence: Presence::default(),
            store: self.store,
            caller: self.caller,
            settings: self.settings,
            stopping: stop,
            cutting: CancellationToken::new(),
            settling,
            holding: TaskTracker::new(),
        });

        // These go on until the last claim is settled.
        let ended = CancellationToken::new();
        let helpers = TaskTracker::new();
        helpers.spawn(ended.clone().run_until_cancelled_owned(beating::run(shared.clone())));
        helpers.spawn(ended.clone().run_until_cancelled_owned(clock::run(shared.clone())));
        helpers.spawn(ended.clone().run_until_cancelled_owned(renewing::run(shared.clone())));
        helpers.spawn(ended.clone().run_until_cancelled_owned(renewing::keep_fences(shared.clone())));
        helpers.spawn(ended.clone().run_until_cancelled_owned(meter::run(shared.clone())));
        helpers.spawn(ended.clone().run_until_cancelled_owned(pools::run(shared.clone())));
        helpers.spawn(ended.clone().run_until_cancelled_owned(passes::run(shared.clone(), to_free)));
        let settler = tokio::spawn(settling::run(shared.clone(), to_settle));

        let claiming = tokio::spawn(claiming::run(shared.clone()));
        let gated = tokio::spawn(gated::run(shared.clone()));

        shared.stopping.cancelled().await;
        // The time runs from here, though a claim under way may take its own to come back.
        let deadline = tokio::time::Instant::now() + GRACE;
        tracing::info!(worker = %shared.id, held = shared.registry.len(), "worker {name} stops");
        let mut calls = std::pin::pin!(async {
            let _ = tokio::join!(claiming, gated);
            shared.holding.close();
            shared.holding.wait().await;
        });
        let in_time = tokio::time::timeout_at(deadline, &mut calls).await.is_ok();
        if !in_time {
            shared.cutting.cancel();
        }
        let rest = async {
            if !in_time {
                calls.await;
            }
            shared.slots.all_free().await;
            shared.passes.all_free().await;
        };
        if tokio::time::timeout(SETTLING, rest).await.is_err() {
            // Their leases run out, and other workers take over, as if this one had been killed.
            tracing::warn!(held = shared.registry.len(), "the store does not take what is left to settle");
        }
        ended.cancel();
        helpers.close();
        helpers.wait().await;
        settler.abort();
        let farewell = async {
            shared.meter.flush(&shared).await;
            shared.store.leave(shared.id).await
        };
        match tokio::time::timeout(FAREWELL, farewell).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "cannot take leave"),
            Err(_) => tracing::debug!("cannot take leave: no answer"),
        }
        tracing::info!(worker = %shared.id, "worker {name} has stopped");
    }
}
