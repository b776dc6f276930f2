//! A moment, in milliseconds.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use utoipa::ToSchema;

use crate::text::as_text;

/// A moment in UTC, counted in whole milliseconds since 1970, which is what MongoDB's dates hold.
///
/// Reads and writes as RFC 3339 with milliseconds: `2026-01-02T03:04:05.006Z`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, format = DateTime, description = "A moment: RFC 3339 in UTC, with milliseconds.")]
pub struct Time(i64);

impl Time {
    /// The moment `millis` milliseconds after 1970-01-01T00:00:00Z.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The time from `earlier` to this moment; zero if `earlier` is in fact later.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The start of the `step` (counted from 1970) that holds this moment.
    pub fn floor(self, step: Duration) -> Time {
        let step = millis(step).max(1);
        Time(self.0 - self.0.rem_euclid(step))
    }
}

/// Whole milliseconds of a duration, as the signed number that times are counted in.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl From<Timestamp> for Time {
    /// What is shorter than a millisecond is cut off.
    fn from(timestamp: Timestamp) -> Self {
        Self(timestamp.as_millisecond())
    }
}

impl Add<Duration> for Time {
    type Output = Time;
    fn add(self, duration: Duration) -> Time {
        Time(self.0.saturating_add(millis(duration)))
    }
}

impl Sub<Duration> for Time {
    type Output = Time;
    fn sub(self, duration: Duration) -> Time {
        Time(self.0.saturating_sub(millis(duration)))
    }
}

impl Time {
    /// For people: `2026-11-30 14:03:05 UTC`.
    pub fn in_utc(self) -> String {
        let text = self.to_string();
        let (date, time) = text.split_once('T').unwrap_or((&text, ""));
        format!("{date} {} UTC", time.split('.').next().unwrap_or_default())
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Outside the years -9999 to 9999 there is no RFC 3339 form.
        match Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Time {
    type Err = jiff::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<Timestamp>().map(Self::from)
    }
}

as_text!(Time);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_rfc_3339_with_milliseconds() {
        let time = Time::from_millis(1_767_323_045_006);
        assert_eq!(time.to_string(), "2026-01-02T03:04:05.006Z");
        assert_eq!(time.to_string().parse::<Time>().ok(), Some(time));
        assert_eq!(Time::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn since_is_never_negative() {
        assert_eq!(Time::from_millis(5).since(Time::from_millis(9)), Duration::ZERO);
        assert_eq!(Time::from_millis(9).since(Time::from_millis(5)), Duration::from_millis(4));
    }
}
