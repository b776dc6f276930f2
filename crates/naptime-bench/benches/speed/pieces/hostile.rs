//! Pages and calls while a thousand hostile connections are held open, or opened anew as they are closed.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use naptime_core::{Schedule, Time};
use naptime_sqlite::SqliteStore;
use naptime_tests::hostile::{Hostile, Kind};
use naptime_tests::sqlite::File;
use naptime_tests::{Naptime, Target, http};
use reqwest::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};

use crate::ground::{end, fill, job};
use crate::table::{Bar, Table};

const PASSWORD: &str = "open sesame, please";
const CONNECTIONS: usize = 1_000;
/// How long it is looked at.
const FOR: Duration = Duration::from_secs(20);
const LONGEST_PAGE_MS: f64 = 1_000.0;
/// A call counts as late from here on, as the promised punctuality is measured elsewhere.
const LATE_MS: f64 = 250.0;

pub(super) async fn run(table: &mut Table) -> Result<()> {
    let (file, target) = (File::fresh(), Target::start().await);
    let each_second = job(&target.url("/"), |id| Schedule::every(Duration::from_secs(1), id))?;
    fill(&SqliteStore::open(file.path(), naptime_sqlite::Options::default())?, vec![each_second]).await?;
    let naptime = Naptime::up(&file).env("NAPTIME_PASSWORD", PASSWORD).start().await;
    let cookie = log_in(&naptime).await?;
    let address: SocketAddr = naptime.url("").trim_start_matches("http://").parse()?;
    let hostile = Hostile::start(address, &Kind::ALL, CONNECTIONS / Kind::ALL.len()).await;
    let (before, begun) = (target.count(), Instant::now());
    let mut pages = Vec::new();
    while begun.elapsed() < FOR {
        for path in ["/", "/endpoints", "/healthz"] {
            // By a connection of its own, as of somebody who comes along.
            let asked = Instant::now();
            let request = http::client().get(naptime.url(path)).header(COOKIE, &cookie);
            request.send().await?.error_for_status()?.bytes().await?;
            pages.push(asked.elapsed().as_secs_f64() * 1000.0);
        }
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let mut lags = Vec::new();
    for call in target.all_calls().iter().skip(before) {
        let due: Time = call.header("Naptime-Due").and_then(|due| due.parse().ok()).context("a call without a due")?;
        lags.push((now.saturating_sub(call.start.elapsed()).as_secs_f64() * 1000.0) - due.millis() as f64);
    }
    let piece = format!("hostile: {CONNECTIONS} connections");
    table.tell(&piece, "connections opened", hostile.opened().to_string());
    drop(hostile);
    let longest = pages.iter().copied().fold(0.0, f64::max);
    table.check(&piece, "longest answer", format!("{longest:.0} ms"), Bar::below(longest, LONGEST_PAGE_MS, "ms"));
    let latest = lags.iter().copied().fold(0.0, f64::max);
    table.check(&piece, "latest call", format!("{latest:.0} ms"), Bar::below(latest, LATE_MS, "ms"));
    let seconds = FOR.as_secs_f64();
    table.check(&piece, "calls", lags.len().to_string(), Bar::at_least(lags.len() as f64, seconds - 1.0, "in 20 s"));
    end(&naptime).await
}

async fn log_in(naptime: &Naptime) -> Result<String> {
    let form = format!("password={}", PASSWORD.replace(' ', "+"));
    let request = http::client().post(naptime.url("/login"));
    let answer = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form).send().await?;
    let cookie = answer.headers().get(SET_COOKIE).context("no cookie")?.to_str()?;
    Ok(cookie.split(';').next().unwrap_or_default().to_owned())
}
