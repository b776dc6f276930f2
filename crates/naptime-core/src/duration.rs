//! Durations as people write them: `10s`, `10 seconds`, `5m`, `1h 30m`; a bare number is milliseconds.

use std::time::Duration;

use crate::Invalid;

/// The shortest period unless `NAPTIME_MIN_PERIOD` allows shorter ones.
pub const MIN_PERIOD: Duration = Duration::from_secs(1);
/// The shortest period there can be, which `NAPTIME_MIN_PERIOD` may go down to.
pub const SHORTEST_PERIOD: Duration = Duration::from_millis(100);
/// The longest period.
pub const MAX_PERIOD: Duration = Duration::from_secs(366 * 24 * 3600);

/// Reads a duration.
///
/// # Errors
/// At `field` if it is no duration, is negative, or has a fraction.
pub fn parse(field: &'static str, text: &str) -> Result<Duration, Invalid> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Invalid::new(field, "empty", "a duration is missing; write it like 10s, 5m or 1h 30m"));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text
            .parse()
            .map(Duration::from_millis)
            .map_err(|_| Invalid::new(field, "out_of_range", "so many milliseconds are too long"));
    }
    // humantime reads `1.5s` too, but a fraction is more often a slip than meant.
    let read = if text.contains('.') { None } else { humantime::parse_duration(text).ok() };
    let duration = read.ok_or_else(|| {
        Invalid::new(
            field,
            "not_a_duration",
            format!("`{}` is not a duration; write it like 10s, 5m or 1h 30m", crate::request::excerpt(text, 40)),
        )
    })?;
    if duration.subsec_nanos() % 1_000_000 != 0 {
        return Err(Invalid::new(field, "out_of_range", "durations are counted in whole milliseconds"));
    }
    Ok(duration)
}

/// Reads a duration and holds it to the bounds, which are allowed themselves.
///
/// # Errors
/// At `field`, as [`parse`], or if it is out of bounds.
pub fn parse_within(field: &'static str, text: &str, min: Duration, max: Duration) -> Result<Duration, Invalid> {
    let duration = parse(field, text)?;
    if duration < min || duration > max {
        return Err(Invalid::new(
            field,
            "out_of_range",
            format!("{} is out of range; it may be from {} to {}", show(duration), show(min), show(max)),
        ));
    }
    Ok(duration)
}

/// Writes a duration the way [`parse`] reads it: `1h 30m`.
pub fn show(duration: Duration) -> String {
    // Whole days at most: `1month` is 30.44 days, which is not what a person means.
    let secs = duration.as_secs();
    let parts = [(secs / 86_400, "d"), (secs / 3600 % 24, "h"), (secs / 60 % 60, "m"), (secs % 60, "s")];
    let mut words: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    let millis = duration.subsec_millis();
    if millis > 0 || words.is_empty() {
        words.push(format!("{millis}ms"));
    }
    words.join(" ")
}

/// Durations in JSON, as the text of [`show`].
pub mod text {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes it as text.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::show(*duration))
    }

    /// Reads it from text.
    ///
    /// # Errors
    /// If it is no duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse("duration", &text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expect: Option<u64>) {
        let read = parse("every", text).ok();
        assert_eq!(read, expect.map(Duration::from_millis), "{text:?}");
    }

    #[test]
    fn reads_what_people_write() {
        check("10s", Some(10_000));
        check("10 seconds", Some(10_000));
        check("5m", Some(300_000));
        check("1h 30m", Some(5_400_000));
        check("7d", Some(7 * 86_400_000));
        check("1500", Some(1_500));
        check("100ms", Some(100));
        check("", None);
        check("-5s", None);
        check("1.5", None);
        check("1.5s", None);
        check("NaN", None);
        check("1e99", None);
        check("99999999999999999999", None);
        check("5us", None);
        check("five", None);
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_the_same(millis in 0u64..40_000_000_000) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse("every", &show(duration)), Ok(duration));
        }

        #[test]
        fn nothing_typed_panics(text in ".*") {
            let _ = parse("every", &text);
        }
    }
}
