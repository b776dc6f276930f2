//! Schedules as documents.

use mongodb::bson::DateTime;
use naptime_core::{
    Bounded, Bounds, Cron, Days, Exceptions, Hours, Invalid, Jitter, Pause, Random, Schedule, Windows, Zone,
};
use naptime_store::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{date, duration, millis, time};

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum ScheduleDocument {
    Every {
        period_ms: i64,
        anchor: DateTime,
        jitter: Option<JitterDocument>,
    },
    Cron {
        cron: String,
        tz: String,
        /// Of patterns with `H` only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seed: Option<i64>,
    },
    Random {
        period_ms: i64,
        window: Option<Windows>,
        days: Days,
        tz: String,
        seed: i64,
    },
    Once {
        at: DateTime,
    },
    /// One of the others but for `once`, within bounds.
    Bounded {
        schedule: Box<ScheduleDocument>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<DateTime>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<DateTime>,
        #[serde(default, skip_serializing_if = "Exceptions::is_empty")]
        except: Exceptions,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pause: Option<PauseDocument>,
        tz: String,
    },
}

#[derive(Serialize, Deserialize)]
pub(super) struct PauseDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<DateTime>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    note: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct JitterDocument {
    within_ms: i64,
    seed: i64,
}

pub(super) fn schedule(schedule: &Schedule) -> ScheduleDocument {
    match schedule {
        Schedule::Every { period, anchor, jitter } => ScheduleDocument::Every {
            period_ms: millis(*period),
            anchor: date(*anchor),
            jitter: jitter
                .map(|jitter| JitterDocument { within_ms: millis(jitter.within), seed: jitter.seed.cast_signed() }),
        },
        Schedule::Cron(cron) => ScheduleDocument::Cron {
            cron: cron.text().to_owned(),
            tz: cron.zone().name().to_owned(),
            seed: cron.seed().map(u64::cast_signed),
        },
        Schedule::Random(random) => ScheduleDocument::Random {
            period_ms: millis(random.period()),
            window: random.windows().cloned(),
            days: random.days(),
            tz: random.zone().name().to_owned(),
            seed: random.seed().cast_signed(),
        },
        Schedule::Once { at } => ScheduleDocument::Once { at: date(*at) },
        Schedule::Bounded(bounded) => {
            let Bounds { from, until, except, pause, zone } = bounded.bounds();
            ScheduleDocument::Bounded {
                schedule: Box::new(self::schedule(bounded.base())),
                from: from.map(date),
                until: until.map(date),
                except: except.clone(),
                pause: pause
                    .as_ref()
                    .map(|Pause { until, note }| PauseDocument { until: until.map(date), note: note.clone() }),
                tz: zone.name().to_owned(),
            }
        }
    }
}

pub(super) fn to_schedule(d: ScheduleDocument) -> Result<Schedule> {
    parse(d).map_err(|invalid| Error::Corrupt(invalid.to_string()))
}

fn parse(d: ScheduleDocument) -> std::result::Result<Schedule, Invalid> {
    Ok(match d {
        ScheduleDocument::Every { period_ms, anchor, jitter } => Schedule::Every {
            period: duration(period_ms),
            anchor: time(anchor),
            jitter: jitter.map(|d| Jitter { within: duration(d.within_ms), seed: d.seed.cast_unsigned() }),
        },
        ScheduleDocument::Cron { cron, tz, seed } => {
            Schedule::Cron(Cron::stored(&cron, Zone::parse(&tz)?, seed.map(i64::cast_unsigned)))
        }
        ScheduleDocument::Random { period_ms, window, days, tz, seed } => {
            let hours = Hours { windows: window, days, zone: Zone::parse(&tz)? };
            Schedule::Random(Random::stored(duration(period_ms), hours, seed.cast_unsigned()))
        }
        ScheduleDocument::Once { at } => Schedule::Once { at: time(at) },
        ScheduleDocument::Bounded { schedule, from, until, except, pause, tz } => {
            let pause = pause.map(|PauseDocument { until, note }| Pause { until: until.map(time), note });
            let (from, until, zone) = (from.map(time), until.map(time), Zone::parse(&tz)?);
            let bounds = Bounds { from, until, except, pause, zone };
            Schedule::Bounded(Box::new(Bounded::stored(parse(*schedule)?, bounds)?))
        }
    })
}
