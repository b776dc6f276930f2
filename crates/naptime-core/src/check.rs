//! What a look at an installation finds, in words: `naptime doctor`.
//!
//! Problems are of what is called. Checks are of what it is called with: the database, its disk, the workers, the zones.

mod fleet;

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

pub use fleet::{versions, workers, zones};

/// From here on a disk is nearly full: so little is free of it, or this share of it.
const LITTLE_FREE_BYTES: u64 = 1 << 30;
const LITTLE_FREE_SHARE: f64 = 0.05;
/// With less than this, the next checkpoint or log may not fit.
const NO_ROOM_BYTES: u64 = 100 << 20;

/// Something that was looked at, and what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Check {
    /// What was looked at: `disk`.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub state: CheckState,
    /// What was found, as a sentence without a full stop.
    pub text: String,
    /// What may be done about it.
    pub remedy: Option<String>,
}

/// Whether something is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// It is.
    Ok,
    /// It works, and somebody should know of it.
    Warn,
    /// It keeps Naptime from working as it should.
    Bad,
}

impl Check {
    /// It is as it should be.
    pub fn ok(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, state: CheckState::Ok, text: text.into(), remedy: None }
    }

    /// It works, and somebody should know of it.
    pub fn warn(name: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, state: CheckState::Warn, text: text.into(), remedy: Some(remedy.into()) }
    }

    /// It keeps Naptime from working as it should.
    pub fn bad(name: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, state: CheckState::Bad, text: text.into(), remedy: Some(remedy.into()) }
    }

    /// It could not be looked at, which may be a right that nothing else needs.
    pub fn unknown(name: &'static str, what: &str, why: impl std::fmt::Display) -> Self {
        Self { name, state: CheckState::Warn, text: format!("{what} cannot be told: {why}"), remedy: None }
    }
}

/// How long something takes, on the median of several times: slow from `slow` on.
pub fn pace(name: &'static str, what: &str, mut times: Vec<Duration>, slow: Duration, remedy: &str) -> Check {
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    let text = format!("{what} takes {:.1} ms", median.as_secs_f64() * 1000.0);
    if median < slow { Check::ok(name, text) } else { Check::warn(name, text, remedy) }
}

/// How much is free of the disk that `whose` names.
pub fn disk(whose: &str, free: u64, total: u64) -> Check {
    let text = format!("{} of the {} of {whose} are free", bytes(free), bytes(total));
    let remedy = "make room: once it is full, nothing is called";
    if free < NO_ROOM_BYTES {
        Check::bad("disk", text, remedy)
    } else if free < LITTLE_FREE_BYTES || (free as f64) < total as f64 * LITTLE_FREE_SHARE {
        Check::warn("disk", text, remedy)
    } else {
        Check::ok("disk", text)
    }
}

/// A number of bytes as people read it: `1.5 GiB`.
pub fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_judged_by_what_is_free() {
        let check = |free: u64, total: u64, expect| assert_eq!(disk("the disk", free, total).state, expect, "{free}");
        let gib = 1 << 30;
        check(50 * gib, 100 * gib, CheckState::Ok);
        check(4 * gib, 100 * gib, CheckState::Warn);
        check(gib / 2, 4 * gib, CheckState::Warn);
        check(50 << 20, 100 * gib, CheckState::Bad);
        assert_eq!(disk("the disk", 3 * gib / 2, 2 * gib).text, "1.5 GiB of the 2.0 GiB of the disk are free");
    }

    #[test]
    fn the_median_counts() {
        let times = |ms: [u64; 5]| ms.map(Duration::from_millis).to_vec();
        let check = |ms| pace("ping", "a ping", times(ms), Duration::from_millis(10), "move");
        assert_eq!(check([1, 900, 2, 3, 900]), Check::ok("ping", "a ping takes 3.0 ms"));
        assert_eq!(check([1, 900, 2, 900, 900]).state, CheckState::Warn);
    }

    #[test]
    fn sizes_are_told_in_their_unit() {
        let sizes = [0, 1023, 1024, 1536 << 10, 5 << 40].map(bytes);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "1.5 MiB", "5.0 TiB"]);
    }
}
