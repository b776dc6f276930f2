//! Whether an endpoint is called well at least as often as was promised.
//!
//! The promise is a gap: no longer than so long between successful calls. It is watched as the job goes: every
//! successful call moves the deadline of the next one. Past its deadline a job is in breach until the next successful
//! call, so a breach shows while it lasts. Where the schedule leaves no more time between calls than was promised, the
//! next call has a grace beyond its due time in which to end: else each call would break the promise by the milliseconds
//! that it takes longer than the one before. A promise runs from when the job is first switched on; switching it off
//! afterwards breaks it in time.
//!
//! A promise may be for some hours only. A gap then counts within them, from their start at the earliest, and one that
//! would be too long only after their end is none. A breach lasts until the next successful call, be that outside the
//! hours: nobody is told that all is well before it is.

mod breach;
#[cfg(test)]
mod tests;
mod watch;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::breach::{Breach, Cause};
pub use self::watch::Watch;
pub(crate) use self::watch::ms;
use crate::schedule::Hours;
use crate::{Days, Invalid, Schedule, Time, Windows, Zone, duration};

/// What is promised: how far apart successful calls are at most, and when that holds. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Sla {
    every: Duration,
    /// None: around the clock.
    hours: Option<Hours>,
}

/// What an [`Sla`] is stored as.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Always(Duration),
    Within { every: Duration, within: Option<Windows>, days: Days, tz: String },
}

/// The most stretches of hours that are passed over in search of one that is long enough: more than a week has.
const MAX_PASSED: usize = 400;

impl From<Duration> for Sla {
    /// A promise around the clock.
    fn from(every: Duration) -> Self {
        Self { every, hours: None }
    }
}

impl Sla {
    /// A promise within hours, or around the clock if they leave nothing out.
    ///
    /// # Errors
    /// At `sla.every`, if a stretch of the hours is shorter (`longer_than_hours`): there, nothing would be promised.
    pub fn within(every: Duration, hours: Hours) -> Result<Self, Invalid> {
        if hours.is_always() {
            return Ok(every.into());
        }
        if let Some(shortest) = hours.shortest_stretch().filter(|shortest| *shortest < every) {
            let (every, shortest) = (duration::show(every), duration::show(shortest));
            let detail = format!("{every} is longer than the hours of the SLA, which can be {shortest} at a time");
            return Err(Invalid::new("sla.every", "longer_than_hours", detail));
        }
        Ok(Self { every, hours: Some(hours) })
    }

    /// Takes back what was stored.
    pub fn stored(every: Duration, hours: Option<Hours>) -> Self {
        Self { every, hours }
    }

    /// How far apart successful calls are at most.
    pub fn every(&self) -> Duration {
        self.every
    }

    /// When that holds; none: around the clock.
    pub fn hours(&self) -> Option<&Hours> {
        self.hours.as_ref()
    }

    /// When a successful call must have ended, if the one before did at `began`, or the promise began then. Of some hours,
    /// the exceptions of the schedule are none.
    pub fn deadline(&self, began: Time, schedule: &Schedule) -> Time {
        let Some(hours) = &self.hours else { return began + self.every };
        let mut at = began;
        for _ in 0..MAX_PASSED {
            let Some((open, close)) = schedule.stretch(hours, at) else { break };
            let deadline = at.max(open) + self.every;
            // The whole stretch can be the gap, if no call ended at its start.
            if deadline < close || (deadline == close && at < open) {
                return deadline;
            }
            at = close;
        }
        began + self.every
    }

    /// From when the gap is measured that began then: the same, or the next opening if the SLA cannot run out before the
    /// hours do.
    pub(super) fn counts_from(&self, began: Time, schedule: &Schedule) -> Time {
        self.deadline(began, schedule) - self.every
    }
}

impl TryFrom<Stored> for Sla {
    type Error = Invalid;
    fn try_from(stored: Stored) -> Result<Self, Invalid> {
        Ok(match stored {
            Stored::Always(every) => every.into(),
            Stored::Within { every, within, days, tz } => {
                Self::stored(every, Some(Hours { windows: within, days, zone: Zone::parse(&tz)? }))
            }
        })
    }
}

impl From<Sla> for Stored {
    fn from(Sla { every, hours }: Sla) -> Self {
        match hours {
            None => Self::Always(every),
            Some(Hours { windows, days, zone }) => {
                Self::Within { every, within: windows, days, tz: zone.name().to_owned() }
            }
        }
    }
}

impl fmt::Display for Sla {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&duration::show(self.every))?;
        self.hours.iter().try_for_each(|hours| write!(f, " within {hours}"))
    }
}
