//! Looks for edits of jobs that are held over.
//!
//! A claim that waits for its time must not call what a person has switched off, deleted or changed meanwhile, and a call
//! that somebody asked for must not wait for it. So the store is asked again and again which claims were edited, and none
//! of them begins its call unless that was asked within the last 100 ms. An edit that comes later came during the call.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use naptime_core::{ClaimRef, Time, WorkerId};
use tokio::sync::Notify;

use crate::held::Registry;
use crate::link::Link;
use crate::outage::backoff;

/// How often it is looked while jobs are held over.
const EVERY: Duration = Duration::from_millis(50);

/// What is known of edits.
#[derive(Default)]
pub(crate) struct Edits {
    looked_at: Mutex<Option<Time>>,
    looked: Notify,
    awaited: Notify,
}

impl Edits {
    /// Waits until it was looked for edits at `at` or later, by the store's clock.
    pub(crate) async fn looked_for(&self, at: Time) {
        loop {
            let looked = self.looked.notified();
            if self.looked_at().is_some_and(|looked_at| looked_at >= at) {
                return;
            }
            self.awaited.notify_one();
            looked.await;
        }
    }

    /// Looks for edits for as long as a claim waits.
    pub(crate) async fn run(&self, me: WorkerId, link: &Link, registry: &Registry) {
        let mut failures = 0;
        loop {
            if registry.waiting() == 0 {
                self.awaited.notified().await;
            }
            // What was edited by now is found.
            let now = link.now();
            match link.noted(link.edited(me)).await {
                Ok(edited) => {
                    let edited: BTreeSet<ClaimRef> = edited.into_iter().collect();
                    registry.revoke(|claim| edited.contains(claim));
                    *self.looked_at() = Some(now);
                    self.looked.notify_waiters();
                    failures = 0;
                }
                Err(_) => failures += 1,
            }
            tokio::time::sleep(if failures == 0 { EVERY } else { backoff(failures) }).await;
        }
    }

    fn looked_at(&self) -> MutexGuard<'_, Option<Time>> {
        self.looked_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
