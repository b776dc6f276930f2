//! Which hosts are down, by the endpoints that fail because of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::find::{Ailing, Facts};
use super::{Kind, Problem, Whose};
use crate::{Last, Pool, Time, Trouble};

/// So many endpoints of a pool that fail because of their host are one problem of the pool, if they are half of all.
const POOL_DOWN_FROM: usize = 3;

/// How long they must have failed, and the host must not have answered any call, for its calls to be held back.
const HELD_BACK_AFTER: Duration = Duration::from_secs(10);

/// The endpoints that fail because of their host, by pool, where there are several of a pool: its host may be down.
pub fn by_host(ailing: &[Ailing]) -> BTreeMap<&Pool, Vec<&Ailing>> {
    let mut pools: BTreeMap<&Pool, Vec<&Ailing>> = BTreeMap::new();
    for ailing in ailing.iter().filter(|ailing| ailing.fails_by_host()) {
        pools.entry(ailing.endpoint.pool()).or_default().push(ailing);
    }
    pools.retain(|_, members| members.len() >= POOL_DOWN_FROM);
    pools
}

/// How many endpoints that fail were looked at, of how many that fail in all pools.
#[derive(Clone, Copy, Debug)]
pub struct LookedAt {
    /// Those that were looked at.
    pub failing: u64,
    /// All that fail.
    pub of: u64,
}

impl LookedAt {
    /// Whether a host is down by which these endpoints fail, of so many of its pool that are switched on. A host that
    /// answers most of its endpoints is not.
    pub fn is_down(self, failing: &[&Ailing], active: u64) -> bool {
        let seen = failing.len() as u64;
        // Those that were not looked at are taken to be like those that were.
        let estimate = seen.saturating_mul(self.of.max(self.failing)) / self.failing.max(1);
        failing.len() >= POOL_DOWN_FROM && estimate.saturating_mul(2) >= active
    }
}

/// Whether the calls of a host that is down are to be held back: it has been down for a while, and has answered no call
/// since. `answered_at`: when it last did, as far as that is known.
///
/// Endpoints that failed before that answer already don't count: the host fails them, and answers others.
pub fn is_to_be_spared(failing: &[&Ailing], answered_at: Option<Time>, now: Time) -> bool {
    let is_quiet = answered_at.is_none_or(|at| now.since(at) >= HELD_BACK_AFTER);
    let has_failed_since = |ailing: &&&Ailing| {
        ailing
            .trouble
            .is_some_and(|(_, since)| now.since(since) >= HELD_BACK_AFTER && answered_at.is_none_or(|at| since > at))
    };
    is_quiet && failing.iter().filter(has_failed_since).count() >= POOL_DOWN_FROM
}

/// The pools that are down, each with the endpoints that fail because of that.
pub(super) fn down<'a>(ailing: &'a [Ailing], facts: &Facts<'_>) -> BTreeMap<&'a Pool, Vec<&'a Ailing>> {
    let mut pools = by_host(ailing);
    let failing = ailing.iter().filter(|ailing| ailing.is_in(Trouble::Failing)).count() as u64;
    let looked_at = LookedAt { failing, of: facts.failing };
    pools.retain(|pool, members| looked_at.is_down(members, facts.pool_sizes.get(pool).copied().unwrap_or(0)));
    pools
}

pub(super) fn pool_down(pool: &Pool, members: &[&Ailing]) -> Problem {
    let latest = members.iter().filter_map(|ailing| ailing.last.as_ref()).max_by_key(|last| last.finished);
    let tags: BTreeSet<String> = members.iter().flat_map(|ailing| ailing.tags.iter().cloned()).collect();
    Problem {
        of: Whose::Pool(pool.clone()),
        kind: Kind::PoolDown { endpoints: members.len() as u64 },
        tags,
        since: members.iter().filter_map(|ailing| ailing.trouble).map(|(_, since)| since).min(),
        called_at: None,
        message: latest.map(Last::in_words),
    }
}

impl Last {
    /// Whether the run shows that the host is down; none if it shows nothing of that.
    pub fn shows_host_down(&self) -> Option<bool> {
        self.outcome.shows_host_down(self.status)
    }
}

impl Ailing {
    /// Whether it fails, and by its last run because its host cannot be reached or says that it is unavailable.
    pub(super) fn fails_by_host(&self) -> bool {
        self.is_in(Trouble::Failing) && self.last.as_ref().and_then(Last::shows_host_down) == Some(true)
    }
}
