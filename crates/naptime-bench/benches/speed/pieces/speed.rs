//! How many calls per second: a backlog drained, and recurring ones with more workers.

use std::time::Duration;

use anyhow::Result;
use naptime_bench::raw;

use super::{Piece, Setting};
use crate::prove::{Found, Prove};
use crate::table::{Bar, Table};

/// The numbers of workers that are tried.
pub(super) const WORKERS: [usize; 3] = [1, 2, 4];

/// One-off jobs due at once, beside the original and beside what the parts of a call cost by themselves.
pub(super) async fn backlog(setting: &Setting, table: &mut Table) -> Result<()> {
    let args = "--backlog 20000 --workers 1,2,4 --capacity 500 --endpoints 200 --for 10s";
    let piece = Piece::Backlog.name();
    let mut prove = Prove::new(setting, table, Piece::Backlog, args);
    let (ours, our_workers) = prove.run(args).await?.drained()?;
    let (mut theirs, mut their_workers) = (0.0, 0);
    for workers in WORKERS {
        let drained = setting.original(workers).backlog(20_000, Duration::from_secs(10)).await?;
        prove.disturbed(drained.used.strangers);
        if drained.calls_per_second > theirs {
            (theirs, their_workers) = (drained.calls_per_second, workers);
        }
    }
    let raw = raw::measure(&setting.mongo).await?;
    prove.disturbed(raw.strangers);
    prove.tell(table);
    tell_rate(table, piece, "Naptime, 20,000 one-off jobs drained", ours, our_workers);
    tell_rate(table, piece, "the original's algorithm", theirs, their_workers);
    let ratio = ours / theirs;
    table.check(piece, "Naptime / the original", times(ratio), Bar::at_least(ratio, 12.0, "x").aim("20 x"));
    let raw = [("claims and settles in batches", raw.cycles), ("runs inserted", raw.runs), ("HTTP calls", raw.calls)];
    for (what, rate) in raw {
        table.tell(piece, &format!("by themselves: {what}"), format!("{rate:.0}/s"));
    }
    let ceiling = 1.0 / raw.iter().map(|(_, rate)| 1.0 / rate).sum::<f64>();
    table.tell(piece, "one after the other, all of them", format!("{ceiling:.0}/s"));
    let share = 100.0 * ours / ceiling;
    table.check(piece, "drained / that", format!("{share:.0} %"), Bar::at_least(share, 50.0, "%").aim("75 %"));
    Ok(())
}

/// More workers on the same cores, when more is due than these can do.
pub(super) async fn scaling(setting: &Setting, table: &mut Table) -> Result<()> {
    let args = "--endpoints 20000 --every 1s --workers 1,2,4 --capacity 500 --for 10s";
    let found = Found::by(setting, table, Piece::Scaling, args).await?;
    compare(table, Piece::Scaling, &found, &WORKERS, (1.0, "1.1 x"))
}

/// More workers when it is slots that are wanted, not cores.
pub(super) async fn slots(setting: &Setting, table: &mut Table) -> Result<()> {
    let args = "--endpoints 4000 --every 1s --workers 1,4 --capacity 100 --target-delay 200ms --for 15s";
    let found = Found::by(setting, table, Piece::Slots, args).await?;
    compare(table, Piece::Slots, &found, &[1, 4], (3.9, "4.0 x"))
}

/// Calls per second by number of workers, and the last of them against the first.
fn compare(table: &mut Table, piece: Piece, found: &Found, workers: &[usize], (least, aim): (f64, &str)) -> Result<()> {
    let mut rates = Vec::new();
    for &workers in workers {
        let rate = found.leg(workers)?.number("/verdict/calls_per_second")?;
        tell_rate(table, piece.name(), "Naptime", rate, workers);
        rates.push(rate);
    }
    let ratio = rates[rates.len() - 1] / rates[0];
    let bar = Bar::at_least(ratio, least, "x").aim(aim);
    table.check(piece.name(), "4 workers / 1 worker", format!("{ratio:.2} x"), bar);
    Ok(())
}

/// Tells a rate, and the workers it took.
pub(super) fn tell_rate(table: &mut Table, piece: &str, what: &str, rate: f64, workers: usize) {
    let s = if workers == 1 { "" } else { "s" };
    table.tell(piece, &format!("{what}, {workers} worker{s}"), format!("{rate:.0} calls/s"));
}

pub(super) fn times(ratio: f64) -> String {
    format!("{ratio:.1} x")
}
