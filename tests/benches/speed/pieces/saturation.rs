//! As fast as it goes: thousands of calls due at the same moment, drained by Naptime and by the original's algorithm.

use std::time::Duration;

use anyhow::Result;
use naptime_core::Time;
use naptime_tests::Naptime;

use super::Setting;
use super::compared::of_slots;
use crate::ground::{at_once, end, fill_mongo, now};
use crate::mongod::drop_database;
use crate::reference::{self, Reference};
use crate::table::{Bar, Table};
use crate::target::{Target, now_us};

/// So many are due at once: more than the original can call in the time.
const BACKLOG: usize = 20_000;
/// The time for it.
const LIMIT: Duration = Duration::from_secs(15);
/// The time to fill the store and start workers, before the calls are due.
const AHEAD: Duration = Duration::from_secs(6);
/// `WORKER_MAX_CAPACITY`.
const CAPACITY: usize = 500;
/// Once they are called, a second round is an hour away.
const PERIOD: Duration = Duration::from_secs(3600);
/// How much faster Naptime is to be.
const RATIO: f64 = 2.0;

pub(super) async fn run(setting: &Setting, table: &mut Table) -> Result<()> {
    let piece = format!("saturation: {BACKLOG} calls due at once, at most {} s", LIMIT.as_secs());
    let tell = |table: &mut Table, who: &str, rate: f64| table.tell(&piece, who, format!("{rate:.0} calls/s"));
    let (mut best, mut original_best): (f64, f64) = (0.0, 0.0);
    for workers in [1, 2] {
        let rate = original(setting, workers).await?;
        original_best = original_best.max(rate);
        tell(table, &format!("the original's algorithm, {}", of_slots(workers)), rate);
    }
    for workers in [1, 2] {
        let rate = ours(setting, workers).await?;
        best = best.max(rate);
        let s = if workers == 1 { "" } else { "s" };
        tell(table, &format!("Naptime, {workers} worker{s} of {CAPACITY} slots"), rate);
    }
    let ratio = best / original_best;
    let bar = Bar::new(format!(">= {RATIO} x"), ratio >= RATIO);
    table.check(&piece, "Naptime's best / the original's best", format!("{ratio:.1} x"), bar);
    Ok(())
}

/// Calls per second until all were made, or the time was up.
async fn drained(target: &Target, at: Time) -> f64 {
    tokio::time::sleep(at.since(now())).await;
    target.saw(BACKLOG, LIMIT).await;
    let arrivals = target.take();
    let last = arrivals.iter().map(|call| call.at_us).max().unwrap_or_else(now_us);
    arrivals.len() as f64 * 1e6 / (last - at.millis() * 1000).max(1) as f64
}

async fn original(setting: &Setting, workers: usize) -> Result<f64> {
    let target = Target::start()?;
    let database = setting.mongo.fresh_database();
    let at = now() + AHEAD;
    reference::fill(&database, &target, PERIOD, &vec![at; BACKLOG]).await?;
    let at_work = Reference::start(&database, workers).await?;
    let rate = drained(&target, at).await;
    at_work.stop().await?;
    drop_database(&database).await?;
    Ok(rate)
}

async fn ours(setting: &Setting, workers: usize) -> Result<f64> {
    let target = Target::start()?;
    let database = setting.mongo.fresh_database();
    let at = now() + AHEAD;
    fill_mongo(&database, at_once(&target, BACKLOG, at)?).await?;
    let mut started = Vec::new();
    for _ in 0..workers {
        started.push(Naptime::worker(&database).env("WORKER_MAX_CAPACITY", CAPACITY.to_string()).start().await);
    }
    let rate = drained(&target, at).await;
    for worker in &started {
        end(worker).await?;
    }
    drop_database(&database).await?;
    Ok(rate)
}
