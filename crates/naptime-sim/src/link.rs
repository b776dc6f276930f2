//! The store as one worker reaches it: over the network, with every effect looked at by the witness.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use naptime_core::load::{Figures, Load};
use naptime_core::pool::Sign;
use naptime_core::worker::Worker;
use naptime_core::{
    Claim, ClaimRef, Heartbeat, JobId, Pass, Peer, Pool, PoolSettings, Rev, Seen, Settled, Steered, Tier, Time,
    WorkerId,
};
use naptime_store::{
    Clock, Error, Freed, Gates, History, Hosts, Passes, Pools, Queue, Repairs, Result, SetBack, Steering, Take, Want,
};

use crate::network::Network;
use crate::witness::{Cause, Witness};

/// The store as one worker reaches it.
pub(crate) struct Link {
    pub(crate) network: Arc<Network>,
    pub(crate) witness: Arc<Witness>,
    /// Its number.
    pub(crate) worker: usize,
    /// How far its reading of the store's clock lags behind.
    pub(crate) lag: Duration,
    /// Its requests so far, those of its earlier lives included.
    pub(crate) requests: Arc<AtomicU64>,
}

impl Link {
    async fn request<T: Send + 'static>(&self, effect: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
        let count = self.requests.fetch_add(1, Ordering::Relaxed);
        self.network.request((self.worker, count), effect).await
    }
}

impl Clock for Link {
    fn now(&self) -> Time {
        self.network.store.now() - self.lag
    }

    fn until(&self, at: Time) -> Duration {
        self.network.store.until(at + self.lag)
    }
}

#[async_trait]
impl Queue for Link {
    async fn peek(&self, want: &Want, past: Option<&str>) -> Result<Seen> {
        let (store, want, past) = (self.network.store.clone(), want.clone(), past.map(str::to_owned));
        self.request(async move { store.peek(&want, past.as_deref()).await }).await
    }

    async fn lock(&self, want: &Want, ids: &[JobId]) -> Result<Vec<Claim>> {
        let (store, witness) = (self.network.store.clone(), self.witness.clone());
        let (want, ids) = (want.clone(), ids.to_vec());
        self.request(async move {
            let claims = store.lock(&want, &ids).await;
            if let Ok(claims) = &claims {
                witness.claimed(&store, &want, claims);
            }
            claims
        })
        .await
    }

    async fn renew(&self, held: &[ClaimRef]) -> Result<Vec<ClaimRef>> {
        let (store, witness, held) = (self.network.store.clone(), self.witness.clone(), held.to_vec());
        self.request(async move {
            let lost = store.renew(&held).await;
            witness.changed(&store, Cause::Renewal, held.iter().map(|claim| claim.job));
            lost
        })
        .await
    }

    async fn settle(&self, done: &[Settled]) -> Result<Vec<Claim>> {
        let (store, witness, done) = (self.network.store.clone(), self.witness.clone(), done.to_vec());
        let is_torn = self.network.is_torn((self.worker, self.requests.load(Ordering::Relaxed)));
        self.request(async move {
            if is_torn {
                store.record_runs(&done);
                return Err(Error::Unavailable("simulated: cut off between two writes".to_owned()));
            }
            witness.ends(store.now(), &done);
            let settled = store.settle(&done).await;
            witness.changed(&store, Cause::Settle, done.iter().map(|settled| settled.claim.job));
            settled
        })
        .await
    }

    async fn edited(&self, me: WorkerId) -> Result<Vec<ClaimRef>> {
        let store = self.network.store.clone();
        self.request(async move { store.edited(me).await }).await
    }

    async fn beat(&self, me: &Heartbeat) -> Result<Vec<Peer>> {
        let store = self.network.store.clone();
        let me = me.clone();
        self.request(async move { store.beat(&me).await }).await
    }

    async fn woken(&self, seen: u64) -> Result<u64> {
        let store = self.network.store.clone();
        self.request(async move { store.woken(seen).await }).await
    }

    async fn wake(&self) -> Result<()> {
        let store = self.network.store.clone();
        self.request(async move { store.wake().await }).await
    }

    async fn leave(&self, me: WorkerId) -> Result<()> {
        let store = self.network.store.clone();
        self.request(async move { store.leave(me).await }).await
    }
}

#[async_trait]
impl Steering for Link {
    async fn steer(&self, id: JobId, expect: Rev, steered: Steered) -> Result<()> {
        let (store, witness) = (self.network.store.clone(), self.witness.clone());
        self.request(async move {
            let rev = store.job(id).map(|job| job.rev);
            let done = store.steer(id, expect, steered).await;
            witness.steered(&store, id, (rev, expect), done.is_ok());
            done
        })
        .await
    }
}

#[async_trait]
impl Gates for Link {
    async fn known_pools(&self) -> Result<Vec<PoolSettings>> {
        let store = self.network.store.clone();
        self.request(async move { store.known_pools().await }).await
    }

    async fn next_in(&self, pools: &[Pool]) -> Result<Vec<(Pool, Time)>> {
        let store = self.network.store.clone();
        let pools = pools.to_vec();
        self.request(async move { store.next_in(&pools).await }).await
    }

    async fn take_passes(&self, take: &Take) -> Result<Passes> {
        let store = self.network.store.clone();
        let take = take.clone();
        self.request(async move { store.take_passes(&take).await }).await
    }

    async fn extend_passes(&self, passes: &[Pass]) -> Result<Vec<Pass>> {
        let store = self.network.store.clone();
        let passes = passes.to_vec();
        self.request(async move { store.extend_passes(&passes).await }).await
    }

    async fn free_passes(&self, passes: &[Freed]) -> Result<()> {
        let store = self.network.store.clone();
        let passes = passes.to_vec();
        self.request(async move { store.free_passes(&passes).await }).await
    }
}

#[async_trait]
impl Hosts for Link {
    async fn down_pools(&self) -> Result<Vec<PoolSettings>> {
        let store = self.network.store.clone();
        self.request(async move { store.down_pools().await }).await
    }

    async fn heed(&self, pool: &Pool, sign: Sign) -> Result<bool> {
        let store = self.network.store.clone();
        let pool = pool.clone();
        let witness = self.witness.clone();
        self.request(async move {
            let before = store.pool_settings(std::slice::from_ref(&pool)).await;
            let changed = store.heed(&pool, sign).await;
            let down = before.ok().and_then(|mut before| before.pop()).and_then(|before| before.down);
            if let (Some(down), Ok(true), Sign::Answered { began } | Sign::Failed { began }) = (down, &changed, sign)
                && began < down.turned_at
            {
                let what = format!("{pool}: a call of {began} tells how it is since {}", down.turned_at);
                witness.violation(store.now(), what);
            }
            changed
        })
        .await
    }
}

#[async_trait]
impl Repairs for Link {
    async fn follow_clock(&self) -> Result<Option<SetBack>> {
        let store = self.network.store.clone();
        self.request(async move { store.follow_clock().await }).await
    }
}

#[async_trait]
impl History for Link {
    async fn add_load(&self, load: &[Load]) -> Result<()> {
        let store = self.network.store.clone();
        let load = load.to_vec();
        self.request(async move { store.add_load(&load).await }).await
    }

    async fn load(&self, tier: Tier, from: Time, to: Time) -> Result<Vec<Load>> {
        let store = self.network.store.clone();
        self.request(async move { store.load(tier, from, to).await }).await
    }

    async fn total(&self) -> Result<Figures> {
        let store = self.network.store.clone();
        self.request(async move { store.total().await }).await
    }

    async fn workers(&self) -> Result<Vec<Worker>> {
        let store = self.network.store.clone();
        self.request(async move { store.workers().await }).await
    }

    async fn purge(&self) -> Result<()> {
        let store = self.network.store.clone();
        self.request(async move { store.purge().await }).await
    }
}
