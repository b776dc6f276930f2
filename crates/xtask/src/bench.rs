//! `cargo xtask bench`: the speed of a release build on a real mongod.

use std::process::ExitCode;

use anyhow::Result;

use crate::run::{self, cargo};
use crate::tools;

/// Gets mongod, builds for release and runs the benchmark with `args`.
pub(crate) fn run(args: &[String]) -> Result<ExitCode> {
    tools::for_bench()?;
    println!("xtask: building the program for release");
    run::shown(cargo().args(["build", "--release", "-p", "naptime"]))?;
    run::shown(cargo().args(["bench", "-p", "naptime-tests", "--bench", "speed", "--"]).args(args))?;
    Ok(ExitCode::SUCCESS)
}
