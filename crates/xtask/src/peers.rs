//! `cargo xtask bench --peers`: Naptime beside the products one would take in its place.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::run::{self, cargo};
use crate::{paths, test, tools};

/// What asks for it among the arguments of `bench`.
pub(crate) const ARGUMENT: &str = "--peers";

/// The help of this command.
pub(crate) const HELP: &str = "\
Measures Naptime beside BullMQ on Redis and pg-boss and graphile-worker on PostgreSQL: the
same work, in one run, on this machine. The judge is the target of `naptime prove`: a figure
is what the server that is called has seen, never what a product says of itself.

Usage: cargo xtask bench --peers [OPTIONS]

  backlog    one-off jobs that are all due, each one GET: calls/s from the first to the last
  recurring  jobs that are due every second, more than can be done: calls/s that were made

Options:
  --rounds N       Measure everything N times in turn, and print the medians     [1]
  --backlog N      One-off jobs                                                  [20000]
  --offered N      Recurring jobs, so many calls are due in a second             [10000]
  --seconds N      How long recurring calls are counted, after 10 s of warm-up   [10]
  --workers N      Worker processes of each product                              [1]
  --capacity N     Calls that one worker process makes at once                   [500]
  --naptime PATH   The binary, in place of a release build of this tree
  --before PATH    Another binary of Naptime, measured in the same run
  --only NAME      Only this product; may be repeated: naptime, before, original, bullmq,
                   pg-boss, graphile-worker. `original` is the algorithm that Naptime began
                   with

A round takes about five minutes, of which Naptime and the original's algorithm take three;
--before adds one. The machine should have nothing else to do: the table says if it had.

Redis, PostgreSQL and mongod run on ports and in folders of their own, which are gone
afterwards. Fetched if missing: redis-server and postgresql by apt-get, Node.js from PyPI into
target/tools/node, the packages of crates/naptime-bench/benches/peers/node/package-lock.json
by npm into target/tools/peers.
";

/// Gets what is missing, builds for release and measures with `args`.
pub(crate) fn run(args: &[String]) -> Result<ExitCode> {
    let mut args = with_absolute_paths(args)?;
    tools::for_peers()?;
    println!("xtask: building the benchmark for release");
    if !args.iter().any(|arg| arg == "--naptime") {
        run::shown(cargo().args(["build", "--release", "--workspace", "--bin", "naptime"]))?;
        args.extend(["--naptime".to_owned(), test::program(true)?.display().to_string()]);
    }
    run::shown(cargo().args(["bench", "--workspace", "--bench", "peers", "--no-run"]))?;
    // The folders of all servers are on the same disk, which in /tmp may be memory.
    let folder = paths::workspace().join("target/bench");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let bench = ["bench", "--quiet", "--workspace", "--bench", "peers", "--"];
    let status = cargo().args(bench).args(args).env("TMPDIR", folder).status().context("cannot start cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The arguments without the one that asks for this command. Cargo starts a benchmark in another folder than this one.
fn with_absolute_paths(args: &[String]) -> Result<Vec<String>> {
    let mut all = Vec::new();
    let mut is_path = false;
    for arg in args.iter().filter(|arg| *arg != ARGUMENT) {
        all.push(if is_path { absolute(arg)? } else { arg.clone() });
        is_path = arg == "--naptime" || arg == "--before";
    }
    Ok(all)
}

fn absolute(path: &str) -> Result<String> {
    let path: PathBuf = std::path::absolute(path).with_context(|| format!("{path:?} is no path"))?;
    Ok(path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_folder_it_was_started_from() {
        let args = ["--peers", "--before", "old/naptime", "--only", "before"].map(str::to_owned);
        let expected = std::env::current_dir().unwrap().join("old/naptime").display().to_string();
        assert_eq!(with_absolute_paths(&args).unwrap(), ["--before", &*expected, "--only", "before"]);
    }
}
