//! `cargo xtask test`: everything, with nothing skipped.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result};

use crate::failures::Failures;
use crate::run::{self, cargo};
use crate::tools;
use crate::totals::Totals;

/// Gets the tools, builds, runs `cargo test --workspace` with `args` and prints at last what failed, and the totals.
pub(crate) fn run(args: &[String]) -> Result<ExitCode> {
    tools::for_tests()?;
    // The tests start the real program. Building it together with the tests builds the dependencies once only:
    // alone, it would get them with other features.
    println!("xtask: building the tests and the program");
    let release = args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--release");
    let what = ["build", "--workspace", "--tests", "--bin", "naptime", "--example", "host"];
    run::shown(cargo().args(what).args(release.then_some("--release")))?;

    println!("xtask: cargo test --workspace {}", args.join(" "));
    let mut child = cargo()
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(args)
        .env("NAPTIME_BIN", program(release)?)
        .env("RUST_TEST_THREADS", threads()?)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let output = child.stdout.take().context("cargo has no output")?;
    let (totals, failures) = pass_on(BufReader::new(output))?;
    let status = child.wait()?;

    print!("{failures}");
    println!("{totals}");
    // No test at all is not a success either, unless a filter asked for it.
    let nothing_ran = totals == Totals::default() && args.is_empty();
    let good = status.success() && totals.failed == 0 && !nothing_ran;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How many tests run at a time: one more than there are cores, because most of a test is waiting for its processes.
fn threads() -> Result<String> {
    if let Ok(threads) = std::env::var("RUST_TEST_THREADS") {
        return Ok(threads);
    }
    Ok((std::thread::available_parallelism()?.get() + 1).to_string())
}

/// Copies every line to stdout as it comes, adds up the results, and keeps what failed.
fn pass_on(mut output: impl BufRead) -> Result<(Totals, Failures)> {
    let (mut totals, mut failures) = (Totals::default(), Failures::default());
    let mut stdout = std::io::stdout().lock();
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line)? > 0 {
        stdout.write_all(&line)?;
        stdout.flush()?;
        let text = String::from_utf8_lossy(&line);
        totals.read(&text);
        failures.read(&text);
        line.clear();
    }
    Ok((totals, failures))
}

/// The program as built: in the same target folder as this one.
pub(crate) fn program(release: bool) -> Result<PathBuf> {
    let me = std::env::current_exe()?;
    let target = me.ancestors().nth(2).context("xtask is not in a target folder")?;
    Ok(target.join(if release { "release" } else { "debug" }).join("naptime"))
}
