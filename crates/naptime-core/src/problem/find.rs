//! Which problems there are.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::host::{down, pool_down};
use super::{Kind, Problem, Whose};
use crate::plan::{Because, Late};
use crate::worker::Worker;
use crate::{Breach, Cause, Endpoint, JobId, Last, Outcome, Pool, PoolSettings, Recent, Time, Trouble};

/// How long the limits of a pool may hold back the first of its calls before that is a problem.
const LIMIT_TOLD_AFTER: std::time::Duration = std::time::Duration::from_secs(60);

/// What a store knows.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The present.
    pub now: Time,
    /// Why the store takes no writes, if it takes none.
    pub fault: Option<&'a str>,
    /// The endpoints that are switched on.
    pub active: u64,
    /// The workers that were heard of.
    pub workers: &'a [Worker],
    /// The calls that are late, those of pools with limits and of pools that are off apart.
    pub late: Late,
    /// Since when the first of them is.
    pub late_since: Option<Time>,
    /// The pools with limits, and those that are off, of which calls are due, and since when.
    pub waiting: &'a [(PoolSettings, Time)],
    /// The endpoints with something of their own, as many as were looked at.
    pub ailing: &'a [Ailing],
    /// How many endpoints fail, those included that were not looked at.
    pub failing: u64,
    /// How many their targets have put off.
    pub put_off: u64,
    /// How many flap.
    pub flapping: u64,
    /// How many are in breach of their SLA.
    pub in_breach: u64,
    /// The one-off jobs that failed for good.
    pub failed_jobs: u64,
    /// The receivers that alerts do not reach, and how many do not. They are none of the above.
    pub failed_alerts: &'a BTreeMap<String, u64>,
    /// How many endpoints are switched on in each pool that may be down, as [`by_host`](super::by_host) tells.
    pub pool_sizes: &'a HashMap<Pool, u64>,
}

/// An endpoint with something of its own.
#[derive(Clone, Debug)]
pub struct Ailing {
    /// Its id.
    pub id: JobId,
    /// Its URL as it is shown.
    pub endpoint: Endpoint,
    /// Its name, which may be blank.
    pub name: String,
    /// The words it is found by.
    pub tags: Vec<String>,
    /// When it is called next.
    pub due: Option<Time>,
    /// What is wrong by how its last occurrences ended, and since when.
    pub trouble: Option<(Trouble, Time)>,
    /// The breach of its SLA that lasts.
    pub breach: Option<Breach>,
    /// How its last occurrences ended.
    pub recent: Recent,
    /// Its last run.
    pub last: Option<Last>,
}

/// The problems there are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The problems, the worst first: those of which all is known.
    pub problems: Vec<Problem>,
    /// How many there are in all.
    pub total: u64,
    /// Of them, endpoints that fail.
    pub failing: u64,
    /// Of them, endpoints in breach of their SLA that do not fail.
    pub in_breach: u64,
    /// Of them, endpoints that their targets have put off.
    pub put_off: u64,
    /// Of them, endpoints that flap.
    pub flapping: u64,
    /// The endpoints that have a problem which is not among them, since a worse one is told in its place.
    pub hidden: BTreeSet<JobId>,
}

impl Found {
    /// How many there are of each kind, in the order of [`Kind::NAMES`].
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let listed =
            move |kind: &str| self.problems.iter().filter(|problem| problem.kind.as_str() == kind).count() as u64;
        Kind::NAMES.into_iter().map(move |kind| match kind {
            "failing" => (kind, self.failing),
            "in_breach" => (kind, self.in_breach),
            "put_off" => (kind, self.put_off),
            "flapping" => (kind, self.flapping),
            _ => (kind, listed(kind)),
        })
    }
}

/// Finds the problems.
pub fn find(facts: &Facts<'_>) -> Found {
    let of_all = fleet(facts);
    let is_there = |is: fn(&Kind) -> bool| of_all.iter().any(|problem| is(&problem.kind));
    let no_worker = is_there(|kind| matches!(kind, Kind::NoWorker { .. } | Kind::Database { .. }));
    let late = is_there(|kind| matches!(kind, Kind::SlotsFull { .. } | Kind::Late { .. }));
    // Where nobody can call, no limit holds anything back.
    let of_pools: Vec<Problem> = pools(facts)
        .filter(|problem| {
            problem.kind == Kind::PoolOff || !(no_worker || is_there(|it| matches!(it, Kind::SlotsFull { .. })))
        })
        .collect();
    let is_pool_off = |pool: &Pool| {
        of_pools.iter().any(|problem| problem.kind == Kind::PoolOff && problem.of == Whose::Pool(pool.clone()))
    };
    // Calls that are held back because the host is down are late because of that.
    let is_held_back = |pool: &Pool| facts.waiting.iter().any(|(it, _)| it.down.is_some() && it.pool == *pool);
    // A breach that follows from a problem of all, or of its pool.
    let follows = |ailing: &Ailing| {
        ailing.breach.as_ref().is_some_and(|breach| match breach.cause {
            Cause::NoWorker => no_worker,
            Cause::LateStart => late || is_held_back(ailing.endpoint.pool()),
            Cause::SwitchedOff => is_pool_off(ailing.endpoint.pool()),
            Cause::TargetFailed => false,
        })
    };
    let ailing: Vec<Ailing> = facts
        .ailing
        .iter()
        .map(|ailing| Ailing { breach: ailing.breach.clone().filter(|_| !follows(ailing)), ..ailing.clone() })
        .collect();
    let followed = facts.ailing.iter().filter(|ailing| follows(ailing)).count() as u64;

    let down = down(&ailing, facts);
    let is_down = |ailing: &Ailing| down.contains_key(ailing.endpoint.pool()) && ailing.fails_by_host();
    let of_hosts = down.values().map(|members| members.len() as u64).sum::<u64>();
    let with_breach = |trouble| ailing.iter().filter(|it| it.is_in(trouble) && it.breach.is_some()).count() as u64;
    let looked_at = ailing.iter().filter(|ailing| ailing.is_in(Trouble::Failing)).count() as u64;
    // Those that were not looked at are taken to be like those that were.
    let failing = if of_hosts == looked_at { 0 } else { facts.failing.saturating_sub(of_hosts) };
    let put_off = facts.put_off.saturating_sub(with_breach(Trouble::PutOff));
    let flapping = facts.flapping.saturating_sub(with_breach(Trouble::Flapping));
    let in_breach = match followed {
        0 => facts.in_breach.saturating_sub(with_breach(Trouble::Failing)),
        _ => ailing.iter().filter(|it| it.breach.is_some() && !it.is_in(Trouble::Failing)).count() as u64,
    };
    let hosts = down.iter().map(|(pool, members)| pool_down(pool, members));
    let mut problems: Vec<Problem> = of_all.into_iter().chain(of_pools).chain(hosts).collect();
    let total = problems.len() as u64 + failing + in_breach + put_off + flapping;
    problems.extend(ailing.iter().filter(|ailing| !is_down(ailing)).filter_map(own));
    problems.sort_by_cached_key(|problem| (problem.kind.severity(), problem.kind.rank(), problem.since));
    let listed: BTreeSet<JobId> = problems.iter().filter_map(Problem::endpoint).collect();
    let hidden = facts.ailing.iter().map(|ailing| ailing.id).filter(|id| !listed.contains(id)).collect();
    Found { problems, total, failing, in_breach, put_off, flapping, hidden }
}

/// The problems of all.
fn fleet(facts: &Facts<'_>) -> Vec<Problem> {
    let mut kinds: Vec<(Kind, Option<Time>)> = Vec::new();
    let alive: Vec<&Worker> = facts.workers.iter().filter(|worker| worker.alive).collect();
    if let Some(fault) = facts.fault {
        // Nor can workers say that they live.
        return vec![Problem::of_all(Kind::Database { fault: fault.to_owned() }, None)];
    }
    let staying: Vec<&&Worker> = alive.iter().filter(|worker| !worker.beat.stopping).collect();
    // While one ends its calls, the next may be starting.
    let nobody = if alive.is_empty() { facts.active > 0 || facts.late.calls > 0 } else { facts.late.calls > 0 };
    if staying.is_empty() && nobody {
        let seen = facts.workers.iter().map(|worker| worker.seen_at).max();
        kinds.push((Kind::NoWorker { active: facts.active }, seen));
    }
    let (calls, since) = (facts.late.calls, facts.late_since);
    match facts.late.because {
        Some(Because::SlotsFull) => {
            kinds.push((Kind::SlotsFull { calls, more_workers: facts.late.more_workers }, since));
        }
        Some(Because::SlotsFree) => kinds.push((Kind::Late { calls }, since)),
        Some(Because::NoWorker) | None => {}
    }
    if facts.failed_jobs > 0 {
        kinds.push((Kind::JobsFailed { jobs: facts.failed_jobs }, None));
    }
    for (receiver, alerts) in facts.failed_alerts {
        kinds.push((Kind::AlertsFailed { receiver: receiver.clone(), alerts: *alerts }, None));
    }
    for worker in &alive {
        if let Some(trouble) = &worker.beat.trouble {
            kinds.push((Kind::WorkerTrouble { worker: worker.beat.id.name(), trouble: trouble.clone() }, None));
        }
    }
    let versions: BTreeSet<&str> = staying.iter().map(|worker| worker.beat.version.as_str()).collect();
    let releases: BTreeSet<&str> = staying.iter().filter_map(|worker| worker.beat.tzdb.as_deref()).collect();
    let owned = |all: BTreeSet<&str>| all.into_iter().map(str::to_owned).collect();
    if versions.len() > 1 {
        kinds.push((Kind::Versions { versions: owned(versions) }, None));
    }
    if releases.len() > 1 {
        kinds.push((Kind::Zones { releases: owned(releases) }, None));
    }
    kinds.into_iter().map(|(kind, since)| Problem::of_all(kind, since)).collect()
}

/// The problems of pools whose settings hold their calls back.
fn pools<'a>(facts: &'a Facts<'_>) -> impl Iterator<Item = Problem> + 'a {
    facts.waiting.iter().filter_map(|(settings, since)| {
        let kind = if !settings.active {
            Kind::PoolOff
        } else if settings.down.is_some() {
            // That its host is down is told instead.
            return None;
        } else if facts.now.since(*since) > LIMIT_TOLD_AFTER {
            Kind::PoolLimit { in_flight: settings.max_in_flight, per_second: settings.max_per_second }
        } else {
            return None;
        };
        let of = Whose::Pool(settings.pool.clone());
        Some(Problem { of, kind, tags: BTreeSet::new(), since: Some(*since), called_at: None, message: None })
    })
}

/// What is wrong with one endpoint, the worst of it.
fn own(ailing: &Ailing) -> Option<Problem> {
    let (kind, since) = match (ailing.trouble, &ailing.breach) {
        (Some((Trouble::Failing, since)), breach) => {
            let (failures, by_host) = (ailing.recent.failures, ailing.fails_by_host());
            (Kind::Failing { failures, breach: breach.is_some(), by_host }, since)
        }
        (_, Some(breach)) => (Kind::Breach { cause: breach.cause }, breach.from),
        (Some((Trouble::PutOff, since)), None) => (Kind::PutOff { until: ailing.due }, since),
        (Some((Trouble::Flapping, since)), None) => {
            (Kind::Flapping { failed: ailing.recent.failed(), of: ailing.recent.len() }, since)
        }
        (None, None) => return None,
    };
    let Ailing { id, endpoint, name, tags, .. } = ailing.clone();
    let of = Whose::Endpoint { id, endpoint, name };
    // A last run that ended well says nothing of what is wrong.
    let message = ailing.last.as_ref().filter(|last| last.outcome != Outcome::Ok).map(Last::in_words);
    let called_at = ailing.last.as_ref().map(|last| last.finished);
    Some(Problem { of, kind, tags: tags.into_iter().collect(), since: Some(since), called_at, message })
}

impl Ailing {
    pub(super) fn is_in(&self, trouble: Trouble) -> bool {
        self.trouble.is_some_and(|(it, _)| it == trouble)
    }
}

impl Found {
    /// Whether next to nothing is known, since nobody can call, or nothing can be written.
    pub(crate) fn is_blind(&self) -> bool {
        self.problems.iter().any(|problem| matches!(problem.kind, Kind::NoWorker { .. } | Kind::Database { .. }))
    }
}

impl Problem {
    /// The endpoint whose it is, if it is that of one.
    fn endpoint(&self) -> Option<JobId> {
        match &self.of {
            Whose::Endpoint { id, .. } => Some(*id),
            Whose::Fleet | Whose::Pool(_) => None,
        }
    }

    fn of_all(kind: Kind, since: Option<Time>) -> Self {
        Self { of: Whose::Fleet, kind, tags: BTreeSet::new(), since, called_at: None, message: None }
    }
}
