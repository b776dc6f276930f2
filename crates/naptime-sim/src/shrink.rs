//! Makes a failing run small: leaves out events and jobs for as long as it fails.

use std::collections::BTreeSet;

use crate::scenario::Scenario;

/// What is left of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The numbers of the events that happen.
    pub events: BTreeSet<usize>,
    /// The numbers of the jobs that are added.
    pub jobs: BTreeSet<usize>,
}

impl Kept {
    /// All of a scenario.
    pub fn all(scenario: &Scenario) -> Self {
        Self { events: scenario.happening(), jobs: scenario.jobs().map(|(number, _)| number).collect() }
    }

    /// The part of the scenario.
    pub fn of(&self, scenario: &Scenario) -> Scenario {
        scenario.clone().with_only(&self.events).with_jobs(&self.jobs)
    }
}

/// A small part of the scenario that `fails`, as the whole does. No event and no job can be left out of it.
pub fn shrink(scenario: &Scenario, fails: impl Fn(&Scenario) -> bool) -> Kept {
    let mut kept = Kept::all(scenario);
    loop {
        let before = kept.clone();
        kept.events = smaller(&kept.events, |events| fails(&Kept { events, ..kept.clone() }.of(scenario)));
        kept.jobs = smaller(&kept.jobs, |jobs| fails(&Kept { jobs, ..kept.clone() }.of(scenario)));
        if kept == before {
            return kept;
        }
    }
}

/// The set without whatever can be left out: large parts first, then small ones.
fn smaller(all: &BTreeSet<usize>, fails: impl Fn(BTreeSet<usize>) -> bool) -> BTreeSet<usize> {
    let mut kept: Vec<usize> = all.iter().copied().collect();
    let mut part = kept.len();
    while part > 0 {
        let mut from = 0;
        while from < kept.len() {
            let to = (from + part).min(kept.len());
            let rest: Vec<usize> = kept[..from].iter().chain(&kept[to..]).copied().collect();
            if fails(rest.iter().copied().collect()) {
                kept = rest;
            } else {
                from = to;
            }
        }
        part /= 2;
    }
    kept.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_needed_is_left_out() {
        let all: BTreeSet<usize> = (0..50).collect();
        let needed = [7, 8, 31];
        let kept = smaller(&all, |some| needed.iter().all(|number| some.contains(number)));
        assert_eq!(kept.into_iter().collect::<Vec<_>>(), needed);
    }
}
