//! What the charts of the overview show: a unit of time, and how many of the last ones.

use std::time::Duration;

use maud::{Markup, html};
use naptime_core::load::BEHIND;
use naptime_core::{Invalid, Tier, Time};

use crate::http::query::Query;

/// The units. The first that is as usual is in [`Span::default`].
const UNITS: [Unit; 5] = [
    Unit { name: "second", words: "second", width: 1, tier: Tier::Second, usual: 60, most: 600 },
    Unit { name: "minute", words: "minute", width: 60, tier: Tier::Minute, usual: 60, most: 180 },
    Unit { name: "ten-minutes", words: "10 min", width: 600, tier: Tier::TenMinutes, usual: 144, most: 288 },
    Unit { name: "hour", words: "hour", width: 3600, tier: Tier::Hour, usual: 24, most: 168 },
    Unit { name: "day", words: "day", width: 86_400, tier: Tier::Hour, usual: 30, most: 30 },
];
const MINUTE: &Unit = &UNITS[1];

/// The spans that are offered by name, each with the unit and how many of it.
const NAMED: [(&str, &str, u32); 7] = [
    ("2 min", "second", 120),
    ("15 min", "minute", 15),
    ("hour", "minute", 60),
    ("6 hours", "ten-minutes", 36),
    ("day", "ten-minutes", 144),
    ("week", "hour", 168),
    ("30 days", "day", 30),
];

/// A unit of time.
#[derive(Debug, PartialEq, Eq)]
struct Unit {
    /// Its name in the address.
    name: &'static str,
    /// Its name on the page.
    words: &'static str,
    /// In seconds.
    width: u64,
    /// The rows that are read.
    tier: Tier,
    /// How many are shown unless asked otherwise.
    usual: u32,
    /// The most there may be: rows are kept for no longer.
    most: u32,
}

/// The last so many units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    unit: &'static Unit,
    last: u32,
}

impl Default for Span {
    /// The last hour by minutes.
    fn default() -> Self {
        Self { unit: MINUTE, last: MINUTE.usual }
    }
}

impl Span {
    /// What the query asks for.
    pub(super) fn read(query: &Query) -> Result<Self, Invalid> {
        query.check(&["unit", "last", "as"])?;
        let unit = match query.get("unit") {
            None => MINUTE,
            Some(name) => UNITS.iter().find(|unit| unit.name == name).ok_or_else(|| {
                let names = UNITS.map(|unit| unit.name).join(", ");
                Invalid::new("unit", "unknown_unit", format!("`unit` must be one of {names}"))
            })?,
        };
        let most = unit.most;
        let last = match query.get("last").map(str::parse) {
            None => unit.usual,
            Some(Ok(last)) if (2..=most).contains(&last) => last,
            Some(_) => {
                let detail = format!("`last` must be a number from 2 to {most} where the unit is {}", unit.name);
                return Err(Invalid::new("last", "out_of_range", detail));
            }
        };
        Ok(Self { unit, last })
    }

    /// The time that one step covers.
    pub(super) fn width(self) -> Duration {
        Duration::from_secs(self.unit.width)
    }

    /// The rows that the steps are made of.
    pub(super) fn tier(self) -> Tier {
        self.unit.tier
    }

    /// One step in words: `each minute`.
    pub(super) fn each(self) -> String {
        format!("each {}", self.unit.words)
    }

    /// Whether it ends before now, so that all workers have reported all that is shown.
    pub(super) fn is_behind(self) -> bool {
        self.width() < BEHIND
    }

    /// Where it begins and ends, seen from `now`. The step that is under way is its last, unless it is behind.
    pub(super) fn around(self, now: Time) -> (Time, Time) {
        let end = if self.is_behind() { now - BEHIND } else { now };
        let newest = end.floor(self.width());
        (newest - self.width() * (self.last - 1), newest + self.width())
    }

    /// The address of the overview with this span.
    pub(super) fn link(self) -> String {
        address(self.unit.name, self.last)
    }

    /// Links to the named spans. One that has no name is among them while it is shown.
    pub(super) fn links(self) -> Markup {
        let here = self.link();
        let is_named = NAMED.iter().any(|(_, unit, last)| address(unit, *last) == here);
        html! {
            nav.spans aria-label="Time" {
                span { "Last" }
                div.ranges {
                    @for (name, unit, last) in NAMED {
                        @let link = address(unit, last);
                        a href=(link) aria-current=[(link == here).then_some("true")] { (name) }
                    }
                    @if !is_named {
                        a href=(here) aria-current="true" { (self.last) " × " (self.unit.words) }
                    }
                }
            }
        }
    }
}

fn address(unit: &str, last: u32) -> String {
    format!("/?unit={unit}&last={last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Span, Invalid> {
        Span::read(&Query::parse(Some(query)))
    }

    fn check(query: &str, from: &str, to: &str, steps: u128) {
        let (read_from, read_to) = read(query).unwrap().around("2026-01-02T03:04:05.006Z".parse().unwrap());
        assert_eq!([read_from, read_to].map(|time| time.to_string()), [from, to].map(|time| format!("{time}.000Z")));
        let width = read(query).unwrap().width();
        assert_eq!(read_to.since(read_from).as_millis(), steps * width.as_millis(), "{query}");
    }

    #[test]
    fn a_span_is_of_whole_units_up_to_now() {
        check("", "2026-01-02T02:05:00", "2026-01-02T03:05:00", 60);
        check("unit=minute&last=180", "2026-01-02T00:05:00", "2026-01-02T03:05:00", 180);
        check("unit=ten-minutes", "2026-01-01T03:10:00", "2026-01-02T03:10:00", 144);
        check("unit=hour&last=2", "2026-01-02T02:00:00", "2026-01-02T04:00:00", 2);
        check("unit=day&last=7", "2025-12-27T00:00:00", "2026-01-03T00:00:00", 7);
        // What is not reported yet is not shown.
        check("unit=second&last=120", "2026-01-02T03:01:54", "2026-01-02T03:03:54", 120);
    }

    #[test]
    fn nothing_is_offered_that_is_not_kept() {
        let now: Time = "2026-01-02T03:59:59.999Z".parse().unwrap();
        let most = UNITS.iter().map(|unit| (unit.name, unit.most));
        for (unit, last) in NAMED.map(|(_, unit, last)| (unit, last)).into_iter().chain(most) {
            let span = read(&format!("unit={unit}&last={last}")).unwrap();
            assert!(span.around(now).0 >= now - span.tier().kept(), "{span:?}");
        }
    }

    #[test]
    fn what_cannot_be_shown_is_named() {
        let field = |query: &str| read(query).map_err(|invalid| (invalid.field.to_string(), invalid.code)).err();
        for unit in ["year", "Second", "1", "seconds"] {
            assert_eq!(field(&format!("unit={unit}")), Some(("unit".to_owned(), "unknown_unit")));
        }
        for last in ["0", "1", "-1", "601", "1e1", "sixty", "99999999999999999999", "60.0"] {
            let query = format!("unit=second&last={last}");
            assert_eq!(field(&query), Some(("last".to_owned(), "out_of_range")), "{query}");
        }
        assert_eq!(field("last=181"), Some(("last".to_owned(), "out_of_range")));
        assert_eq!(field("range=day"), Some(("range".to_owned(), "unknown_parameter")));
        assert_eq!(field("unit=&last="), None);
    }

    #[test]
    fn the_choice_is_marked_even_if_it_has_no_name() {
        let links = read("unit=second&last=90").unwrap().links().into_string();
        assert!(
            links.contains("<a href=\"/?unit=second&amp;last=90\" aria-current=\"true\">90 × second</a>"),
            "{links}"
        );
        assert_eq!(links.matches("aria-current").count(), 1);
        let links = read("").unwrap().links().into_string();
        assert!(links.contains("aria-current=\"true\">hour</a>"), "{links}");
        assert_eq!(links.matches("<a ").count(), NAMED.len());
    }
}
