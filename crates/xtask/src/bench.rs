//! `cargo xtask bench`: the speed of a release build on a real mongod, mostly as `naptime prove` finds it.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::run::{self, cargo};
use crate::tools;

/// Gets mongod and faketime, builds for release and runs the benchmark with `args`. Fails if it misses a bar.
pub(crate) fn run(args: &[String]) -> Result<ExitCode> {
    tools::for_bench()?;
    println!("xtask: building the program and the benchmark for release");
    // All of the workspace, so that both have their dependencies with the same features and these are built once.
    run::shown(cargo().args(["build", "--release", "--workspace", "--bin", "naptime"]))?;
    run::shown(cargo().args(["bench", "--workspace", "--bench", "speed", "--no-run"]))?;
    let bench = ["bench", "--quiet", "--workspace", "--bench", "speed", "--"];
    let status = cargo().args(bench).args(args).status().context("cannot start cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
