//! Which of the due jobs a claim takes.
//!
//! A look at the store's index tells what is due, in the order of the times at which jobs can be claimed. What is taken of
//! it is then locked, which may still fail for a job that another worker was faster with.

use std::collections::HashSet;

use crate::{JobId, Pool, Rooms, Time};

/// What an index of due jobs tells of one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The job.
    pub job: JobId,
    /// When it can be claimed.
    pub claim_at: Time,
    /// The bytes that its request takes.
    pub size: usize,
    /// The name of its pool, where jobs of several pools are offered.
    pub pool: String,
}

/// What a look at the index saw.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The first jobs, in the order of the times at which they can be claimed.
    pub jobs: Vec<Candidate>,
    /// Whether these are all, or as many as were asked for. If not, others may be due as well.
    pub is_whole: bool,
}

/// The jobs that a claim takes, as far as they were offered.
#[derive(Debug)]
pub struct Pick {
    /// What can be claimed later than this is not due.
    horizon: Time,
    slots: usize,
    bytes: usize,
    rooms: Rooms,
    offered: HashSet<JobId>,
    taken: Vec<(JobId, Time)>,
    taken_bytes: usize,
    passed_over: Option<(String, Time)>,
    next: Option<Time>,
    is_full: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Picked {
    /// The jobs to lock, each with when it can be claimed. The earliest come first.
    pub jobs: Vec<(JobId, Time)>,
    /// When the first job can be claimed that was left, unless its pool is passed over.
    pub next: Option<Time>,
    /// The pool of which jobs were left for want of [`Rooms`], while there were slots for them.
    pub passed_over: Option<Pool>,
}

impl Pick {
    /// At most so many jobs, whose requests take at most so many bytes together, of what can be claimed by `horizon`.
    pub fn new(horizon: Time, slots: usize, bytes: usize, rooms: Rooms) -> Self {
        Self {
            horizon,
            slots,
            bytes,
            rooms,
            offered: HashSet::new(),
            taken: Vec::new(),
            taken_bytes: 0,
            passed_over: None,
            next: None,
            is_full: false,
        }
    }

    /// Offers what a look saw. Jobs that were offered before are skipped.
    pub fn offer(&mut self, seen: Seen) {
        if !seen.is_whole {
            self.leave(self.horizon);
        }
        for Candidate { job, claim_at, size, pool } in seen.jobs {
            if !self.offered.insert(job)
                || self.passed_over.as_ref().is_some_and(|(passed_over, _)| *passed_over == pool)
            {
                continue;
            }
            self.is_full = self.taken.len() == self.slots || self.taken_bytes.saturating_add(size) > self.bytes;
            if self.is_full || claim_at > self.horizon {
                self.leave(claim_at);
                return;
            }
            if self.rooms.take(&pool) {
                self.taken_bytes += size;
                self.taken.push((job, claim_at));
            } else {
                self.passed_over.get_or_insert((pool, claim_at));
            }
        }
    }

    /// The pool that is passed over, if jobs of others are to be looked for.
    pub fn look_past(&self) -> Option<&str> {
        let (pool, _) = self.passed_over.as_ref().filter(|_| self.has_slots() && self.rooms.look_past().is_some())?;
        Some(pool)
    }

    /// What came of it, after all that there is was offered, or enough.
    pub fn end(self) -> Picked {
        let has_slots = self.has_slots();
        let (passed_over, first) = match self.passed_over {
            // A pool's name is one that was parsed before.
            Some((pool, _)) if has_slots => (Pool::parse(&pool).ok(), None),
            passed_over => (None, passed_over.map(|(_, claim_at)| claim_at)),
        };
        Picked { jobs: self.taken, next: first.into_iter().chain(self.next).min(), passed_over }
    }

    fn leave(&mut self, claim_at: Time) {
        self.next = Some(self.next.map_or(claim_at, |next| next.min(claim_at)));
    }

    fn has_slots(&self) -> bool {
        self.taken.len() < self.slots && !self.is_full
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// What a claim takes of jobs, each named by pool and second: those taken, the second of the next one, and the pool
    /// that is passed over. What is due by second 5 can be taken.
    fn check(slots: usize, rooms: Rooms, jobs: &str, expect: (&str, Option<u64>, Option<char>)) {
        let beginning = Time::from_millis(1_767_323_045_000);
        let (horizon, within) = (beginning + 5 * SECOND, rooms.look_past());
        let mut pick = Pick::new(horizon, slots, 100, rooms);
        let jobs: Vec<&str> = jobs.split(' ').collect();
        let candidate = |(number, name): (usize, &&str)| {
            let (pool, second) = name.split_at(1);
            let claim_at = beginning + second.parse::<u32>().expect("a number") * SECOND;
            let pool = format!("https://{pool}.test");
            Candidate { job: Uuid::from_u128(number as u128).into(), claim_at, size: 10, pool }
        };
        let all: Vec<Candidate> = jobs.iter().enumerate().map(candidate).collect();
        let first = |jobs: &[Candidate]| Seen { jobs: jobs.iter().take(slots + 1).cloned().collect(), is_whole: true };
        pick.offer(first(&all));
        if let Some(pool) = pick.look_past() {
            let is_behind = |it: &Candidate| it.pool != pool && it.claim_at <= horizon + within.unwrap_or_default();
            let behind: Vec<Candidate> = all.into_iter().filter(is_behind).collect();
            pick.offer(first(&behind));
        }
        let Picked { jobs: taken, next, passed_over } = pick.end();
        let taken: Vec<&str> = taken.iter().map(|(job, _)| jobs[job.uuid().as_u128() as usize]).collect();
        let next = next.map(|next| next.since(beginning).as_secs());
        let passed_over = passed_over.and_then(|pool| pool.as_str().chars().nth(8));
        assert_eq!((&*taken.join(" "), next, passed_over), expect, "{slots} of {}", jobs.join(" "));
    }

    fn of_a(most: usize) -> Rooms {
        Rooms::of_each(10).with(&Pool::parse("https://a.test").expect("a pool"), most)
    }

    #[test]
    fn the_earliest_are_taken_as_far_as_they_are_due_and_fit() {
        check(3, Rooms::default(), "a1 b2 a7 b9", ("a1 b2", Some(7), None));
        check(2, Rooms::default(), "a1 b2 a3 b9", ("a1 b2", Some(3), None));
        check(2, Rooms::default(), "a1 b2", ("a1 b2", None, None));
        check(
            20,
            Rooms::default(),
            "a1 a1 a1 a1 a1 a1 a1 a1 a1 a1 a2",
            ("a1 a1 a1 a1 a1 a1 a1 a1 a1 a1", Some(2), None),
        );
    }

    #[test]
    fn a_pool_without_room_is_passed_over_for_as_long_as_there_are_slots() {
        check(3, of_a(1), "a1 a2 b3 b4", ("a1 b3 b4", Some(2), None));
        check(3, of_a(1), "a1 a2 b3", ("a1 b3", None, Some('a')));
        check(3, of_a(1), "a1 a2 b3 b7", ("a1 b3", Some(7), Some('a')));
    }

    #[test]
    fn what_is_behind_a_pool_without_room_is_looked_for_if_that_is_wanted() {
        check(2, of_a(1), "a1 a2 a3 b4", ("a1", None, Some('a')));
        let looking = || of_a(1).looking_past(10 * SECOND);
        check(2, looking(), "a1 a2 a3 b4", ("a1 b4", Some(2), None));
        check(2, looking(), "a1 a2 a3 a9 b12", ("a1", Some(12), Some('a')));
        check(2, looking(), "a1 a2 a3 b16", ("a1", None, Some('a')));
    }
}
