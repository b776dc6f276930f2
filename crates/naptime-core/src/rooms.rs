//! How many jobs of one pool a claim may take, so that a slow pool leaves slots to the others.

use std::collections::HashMap;
use std::time::Duration;

use crate::Pool;

/// How many jobs of each pool a claim may take. By default as many as there are.
///
/// A job of a pool without room is passed over: it is not claimed, and what comes after it is. Where jobs of one pool
/// lie in front, a store that reads as many as there are slots sees no others; it looks further back only if told to.
#[derive(Clone, Debug)]
pub struct Rooms {
    each: usize,
    of: HashMap<String, usize>,
    look_past: Option<Duration>,
}

impl Default for Rooms {
    fn default() -> Self {
        Self::of_each(usize::MAX)
    }
}

impl Rooms {
    /// Room for this many of each pool.
    pub fn of_each(each: usize) -> Self {
        Self { each, of: HashMap::new(), look_past: None }
    }

    /// The same, but this many of one pool.
    #[must_use]
    pub fn with(mut self, pool: &Pool, room: usize) -> Self {
        self.of.insert(pool.as_str().to_owned(), room);
        self
    }

    /// The same, and where jobs of one pool are passed over while slots are left, those of other pools are looked for
    /// further back, as far as they can be claimed within this time.
    #[must_use]
    pub fn looking_past(mut self, within: Duration) -> Self {
        self.look_past = Some(within);
        self
    }

    /// How far to look past jobs that are passed over, if at all.
    pub fn look_past(&self) -> Option<Duration> {
        self.look_past
    }

    /// Takes room for one job of a pool. False if there is none left.
    pub fn take(&mut self, pool: &str) -> bool {
        if let Some(room) = self.of.get_mut(pool) {
            let some = *room > 0;
            *room = room.saturating_sub(1);
            return some;
        }
        self.of.insert(pool.to_owned(), self.each.saturating_sub(1));
        self.each > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of these jobs, each named by its pool, are taken.
    fn check(mut rooms: Rooms, jobs: &str, expect: &str) {
        let taken: String = jobs.chars().filter(|job| rooms.take(&format!("https://{job}.test"))).collect();
        assert_eq!(taken, expect, "of {jobs}");
    }

    fn pool(name: char) -> Pool {
        Pool::parse(&format!("https://{name}.test")).expect("a pool")
    }

    #[test]
    fn each_pool_gets_its_room_in_order() {
        check(Rooms::default(), "aaaabaa", "aaaabaa");
        check(Rooms::of_each(2), "aaaabaabb", "aabb");
        check(Rooms::of_each(0), "ab", "");
        check(Rooms::of_each(3).with(&pool('a'), 1), "abababab", "abbb");
        check(Rooms::of_each(3).with(&pool('a'), 0), "aaaab", "b");
        check(Rooms::of_each(1).with(&pool('a'), 2), "aaabb", "aab");
    }
}
