//! Durations in forms of their own, `00:05:00` and `PT1H30M`, written out as numbers with units.

use super::words::{Fault, bad, no_fixed_length, shown};

/// Hours, minutes and seconds: `00:05:00` is `00h 05m 00s`.
pub(super) fn clock(text: &str) -> Result<String, Fault> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let of_sixty = |text: &str| text.len() == 2 && digits(text) && text < "60";
    match text.split(':').collect::<Vec<_>>()[..] {
        [hours, minutes] if digits(hours) && of_sixty(minutes) => {
            let (first, second) = (shown(hours), minutes);
            let told = "could be hours and minutes or minutes and seconds";
            let detail = format!("`{}` {told}: write {first}h {second}m or {first}m {second}s", shown(text));
            Err(("ambiguous", detail))
        }
        [hours, minutes, seconds] if digits(hours) && of_sixty(minutes) => {
            let (whole, decimals) = seconds.split_once('.').unwrap_or((seconds, "0"));
            if of_sixty(whole) && digits(decimals) {
                Ok(format!("{hours}h {minutes}m {seconds}s"))
            } else {
                not_clock(text)
            }
        }
        _ => not_clock(text),
    }
}

fn not_clock(text: &str) -> Result<String, Fault> {
    let detail = "is not hours, minutes and seconds; write it like 00:05:00, or 5m";
    Err(bad(format!("`{}` {detail}", shown(text))))
}

/// Whether a text begins as durations of ISO 8601 do.
pub(super) fn is_iso(text: &str) -> bool {
    let mut chars = text.chars().map(|c| c.to_ascii_uppercase());
    chars.next() == Some('P') && chars.next().is_some_and(|c| c == 'T' || c.is_ascii_digit())
}

/// ISO 8601: `PT1H30M` is `1h 30m`. Years and months are refused unless there are none of them, as in `P0Y0M0DT5M`.
pub(super) fn iso(text: &str) -> Result<String, Fault> {
    let not = || bad(format!("`{}` is not a duration of ISO 8601; write it like PT1H30M, or 1h 30m", shown(text)));
    // Numbers may have a decimal comma there.
    let upper = text.to_ascii_uppercase().replace(',', ".");
    let dated = upper.strip_prefix('P').ok_or_else(not)?;
    let (date, time) = dated.split_once('T').unwrap_or((dated, ""));
    if upper.ends_with('T') {
        return Err(not());
    }
    let mut parts = Vec::new();
    for (half, units) in [(date, "YMWD"), (time, "HMS")] {
        let mut rest = half;
        while !rest.is_empty() {
            let end = rest.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(not)?;
            let (number, unit) = (&rest[..end], &rest[end..=end]);
            let is_number = number.starts_with(|c: char| c.is_ascii_digit())
                && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            if !is_number || !units.contains(unit) {
                return Err(not());
            }
            let is_calendar = units == "YMWD" && matches!(unit, "Y" | "M");
            if !is_calendar {
                parts.push(format!("{number}{}", unit.to_ascii_lowercase()));
            } else if number.bytes().any(|byte| matches!(byte, b'1'..=b'9')) {
                return Err(no_fixed_length(text));
            }
            rest = &rest[end + 1..];
        }
    }
    Ok(if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") })
}
