//! When an endpoint is called, as fields.

use std::time::Duration;

use naptime_core::duration::show;
use serde_json::{Map, Value};

/// Once in each period.
pub(super) fn every(period: Duration) -> Map<String, Value> {
    [("every".to_owned(), show(period).into())].into_iter().collect()
}

/// By a pattern in a time zone.
pub(super) fn cron(pattern: &str, zone: &str) -> Map<String, Value> {
    [("cron".to_owned(), pattern.into()), ("tz".to_owned(), zone.into())].into_iter().collect()
}

/// The period of a word like `5m` or `1h30m`, as Go writes durations.
pub(super) fn period(text: &str) -> Result<Duration, String> {
    naptime_core::duration::parse("every", text).map_err(|fault| fault.detail)
}
