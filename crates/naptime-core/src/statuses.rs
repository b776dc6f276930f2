//! Sets of HTTP statuses, as people write them: `200-299, 404`.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::Invalid;

/// A set of HTTP statuses: single ones and ranges, in ascending order.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, example = "200-299")]
pub struct Statuses(Vec<RangeInclusive<u16>>);

/// The most ranges in one set.
const MAX_RANGES: usize = 20;

impl Statuses {
    /// Any 2xx.
    pub fn success() -> Self {
        Self(vec![200..=299])
    }

    /// These statuses.
    pub fn of(statuses: &[u16]) -> Self {
        Self::from_ranges(statuses.iter().map(|&status| status..=status).collect())
    }

    /// Whether `status` is one of them.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sorted, and with what touches joined.
    fn from_ranges(mut ranges: Vec<RangeInclusive<u16>>) -> Self {
        ranges.sort_by_key(|range| *range.start());
        let mut joined: Vec<RangeInclusive<u16>> = Vec::new();
        for range in ranges {
            match joined.last_mut() {
                Some(last) if *range.start() <= last.end().saturating_add(1) => {
                    *last = *last.start()..=*last.end().max(range.end());
                }
                _ => joined.push(range),
            }
        }
        Self(joined)
    }
}

impl FromStr for Statuses {
    type Err = Invalid;

    /// Reads `200-299, 404`. The fault is at `success`.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let bad = |part: &str| {
            let part = crate::request::excerpt(part, 20);
            Invalid::new("success", "bad_status", format!("`{part}` is no status from 100 to 599, nor a range of them"))
        };
        let status = |text: &str| text.trim().parse().ok().filter(|status| (100..=599).contains(status));
        let mut ranges = Vec::new();
        for part in text.split(',') {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            match (status(from), status(to)) {
                (Some(from), Some(to)) if from <= to => ranges.push(from..=to),
                _ => return Err(bad(part)),
            }
            if ranges.len() > MAX_RANGES {
                let detail = format!("there are more than {MAX_RANGES} statuses and ranges");
                return Err(Invalid::new("success", "too_many", detail));
            }
        }
        Ok(Self::from_ranges(ranges))
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            match (range.start(), range.end()) {
                (from, to) if from == to => write!(f, "{comma}{from}")?,
                (from, to) => write!(f, "{comma}{from}-{to}")?,
            }
        }
        Ok(())
    }
}

impl Serialize for Statuses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<&str>) {
        let read = text.parse::<Statuses>().ok().map(|statuses| statuses.to_string());
        assert_eq!(read.as_deref(), expect, "{text:?}");
    }

    #[test]
    fn reads_what_people_write() {
        check("200", Some("200"));
        check(" 404,200 - 299 ", Some("200-299, 404"));
        check("200-210,205-220,221", Some("200-221"));
        check("", None);
        check("200,", None);
        check("299-200", None);
        check("99", None);
        check("600", None);
        check("2xx", None);
        check(&["300"; 21].join(","), None);
    }

    #[test]
    fn says_what_it_holds() {
        let statuses: Statuses = "200-299, 404".parse().expect("statuses");
        assert!(statuses.contains(200) && statuses.contains(299) && statuses.contains(404));
        assert!(!statuses.contains(300) && !statuses.contains(199));
    }
}
