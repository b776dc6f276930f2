//! Once at a random moment in each period, as people do things.

mod slots;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::slots::Slots;
use super::hours::{EPOCH, Hours, Span};
use super::{Days, Next, Windows, Zone, draw};
use crate::duration::{self, MAX_PERIOD, SHORTEST_PERIOD};
use crate::time::millis;
use crate::{Invalid, Time};

/// Once at a random moment in each period, within windows of the day, on given weekdays, in a time zone.
///
/// Time is cut into slots as long as the period. Each slot has one moment, drawn evenly from the part of it that is within
/// the windows of the allowed days; a slot without such a part has none. The moment is derived from the seed and the
/// number of the slot, so it is the same in every process and after every restart. A window belongs to the day on which
/// it starts. Where the slots lie depends on the period:
///
/// - A period that divides a day (10m, 1h, 8h): from the start of the first window of each day, anew each day.
/// - A period of whole days: by the calendar, counted from Monday, 1970-01-05, so slots of 7d are weeks. One of the
///   allowed days in the slot is drawn, and a moment in the windows of that day, also if it is past midnight.
/// - Any other, which is shorter than a day (7h, 23h): one after the other without regard to days, from 00:00 on Monday,
///   1970-01-05, in the zone. Each is as long as the period, so a change of the clocks moves them on the clock.
///
/// When the clocks change, a day is as long as it is: a window of a whole day has 23 or 25 slots of an hour. A window
/// that is skipped altogether is one moment right after the gap. One that starts at a time that comes twice starts the
/// second time, if it ends later than that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Fields", into = "Fields")]
pub struct Random {
    period: Duration,
    hours: Hours,
    seed: u64,
}

/// What a [`Random`] is stored as.
#[derive(Serialize, Deserialize)]
struct Fields {
    #[serde(with = "crate::duration::text")]
    period: Duration,
    window: Option<Windows>,
    days: Days,
    tz: String,
    seed: u64,
}

const DAY: Duration = Duration::from_secs(86_400);

/// How time is cut into slots.
#[derive(Clone, Copy)]
enum Cut {
    /// Each day from the start of its first window.
    EachDay,
    /// By the calendar, so many days each.
    Days(i64),
    /// One after the other, days or not.
    Through,
}

impl Random {
    /// Once in each `period`. Without windows it is the whole day.
    ///
    /// # Errors
    /// At `random`, if the period is out of bounds (`out_of_range`) or longer than a day and not of whole days
    /// (`not_whole_days`); at `window`, if the windows are together shorter than a period that divides a day (`too_narrow`).
    pub fn new(period: Duration, windows: Option<Windows>, days: Days, zone: Zone, seed: u64) -> Result<Self, Invalid> {
        let shown = duration::show(period);
        if period < SHORTEST_PERIOD || period > MAX_PERIOD {
            let bounds = (duration::show(SHORTEST_PERIOD), duration::show(MAX_PERIOD));
            let detail = format!("the period may be from {} to {}", bounds.0, bounds.1);
            return Err(Invalid::new("random", "out_of_range", detail));
        }
        if period >= DAY && millis(period) % millis(DAY) != 0 {
            let days = millis(period) / millis(DAY);
            let detail =
                format!("{shown} is longer than a day, so it must be whole days; write {days}d or {}d", days + 1);
            return Err(Invalid::new("random", "not_whole_days", detail));
        }
        let divides_a_day = period < DAY && millis(DAY) % millis(period) == 0;
        if let Some(windows) = windows.as_ref().filter(|windows| divides_a_day && windows.length() < period) {
            let length = duration::show(windows.length());
            let detail =
                format!("`{windows}` is {length} a day, shorter than the period of {shown}; write 1d for once a day");
            return Err(Invalid::new("window", "too_narrow", detail));
        }
        Ok(Self::stored(period, Hours { windows, days, zone }, seed))
    }

    /// Takes back what was stored.
    pub fn stored(period: Duration, hours: Hours, seed: u64) -> Self {
        // Of a period of nothing, which no version stores, there would be no end of moments.
        Self { period: period.max(SHORTEST_PERIOD), hours, seed }
    }

    /// How often, in words of its own: there is one call in each.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// The parts of the day; none if it is all of it.
    pub fn windows(&self) -> Option<&Windows> {
        self.hours.windows.as_ref()
    }

    /// The weekdays.
    pub fn days(&self) -> Days {
        self.hours.days
    }

    /// The zone in which days and windows are counted.
    pub fn zone(&self) -> &Zone {
        &self.hours.zone
    }

    /// What the moments are derived from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The first moment later than `at`; none at the end of the calendar.
    pub(super) fn after(&self, at: Time) -> Option<Time> {
        let from = self.hours.day_of_window(at.millis())?;
        // The first two days or slots may be over. Of the seven after them, at least one has an allowed day.
        match self.cut() {
            Cut::EachDay => (from..=from + 8).find_map(|day| self.after_on(day, at)),
            Cut::Days(days) => {
                let slot = from.div_euclid(days);
                (slot..=slot + 8).filter_map(|slot| self.moment_of_days(slot, days)).find(|moment| *moment > at)
            }
            Cut::Through => {
                let slots = self.slots_through()?;
                let slot = slots.number(at.millis());
                let moment = self.moment_through(slots, slot).filter(|moment| *moment > at);
                let next = || slots.after(slot, (from..=from + 9).flat_map(|day| self.hours.spans(day)));
                moment.or_else(|| self.moment_through(slots, next()?))
            }
        }
    }

    /// What follows the moment `due`, whose call begins at `now`.
    pub(super) fn next(&self, due: Time, now: Time) -> Next {
        super::next_by(|at| self.after(at), || self.count(due, now), due, now)
    }

    /// The moments later than `after`, up to and including `until`.
    pub(super) fn count(&self, after: Time, until: Time) -> u64 {
        let days = self.hours.day_of_window(after.millis()).zip(self.hours.day(until.millis()));
        let Some((first, last)) = days.filter(|_| after < until) else { return 0 };
        // Where clocks are put back over midnight, a moment can be shown on the day before its own.
        let days = first..=last + 1;
        let count = match self.cut() {
            Cut::EachDay => days.map(|day| self.count_on(day, after, until)).sum(),
            Cut::Days(length) => {
                let slots = days.start().div_euclid(length)..=days.end().div_euclid(length);
                let moments = slots.filter_map(|slot| self.moment_of_days(slot, length));
                moments.filter(|moment| *moment > after && *moment <= until).count() as i64
            }
            Cut::Through => {
                let Some(slots) = self.slots_through() else { return 0 };
                let (from, to) = (slots.number(after.millis()), slots.number(until.millis()));
                let is_over = |slot, at| self.moment_through(slots, slot).is_some_and(|moment| moment <= at);
                let first = self.hours.day_of_window(slots.start(from)).unwrap_or(first);
                let begun = slots.count((first..=last + 1).flat_map(|day| self.hours.spans(day)), from..to);
                begun + i64::from(is_over(to, until)) - i64::from(is_over(from, after))
            }
        };
        u64::try_from(count).unwrap_or(0)
    }

    /// Occurrences per second in the long run.
    pub(super) fn mean_rate(&self) -> f64 {
        let allowed = (0..7).filter(|day| self.hours.allows(*day));
        let (period, day) = (millis(self.period), millis(DAY));
        match self.cut() {
            Cut::EachDay => {
                let slots = Slots { origin: self.hours.usual_spans(0).next().unwrap_or_default().0, period };
                let of_a_day = slots.count(self.hours.usual_spans(0), 0..i64::MAX);
                of_a_day as f64 * allowed.count() as f64 / 7.0 / DAY.as_secs_f64()
            }
            Cut::Days(days) => {
                // Slots of less than a week begin on every weekday equally often.
                let with_moment =
                    (0..7).filter(|start| (*start..start + days).any(|day| self.hours.allows(day))).count();
                with_moment as f64 / 7.0 / self.period.as_secs_f64()
            }
            Cut::Through => {
                // Slots begin equally often at each multiple of `step` in the week, and hold a part of a span if they
                // begin less than a period before it, or in it.
                let step = gcd(period, 7 * day);
                let starts = Slots { origin: 0, period: step };
                let weeks = |count: i64| {
                    let days = (0..count * 7).filter(|day| self.hours.allows(*day));
                    let spans = days
                        .flat_map(|day| self.hours.usual_spans(day))
                        .map(|(start, end)| (start + step - period, end));
                    starts.count(spans, i64::MIN..i64::MAX)
                };
                // The second week overlaps with the one before, as all do.
                (weeks(2) - weeks(1)) as f64 * step as f64 / (7 * day) as f64 / self.period.as_secs_f64()
            }
        }
    }

    fn cut(&self) -> Cut {
        let (period, day) = (millis(self.period), millis(DAY));
        match period {
            _ if period >= day => Cut::Days(period / day),
            _ if day % period == 0 => Cut::EachDay,
            _ => Cut::Through,
        }
    }

    /// The first moment later than `at` in the slots of that day.
    fn after_on(&self, day: i64, at: Time) -> Option<Time> {
        let (slots, spans) = self.slots_on(day)?;
        let slot = slots.number(at.millis());
        let moment = self.moment_on(day, slots, &spans, slot).filter(|moment| *moment > at);
        moment.or_else(|| self.moment_on(day, slots, &spans, slots.after(slot, spans.iter().copied())?))
    }

    /// How many moments in the slots of that day are later than `after` and not later than `until`.
    fn count_on(&self, day: i64, after: Time, until: Time) -> i64 {
        let Some((slots, spans)) = self.slots_on(day) else { return 0 };
        let up_to = |at: Time| {
            let slot = slots.number(at.millis());
            let is_over = self.moment_on(day, slots, &spans, slot).is_some_and(|moment| moment <= at);
            slots.count(spans.iter().copied(), 0..slot.max(0)) + i64::from(is_over)
        };
        up_to(until) - up_to(after)
    }

    /// The slots of a day, and its spans; none if it has none.
    fn slots_on(&self, day: i64) -> Option<(Slots, Vec<Span>)> {
        let spans = self.hours.spans(day);
        Some((Slots { origin: spans.first()?.0, period: millis(self.period) }, spans))
    }

    fn moment_on(&self, day: i64, slots: Slots, spans: &[Span], slot: i64) -> Option<Time> {
        slots.moment(slot, spans, |length| draw(self.seed, day, slot, length))
    }

    /// The slots that go through without regard to days.
    fn slots_through(&self) -> Option<Slots> {
        Some(Slots { origin: self.hours.zone.first(EPOCH.at(0, 0, 0, 0))?.millis(), period: millis(self.period) })
    }

    fn moment_through(&self, slots: Slots, slot: i64) -> Option<Time> {
        let days = self.hours.day_of_window(slots.start(slot))?..=self.hours.day(slots.start(slot + 1))? + 1;
        let spans: Vec<Span> = days.flat_map(|day| self.hours.spans(day)).collect();
        slots.moment(slot, &spans, |length| draw(self.seed, slot, 0, length))
    }

    /// The moment of a slot of whole days.
    fn moment_of_days(&self, slot: i64, days: i64) -> Option<Time> {
        let allowed = (slot * days..(slot + 1) * days).filter(|day| self.hours.allows(*day));
        let count = i64::try_from(allowed.clone().count()).ok().filter(|count| *count > 0)?;
        let chosen = usize::try_from(draw(self.seed, slot, 0, count)).ok()?;
        let spans = self.hours.spans(allowed.clone().nth(chosen)?);
        slots::moment(spans.iter().copied(), |length| draw(self.seed, slot, 1, length))
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl TryFrom<Fields> for Random {
    type Error = Invalid;
    fn try_from(fields: Fields) -> Result<Self, Invalid> {
        let hours = Hours { windows: fields.window, days: fields.days, zone: Zone::parse(&fields.tz)? };
        Ok(Self::stored(fields.period, hours, fields.seed))
    }
}

impl From<Random> for Fields {
    fn from(random: Random) -> Self {
        let Random { period, hours: Hours { windows, days, zone }, seed } = random;
        Self { period, window: windows, days, tz: zone.name().to_owned(), seed }
    }
}
