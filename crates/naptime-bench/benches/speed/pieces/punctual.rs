//! 1,000 endpoints called every second by one worker, with the settings as they come.

use anyhow::Result;

use super::{Piece, Setting};
use crate::prove::Found;
use crate::table::{Bar, Table};

pub(super) async fn main(setting: &Setting, table: &mut Table) -> Result<()> {
    let args = "--endpoints 1000 --every 1s --workers 1 --for 60s";
    let found = Found::by(setting, table, Piece::Main, args).await?;
    let (leg, piece) = (found.leg(1)?, Piece::Main.name());
    let (called, owed) = (leg.number("/verdict/called")?, leg.number("/verdict/owed")?);
    table.check(piece, "occurrences called", format!("{called} of {owed}"), Bar::new("all", called == owed));
    let (p50, p99) = (leg.number("/verdict/lag/p50_ms")?, leg.number("/verdict/lag/p99_ms")?);
    table.check(piece, "start lag p50", format!("{p50:.2} ms"), Bar::at_most(p50, 1.2, "ms").aim("1 ms"));
    table.check(piece, "start lag p99", format!("{p99:.1} ms"), Bar::at_most(p99, 6.0, "ms").aim("4 ms"));
    table.tell(piece, "start lag, longest", format!("{:.0} ms", leg.number("/verdict/lag/max_ms")?));
    table.tell(piece, "CPU per call, worker", format!("{:.0} us", leg.number("/used/workers_us_per_call")?));
    table.tell(piece, "CPU per call, mongod", format!("{:.0} us", leg.number("/used/database_us_per_call")?));
    table.tell(piece, "commands to mongod per call", format!("{:.2}", leg.number("/used/commands_per_call")?));
    table.tell(piece, "memory of the worker", format!("{:.1} MiB", leg.number("/used/worker_mib")?));
    Ok(())
}
