//! Parts of the day on some weekdays, and where they lie in time.

use std::fmt;
use std::time::Duration;

use jiff::ToSpan;
use jiff::civil::{Date, date};

use super::window::{self, Window};
use super::{Days, Windows, Zone};
use crate::Time;

/// Parts of the day, on some weekdays, by the clock of a time zone. Cheap to clone.
///
/// A window belongs to the day on which it starts. One that the clocks skip is one moment right after the gap; one that
/// starts at a time that comes twice starts the second time, if it ends later than that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    /// The parts of the day; none: all of it.
    pub windows: Option<Windows>,
    /// The weekdays.
    pub days: Days,
    /// By whose clock.
    pub zone: Zone,
}

/// From a time up to and not including another, in milliseconds since 1970.
pub(super) type Span = (i64, i64);

/// The day that days are counted from: a Monday, so that slots of seven days are calendar weeks.
pub(super) const EPOCH: Date = date(1970, 1, 5);

const MILLIS_PER_DAY: i64 = 86_400_000;
const DAYS_OF_WEEK: i64 = 7;
/// 24 windows of each day.
const MAX_STRETCHES_OF_WEEK: usize = 7 * 24;

impl Hours {
    /// Whether they leave out nothing of the week.
    pub(crate) fn is_always(&self) -> bool {
        const DAY: Duration = Duration::from_secs(86_400);
        self.days == Days::ALL && self.windows.as_ref().is_none_or(|windows| windows.length() == DAY)
    }

    /// The stretch that holds a moment, or else the next one: from when to when, at most ten days of it. Windows without
    /// time between them are one stretch. Where it holds the moment, its start may be any time up to then. None at the
    /// end of the calendar.
    pub(crate) fn stretch(&self, at: Time) -> Option<(Time, Time)> {
        let day = self.day_of_window(at.millis())?;
        let mut found: Option<Span> = None;
        for (start, end) in (day..=day + DAYS_OF_WEEK + 1).flat_map(|day| self.spans(day)) {
            match &mut found {
                Some(span) if start <= span.1 => span.1 = end,
                Some(_) => break,
                None if end > at.millis() => found = Some((start, end)),
                None => {}
            }
        }
        found.map(|(start, end)| (Time::from_millis(start), Time::from_millis(end)))
    }

    /// How long they are at least without a break, in a week without a change of the clock.
    pub(crate) fn shortest_stretch(&self) -> Option<Duration> {
        let in_utc = Self { zone: Zone::UTC, ..self.clone() };
        let mut at = Time::from_millis(0);
        let mut next = || {
            let (start, end) = in_utc.stretch(at)?;
            at = end;
            Some(end.since(start))
        };
        // The first may have begun before.
        next()?;
        (0..MAX_STRETCHES_OF_WEEK).map_while(|_| next()).min()
    }

    /// The windows of a day if it is allowed, as they are in its zone, in order and apart.
    pub(super) fn spans(&self, day: i64) -> Vec<Span> {
        if !self.allows(day) {
            return Vec::new();
        }
        let mut spans: Vec<Span> = Vec::with_capacity(self.windows_of_day().len());
        for (mut start, end) in self.windows_of_day().iter().filter_map(|window| self.span(day, *window)) {
            // Two windows that the clocks skip are one moment.
            start = start.max(spans.last().map_or(i64::MIN, |last| last.1));
            if start < end {
                spans.push((start, end));
            }
        }
        spans
    }

    /// A window of a day.
    fn span(&self, day: i64, window: Window) -> Option<Span> {
        let midnight = EPOCH.checked_add(jiff::Span::new().try_days(day).ok()?).ok()?.at(0, 0, 0, 0);
        let (start, end) = window.minutes();
        let wall = |minutes: u16| midnight.checked_add(i64::from(minutes).minutes()).ok();
        let first = self.zone.first(wall(start)?)?;
        let end = self.zone.first(wall(end)?)?;
        // Clocks that are put back over the start of the window would show times before it: then it starts over.
        let last = if start == 0 { first } else { self.zone.last(wall(start)?)? };
        let start = if last < end { last } else { first }.millis();
        // A window that the clocks skip is one moment.
        Some((start, end.millis().max(start + 1)))
    }

    /// The windows of a day without a change of the clocks, from midnight on the day 0.
    pub(super) fn usual_spans(&self, day: i64) -> impl Iterator<Item = Span> {
        let at = move |minutes: u16| day * MILLIS_PER_DAY + i64::from(minutes) * 60_000;
        self.windows_of_day().iter().map(move |window| (at(window.minutes().0), at(window.minutes().1)))
    }

    fn windows_of_day(&self) -> &[Window] {
        self.windows.as_ref().map_or(&[Window::DAY], Windows::as_slice)
    }

    /// The day that a clock shows, counted from [`EPOCH`].
    pub(super) fn day(&self, at: i64) -> Option<i64> {
        Some(EPOCH.until(self.zone.clock(Time::from_millis(at))?.date()).ok()?.get_days().into())
    }

    /// The first day whose windows may not be over: if one passes midnight, that is the day before.
    pub(super) fn day_of_window(&self, at: i64) -> Option<i64> {
        let passes_midnight = self.windows_of_day().iter().any(|window| window.minutes().1 > window::DAY);
        Some(self.day(at)? - i64::from(passes_midnight))
    }

    /// Whether windows may start on that day.
    pub(super) fn allows(&self, day: i64) -> bool {
        u8::try_from(day.rem_euclid(7)).is_ok_and(|weekday| self.days.has(weekday))
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(windows) = &self.windows {
            write!(f, "{windows}, ")?;
        }
        if self.days != Days::ALL {
            write!(f, "{}, ", self.days)?;
        }
        write!(f, "{}", self.zone)
    }
}
