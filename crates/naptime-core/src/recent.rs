//! How the last occurrences of an endpoint ended, and so whether it needs somebody.
//!
//! An occurrence ends well if its last attempt does. A call out of turn ("call now") counts only if it ends well: it says
//! that what was wrong is mended. What was never called does not count here.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Invalid, Job, Time};

/// How many occurrences are remembered.
pub const REMEMBERED: u32 = 20;

/// An endpoint fails once so many occurrences in a row did not end well, unless it says otherwise.
pub const FAILING_AFTER: u32 = 2;
/// The most that it may say.
pub const MAX_FAILING_AFTER: u32 = 1000;

/// One that does not fail flaps if more of the last occurrences than a third of [`REMEMBERED`] did not end well, and it
/// went from well to not well or back at least so often. One that has failed for long and is mended does not flap.
const FLAPPING_CHANGES: u32 = 4;

/// An endpoint whose target has put its next call off needs somebody if that is by so long, and so many occurrences are
/// dropped: less is what it was allowed to ask for.
const PUT_OFF_FOR: Duration = Duration::from_secs(600);
const PUT_OFF_OCCURRENCES: u64 = 3;

/// How the last occurrences ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recent {
    /// The last [`REMEMBERED`] occurrences, a bit for each, the newest lowest: set if it did not end well. A bit that is
    /// set lies above the oldest.
    pub ends: u32,
    /// How many in a row did not end well, up to the newest.
    pub failures: u32,
    /// When the first of those ended.
    pub failing_since: Option<Time>,
    /// Since when it flaps, if it does.
    pub flapping_since: Option<Time>,
    /// Since when its target has put it off for long, if it has.
    #[serde(default)]
    pub put_off_since: Option<Time>,
}

/// What is wrong with an endpoint by how its last occurrences ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// As many occurrences in a row as its endpoint says, or more, did not end well.
    Failing,
    /// Its target has asked not to be called for long, and it has not been called since.
    PutOff,
    /// Many of the last [`REMEMBERED`] did not, now and then.
    Flapping,
}

impl Trouble {
    /// All of them, the worst first.
    pub const ALL: [Trouble; 3] = [Self::Failing, Self::PutOff, Self::Flapping];

    /// The trouble as it is stored and sent: `failing`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::PutOff => "put_off",
            Self::Flapping => "flapping",
        }
    }
}

impl FromStr for Trouble {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|trouble| trouble.as_str() == text).ok_or_else(|| {
            let all = Self::ALL.map(Self::as_str).join(", ");
            Invalid::new("state", "unknown_state", format!("the state is one of {all}"))
        })
    }
}

impl Recent {
    /// Notes how one more occurrence ended.
    pub(crate) fn ended(&mut self, well: bool, at: Time) {
        let oldest = 1 << REMEMBERED;
        let ends = self.ends.max(1) << 1 | u32::from(!well);
        self.ends = if ends < oldest << 1 { ends } else { ends & (oldest - 1) | oldest };
        if well {
            (self.failures, self.failing_since) = (0, None);
        } else {
            self.failures = self.failures.saturating_add(1);
            self.failing_since.get_or_insert(at);
        }
        self.flapping_since = if self.flaps() { self.flapping_since.or(Some(at)) } else { None };
    }

    /// Notes that the target has put the next call off at `now`, until then, and so many occurrences were dropped.
    pub(crate) fn put_off(&mut self, until: Time, dropped: u64, now: Time) {
        let is_long = until.since(now) >= PUT_OFF_FOR && dropped >= PUT_OFF_OCCURRENCES;
        self.put_off_since = is_long.then(|| self.put_off_since.unwrap_or(now));
    }

    /// How many occurrences are remembered.
    pub fn len(&self) -> u32 {
        self.ends.max(1).ilog2()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether each of those remembered ended well, the oldest first.
    pub fn each(&self) -> impl Iterator<Item = bool> {
        let ends = self.ends;
        (0..self.len()).rev().map(move |back| ends >> back & 1 == 0)
    }

    /// How many of those remembered did not end well.
    pub fn failed(&self) -> u32 {
        (self.ends & !(1 << self.len())).count_ones()
    }

    /// What is wrong, and since when, with an endpoint that fails after so many in a row.
    pub fn trouble(&self, failing_after: u32) -> Option<(Trouble, Time)> {
        let failing = self.failing_since.filter(|_| self.failures >= failing_after);
        let is_in = |trouble: Trouble, since: Option<Time>| since.map(|since| (trouble, since));
        is_in(Trouble::Failing, failing)
            .or(is_in(Trouble::PutOff, self.put_off_since))
            .or(is_in(Trouble::Flapping, self.flapping_since))
    }

    fn flaps(&self) -> bool {
        let mask = (1_u32 << self.len().saturating_sub(1)) - 1;
        let changes = ((self.ends ^ self.ends >> 1) & mask).count_ones();
        self.failed() * 3 > REMEMBERED && changes >= FLAPPING_CHANGES
    }
}

impl Job {
    /// What is wrong with an endpoint that is called, and since when. A one-off job has its [stage](Job::stage) instead.
    pub fn trouble(&self) -> Option<(Trouble, Time)> {
        let is_called = self.active && self.deleted_at.is_none() && self.state.due.is_some();
        self.state.recent.trouble(self.spec.failing_after).filter(|_| is_called && !self.spec.schedule.is_once())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is remembered of occurrences that ended so, one a second: `.` well, `x` not.
    fn after(ends: &str) -> Recent {
        let mut recent = Recent::default();
        for (second, end) in ends.chars().enumerate() {
            recent.ended(end == '.', Time::from_millis(1000 * second as i64));
        }
        recent
    }

    #[test]
    fn what_is_wrong_follows_from_how_the_last_ones_ended() {
        let check = |ends: &str, expect: Option<(Trouble, i64)>| {
            let found = after(ends).trouble(FAILING_AFTER).map(|(trouble, since)| (trouble, since.millis() / 1000));
            assert_eq!(found, expect, "{ends}");
        };
        check("", None);
        check("x", None);
        check("..x", None);
        check("..xx", Some((Trouble::Failing, 2)));
        check("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", Some((Trouble::Failing, 0)));
        check("xx.", None);
        check("xx.x", None);
        check("x.x.x.x.x.x.", None);
        check("x.x.x.x.x.x.x", Some((Trouble::Flapping, 12)));
        check("x.x.x.x.x.x.x....", Some((Trouble::Flapping, 12)));
        check("x.x.x.x.x.x.x........", None);
        check("x.x.x.x.x.x.xx", Some((Trouble::Failing, 12)));
        // It failed for long, and is mended.
        check("..xxxxxxxxxx", Some((Trouble::Failing, 2)));
        check("..xxxxxxxxxx..", None);
        let put_off = Recent { put_off_since: Some(Time::from_millis(7)), ..after("x.x.x.x.x.x.x") };
        assert_eq!(put_off.trouble(FAILING_AFTER), Some((Trouble::PutOff, Time::from_millis(7))));
        assert_eq!(after(".xxx").trouble(4), None);
        assert_eq!(after(".xxxx").trouble(4), Some((Trouble::Failing, Time::from_millis(1000))));
    }

    #[test]
    fn what_is_put_off_for_long_is_told() {
        let at = |minute: u64| Time::from_millis(0) + Duration::from_secs(60 * minute);
        let check = |until: u64, dropped: u64, expect: Option<u64>| {
            let mut recent = Recent::default();
            recent.put_off(at(until), dropped, at(5));
            assert_eq!(recent.put_off_since, expect.map(at), "until {until}, {dropped} dropped");
        };
        check(15, 3, Some(5));
        check(14, 100, None);
        check(600, 2, None);
        let mut again = Recent::default();
        again.put_off(at(20), 9, at(5));
        again.put_off(at(90), 9, at(20));
        assert_eq!(again.put_off_since, Some(at(5)));
    }

    proptest! {
        #[test]
        fn the_last_twenty_are_remembered(ends in "[.x]{0,60}") {
            let recent = after(&ends);
            let shown: String = recent.each().map(|well| if well { '.' } else { 'x' }).collect();
            let last = &ends[ends.len().saturating_sub(REMEMBERED as usize)..];
            prop_assert_eq!(&shown, last);
            prop_assert_eq!(recent.failed() as usize, last.matches('x').count());
            prop_assert_eq!(recent.failures as usize, ends.len() - ends.trim_end_matches('x').len());
        }
    }
}
