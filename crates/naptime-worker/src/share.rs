//! Which partitions are this worker's own, and which the others'.

use std::sync::{Mutex, PoisonError};

use naptime_core::worker::home_partitions;
use naptime_core::{Partition, WorkerId};

/// The partitions of this worker, by its last heartbeat.
#[derive(Debug, Default)]
pub(crate) struct Share(Mutex<Vec<Partition>>);

impl Share {
    /// Takes note of who lives.
    pub(crate) fn update(&self, me: WorkerId, living: &[WorkerId]) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = home_partitions(me, living);
    }

    /// This worker's own.
    pub(crate) fn home(&self) -> Vec<Partition> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a partition is this worker's own.
    pub(crate) fn is_home(&self, partition: Partition) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&partition)
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_its_own_is_the_others() {
        let [a, b] = [1, 2].map(|id| WorkerId::from(uuid::Uuid::from_u128(id)));
        let all: Vec<Partition> = Partition::all().collect();
        let share = Share::default();
        assert_eq!((share.home(), share.others()), (vec![], all.clone()));
        share.update(a, &[a, b]);
        let mut both = [share.home(), share.others()].concat();
        assert!(!share.home().is_empty() && !share.others().is_empty());
        both.sort();
        assert_eq!(both, all);
        share.update(a, &[a]);
        assert_eq!((share.home(), share.others()), (all, vec![]));
    }
}
