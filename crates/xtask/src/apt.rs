//! Debian packages: the way to what only comes with the system.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{paths, run};

/// Installs `packages` if we are root on a Debian-like system; else fails with what to do by hand.
pub(crate) fn install(packages: &[&str], why: &str) -> Result<()> {
    let list = packages.join(" ");
    if !paths::on_path("apt-get") {
        bail!("{why}. There is no apt-get here: install by hand what Debian calls `{list}`");
    }
    if !is_root()? {
        bail!("{why}. Install it: sudo apt-get install -y --no-install-recommends {list}");
    }
    println!("xtask: {why}: installing the Debian packages {list}");
    run::shown(apt_get().arg("update").arg("-q"))?;
    run::shown(apt_get().args(["install", "-y", "-q", "--no-install-recommends"]).args(packages))
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_root() -> Result<bool> {
    let output = Command::new("id").arg("-u").output().context("cannot start `id`")?;
    Ok(output.stdout.trim_ascii() == b"0")
}
