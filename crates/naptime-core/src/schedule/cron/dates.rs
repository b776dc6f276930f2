//! The days that a pattern names.
//!
//! Days are counted from 1970-01-01 and looked at a month at a time: one number with a bit for each day of the month
//! tells which of them match.

use jiff::Timestamp;
use jiff::tz::Offset;

use super::set::Set;

/// The calendar repeats after so many days, which are 400 years and whole weeks.
pub(super) const CYCLE_DAYS: i64 = 146_097;

const MONTHS_OF_CYCLE: usize = 400 * 12;
const SECONDS_OF_DAY: i64 = 86_400;
/// A bit on every seventh day.
const WEEKLY: u64 = 1 | 1 << 7 | 1 << 14 | 1 << 21 | 1 << 28;

/// The fields of the day, the month and the weekday.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dates {
    pub(super) months: Set,
    pub(super) days: MonthDays,
    pub(super) weekdays: Weekdays,
    /// Whether a day must match the field of the day and that of the weekday; else one of the two is enough.
    pub(super) both: bool,
}

/// The field of the day of the month.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct MonthDays {
    /// By their number, from 1.
    pub(super) days: Set,
    /// By how many days are left of the month: 0 for `L`, 2 for `L-2`.
    pub(super) from_end: Set,
    /// The weekday (Monday to Friday) of the same month that is nearest to a day: `15W`.
    pub(super) nearest: Set,
    /// The last weekday (Monday to Friday) of the month: `LW`.
    pub(super) last_weekday: bool,
}

/// The field of the weekday, with Sunday as 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Weekdays {
    pub(super) days: Set,
    /// The last ones of the month: `5L`.
    pub(super) last: Set,
    /// The first ones of the month, the second, and so on to the fifth: `5#2`.
    pub(super) nth: [Set; 5],
}

impl Dates {
    /// The first day that matches and is not before `day`; none if there is none in 400 years, or in the calendar.
    pub(super) fn from(&self, day: i64) -> Option<i64> {
        let mut month = Month::of(day)?;
        let passed = day - month.first;
        let mut matching = self.of(&month) >> (passed + 1) << (passed + 1);
        for _ in 0..=MONTHS_OF_CYCLE {
            if matching != 0 {
                return Some(month.first + i64::from(matching.trailing_zeros()) - 1);
            }
            month.advance();
            matching = self.of(&month);
        }
        None
    }

    /// How many days from `from` up to and without `until` match.
    pub(super) fn count(&self, from: i64, until: i64) -> u64 {
        let Some(mut month) = Month::of(from) else { return 0 };
        let mut count = 0;
        while month.first < until {
            let of_month = |day: i64| (day - month.first).clamp(0, month.length.into());
            let before = |day: i64| (self.of(&month) & ((2 << of_month(day)) - 1)).count_ones();
            count += u64::from(before(until) - before(from));
            month.advance();
        }
        count
    }

    /// The days of the month that match, as bits: the first day is bit 1.
    fn of(&self, month: &Month) -> u64 {
        if !self.months.has(month.number) {
            return 0;
        }
        let (days, weekdays) = (self.days.of(month), self.weekdays.of(month));
        if self.both { days & weekdays } else { days | weekdays }
    }
}

impl MonthDays {
    fn of(&self, month: &Month) -> u64 {
        let mut days = self.days.bits();
        if !(self.from_end.is_empty() && self.nearest.is_empty() && !self.last_weekday) {
            let all = 1..=month.length;
            let from_end = all.clone().filter(|day| self.from_end.has(month.length - day));
            let nearest = all.filter(|day| self.nearest.has(*day)).map(|day| month.nearest_weekday(day));
            let last = self.last_weekday.then(|| month.nearest_weekday(month.length));
            days |= from_end.chain(nearest).chain(last).collect::<Set>().bits();
        }
        days & month.all()
    }
}

impl Weekdays {
    fn of(&self, month: &Month) -> u64 {
        let mut days = weekly(self.days, month.first_weekday) & month.all();
        if !self.last.is_empty() {
            days |= weekly(self.last, month.first_weekday) & month.all() & !((2 << (month.length - 7)) - 1);
        }
        for (week, weekdays) in self.nth.iter().enumerate().filter(|(_, weekdays)| !weekdays.is_empty()) {
            days |= weekly(*weekdays, month.first_weekday) & month.all() & (0b1111_1110 << (7 * week));
        }
        days
    }
}

/// The days that are one of `weekdays`, as bits, in a month that begins with `first`.
fn weekly(weekdays: Set, first: u32) -> u64 {
    let from_first = (weekdays.bits() | weekdays.bits() << 7) >> first & 0b111_1111;
    (from_first * WEEKLY) << 1
}

/// A month of a year.
struct Month {
    year: i64,
    /// From 1.
    number: u32,
    /// The number of its first day, counted from 1970-01-01.
    first: i64,
    /// The weekday of its first day, with Sunday as 0.
    first_weekday: u32,
    /// How many days it has.
    length: u32,
}

impl Month {
    /// The month that `day` is in; none outside the years -9999 to 9999.
    fn of(day: i64) -> Option<Self> {
        let midnight = Timestamp::from_second(day.checked_mul(SECONDS_OF_DAY)?).ok()?;
        let date = Offset::UTC.to_datetime(midnight).date();
        let first = day - i64::from(date.day()) + 1;
        // 1970-01-01 was a Thursday.
        let first_weekday = u32::try_from((first + 4).rem_euclid(7)).ok()?;
        let (year, number) = (i64::from(date.year()), u32::try_from(date.month()).ok()?);
        Some(Self { year, number, first, first_weekday, length: length(year, number) })
    }

    /// Goes on to the next month.
    fn advance(&mut self) {
        self.first += i64::from(self.length);
        self.first_weekday = (self.first_weekday + self.length) % 7;
        (self.year, self.number) = if self.number == 12 { (self.year + 1, 1) } else { (self.year, self.number + 1) };
        self.length = length(self.year, self.number);
    }

    /// All its days, as bits.
    fn all(&self) -> u64 {
        (2 << self.length) - 2
    }

    /// The weekday (Monday to Friday) nearest to `day`: the Friday before a Saturday and the Monday after a Sunday, but
    /// never one of another month.
    fn nearest_weekday(&self, day: u32) -> u32 {
        match (self.first_weekday + day - 1) % 7 {
            6 if day == 1 => 3,
            6 => day - 1,
            0 if day == self.length => day - 2,
            0 => day + 1,
            _ => day,
        }
    }
}

fn length(year: i64, month: u32) -> u32 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
