//! Plays many seeds, on all cores.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::run;
use crate::scenario::Scenario;
use crate::shrink::shrink;
use crate::trace::Trace;

/// The most seeds that fail before a sweep ends.
const MOST_FAILED: usize = 10;

/// What a sweep came to.
#[derive(Debug, Default)]
pub struct Sweep {
    /// The seeds that were played.
    pub seeds: u64,
    /// The calls in all of them.
    pub calls: u64,
    /// The seeds in which something was wrong.
    pub failed: Vec<u64>,
}

/// Plays seeds from this one on, until `enough` says so of their number and that of all calls, or ten have failed.
pub fn sweep(from: u64, enough: impl Fn(u64, u64) -> bool + Sync) -> Sweep {
    let (next, ended) = (AtomicU64::new(from), AtomicBool::new(false));
    let sum = Mutex::new(Sweep::default());
    let work = || {
        while !ended.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let report = run(&Scenario::of(seed), Trace::hashed());
            let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
            sum.seeds += 1;
            sum.calls += report.calls as u64;
            if !report.violations.is_empty() {
                sum.failed.push(seed);
            }
            if sum.failed.len() >= MOST_FAILED || enough(sum.seeds, sum.calls) {
                ended.store(true, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        (0..cores).for_each(|_| drop(scope.spawn(work)));
    });
    let mut sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    sum.failed.sort_unstable();
    sum
}

/// Makes a failing seed small, and tells what is wrong and how to play it again.
pub fn told(seed: u64) -> String {
    let whole = Scenario::of(seed);
    let kept = shrink(&whole, |scenario| !run(scenario, Trace::hashed()).violations.is_empty());
    let violations = run(&kept.of(&whole), Trace::hashed()).violations.join("\n");
    let (events, jobs) = (list(&kept.events), list(&kept.jobs));
    format!("{violations}\nplay it again: cargo xtask simulate --seed {seed} --events {events} --jobs {jobs} --trace")
}

fn list(numbers: &BTreeSet<usize>) -> String {
    let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
    if numbers.is_empty() { "none".to_owned() } else { numbers.join(",") }
}
