//! A schedule taken apart into the fields it is set by, as texts: for views and forms. Input reads them back.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Days, Pause, Schedule, Zone};
use crate::{Time, duration};

/// The weekdays as they are written, from Monday.
pub const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The fields of a schedule. What it does not have, or has as every schedule of its kind does if nothing is said, is
/// none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[allow(missing_docs)] // The fields are those of the API.
pub struct Timing {
    /// `every`, `cron`, `random` or `once`.
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub align: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub random: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tz: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub except: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// All of it in words.
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'static str>,
}

impl Timing {
    /// The fields of this schedule.
    pub fn of(schedule: &Schedule) -> Self {
        let bounds = schedule.bounds();
        let common = Self {
            kind: schedule.kind(),
            tz: schedule.zone().map(str::to_owned),
            from: bounds.and_then(|bounds| bounds.from),
            until: bounds.and_then(|bounds| bounds.until),
            except: bounds.map(|bounds| &bounds.except).filter(|except| !except.is_empty()).map(ToString::to_string),
            pause: bounds.and_then(|bounds| bounds.pause.clone()),
            text: schedule.describe(),
            note: schedule.zone().and_then(Zone::note),
            ..Self::default()
        };
        match schedule.base() {
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
            // A plain schedule has none.
            Schedule::Bounded(_) => common,
        }
    }
}

fn names(days: Days) -> Vec<&'static str> {
    (0..).zip(WEEKDAYS).filter(|(number, _)| days.has(*number)).map(|(_, name)| name).collect()
}
