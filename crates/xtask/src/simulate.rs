//! `cargo xtask simulate`: the simulator, as the tests build it.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::run::cargo;

/// Builds the simulator and runs it with `args`.
pub(crate) fn run(args: &[String]) -> Result<ExitCode> {
    let status = cargo()
        .args(["run", "--quiet", "-p", "naptime-sim", "--"])
        .args(args)
        .status()
        .context("cannot start cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
