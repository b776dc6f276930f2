//! Which partitions are this worker's own, and which of the others' to look at next.

use std::sync::{Mutex, PoisonError};

use naptime_core::worker::home_partitions;
use naptime_core::{Partition, WorkerId};

/// How many of the others' partitions are looked at together.
const FEW: usize = 16;

/// The partitions of this worker, by its last heartbeat.
#[derive(Debug, Default)]
pub(crate) struct Share(Mutex<Partitions>);

#[derive(Debug, Default)]
struct Partitions {
    home: Vec<Partition>,
    others: Vec<Partition>,
    next: usize,
}

impl Share {
    /// Takes note of who lives.
    pub(crate) fn update(&self, me: WorkerId, living: &[WorkerId]) {
        let home = home_partitions(me, living);
        // Each worker begins elsewhere, or else all would look at the same few.
        let mut others: Vec<Partition> = Partition::all().filter(|partition| !home.contains(partition)).collect();
        if !others.is_empty() {
            let start = usize::try_from(me.hash() % others.len() as u64).unwrap_or(0);
            others.rotate_left(start);
        }
        let mut partitions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *partitions = Partitions { home, others, next: partitions.next };
    }

    /// This worker's own.
    pub(crate) fn home(&self) -> Vec<Partition> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).home.clone()
    }

    /// A few of the others', in turn.
    pub(crate) fn some_others(&self) -> Vec<Partition> {
        let mut partitions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Partitions { others, next, .. } = &mut *partitions;
        let few =
            others.iter().cycle().skip(*next % others.len().max(1)).take(FEW.min(others.len())).copied().collect();
        *next = next.wrapping_add(FEW);
        few
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
    fn the_others_come_round() {
        let [a, b] = [1, 2].map(|id| WorkerId::from(uuid::Uuid::from_u128(id)));
        let share = Share::default();
        assert!(share.some_others().is_empty());
        share.update(a, &[a, b]);
        let mut seen = share.home();
        for _ in 0..4 {
            seen.extend(share.some_others());
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen, Partition::all().collect::<Vec<_>>());
    }
}
