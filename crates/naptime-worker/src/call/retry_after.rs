//! The pause that a target asks for (`Retry-After`): seconds, or a date in any of the three forms of RFC 9110.

use std::time::{Duration, UNIX_EPOCH};

use http::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use jiff::fmt::rfc2822::DateTimeParser;
use naptime_core::Time;

/// The pause that a target asks for, as far as its answer alone says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// So long from the answer on.
    For(Duration),
    /// Until a date, by the target's clock, of which the answer says nothing: it has no `Date`.
    Until(Time),
}

impl RetryAfter {
    /// Reads it off the headers of an answer. A date is taken relative to the answer's own where there is one, so that
    /// no two clocks are compared.
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let asked = text(headers, RETRY_AFTER)?;
        if !asked.is_empty() && asked.bytes().all(|byte| byte.is_ascii_digit()) {
            // What does not fit is longer than any limit.
            return Some(Self::For(Duration::from_secs(asked.parse().unwrap_or(u64::MAX))));
        }
        let until = date(asked)?;
        Some(match text(headers, DATE).and_then(date) {
            Some(answered) => Self::For(until.since(answered)),
            None => Self::Until(until),
        })
    }

    /// The pause, counted from `now` by the store's clock. A lower bound of that makes it longer, never shorter.
    pub fn pause(self, now: Time) -> Duration {
        match self {
            Self::For(pause) => pause,
            Self::Until(until) => until.since(now),
        }
    }
}

/// A date as HTTP has it, or as mail does, which some libraries write in its place (`-0000` for `GMT`).
fn date(text: &str) -> Option<Time> {
    // Any date that HTTP can write, up to the end of the year 9999, some hours of which are too late for a `Timestamp`.
    let http = httpdate::parse_http_date(text).ok().and_then(|date| date.duration_since(UNIX_EPOCH).ok());
    let millis = match http {
        Some(since) => i64::try_from(since.as_millis()).ok()?,
        None => DateTimeParser::new().parse_timestamp(text).ok()?.as_millisecond(),
    };
    Some(Time::from_millis(millis))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWERED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn read(asked: &str, answered: Option<&str>) -> Option<RetryAfter> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, asked.parse().unwrap());
        headers.extend(answered.map(|date| (DATE, date.parse().unwrap())));
        RetryAfter::read(&headers)
    }

    #[test]
    fn seconds_are_read() {
        let seconds = |seconds| Some(RetryAfter::For(Duration::from_secs(seconds)));
        assert_eq!(read("120", None), seconds(120));
        assert_eq!(read(" 0 ", Some(ANSWERED)), seconds(0));
        assert_eq!(read("99999999999999999999", None), seconds(u64::MAX), "longer than any limit");
        for unreadable in ["-1", "1.5", "soon", "", "+5"] {
            assert_eq!(read(unreadable, Some(ANSWERED)), None, "{unreadable:?}");
        }
        assert_eq!(RetryAfter::read(&HeaderMap::new()), None);
    }

    #[test]
    fn dates_of_all_forms_are_read_by_the_targets_clock() {
        let forms = [
            "Sun, 06 Nov 1994 08:50:07 GMT",
            "Sunday, 06-Nov-94 08:50:07 GMT",
            "Sun Nov  6 08:50:07 1994",
            "Sun, 06 Nov 1994 08:50:07 -0000",
            "Sun, 06 Nov 1994 09:50:07 +0100",
        ];
        for asked in forms {
            let half_a_minute = Some(RetryAfter::For(Duration::from_secs(30)));
            assert_eq!(read(asked, Some(ANSWERED)), half_a_minute, "{asked}");
            assert_eq!(read(asked, Some("Sunday, 06-Nov-94 08:49:37 GMT")), half_a_minute, "{asked}");
            assert_eq!(read(asked, Some("Sun, 06 Nov 1994 09:00:00 GMT")), Some(RetryAfter::For(Duration::ZERO)));
            // 784111807 is that second by `date -d`.
            assert_eq!(read(asked, None), Some(RetryAfter::Until(Time::from_millis(784_111_807_000))), "{asked}");
            assert_eq!(read(asked, Some("today")), read(asked, None), "{asked}");
        }
    }

    #[test]
    fn the_last_date_that_can_be_written_is_one() {
        let end = 253_402_300_799_000;
        assert_eq!(read("Fri, 31 Dec 9999 23:59:59 GMT", None), Some(RetryAfter::Until(Time::from_millis(end))));
    }

    #[test]
    fn a_date_without_another_is_taken_by_our_clock() {
        let until = RetryAfter::Until(Time::from_millis(90_000));
        assert_eq!(until.pause(Time::from_millis(60_000)), Duration::from_secs(30));
        assert_eq!(until.pause(Time::from_millis(100_000)), Duration::ZERO);
        assert_eq!(RetryAfter::For(Duration::from_secs(7)).pause(Time::from_millis(0)), Duration::from_secs(7));
    }
}
