//! Plays two thousand seeds, with whatever goes wrong in them.

use naptime_sim::run;
use naptime_sim::scenario::Scenario;
use naptime_sim::sweep::{sweep, told};
use naptime_sim::trace::Trace;

#[test]
fn nothing_is_wrong_in_two_thousand_seeds() {
    let sweep = sweep(0, |seeds, _| seeds >= 2_000);
    println!("{} seeds, {} calls", sweep.seeds, sweep.calls);
    if let Some(&first) = sweep.failed.first() {
        panic!("seeds {:?} fail; the first of them made small:\n{}", sweep.failed, told(first));
    }
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for seed in 0..20 {
        let play = || run(&Scenario::of(seed), Trace::hashed()).trace.hash();
        assert_eq!(play(), play(), "seed {seed}");
    }
}

#[test]
fn different_seeds_give_different_runs() {
    let hash = |seed| run(&Scenario::of(seed), Trace::hashed()).trace.hash();
    assert_ne!(hash(1), hash(2));
}
