//! What it costs to have many endpoints, and many calls in flight.

use anyhow::Result;

use super::{Piece, Setting};
use crate::prove::Found;
use crate::table::{Bar, Table};

/// As many calls per second from a million endpoints as from ten thousand.
pub(super) async fn million(setting: &Setting, table: &mut Table) -> Result<()> {
    let piece = Piece::Million.name();
    let mut costs = Vec::new();
    for (endpoints, every) in [("10000", "10s"), ("1000000", "1000s")] {
        let args = format!("--endpoints {endpoints} --every {every} --workers 1 --for 30s");
        let leg = Found::by(setting, table, Piece::Million, &args).await?.leg(1)?;
        let rate = leg.number("/verdict/calls_per_second")?;
        let cost = leg.number("/used/workers_us_per_call")? + leg.number("/used/database_us_per_call")?;
        let measured = format!("{cost:.0} us, at {rate:.0} calls/s");
        table.tell(piece, &format!("CPU per call, worker and mongod, {endpoints} endpoints"), measured);
        costs.push(cost);
    }
    let ratio = costs[1] / costs[0];
    let bar = Bar::at_most(ratio, 1.15, "x").aim("1.05 x");
    table.check(piece, "CPU per call, 1,000,000 / 10,000", format!("{ratio:.2} x"), bar);
    Ok(())
}

/// Endpoints that are rarely due.
pub(super) async fn idle(setting: &Setting, table: &mut Table) -> Result<()> {
    let args = "--endpoints 10000 --every 1h --workers 1 --for 60s";
    let found = Found::by(setting, table, Piece::Idle, args).await?;
    let (leg, piece) = (found.leg(1)?, Piece::Idle.name());
    let rate = leg.number("/verdict/calls_per_second")?;
    let share = |cost: f64| 100.0 * cost * rate / 1e6;
    let worker = share(leg.number("/used/workers_us_per_call")?);
    let mongod = share(leg.number("/used/database_us_per_call")?);
    let both = worker + mongod;
    let bar = Bar::at_most(both, 1.5, "% of a core").aim("0.8 %");
    table.check(piece, "CPU of worker and mongod", format!("{both:.2} %"), bar);
    table.tell(piece, "of it the worker, the mongod", format!("{worker:.2} %, {mongod:.2} %"));
    table.tell(piece, "calls meanwhile", format!("{rate:.1} calls/s"));
    Ok(())
}

/// Twice as much is due as a worker has slots for, so that all of them are taken.
pub(super) async fn memory(setting: &Setting, table: &mut Table) -> Result<()> {
    let args = "--endpoints 2000 --every 1s --workers 1 --capacity 1000 --target-delay 1s --for 20s";
    let found = Found::by(setting, table, Piece::Memory, args).await?;
    let (leg, piece) = (found.leg(1)?, Piece::Memory.name());
    // Calls of a second each.
    let in_flight = leg.number("/verdict/calls_per_second")?;
    table.check(piece, "calls in flight", format!("{in_flight:.0}"), Bar::at_least(in_flight, 900.0, ""));
    let mib = leg.number("/used/worker_mib")?;
    let bar = Bar::at_most(mib, 60.0, "MiB").aim("45 MiB");
    table.check(piece, "memory of the worker", format!("{mib:.1} MiB"), bar);
    Ok(())
}
