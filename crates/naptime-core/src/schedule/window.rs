//! One window: a part of the day, `09:00-17:00`.

use std::fmt;
use std::time::Duration;

use crate::Invalid;
use crate::request::excerpt;

/// A part of the day, by the clock of a time zone. It includes its start and not its end.
///
/// It may pass midnight, and belongs to the day on which it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// In minutes since midnight, below [`DAY`].
    start: u16,
    /// In minutes since the same midnight: above [`DAY`] if it passes the next one.
    end: u16,
}

/// Minutes of a day.
pub(super) const DAY: u16 = 24 * 60;

impl Window {
    /// The whole day.
    pub(super) const DAY: Self = Self { start: 0, end: DAY };

    /// Reads an item of a list, as [`super::list::items`] makes it.
    pub(super) fn read(item: &str) -> Result<Self, Invalid> {
        let shown = excerpt(item, 40);
        let fault = |code, detail| Invalid::new("window", code, detail);
        let Some((from, to)) = item.split_once('-').filter(|(from, to)| !from.is_empty() && !to.is_empty()) else {
            let detail = format!("`{shown}` is not a part of the day; write it like 09:00-17:00, 9-17 or 9am-5pm");
            return Err(fault("not_a_window", detail));
        };
        let read = |text: &str| {
            TimeOfDay::read(text).ok_or_else(|| {
                let text = excerpt(text, 40);
                fault("not_a_window", format!("`{text}` is not a time of day; write it like 09:00, 9 or 9am"))
            })
        };
        let (start, end) = (read(from)?, read(to)?);
        if start.has_half != end.has_half {
            let detail = format!("`{shown}` has am or pm at one time only; write 9am-5pm or 09:00-17:00");
            return Err(fault("ambiguous", detail));
        }
        if start.minutes == DAY {
            return Err(fault("not_a_window", format!("`{shown}` starts when the day is over; write 00:00 for 24:00")));
        }
        if start.minutes == end.minutes % DAY && !(start.minutes == 0 && end.minutes == DAY) {
            let detail = format!("`{shown}` has no length; write 00:00-24:00 for the whole day");
            return Err(fault("no_length", detail));
        }
        if let Some(detail) = ambiguity(start, end) {
            return Err(fault("ambiguous", format!("`{shown}` may mean two things; {detail}")));
        }
        let end = if end.minutes <= start.minutes { end.minutes + DAY } else { end.minutes };
        Ok(Self { start: start.minutes, end })
    }

    /// Minutes since midnight of the day to which it belongs, the end above 1440 if it passes the next midnight.
    pub(super) fn minutes(self) -> (u16, u16) {
        (self.start, self.end)
    }

    /// How long it is on a day without a change of the clock.
    pub(super) fn length(self) -> Duration {
        Duration::from_secs(60 * u64::from(self.end - self.start))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.start;
        let end = if self.end > DAY { self.end - DAY } else { self.end };
        write!(f, "{:02}:{:02}-{:02}:{:02}", start / 60, start % 60, end / 60, end % 60)
    }
}

/// A time of day, and how it was written.
#[derive(Clone, Copy)]
struct TimeOfDay {
    /// Since midnight: up to [`DAY`].
    minutes: u16,
    /// Whether it said am or pm.
    has_half: bool,
    /// Whether it was an hour and nothing else.
    is_bare: bool,
}

impl TimeOfDay {
    /// `09:30`, `9.30`, `9`, `9am`, `9:30 p.m.`.
    fn read(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase().replace("a.m.", "am").replace("p.m.", "pm");
        let half =
            [("am", 0), ("pm", 12)].into_iter().find_map(|(name, hours)| Some((text.strip_suffix(name)?, hours)));
        let digits = half.map_or(text.as_str(), |(digits, _)| digits.trim_end());
        let (hour, minute) = match digits.split_once([':', '.']) {
            Some((hour, minute)) if minute.len() == 2 => (number(hour)?, Some(number(minute)?)),
            Some(_) => return None,
            None => (number(digits)?, None),
        };
        let hour = match half {
            Some((_, hours)) => (1..=12).contains(&hour).then_some(hour % 12 + hours)?,
            None => hour,
        };
        let minutes = hour * 60 + minute.unwrap_or(0);
        let is_a_time = minute.is_none_or(|minute| minute < 60) && minutes <= DAY;
        is_a_time.then_some(Self { minutes, has_half: half.is_some(), is_bare: half.is_none() && minute.is_none() })
    }
}

/// A number of one or two digits.
fn number(text: &str) -> Option<u16> {
    let digits = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// What to write in place of bare hours like `9-5`, which is rather nine to five than a window over midnight.
fn ambiguity(start: TimeOfDay, end: TimeOfDay) -> Option<String> {
    let noon = DAY / 2;
    let twelve_hours = start.is_bare && end.is_bare && start.minutes <= noon && end.minutes > 0;
    (twelve_hours && end.minutes < start.minutes).then(|| {
        let (start, end) = (start.minutes / 60, end.minutes / 60);
        let half = if start == 12 { "pm" } else { "am" };
        format!("write {start}-{}, {start}{half}-{end}pm or {start:02}:00-{end:02}:00", end + 12)
    })
}
