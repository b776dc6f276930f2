//! What this worker knows of pools: those that are not as all others.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use naptime_core::request::MAX_TIMEOUT;
use naptime_core::{Pool, PoolSettings, Request, Spec, Transport};
use naptime_store::Result;
use tokio::sync::watch;

use crate::link::Link;
use crate::outage::backoff;
use crate::presence::Presence;
use crate::wakes::Wakes;

/// How often the settings are read at most, and while the store does not tell of changes.
const EVERY: Duration = Duration::from_secs(2);
/// How often they are read at least.
const SELDOM: Duration = Duration::from_secs(10);

/// The pools that are not as all others, as last read.
pub(crate) struct Pools {
    link: Link,
    /// Told which of them are switched off or down.
    presence: Arc<Presence>,
    /// None before the first time.
    settings: watch::Sender<Option<Arc<BTreeMap<Pool, PoolSettings>>>>,
}

impl Pools {
    pub(crate) fn new(link: Link, presence: Arc<Presence>) -> Self {
        Self { link, presence, settings: watch::Sender::new(None) }
    }

    /// Waits until the settings have been read once. Before that nothing may be called.
    pub(crate) async fn known(&self) {
        // The sender is this, so it is there.
        let _ = self.settings.subscribe().wait_for(Option::is_some).await;
    }

    /// Reads the settings now.
    pub(crate) async fn refresh(&self) -> Result<()> {
        let pools = self.link.noted(self.link.known_pools()).await?;
        self.presence.note_withheld(&pools, self.link.now());
        let pools = pools.into_iter().map(|settings| (settings.pool.clone(), settings)).collect();
        self.settings.send_replace(Some(Arc::new(pools)));
        Ok(())
    }

    /// Whether jobs of this pool may be called only as the gate lets them.
    pub(crate) fn is_gated(&self, pool: &Pool) -> bool {
        self.settings.borrow().as_ref().is_some_and(|pools| pools.get(pool).is_some_and(PoolSettings::is_gated))
    }

    /// The pools that have limits, or are down, and are switched on.
    pub(crate) fn limited(&self) -> Vec<Pool> {
        let pools = self.settings.borrow().clone().unwrap_or_default();
        pools.values().filter(|it| it.active && it.is_gated()).map(|it| it.pool.clone()).collect()
    }

    /// How connections for this job are made, and its request as it is sent there: with the default headers of its pool,
    /// and within the time that this allows now.
    pub(crate) fn request<'a>(&self, spec: &'a Spec) -> (Transport, Cow<'a, Request>) {
        let pools = self.settings.borrow();
        let settings = pools.as_ref().and_then(|pools| pools.get(spec.endpoint.pool()));
        let transport = settings.map(|settings| settings.transport.clone()).unwrap_or_default();
        let limit = settings.map_or(MAX_TIMEOUT, PoolSettings::timeout_limit);
        let defaults = settings.map(|settings| &settings.headers).filter(|headers| !headers.is_empty());
        let request = &spec.request;
        if defaults.is_none() && request.timeout <= limit {
            return (transport, Cow::Borrowed(request));
        }
        let headers = defaults.map_or_else(|| request.headers.clone(), |it| request.headers.with_defaults(it));
        (transport, Cow::Owned(Request { headers, timeout: request.timeout.min(limit), ..request.clone() }))
    }
}

/// Reads the settings when they may have changed.
pub(crate) async fn run(pools: Arc<Pools>, wakes: Arc<Wakes>) {
    let mut failures = 0;
    loop {
        failures = if pools.refresh().await.is_ok() { 0 } else { failures + 1 };
        tokio::time::sleep(if failures == 0 { EVERY } else { backoff(failures) }).await;
        if failures == 0 && wakes.are_told() {
            // If nobody told of a change until then, they are read all the same.
            let _ = tokio::time::timeout(SELDOM - EVERY, wakes.pools()).await;
        }
    }
}
