//! Figures and times as people read them.

use std::time::Duration;

use maud::{Markup, html};
pub(crate) use naptime_core::figures::{count, counted};
use naptime_core::{Outcome, Time};

/// The first `max` characters of what somebody sent, for quoting in a message: control characters shown as escapes.
pub(crate) fn excerpt(text: &str, max: usize) -> String {
    let mut shown = String::new();
    for c in text.chars().take(max) {
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    if text.chars().nth(max).is_some() { shown + "…" } else { shown }
}

/// Whether a character does nothing but show: no control character, and none that turns the direction of the text around
/// it, or takes no room.
pub(crate) fn is_harmless(c: char) -> bool {
    let turns = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    !c.is_control() && !turns
}

/// A text of somebody else's in which nothing but line breaks and tabs does anything but show.
pub(crate) fn harmless(text: &str) -> String {
    let shown = |c| if matches!(c, '\n' | '\t') || is_harmless(c) { c } else { char::REPLACEMENT_CHARACTER };
    text.chars().map(shown).collect()
}

/// What an error says, as a sentence.
pub(crate) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(chars).chain(['.']).collect()
}

/// A share of a whole. 100 % and 0 % are said only where they are meant.
pub(crate) fn percent(share: f64) -> String {
    let percent = (share * 100.0).clamp(0.0, 100.0);
    let near_an_end = (percent > 99.0 && percent < 100.0) || (percent > 0.0 && percent < 1.0);
    if near_an_end { format!("{:.2} %", percent.clamp(0.01, 99.99)) } else { format!("{percent:.0} %") }
}

/// What still belongs to a pool: `it still has 2 endpoints and 1 one-off job`.
pub(crate) fn pool_in_use(endpoints: u64, once: u64) -> String {
    let parts = [(endpoints, "endpoint"), (once, "one-off job")];
    let parts: Vec<String> = parts.into_iter().filter(|(n, _)| *n > 0).map(|(n, of)| counted(n, of)).collect();
    format!("it still has {}", parts.join(" and "))
}

/// A measured time: `5 ms`, `1.2 s`, `3 min`.
pub(crate) fn millis(ms: u64) -> String {
    let with = |value: f64, unit: &str| {
        let text = format!("{value:.1}");
        format!("{} {unit}", text.strip_suffix(".0").unwrap_or(&text))
    };
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => with(ms as f64 / 1e3, "s"),
        60_000..3_600_000 => with(ms as f64 / 6e4, "min"),
        _ => with(ms as f64 / 3.6e6, "h"),
    }
}

/// A percentile of a histogram. What is above the last bound is only known to be above it.
pub(crate) fn bound(ms: Option<u64>) -> String {
    match ms {
        None => "–".to_owned(),
        Some(u64::MAX) => "over 1 h".to_owned(),
        Some(ms) => millis(ms),
    }
}

/// A measured duration.
pub(crate) fn took(duration: Duration) -> String {
    millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// How far apart two times are, in the one unit that says most: `12 s`, `3 min`, `5 h`, `2 days`.
fn distance(duration: Duration) -> String {
    let secs = duration.as_secs();
    match secs {
        0..120 => format!("{secs} s"),
        120..7_200 => format!("{} min", secs / 60),
        7_200..172_800 => format!("{} h", secs / 3600),
        _ => format!("{} days", secs / 86_400),
    }
}

/// A time as seen from `now`: `in 12 s`, `3 min ago`.
pub(crate) fn relative(now: Time, time: Time) -> String {
    let (ahead, behind) = (time.since(now), now.since(time));
    match (ahead.as_secs(), behind.as_secs()) {
        (0, 0) => "now".to_owned(),
        (0, _) => format!("{} ago", distance(behind)),
        _ => format!("in {}", distance(ahead)),
    }
}

/// A time to the millisecond: `2026-01-02 03:04:05.006 UTC`.
pub(crate) fn exact(time: Time) -> String {
    time.to_string().replacen('T', " ", 1).replace('Z', " UTC")
}

/// A time to the millisecond. The script writes it in the reader's zone.
pub(crate) fn precise(time: Time) -> Markup {
    html! { time.exact datetime=(time) title=(exact(time)) { (exact(time)) } }
}

/// A time as seen from `now`, with the exact time behind it.
pub(crate) fn time(now: Time, time: Time) -> Markup {
    html! { time datetime=(time) title=(exact(time)) { (relative(now, time)) } }
}

/// A time to the second, with the exact time behind it. The date is left out where it is today's.
pub(crate) fn clock(now: Time, time: Time) -> Markup {
    let text = time.to_string();
    let (date, rest) = text.split_once('T').unwrap_or((&text, ""));
    let today = now.to_string().starts_with(date);
    let at = rest.get(..8).unwrap_or(rest);
    html! {
        time.clock datetime=(time) title=(exact(time)) { @if !today { (date) " " } (at) }
    }
}

/// An outcome in words.
pub(crate) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Failed => "failed",
        Outcome::RedirectNotFollowed => "redirect not followed",
        Outcome::Timeout => "timeout",
        Outcome::ConnectionRefused => "connection refused",
        Outcome::ConnectionReset => "connection reset",
        Outcome::ConnectionFailed => "connection failed",
        Outcome::DnsNotFound => "name not found",
        Outcome::Tls => "TLS failed",
        Outcome::BlockedAddress => "blocked address",
        Outcome::InvalidResponse => "invalid response",
        Outcome::Interrupted => "interrupted",
        Outcome::Lost => "lost",
        Outcome::Skipped => "not called",
        Outcome::Unknown(name) => name,
    }
}

/// How bad an outcome is: the class that colours it.
pub(crate) fn tone(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "good",
        Outcome::Interrupted | Outcome::Lost | Outcome::Skipped | Outcome::Unknown(_) => "warn",
        _ => "bad",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!([0, 999, 1_000, 86_400, 1_234_567].map(count), ["0", "999", "1,000", "86,400", "1,234,567"]);
        assert_eq!([counted(1, "call"), counted(0, "call")], ["1 call", "0 calls"]);
        assert_eq!([0.0, 0.00001, 0.5, 0.999_999, 1.0].map(percent), ["0 %", "0.01 %", "50 %", "99.99 %", "100 %"]);
        assert_eq!([5, 1_000, 1_234, 90_000, 7_200_000].map(millis), ["5 ms", "1 s", "1.2 s", "1.5 min", "2 h"]);
        assert_eq!([None, Some(3), Some(u64::MAX)].map(bound), ["–", "3 ms", "over 1 h"]);
    }

    #[test]
    fn times_are_told_from_now() {
        let now = Time::from_millis(1_767_323_045_006);
        let check = |offset: i64, expect| assert_eq!(relative(now, Time::from_millis(now.millis() + offset)), expect);
        check(400, "now");
        check(5_000, "in 5 s");
        check(-90_000, "90 s ago");
        check(-3_600_000, "60 min ago");
        check(864_000_000, "in 10 days");
        assert_eq!(exact(now), "2026-01-02 03:04:05.006 UTC");
        assert!(clock(now, now).into_string().ends_with(">03:04:05</time>"));
    }
}
