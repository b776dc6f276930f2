//! The exceptions of a schedule: `12-24..01-02, mon-fri 01:00-03:00`.

mod exception;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use self::exception::{Exception, Named};
use super::list::items;
use crate::text::as_text;
use crate::{Invalid, Time};

/// Times in which a schedule has no occurrence, told by what the clock of a time zone shows. Cheap to clone.
///
/// One exception is a date (`2026-12-25`), a range of dates with both its ends (`2026-12-24..2027-01-02`), the same
/// without a year, for each year (`12-25`, `12-24..01-02`), weekdays (`sat-sun`), or a part of the day, on some weekdays
/// or on all (`01:00-03:00`, `mon-fri 22:00-02:00`). A part of the day includes its start and not its end, and belongs
/// to the day on which it starts. In an hour that comes twice it holds both times. Exceptions may overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceptions(Arc<[Exception]>);

/// The most exceptions there may be, which bounds the work for each occurrence.
const MAX_EXCEPTIONS: usize = 100;
const MILLIS_PER_MINUTE: i64 = 60_000;
const DAY: Duration = Duration::from_secs(86_400);

impl Exceptions {
    /// Reads lists with commas or `and` between the exceptions. A list may be empty.
    ///
    /// # Errors
    /// At `except`, if there are too many (`too_many`), or one cannot be read (`not_an_exception`), may mean two things
    /// (`ambiguous`), names a day that no calendar has (`no_such_day`), or has a window that is none.
    pub fn parse_list<'a>(lists: impl IntoIterator<Item = &'a str>) -> Result<Self, Invalid> {
        let items: Vec<String> = lists.into_iter().flat_map(items_of).collect();
        if items.len() > MAX_EXCEPTIONS {
            let detail = format!("{} exceptions are too many; there may be up to {MAX_EXCEPTIONS}", items.len());
            return Err(Invalid::new("except", "too_many", detail));
        }
        let (read, named): (Vec<Exception>, Vec<Named>) =
            items.iter().map(|item| exception::read(item)).collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        for (words, named) in items.windows(2).zip(named.windows(2)) {
            if let Some(detail) = doubt(&words[0], &words[1], named) {
                return Err(Invalid::new("except", "ambiguous", detail));
            }
        }
        Ok(Self(read.into()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The end of an exception that holds at a minute by the clock, the latest if there are several. Minutes are counted
    /// from 1970-01-01T00:00 by the clock.
    pub(super) fn end(&self, minute: i64) -> Option<i64> {
        self.0.iter().filter_map(|exception| exception.end(minute)).max()
    }

    /// The first minute after this one in which an exception begins.
    pub(super) fn start_after(&self, minute: i64) -> Option<i64> {
        self.0.iter().filter_map(|exception| exception.start_after(minute)).min()
    }

    /// Those that come again each week.
    pub(super) fn weekly(&self) -> Self {
        Self(self.0.iter().filter(|exception| exception.is_weekly()).cloned().collect())
    }

    /// When all others begin: of those that come each year, the first time after `at`. As if the clock were in UTC.
    pub(super) fn starts_of_dates(&self, at: Time) -> impl Iterator<Item = Time> {
        let dates = self.0.iter().filter(|exception| !exception.is_weekly());
        let minute = at.millis() / MILLIS_PER_MINUTE;
        dates.filter_map(move |exception| exception.start().or_else(|| exception.start_after(minute))).map(of_minute)
    }

    /// Those that are not over at `now`, give or take a day for the zone.
    pub(super) fn lasting(&self, now: Time) -> Self {
        let is_over = |exception: &&Exception| exception.last_end().is_some_and(|end| of_minute(end) + DAY < now);
        Self(self.0.iter().filter(|exception| !is_over(exception)).cloned().collect())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The share of the days of a year that no exception of each year takes.
    pub(super) fn share_of_year(&self) -> f64 {
        let is_free = |day: &u16| !self.0.iter().any(|exception| exception.takes_day_of_year(*day));
        (1..=365).filter(is_free).count() as f64 / 365.0
    }
}

fn of_minute(minute: i64) -> Time {
    Time::from_millis(minute * MILLIS_PER_MINUTE)
}

fn items_of(list: &str) -> Vec<String> {
    items(&list.replace("..", "-").replace('\u{2026}', "-"))
}

/// Says if it is not clear which weekdays a part of the day is of, and what to write instead.
fn doubt(first: &str, second: &str, named: &[Named]) -> Option<String> {
    let (bare, other) = match named {
        [Named::Weekdays, Named::PartOfWeekdays] => (first, second),
        [Named::PartOfWeekdays, Named::Weekdays] => (second, first),
        [Named::Weekdays, Named::Part] => (first, second),
        [Named::Part, Named::Weekdays] => (second, first),
        [Named::PartOfWeekdays, Named::Part] => {
            return Some(format!(
                "`{second}` may be of every day or go with `{first}`; write `daily {second}` for every day, or the \
                 weekdays before each part"
            ));
        }
        _ => return None,
    };
    Some(format!(
        "`{bare}` may be the whole day or go with `{other}`; write `{bare} 00:00-24:00` for the whole day, or all days of \
         a window with blanks between, like `mon wed 01:00-03:00`"
    ))
}

impl Default for Exceptions {
    fn default() -> Self {
        Self(Arc::new([]))
    }
}

/// Reads what was stored, which is in no doubt.
impl FromStr for Exceptions {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        items_of(text)
            .iter()
            .map(|item| exception::read(item).map(|(exception, _)| exception))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl fmt::Display for Exceptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, exception) in self.0.iter().enumerate() {
            let after_some = number > 0 && self.0[number - 1].is_part_of_some_days();
            let every = if after_some && exception.is_part_of_all_days() { "daily " } else { "" };
            write!(f, "{}{every}{exception}", if number == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

as_text!(Exceptions);
