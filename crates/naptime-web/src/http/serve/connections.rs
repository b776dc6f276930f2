//! The connections that are open, and which of them goes when there are too many.
//!
//! A new connection is never turned away while another one waits for its peer: of the network with the most
//! connections, the one that waits longest is closed. So slow or silent peers keep nobody out, whether each has an
//! address of its own or all come through one proxy, which needs no setting.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::progress::Progress;
use crate::http::client::network_of;

/// How often a full house is logged.
const LOGGED_EVERY: Duration = Duration::from_secs(60);

/// The open connections.
#[derive(Debug)]
pub(super) struct Connections {
    /// The most that are served.
    served: usize,
    /// The most beyond them that are answered on their health only.
    reserve: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    by_id: HashMap<u64, Connection>,
    next_id: u64,
    logged: Option<Instant>,
}

#[derive(Debug)]
struct Connection {
    network: IpAddr,
    health_only: bool,
    progress: Arc<Progress>,
}

/// The place of one connection, which is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<Connections>,
    id: u64,
    /// Whether only questions for the health of the process are answered: handlers are at work for all others.
    pub(super) health_only: bool,
    pub(super) progress: Arc<Progress>,
}

impl Connections {
    pub(super) fn new(served: usize, reserve: usize) -> Self {
        Self { served, reserve, open: Mutex::default() }
    }

    /// A place for a new connection. If need be, another one is closed for it. There is none only if handlers are at
    /// work for all connections, those of the reserve included.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let network = network_of(peer);
        let health_only = if open.has_room(false, self.served, network) {
            false
        } else if open.has_room(true, self.reserve, network) {
            true
        } else {
            return None;
        };
        let (id, progress) = (open.next_id, Arc::new(Progress::accepted()));
        open.next_id += 1;
        open.by_id.insert(id, Connection { network, health_only, progress: progress.clone() });
        Some(Place { connections: self.clone(), id, health_only, progress })
    }

    /// Closes the connection that can best be spared, if any waits for its peer.
    pub(super) fn make_room(&self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).evict(false, None);
    }
}

impl Open {
    /// Whether one more of `network` fits in, maybe in place of another.
    fn has_room(&mut self, health_only: bool, most: usize, network: IpAddr) -> bool {
        let count = self.by_id.values().filter(|connection| connection.health_only == health_only).count();
        count < most || self.evict(health_only, Some(network))
    }

    /// Closes one for a connection of the network `new`.
    fn evict(&mut self, health_only: bool, new: Option<IpAddr>) -> bool {
        let mut by_network: HashMap<IpAddr, usize> = HashMap::new();
        for network in self.by_id.values().map(|connection| connection.network).chain(new) {
            *by_network.entry(network).or_default() += 1;
        }
        let waiting = self.by_id.iter().filter(|(_, open)| open.health_only == health_only && open.progress.waits());
        let spared = waiting.max_by_key(|(_, open)| {
            (by_network.get(&open.network).copied().unwrap_or(0), std::cmp::Reverse(open.progress.since()))
        });
        let Some(id) = spared.map(|(id, _)| *id) else { return false };
        if let Some(evicted) = self.by_id.remove(&id) {
            evicted.progress.evict();
            if self.logged.is_none_or(|logged| logged.elapsed() > LOGGED_EVERY) {
                self.logged = Some(Instant::now());
                let (network, open) = (evicted.network, self.by_id.len());
                tracing::warn!(%network, open, "many connections are open; those that wait longest are closed for new ones");
            }
        }
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.open.lock().unwrap_or_else(PoisonError::into_inner).by_id.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(connections: &Arc<Connections>, peer: &str) -> Option<Place> {
        connections.enter(peer.parse().unwrap())
    }

    fn is_open(place: &Place) -> bool {
        place.connections.open.lock().unwrap().by_id.contains_key(&place.id)
    }

    #[test]
    fn the_network_with_most_loses_the_one_that_waits_longest() {
        let connections = Arc::new(Connections::new(4, 1));
        let other = enter(&connections, "192.0.2.1").unwrap();
        let of_one = ["2001:db8::1", "2001:db8::2", "2001:db8::3"].map(|peer| enter(&connections, peer).unwrap());
        // The first has asked for something meanwhile, so the second waits longer.
        of_one[0].progress.request_begins(false);
        of_one[0].progress.request_ends();
        let new = enter(&connections, "192.0.2.2").unwrap();
        assert!(!new.health_only);
        assert_eq!(of_one.each_ref().map(is_open), [true, false, true]);
        assert!(is_open(&other) && is_open(&new), "the oldest of all is of a network with few");
    }

    #[test]
    fn whoever_is_worked_for_stays_and_the_reserve_is_for_health() {
        let connections = Arc::new(Connections::new(2, 1));
        let served = [0, 1].map(|_| enter(&connections, "192.0.2.1").unwrap());
        served.iter().for_each(|place| place.progress.request_begins(true));
        let first = enter(&connections, "192.0.2.1").unwrap();
        let second = enter(&connections, "192.0.2.1").unwrap();
        assert!(first.health_only && second.health_only && !is_open(&first), "the reserve goes by the same rule");
        second.progress.request_begins(false);
        assert!(enter(&connections, "192.0.2.1").is_none());
        // One waits for more of its body, or for its peer to take the answer.
        served[1].progress.awaits_body(true);
        let third = enter(&connections, "192.0.2.1").unwrap();
        third.progress.request_begins(false);
        assert!(!third.health_only);
        assert_eq!(served.each_ref().map(is_open), [true, false]);
        served[0].progress.write_blocked(true);
        let last = enter(&connections, "192.0.2.1").unwrap();
        assert!(!last.health_only && !is_open(&served[0]));
    }
}
