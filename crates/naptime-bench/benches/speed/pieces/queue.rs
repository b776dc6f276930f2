//! One-off jobs: ten thousand asked for in one request, and drained beside as many recurring ones.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use naptime_core::{NewJob, Schedule, Time};
use naptime_sqlite::SqliteStore;
use naptime_tests::sqlite::File;
use naptime_tests::{Naptime, Target, http};
use serde_json::json;

use super::Setting;
use crate::ground::{drop_database, end, fill, fill_mongo, job};
use crate::table::{Bar, Table};

const JOBS: usize = 10_000;
/// `WORKER_MAX_CAPACITY`.
const CAPACITY: &str = "500";
/// The time to ask for the jobs, before they are due.
const AHEAD: Duration = Duration::from_secs(8);
/// The time to call them.
const LIMIT: Duration = Duration::from_secs(30);
const LIMIT_S: f64 = 2.0;
/// How fast one-off jobs are drained at least, compared with recurring ones.
const RATIO: f64 = 0.8;

pub(super) async fn run(setting: &Setting, table: &mut Table) -> Result<()> {
    let (target, database) = (Target::start().await, setting.mongo.fresh_database());
    let web = Naptime::web(&database).env("WEB_WORKER_MAX_CAPACITY", "0").start().await;
    let worker = Naptime::worker(&database).env("WORKER_MAX_CAPACITY", CAPACITY).start().await;
    let (took, once) = one_off(&web, &target).await?;
    let at = now() + AHEAD;
    fill_mongo(&database, recurring_jobs(&target, at)?).await?;
    let recurring = drained(&target, at).await;
    end(&worker).await?;
    end(&web).await?;
    drop_database(&database).await?;
    judge(table, "MongoDB", took, once, recurring);

    let file = File::fresh();
    let naptime = Naptime::up(&file).env("WORKER_MAX_CAPACITY", CAPACITY).start().await;
    let (took, once) = one_off(&naptime, &target).await?;
    let at = now() + AHEAD;
    fill(&SqliteStore::open(file.path(), naptime_sqlite::Options::default())?, recurring_jobs(&target, at)?).await?;
    let recurring = drained(&target, at).await;
    end(&naptime).await?;
    judge(table, "SQLite", took, once, recurring);
    Ok(())
}

fn judge(table: &mut Table, store: &str, took: f64, once: f64, recurring: f64) {
    let piece = format!("queue: {JOBS} one-off jobs on {store}");
    table.check(&piece, "asked for in one request", format!("{took:.2} s"), Bar::below(took, LIMIT_S, "s"));
    table.tell(&piece, "drained", format!("{once:.0} calls/s"));
    table.tell(&piece, "as many recurring ones, drained", format!("{recurring:.0} calls/s"));
    let ratio = once / recurring;
    let bar = Bar::new(format!(">= {RATIO} x"), ratio >= RATIO);
    table.check(&piece, "one-off / recurring", format!("{ratio:.2} x"), bar);
}

/// Asks for the jobs in one request: how long that took, in seconds, and at what rate they were called.
async fn one_off(naptime: &Naptime, target: &Target) -> Result<(f64, f64)> {
    let at = now() + AHEAD;
    let jobs: Vec<_> = (0..JOBS).map(|number| json!({"url": url(target, number), "at": at.to_string()})).collect();
    let body = serde_json::to_vec(&jobs)?;
    let start = Instant::now();
    let request = http::client().post(naptime.url("/api/jobs")).header("content-type", "application/json").body(body);
    let answer: serde_json::Value = serde_json::from_str(&request.send().await?.error_for_status()?.text().await?)?;
    let took = start.elapsed().as_secs_f64();
    ensure!(answer["added"] == JOBS, "not all jobs were added: {}", answer["refused"]);
    Ok((took, drained(target, at).await))
}

/// As many jobs, all due at `at` and then not for an hour.
fn recurring_jobs(target: &Target, at: Time) -> Result<Vec<NewJob>> {
    let schedule = Schedule::Every { period: Duration::from_secs(3600), anchor: at, jitter: None };
    (0..JOBS).map(|number| job(&url(target, number), |_| schedule.clone())).collect()
}

fn url(target: &Target, number: usize) -> String {
    target.url(&format!("/e/{number}"))
}

/// Calls per second from `at` until all were made. Panics if that takes too long.
async fn drained(target: &Target, at: Time) -> f64 {
    target.wait_for(AHEAD + LIMIT, "all jobs are called", |calls| calls.len() >= JOBS).await;
    let last_ms = target.all_calls().iter().map(|call| call.start_ms).fold(0.0, f64::max);
    target.forget();
    JOBS as f64 * 1e3 / (last_ms - at.millis() as f64).max(1.0)
}

/// The wall clock, which is the clock of both stores here.
fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
