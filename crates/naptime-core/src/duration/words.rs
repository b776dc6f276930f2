//! The grammar of durations: numbers with units (`1h 30m`), and words such as `every` and `hourly`.

use std::time::Duration;

use super::{forms, show};
use crate::request::excerpt;

/// Why a text is no duration: a code for programs, and a sentence.
pub(super) type Fault = (&'static str, String);

const MILLISECOND: u128 = 1_000_000;
const SECOND: u128 = 1_000 * MILLISECOND;
const MINUTE: u128 = 60 * SECOND;
const HOUR: u128 = 60 * MINUTE;
const DAY: u128 = 24 * HOUR;

/// The units in nanoseconds, each with its spellings, the shortest one first.
const UNITS: [(u128, &[&str]); 8] = [
    (7 * DAY, &["w", "wk", "wks", "week", "weeks"]),
    (DAY, &["d", "day", "days"]),
    (HOUR, &["h", "hr", "hrs", "hour", "hours"]),
    (MINUTE, &["m", "min", "mins", "minute", "minutes"]),
    (SECOND, &["s", "sec", "secs", "second", "seconds"]),
    (MILLISECOND, &["ms", "msec", "msecs", "milli", "millis", "millisecond", "milliseconds"]),
    (1_000, &["us", "µs", "μs", "usec", "usecs", "micros", "microsecond", "microseconds"]),
    (1, &["ns", "nsec", "nsecs", "nanos", "nanosecond", "nanoseconds"]),
];
/// Units that are longer at one time than at another.
const CALENDAR_UNITS: [&str; 10] = ["mo", "mos", "mth", "month", "months", "y", "yr", "yrs", "year", "years"];
/// Words for a period, with what they mean.
const PERIODS: [(&str, &str); 4] = [("minutely", "1m"), ("hourly", "1h"), ("daily", "1d"), ("weekly", "1w")];
/// Words for a period of months or years.
const CALENDAR_PERIODS: [&str; 4] = ["monthly", "quarterly", "yearly", "annually"];
/// What is said of durations that cannot be counted in milliseconds.
const TOO_LONG: &str = "is longer than any duration here; write a shorter one";
const TOO_FINE: &str = "is not a whole number of milliseconds; leave out what is shorter";
/// Words that may stand before a duration.
const PREFIXES: [&str; 3] = ["@every", "every", "in"];

/// Reads a duration. A number without a unit is refused, unless it is 0.
pub(super) fn read(text: &str) -> Result<Duration, Fault> {
    let text = text.trim();
    if text.is_empty() {
        return Err(("empty", "a duration is missing; write it like 10s, 5m or 1h 30m".to_owned()));
    }
    if let Some(positive) = text.strip_prefix(['-', '−']).map(str::trim_start).filter(|rest| !rest.is_empty()) {
        return Err(bad(format!("`{}` is negative; write {}", shown(text), shown(positive))));
    }
    if text.bytes().all(|byte| byte == b'0') {
        return Ok(Duration::ZERO);
    }
    let lower = text.to_lowercase();
    if let Some((_, meaning)) = PERIODS.iter().find(|(word, _)| *word == lower) {
        return read_parts(meaning);
    }
    if CALENDAR_PERIODS.contains(&lower.as_str()) {
        return Err(no_fixed_length(text));
    }
    match split_prefix(text) {
        Some((prefix, word)) if prefix != "in" && is_unit(word) => read_parts(&format!("1 {word}")),
        Some((_, rest)) => read_form(rest),
        None => read_form(text),
    }
}

/// A fault of a text that cannot be read.
pub(super) fn bad(detail: String) -> Fault {
    ("not_a_duration", detail)
}

/// The fault of a duration in months or years.
pub(super) fn no_fixed_length(text: &str) -> Fault {
    let detail = "months and years differ in length: write days, like 30d, or a cron pattern";
    bad(format!("`{}` has no fixed length, as {detail}", shown(text)))
}

/// What was typed, cut for a message.
pub(super) fn shown(text: &str) -> String {
    excerpt(text, 40)
}

/// Splits off a word that may stand before a duration.
fn split_prefix(text: &str) -> Option<(&'static str, &str)> {
    let (first, rest) = text.split_once(char::is_whitespace)?;
    let prefix = PREFIXES.into_iter().find(|prefix| prefix.eq_ignore_ascii_case(first))?;
    Some((prefix, rest.trim_start()))
}

fn read_form(text: &str) -> Result<Duration, Fault> {
    if forms::is_iso(text) {
        read_parts(&forms::iso(text)?)
    } else if text.contains(':') {
        read_parts(&forms::clock(text)?)
    } else {
        read_parts(text)
    }
}

/// A number and the word after it, which may be missing.
struct Part<'a> {
    number: &'a str,
    unit: &'a str,
}

impl Part<'_> {
    /// How long it is in nanoseconds.
    fn length(&self, unit: u128) -> Result<u128, &'static str> {
        let (whole, decimals) = self.number.split_once('.').unwrap_or((self.number, ""));
        let whole = if whole.is_empty() { Ok(0) } else { whole.parse::<u128>() };
        let whole = whole.ok().and_then(|whole| whole.checked_mul(unit)).ok_or(TOO_LONG)?;
        let decimals = decimals.trim_end_matches('0');
        if decimals.is_empty() {
            return Ok(whole);
        }
        // A week has fewer than 10^18 nanoseconds, so further digits cannot add up to whole ones.
        let places = u32::try_from(decimals.len()).ok().filter(|places| *places <= 18).ok_or(TOO_FINE)?;
        let part = decimals.parse::<u128>().map_err(|_| TOO_FINE)? * unit;
        let scale = 10_u128.pow(places);
        if part.is_multiple_of(scale) { whole.checked_add(part / scale).ok_or(TOO_LONG) } else { Err(TOO_FINE) }
    }
}

/// Reads numbers with units: `1h 30m`, `1.5 hours`, `1 hour, 30 minutes`.
fn read_parts(text: &str) -> Result<Duration, Fault> {
    let parts = split_parts(text)?;
    // `M` is months to some and minutes to others. Beside hours or seconds it can only be minutes.
    let is_clear = parts.iter().any(|part| matches!(unit(part.unit), Some(SECOND | HOUR)));
    let uncountable = |why| ("out_of_range", format!("`{}` {why}", shown(text)));
    let (mut nanos, mut seen, mut doubled) = (0_u128, Vec::new(), None);
    for part in &parts {
        let number = shown(part.number);
        if part.unit == "M" && !is_clear {
            let detail = format!("could be minutes or months: write {number}m, {number} min, or a cron pattern");
            return Err(("ambiguous", format!("`{number}M` {detail}")));
        }
        let Some(unit) = unit(part.unit) else { return Err(no_unit(text, part, parts.len() == 1)) };
        if seen.contains(&unit) {
            doubled = Some(part.unit);
        }
        seen.push(unit);
        nanos = part.length(unit).and_then(|length| nanos.checked_add(length).ok_or(TOO_LONG)).map_err(uncountable)?;
    }
    if !nanos.is_multiple_of(MILLISECOND) {
        return Err(uncountable(TOO_FINE));
    }
    let sum = u64::try_from(nanos / MILLISECOND).map(Duration::from_millis).map_err(|_| uncountable(TOO_LONG))?;
    match doubled {
        Some(unit) => {
            Err(bad(format!("`{}` names the unit `{unit}` twice; write {} for the sum", shown(text), show(sum))))
        }
        None => Ok(sum),
    }
}

/// The fault of a number that no known unit follows.
fn no_unit(text: &str, part: &Part<'_>, alone: bool) -> Fault {
    let (number, unit, text) = (shown(part.number), shown(part.unit), shown(text));
    if alone && unit.is_empty() {
        return bare(&number);
    }
    if unit.is_empty() {
        let detail = format!("`{number}` in `{text}` has no unit: write {number}m, {number}s or what it is");
        return ("ambiguous", detail);
    }
    if is_calendar_unit(part.unit) {
        return no_fixed_length(&text);
    }
    bad(format!("`{unit}` in `{text}` is not a unit; write ms, s, m, h, d or w"))
}

/// The fault of a number without a unit.
fn bare(number: &str) -> Fault {
    ("ambiguous", format!("`{number}` could be seconds or milliseconds: write {number}s or {number}ms"))
}

/// Cuts a text into numbers and units, with blanks, `,`, `+`, `&` or `and` between them.
fn split_parts(text: &str) -> Result<Vec<Part<'_>>, Fault> {
    let mut parts = Vec::new();
    let mut rest = text.strip_prefix('+').unwrap_or(text).trim_start();
    loop {
        let (number, after) = split_number(rest);
        if number.is_empty() {
            return Err(unreadable(text, rest, parts.is_empty()));
        }
        if after.strip_prefix(',').is_some_and(|after| after.starts_with(is_digit)) {
            let detail = "has a comma within a number: write a decimal point, or no comma";
            return Err(("ambiguous", format!("`{}` {detail}", shown(text))));
        }
        let (unit, after) = split_word(after.trim_start());
        parts.push(Part { number, unit });
        let after = match after.strip_prefix('.') {
            // `5m.30s` could be 30 s or 0.3 s.
            Some(next) if next.starts_with(is_digit) => return Err(unreadable(text, after, false)),
            // The dot of an abbreviation, as in `5 min.`
            Some(next) if !unit.is_empty() => next,
            _ => after,
        };
        let next = skip_separator(after);
        if next.is_empty() {
            // What was skipped may have been a separator with nothing after it.
            let is_end = after.trim_start().is_empty();
            return if is_end { Ok(parts) } else { Err(unreadable(text, after, false)) };
        }
        rest = next;
    }
}

/// Why what stands in the place of a number is none.
fn unreadable(text: &str, part: &str, is_first: bool) -> Fault {
    if is_first && is_unit(part) {
        return bad(format!("`{0}` has no number; write 1 {0}", shown(part)));
    }
    if is_first && is_calendar_unit(part) {
        return no_fixed_length(text);
    }
    let told = if is_first { "is not a duration" } else { "cannot be read" };
    let of = if is_first { String::new() } else { format!("`{}` in ", shown(part.trim())) };
    bad(format!("{of}`{}` {told}; write it like 10s, 5m or 1h 30m", shown(text)))
}

/// Splits off a number, which may have decimals or be decimals only; empty if there is none.
fn split_number(text: &str) -> (&str, &str) {
    let digits = |text: &str| text.find(|c| !is_digit(c)).unwrap_or(text.len());
    let whole = digits(text);
    let decimals = text[whole..].strip_prefix('.').map_or(0, digits);
    text.split_at(if decimals == 0 { whole } else { whole + 1 + decimals })
}

fn split_word(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len()))
}

/// What follows a separator, or the text if it does not begin with one.
fn skip_separator(text: &str) -> &str {
    let text = text.trim_start();
    let text = text.strip_prefix([',', '+', '&']).unwrap_or(text).trim_start();
    match split_word(text) {
        (word, after) if word.eq_ignore_ascii_case("and") => after.trim_start(),
        _ => text,
    }
}

/// The nanoseconds of a unit.
fn unit(word: &str) -> Option<u128> {
    let lower = word.to_lowercase();
    UNITS.iter().find(|(_, names)| names.contains(&lower.as_str())).map(|(nanos, _)| *nanos)
}

fn is_calendar_unit(word: &str) -> bool {
    CALENDAR_UNITS.contains(&word.to_lowercase().as_str())
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

fn is_unit(word: &str) -> bool {
    unit(word).is_some()
}
