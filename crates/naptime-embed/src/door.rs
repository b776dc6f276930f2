//! Whether the store is shut, because everything is moved out of it or into it.
//!
//! The embedded file itself refuses what must not happen in it meanwhile. MongoDB refuses nothing while it is filled: jobs
//! that have arrived cannot be claimed, and everything else is left to the processes, which go by this. A move waits until
//! they have seen it.

use std::sync::Arc;
use std::time::Duration;

use naptime_store::{Shut, Store};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often the store is asked.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How long all processes take to see that a store is shut.
pub const SEEN_AFTER: Duration = LOOK_EVERY.saturating_mul(2).saturating_add(Duration::from_secs(1));

/// What the store says, asked every [`LOOK_EVERY`]. Clones see the same.
#[derive(Clone)]
pub struct Door(watch::Receiver<Option<Shut>>);

impl Door {
    /// Asks until `stop`. A store that does not answer is as it was.
    pub async fn watch(store: Arc<dyn Store>, stop: CancellationToken) -> Self {
        let first = store.shut().await.unwrap_or_default();
        if let Some(shut) = &first {
            tracing::warn!("{shut}");
        }
        let (told, door) = watch::channel(first);
        tokio::spawn(stop.run_until_cancelled_owned(async move {
            let mut ticks = interval(LOOK_EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                if let Ok(shut) = store.shut().await {
                    told.send_if_modified(|last| *last != shut && note(last, shut));
                }
            }
        }));
        Self(door)
    }

    /// The same for those who only look.
    pub fn receiver(&self) -> watch::Receiver<Option<Shut>> {
        self.0.clone()
    }

    /// Waits until everything has gone elsewhere, for good.
    pub async fn is_handed_over(&self) {
        self.is(|shut| matches!(shut, Some(Shut::Leaving { for_good: true, .. }))).await;
    }

    /// Does `work` while the store is open, and ends it when that is shut; until `stop`.
    pub async fn while_open<Work: Future<Output = ()>>(
        &self,
        stop: &CancellationToken,
        work: impl Fn(CancellationToken) -> Work,
    ) {
        while stop.run_until_cancelled(self.is(Option::is_none)).await.is_some() {
            let over = stop.child_token();
            let shut = async {
                over.run_until_cancelled(self.is(Option::is_some)).await;
                over.cancel();
            };
            tokio::join!(work(over.clone()), shut);
        }
    }

    /// Waits until what the store says is `so`. When nobody asks it any more, that is not known to be.
    async fn is(&self, so: impl FnMut(&Option<Shut>) -> bool) {
        if self.0.clone().wait_for(so).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Takes down what the store says now.
fn note(last: &mut Option<Shut>, now: Option<Shut>) -> bool {
    match &now {
        Some(shut) => tracing::warn!("{shut}"),
        None => tracing::info!("the store is open again"),
    }
    *last = now;
    true
}

#[cfg(test)]
mod tests {
    use naptime_core::Time;
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn work_goes_on_when_the_store_is_open_again() {
        let (told, door) = watch::channel(None);
        let (door, stop) = (Door(door), CancellationToken::new());
        let (begin, mut begun) = mpsc::unbounded_channel();
        let work = |over: CancellationToken| {
            let begin = begin.clone();
            async move {
                begin.send(true).expect("somebody waits");
                over.cancelled().await;
                begin.send(false).expect("somebody waits");
            }
        };
        let check = async {
            let shut = Shut::Arriving { from: "here".to_owned(), since: Time::from_millis(1) };
            assert_eq!(begun.recv().await, Some(true));
            told.send_replace(Some(shut));
            assert_eq!(begun.recv().await, Some(false));
            told.send_replace(None);
            assert_eq!(begun.recv().await, Some(true));
            stop.cancel();
            assert_eq!(begun.recv().await, Some(false));
        };
        tokio::join!(door.while_open(&stop, work), check);
    }
}
