//! The bounds of settings, whether they come from the environment or from the app around.

use std::ops::RangeInclusive;
use std::time::Duration;

use naptime_core::duration::{MAX_PERIOD, SHORTEST_PERIOD};

const DAY: Duration = Duration::from_secs(86_400);

/// The most claims a worker may be asked to hold (`WORKER_MAX_CAPACITY`).
pub const MAX_CAPACITY: u32 = 10_000;
/// The fewest characters of a password.
pub const MIN_PASSWORD_CHARS: usize = 12;
/// The fewest characters of an API token.
pub const MIN_TOKEN_CHARS: usize = 24;
/// The most characters of the name of an environment.
pub const MAX_ENVIRONMENT_CHARS: usize = 100;
/// The most proxies in a row that may be trusted.
pub const MAX_TRUSTED_PROXIES: u32 = 10;
/// `WORKER_SLEEP_TIME`. A longer sleep would break what is promised of killed workers and of "call now".
pub const SLEEP: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(1);
/// `NAPTIME_RETENTION`.
pub const RETENTION: RangeInclusive<Duration> = Duration::from_secs(60)..=DAY.saturating_mul(3660);
/// `NAPTIME_MIN_PERIOD`.
pub const PERIOD: RangeInclusive<Duration> = SHORTEST_PERIOD..=MAX_PERIOD;

/// How many calls a worker makes at once if nobody says otherwise.
pub const DEFAULT_CAPACITY: u32 = 100;
/// How long a worker sleeps if nobody says otherwise.
pub const DEFAULT_SLEEP: Duration = Duration::from_millis(250);
/// How long history is kept if nobody says otherwise.
pub const DEFAULT_RETENTION: Duration = DAY.saturating_mul(7);

/// Checks a secret. It must be long, because whoever can reach the page may guess.
///
/// # Errors
/// What is wrong with it, without the secret.
pub fn check_secret(text: &str, min_chars: usize) -> Result<(), String> {
    let chars = text.chars().count();
    if chars >= min_chars {
        return Ok(());
    }
    Err(format!("has {chars} characters, and must have at least {min_chars}; `openssl rand -base64 24` makes one"))
}

/// Checks a token, which is sent in a header.
///
/// # Errors
/// What is wrong with it, without the token.
pub fn check_token(text: &str) -> Result<(), String> {
    check_secret(text, MIN_TOKEN_CHARS)?;
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err("has a blank or a character beyond ASCII, which no program could send".to_owned())
}
