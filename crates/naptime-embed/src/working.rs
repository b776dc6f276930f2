//! A worker and what goes with it: events are applied, and people are told of problems.

use std::sync::Arc;
use std::time::Duration;

use naptime_alerts::{Place, Watch};
use naptime_core::AllowedNetworks;
use naptime_events::{Applier, Consumer};
use naptime_store::Store;
use naptime_worker::Worker;
use tokio_util::sync::CancellationToken;

use crate::door::Door;

/// A worker, not yet started, and what goes with it.
pub struct Working {
    /// What claims and calls.
    pub worker: Worker,
    /// What it works on.
    pub store: Arc<dyn Store>,
    /// Where events come from, if a message broker is set.
    pub events: Option<Consumer>,
    /// Where alerts lead, and how mail is sent.
    pub place: Place,
    /// The networks that the endpoints of events may lead to.
    pub networks: AllowedNetworks,
    /// Their shortest period.
    pub min_period: Duration,
}

impl Working {
    /// Works until `stop`, or until everything was moved elsewhere: calls, applies events, and tells of problems.
    pub async fn run(self, door: &Door, stop: &CancellationToken) {
        let Self { worker, store, events, place, networks, min_period } = self;
        let (turn, stop) = (worker.turn(), &stop.child_token());
        // A store that is being filled holds only a part of what alerts go by.
        let watch = door.while_open(stop, |over| {
            let (store, place, turn) = (store.clone(), place.clone(), turn.clone());
            async move { Watch::new(store, place, move || turn.is_mine()).run(&over).await }
        });
        // While the store is shut, events wait at the broker, or go to whoever works on the other store.
        let consume = async {
            if let Some(events) = &events {
                let applier = &Applier::new(store.clone(), networks, min_period);
                door.while_open(stop, |over| async move { events.run(applier, &over).await }).await;
            }
        };
        let handed_over = async {
            stop.run_until_cancelled(door.is_handed_over()).await;
            stop.cancel();
        };
        tokio::join!(worker.run(stop.clone()), watch, consume, handed_over);
    }
}

/// The name of this machine, as people see it among the workers.
pub fn host_name() -> String {
    let from_file = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = std::env::var("DYNO").ok().or_else(from_file).or_else(|| std::env::var("HOSTNAME").ok());
    name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}
