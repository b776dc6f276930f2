//! 10,000 endpoints that are rarely due: what it costs to have them.

use std::time::Duration;

use anyhow::Result;
use naptime_core::duration::show;
use naptime_tests::Naptime;

use super::Setting;
use crate::ground::{Used, end, fill_mongo, spread};
use crate::mongod::{Mongod, drop_database};
use crate::table::{Bar, Table};
use crate::target::Target;
use crate::usage;

const ENDPOINTS: usize = 10_000;
const PERIOD: Duration = Duration::from_secs(3600);
const LENGTH: Duration = Duration::from_secs(30);
/// Until the database has written what filling it left to write.
const SETTLE: Duration = Duration::from_secs(5);

pub(super) async fn run(setting: &Setting, table: &mut Table) -> Result<()> {
    let target = Target::start()?;
    let database = setting.mongo.fresh_database();
    fill_mongo(&database, spread(&target, ENDPOINTS, PERIOD)?).await?;
    let mongod = Mongod::of(&database).await?;
    tokio::time::sleep(SETTLE).await;
    let alone = Used::during(&[mongod.pid], tokio::time::sleep(LENGTH / 3)).await?;
    let worker = Naptime::worker(&database).start().await;
    target.first_call().await?;
    tokio::time::sleep(SETTLE).await;
    let (before, commands_before) = (target.count(), mongod.commands().await?);
    let used = Used::during(&[worker.pid(), mongod.pid], tokio::time::sleep(LENGTH)).await?;
    let (calls, commands) = (target.count() - before, mongod.commands().await? - commands_before);
    let rss = usage::peak_rss_mib(worker.pid())?;
    end(&worker).await?;
    drop_database(&database).await?;

    let piece = format!("idle: {ENDPOINTS} endpoints every {} for {}", show(PERIOD), show(LENGTH));
    let percent = used.percent();
    let share = |process: usize| 100.0 * used.cpu[process].as_secs_f64() / used.time.as_secs_f64();
    let bar = Bar::below(percent, 3.0, "% of a core");
    table.check(&piece, "CPU of worker and mongod", format!("{percent:.2} %"), bar);
    table.tell(&piece, "of it the worker, the mongod", format!("{:.2} %, {:.2} %", share(0), share(1)));
    table.tell(&piece, "the same mongod without a worker", format!("{:.2} %", alone.percent()));
    table.tell(&piece, "calls meanwhile, round trips to mongod", format!("{calls}, {commands}"));
    table.check(&piece, "memory of the worker, peak", format!("{rss:.1} MiB"), Bar::below(rss, 60.0, "MiB"));
    Ok(())
}
