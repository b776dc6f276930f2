//! Watching the calls: the time before, the time watched with what is done to the workers in it, the time after.

use std::time::{Duration, Instant};

use mongodb::bson::doc;
use naptime_core::{Schedule, Time};

use crate::Options;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::ground::Ground;
use crate::progress::Progress;
use crate::report::{Disturbance, Disturbed};
use crate::target::Target;
use crate::warm_up::WarmUp;
use crate::workers::Workers;

/// How often it is looked whether all is well.
const LOOK: Duration = Duration::from_millis(100);
/// A database that doesn't answer for this long is gone. An election takes 11 s.
const GONE: Duration = Duration::from_secs(20);

/// Waits until calls come in time: connections are made, the first burst is over.
pub(crate) async fn warm_up(ground: &Ground, workers: &mut Workers, target: &Target) -> Result<()> {
    let mut warm_up = WarmUp::begin();
    while !warm_up.is_over(target) {
        ground.pause(LOOK).await?;
        workers.check()?;
    }
    Ok(())
}

/// What is to be done to workers within the time watched, in the order of time.
pub(crate) fn disturbances(options: &Options) -> Vec<(Duration, Disturbed)> {
    let every = |period: Option<Duration>, what| {
        let times = (1_u32..).map_while(move |n| Some(period? * n));
        times.take_while(|at| *at < options.length).map(move |at| (at, what))
    };
    let kills = every(options.kill_every, Disturbed::Killed);
    let mut all: Vec<_> = kills.chain(every(options.stop_every, Disturbed::Stopped)).collect();
    all.sort_by_key(|(at, _)| *at);
    all
}

/// Lets the time watched go by, and does to the workers what is to be done, to one after the other.
pub(crate) async fn window(
    ground: &Ground,
    workers: &mut Workers,
    length: Duration,
    todo: Vec<(Duration, Disturbed)>,
    progress: &Progress,
) -> Result<Vec<Disturbance>> {
    let start = Instant::now();
    let mut done = Vec::new();
    let mut todo = todo.into_iter().peekable();
    // What is to be done is done, even if this was held up.
    while start.elapsed() < length || todo.peek().is_some() {
        let next = todo.peek().map_or(length, |(at, _)| *at);
        ground.pause(LOOK.min(next.saturating_sub(start.elapsed()))).await?;
        workers.check()?;
        if let Some((_, kind)) = todo.next_if(|(at, _)| *at <= start.elapsed()) {
            let after_ms = i64::try_from(start.elapsed().as_millis()).unwrap_or(i64::MAX);
            let turn = done.len();
            let at_us = match kind {
                Disturbed::Killed => workers.kill(turn, ground.clock).await?,
                Disturbed::Stopped => workers.stop(turn, ground.clock).await?,
            };
            done.push(Disturbance { after_ms, at_us, kind });
        }
        progress.part(millis(start.elapsed()), millis(length));
    }
    Ok(done)
}

/// Waits until every endpoint that was due within the window has been called since, or for `limit`. The first `known`
/// calls were before the window.
pub(crate) async fn all_called(
    ground: &Ground,
    workers: &mut Workers,
    target: &Target,
    mut known: usize,
    schedules: &[Schedule],
    (from, to): (Time, Time),
    limit: Duration,
) -> Result<()> {
    let mut open: Vec<Option<Time>> = schedules.iter().map(|schedule| last_due(schedule, from, to)).collect();
    let mut left = open.iter().flatten().count();
    let start = Instant::now();
    loop {
        let calls = target.since(known);
        known += calls.len();
        for call in calls {
            if let Some(due) = open.get_mut(call.endpoint)
                && due.is_some_and(|due| call.at_us >= due.millis() * 1000)
            {
                *due = None;
                left -= 1;
            }
        }
        if left == 0 || start.elapsed() > limit {
            return Ok(());
        }
        ground.pause(LOOK).await?;
        workers.check()?;
    }
}

/// The last occurrence within `from <= due < to`.
fn last_due(schedule: &Schedule, from: Time, to: Time) -> Option<Time> {
    let Schedule::Every { period, .. } = schedule else { return None };
    // The first that is not before `to`, and the one before it.
    let last = schedule.first(to - Duration::from_millis(1))? - *period;
    (last >= from).then_some(last)
}

/// Waits until `count` calls have come, or none for `quiet`.
pub(crate) async fn drained(
    ground: &Ground,
    workers: &mut Workers,
    target: &Target,
    count: usize,
    quiet: Duration,
    progress: &Progress,
) -> Result<()> {
    let (mut known, mut known_at) = (target.count(), Instant::now());
    while known < count && known_at.elapsed() < quiet {
        ground.pause(LOOK / 5).await?;
        workers.check()?;
        let now = target.count();
        if now > known {
            (known, known_at) = (now, Instant::now());
        }
        progress.part(known, count);
    }
    Ok(())
}

/// Ends when the database has not answered for too long.
pub(crate) async fn gone(database: &Database) -> Error {
    let Some(mongo) = database.mongo() else { return std::future::pending().await };
    let mut answered = Instant::now();
    while answered.elapsed() < GONE {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let ping = tokio::time::timeout(Duration::from_secs(5), mongo.db.run_command(doc! {"ping": 1}));
        if ping.await.is_ok_and(|answer| answer.is_ok()) {
            answered = Instant::now();
        }
    }
    Error::Vanished(GONE.as_secs())
}

fn millis(time: Duration) -> usize {
    usize::try_from(time.as_millis()).unwrap_or(usize::MAX)
}
