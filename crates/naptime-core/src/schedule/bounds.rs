//! The bounds of a recurring schedule: from when, until when, when not, and whether it is paused.

mod gap;
mod piece;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::piece::Piece;
use super::{Exceptions, Hours, MILLISECOND, Next, SAMPLED_FROM, Schedule, Zone};
use crate::{Invalid, Time};

/// Where a recurring schedule has occurrences, and where it has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The first moment that may be an occurrence.
    pub from: Option<Time>,
    /// The last moment that may be an occurrence. After that the job is not called any more.
    pub until: Option<Time>,
    /// When there is none between.
    pub except: Exceptions,
    /// A pause that somebody made. It is over by itself, or by whoever takes it away.
    pub pause: Option<Pause>,
    /// The zone by whose clock the exceptions are told. A schedule that has a zone has this one.
    pub zone: Zone,
}

/// For how long nothing is called, and why. One of the two is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pause {
    /// The first moment that may be an occurrence again; none: until somebody takes the pause away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Why, in the words of whoever paused it; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// A recurring schedule within bounds. What falls outside of them is no occurrence, so it is never owed, nor missed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Fields", into = "Fields")]
pub struct Bounded {
    base: Schedule,
    bounds: Bounds,
}

/// What a [`Bounded`] is stored as.
#[derive(Serialize, Deserialize)]
struct Fields {
    schedule: Schedule,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Time>,
    #[serde(default, skip_serializing_if = "Exceptions::is_empty")]
    except: Exceptions,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pause: Option<Pause>,
    tz: String,
}

/// The most exceptions that are passed over in search of an occurrence: those of each day for more than ten years.
const MAX_PASSED: usize = 4_000;
/// The most times between exceptions that are counted one by one. What comes after them is not counted.
const MAX_COUNTED: usize = 20_000;
/// The rate is that of so many weeks, of which each weekday has its share.
const SAMPLED_WEEKS: Duration = Duration::from_secs(28 * 86_400);

impl Bounds {
    /// No bounds.
    pub fn none() -> Self {
        Self { from: None, until: None, except: Exceptions::default(), pause: None, zone: Zone::UTC }
    }

    /// Whether they leave out nothing.
    pub fn is_none(&self) -> bool {
        self.from.is_none() && self.until.is_none() && self.except.is_empty() && self.pause.is_none()
    }

    /// The first moment that may be an occurrence, by `from` and by the pause.
    pub fn begins(&self) -> Option<Time> {
        self.from.max(self.pause.as_ref().and_then(|pause| pause.until))
    }

    /// The pause, unless it is over at `now`.
    pub fn pause_at(&self, now: Time) -> Option<&Pause> {
        self.pause.as_ref().filter(|pause| pause.until.is_none_or(|until| until > now))
    }

    /// Whether nothing is an occurrence until somebody takes the pause away.
    fn is_halted(&self) -> bool {
        self.pause.as_ref().is_some_and(|pause| pause.until.is_none())
    }
}

impl Bounded {
    /// The schedule without the bounds.
    pub fn base(&self) -> &Schedule {
        &self.base
    }

    /// The bounds, in the zone of the schedule.
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// The schedule without the pause; a plain one if nothing else bounds it.
    pub(super) fn resumed(&self) -> Schedule {
        self.within(Bounds { pause: None, ..self.bounds.clone() })
    }

    /// The same, also without exceptions that are over at `now`.
    pub(super) fn lasting(&self, now: Time) -> Schedule {
        self.within(Bounds { pause: None, except: self.bounds.except.lasting(now), ..self.bounds.clone() })
    }

    /// As [`Schedule::stretch`].
    pub(super) fn stretch(&self, hours: &Hours, mut at: Time) -> Option<(Time, Time)> {
        let piece = |at| Piece::at(&self.bounds.except, &self.bounds.zone, at);
        for _ in 0..MAX_PASSED {
            let (open, close) = hours.stretch(at)?;
            let start = open.max(at);
            let mut first = piece(start)?;
            if first.is_excepted {
                at = first.end;
                continue;
            }
            // What follows a change of the clock may be the same.
            while first.end < close {
                match piece(first.end)? {
                    next if next.is_excepted => break,
                    next => first = next,
                }
            }
            return Some((start, close.min(first.end)));
        }
        None
    }

    fn within(&self, bounds: Bounds) -> Schedule {
        if bounds.is_none() {
            return self.base.clone();
        }
        Schedule::Bounded(Box::new(Self { base: self.base.clone(), bounds }))
    }

    /// Takes back what was stored, whether an occurrence is left or not.
    ///
    /// # Errors
    /// At `from`, if it is no plain schedule that recurs.
    pub fn stored(base: Schedule, mut bounds: Bounds) -> Result<Self, Invalid> {
        match &base {
            Schedule::Every { .. } => {}
            Schedule::Cron(cron) => bounds.zone = cron.zone().clone(),
            Schedule::Random(random) => bounds.zone = random.zone().clone(),
            Schedule::Once { .. } | Schedule::Bounded(_) => {
                let detail = "only what recurs has bounds, and it has them once";
                return Err(Invalid::new("from", "not_recurring", detail));
            }
        }
        Ok(Self { base, bounds })
    }

    /// Finds an occurrence, however far ahead, but for the pause.
    pub(super) fn check(&self) -> Result<(), Invalid> {
        if self.bounds.pause.is_some() {
            let bounds = Bounds { pause: None, ..self.bounds.clone() };
            return Self { base: self.base.clone(), bounds }.check();
        }
        let Bounds { from, until, except, zone, .. } = &self.bounds;
        if let (Some(from), Some(until)) = (from, until)
            && until < from
        {
            let (from, until) = (zone.show(*from), zone.show(*until));
            return Err(Invalid::new("until", "never", format!("{until} is before {from}, which is `from`")));
        }
        let since = from.map_or(SAMPLED_FROM, |from| from.max(SAMPLED_FROM)) - MILLISECOND;
        if self.first(since).is_some() || self.base.first(since).is_none() {
            return Ok(());
        }
        let without =
            Self { base: self.base.clone(), bounds: Bounds { except: Exceptions::default(), ..self.bounds.clone() } };
        Err(match (without.first(since), until) {
            (None, Some(until)) => {
                let detail =
                    format!("no call is left until {}; write a later time, or leave it out", zone.show(*until));
                Invalid::new("until", "never", detail)
            }
            _ => {
                let detail = format!("`{except}` leaves no call; write exceptions that leave some time between");
                Invalid::new("except", "never", detail)
            }
        })
    }

    pub(super) fn first(&self, now: Time) -> Option<Time> {
        self.allowed(self.base.first(self.not_before(now)))
    }

    /// As [`Schedule::next`] says. Of the occurrences that are outside the bounds, none is missed.
    pub(super) fn next(&self, due: Time, now: Time) -> Next {
        let next = self.base.next(due, now);
        let before = next.due.filter(|_| next.missed > 0);
        let missed = before.map_or(0, |next| self.count(due, next - MILLISECOND));
        Next { due: self.allowed(next.due), missed }
    }

    /// The occurrences later than `after`, up to and including `until`.
    pub(super) fn count(&self, after: Time, until: Time) -> u64 {
        if self.bounds.is_halted() {
            return 0;
        }
        let until = self.bounds.until.map_or(until, |end| end.min(until));
        self.count_between(&self.bounds.except, self.not_before(after), until)
    }

    /// Occurrences per second in the long run, of what recurs: dates with a year count for nothing, `from`, `until` and a
    /// pause that ends neither.
    pub(super) fn mean_rate(&self) -> f64 {
        let (start, end) = (SAMPLED_FROM, SAMPLED_FROM + SAMPLED_WEEKS);
        let except = &self.bounds.except;
        if self.bounds.is_halted() {
            return 0.0;
        }
        let all = self.base.count(start, end);
        let kept = if all == 0 { 1.0 } else { self.count_between(&except.weekly(), start, end) as f64 / all as f64 };
        self.base.mean_rate() * kept * except.share_of_year()
    }

    /// The last moment up to and including `now` that has no occurrence before it: what is later may be one.
    fn not_before(&self, now: Time) -> Time {
        self.bounds.begins().map_or(now, |from| now.max(from - MILLISECOND))
    }

    /// The first occurrence that is not before one of the plain schedule.
    fn allowed(&self, mut next: Option<Time>) -> Option<Time> {
        if self.bounds.is_halted() {
            return None;
        }
        if let (Some(at), Some(from)) = (next, self.bounds.begins())
            && at < from
        {
            next = self.base.first(from - MILLISECOND);
        }
        for _ in 0..MAX_PASSED {
            let at = next.filter(|at| self.bounds.until.is_none_or(|until| *at <= until))?;
            let piece = Piece::at(&self.bounds.except, &self.bounds.zone, at)?;
            if !piece.is_excepted {
                return Some(at);
            }
            // An exception is passed over as a whole.
            next = self.base.first(piece.end - MILLISECOND);
        }
        None
    }

    /// The occurrences of the plain schedule later than `after`, up to and including `until`, that are in no exception.
    fn count_between(&self, except: &Exceptions, after: Time, until: Time) -> u64 {
        if except.is_empty() {
            return self.base.count(after, until);
        }
        let (mut count, mut next) = (0, self.base.first(after));
        for _ in 0..MAX_COUNTED {
            let Some(at) = next.filter(|at| *at <= until) else { break };
            let Some(piece) = Piece::at(except, &self.bounds.zone, at) else { break };
            let last = piece.end - MILLISECOND;
            if !piece.is_excepted {
                count += self.base.count(at - MILLISECOND, last.min(until));
            }
            next = self.base.first(last);
        }
        count
    }
}

impl TryFrom<Fields> for Bounded {
    type Error = Invalid;
    fn try_from(fields: Fields) -> Result<Self, Invalid> {
        let Fields { schedule, from, until, except, pause, tz } = fields;
        let bounds = Bounds { from, until, except, pause, zone: Zone::parse(&tz)? };
        Self::stored(schedule, bounds)
    }
}

impl From<Bounded> for Fields {
    fn from(Bounded { base, bounds }: Bounded) -> Self {
        let Bounds { from, until, except, pause, zone } = bounds;
        Self { schedule: base, from, until, except, pause, tz: zone.name().to_owned() }
    }
}
