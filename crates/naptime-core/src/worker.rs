//! Workers, and how they share the partitions.

use serde::{Deserialize, Serialize};

use crate::job::uuid_newtype;
use crate::{Partition, Time};

uuid_newtype! {
    /// The identity of a worker: one per process start.
    WorkerId
}

impl WorkerId {
    /// Its name, for people: `brave-otter`. It follows from the id, so that the id is all that needs keeping.
    pub fn name(self) -> String {
        let words = petname::Petnames::default();
        let pick = |words: &[&str], hash: u64| {
            let index = usize::try_from(hash % words.len().max(1) as u64).unwrap_or(0);
            words.get(index).copied().unwrap_or("worker").to_owned()
        };
        let hash = self.hash();
        format!("{}-{}", pick(&words.adjectives, hash), pick(&words.nouns, hash >> 32))
    }
}

/// A worker whose last heartbeat is older than this is dead.
pub const DEAD_AFTER: std::time::Duration = std::time::Duration::from_secs(10);

/// What a worker says of itself with every heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Its identity.
    pub id: WorkerId,
    /// The machine it runs on.
    pub host: String,
    /// Its process id there.
    pub pid: u32,
    /// The version of Naptime it runs.
    pub version: String,
    /// The most claims it holds at once.
    pub capacity: u32,
    /// The claims it holds now.
    pub held: u32,
    /// When it started.
    pub started_at: Time,
}

/// A worker as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// What it said last.
    pub beat: Heartbeat,
    /// When it said so.
    pub seen_at: Time,
    /// Whether it is alive: it was heard of within [`DEAD_AFTER`], and did not take its leave.
    pub alive: bool,
}

/// The partitions whose jobs `me` looks at first, by rendezvous hashing: each partition belongs to the living worker
/// with the highest hash, so that a worker that comes or goes moves only its own share.
///
/// This is for speed alone. Two workers may disagree on who is alive, and nothing breaks.
pub fn home_partitions(me: WorkerId, living: &[WorkerId]) -> Vec<Partition> {
    let rank = |worker: WorkerId, partition: Partition| (partition.hash_with(worker.hash()), worker);
    Partition::all()
        .filter(|&partition| living.iter().all(|&other| rank(other, partition) <= rank(me, partition)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_partition_has_one_home(ids in prop::collection::hash_set(any::<u128>(), 1..10)) {
            let living: Vec<WorkerId> = ids.into_iter().map(|id| uuid::Uuid::from_u128(id).into()).collect();
            let mut all: Vec<Partition> = living.iter().flat_map(|&me| home_partitions(me, &living)).collect();
            all.sort();
            prop_assert_eq!(all, Partition::all().collect::<Vec<_>>());
        }

        #[test]
        fn a_newcomer_takes_only_its_own_share(a: u128, b: u128, c: u128) {
            let [a, b, c] = [a, b, c].map(|id| WorkerId::from(uuid::Uuid::from_u128(id)));
            prop_assume!(a != b && b != c && a != c);
            let before = home_partitions(a, &[a, b]);
            let after = home_partitions(a, &[a, b, c]);
            let taken = home_partitions(c, &[a, b, c]);
            for partition in before {
                prop_assert!(after.contains(&partition) || taken.contains(&partition));
            }
        }
    }
}
