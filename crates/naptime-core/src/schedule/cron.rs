//! When a cron pattern says so, in a time zone.

mod dates;
mod dialect;
mod field;
mod pattern;
mod read;
mod set;
mod times;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::pattern::Pattern;
use super::{Next, Zone};
use crate::request::excerpt;
use crate::{Invalid, Time};

/// A moment from which on a pattern is searched for its first time, to see that there is one: 2000-01-01.
const SEARCHED_FROM: i64 = 946_684_800;

/// A cron pattern and the time zone it is read in. Cheap to clone.
///
/// Times and days are those of Vixie's cron. A day must match both fields of the day if one of them begins with `*`;
/// else one of the two is enough. When the clocks change, a pattern whose minute or hour begins with `*` goes by what
/// they show: nothing comes in an hour that is skipped, and an hour that is repeated counts twice. Any other pattern has
/// each local time once: what falls into the gap comes right after it, all at once, and of two equal hours only the
/// first counts.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Text", into = "Text")]
pub struct Cron(Arc<Parts>);

struct Parts {
    text: String,
    zone: Zone,
    /// Of a pattern with `H` only.
    seed: Option<u64>,
    /// If it cannot be read any more: why.
    pattern: Result<Pattern, Invalid>,
}

/// What a [`Cron`] is stored as.
#[derive(Serialize, Deserialize)]
struct Text {
    cron: String,
    tz: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
}

impl Cron {
    /// Reads a pattern of five fields, or of six with seconds first, or a nickname like `@hourly`. `TZ=Europe/Berlin` or
    /// `CRON_TZ=Europe/Berlin` before it takes the place of `zone`. What `H` stands for is derived from `seed`.
    ///
    /// # Errors
    /// At `cron`, if it is no such pattern (`bad_cron`), names no time zone (`unknown_zone`), or never comes (`never`).
    pub fn parse(text: &str, zone: Zone, seed: u64) -> Result<Self, Invalid> {
        let mut words = text.split_whitespace().peekable();
        let named = words.next_if(|word| word.starts_with("TZ=") || word.starts_with("CRON_TZ="));
        let zone = match named.and_then(|word| word.split_once('=')) {
            Some((_, name)) => Zone::parse(name).map_err(|fault| Invalid { field: "cron".into(), ..fault })?,
            None => zone,
        };
        let text = words.collect::<Vec<_>>().join(" ");
        let pattern = read::read(&text, seed).map_err(|detail| Invalid::new("cron", "bad_cron", detail))?;
        if pattern.after(&zone, SEARCHED_FROM).is_none() {
            let detail = format!("`{}` never comes: no day matches it", excerpt(&text, 60));
            return Err(Invalid::new("cron", "never", detail));
        }
        let seed = read::is_hashed(&text).then_some(seed);
        Ok(Self(Arc::new(Parts { text, zone, seed, pattern: Ok(pattern) })))
    }

    /// Takes back what was stored. A pattern that was accepted once and cannot be read any more keeps its text, has a
    /// [`Cron::fault`], and never comes again.
    pub fn stored(text: &str, zone: Zone, seed: Option<u64>) -> Self {
        Self::parse(text, zone.clone(), seed.unwrap_or(0))
            .unwrap_or_else(|fault| Self(Arc::new(Parts { text: text.to_owned(), zone, seed, pattern: Err(fault) })))
    }

    /// The pattern as it was written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The zone it is read in.
    pub fn zone(&self) -> &Zone {
        &self.0.zone
    }

    /// What `H` is derived from; none if there is no `H` in the pattern.
    pub fn seed(&self) -> Option<u64> {
        self.0.seed
    }

    /// Why a pattern that was stored by an earlier version cannot be read any more.
    pub fn fault(&self) -> Option<&Invalid> {
        self.0.pattern.as_ref().err()
    }

    /// The first occurrence later than `at`; none if there is none in 400 years.
    pub(super) fn after(&self, at: Time) -> Option<Time> {
        let next = self.pattern()?.after(self.zone(), seconds(at))?;
        // There are no later years than jiff's.
        Timestamp::from_second(next).ok().map(|next| Time::from_millis(next.as_millisecond()))
    }

    /// What follows the occurrence `due`, whose call begins at `now`.
    pub(super) fn next(&self, due: Time, now: Time) -> Next {
        super::next_by(|at| self.after(at), || self.count(due, now), due, now)
    }

    /// The occurrences later than `after`, up to and including `until`.
    pub(super) fn count(&self, after: Time, until: Time) -> u64 {
        self.pattern().map_or(0, |pattern| pattern.count(self.zone(), seconds(after), seconds(until)))
    }

    /// Occurrences per second in the long run.
    pub(super) fn mean_rate(&self) -> f64 {
        self.pattern().map_or(0.0, Pattern::mean_rate)
    }

    fn pattern(&self) -> Option<&Pattern> {
        self.0.pattern.as_ref().ok()
    }

    fn identity(&self) -> (&str, &str, Option<u64>) {
        (self.text(), self.zone().name(), self.seed())
    }
}

/// The second that a moment is in. Occurrences are at the beginning of one.
fn seconds(at: Time) -> i64 {
    at.millis().div_euclid(1000)
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Cron {}

impl Hash for Cron {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text(), self.zone())?;
        match self.fault() {
            Some(fault) => write!(f, ", which cannot be read any more: {}", fault.detail),
            None => Ok(()),
        }
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
        Ok(Self::stored(&text.cron, Zone::parse(&text.tz)?, text.seed))
    }
}

impl From<Cron> for Text {
    fn from(cron: Cron) -> Self {
        Self { cron: cron.text().to_owned(), tz: cron.zone().name().to_owned(), seed: cron.seed() }
    }
}
