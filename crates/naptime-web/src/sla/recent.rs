//! How all endpoints stand to their SLAs. It takes a while to add up, and many may want it at once.

use std::sync::Arc;
use std::time::Duration;

use naptime_core::{Standing, Time};
use naptime_store::{Breached, Page, PageRef, Result, WebStore};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Where it takes no longer than this it is added up anew for each.
const QUICK: Duration = Duration::from_millis(50);
/// Where it takes longer, it is good for so many times as long: adding up then takes no more than a tenth of the time.
const TIMES: u32 = 10;
/// The longest that it is good for.
const GOOD: Duration = Duration::from_secs(5);
/// Where that is over and it is no older than this, whoever wants it gets it all the same, and a new one is added up.
const OLD: Duration = Duration::from_secs(60);

/// How all endpoints stood, and when.
#[derive(Clone, Debug)]
pub(crate) struct Stood {
    pub(crate) standing: Standing,
    pub(crate) at: Time,
    asked: Instant,
    took: Duration,
}

/// The last one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recent {
    last: Arc<std::sync::Mutex<Option<Stood>>>,
    /// Held by the one that adds up.
    adding: Arc<Mutex<()>>,
}

impl Recent {
    /// The last one if it will do, or else a new one. One request asks the store, the others wait for it.
    pub(crate) async fn standing(&self, store: &Arc<dyn WebStore>) -> Result<Stood> {
        if let Some(last) = self.last() {
            if last.is_good() {
                return Ok(last);
            }
            if last.took > QUICK && last.asked.elapsed() < OLD {
                let (recent, store) = (self.clone(), store.clone());
                tokio::spawn(async move {
                    if let Err(error) = recent.add_up(&store).await {
                        tracing::debug!(%error, "cannot add up how the SLAs stand");
                    }
                });
                return Ok(last);
            }
        }
        self.add_up(store).await
    }

    async fn add_up(&self, store: &Arc<dyn WebStore>) -> Result<Stood> {
        let _adding = self.adding.lock().await;
        // Somebody else may have done so meanwhile.
        if let Some(last) = self.last().filter(Stood::is_good) {
            return Ok(last);
        }
        let (asked, at) = (Instant::now(), store.now());
        let standing = store.standing().await?;
        let stood = Stood { standing, at, asked, took: asked.elapsed() };
        *self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(stood.clone());
        Ok(stood)
    }

    fn last(&self) -> Option<Stood> {
        self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

impl Stood {
    fn is_good(&self) -> bool {
        self.took > QUICK && self.asked.elapsed() < self.took + (self.took * TIMES).min(GOOD)
    }

    /// The number of endpoints in breach. If the first page of them is all there are, it is the newer one.
    pub(crate) fn breached(&self, page: &PageRef, found: &Page<Breached>) -> u64 {
        match (&page.cursor, &found.next) {
            (None, None) => found.items.len() as u64,
            _ => self.standing.breached.max(found.items.len() as u64),
        }
    }
}
