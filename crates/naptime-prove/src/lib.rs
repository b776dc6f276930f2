//! Proves on a database what Naptime promises: starts workers, a target that notes every call, disturbs the workers as
//! asked, and holds what the target saw against the schedule and against what the database says.
//!
//! It stands outside of what it judges: worker processes of the program itself, a database of its own, and one clock,
//! that of this machine, for all calls.
#![allow(clippy::disallowed_methods, reason = "it measures from outside, by the clock of this machine")]

mod clock;
mod database;
mod error;
mod faults;
mod format;
mod ground;
mod html;
pub mod judge;
pub mod ledger;
mod leg;
mod limits;
mod load;
mod meter;
mod options;
mod progress;
mod report;
mod rows;
#[cfg(test)]
mod sample;
mod summary;
mod table;
mod target;
mod usage;
mod warm_up;
mod watch;
mod workers;

use tokio_util::sync::CancellationToken;

pub use clock::Clock;
pub use error::Error;
pub use html::html;
pub use options::{Options, Where};
pub use progress::Progress;
pub use report::{Disturbance, Disturbed, Fault, Lag, Ledger, Leg, Machine, Recovery, Report, Second, Used, Verdict};
pub use table::table;
pub use target::{Arrival, Target};
pub use usage::{cpu_of_all, cpu_of_family};
pub use warm_up::WarmUp;

use crate::error::Result;
use crate::ground::Ground;
use crate::leg::Plan;

/// Runs all that the options ask for, and tells what was found; and if something ended it before all had run, what.
/// `cancel` is the word to stop.
///
/// What it started has ended when this returns, and its databases are dropped.
///
/// # Errors
/// If the options are wrong, or the database or this machine fail or it was told to stop before anything was found.
/// That what is promised does not hold is no error: [`Report::holds`] tells.
pub async fn prove(options: Options, progress: Progress, cancel: CancellationToken) -> Result<(Report, Option<Error>)> {
    options.check().map_err(Error::Options)?;
    limits::raise();
    let at = Clock::default().now();
    let ground = Ground::new(&options.database, cancel).await?;
    let mut report = Report {
        at,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        machine: machine(),
        database: ground.server.name.clone(),
        options: options.clone(),
        legs: Vec::new(),
        cut_short: None,
    };
    let say_so = async {
        ground.told_to_stop().await;
        let dropping = ground.database_name().map(|name| format!("; dropping {name}"));
        progress.say(format!("stopping{}", dropping.unwrap_or_default()));
        std::future::pending::<()>().await;
    };
    let ended = tokio::select! {
        ended = run(&ground, &options, &progress, &mut report) => ended,
        () = say_so => Ok(()),
    };
    match ended {
        Ok(()) => Ok((report, None)),
        Err(error) if report.legs.is_empty() => Err(error),
        Err(error) => {
            report.cut_short = Some(error.to_string());
            Ok((report, Some(error)))
        }
    }
}

async fn run(ground: &Ground, options: &Options, progress: &Progress, report: &mut Report) -> Result<()> {
    for plan in plans(options) {
        report.legs.push(leg::run(ground, options, plan, progress).await?);
    }
    Ok(())
}

/// The legs: each load by each number of workers.
fn plans(options: &Options) -> Vec<Plan> {
    let loads = std::iter::once(None).chain(options.backlog.map(Some));
    loads.flat_map(|backlog| options.workers.iter().map(move |&workers| Plan { workers, backlog })).collect()
}

fn machine() -> Machine {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    Machine {
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        memory_mib: usage::memory_mib(),
        system: format!("Linux {}", kernel.trim()),
    }
}
