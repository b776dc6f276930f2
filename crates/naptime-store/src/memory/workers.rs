//! The workers that were heard of, and which of them live.

use std::collections::BTreeMap;
use std::time::Duration;

use naptime_core::worker::{DEAD_AFTER, Worker};
use naptime_core::{Heartbeat, Peer, Time, WorkerId};

/// How long a worker is remembered.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

#[derive(Default)]
pub(super) struct Workers(BTreeMap<WorkerId, Heard>);

struct Heard {
    beat: Heartbeat,
    seen_at: Time,
    /// Whether the worker took its leave.
    left: bool,
}

impl Heard {
    fn is_alive(&self, now: Time) -> bool {
        !self.left && self.seen_at >= now - DEAD_AFTER
    }
}

impl Workers {
    pub(super) fn beat(&mut self, me: &Heartbeat, now: Time) {
        self.0.insert(me.id, Heard { beat: me.clone(), seen_at: now, left: false });
    }

    pub(super) fn leave(&mut self, me: WorkerId) {
        if let Some(heard) = self.0.get_mut(&me) {
            heard.left = true;
        }
    }

    /// Those who live and go on, by id.
    pub(super) fn living(&self, now: Time) -> Vec<Peer> {
        let goes_on = |heard: &&Heard| heard.is_alive(now) && !heard.beat.stopping;
        self.0.values().filter(goes_on).map(|heard| heard.beat.peer()).collect()
    }

    /// The workers that are remembered, the living first, then by start.
    pub(super) fn all(&self, now: Time) -> Vec<Worker> {
        let remembered = self.0.values().filter(|heard| heard.seen_at >= now - REMEMBERED);
        let worker =
            |heard: &Heard| Worker { beat: heard.beat.clone(), seen_at: heard.seen_at, alive: heard.is_alive(now) };
        let mut workers: Vec<Worker> = remembered.map(worker).collect();
        workers.sort_by_key(|worker| (!worker.alive, worker.beat.started_at, worker.beat.id));
        workers
    }

    pub(super) fn purge(&mut self, now: Time) {
        self.0.retain(|_, heard| heard.seen_at >= now - REMEMBERED);
    }

    /// Sees to it that no worker lives on because the clock was ahead.
    pub(super) fn move_back(&mut self, now: Time) {
        self.0.values_mut().for_each(|heard| heard.seen_at = heard.seen_at.min(now));
    }
}
