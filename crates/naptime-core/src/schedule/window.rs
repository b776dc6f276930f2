//! A part of the day: `09:00-17:00`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::Invalid;
use crate::text::as_text;

/// A part of the day, by the clock of a time zone. It includes its start and not its end.
///
/// Reads and writes as `09:00-17:00`; the end may be 24:00.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// In minutes since midnight.
    start: u16,
    end: u16,
}

/// Minutes of a day.
const DAY: u16 = 24 * 60;

impl Window {
    /// The whole day.
    pub const DAY: Self = Self { start: 0, end: DAY };

    /// How long it is on a day without a change of the clock.
    pub fn length(self) -> Duration {
        Duration::from_secs(60 * u64::from(self.end - self.start))
    }

    /// Its start and end, in minutes since midnight.
    pub(super) fn minutes(self) -> (u16, u16) {
        (self.start, self.end)
    }
}

impl FromStr for Window {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (start, end) =
            text.split_once('-').and_then(|(start, end)| Some((minute(start)?, minute(end)?))).ok_or_else(|| {
                let text = crate::request::excerpt(text, 40);
                let detail = format!("`{text}` is not a part of the day; write it like 09:00-17:00");
                Invalid::new("window", "not_a_window", detail)
            })?;
        if end <= start {
            let detail = format!("`{}` ends before it starts; a window lies within one day", text.trim());
            return Err(Invalid::new("window", "ends_before_it_starts", detail));
        }
        Ok(Self { start, end })
    }
}

/// The minute of the day: `09:30` is 570.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let number = |text: &str, length: std::ops::RangeInclusive<usize>| {
        let digits = length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u16>().ok()).flatten()
    };
    let (hour, minute) = (number(hour, 1..=2)?, number(minute, 2..=2)?);
    let minutes = hour * 60 + minute;
    (minute < 60 && minutes <= DAY).then_some(minutes)
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = (self.start, self.end);
        write!(f, "{:02}:{:02}-{:02}:{:02}", start / 60, start % 60, end / 60, end % 60)
    }
}

as_text!(Window);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expect: Result<&str, &str>) {
        let read = text.parse::<Window>().map(|window| window.to_string());
        assert_eq!(read.as_deref().map_err(|invalid| invalid.code), expect, "{text:?}");
    }

    #[test]
    fn reads_what_people_write() {
        check("09:00-17:00", Ok("09:00-17:00"));
        check(" 9:00 - 17:30 ", Ok("09:00-17:30"));
        check("00:00-24:00", Ok("00:00-24:00"));
        check("17:00-09:00", Err("ends_before_it_starts"));
        check("09:00-09:00", Err("ends_before_it_starts"));
        check("24:00-24:00", Err("ends_before_it_starts"));
        for text in
            ["", "09:00", "9-17", "09:00-24:01", "09:60-10:00", "+9:00-10:00", "09:00-17:00-18:00", "09:0-10:00"]
        {
            check(text, Err("not_a_window"));
        }
    }

    proptest! {
        #[test]
        fn nothing_typed_panics(text in "[0-9:. -]{0,14}|.*") {
            let _ = text.parse::<Window>();
        }
    }
}
