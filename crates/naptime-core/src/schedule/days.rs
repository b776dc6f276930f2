//! The weekdays that a schedule keeps to.

use std::fmt;
use std::str::FromStr;

use crate::Invalid;
use crate::text::as_text;

/// Some days of the week, at least one.
///
/// Reads and writes as text: `Mon-Fri`, `Mon, Wed, Sat-Sun`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(u8);

const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const FULL_NAMES: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

impl Days {
    /// All seven.
    pub const ALL: Self = Self(0b111_1111);

    /// Reads a list of which each item is a day or a range, or a list of such again: `["mon-wed", "fri,sun"]`. A range
    /// may go over the end of the week.
    ///
    /// # Errors
    /// At `days`, if it names no day, or something that is none.
    pub fn parse_list<'a>(items: impl IntoIterator<Item = &'a str>) -> Result<Self, Invalid> {
        let mut days = 0;
        for item in items.into_iter().flat_map(|item| item.split(',')).map(str::trim).filter(|item| !item.is_empty()) {
            let (from, to) = item.split_once('-').unwrap_or((item, item));
            let (from, to) = (day(from)?, day(to)?);
            let count = (to + 7 - from) % 7;
            days |= (0..=count).fold(0, |days, n| days | 1 << ((from + n) % 7));
        }
        if days == 0 {
            return Err(Invalid::new("days", "empty", "no weekday is named; write them like mon-fri or sat, sun"));
        }
        Ok(Self(days))
    }

    /// Whether the day is one of them, counted from Monday as 0.
    pub fn has(self, weekday: u8) -> bool {
        self.0 >> weekday & 1 == 1
    }

    /// How many they are: 1 to 7.
    pub fn count(self) -> u32 {
        self.0.count_ones()
    }
}

/// The day of that name, counted from Monday as 0.
fn day(name: &str) -> Result<u8, Invalid> {
    let name = name.trim();
    let named = |names: [&str; 7]| names.iter().position(|day| day.eq_ignore_ascii_case(name));
    named(NAMES).or_else(|| named(FULL_NAMES)).and_then(|day| u8::try_from(day).ok()).ok_or_else(|| {
        let name = crate::request::excerpt(name, 40);
        Invalid::new("days", "not_a_weekday", format!("`{name}` is not a weekday; write them like mon-fri or sat, sun"))
    })
}

impl FromStr for Days {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::parse_list([text])
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut day = 0;
        let mut separator = "";
        while day < 7 {
            let end = (day..7).find(|day| !self.has(*day)).unwrap_or(7);
            if end == day {
                day += 1;
                continue;
            }
            f.write_str(separator)?;
            f.write_str(NAMES[usize::from(day)])?;
            if end - day > 1 {
                write!(f, "-{}", NAMES[usize::from(end - 1)])?;
            }
            separator = ", ";
            day = end;
        }
        Ok(())
    }
}

as_text!(Days);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(items: &[&str], expect: Result<&str, &str>) {
        let read = Days::parse_list(items.iter().copied()).map(|days| days.to_string());
        assert_eq!(read.as_deref().map_err(|invalid| invalid.code), expect, "{items:?}");
    }

    #[test]
    fn reads_what_people_write() {
        check(&["mon-fri"], Ok("Mon-Fri"));
        check(&["tue, MON"], Ok("Mon-Tue"));
        check(&["Monday", "wed - thursday"], Ok("Mon, Wed-Thu"));
        check(&["sat-mon"], Ok("Mon, Sat-Sun"));
        check(&["mon-sun"], Ok("Mon-Sun"));
        check(&["sun,"], Ok("Sun"));
        check(&[], Err("empty"));
        check(&["", " , "], Err("empty"));
        check(&["mo"], Err("not_a_weekday"));
        check(&["mon-"], Err("not_a_weekday"));
        check(&["mon-wed-fri"], Err("not_a_weekday"));
        check(&["1-5"], Err("not_a_weekday"));
    }

    #[test]
    fn what_is_shown_reads_the_same() {
        for bits in 1..=Days::ALL.0 {
            assert_eq!(Days(bits).to_string().parse(), Ok(Days(bits)));
        }
    }
}
