//! The main load on the embedded store: `naptime up`, the jobs added beside it.

use std::time::Duration;

use anyhow::Result;
use naptime_core::duration::show;
use naptime_sqlite::SqliteStore;
use naptime_tests::Naptime;
use naptime_tests::sqlite::File;

use super::{ENDPOINTS, PERIOD, judge_main_load};
use crate::ground::{fill, schedules, spread, watch};
use crate::table::Table;
use crate::target::Target;

const LENGTH: Duration = Duration::from_secs(20);

pub(super) async fn run(table: &mut Table) -> Result<()> {
    let target = Target::start()?;
    let file = File::fresh();
    let naptime = Naptime::up(&file).env("RUST_LOG", "warn").start().await;
    let jobs = spread(&target, ENDPOINTS, PERIOD)?;
    let schedules = schedules(&jobs);
    fill(&SqliteStore::open(file.path(), naptime_sqlite::Options::default())?, jobs).await?;
    let watched = watch(&target, &schedules, &naptime, None, LENGTH).await?;
    let piece = format!("embedded: the same on SQLite, web and worker in one process, for {}", show(LENGTH));
    judge_main_load(table, &piece, &watched);
    Ok(())
}
