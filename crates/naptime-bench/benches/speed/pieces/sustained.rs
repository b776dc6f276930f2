//! The most recurring calls per second kept up, and how late they are a little below that.
//!
//! What is offered varies by the number of endpoints, each called every second. It is kept up if all that comes due
//! within some seconds is called, and hardly any of it a second late.

use anyhow::{Context, Result};
use naptime_bench::sustained::{Step, Sustained, Tried, find};
use naptime_core::duration::show;

use super::speed::{WORKERS, tell_rate, times};
use super::{Piece, Setting};
use crate::prove::Prove;
use crate::table::{Bar, Table};

/// The lowest rates that are tried, as long as they are kept up.
const FIRST: f64 = 2_000.0;
const FIRST_OF_ORIGINAL: f64 = 200.0;
/// The share of what is due that is called, at least.
const CALLED: f64 = 0.999;
/// The same of the original's algorithm, which counts a period from the call before: it calls the more seldom the later
/// it is, and has no due times to be held to.
const CALLED_BY_ORIGINAL: f64 = 0.95;

/// On MongoDB, beside the original.
pub(super) async fn sustained(setting: &Setting, table: &mut Table) -> Result<()> {
    let piece = Piece::Sustained.name();
    let (ours, mut prove) = naptime(setting, table, Piece::Sustained, &WORKERS, "").await?;
    let theirs = original(setting, &mut prove).await?;
    prove.tell(table);
    let (our_rate, their_rate) = (ours.calls_per_second, theirs.calls_per_second);
    tell_rate(table, piece, "Naptime, recurring calls kept up", our_rate, ours.workers);
    tell_rate(table, piece, "the original's algorithm", their_rate, theirs.workers);
    let ratio = our_rate / their_rate;
    table.check(piece, "Naptime / the original", times(ratio), Bar::at_least(ratio, 25.0, "x").aim("35 x"));
    let p99 = ours.p99_ms_at_80;
    let bar = Bar::at_most(p99, 150.0, "ms").aim("50 ms");
    table.check(piece, "start lag p99 at 80 % of that", format!("{p99:.1} ms"), bar);
    Ok(())
}

/// In a file, with one process.
pub(super) async fn embedded(setting: &Setting, table: &mut Table) -> Result<()> {
    let piece = Piece::Embedded.name();
    let (ours, prove) = naptime(setting, table, Piece::Embedded, &[1], "--embedded ").await?;
    prove.tell(table);
    let rate = ours.calls_per_second;
    let bar = Bar::at_least(rate, 10_000.0, "calls/s");
    table.check(piece, "recurring calls kept up", format!("{rate:.0} calls/s"), bar);
    table.tell(piece, "start lag p99 at 80 % of that", format!("{:.1} ms", ours.p99_ms_at_80));
    Ok(())
}

/// Searches by `naptime prove`, which is run once for each rate that is tried.
async fn naptime<'a>(
    setting: &'a Setting,
    table: &mut Table,
    piece: Piece,
    workers: &[usize],
    store: &str,
) -> Result<(Sustained, Prove<'a>)> {
    let args = |endpoints: &str, workers: &str, window: &str| {
        format!("{store}--endpoints {endpoints} --every 1s --workers {workers} --capacity 500 --for {window}")
    };
    let counts = workers.iter().map(ToString::to_string).collect::<Vec<_>>().join("|");
    let mut prove = Prove::new(setting, table, piece, &args("N", &counts, "6s"));
    let attempt = async |Step { workers, endpoints, window }: Step| {
        let found = prove.run(&args(&endpoints.to_string(), &workers.to_string(), &show(window))).await?;
        let leg = found.leg(workers)?;
        let (owed, called) = (leg.number("/verdict/owed")?, leg.number("/verdict/called")?);
        let through = leg.number("/verdict/calls_per_second")?;
        // Where nothing that came was due in the time watched, there is no lag.
        let p99_ms = leg.number("/verdict/lag/p99_ms").unwrap_or(f64::INFINITY);
        Ok(Tried { called: owed > 0.0 && called >= owed * CALLED, through, p99_ms })
    };
    Ok((find(workers, FIRST, attempt).await?, prove))
}

async fn original(setting: &Setting, prove: &mut Prove<'_>) -> Result<Sustained> {
    let attempt = async |Step { workers, endpoints, window }: Step| {
        let measured = setting.original(workers).recurring(endpoints, window).await?;
        prove.disturbed(measured.used.strangers);
        let through = measured.calls_per_second;
        let called = through >= endpoints as f64 * CALLED_BY_ORIGINAL;
        Ok(Tried { called, through, p99_ms: measured.lag.p99_ms })
    };
    find(&WORKERS, FIRST_OF_ORIGINAL, attempt).await.context("the original's algorithm")
}
