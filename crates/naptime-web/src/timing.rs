//! A schedule taken apart into the fields it is set by, as texts: for the API's views and for the form.

use naptime_core::{Days, Job, Schedule, Time, Zone, duration};
use serde::Serialize;

/// The weekdays as they are written, from Monday.
pub(crate) const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// How many of the next calls are shown.
const SHOWN: usize = 5;

/// The fields of a schedule. What it does not have, or has as every schedule of its kind does if nothing is said, is
/// none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Timing {
    /// `every`, `cron`, `random` or `once`.
    pub(crate) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) every: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jitter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) align: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cron: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) random: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) window: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) days: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tz: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<Time>,
    /// All of it in words.
    pub(crate) text: String,
}

impl Timing {
    pub(crate) fn of(schedule: &Schedule) -> Self {
        let common = Self {
            kind: schedule.kind(),
            tz: schedule.zone().map(str::to_owned),
            text: schedule.describe(),
            ..Self::default()
        };
        match schedule {
            Schedule::Every { period, jitter, .. } => Self {
                every: Some(duration::show(*period)),
                jitter: jitter.map(|jitter| duration::show(jitter.within)),
                align: schedule.is_aligned().then_some(true),
                ..common
            },
            Schedule::Cron(cron) => Self { cron: Some(cron.text().to_owned()), ..common },
            Schedule::Random(random) => Self {
                random: Some(duration::show(random.period())),
                window: random.windows().map(ToString::to_string),
                days: Some(random.days()).filter(|days| *days != Days::ALL).map(names),
                ..common
            },
            Schedule::Once { at } => Self { at: Some(*at), ..common },
        }
    }
}

fn names(days: Days) -> Vec<&'static str> {
    (0..).zip(WEEKDAYS).filter(|(number, _)| days.has(*number)).map(|(_, name)| name).collect()
}

/// The zone that the times of a schedule are told in.
pub(crate) fn zone(schedule: &Schedule) -> Zone {
    match schedule {
        Schedule::Cron(cron) => cron.zone().clone(),
        Schedule::Random(random) => random.zone().clone(),
        Schedule::Every { .. } | Schedule::Once { .. } => Zone::UTC,
    }
}

/// The next calls of a job, beginning with the one that is due: none if it is switched off.
pub(crate) fn upcoming(job: &Job) -> Vec<Time> {
    let next = |due: &Time| job.spec.schedule.next(*due, *due).due;
    std::iter::successors(job.state.due, next).take(SHOWN).collect()
}

/// The next calls by a schedule that no job has yet, or not in this way.
pub(crate) fn planned(schedule: &Schedule, now: Time) -> Vec<Time> {
    schedule.upcoming(now, SHOWN)
}
