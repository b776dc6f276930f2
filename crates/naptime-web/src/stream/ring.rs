//! What was found of one kind within the last minutes, in the order in which it was found. Pure: rows and times come from
//! outside.
//!
//! The store has no order of arrival. A run gets its time when its call ends, and is stored a moment later, or much later
//! while the database is away. So each look reads anew what happened shortly before the last look, now and then much more,
//! and what is known already is told apart by its key.

#[cfg(test)]
mod tests;

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use naptime_core::Time;

/// How long what was found can be resumed from.
pub(super) const KEPT: Duration = Duration::from_secs(300);
/// The most that is kept of a kind.
pub(super) const MAX_KEPT: usize = 20_000;
/// How much of the time before the last look each look reads anew.
const OVERLAP: Duration = Duration::from_secs(3);
/// How much of it a deep look reads anew.
pub(super) const DEEP_OVERLAP: Duration = Duration::from_secs(120);
/// How much of the time before the last event is told again to who resumes a stream of another process.
pub(super) const RESUME_OVERLAP: Duration = Duration::from_secs(15);
/// How far the store's time may go back between two looks, as a lower bound may by a little.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);
const MILLISECOND: Duration = Duration::from_millis(1);

/// What tells a row from all others.
pub(super) type Key = (u128, u128);

/// What happened, when, and its key.
pub(super) type Row<T> = (Time, Key, T);

/// The events of one kind, the oldest first.
#[derive(Debug)]
pub(super) struct Ring<T> {
    kept: VecDeque<Entry<T>>,
    keys: HashSet<Key>,
    /// The number of the next entry.
    next: u64,
    /// From this number on nothing is missing.
    complete_from: u64,
    /// What happened from this time on is known, as far as it was stored when the store was looked at.
    horizon: Time,
    /// The time of the last look; none while nobody follows.
    looked: Option<Time>,
}

/// One thing that was found.
#[derive(Clone, Debug)]
pub(super) struct Entry<T> {
    pub(super) seq: u64,
    /// The time of the look that found it.
    pub(super) found: Time,
    pub(super) what: T,
    at: Time,
    key: Key,
}

/// Where a stream was, as its last event says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The number of the entry after the last one told. It means something only to the process that gave it.
    pub(super) seq: Option<u64>,
    /// The time of the look that found the last one told.
    pub(super) found: Time,
    /// When the stream began. Nothing from before is told again.
    pub(super) begun: Time,
}

/// Where a stream goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resumed {
    pub(super) seq: u64,
    /// Whether it goes on exactly where it was: nothing is told twice.
    pub(super) exact: bool,
    /// Whether nothing is left out.
    pub(super) complete: bool,
}

/// What comes next was dropped; from this number on there is all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap(pub(super) u64);

impl<T> Default for Ring<T> {
    fn default() -> Self {
        let (kept, keys) = (VecDeque::new(), HashSet::new());
        Self { kept, keys, next: 0, complete_from: 0, horizon: Time::from_millis(0), looked: None }
    }
}

impl<T: Clone> Ring<T> {
    /// The time of the last look; none while nobody follows.
    pub(super) fn looked(&self) -> Option<Time> {
        self.looked
    }

    /// The number of the next entry.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// From when on a look at `now` has to read.
    pub(super) fn look_from(&mut self, now: Time, is_deep: bool) -> Time {
        // The store's clock was wrong: what is here says nothing of the time that comes again.
        if self.looked.is_some_and(|looked| looked > now + CLOCK_TOLERANCE) {
            self.forget();
        }
        let overlap = if is_deep { DEEP_OVERLAP } else { OVERLAP };
        // The last look, not this one: the store may not have answered for a while.
        self.looked.map_or(now - KEPT, |looked| (looked.min(now) - overlap).max(self.horizon))
    }

    pub(super) fn knows(&self, key: Key) -> bool {
        self.keys.contains(&key)
    }

    /// Takes what a look at `now` has read since `from`. If it is `cut`, there was more, before the first of these.
    pub(super) fn take(&mut self, now: Time, from: Time, is_cut: bool, rows: impl IntoIterator<Item = Row<T>>) {
        let mut rows: Vec<Row<T>> = rows.into_iter().filter(|(_, key, _)| !self.knows(*key)).collect();
        rows.sort_by_key(|(at, key, _)| (*at, *key));
        if self.looked.is_none() || is_cut {
            self.skip(rows.first().filter(|_| is_cut).map_or(from, |(at, ..)| *at + MILLISECOND));
        }
        for (at, key, what) in rows {
            self.push(now, at, key, what);
        }
        self.looked = Some(now);
        self.trim(now);
    }

    /// Adds what has no key of its own and is found once.
    pub(super) fn add(&mut self, now: Time, news: impl IntoIterator<Item = T>) {
        if self.looked.is_none() {
            self.skip(now);
        }
        for what in news {
            self.push(now, now, (self.next.into(), 0), what);
        }
        self.looked = Some(now);
        self.trim(now);
    }

    /// Forgets all, as nobody follows any more. The numbers go on.
    pub(super) fn forget(&mut self) {
        self.kept.clear();
        self.keys.clear();
        self.looked = None;
    }

    /// Up to `max` entries from this number on.
    ///
    /// # Errors
    /// [`Gap`] if the next one is not kept any more.
    pub(super) fn from(&self, seq: u64, max: usize) -> Result<Vec<Entry<T>>, Gap> {
        if seq < self.complete_from {
            return Err(Gap(self.complete_from));
        }
        let first = self.kept.partition_point(|entry| entry.seq < seq);
        Ok(self.kept.range(first..).take(max).cloned().collect())
    }

    /// Where a stream goes on that was here.
    pub(super) fn resume(&self, place: Place) -> Resumed {
        // A number that is not complete may be of before everything was forgotten.
        if let Some(seq) = place.seq.filter(|seq| (self.complete_from..=self.next).contains(seq)) {
            return Resumed { seq, exact: true, complete: true };
        }
        let since = (place.found - RESUME_OVERLAP).max(place.begun);
        let first = self.kept.iter().find(|entry| entry.at >= since && entry.seq >= self.complete_from);
        let seq = first.map_or(self.next, |entry| entry.seq);
        Resumed { seq, exact: false, complete: since >= self.horizon }
    }

    fn push(&mut self, found: Time, at: Time, key: Key, what: T) {
        self.keys.insert(key);
        self.kept.push_back(Entry { seq: self.next, found, what, at, key });
        self.next += 1;
    }

    /// Leaves out a number, so that whoever has been told all before is told that something is missing.
    fn skip(&mut self, horizon: Time) {
        self.next += 1;
        self.complete_from = self.next;
        self.horizon = horizon;
    }

    fn trim(&mut self, now: Time) {
        while self.kept.len() > MAX_KEPT || self.kept.front().is_some_and(|first| first.found + KEPT < now) {
            let Some(Entry { seq, found, at, key, .. }) = self.kept.pop_front() else { return };
            self.keys.remove(&key);
            self.complete_from = self.complete_from.max(seq + 1);
            // What happened at the same time and is not known was likely dropped before. A time ahead was wrong.
            self.horizon = self.horizon.max(at.min(found) + MILLISECOND);
        }
    }
}
