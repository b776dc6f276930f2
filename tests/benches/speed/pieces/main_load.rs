//! 1,000 endpoints called every second by one worker on MongoDB.

use anyhow::Result;
use naptime_core::duration::show;
use naptime_tests::Naptime;

use super::{ENDPOINTS, PERIOD, Setting, judge_main_load};
use crate::ground::{fill_mongo, schedules, spread, watch};
use crate::mongod::{Mongod, drop_database};
use crate::table::Table;
use crate::target::Target;

pub(super) async fn run(setting: &Setting, table: &mut Table) -> Result<()> {
    let target = Target::start()?;
    let database = setting.mongo.fresh_database();
    let jobs = spread(&target, ENDPOINTS, PERIOD)?;
    let schedules = schedules(&jobs);
    fill_mongo(&database, jobs).await?;
    // With the settings as they come: a capacity of 100.
    let worker = Naptime::worker(&database).start().await;
    let mongod = Mongod::of(&database).await?;
    let watched = watch(&target, &schedules, &worker, Some(&mongod), setting.length).await?;
    let piece = format!("main: {ENDPOINTS} endpoints every {} for {}", show(PERIOD), show(setting.length));
    judge_main_load(table, &piece, &watched);
    drop_database(&database).await
}
