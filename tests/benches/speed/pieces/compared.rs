//! The main load, offered to the original's algorithm and to Naptime on the same mongod.

use std::time::Duration;

use anyhow::Result;
use naptime_core::Time;
use naptime_core::duration::show;
use naptime_tests::Naptime;

use super::{ENDPOINTS, PERIOD, Setting};
use crate::ground::{Used, fill_mongo, now, rate, schedules, spread, watch};
use crate::judge::Lags;
use crate::mongod::{Mongod, drop_database};
use crate::reference::{self, Reference, SLOTS};
use crate::table::{Bar, Table};
use crate::target::Target;

const WARM_UP: Duration = Duration::from_secs(2);
const LENGTH: Duration = Duration::from_secs(10);

/// What was reached under the load.
struct Reached {
    rate: f64,
    lags: Lags,
    /// The CPU time of mongod for each call, in microseconds.
    cpu: f64,
}

pub(super) async fn run(setting: &Setting, table: &mut Table) -> Result<()> {
    let piece = format!("reference: {ENDPOINTS} endpoints every {} for {}", show(PERIOD), show(LENGTH));
    let mut originals = Vec::new();
    for workers in [1, 2] {
        let reached = original(setting, workers).await?;
        tell(table, &piece, &format!("the original's algorithm, {}", of_slots(workers)), &reached);
        originals.push(reached);
    }
    let ours = ours(setting).await?;
    tell(table, &piece, "Naptime, 1 worker", &ours);
    // The better of the original's two stands for it in each line.
    let least = |of: fn(&Reached) -> f64| originals.iter().map(of).fold(f64::INFINITY, f64::min) / of(&ours);
    let ratios = [("start lag, p99", least(|it| it.lags.p99())), ("CPU of mongod per call", least(|it| it.cpu))];
    for (what, ratio) in ratios {
        let what = format!("{what}: the original's / Naptime's");
        table.check(&piece, &what, format!("{ratio:.1} x"), Bar::new("> 1 x", ratio > 1.0));
    }
    Ok(())
}

fn tell(table: &mut Table, piece: &str, who: &str, Reached { rate, lags, cpu }: &Reached) {
    let (p50, p99) = (lags.p50(), lags.p99());
    let measured = format!("{rate:.0} calls/s, lag p50 {p50:.0} ms, p99 {p99:.0} ms, mongod {cpu:.0} us per call");
    table.tell(piece, who, measured);
}

/// Workers of the original, in words.
pub(super) fn of_slots(workers: usize) -> String {
    let s = if workers == 1 { "" } else { "s" };
    format!("{workers} worker{s} of {SLOTS} slots")
}

async fn original(setting: &Setting, workers: usize) -> Result<Reached> {
    let target = Target::start()?;
    let database = setting.mongo.fresh_database();
    // Spread over one period, as ours are.
    let start = now();
    let due: Vec<Time> = (0..ENDPOINTS).map(|at| start + PERIOD.mul_f64(at as f64 / ENDPOINTS as f64)).collect();
    reference::fill(&database, &target, PERIOD, &due).await?;
    let at_work = Reference::start(&database, workers).await?;
    tokio::time::sleep(WARM_UP).await;
    let mongod = Mongod::of(&database).await?;
    let from = now();
    let used = Used::during(&[mongod.pid], tokio::time::sleep(LENGTH)).await?;
    let to = now();
    at_work.stop().await?;
    drop_database(&database).await?;
    let arrivals = target.take();
    let window = from.millis() * 1000..to.millis() * 1000;
    let within = arrivals.iter().filter(|call| window.contains(&call.at_us));
    let rate = rate(&arrivals, from, to);
    let cpu = used.cpu[0].as_secs_f64() * 1e6 / (rate * LENGTH.as_secs_f64());
    Ok(Reached { rate, lags: Lags::of(within), cpu })
}

async fn ours(setting: &Setting) -> Result<Reached> {
    let target = Target::start()?;
    let database = setting.mongo.fresh_database();
    let jobs = spread(&target, ENDPOINTS, PERIOD)?;
    let schedules = schedules(&jobs);
    fill_mongo(&database, jobs).await?;
    let worker = Naptime::worker(&database).start().await;
    let mongod = Mongod::of(&database).await?;
    let watched = watch(&target, &schedules, &worker, Some(&mongod), LENGTH).await?;
    drop_database(&database).await?;
    Ok(Reached { rate: watched.rate, cpu: watched.cpu_per_call(1), lags: watched.verdict.lags })
}
