//! `cargo xtask simulate`: plays seeds until enough calls were made, or one seed again.
#![allow(clippy::print_stdout, reason = "a command-line tool talks on stdout")]

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::Parser;
use naptime_sim::run;
use naptime_sim::scenario::Scenario;
use naptime_sim::shrink::Kept;
use naptime_sim::sweep::{sweep, told};
use naptime_sim::trace::Trace;

/// Plays random scenarios with real workers on a simulated store, clock and network, and judges them.
#[derive(Parser)]
#[command(name = "cargo xtask simulate")]
struct Options {
    /// Play this seed alone, and tell what is wrong with it.
    #[arg(long)]
    seed: Option<u64>,
    /// Of this seed, play these events only: `0,3`, or `none`.
    #[arg(long, requires = "seed", value_parser = numbers)]
    events: Option<BTreeSet<usize>>,
    /// Of this seed, play these jobs only.
    #[arg(long, requires = "seed", value_parser = numbers)]
    jobs: Option<BTreeSet<usize>>,
    /// Tell all that happens.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Play so many seeds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// Play seeds until so many calls were made.
    #[arg(long, conflicts_with = "seeds")]
    calls: Option<u64>,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
}

fn numbers(text: &str) -> Result<BTreeSet<usize>, String> {
    let number = |word: &str| word.trim().parse().map_err(|_| format!("`{word}` is no number"));
    if text == "none" { Ok(BTreeSet::new()) } else { text.split(',').map(number).collect() }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let holds = match options.seed {
        Some(seed) => one(seed, &options),
        None => many(&options),
    };
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Plays one seed. Returns whether all holds.
fn one(seed: u64, options: &Options) -> bool {
    let whole = Scenario::of(seed);
    let all = Kept::all(&whole);
    let kept =
        Kept { events: options.events.clone().unwrap_or(all.events), jobs: options.jobs.clone().unwrap_or(all.jobs) };
    let scenario = kept.of(&whole);
    println!("seed {seed}: {} workers of {} slots", scenario.workers, scenario.capacity);
    for (number, limits) in scenario.pools.iter().enumerate() {
        println!("  pool {number}: {limits:?}");
    }
    for (number, job) in scenario.jobs() {
        println!("  job {number}: {job:?}");
    }
    for (number, event) in scenario.events.iter().enumerate() {
        if let Some(event) = event {
            println!("  event {number}: at {:?} {:?}", event.at, event.what);
        }
    }
    let report = run(&scenario, if options.trace { Trace::told() } else { Trace::hashed() });
    report.trace.lines().iter().for_each(|line| println!("{line}"));
    println!("{} calls, trace {:016x}", report.calls, report.trace.hash());
    report.violations.iter().for_each(|violation| println!("{violation}"));
    report.violations.is_empty()
}

/// Plays seeds on all cores. Returns whether all holds.
fn many(options: &Options) -> bool {
    let swept = sweep(options.from, |seeds, calls| {
        if seeds % 500 == 0 {
            println!("{seeds} seeds, {calls} calls");
        }
        options.calls.map_or(seeds >= options.seeds, |most| calls >= most)
    });
    println!("{} seeds, {} calls, {} seeds failed", swept.seeds, swept.calls, swept.failed.len());
    if let Some(&seed) = swept.failed.first() {
        println!("failed: {:?}; the first of them is made small:", swept.failed);
        println!("{}", told(seed));
    }
    swept.failed.is_empty()
}
