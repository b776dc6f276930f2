//! Lists and the overview with 100,000 endpoints stored.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use naptime_core::{NewJob, Schedule};
use naptime_sqlite::SqliteStore;
use naptime_tests::sqlite::File;
use naptime_tests::{Naptime, http};

use super::Setting;
use crate::ground::{drop_database, end, fill, fill_mongo, job};
use crate::table::{Bar, Table};

const ENDPOINTS: usize = 100_000;
/// So far apart that hardly any is called meanwhile.
const PERIOD: Duration = Duration::from_secs(366 * 86_400);
/// How often each page is asked for. The median counts.
const TRIES: usize = 9;
/// How many pages of 500 lie before the deep one: it begins in the middle.
const PAGES_BEFORE: usize = 100;
const LIMIT_MS: f64 = 200.0;

pub(super) async fn run(setting: &Setting, table: &mut Table) -> Result<()> {
    let database = setting.mongo.fresh_database();
    fill_mongo(&database, jobs()?).await?;
    let naptime = Naptime::web(&database).env("WEB_WORKER_MAX_CAPACITY", "0").start().await;
    ask(table, "MongoDB", &naptime).await?;
    end(&naptime).await?;
    drop_database(&database).await?;

    let file = File::fresh();
    fill(&SqliteStore::open(file.path(), naptime_sqlite::Options::default())?, jobs()?).await?;
    let naptime = Naptime::up(&file).start().await;
    ask(table, "SQLite", &naptime).await?;
    end(&naptime).await
}

/// Of a hundred pools, with a tag on each hundredth, a rare name on five, and each thousandth switched off.
fn jobs() -> Result<Vec<NewJob>> {
    let one = |number: usize| {
        // All of them this machine, in case one does get called.
        let url = format!("http://127.0.0.{}:9/channel/{number}?a=b", 1 + number % 100);
        let mut job = job(&url, |id| Schedule::every(PERIOD, id))?;
        job.spec.name = format!("Endpoint number {number}");
        if number % 100 == 7 {
            job.spec.tags = vec!["hundredth".to_owned(), "seven".to_owned()];
        }
        if number % (ENDPOINTS / 5) == 11 {
            job.spec.name = format!("A needle, number {number}");
        }
        job.active = number % 1_000 != 3;
        // Nobody calls, so that soon all are in breach.
        job.spec.sla = Some(Duration::from_secs(1).into());
        Ok(job)
    };
    (0..ENDPOINTS).map(one).collect()
}

async fn ask(table: &mut Table, store: &str, naptime: &Naptime) -> Result<()> {
    let piece = format!("pages: {ENDPOINTS} endpoints on {store}");
    let client = http::client();
    let cursor = deep_cursor(&client, naptime).await?;
    let deep = format!("/api/endpoints?cursor={cursor}");
    let both = format!("/api/endpoints?pool=http://127.0.0.8:9&tag=seven&q=number&cursor={cursor}");
    let pages = [
        ("the first", "/api/endpoints"),
        ("a search that matches few", "/api/endpoints?q=needle"),
        ("a search that matches none", "/api/endpoints?q=no-such-thing"),
        ("one pool", "/api/endpoints?pool=http://127.0.0.8:9"),
        ("one tag", "/api/endpoints?tag=seven"),
        ("those switched off", "/api/endpoints?active=false"),
        ("from the middle on", &deep),
        ("pool, tag and search, from the middle on", &both),
        ("the list as a page", "/endpoints"),
        ("the list as a page, searched", "/endpoints?q=needle"),
        ("the overview", "/"),
        ("the capacity plan", "/api/plan"),
        ("the SLAs as a page, all in breach", "/sla"),
        ("the SLAs", "/api/sla"),
    ];
    for (what, path) in pages {
        let median = median_ms(&client, &naptime.url(path)).await?;
        let bar = Bar::below(median, LIMIT_MS, "ms");
        table.check(&piece, what, format!("{median:.1} ms"), bar);
    }
    Ok(())
}

/// A cursor in the middle of the list.
async fn deep_cursor(client: &reqwest::Client, naptime: &Naptime) -> Result<String> {
    let mut cursor = String::new();
    for _ in 0..PAGES_BEFORE {
        let url = naptime
            .url(&format!("/api/endpoints?limit=500{}{cursor}", if cursor.is_empty() { "" } else { "&cursor=" }));
        let text = client.get(url).send().await?.error_for_status()?.text().await?;
        let page: serde_json::Value = serde_json::from_str(&text)?;
        cursor = encode(page["next_cursor"].as_str().context("the list ends too early")?);
    }
    Ok(cursor)
}

/// A value as it stands in a query.
fn encode(value: &str) -> String {
    value
        .bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

async fn median_ms(client: &reqwest::Client, url: &str) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..TRIES {
        let start = Instant::now();
        let answer = client.get(url).send().await?.error_for_status()?;
        answer.bytes().await?;
        times.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[TRIES / 2])
}
