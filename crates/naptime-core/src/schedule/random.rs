//! Once at a random moment in each period, as people do things.

use std::time::Duration;

use jiff::civil::{Date, date};
use jiff::{Span, ToSpan};
use serde::{Deserialize, Serialize};

use super::{Days, Next, Window, Zone, draw};
use crate::duration::{self, MAX_PERIOD, SHORTEST_PERIOD};
use crate::time::millis;
use crate::{Invalid, Time};

/// Once at a random moment in each period, within a window of the day, on given weekdays, in a time zone.
///
/// Time is cut into slots, and each has one moment, derived from the seed and the number of the slot, so it is the same
/// in every process and after every restart. A period below one day cuts the window of each allowed day into slots from
/// its start; the last one is as long as what is left. Otherwise the slots are as many whole days, counted from a
/// Monday, and the moment is in the window of one of the allowed days among them; a slot without any has no moment.
///
/// When the clocks change, a day is as long as it is: a window of a whole day has 23 or 25 slots of an hour. A window
/// that is skipped altogether is one moment right after the gap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Fields", into = "Fields")]
pub struct Random {
    period: Duration,
    window: Option<Window>,
    days: Days,
    zone: Zone,
    seed: u64,
}

/// What a [`Random`] is stored as.
#[derive(Serialize, Deserialize)]
struct Fields {
    #[serde(with = "crate::duration::text")]
    period: Duration,
    window: Option<Window>,
    days: Days,
    tz: String,
    seed: u64,
}

const DAY: Duration = Duration::from_secs(86_400);
/// The day that days are counted from: a Monday, so that slots of seven days are calendar weeks.
const EPOCH: Date = date(1970, 1, 5);

impl Random {
    /// Once in each `period`. Without a window it is the whole day.
    ///
    /// # Errors
    /// At `random`, if the period is out of bounds (`out_of_range`) or longer than a day and not of whole days
    /// (`not_whole_days`); at `window`, if it is narrower than a period below one day (`too_narrow`).
    pub fn new(period: Duration, window: Option<Window>, days: Days, zone: Zone, seed: u64) -> Result<Self, Invalid> {
        if period < SHORTEST_PERIOD || period > MAX_PERIOD {
            let bounds = (duration::show(SHORTEST_PERIOD), duration::show(MAX_PERIOD));
            let detail = format!("the period may be from {} to {}", bounds.0, bounds.1);
            return Err(Invalid::new("random", "out_of_range", detail));
        }
        if period >= DAY && millis(period) % millis(DAY) != 0 {
            let detail = format!("{} is longer than a day, so it must be whole days", duration::show(period));
            return Err(Invalid::new("random", "not_whole_days", detail));
        }
        if let Some(window) = window.filter(|window| period < DAY && window.length() < period) {
            let detail = format!("{window} is narrower than the period of {}", duration::show(period));
            return Err(Invalid::new("window", "too_narrow", detail));
        }
        Ok(Self { period, window, days, zone, seed })
    }

    /// How often, in words of its own: there is one call in each.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// The part of the day; none if it is all of it.
    pub fn window(&self) -> Option<Window> {
        self.window
    }

    /// The weekdays.
    pub fn days(&self) -> Days {
        self.days
    }

    /// The zone in which days and windows are counted.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// What the moments are derived from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The first moment later than `at`; none at the end of the calendar.
    pub(super) fn after(&self, at: Time) -> Option<Time> {
        let today = i64::from(EPOCH.until(self.zone.clock(at)?.date()).ok()?.get_days());
        // Among eight slots, of which the first may be over, at least one has an allowed day.
        match self.slot_days() {
            None => (today..=today + 7).find_map(|day| self.after_on(day, at)),
            Some(days) => {
                let slot = today.div_euclid(days);
                (slot..=slot + 7).filter_map(|slot| self.moment(slot, days)).find(|moment| *moment > at)
            }
        }
    }

    /// What follows the moment `due`, whose call begins at `now`.
    pub(super) fn next(&self, due: Time, now: Time) -> Next {
        super::next_by(|at| self.after(at), || self.count(due, now), due, now)
    }

    /// The moments later than `after`, up to and including `until`.
    pub(super) fn count(&self, after: Time, until: Time) -> u64 {
        let day = |at| Some(i64::from(EPOCH.until(self.zone.clock(at)?.date()).ok()?.get_days()));
        let (Some(first), Some(last)) = (day(after), day(until)) else { return 0 };
        match self.slot_days() {
            // Where clocks are put back over midnight, a moment can be shown on the day before its own.
            None => (first..=last + 1).map(|day| self.count_on(day, after, until)).sum(),
            Some(days) => {
                let slots = first.div_euclid(days)..=(last + 1).div_euclid(days);
                let moments = slots.filter_map(|slot| self.moment(slot, days));
                moments.filter(|moment| *moment > after && *moment <= until).count() as u64
            }
        }
    }

    /// Occurrences per second in the long run.
    pub(super) fn mean_rate(&self) -> f64 {
        let allowed = f64::from(self.days.count()) / 7.0;
        let Some(days) = self.slot_days() else {
            let window = self.window.unwrap_or(Window::DAY).length();
            let slots = window.as_millis().div_ceil(self.period.as_millis().max(1));
            return slots as f64 * allowed / DAY.as_secs_f64();
        };
        // Slots of less than a week begin on every weekday equally often.
        let with_moment = (0..7).filter(|start| (*start..start + days).any(|day| self.allows(day))).count();
        with_moment as f64 / 7.0 / self.period.as_secs_f64()
    }

    /// The days of a slot, if the period is at least one.
    fn slot_days(&self) -> Option<i64> {
        (self.period >= DAY).then(|| millis(self.period) / millis(DAY))
    }

    /// The first moment later than `at` in a slot of that day.
    fn after_on(&self, day: i64, at: Time) -> Option<Time> {
        if !self.allows(day) {
            return None;
        }
        let span = self.span(day)?;
        let first = self.slot_of(span, at);
        // The slot that `at` is in may be over.
        let slots = first..(first + 2).min(self.slots(span));
        slots.map(|slot| self.moment_on(day, span, slot)).find(|moment| *moment > at)
    }

    /// How many moments in slots of that day are later than `after` and not later than `until`.
    fn count_on(&self, day: i64, after: Time, until: Time) -> u64 {
        let Some(span) = self.span(day).filter(|_| self.allows(day)) else { return 0 };
        // The moments before a slot are as many as its number.
        let up_to = |at: Time| {
            let slot = self.slot_of(span, at);
            let is_over = slot < self.slots(span) && self.moment_on(day, span, slot) <= at;
            slot.min(self.slots(span)) + i64::from(is_over)
        };
        u64::try_from(up_to(until) - up_to(after)).unwrap_or(0)
    }

    /// How many slots there are in the span of a day.
    fn slots(&self, (start, end): (i64, i64)) -> i64 {
        let period = millis(self.period);
        ((end - start + period - 1) / period).max(1)
    }

    /// The number of the slot that `at` is in, if its day is long enough.
    fn slot_of(&self, (start, _): (i64, i64), at: Time) -> i64 {
        (at.millis() - start).max(0) / millis(self.period)
    }

    fn moment_on(&self, day: i64, (start, end): (i64, i64), slot: i64) -> Time {
        let period = millis(self.period);
        let from = start + slot * period;
        let length = period.min(end - from).max(1);
        Time::from_millis(from + draw(self.seed, day, slot, length))
    }

    /// The moment of a slot of whole days.
    fn moment(&self, slot: i64, days: i64) -> Option<Time> {
        let allowed = |day: &i64| self.allows(*day);
        let of_slot = slot * days..(slot + 1) * days;
        let count = i64::try_from(of_slot.clone().filter(allowed).count()).ok().filter(|count| *count > 0)?;
        let chosen = usize::try_from(draw(self.seed, slot, 0, count)).ok()?;
        let (start, end) = self.span(of_slot.clone().filter(allowed).nth(chosen)?)?;
        Some(Time::from_millis(start + draw(self.seed, slot, 1, (end - start).max(1))))
    }

    /// Where the window of a day starts and ends, in milliseconds since 1970.
    fn span(&self, day: i64) -> Option<(i64, i64)> {
        let midnight = EPOCH.checked_add(Span::new().try_days(day).ok()?).ok()?.at(0, 0, 0, 0);
        let (start, end) = self.window.unwrap_or(Window::DAY).minutes();
        let wall = |minutes: u16| midnight.checked_add(i64::from(minutes).minutes()).ok();
        let first = self.zone.first(wall(start)?)?;
        let end = self.zone.first(wall(end)?)?;
        // Clocks that are put back over the start of the window would show times before it: then it starts over.
        let last = if start == 0 { first } else { self.zone.last(wall(start)?)? };
        let start = if last < end { last } else { first };
        Some((start.millis(), end.millis()))
    }

    fn allows(&self, day: i64) -> bool {
        u8::try_from(day.rem_euclid(7)).is_ok_and(|weekday| self.days.has(weekday))
    }
}

impl TryFrom<Fields> for Random {
    type Error = Invalid;
    fn try_from(fields: Fields) -> Result<Self, Invalid> {
        Self::new(fields.period, fields.window, fields.days, Zone::parse(&fields.tz)?, fields.seed)
    }
}

impl From<Random> for Fields {
    fn from(random: Random) -> Self {
        let Random { period, window, days, zone, seed } = random;
        Self { period, window, days, tz: zone.name().to_owned(), seed }
    }
}
