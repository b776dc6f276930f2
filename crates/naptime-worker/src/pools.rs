//! What this worker knows of pools: those that are limited, switched off, or have default headers.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use naptime_core::{Headers, Pool, PoolSettings, Request, Spec};
use naptime_store::Result;
use tokio::sync::watch;

use crate::Shared;
use crate::outage::backoff;

/// How often the settings are read.
const EVERY: Duration = Duration::from_secs(2);

/// The pools that are not as all others, as last read; none before the first time.
pub(crate) struct Pools(watch::Sender<Option<Arc<HashMap<Pool, PoolSettings>>>>);

impl Default for Pools {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Pools {
    /// Waits until the settings have been read once. Before that nothing may be called.
    pub(crate) async fn known(&self) {
        // The sender is this, so it is there.
        let _ = self.0.subscribe().wait_for(Option::is_some).await;
    }

    /// Reads the settings now.
    pub(crate) async fn refresh(&self, shared: &Shared) -> Result<()> {
        let pools = shared.outage.note(shared.store.known_pools().await)?;
        shared.presence.note_off(&pools, shared.store.now());
        let pools = pools.into_iter().map(|settings| (settings.pool.clone(), settings)).collect();
        self.0.send_replace(Some(Arc::new(pools)));
        Ok(())
    }

    /// Whether jobs of this pool may be called only as the gate lets them.
    pub(crate) fn is_gated(&self, pool: &Pool) -> bool {
        self.0.borrow().as_ref().is_some_and(|pools| pools.get(pool).is_some_and(PoolSettings::is_gated))
    }

    /// The pools that have limits and are switched on.
    pub(crate) fn limited(&self) -> Vec<Pool> {
        let pools = self.0.borrow().clone().unwrap_or_default();
        pools.values().filter(|it| it.active && it.is_gated()).map(|it| it.pool.clone()).collect()
    }

    /// The request of a job as it is sent: with the default headers of its pool.
    pub(crate) fn request<'a>(&self, spec: &'a Spec) -> Cow<'a, Request> {
        let pools = self.0.borrow();
        let headers = pools.as_ref().and_then(|pools| Some(&pools.get(spec.endpoint.pool())?.headers));
        match headers.filter(|headers| !headers.is_empty()) {
            Some(defaults) => Cow::Owned(with_defaults(&spec.request, defaults)),
            None => Cow::Borrowed(&spec.request),
        }
    }
}

fn with_defaults(request: &Request, defaults: &Headers) -> Request {
    Request { headers: request.headers.with_defaults(defaults), ..request.clone() }
}

/// Reads the settings every two seconds.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut failures = 0;
    loop {
        failures = if shared.pools.refresh(&shared).await.is_ok() { 0 } else { failures + 1 };
        tokio::time::sleep(if failures == 0 { EVERY } else { backoff(failures) }).await;
    }
}
