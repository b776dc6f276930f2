//! The windows of a day: `09:00-12:00, 14:00-17:00`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use utoipa::ToSchema;

use super::list::items;
use super::window::{DAY, Window};
use crate::Invalid;
use crate::text::as_text;

/// One or more parts of the day, by the clock of a time zone, which do not overlap. Cheap to clone.
///
/// They read as people write them (`9-17`, `9am-5pm`, `22:00 to 02:00`, several with commas or `and` between), and are
/// shown in the order of their starts: `09:00-12:00, 14:00-17:00`. A window includes its start and not its end, may pass
/// midnight, and belongs to the day on which it starts. The end of a day is 24:00 or 00:00.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, example = "09:00-12:00, 14:00-17:00")]
pub struct Windows(Arc<[Window]>);

/// The most windows there may be, which bounds the work for each day.
const MAX_WINDOWS: usize = 24;

impl Windows {
    /// How long they are together on a day without a change of the clock.
    pub(super) fn length(&self) -> Duration {
        self.0.iter().map(|window| window.length()).sum()
    }

    /// In the order of their starts; at least one.
    pub(super) fn as_slice(&self) -> &[Window] {
        &self.0
    }

    /// Refuses two windows that overlap, of one day or of two days in a row.
    fn check_overlap(windows: &[Window]) -> Result<(), Invalid> {
        // The window after the last one is the first one of the next day.
        let next = windows.iter().skip(1).map(|next| (*next, 0)).chain(windows.first().map(|first| (*first, DAY)));
        for (window, (next, offset)) in windows.iter().zip(next) {
            if window.minutes().1 > next.minutes().0 + offset {
                let detail = format!("`{window}` and `{next}` overlap; write one window in place of both");
                return Err(Invalid::new("window", "overlap", detail));
            }
        }
        Ok(())
    }
}

impl FromStr for Windows {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let items = items(text);
        if items.is_empty() {
            let detail = "no part of the day is named; write it like 09:00-17:00, or leave it out for the whole day";
            return Err(Invalid::new("window", "empty", detail));
        }
        if items.len() > MAX_WINDOWS {
            let detail = format!("{} windows are too many; there may be up to {MAX_WINDOWS}", items.len());
            return Err(Invalid::new("window", "too_many", detail));
        }
        let mut windows = items.iter().map(|item| Window::read(item)).collect::<Result<Vec<_>, _>>()?;
        windows.sort_by_key(|window| window.minutes());
        Self::check_overlap(&windows)?;
        Ok(Self(windows.into()))
    }
}

impl fmt::Display for Windows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, window) in self.0.iter().enumerate() {
            write!(f, "{}{window}", if number == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

as_text!(Windows);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The windows as they are shown, or the code and the words of the fault.
    fn check(text: &str, expect: Result<&str, (&str, &str)>) {
        let read = text.parse::<Windows>();
        let read = read.as_ref().map(ToString::to_string).map_err(|invalid| (invalid.code, &*invalid.detail));
        assert_eq!(read.as_deref().map_err(|fault| *fault), expect, "{text:?}");
    }

    #[test]
    fn reads_what_people_write() {
        check("09:00-17:00", Ok("09:00-17:00"));
        check(" 9:00 - 17:30 ", Ok("09:00-17:30"));
        check("09:00\u{2013}17:00", Ok("09:00-17:00"));
        check("09:00 \u{2014} 17:00", Ok("09:00-17:00"));
        check("9:00 to 17:00", Ok("09:00-17:00"));
        check("09.00-17.00", Ok("09:00-17:00"));
        check("9-17", Ok("09:00-17:00"));
        check("9 to 17", Ok("09:00-17:00"));
        check("9-17:30", Ok("09:00-17:30"));
        check("9am-5pm", Ok("09:00-17:00"));
        check("9 AM - 5.30 P.M.", Ok("09:00-17:30"));
        check("12am-12pm", Ok("00:00-12:00"));
        check("12pm-12am", Ok("12:00-24:00"));
        check("00:00-24:00", Ok("00:00-24:00"));
        check("0-24", Ok("00:00-24:00"));
    }

    #[test]
    fn a_window_may_pass_midnight() {
        check("22:00-02:00", Ok("22:00-02:00"));
        check("9:30 pm - 1 am", Ok("21:30-01:00"));
        check("22-2", Ok("22:00-02:00"));
        check("22:00-00:00", Ok("22:00-24:00"));
        check("9-0", Ok("09:00-24:00"));
        check("09:00-05:00", Ok("09:00-05:00"));
        check("9am-5am", Ok("09:00-05:00"));
        check("00:01-00:00", Ok("00:01-24:00"));
        check("12:00-11:59", Ok("12:00-11:59"));
    }

    #[test]
    fn there_may_be_several() {
        check("14:00-17:00, 09:00-12:00", Ok("09:00-12:00, 14:00-17:00"));
        check("9-12 and 14-17", Ok("09:00-12:00, 14:00-17:00"));
        check("9-12, and 22-2,", Ok("09:00-12:00, 22:00-02:00"));
        check("9-12,12-14", Ok("09:00-12:00, 12:00-14:00"));
        check("22:00-02:00,02:00-03:00", Ok("02:00-03:00, 22:00-02:00"));
    }

    #[test]
    fn says_what_is_wrong() {
        let fault = |text: &str, code: &str, detail: &str| check(text, Err((code, detail)));
        let empty = "no part of the day is named; write it like 09:00-17:00, or leave it out for the whole day";
        fault("", "empty", empty);
        fault(" , ", "empty", empty);
        let part =
            |item: &str| format!("`{item}` is not a part of the day; write it like 09:00-17:00, 9-17 or 9am-5pm");
        for item in ["09:00", "x", "-17:00", "09:00-"] {
            fault(item, "not_a_window", &part(item));
        }
        for (text, word) in [
            ("09:00-24:01", "24:01"),
            ("09:60-10:00", "09:60"),
            ("+9:00-10:00", "+9:00"),
            ("09:0-10:00", "09:0"),
            ("9:00:00-10:00", "9:00:00"),
            ("25-26", "25"),
            ("0am-5am", "0am"),
            ("9am-13pm", "13pm"),
            ("noon-5pm", "noon"),
            ("09:00-17:00-18:00", "17:00-18:00"),
            ("9:00-12:00 14:00-17:00", "12:00 14:00-17:00"),
            ("9-17, 18-soon", "soon"),
        ] {
            let detail = format!("`{word}` is not a time of day; write it like 09:00, 9 or 9am");
            fault(text, "not_a_window", &detail);
        }
        fault("24:00-02:00", "not_a_window", "`24:00-02:00` starts when the day is over; write 00:00 for 24:00");
        for text in ["09:00-09:00", "00:00-00:00", "9-9", "12am-12am"] {
            fault(text, "no_length", &format!("`{text}` has no length; write 00:00-24:00 for the whole day"));
        }
        let hours = |text: &str, instead: &str| {
            fault(text, "ambiguous", &format!("`{text}` may mean two things; write {instead}"));
        };
        hours("9-5", "9-17, 9am-5pm or 09:00-05:00");
        hours("09-05", "9-17, 9am-5pm or 09:00-05:00");
        hours("12-1", "12-13, 12pm-1pm or 12:00-01:00");
        for text in ["9-5pm", "10pm-11", "09:00-5pm"] {
            let detail = format!("`{text}` has am or pm at one time only; write 9am-5pm or 09:00-17:00");
            fault(text, "ambiguous", &detail);
        }
        let overlap = |text: &str, one: &str, other: &str| {
            fault(text, "overlap", &format!("`{one}` and `{other}` overlap; write one window in place of both"));
        };
        overlap("11-14, 9-12", "09:00-12:00", "11:00-14:00");
        overlap("9-17, 10-11", "09:00-17:00", "10:00-11:00");
        overlap("9-17, 9-17", "09:00-17:00", "09:00-17:00");
        overlap("22-2, 1-3", "22:00-02:00", "01:00-03:00");
        let many = (0..25).map(|n| format!("{n:02}:00-{n:02}:01")).collect::<Vec<_>>().join(",");
        fault(&many, "too_many", "25 windows are too many; there may be up to 24");
    }

    proptest! {
        #[test]
        fn nothing_typed_panics_and_what_is_shown_reads_the_same(text in "[0-9:. apmto,-]{0,24}|.*") {
            if let Ok(windows) = text.parse::<Windows>() {
                prop_assert_eq!(windows.to_string().parse(), Ok(windows));
            }
        }

        /// As the version before wrote them: one window, its end later than its start.
        #[test]
        fn what_was_stored_is_read(start in 0u32..1440, length in 1u32..1440) {
            let end = (start + length).min(1440);
            let text = format!("{:02}:{:02}-{:02}:{:02}", start / 60, start % 60, end / 60, end % 60);
            prop_assert_eq!(text.parse::<Windows>().map(|windows| windows.to_string()), Ok(text));
        }
    }
}
