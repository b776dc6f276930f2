//! When a cron pattern says so, in a time zone.

use std::fmt;
use std::sync::Arc;

use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use croner::{CronPattern, Weekday};
use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};

use super::Zone;
use super::zone::time;
use crate::{Invalid, Time};

/// The longest pattern, in characters.
const MAX_PATTERN: usize = 200;

/// A cron pattern and the time zone it is read in. Cheap to clone.
///
/// When the clocks change, it depends on the field of the hour. Where hours are named (`30 2 * * *`), each local time
/// comes once: what falls into the gap comes right after it, all at once, and of a repeated hour only the first counts.
/// Where any hour will do (`*/5 * * * *`, `0 */2 * * *`), it goes by the clock: nothing comes in a gap, and a repeated
/// hour counts twice.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Text", into = "Text")]
pub struct Cron(Arc<Parts>);

struct Parts {
    text: String,
    zone: Zone,
    cron: croner::Cron,
    /// Whether each local time comes exactly once.
    hours_named: bool,
}

/// What a [`Cron`] is stored as.
#[derive(Serialize, Deserialize)]
struct Text {
    cron: String,
    tz: String,
}

impl Cron {
    /// Reads a pattern of five fields, or of six with seconds first, or a nickname like `@hourly`.
    ///
    /// # Errors
    /// At `cron`, if it is no such pattern (`bad_cron`), or one that no day ever matches (`never`).
    pub fn parse(text: &str, zone: Zone) -> Result<Self, Invalid> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let cron = read(&text).map_err(|reason| {
            let text = crate::request::excerpt(&text, 60);
            Invalid::new("cron", "bad_cron", format!("`{text}` is not a cron pattern: {reason}"))
        })?;
        // A search in local time ends where croner's years do, so this takes a while for those that never come.
        if cron.find_next_occurrence(&date(2000, 1, 1).at(0, 0, 0, 0), true).is_err() {
            return Err(Invalid::new("cron", "never", format!("`{text}` never comes: no day matches it")));
        }
        let hours = &cron.pattern.hours;
        let hours_named = !hours.from_wildcard && hours.values().len() < 24;
        Ok(Self(Arc::new(Parts { text, zone, cron, hours_named })))
    }

    /// The pattern as it was written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The zone it is read in.
    pub fn zone(&self) -> &Zone {
        &self.0.zone
    }

    /// The first occurrence later than `at`; none if that is thousands of years ahead.
    pub(super) fn after(&self, at: Time) -> Option<Time> {
        let Parts { zone, cron, hours_named, .. } = &*self.0;
        let clock = zone.clock(at)?;
        if !hours_named {
            return Some(time(cron.find_next_occurrence(&clock, false).ok()?.timestamp()));
        }
        // croner does so for patterns of a single time only, so it is asked for local times, without a zone.
        let mut wall = clock.datetime();
        loop {
            wall = cron.find_next_occurrence(&wall, false).ok()?;
            let next = zone.first(wall)?;
            // Within the second of two equal hours, the local times up to its end have been.
            if next > at {
                return Some(next);
            }
        }
    }

    /// Occurrences per second in the long run.
    pub(super) fn mean_rate(&self) -> f64 {
        let pattern = &self.0.cron.pattern;
        let counts = [&pattern.seconds, &pattern.minutes, &pattern.hours].map(|field| field.values().len());
        let per_day: usize = counts.iter().product();
        per_day as f64 * share_of_days(pattern) / 86_400.0
    }
}

fn read(text: &str) -> Result<croner::Cron, String> {
    const HELP: &str = "write five fields (minute, hour, day, month, weekday) like 0 9 * * MON-FRI, or six with the \
                        seconds first, or @hourly";
    if text.chars().count() > MAX_PATTERN {
        return Err(format!("longer than {MAX_PATTERN} characters"));
    }
    // croner passes over empty items, and takes a field of nothing else for one that never matches.
    if text.split(' ').flat_map(|field| field.split(',')).any(str::is_empty) {
        return Err(if text.is_empty() { HELP.to_owned() } else { "an item of a list is empty".to_owned() });
    }
    let text = if text.eq_ignore_ascii_case("@midnight") { "@daily" } else { text };
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    parser.parse(text).map_err(|error| match error {
        CronError::ComponentError(reason) => reason.trim_end_matches('.').to_owned(),
        CronError::IllegalCharacters(_) => format!("it holds a character or a name that has no meaning there; {HELP}"),
        _ => HELP.to_owned(),
    })
}

/// The share of days that match the pattern, by a whole cycle of weekdays and leap years.
fn share_of_days(pattern: &CronPattern) -> f64 {
    const FROM: Date = date(2001, 1, 1);
    const DAYS: u16 = 28 * 365 + 7;
    if pattern.is_dom_wildcard() && pattern.is_dow_wildcard() && pattern.months.values().len() == 12 {
        return 1.0;
    }
    let matches = |date: &Date| {
        let (year, month, day) = (date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs());
        let weekday = Weekday::from_days_from_sunday(date.weekday().to_sunday_zero_offset().unsigned_abs().into());
        pattern.month_match(month.into()).unwrap_or(false)
            && pattern.day_match(year, month.into(), day.into(), weekday).unwrap_or(false)
    };
    let matching = FROM.series(jiff::Span::new().days(1)).take(DAYS.into()).filter(matches).count();
    matching as f64 / f64::from(DAYS)
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        (self.text(), self.zone()) == (other.text(), other.zone())
    }
}

impl Eq for Cron {}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text(), self.zone())
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<Text> for Cron {
    type Error = Invalid;
    fn try_from(text: Text) -> Result<Self, Invalid> {
        Self::parse(&text.cron, Zone::parse(&text.tz)?)
    }
}

impl From<Cron> for Text {
    fn from(cron: Cron) -> Self {
        Self { cron: cron.text().to_owned(), tz: cron.zone().name().to_owned() }
    }
}
