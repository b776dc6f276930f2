//! `cargo xtask bench --peers`: Naptime beside the products that others would choose, on the same work, in one run.
//!
//! The judge is the target of `naptime prove`: every rate comes from the calls that it saw. `naptime prove` runs Naptime's
//! workers; a Node.js program (`node/`) runs the workers of each peer, with the settings that suit many small jobs best.
//! Each workload starts with an empty database, and only one product runs at a time.
//!
//! Rates depend on the machine and on its other users. Ratios within one run depend on them less.
#![allow(clippy::disallowed_methods, reason = "it measures from outside, by the clock of this machine")]
#![allow(clippy::print_stdout, reason = "a benchmark talks on stdout")]

mod args;
mod judge;
mod naptime;
mod node;
mod original;
mod peer;
mod product;
mod round;
mod server;
mod table;

use std::process::ExitCode;

use crate::args::Args;
use crate::round::Round;

#[tokio::main]
async fn main() -> ExitCode {
    let args = match Args::read(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(message) => {
            eprintln!("bench: {message}");
            return ExitCode::from(64);
        }
    };
    // Ctrl-C drops the rounds, and with them every process and folder.
    let rounds = tokio::select! {
        rounds = rounds(&args) => rounds,
        _ = tokio::signal::ctrl_c() => {
            eprintln!("bench: told to stop");
            return ExitCode::FAILURE;
        }
    };
    println!("\n{}", table::table(&args, &rounds));
    let failures: Vec<&String> = rounds.iter().flat_map(|round| &round.failures).collect();
    for failure in &failures {
        println!("FAILED: {failure}");
    }
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs all products once per round: a machine that gets slower meanwhile does so for all of them.
async fn rounds(args: &Args) -> Vec<Round> {
    let mut rounds = Vec::new();
    for number in 1..=args.rounds {
        rounds.push(Round::run(args, number).await);
    }
    rounds
}
