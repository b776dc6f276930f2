//! The one clock that all calls are judged by: the database's, as far as it can be told from here.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mongodb::bson::doc;
use naptime_core::Time;

use crate::database::Mongo;
use crate::error::Result;

/// How often the server's clock is read at most, and for how long.
const READINGS: (usize, Duration) = (100, Duration::from_secs(1));

/// This machine's wall clock, put forward to where the database's is at most. So no call is taken for early that is not,
/// and none for later than the way to the database takes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    ahead_us: i64,
}

impl Clock {
    /// The clock of a server on another machine.
    pub(crate) async fn of(mongo: &Mongo) -> Result<Self> {
        let start = Instant::now();
        let mut least = i64::MAX;
        for _ in 0..READINGS.0 {
            let asked_us = Self::default().now_us();
            let answer = mongo.db.run_command(doc! {"hello": 1}).await?;
            if let Ok(time) = answer.get_datetime("localTime") {
                // It was asked before it looked, and it tells whole milliseconds.
                least = least.min((time.timestamp_millis() + 1) * 1000 - asked_us);
            }
            if start.elapsed() > READINGS.1 {
                break;
            }
        }
        Ok(Self { ahead_us: if least == i64::MAX { 0 } else { least } })
    }

    /// How much further ahead the server's clock is by a later reading; none if it is not.
    pub(crate) fn drift_us(self, later: Self) -> i64 {
        (later.ahead_us - self.ahead_us).max(0)
    }

    /// In microseconds since 1970.
    pub fn now_us(self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX).saturating_add(self.ahead_us)
    }

    /// In milliseconds.
    pub(crate) fn now(self) -> Time {
        Time::from_millis(self.now_us().div_euclid(1000))
    }
}
