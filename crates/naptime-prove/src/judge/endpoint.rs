//! What is found of one endpoint.

use std::time::Duration;

use naptime_core::{Schedule, Time};

use super::{PATIENCE_US, RECLAIMED, SECOND_US, SLOW_US, Watch, time, us};
use crate::faults::{Faults, clock, path};
use crate::target::Arrival;

/// An endpoint with its calls in the order of their arrival.
pub(super) struct Endpoint<'a> {
    pub(super) number: usize,
    pub(super) schedule: &'a Schedule,
    pub(super) calls: &'a [Arrival],
    pub(super) watch: &'a Watch,
}

impl Endpoint<'_> {
    /// The occurrences due within the time watched, and how many of them were called.
    pub(super) fn answered(&self) -> (usize, usize) {
        let mut called: Vec<Time> = self.calls.iter().map(|call| call.due).collect();
        called.sort_unstable();
        let (mut owed, mut answered) = (0, 0);
        for due in occurrences(self.schedule, self.watch.from, self.watch.to) {
            owed += 1;
            answered += usize::from(called.binary_search(&due).is_ok());
        }
        (owed, answered)
    }

    /// Notes calls before their time, and calls of what is no occurrence.
    pub(super) fn misplaced(&self, faults: &mut Faults) {
        for call in self.calls {
            let early_us = us(call.due) - call.at_us;
            if early_us > 0 {
                let ms = early_us as f64 / 1e3;
                faults.note("early", || {
                    format!("{}: due {}, called {ms} ms before", path(self.number), clock(us(call.due)))
                });
            }
            if !is_occurrence(self.schedule, call.due) {
                faults.note("unexpected", || {
                    let (due, at) = (clock(us(call.due)), clock(call.at_us));
                    format!("{}: called at {at} for {due}, when it is not due", path(self.number))
                });
            }
        }
    }

    /// The calls of an occurrence that had been called before. Notes those that no kill accounts for.
    pub(super) fn repeated(&self, faults: &mut Faults) -> usize {
        let mut calls: Vec<&Arrival> = self.calls.iter().collect();
        calls.sort_by_key(|call| (call.due, call.at_us));
        let mut repeated = 0;
        for pair in calls.windows(2) {
            let [first, again] = pair else { continue };
            if first.due != again.due {
                continue;
            }
            repeated += 1;
            let unsettled_until = first.ended_us.map_or(i64::MAX, |ended| ended.saturating_add(SLOW_US));
            let lease_is_over = self.watch.lease_is_over(first, again.at_us);
            if !lease_is_over || self.watch.kills(first.at_us, again.at_us.min(unsettled_until)).is_empty() {
                faults.note("repeated", || {
                    let [due, first, again] = [us(first.due), first.at_us, again.at_us].map(clock);
                    format!("{}: due {due}, called at {first} and again at {again}", path(self.number))
                });
            }
        }
        repeated
    }

    /// Notes calls that began while another one lasted.
    pub(super) fn overlapping(&self, faults: &mut Faults) {
        let mut under_way: Vec<&Arrival> = Vec::new();
        for call in self.calls {
            under_way.retain(|other| other.ended_us.is_none_or(|ended| ended > call.at_us));
            let excused = |other: &Arrival| {
                self.watch.lease_is_over(other, call.at_us) && !self.watch.kills(other.at_us, call.at_us).is_empty()
            };
            if let Some(other) = under_way.iter().find(|other| !excused(other)) {
                faults.note("overlapping", || {
                    let ended = other.ended_us.map_or("the end".to_owned(), clock);
                    let [at, began] = [call.at_us, other.at_us].map(clock);
                    format!("{}: called at {at} during the call from {began} to {ended}", path(self.number))
                });
            }
            under_way.push(call);
        }
    }

    /// When it was to be called next after this call; none if never.
    fn due_after(&self, call: &Arrival) -> Option<Time> {
        self.schedule.next(call.due, time(call.at_us)).due
    }

    /// Notes occurrences that were passed over although the call before them was not that late. What follows a call is
    /// counted from when its work began: before it arrived, so the occurrence that follows is none later than this.
    pub(super) fn skipped(&self, faults: &mut Faults) {
        for pair in self.calls.windows(2) {
            let [call, next] = pair else { continue };
            let Some(due) = self.due_after(call).filter(|due| *due < next.due) else { continue };
            if !self.watch.kills(call.at_us, next.at_us).is_empty() {
                continue;
            }
            for skipped in occurrences(self.schedule, due, next.due) {
                faults.note("skipped", || {
                    let [skipped, at, next] = [us(skipped), call.at_us, us(next.due)].map(clock);
                    format!("{}: called at {at}, then due {skipped}, called for {next} instead", path(self.number))
                });
            }
        }
    }

    /// Notes the endpoint if it was due after its last call, and nobody called it although it was its turn.
    pub(super) fn never_called(&self, faults: &mut Faults) {
        let last = self.calls.last();
        let due = match last {
            Some(last) => self.due_after(last),
            None => occurrences(self.schedule, self.watch.from, self.watch.to).next(),
        };
        let Some(mut due) = due else { return };
        let (mut free_us, mut since_us) = (us(due), i64::MIN);
        if let Some(last) = last {
            since_us = last.at_us;
            free_us = last.ended_us.map_or(i64::MAX, |ended| free_us.max(ended));
        }
        // Whoever was killed after that may have held it, with or without a call.
        let reclaimed = self.watch.kills(since_us, i64::MAX).last().map(|kill| time(*kill) + RECLAIMED);
        if let Some(reclaimed) = reclaimed.filter(|reclaimed| *reclaimed > due) {
            due = self.schedule.next(due, reclaimed).due.unwrap_or(reclaimed);
            free_us = free_us.max(us(due));
        }
        let Watch { end_us, idle_since_us, patience_us, .. } = *self.watch;
        let waited = |since_us| end_us.saturating_sub(since_us);
        if waited(free_us) > patience_us || waited(free_us.max(idle_since_us)) > PATIENCE_US {
            faults.note("never_called", || match last {
                None => format!("{}: due {}, never called", path(self.number), clock(us(due))),
                Some(last) => {
                    let [due, at, end] = [us(due), last.at_us, end_us].map(clock);
                    format!("{}: last called at {at}, due {due}, not called until {end}", path(self.number))
                }
            });
        }
    }

    /// The kills after which it was more than a second late, and how long it waited in milliseconds: from the kill, or
    /// from its due time if that was later.
    pub(super) fn recoveries(&self) -> Vec<(i64, f64)> {
        let wait = |(index, call): (usize, &Arrival)| {
            let (since_us, due_us) = match index.checked_sub(1).and_then(|before| self.calls.get(before)) {
                Some(before) if before.due == call.due => (before.at_us, before.at_us),
                Some(before) => (before.at_us, us(self.due_after(before)?)),
                // One-off jobs wait for one another, kill or no kill.
                None if self.schedule.is_once() => return None,
                None => (us(call.due), us(call.due)),
            };
            let kills = self.watch.kills(since_us, call.at_us);
            let earlier = kills.iter().rev().find(|kill| **kill < due_us);
            let later = kills.iter().find(|kill| **kill >= due_us);
            // Where it was late already when the later one came, the earlier one had it.
            let kill = *match (earlier, later) {
                (Some(earlier), Some(later)) if later - due_us > SECOND_US => earlier,
                (earlier, later) => later.or(earlier)?,
            };
            let wait_us = call.at_us - kill.max(due_us);
            (wait_us > SECOND_US).then_some((kill, wait_us as f64 / 1e3))
        };
        self.calls.iter().enumerate().filter_map(wait).collect()
    }
}

/// The occurrences of a schedule within `from <= due < to`.
pub(super) fn occurrences(schedule: &Schedule, from: Time, to: Time) -> impl Iterator<Item = Time> + use<> {
    let first = match schedule {
        Schedule::Once { at } => Some(*at).filter(|at| *at >= from),
        _ => schedule.first(from - Duration::from_millis(1)),
    };
    let schedule = schedule.clone();
    std::iter::successors(first, move |due| schedule.next(*due, *due).due).take_while(move |due| *due < to)
}

fn is_occurrence(schedule: &Schedule, due: Time) -> bool {
    schedule.first(due - Duration::from_millis(1)) == Some(due)
}
