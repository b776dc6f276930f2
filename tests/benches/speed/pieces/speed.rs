//! How many calls per second: recurring ones kept up, a backlog drained, with more workers, on the embedded store.

use anyhow::Result;

use super::{Piece, Setting};
use crate::prove::Found;
use crate::table::{Bar, Table};

/// The most recurring calls per second kept up, and how late they are a little below that.
pub(super) async fn sustained(setting: &Setting, table: &mut Table) -> Result<()> {
    let args = "--sustained --reference --workers 1,2,4 --capacity 500 --endpoints 200 --for 1s";
    let found = Found::by(setting, table, Piece::Sustained, args).await?;
    let piece = Piece::Sustained.name();
    let (ours, theirs) = (found.sustained("naptime")?, found.sustained("reference")?);
    let (our_rate, their_rate) = (ours.number("/calls_per_second")?, theirs.number("/calls_per_second")?);
    tell_rate(table, piece, "Naptime, recurring calls kept up", our_rate, ours.number("/workers")?);
    tell_rate(table, piece, "the original's algorithm", their_rate, theirs.number("/workers")?);
    let ratio = our_rate / their_rate;
    table.check(piece, "Naptime / the original", times(ratio), Bar::at_least(ratio, 12.0, "x").aim("20 x"));
    let p99 = ours.number("/lag_at_80/p99_ms")?;
    let bar = Bar::at_most(p99, 250.0, "ms").aim("100 ms");
    table.check(piece, "start lag p99 at 80 % of that", format!("{p99:.1} ms"), bar);
    Ok(())
}

/// One-off jobs due at once, beside the original and beside what the parts of a call cost by themselves.
pub(super) async fn backlog(setting: &Setting, table: &mut Table) -> Result<()> {
    let args = "--backlog 20000 --reference --workers 1,2,4 --capacity 500 --endpoints 200 --for 10s";
    let found = Found::by(setting, table, Piece::Backlog, args).await?;
    let piece = Piece::Backlog.name();
    let ((ours, our_workers), (theirs, their_workers)) = (found.drained("naptime")?, found.drained("reference")?);
    tell_rate(table, piece, "Naptime, 20,000 one-off jobs drained", ours, our_workers);
    tell_rate(table, piece, "the original's algorithm", theirs, their_workers);
    let ratio = ours / theirs;
    table.check(piece, "Naptime / the original", times(ratio), Bar::at_least(ratio, 12.0, "x").aim("20 x"));
    let raw = [
        ("claims and settles in batches", found.number("/raw/cycles")?),
        ("runs inserted", found.number("/raw/runs")?),
        ("HTTP calls", found.number("/raw/calls")?),
    ];
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
    compare(table, Piece::Scaling, &found, &[1, 2, 4], (0.95, "1.0 x"))
}

/// More workers when it is slots that are wanted, not cores.
pub(super) async fn slots(setting: &Setting, table: &mut Table) -> Result<()> {
    let args = "--endpoints 4000 --every 1s --workers 1,4 --capacity 100 --target-delay 200ms --for 15s";
    let found = Found::by(setting, table, Piece::Slots, args).await?;
    compare(table, Piece::Slots, &found, &[1, 4], (3.8, "4.0 x"))
}

/// The same as `sustained`, in a file and with one process.
pub(super) async fn embedded(setting: &Setting, table: &mut Table) -> Result<()> {
    let args = "--embedded --sustained --capacity 500 --endpoints 200 --for 1s";
    let found = Found::by(setting, table, Piece::Embedded, args).await?;
    let ours = found.sustained("naptime")?;
    let rate = ours.number("/calls_per_second")?;
    let bar = Bar::at_least(rate, 3_000.0, "calls/s").aim("10,000");
    table.check(Piece::Embedded.name(), "recurring calls kept up", format!("{rate:.0} calls/s"), bar);
    let p99 = ours.number("/lag_at_80/p99_ms")?;
    table.tell(Piece::Embedded.name(), "start lag p99 at 80 % of that", format!("{p99:.1} ms"));
    Ok(())
}

/// Calls per second by number of workers, and the last of them against the first.
fn compare(table: &mut Table, piece: Piece, found: &Found, workers: &[u64], (least, aim): (f64, &str)) -> Result<()> {
    let mut rates = Vec::new();
    for &workers in workers {
        let rate = found.leg(workers)?.number("/verdict/calls_per_second")?;
        tell_rate(table, piece.name(), "Naptime", rate, workers as f64);
        rates.push(rate);
    }
    let ratio = rates[rates.len() - 1] / rates[0];
    let bar = Bar::at_least(ratio, least, "x").aim(aim);
    table.check(piece.name(), "4 workers / 1 worker", format!("{ratio:.2} x"), bar);
    Ok(())
}

fn tell_rate(table: &mut Table, piece: &str, what: &str, rate: f64, workers: f64) {
    let s = if workers == 1.0 { "" } else { "s" };
    table.tell(piece, &format!("{what}, {workers} worker{s}"), format!("{rate:.0} calls/s"));
}

fn times(ratio: f64) -> String {
    format!("{ratio:.1} x")
}
