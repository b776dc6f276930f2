//! Whether and when a failed call is tried again.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::text::as_text;
use crate::{Invalid, Outcome, Statuses, Token};

/// How often one occurrence is tried, and how far apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// The most attempts at one occurrence, the first included. Claims that were lost count.
    pub attempts: u32,
    /// The pause after the first attempt. It doubles with each further one.
    #[serde(with = "crate::duration::text")]
    pub backoff: Duration,
    /// The failures after which it is tried again.
    #[serde(default)]
    pub on: Temporary,
}

/// The failures that are taken for temporary.
///
/// Calls that were interrupted or lost by us always are: that says nothing of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Temporary {
    /// The statuses that say so.
    pub statuses: Statuses,
    /// Whether an answer that did not come in time is.
    pub timeout: bool,
    /// Whether a connection that could not be made is: nothing of the request was sent.
    pub unreachable: bool,
    /// Whether a connection that could not be made, or was cut, is.
    pub connection: bool,
}

/// The most attempts that may be asked for.
pub const MAX_ATTEMPTS: u32 = 20;
/// The longest pause between two attempts.
pub const MAX_BACKOFF: Duration = Duration::from_secs(3600);
/// The shortest pause that may be asked for.
pub const MIN_BACKOFF: Duration = Duration::from_millis(100);

impl Default for Retry {
    /// Of a recurring job: three attempts, for the next occurrence is an attempt of its own.
    fn default() -> Self {
        Self { attempts: 3, backoff: Duration::from_secs(2), on: Temporary::default() }
    }
}

impl Default for Temporary {
    /// 429, 503, timeouts, and connections that failed.
    fn default() -> Self {
        Self { statuses: Statuses::of(&[429, 503]), timeout: true, unreachable: false, connection: true }
    }
}

impl Retry {
    /// Of a one-off job: up to five retries, after 503, timeouts, and connections that could not be made.
    pub fn once() -> Self {
        let on = Temporary { statuses: Statuses::of(&[503]), timeout: true, unreachable: true, connection: false };
        Self { attempts: 6, on, ..Self::default() }
    }

    /// Checks the values.
    ///
    /// # Errors
    /// At `retry`, if they are out of range.
    pub fn new(attempts: u32, backoff: Duration) -> Result<Self, Invalid> {
        if attempts == 0 || attempts > MAX_ATTEMPTS {
            return Err(Invalid::new("retry", "out_of_range", "the attempts may be from 1 to 20"));
        }
        if backoff < MIN_BACKOFF || backoff > MAX_BACKOFF {
            return Err(Invalid::new("retry", "out_of_range", "the backoff may be from 100ms to 1h"));
        }
        Ok(Self { attempts, backoff, on: Temporary::default() })
    }

    /// The same, but after these failures.
    #[must_use]
    pub fn on(self, on: Temporary) -> Self {
        Self { on, ..self }
    }

    /// Whether a call is repeated though its connection was cut after it was sent, so that its target may have acted
    /// on it.
    pub fn repeats_cut_calls(&self) -> bool {
        self.attempts > 1 && self.on.connection
    }

    /// The pause after attempt number `attempt` (the first is 1): exponential, with up to a quarter of jitter that
    /// `token` decides, so that many jobs failing together do not come back together. A target's `asked` pause
    /// (`Retry-After`) is honoured where it is longer, up to [`MAX_BACKOFF`].
    pub fn pause(&self, attempt: u32, token: Token, asked: Option<Duration>) -> Duration {
        let doubled = self.backoff.saturating_mul(1u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX));
        let jitter = f64::from(u32::try_from(token.hash() % 1000).unwrap_or(0)) / 4000.0;
        let pause = doubled.min(MAX_BACKOFF).mul_f64(1.0 + jitter);
        pause.max(asked.unwrap_or_default()).min(MAX_BACKOFF)
    }
}

impl Temporary {
    /// Whether a run that ended so may do better another time.
    pub fn covers(&self, outcome: Outcome, status: Option<u16>) -> bool {
        match outcome {
            Outcome::Failed | Outcome::RedirectNotFollowed => {
                status.is_some_and(|status| self.statuses.contains(status))
            }
            Outcome::Timeout => self.timeout,
            Outcome::ConnectionRefused | Outcome::ConnectionFailed | Outcome::DnsNotFound | Outcome::Tls => {
                self.unreachable || self.connection
            }
            Outcome::ConnectionReset => self.connection,
            Outcome::Interrupted | Outcome::Lost => true,
            Outcome::Ok
            | Outcome::BlockedAddress
            | Outcome::InvalidResponse
            | Outcome::Skipped
            | Outcome::Unknown(_) => false,
        }
    }
}

impl FromStr for Temporary {
    type Err = Invalid;

    /// Reads `503, timeout, connection`: statuses and ranges of them, and the words `timeout`, `unreachable` and
    /// `connection`. `none` is none of them.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let mut on = Self { statuses: Statuses::of(&[]), timeout: false, unreachable: false, connection: false };
        if text.trim() == "none" {
            return Ok(on);
        }
        let mut statuses = Vec::new();
        for part in text.split(',').map(str::trim) {
            match part {
                "timeout" => on.timeout = true,
                "unreachable" => on.unreachable = true,
                "connection" => on.connection = true,
                status => statuses.push(status),
            }
        }
        if !statuses.is_empty() {
            on.statuses = statuses.join(",").parse().map_err(|fault: Invalid| {
                let detail = format!(
                    "{}; besides these there are `timeout`, `unreachable`, `connection` and `none`",
                    fault.detail
                );
                Invalid::new("retry", fault.code, detail)
            })?;
        }
        Ok(on)
    }
}

impl fmt::Display for Temporary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statuses = Some(self.statuses.to_string()).filter(|statuses| !statuses.is_empty());
        let words = [(self.timeout, "timeout"), (self.unreachable, "unreachable"), (self.connection, "connection")];
        let words = words.into_iter().filter(|(on, _)| *on).map(|(_, word)| word.to_owned());
        let parts: Vec<String> = statuses.into_iter().chain(words).collect();
        f.write_str(if parts.is_empty() { "none" } else { "" })?;
        f.write_str(&parts.join(", "))
    }
}

as_text!(Temporary);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_clamped() {
        let retry = Retry::new(5, Duration::from_secs(2)).expect("in range");
        let token = Token::from(uuid::Uuid::from_u128(1));
        let pause = |attempt, asked| retry.pause(attempt, token, asked).as_secs_f64();
        assert!((2.0..=2.5).contains(&pause(1, None)));
        assert!((8.0..=10.0).contains(&pause(3, None)));
        assert_eq!(pause(60, None), 3600.0);
        assert_eq!(pause(1, Some(Duration::from_secs(90))), 90.0);
        assert_eq!(pause(1, Some(Duration::from_secs(90_000))), 3600.0);
    }

    #[test]
    fn what_is_temporary_reads_and_shows_the_same() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(text.parse::<Temporary>().ok().map(|on| on.to_string()).as_deref(), expect, "{text:?}");
        };
        check("503,timeout", Some("503, timeout"));
        check("connection, 500-599 ,429", Some("429, 500-599, connection"));
        check("503, unreachable, timeout", Some("503, timeout, unreachable"));
        check("none", Some("none"));
        check("", None);
        check("often", None);
    }

    #[test]
    fn one_off_jobs_retry_503_timeouts_and_what_never_left() {
        let on = Retry::once().on;
        assert!(on.covers(Outcome::Failed, Some(503)) && on.covers(Outcome::Timeout, None));
        assert!(on.covers(Outcome::Lost, None), "which says nothing of the target");
        use Outcome::{ConnectionFailed, ConnectionRefused, ConnectionReset, DnsNotFound, Tls};
        for outcome in [ConnectionRefused, ConnectionFailed, DnsNotFound, Tls] {
            assert!(on.covers(outcome, None), "{outcome:?}: nothing was sent");
        }
        assert!(!on.covers(Outcome::Failed, Some(500)) && !on.covers(ConnectionReset, None));
        assert!(!Retry::once().repeats_cut_calls() && Retry::default().repeats_cut_calls());
    }
}
