//! Times as the API sends them: RFC 3339 in UTC.

use jiff::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// A time that is there.
pub(crate) fn at<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

/// A time, or null.
pub(crate) fn maybe<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
}
