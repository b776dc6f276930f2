//! Durations as people write them: `10s`, `5 minutes`, `1h 30m`, `1.5 hours`, `00:05:00`, `PT5M`.
//!
//! What could mean two things is refused, with what to write instead. A number without a unit is seconds to some and
//! milliseconds to others, so what it is depends on where it stands:
//!
//! | where | a bare number is | read by |
//! |---|---|---|
//! | text: forms, flags, files, JSON strings | refused, but for 0 | [`parse`] |
//! | a number in JSON | milliseconds, unless it looks like seconds | [`from_millis_number`] |
//! | the header `Naptime-Every`, rows that are imported | seconds, as in `Retry-After` | [`parse_seconds`] |
//! | settings of the environment | milliseconds | [`parse_setting`] |

use std::time::Duration;

use crate::Invalid;
use crate::request::excerpt;

mod forms;
#[cfg(test)]
mod tests;
mod words;

/// The shortest period unless `NAPTIME_MIN_PERIOD` allows shorter ones.
pub const MIN_PERIOD: Duration = Duration::from_secs(1);
/// The shortest period there can be, which `NAPTIME_MIN_PERIOD` may go down to.
pub const SHORTEST_PERIOD: Duration = Duration::from_millis(100);
/// The longest period.
pub const MAX_PERIOD: Duration = Duration::from_secs(366 * 24 * 3600);

/// Reads a duration that somebody typed or sent as text.
///
/// # Errors
/// At `field`: `empty`, `not_a_duration`, `ambiguous` if it could mean two things, or `out_of_range` if it is too long to
/// be counted or no whole number of milliseconds.
pub fn parse(field: &'static str, text: &str) -> Result<Duration, Invalid> {
    words::read(text).map_err(|(code, detail)| {
        // Nothing but a period can be a pattern instead.
        let is_period = matches!(field, "every" | "random");
        let detail = if is_period { detail } else { detail.replace(", or a cron pattern", "") };
        Invalid::new(field, code, detail)
    })
}

/// Reads a duration and holds it to the bounds, which are allowed themselves.
///
/// # Errors
/// At `field`, as [`parse`], or if it is out of bounds.
pub fn parse_within(field: &'static str, text: &str, min: Duration, max: Duration) -> Result<Duration, Invalid> {
    parse(field, text).and_then(|duration| check_within(field, duration, min, max))
}

/// Holds a duration to the bounds, which are allowed themselves.
///
/// # Errors
/// At `field`, `out_of_range`.
pub fn check_within(
    field: &'static str,
    duration: Duration,
    min: Duration,
    max: Duration,
) -> Result<Duration, Invalid> {
    if duration < min || duration > max {
        let (shown, min, max) = (show(duration), show(min), show(max));
        let detail = format!("{shown} is out of range; it may be from {min} to {max}");
        return Err(Invalid::new(field, "out_of_range", detail));
    }
    Ok(duration)
}

/// Reads a setting of the environment, where a bare number is milliseconds, and holds it to the bounds.
///
/// # Errors
/// As [`parse_within`].
pub fn parse_setting(field: &'static str, text: &str, min: Duration, max: Duration) -> Result<Duration, Invalid> {
    let duration = parse_with_unit(field, text, "ms")?;
    check_within(field, duration, min, max)
}

/// Reads a text of another program, in which a bare number is seconds.
///
/// # Errors
/// As [`parse`].
pub fn parse_seconds(field: &'static str, text: &str) -> Result<Duration, Invalid> {
    parse_with_unit(field, text, "s")
}

/// Reads a number as it is written in JSON, which is milliseconds.
///
/// Many programs count in seconds. So a number is refused if it is below 1,000, unless `min_period` allows periods below a
/// second, or if it is no multiple of 1,000.
///
/// # Errors
/// At `field`: `not_a_duration` if it is no whole number, `ambiguous` if it looks like seconds, or `out_of_range` if it is
/// too long to be counted.
pub fn from_millis_number(field: &'static str, number: &str, min_period: Duration) -> Result<Duration, Invalid> {
    let Some(digits) = whole(number) else {
        let shown = excerpt(number, 40);
        let detail = format!("{shown} is not a whole number of milliseconds; write a text like \"5m\"");
        return Err(Invalid::new(field, "not_a_duration", detail));
    };
    let Ok(millis) = digits.parse::<u64>() else { return parse(field, &format!("{digits}ms")) };
    let duration = Duration::from_millis(millis);
    let is_short_on_purpose = millis < 1_000 && min_period < Duration::from_secs(1);
    if millis.is_multiple_of(1_000) || is_short_on_purpose {
        return Ok(duration);
    }
    let (seconds, decimals) = (millis / 1_000, format!("{:03}", millis % 1_000));
    let (decimals, as_seconds) = (decimals.trim_end_matches('0'), show(Duration::from_secs(millis)));
    let detail = format!(
        "{millis} is {seconds}.{decimals} s; write \"{as_seconds}\" or {millis}000, or \"{}\" if that is meant",
        show(duration)
    );
    Err(Invalid::new(field, "ambiguous", detail))
}

/// Writes a duration the way [`parse`] reads it: `1h 30m`.
pub fn show(duration: Duration) -> String {
    // Weeks are written as days, which is what the bounds are told in.
    let secs = duration.as_secs();
    let parts = [(secs / 86_400, "d"), (secs / 3600 % 24, "h"), (secs / 60 % 60, "m"), (secs % 60, "s")];
    let mut words: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    let millis = duration.subsec_millis();
    if millis > 0 || words.is_empty() {
        words.push(format!("{millis}ms"));
    }
    words.join(" ")
}

/// The digits of a number of JSON if it is whole, as `1e3` and `1000.0` are.
fn whole(number: &str) -> Option<String> {
    if is_digits(number) {
        return Some(number.to_owned());
    }
    let digits = number.parse::<f64>().ok().filter(|number| number.fract() == 0.0)?.to_string();
    is_digits(&digits).then_some(digits)
}

/// Reads a text in which a bare number has this unit.
fn parse_with_unit(field: &'static str, text: &str, unit: &str) -> Result<Duration, Invalid> {
    let text = text.trim();
    if is_digits(text) { parse(field, &format!("{text}{unit}")) } else { parse(field, text) }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A duration that may be left out, as it is stored.
pub mod optional_text {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes it as text.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::text::serialize(duration, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads it from text.
    ///
    /// # Errors
    /// If it is not what [`show`](super::show) writes.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        #[derive(Deserialize)]
        #[serde(transparent)]
        struct Text(#[serde(with = "super::text")] Duration);
        Ok(Option::<Text>::deserialize(deserializer)?.map(|Text(duration)| duration))
    }
}

/// Stored durations, as the text of [`show`]. What is stored stays readable whatever the rules for input become.
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
    /// If it is not what [`show`](super::show) writes.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        read(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not a stored duration")))
    }

    /// Adds up the parts of `1d 2h 3m 4s 5ms`.
    fn read(text: &str) -> Option<Duration> {
        let millis = |part: &str| {
            let (number, unit) = part.split_at(part.find(|c: char| !c.is_ascii_digit())?);
            let of_unit = match unit {
                "ms" => 1,
                "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                _ => return None,
            };
            number.parse::<u64>().ok()?.checked_mul(of_unit)
        };
        let sum = |sum: u64, part: &str| sum.checked_add(millis(part)?);
        let mut parts = text.split_whitespace().peekable();
        parts.peek()?;
        parts.try_fold(0, sum).map(Duration::from_millis)
    }
}
