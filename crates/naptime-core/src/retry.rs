//! Whether and when a failed call is tried again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Invalid, Token};

/// How often one occurrence is tried, and how far apart.
///
/// Only temporary failures are tried again, see [`crate::Outcome::is_temporary`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// The most attempts at one occurrence, the first included. Claims that were lost count.
    pub attempts: u32,
    /// The pause after the first attempt. It doubles with each further one.
    #[serde(with = "crate::duration::text")]
    pub backoff: Duration,
}

/// The most attempts that may be asked for.
pub const MAX_ATTEMPTS: u32 = 20;
/// The longest pause between two attempts.
pub const MAX_BACKOFF: Duration = Duration::from_secs(3600);
/// The shortest pause that may be asked for.
pub const MIN_BACKOFF: Duration = Duration::from_millis(100);

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 3, backoff: Duration::from_secs(2) }
    }
}

impl Retry {
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
        Ok(Self { attempts, backoff })
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
}
