//! Workers that are killed, stopped, or whose clocks are wrong.

use anyhow::Result;

use super::{Piece, Setting};
use crate::prove::Found;
use crate::table::{Bar, Table};

/// `kill -9`, ten times.
pub(super) async fn kills(setting: &Setting, table: &mut Table) -> Result<()> {
    let args =
        "--endpoints 1000 --every 1s --workers 3 --capacity 200 --kill-every 10s --target-delay 200ms --for 105s";
    let found = Found::by(setting, table, Piece::Kills, args).await?;
    let (leg, piece) = (found.leg(3)?, Piece::Kills.name());
    tell_calls(table, piece, &leg)?;
    none(table, piece, "endpoints never called again", &leg, "/verdict/never_called")?;
    none(table, piece, "calls that overlap within a lease", &leg, "/verdict/overlapping")?;
    let (p99, longest) = (leg.number("/verdict/recovery/p99_ms")? / 1e3, leg.number("/verdict/recovery/max_ms")? / 1e3);
    let bar = Bar::at_most(p99, 16.0, "s");
    table.check(piece, "what a killed worker held is called again, p99", format!("{p99:.2} s"), bar);
    table.tell(piece, "the same, longest", format!("{longest:.2} s"));
    Ok(())
}

/// SIGTERM, ten times, with 200 calls in flight.
pub(super) async fn restarts(setting: &Setting, table: &mut Table) -> Result<()> {
    let args =
        "--endpoints 1000 --every 1s --workers 3 --capacity 200 --stop-every 10s --target-delay 200ms --for 105s";
    let found = Found::by(setting, table, Piece::Restarts, args).await?;
    let (leg, piece) = (found.leg(3)?, Piece::Restarts.name());
    tell_calls(table, piece, &leg)?;
    none(table, piece, "calls repeated", &leg, "/verdict/repeated")?;
    none(table, piece, "calls lost", &leg, "/ledger/lost_runs")
}

/// One clock an hour ahead, one an hour behind.
pub(super) async fn skew(setting: &Setting, table: &mut Table) -> Result<()> {
    let args = "--endpoints 1000 --every 1s --workers 2 --skew 1h --for 30s";
    let found = Found::by(setting, table, Piece::Skew, args).await?;
    let (leg, piece) = (found.leg(2)?, Piece::Skew.name());
    none(table, piece, "calls early", &leg, "/verdict/early")?;
    none(table, piece, "calls repeated", &leg, "/verdict/repeated")?;
    let missed = missed(&leg)?;
    table.check(piece, "occurrences not called", missed.to_string(), Bar::none(missed));
    let longest = leg.number("/verdict/lag/max_ms")?;
    let bar = Bar::at_most(longest, 1_000.0, "ms");
    table.check(piece, "start lag, longest", format!("{longest:.0} ms"), bar);
    Ok(())
}

fn tell_calls(table: &mut Table, piece: &str, leg: &Found) -> Result<()> {
    let (calls, upset) = (leg.number("/verdict/calls")?, leg.numbers("/disturbances", "/at_us").count());
    table.tell(piece, "calls, workers killed or stopped", format!("{calls}, {upset}"));
    // Passed over because it was too late for them, and counted as missed.
    table.tell(piece, "occurrences not called", missed(leg)?.to_string());
    Ok(())
}

/// Occurrences that were due and not called.
fn missed(leg: &Found) -> Result<f64> {
    Ok(leg.number("/verdict/owed")? - leg.number("/verdict/called")?)
}

fn none(table: &mut Table, piece: &str, what: &str, leg: &Found, pointer: &str) -> Result<()> {
    let count = leg.number(pointer)?;
    table.check(piece, what, count.to_string(), Bar::none(count));
    Ok(())
}
