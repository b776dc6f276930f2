//! The server's time, as a lower bound, without asking for it each time.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mongodb::Database;
use mongodb::bson::{Bson, DateTime, doc};
use naptime_core::Time;
use naptime_core::set_back::CLOCK_TOLERANCE;
use naptime_store::Result;
use tokio::time::Instant;

use crate::command;

/// How often it is seen to that the server's time is read. What else is asked of the server tells it, too.
const READ_EVERY: Duration = Duration::from_secs(2);
/// How old the last reading may be by then.
const FRESH: Duration = Duration::from_secs(3);
/// How many readings count. The best of several is nearer to the truth, since each is late by its way back; old ones
/// must go, so that a server clock that goes slower than this machine's is followed.
const READINGS: usize = 8;

/// What the server's clock said, and when.
///
/// The server's time is at least what it was when the server answered, plus what went by here since the answer came.
/// So nothing that waits for this clock is early, whatever the clock of this machine says.
pub(crate) struct ServerClock {
    start: Instant,
    /// For each reading, the server's time at `start` in microseconds, as far as the reading proves it.
    readings: Mutex<VecDeque<i64>>,
    /// When the last one was made, in microseconds from `start`.
    read_at: AtomicI64,
    offset: Arc<AtomicI64>,
}

impl ServerClock {
    pub(crate) fn new(offset: Arc<AtomicI64>) -> Self {
        Self { start: Instant::now(), readings: Mutex::default(), read_at: AtomicI64::new(0), offset }
    }

    /// A lower bound of the server's time.
    pub(crate) fn now(&self) -> Time {
        Time::from_millis(self.micros().div_euclid(1000))
    }

    /// How long it is until then, at most.
    pub(crate) fn until(&self, at: Time) -> Duration {
        let left = at.millis().saturating_mul(1000).saturating_sub(self.micros());
        Duration::from_micros(u64::try_from(left).unwrap_or(0))
    }

    fn micros(&self) -> i64 {
        let readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        let at_start = readings.iter().max().copied().unwrap_or(0);
        at_start + self.elapsed() + self.offset.load(Ordering::Relaxed) * 1000
    }

    /// The server's time in a pipeline or `$expr`.
    pub(crate) fn server_now(&self) -> Bson {
        match self.offset.load(Ordering::Relaxed) {
            0 => Bson::from("$$NOW"),
            offset => Bson::from(doc! {"$add": ["$$NOW", offset]}),
        }
    }

    /// Reads the time now, and from now on every few seconds for as long as this clock is in use.
    pub(crate) async fn keep_reading(self: &Arc<Self>, db: &Database) -> Result<()> {
        for _ in 0..3 {
            self.read(db).await?;
        }
        let (clock, db) = (Arc::downgrade(self), db.clone());
        tokio::spawn(async move {
            let mut failing = false;
            loop {
                tokio::time::sleep(READ_EVERY).await;
                let Some(clock) = clock.upgrade() else { return };
                if clock.elapsed() - clock.read_at.load(Ordering::Relaxed) < micros(FRESH) {
                    continue;
                }
                // Without an answer the estimate goes on from the last one.
                match clock.read(&db).await {
                    Ok(()) => failing = false,
                    Err(error) if !failing => {
                        failing = true;
                        tracing::debug!(%error, "cannot read the server's time");
                    }
                    Err(_) => {}
                }
            }
        });
        Ok(())
    }

    async fn read(&self, db: &Database) -> Result<()> {
        let asked_at = self.elapsed();
        let reply = command::run(db, doc! {"hello": 1}).await?;
        self.note(reply.get_datetime("localTime").ok(), asked_at);
        Ok(())
    }

    /// What went by since this clock was made, in microseconds.
    pub(crate) fn elapsed(&self) -> i64 {
        micros(self.start.elapsed())
    }

    /// Takes note of the server's time in an answer that came just now, to what was asked when so much had
    /// [elapsed](Self::elapsed).
    pub(crate) fn note(&self, server: Option<&DateTime>, asked_at: i64) {
        let Some(server) = server else { return };
        let answered_at = self.elapsed();
        self.read_at.store(answered_at, Ordering::Relaxed);
        self.take(server.timestamp_millis() * 1000, asked_at, answered_at);
    }

    /// Takes in what the server's clock said between these moments of this machine's, all in microseconds. If that is
    /// less than was proved before, the server's clock was set back, or another server answers.
    fn take(&self, server: i64, before: i64, after: i64) {
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        let most = server - before + micros(CLOCK_TOLERANCE);
        readings.retain(|reading| *reading <= most);
        readings.push_back(server - after);
        if readings.len() > READINGS {
            readings.pop_front();
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_was_set_back_is_followed_at_once() {
        let clock = ServerClock::new(Arc::default());
        let check = |server: i64, before: i64, after: i64, at_start: i64| {
            clock.take(server * 1_000_000, before * 1_000_000, after * 1_000_000);
            let best = clock.readings.lock().expect("no panic").iter().max().copied();
            assert_eq!(best, Some(at_start * 1_000_000), "{server}, between {before} and {after}");
        };
        check(1000, 0, 0, 1000);
        check(1010, 10, 40, 1000); // an answer that was long on its way
        check(9040, 40, 40, 9000); // set ahead
        check(9046, 50, 50, 9000); // another server, which is a little behind
        check(1060, 60, 60, 1000); // set right
    }
}
