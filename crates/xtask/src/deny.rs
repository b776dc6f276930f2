//! `cargo xtask deny`: licences, sources and known faults of what is depended on, by cargo-deny and `deny.toml`.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::run::{self, cargo};
use crate::{paths, tools};

/// Checks everything. Known faults (advisories) are in a database on the internet, which not every machine reaches; where
/// it cannot be had, that is said, and the rest still counts.
pub(crate) fn run() -> Result<ExitCode> {
    let deny = tools::cargo_deny()?;
    let deny = || {
        let mut command = Command::new(&deny);
        command.current_dir(paths::workspace()).args(["--all-features", "--log-level", "warn"]);
        command
    };
    run::shown(cargo().args(["fetch", "--locked"]))?;
    run::shown(deny().args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]))?;
    match run::quiet(deny().args(["fetch", "db"])) {
        Ok(()) => run::shown(deny().args(["check", "advisories"]))?,
        Err(_) => println!("xtask: advisories are NOT checked: their database cannot be reached from here"),
    }
    Ok(ExitCode::SUCCESS)
}
