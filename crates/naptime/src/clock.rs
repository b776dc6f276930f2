//! The time by this machine's clock. The store's decides in the end.

use naptime_core::Time;

#[expect(clippy::disallowed_methods, reason = "there is no store to ask")]
pub(crate) fn wall_clock() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Time::from_millis(i64::try_from(since.as_millis()).unwrap_or(0))
}
