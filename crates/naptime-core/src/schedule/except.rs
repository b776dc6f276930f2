//! The exceptions of a schedule: `12-24..01-02, mon-fri 01:00-03:00`.

mod exception;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use self::exception::Exception;
use super::list::items;
use crate::Invalid;
use crate::text::as_text;

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

impl Exceptions {
    /// Reads lists with commas or `and` between the exceptions. A list may be empty.
    ///
    /// # Errors
    /// At `except`, if there are too many (`too_many`), or one cannot be read (`not_an_exception`), may mean two things
    /// (`ambiguous`), names a day that no calendar has (`no_such_day`), or has a window that is none.
    pub fn parse_list<'a>(lists: impl IntoIterator<Item = &'a str>) -> Result<Self, Invalid> {
        let items: Vec<String> =
            lists.into_iter().flat_map(|list| items(&list.replace("..", "-").replace('\u{2026}', "-"))).collect();
        if items.len() > MAX_EXCEPTIONS {
            let detail = format!("{} exceptions are too many; there may be up to {MAX_EXCEPTIONS}", items.len());
            return Err(Invalid::new("except", "too_many", detail));
        }
        let read: Vec<(Exception, bool)> = items.iter().map(|item| exception::read(item)).collect::<Result<_, _>>()?;
        // Of `mon, wed 01:00-03:00`, the first may be the whole day or have the window too.
        for place in 1..read.len() {
            let (pair, words) = (&read[place - 1..=place], &items[place - 1..=place]);
            let bare = pair.iter().position(|(_, is_bare)| *is_bare);
            let other = pair.iter().position(|(exception, is_bare)| !is_bare && exception.has_days());
            if let (Some(bare), Some(other)) = (bare, other) {
                let (bare, other) = (&words[bare], &words[other]);
                let detail = format!(
                    "`{bare}` may be the whole day or go with `{other}`; write `{bare} 00:00-24:00` for the whole day, \
                     or all days of a window with blanks between, like `mon wed 01:00-03:00`"
                );
                return Err(Invalid::new("except", "ambiguous", detail));
            }
        }
        Ok(Self(read.into_iter().map(|(exception, _)| exception).collect()))
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

    /// The first minutes of all others: of those that come each year, after a minute.
    pub(super) fn starts_of_dates(&self, minute: i64) -> impl Iterator<Item = i64> {
        let dates = self.0.iter().filter(|exception| !exception.is_weekly());
        dates.filter_map(move |exception| exception.start().or_else(|| exception.start_after(minute)))
    }

    /// The share of the days of a year that no exception of each year takes.
    pub(super) fn share_of_year(&self) -> f64 {
        let is_free = |day: &u16| !self.0.iter().any(|exception| exception.takes_day_of_year(*day));
        (1..=365).filter(is_free).count() as f64 / 365.0
    }
}

impl Default for Exceptions {
    fn default() -> Self {
        Self(Arc::new([]))
    }
}

impl FromStr for Exceptions {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::parse_list([text])
    }
}

impl fmt::Display for Exceptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, exception) in self.0.iter().enumerate() {
            write!(f, "{}{exception}", if number == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

as_text!(Exceptions);
