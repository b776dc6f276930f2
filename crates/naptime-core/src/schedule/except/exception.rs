//! One exception: what it is written like, and when it holds by the clock.

use std::fmt;

use jiff::ToSpan;
use jiff::civil::{Date, date};

use crate::Invalid;
use crate::request::excerpt;
use crate::schedule::Days;
use crate::schedule::window::{self, Window};

/// A time in which nothing is called, told by the clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Exception {
    /// From the start of the first day to the end of the last.
    Dates { first: Date, last: Date },
    /// The same in each year, over the end of the year if the last day is before the first. February 29 is left out in
    /// years that have none.
    Yearly { first: MonthDay, last: MonthDay },
    /// A part of the days, which may pass midnight.
    Weekly { days: Days, window: Window },
}

/// The day of a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MonthDay {
    month: i8,
    day: i8,
}

/// What an exception is written like.
const FORMS: &str = "write it like 2026-12-25, 12-24..01-02, sat-sun or mon-fri 01:00-03:00";
const MINUTES_OF_DAY: i64 = window::DAY as i64;
const EPOCH: Date = date(1970, 1, 1);
const LEAP_DAY: MonthDay = MonthDay { month: 2, day: 29 };
/// Between two years with a February 29 lie up to eight.
const YEARS_TO_LEAP: i16 = 8;

/// What an item of a list names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Dates,
    Weekdays,
    Part,
    PartOfAllDays,
    PartOfWeekdays,
}

/// Reads an item of a list, as [`items`](crate::schedule::list::items) makes it.
pub(super) fn read(item: &str) -> Result<(Exception, Named), Invalid> {
    if item.chars().all(|c| c.is_ascii_digit() || c == '-') {
        return read_dates(item).map(|dates| (dates, Named::Dates));
    }
    read_weekly(item)
}

fn fault(code: &'static str, detail: String) -> Invalid {
    Invalid::new("except", code, detail)
}

fn not_an_exception(item: &str) -> Invalid {
    fault("not_an_exception", format!("`{}` is not a date, weekdays or a part of the day; {FORMS}", excerpt(item, 40)))
}

fn half_dated(range: &str, instead: &str) -> Invalid {
    fault("ambiguous", format!("`{range}` has a year at one end only; write {instead}"))
}

/// A date or a range, with or without the year.
fn read_dates(item: &str) -> Result<Exception, Invalid> {
    let parts: Vec<&str> = item.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    match (&*lengths, &*parts) {
        ([2, 2], [..]) => MonthDay::read(&parts).map(|day| Exception::Yearly { first: day, last: day }),
        ([2, 2, 2, 2], [..]) => {
            Ok(Exception::Yearly { first: MonthDay::read(&parts[..2])?, last: MonthDay::read(&parts[2..])? })
        }
        ([4, 2, 2], [..]) => read_date(&parts).map(|date| Exception::Dates { first: date, last: date }),
        ([4, 2, 2, 4, 2, 2], [..]) => {
            let (first, last) = (read_date(&parts[..3])?, read_date(&parts[3..])?);
            if last < first {
                let detail = format!("`{first}..{last}` ends before it starts; write {last}..{first}");
                return Err(fault("not_an_exception", detail));
            }
            Ok(Exception::Dates { first, last })
        }
        ([4, 2, 2, 2, 2], [..]) => {
            let (first, last) = (read_date(&parts[..3])?, MonthDay::read(&parts[3..])?);
            let year = first.year() + i16::from(last < MonthDay::of(first));
            Err(half_dated(&format!("{first}..{last}"), &format!("{first}..{year}-{last}")))
        }
        ([2, 2, 4, 2, 2], [..]) => {
            let (first, last) = (MonthDay::read(&parts[..2])?, read_date(&parts[2..])?);
            let year = last.year() - i16::from(first > MonthDay::of(last));
            Err(half_dated(&format!("{first}..{last}"), &format!("{year}-{first}..{last}")))
        }
        ([1..=2, 1..=2], [from, to]) => {
            let (date, part) = (format!("{from:0>2}-{to:0>2}"), format!("{from:0>2}:00-{to:0>2}:00"));
            let is_date = MonthDay::read(&date.split('-').collect::<Vec<_>>()).is_ok();
            match (is_date, Window::read(&part).is_ok()) {
                (true, true) => {
                    let detail =
                        format!("`{item}` may be a date or a part of the day; write {date} for the date, or {part}");
                    Err(fault("ambiguous", detail))
                }
                (true, false) => Err(fault("not_an_exception", format!("`{item}` is written {date}"))),
                (false, true) => Err(fault("not_an_exception", format!("`{item}` is written {part}"))),
                (false, false) => Err(not_an_exception(item)),
            }
        }
        _ => Err(not_an_exception(item)),
    }
}

fn read_date(parts: &[&str]) -> Result<Date, Invalid> {
    let date = || Date::new(parts[0].parse().ok()?, parts[1].parse().ok()?, parts[2].parse().ok()?).ok();
    date().ok_or_else(|| fault("no_such_day", format!("there is no day `{}`; {FORMS}", parts.join("-"))))
}

/// Weekdays with a part of the day before or behind them, or one of the two.
fn read_weekly(item: &str) -> Result<(Exception, Named), Invalid> {
    let words: Vec<&str> = item.split(' ').collect();
    let has_digit = |word: &&str| word.contains(|c: char| c.is_ascii_digit());
    let is_half = |word: &str| ["am", "pm", "a.m.", "p.m."].iter().any(|half| half.eq_ignore_ascii_case(word));
    let Some(start) = words.iter().position(has_digit) else {
        let days = Days::parse_list([item]).map_err(|_| not_an_exception(item))?;
        return Ok((Exception::Weekly { days, window: Window::DAY }, Named::Weekdays));
    };
    if let [date, _, ..] = words[start..]
        && read_dates(date).is_ok()
    {
        let (item, date) = (excerpt(item, 40), excerpt(date, 40));
        let detail =
            format!("`{item}` is a part of a date; write `{date}` for all of that day, or weekdays before the part");
        return Err(fault("not_an_exception", detail));
    }
    if let Some((month, day)) = named_day(&words) {
        return Err(fault("not_an_exception", format!("`{item}` is written {month:02}-{day:02}, the month first")));
    }
    let end = words.iter().rposition(|word| has_digit(word) || is_half(word)).unwrap_or(start) + 1;
    let (before, behind) = (&words[..start], &words[end..]);
    let behind = behind.strip_prefix(&["on"]).unwrap_or(behind);
    let days = match (before, behind) {
        ([], []) if end == words.len() => None,
        ([], days) | (days, []) => {
            let days = Days::parse_list([&*days.join(" ")]);
            Some(days.map_err(|invalid| {
                let what = invalid.detail.split(';').next().unwrap_or_default();
                fault("not_an_exception", format!("{what}; {FORMS}"))
            })?)
        }
        _ => return Err(not_an_exception(item)),
    };
    let window = Window::read(&words[start..end].join(" "));
    let window = window.map_err(|invalid| match invalid.code {
        "not_a_window" if !item.contains('-') => not_an_exception(item),
        _ => Invalid { field: "except".into(), ..invalid },
    })?;
    let named = match days {
        None => Named::Part,
        Some(Days::ALL) => Named::PartOfAllDays,
        Some(_) => Named::PartOfWeekdays,
    };
    Ok((Exception::Weekly { days: days.unwrap_or(Days::ALL), window }, named))
}

/// The month and day of `Dec 25` or `25 December`.
fn named_day(words: &[&str]) -> Option<(usize, i8)> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let month = |word: &str| {
        let starts = |month: &&str| word.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(month));
        MONTHS.iter().position(starts).map(|month| month + 1)
    };
    let day = |word: &str| word.parse().ok().filter(|day| (1..=31).contains(day));
    match words {
        [first, second] => month(first).zip(day(second)).or_else(|| month(second).zip(day(first))),
        _ => None,
    }
}

impl Exception {
    /// The end, if it holds at that minute.
    pub(super) fn end(&self, minute: i64) -> Option<i64> {
        let (day, of_day) = (minute.div_euclid(MINUTES_OF_DAY), minute.rem_euclid(MINUTES_OF_DAY));
        match self {
            Self::Dates { first, last } => {
                (day_of(*first)..=day_of(*last)).contains(&day).then(|| (day_of(*last) + 1) * MINUTES_OF_DAY)
            }
            Self::Yearly { first, last } => {
                let date = date_of(day)?;
                let today = MonthDay::of(date);
                let passes_year = first > last && today >= *first;
                let holds = passes_year || (today <= *last && (first > last || today >= *first));
                let end = || last.end_in(date.year() + i16::from(passes_year));
                holds.then(end).flatten().map(|day| day * MINUTES_OF_DAY)
            }
            Self::Weekly { days, window } => {
                let (start, end) = (i64::from(window.minutes().0), i64::from(window.minutes().1));
                let end_on = |day: i64, of_day: i64| {
                    let holds = has(*days, day) && (start..end).contains(&of_day);
                    holds.then_some(day * MINUTES_OF_DAY + end)
                };
                end_on(day, of_day).or_else(|| end_on(day - 1, of_day + MINUTES_OF_DAY))
            }
        }
    }

    /// The first minute after this one in which it begins.
    pub(super) fn start_after(&self, minute: i64) -> Option<i64> {
        let day = minute.div_euclid(MINUTES_OF_DAY);
        let mut starts: Box<dyn Iterator<Item = i64>> = match self {
            Self::Dates { .. } => Box::new(self.start().into_iter()),
            Self::Yearly { first, last } => {
                let (first, year, is_day) = (*first, date_of(day)?.year(), first == last);
                let starts =
                    (year..=year.saturating_add(YEARS_TO_LEAP)).filter_map(move |year| first.start_in(year, is_day));
                Box::new(starts.map(|day| day * MINUTES_OF_DAY))
            }
            Self::Weekly { days, window } => {
                let (days, start) = (*days, i64::from(window.minutes().0));
                Box::new(
                    (day..=day + 7).filter(move |day| has(days, *day)).map(move |day| day * MINUTES_OF_DAY + start),
                )
            }
        };
        starts.find(|start| *start > minute)
    }

    /// The minute in which it begins, if it begins only once.
    pub(super) fn start(&self) -> Option<i64> {
        match self {
            Self::Dates { first, .. } => Some(day_of(*first) * MINUTES_OF_DAY),
            Self::Yearly { .. } | Self::Weekly { .. } => None,
        }
    }

    /// The minute in which it ends for good, if it comes only once.
    pub(super) fn last_end(&self) -> Option<i64> {
        match self {
            Self::Dates { last, .. } => Some((day_of(*last) + 1) * MINUTES_OF_DAY),
            Self::Yearly { .. } | Self::Weekly { .. } => None,
        }
    }

    pub(super) fn is_weekly(&self) -> bool {
        matches!(self, Self::Weekly { .. })
    }

    /// Whether it is a part of every day.
    pub(super) fn is_part_of_all_days(&self) -> bool {
        matches!(self, Self::Weekly { days: Days::ALL, .. })
    }

    /// Whether it is a part of some weekdays.
    pub(super) fn is_part_of_some_days(&self) -> bool {
        self.is_weekly() && !self.is_part_of_all_days()
    }

    /// Whether it comes each year, and holds on that day of a year that has no February 29.
    pub(super) fn takes_day_of_year(&self, day: u16) -> bool {
        const YEAR: Date = date(2027, 1, 1);
        matches!(self, Self::Yearly { .. }) && self.end((day_of(YEAR) + i64::from(day) - 1) * MINUTES_OF_DAY).is_some()
    }
}

impl MonthDay {
    fn read(parts: &[&str]) -> Result<Self, Invalid> {
        let shown = parts.join("-");
        let read = |part: &str| part.parse::<i8>().unwrap_or(0);
        let (month, day) = (read(parts[0]), read(parts[1]));
        // A year with a February 29.
        if Date::new(2028, month, day).is_ok() {
            return Ok(Self { month, day });
        }
        let detail = format!(
            "there is no day `{shown}`; write the month first, like 12-25, or a part of the day like 22:00-02:00"
        );
        Err(fault("no_such_day", detail))
    }

    fn of(date: Date) -> Self {
        Self { month: date.month(), day: date.day() }
    }

    /// The day of that year. February 29 is March 1 in years without it, unless it `is_day`: a range then has what is
    /// left of it.
    fn start_in(self, year: i16, is_day: bool) -> Option<i64> {
        let after_leap_day = || Date::new(year, 3, 1).ok().filter(|_| !is_day && self == LEAP_DAY);
        Date::new(year, self.month, self.day).ok().or_else(after_leap_day).map(day_of)
    }

    /// The day after it in that year.
    fn end_in(self, year: i16) -> Option<i64> {
        let is_short = self == LEAP_DAY && Date::new(year, 2, 29).is_err();
        self.start_in(year, false).map(|day| day + i64::from(!is_short))
    }
}

/// Days since 1970-01-01.
fn day_of(date: Date) -> i64 {
    EPOCH.until(date).map_or(0, |span| span.get_days().into())
}

/// None outside the years -9999 to 9999.
fn date_of(day: i64) -> Option<Date> {
    EPOCH.checked_add(i32::try_from(day).ok().filter(|day| day.abs() < 4_000_000)?.days()).ok()
}

fn has(days: Days, day: i64) -> bool {
    // 1970-01-01 was a Thursday.
    u8::try_from((day + 3).rem_euclid(7)).is_ok_and(|weekday| days.has(weekday))
}

impl fmt::Display for MonthDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}-{:02}", self.month, self.day)
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dates { first, last } if first == last => write!(f, "{first}"),
            Self::Dates { first, last } => write!(f, "{first}..{last}"),
            Self::Yearly { first, last } if first == last => write!(f, "{first}"),
            Self::Yearly { first, last } => write!(f, "{first}..{last}"),
            Self::Weekly { days: Days::ALL, window } => write!(f, "{window}"),
            // Commas are between exceptions.
            Self::Weekly { days, window } => write!(f, "{} {window}", days.to_string().replace(", ", " ")),
        }
    }
}
