//! The weekdays that a schedule keeps to.

use std::fmt;
use std::str::FromStr;

use utoipa::ToSchema;

use super::list::items;
use crate::Invalid;
use crate::request::excerpt;
use crate::text::as_text;

/// Some days of the week, at least one.
///
/// They read as people write them, each day by its name, whole or cut to two letters or more, or by its number as in
/// cron (1 is Monday, 7 and 0 are Sunday), with ranges that may go over the end of the week, and `weekdays` (Monday to
/// Friday), `weekend` and `daily`. They are shown as `Mon-Fri` or `Mon, Wed, Sat-Sun`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, example = "Mon-Fri")]
pub struct Days(u8);

const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const FULL_NAMES: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const WEEKDAYS: Days = Days(0b001_1111);
const WEEKEND: Days = Days(0b110_0000);
/// Words for several days.
const GROUPS: [(&str, Days); 6] = [
    ("weekday", WEEKDAYS),
    ("weekdays", WEEKDAYS),
    ("weekend", WEEKEND),
    ("weekends", WEEKEND),
    ("daily", Days::ALL),
    ("everyday", Days::ALL),
];

impl Days {
    /// All seven.
    pub const ALL: Self = Self(0b111_1111);

    /// Reads a list of which each item is a day or a range, or a list of such again: `["mon-wed", "fri sun"]`.
    ///
    /// # Errors
    /// At `days`, if it names no day (`empty`), or something that is none (`not_a_weekday`).
    pub fn parse_list<'a>(lists: impl IntoIterator<Item = &'a str>) -> Result<Self, Invalid> {
        let mut days = 0;
        for list in lists {
            // Blanks separate days too, but for those around a dash.
            for item in items(list).iter().flat_map(|item| item.split(' ')) {
                days |= read(item)?.0;
            }
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

/// A day, a range of days, or a word for several.
fn read(item: &str) -> Result<Days, Invalid> {
    if let Some((_, days)) = GROUPS.iter().find(|(name, _)| name.eq_ignore_ascii_case(item)) {
        return Ok(*days);
    }
    let (from, to) = item.split_once('-').unwrap_or((item, item));
    if from.is_empty() || to.is_empty() || to.contains('-') {
        let item = excerpt(item, 40);
        return Err(fault(format!("`{item}` is not a range of weekdays; write it like mon-fri")));
    }
    if (from, to) == ("0", "7") {
        // Both are Sunday, and in cron the range is the week.
        return Ok(Days::ALL);
    }
    let (from, to) = (day(from)?, day(to)?);
    let count = (to + 7 - from) % 7;
    Ok(Days((0..=count).fold(0, |days, n| days | 1 << ((from + n) % 7))))
}

/// The day of that name or number, counted from Monday as 0.
fn day(word: &str) -> Result<u8, Invalid> {
    if let [digit @ b'0'..=b'7'] = word.as_bytes() {
        return Ok((digit - b'0' + 6) % 7);
    }
    let name = word.to_ascii_lowercase();
    let is_of = |full: &&str| name.len() >= 2 && (full.starts_with(&name) || name.strip_suffix('s') == Some(full));
    (0..).zip(FULL_NAMES).find(|(_, full)| is_of(full)).map(|(day, _)| day).ok_or_else(|| {
        let word = excerpt(word, 40);
        fault(format!("`{word}` is not a weekday; write mon-fri, sat, weekend or 1-5 (1 is Monday, 7 Sunday)"))
    })
}

fn fault(detail: String) -> Invalid {
    Invalid::new("days", "not_a_weekday", detail)
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
    use proptest::prelude::*;

    /// The days as they are shown, or the code and the words of the fault.
    fn check(lists: &[&str], expect: Result<&str, (&str, &str)>) {
        let read = Days::parse_list(lists.iter().copied());
        let read = read.as_ref().map(ToString::to_string).map_err(|invalid| (invalid.code, &*invalid.detail));
        assert_eq!(read.as_deref().map_err(|fault| *fault), expect, "{lists:?}");
    }

    #[test]
    fn reads_names_as_people_write_them() {
        check(&["mon-fri"], Ok("Mon-Fri"));
        check(&["Mo-Fr"], Ok("Mon-Fri"));
        check(&["tue, MON"], Ok("Mon-Tue"));
        check(&["Monday", "wed - thursday"], Ok("Mon, Wed-Thu"));
        check(&["Mondays and Fridays"], Ok("Mon, Fri"));
        check(&["mon to wed"], Ok("Mon-Wed"));
        check(&["tues\u{2013}thurs"], Ok("Tue-Thu"));
        check(&["mo we", "fr"], Ok("Mon, Wed, Fri"));
        check(&["sat-mon"], Ok("Mon, Sat-Sun"));
        check(&["fri \u{2014} mon wed"], Ok("Mon, Wed, Fri-Sun"));
        check(&["mon-sun"], Ok("Mon-Sun"));
        check(&["sun-sun"], Ok("Sun"));
        check(&["sun,"], Ok("Sun"));
    }

    #[test]
    fn reads_numbers_as_in_cron() {
        check(&["1-5"], Ok("Mon-Fri"));
        check(&["1,3 5"], Ok("Mon, Wed, Fri"));
        check(&["7"], Ok("Sun"));
        check(&["0"], Ok("Sun"));
        check(&["6-7"], Ok("Sat-Sun"));
        check(&["6-1"], Ok("Mon, Sat-Sun"));
        for week in ["0-6", "0-7", "1-7", "1-0"] {
            check(&[week], Ok("Mon-Sun"));
        }
        check(&["mon-5"], Ok("Mon-Fri"));
    }

    #[test]
    fn reads_words_for_several() {
        check(&["weekdays"], Ok("Mon-Fri"));
        check(&["Weekend"], Ok("Sat-Sun"));
        check(&["weekends and Wednesdays"], Ok("Wed, Sat-Sun"));
        check(&["daily"], Ok("Mon-Sun"));
        check(&["everyday"], Ok("Mon-Sun"));
    }

    #[test]
    fn says_what_is_wrong() {
        let empty = Err(("empty", "no weekday is named; write them like mon-fri or sat, sun"));
        check(&[], empty);
        check(&["", " , and "], empty);
        for (list, word) in [
            ("m", "m"),
            ("mon, foo", "foo"),
            ("mon-fry", "fry"),
            ("weekdays-sun", "weekdays"),
            ("8", "8"),
            ("1-8", "8"),
            ("01", "01"),
            ("mons", "mons"),
            ("Montag", "Montag"),
            ("every day", "every"),
            ("mon;tue", "mon;tue"),
        ] {
            let detail =
                format!("`{word}` is not a weekday; write mon-fri, sat, weekend or 1-5 (1 is Monday, 7 Sunday)");
            check(&[list], Err(("not_a_weekday", &detail)));
        }
        for range in ["mon-", "-fri", "mon-wed-fri", "-"] {
            let detail = format!("`{range}` is not a range of weekdays; write it like mon-fri");
            check(&[range], Err(("not_a_weekday", &detail)));
        }
    }

    #[test]
    fn what_is_shown_reads_the_same() {
        for bits in 1..=Days::ALL.0 {
            assert_eq!(Days(bits).to_string().parse(), Ok(Days(bits)));
        }
    }

    proptest! {
        #[test]
        fn nothing_typed_panics(text in "[0-8a-z ,-]{0,14}|.*") {
            let _ = text.parse::<Days>();
        }
    }
}
