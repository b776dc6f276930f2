//! Which partitions are this worker's own, and which the others'.

use std::sync::{Mutex, MutexGuard, PoisonError};

use naptime_core::worker::home_partitions;
use naptime_core::{Partition, Peer, WorkerId};

/// What this worker knows of the others, by its last heartbeat.
#[derive(Debug, Default)]
pub(crate) struct Share(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    home: Vec<Partition>,
    others_have_room: bool,
}

impl Share {
    /// Takes note of who lives. Returns whether this worker has other partitions than before.
    pub(crate) fn update(&self, me: WorkerId, living: &[Peer]) -> bool {
        let ids: Vec<WorkerId> = living.iter().map(|peer| peer.id).collect();
        let home = home_partitions(me, &ids);
        let others_have_room = living.iter().any(|peer| peer.id != me && peer.has_room);
        let mut known = self.lock();
        let has_changed = known.home != home;
        *known = Known { home, others_have_room };
        has_changed
    }

    /// This worker's own.
    pub(crate) fn home(&self) -> Vec<Partition> {
        self.lock().home.clone()
    }

    /// Whether a partition is this worker's own.
    pub(crate) fn is_home(&self, partition: Partition) -> bool {
        self.lock().home.contains(&partition)
    }

    /// Whether another worker has slots for what this one is late with.
    pub(crate) fn others_have_room(&self) -> bool {
        self.lock().others_have_room
    }

    /// The others': all, for one worker of many that has none, or before the first heartbeat.
    pub(crate) fn others(&self) -> Vec<Partition> {
        let home = self.home();
        Partition::all().filter(|partition| !home.contains(partition)).collect()
    }

    /// Whether jobs of partition 0 are this worker's, and with them what one worker does for all.
    pub(crate) fn is_first(&self) -> bool {
        self.home().first().is_some_and(|partition| partition.number() == 0)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_its_own_is_the_others() {
        let [a, b] = [1, 2].map(|id| Peer { id: uuid::Uuid::from_u128(id).into(), has_room: true });
        let all: Vec<Partition> = Partition::all().collect();
        let share = Share::default();
        assert_eq!((share.home(), share.others()), (vec![], all.clone()));
        share.update(a.id, &[a, b]);
        assert!(share.others_have_room());
        let mut both = [share.home(), share.others()].concat();
        assert!(!share.home().is_empty() && !share.others().is_empty());
        both.sort();
        assert_eq!(both, all);
        share.update(a.id, &[a]);
        assert!(!share.others_have_room(), "there are none");
        assert_eq!((share.home(), share.others()), (all, vec![]));
    }
}
