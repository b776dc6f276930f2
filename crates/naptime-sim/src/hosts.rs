//! Whether hosts that are down are spared, and get their calls back.

use std::collections::BTreeMap;
use std::time::Duration;

use naptime_core::{PoolSettings, Time};

use crate::people;
use crate::scenario::Scenario;
use crate::world::BEGINNING;

/// How long calls may go on to a host that is down: until its endpoints count as failing, have failed for long enough,
/// and are looked at.
const FOUND_WITHIN: Duration = Duration::from_secs(45);
/// A pause between calls after which it is counted anew.
const PAUSE: Duration = Duration::from_secs(3);
/// How long it may take until the store has heard of a call that failed, and who asked before that has called.
const HEARD_WITHIN: Duration = Duration::from_secs(10);

/// The calls to hosts that are down.
#[derive(Default)]
pub(crate) struct Hosts {
    /// Since when a host is called without a pause that nobody found to be down, and its last call.
    unspared: BTreeMap<usize, (Time, Time)>,
    /// The calls that a host refused, which was to get its calls back.
    refused: BTreeMap<usize, Vec<Time>>,
}

impl Hosts {
    /// Notes a call to a pool that is like this now, and what must not be of it; `begun`: those within the last second.
    pub(crate) fn call(
        &mut self,
        scenario: &Scenario,
        settings: &PoolSettings,
        (begun, now): (usize, Time),
        mut violation: impl FnMut(String),
    ) {
        let Some(number) = (0..scenario.pools.len()).find(|it| people::pool(*it) == settings.pool) else { return };
        let is_down = scenario.is_down(number, now.since(BEGINNING));
        let pool = &settings.pool;
        match settings.down {
            None if is_down && scenario.shows_down(number) => {
                let (since, last) = self.unspared.entry(number).or_insert((now, now));
                if now.since(*last) > PAUSE {
                    *since = now;
                }
                *last = now;
                if now.since(*since) > FOUND_WITHIN {
                    violation(format!("{pool} has been down since {since}, and its calls are not held back"));
                }
            }
            Some(down) if !down.is_probing() => {
                self.unspared.remove(&number);
                let refused = self.refused.entry(number).or_default();
                refused.retain(|at| *at > down.turned_at);
                if refused.iter().filter(|at| now.since(**at) > HEARD_WITHIN).count() > 2 {
                    violation(format!("{pool} fails again, and its calls go on"));
                }
                if is_down {
                    refused.push(now);
                }
                let seconds = now.since(down.turned_at).as_secs();
                let most = 1_usize << seconds.min(16);
                if seconds > 1 && down.since + crate::target::UNSETTLED < now && begun > most {
                    violation(format!("[11] {pool} has been back for {seconds} s, and {begun} calls began within one"));
                }
            }
            _ => drop(self.unspared.remove(&number)),
        }
    }
}
