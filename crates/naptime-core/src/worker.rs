//! Workers, and how they share the partitions.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::job::uuid_newtype;
use crate::{Partition, Time};

uuid_newtype! {
    /// The identity of a worker: one per process start.
    WorkerId
}

impl WorkerId {
    /// No worker.
    pub const NOBODY: Self = Self(Uuid::nil());

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

    /// What its picture is like. It follows from the id, as its name does.
    pub fn looks(self) -> Looks {
        let [colour, ears, eyes, mouth, ..] = self.hash().to_be_bytes();
        Looks { colour: colour % 8, ears: ears % 6, eyes: eyes % 4, mouth: mouth % 4 }
    }
}

/// The features of a worker's picture, each a number from 0. How they are drawn is not said here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Looks {
    /// One of 8 colours.
    pub colour: u8,
    /// One of 6 kinds of ears.
    pub ears: u8,
    /// One of 4 kinds of eyes.
    pub eyes: u8,
    /// One of 4 kinds of mouths.
    pub mouth: u8,
}

/// How often a worker says that it lives.
pub const BEATS_EVERY: std::time::Duration = std::time::Duration::from_millis(2500);

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
    /// The release of the time zones that it goes by, such as `2026f`; none of a worker of a version that did not say.
    #[serde(default)]
    pub tzdb: Option<String>,
    /// The most claims it holds at once.
    pub capacity: u32,
    /// The claims it holds now.
    pub held: u32,
    /// When it started.
    pub started_at: Time,
    /// Whether it was told to stop: it ends the calls it has begun, and its partitions are the others' to look at.
    #[serde(default)]
    pub stopping: bool,
    /// What keeps it from working as it should, in words, while it lasts: its machine has run out of something.
    #[serde(default)]
    pub trouble: Option<String>,
}

impl Heartbeat {
    /// The worker as others see it.
    pub fn peer(&self) -> Peer {
        Peer::new(self.id, self.capacity, self.held)
    }
}

/// A worker that lives and takes work, as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its identity.
    pub id: WorkerId,
    /// Whether it has slots for what others are late with: half of them, as it beat last.
    pub has_room: bool,
}

impl Peer {
    /// A worker that holds so many claims and can hold so many.
    pub fn new(id: WorkerId, capacity: u32, held: u32) -> Self {
        Self { id, has_room: held.saturating_mul(2) < capacity }
    }
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

/// Since when there has been a worker without a gap until `now`; none if there is none now.
///
/// A worker that is gone was there until its last heartbeat, and for as long after it as the next would have taken.
pub fn present_since(workers: &[Worker], now: Time) -> Option<Time> {
    let mut since = workers.iter().filter(|worker| worker.alive).map(|worker| worker.beat.started_at).min()?;
    loop {
        let reaches = |worker: &&Worker| worker.seen_at + BEATS_EVERY >= since;
        match workers.iter().filter(reaches).map(|worker| worker.beat.started_at).min() {
            Some(earlier) if earlier < since => since = earlier,
            _ => return Some(since.min(now)),
        }
    }
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

    #[test]
    fn name_and_looks_follow_from_the_id() {
        let id = |n| WorkerId::from(uuid::Uuid::from_u128(n));
        assert_eq!((id(1).name(), id(1).looks()), (id(1).name(), id(1).looks()));
        // Every colour and kind of ears occurs, and none outside.
        let looks: Vec<Looks> = (0..1000).map(|n| id(n).looks()).collect();
        let kinds = |of: fn(&Looks) -> u8| looks.iter().map(of).collect::<std::collections::BTreeSet<u8>>();
        let all = |count| (0..count).collect();
        assert_eq!([kinds(|it| it.colour), kinds(|it| it.ears)], [all(8), all(6)]);
        assert_eq!([kinds(|it| it.eyes), kinds(|it| it.mouth)], [all(4), all(4)]);
    }

    fn worker(id: u128, started: i64, seen: i64, alive: bool) -> Worker {
        let [started_at, seen_at] = [started, seen].map(|second| Time::from_millis(second * 1000));
        let beat = Heartbeat {
            id: uuid::Uuid::from_u128(id).into(),
            host: String::new(),
            pid: 1,
            version: String::new(),
            tzdb: None,
            capacity: 1,
            held: 0,
            started_at,
            stopping: false,
            trouble: None,
        };
        Worker { beat, seen_at, alive }
    }

    #[test]
    fn workers_are_there_since_the_last_gap() {
        let check = |workers: &[(i64, i64, bool)], expect: Option<i64>| {
            let workers: Vec<Worker> =
                workers.iter().zip(1..).map(|(&(from, to, alive), id)| worker(id, from, to, alive)).collect();
            let since = present_since(&workers, Time::from_millis(100_000));
            assert_eq!(since.map(|since| since.millis() / 1000), expect, "{workers:?}");
        };
        check(&[], None);
        check(&[(10, 95, false)], None);
        check(&[(10, 99, true)], Some(10));
        // Gone before the next came, and not.
        check(&[(10, 50, false), (53, 99, true)], Some(53));
        check(&[(10, 50, false), (52, 99, true)], Some(10));
        // A chain, in any order.
        check(&[(80, 99, true), (20, 60, false), (55, 81, false), (0, 17, false)], Some(20));
        // Heard of at the same time all the while.
        check(&[(30, 99, true), (5, 99, true)], Some(5));
    }

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
