//! What becomes of occurrences whose time passed without a call: too late by some time they are skipped, and of those
//! missed, none or several are called after all.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::schedule::Next;
use crate::{Invalid, Schedule, Time};

/// The most missed occurrences that are called after all.
pub const MAX_CATCH_UP: u32 = 1_000;

/// What becomes of occurrences that could not be called in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Misfire {
    /// How late a call may leave. What would leave later is skipped, and counts as missed. None: however late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<Duration>,
    /// Which of those missed are called.
    #[serde(default)]
    pub catch_up: CatchUp,
}

/// How many of the missed occurrences, of the latest, are called besides the one that is due. Oldest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CatchUp(u32);

impl Misfire {
    /// Whether nothing is said: a call leaves however late, and stands for all that were missed.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// What follows the occurrence `due`, whose call began at `since`.
    pub(crate) fn next(&self, schedule: &Schedule, due: Time, since: Time) -> Next {
        let CatchUp(most) = self.catch_up;
        if most == 0 {
            return schedule.next(due, since);
        }
        let behind = schedule.owed(due, since).saturating_sub(1);
        match behind.saturating_sub(most.into()) {
            0 => Next { missed: 0, ..schedule.next(due, due) },
            skipped => Next { due: Some(schedule.beyond(due, since, skipped)), missed: skipped },
        }
    }

    /// If a call at `at` of the occurrence `due` would leave too late: the first occurrence for which it would not, and
    /// how many are skipped, `due` among them.
    pub(crate) fn skipped(&self, schedule: &Schedule, due: Time, at: Time) -> Option<Next> {
        let late = self.late.filter(|late| at.since(due) > *late)?;
        let last = at - late - Duration::from_millis(1);
        Some(Next { due: schedule.first(last), missed: schedule.owed(due, last) })
    }
}

impl CatchUp {
    /// The call that is due stands for all that were missed.
    pub const LATEST: Self = Self(0);
    /// As many as may be.
    pub const ALL: Self = Self(MAX_CATCH_UP);

    /// Up to so many.
    ///
    /// # Errors
    /// At `catch_up`, if that is none, or more than [`MAX_CATCH_UP`].
    pub fn up_to(number: u32) -> Result<Self, Invalid> {
        if !(1..=MAX_CATCH_UP).contains(&number) {
            let detail = format!("{number} is out of range; it may be `latest`, `all`, or from 1 to {MAX_CATCH_UP}");
            return Err(Invalid::new("catch_up", "out_of_range", detail));
        }
        Ok(Self(number))
    }
}

impl FromStr for CatchUp {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.trim().to_ascii_lowercase().as_str() {
            "latest" => Ok(Self::LATEST),
            "all" => Ok(Self::ALL),
            number => {
                let shown = crate::request::excerpt(text.trim(), 40);
                let fault = || {
                    let detail =
                        format!("`{shown}` is neither `latest` nor `all` nor a number from 1 to {MAX_CATCH_UP}");
                    Invalid::new("catch_up", "unknown_value", detail)
                };
                Self::up_to(number.parse().map_err(|_| fault())?)
            }
        }
    }
}

impl fmt::Display for CatchUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::LATEST => f.write_str("latest"),
            Self::ALL => f.write_str("all"),
            Self(number) => number.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(minute: i64) -> Time {
        Time::from_millis(1_767_312_000_000 + minute * 60_000)
    }

    fn every_minute() -> Schedule {
        Schedule::aligned(MINUTE)
    }

    fn catch_up(text: &str) -> Misfire {
        Misfire { late: None, catch_up: text.parse().expect("known") }
    }

    #[test]
    fn the_latest_stands_for_all_that_were_missed() {
        let next = |since| catch_up("latest").next(&every_minute(), at(0), since);
        assert_eq!(next(at(10)), every_minute().next(at(0), at(10)));
        assert_eq!(next(at(0)), Next { due: Some(at(1)), missed: 0 });
    }

    #[test]
    fn all_are_called_oldest_first_and_of_too_many_the_latest() {
        let next = |text: &str, since| catch_up(text).next(&every_minute(), at(0), since);
        // In time, early, or far behind.
        for since in [at(0), at(0) - Duration::from_millis(80), at(1), at(1_000)] {
            assert_eq!(next("all", since), Next { due: Some(at(1)), missed: 0 }, "{since}");
        }
        assert_eq!(next("all", at(1_001)), Next { due: Some(at(2)), missed: 1 });
        assert_eq!(next("3", at(3) + MINUTE / 2), Next { due: Some(at(1)), missed: 0 });
        // Of ten, seven are skipped: three are called.
        assert_eq!(next("3", at(10) + MINUTE / 2), Next { due: Some(at(8)), missed: 7 });
        // Months behind, found without a walk.
        assert_eq!(next("1", at(500_000)), Next { due: Some(at(500_000)), missed: 499_999 });
    }

    #[test]
    fn what_is_too_late_is_skipped() {
        let misfire = Misfire { late: Some(3 * MINUTE), catch_up: CatchUp::LATEST };
        let skipped = |now| misfire.skipped(&every_minute(), at(0), now);
        assert_eq!((skipped(at(0)), skipped(at(3))), (None, None), "as late as it may be");
        // The occurrence of minute 1 is late by three minutes at most.
        assert_eq!(skipped(at(3) + Duration::from_millis(1)), Some(Next { due: Some(at(1)), missed: 1 }));
        assert_eq!(skipped(at(60)), Some(Next { due: Some(at(57)), missed: 57 }));
        let short = Misfire { late: Some(MINUTE / 4), ..misfire };
        let next = Some(Next { due: Some(at(11)), missed: 11 });
        assert_eq!(short.skipped(&every_minute(), at(0), at(10) + MINUTE / 2), next, "the next one is to come");
        assert_eq!(Misfire::default().skipped(&every_minute(), at(0), at(500_000)), None);
    }

    #[test]
    fn it_reads_as_it_shows() {
        for text in ["latest", "all", "1", "999"] {
            assert_eq!(catch_up(text).catch_up.to_string(), text);
        }
        assert_eq!((catch_up(" ALL ").catch_up, catch_up("1000").catch_up), (CatchUp::ALL, CatchUp::ALL));
        let fault = |text: &str| text.parse::<CatchUp>().expect_err("a fault").detail;
        assert_eq!(fault("1001"), "1001 is out of range; it may be `latest`, `all`, or from 1 to 1000");
        assert_eq!(fault("0"), "0 is out of range; it may be `latest`, `all`, or from 1 to 1000");
        assert_eq!(fault("none"), "`none` is neither `latest` nor `all` nor a number from 1 to 1000");
    }
}
