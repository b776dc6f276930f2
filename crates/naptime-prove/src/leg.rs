//! One leg: so many workers under one load, from a fresh database to the verdict.

mod backlog;
mod recurring;

use std::fmt;
use std::time::Duration;

use naptime_core::Time;
use naptime_core::duration::show;
use naptime_core::state::LEASE;
use naptime_store::Store;

use crate::clock::Clock;
use crate::crew::Crew;
use crate::database::Database;
use crate::error::Result;
use crate::ground::Ground;
use crate::judge::{Kills, judge, seconds};
use crate::ledger;
use crate::load::Jobs;
use crate::meter::Meter;
use crate::progress::Progress;
use crate::report::{Disturbance, Disturbed, Leg, Subject, Used};
use crate::target::{Arrival, Target};
use crate::{Options, watch};

/// After the time watched, for what is held by a dead worker, or late.
const AFTER: Duration = LEASE.saturating_add(Duration::from_secs(2));

/// What is done in a leg.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Who calls.
    pub(crate) subject: Subject,
    /// How many of them.
    pub(crate) workers: usize,
    /// What is due.
    pub(crate) load: Load,
    /// How long it is watched; of a backlog, how long it may take the original's algorithm.
    pub(crate) window: Duration,
}

/// What is due.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Load {
    /// So many endpoints, each once in a period.
    Recurring {
        /// How many.
        endpoints: usize,
        /// The period.
        every: Duration,
    },
    /// So many one-off jobs, all due at once.
    Backlog(usize),
}

/// Runs a leg. Whatever becomes of it, its workers have ended afterwards and its database is dropped.
pub(crate) async fn run(ground: &Ground, options: &Options, plan: &Plan, progress: &Progress) -> Result<Leg> {
    ground.go_on()?;
    ground.stalled();
    progress.leg(plan);
    let clock = match plan.subject {
        Subject::Naptime => ground.clock,
        // The original's workers go by their own.
        Subject::Reference => Clock::default(),
    };
    let target = Target::start(options.target_delay, clock)?;
    let database = ground.database().await?;
    let leg = Under { ground, options, plan, progress, clock, target: &target, database: &database };
    let result = leg.worked().await;
    database.drop_after(result).await
}

/// A leg under way.
struct Under<'a> {
    ground: &'a Ground,
    options: &'a Options,
    plan: &'a Plan,
    progress: &'a Progress,
    clock: Clock,
    target: &'a Target,
    database: &'a Database,
}

/// What was watched.
struct Watched {
    /// The first and the last moment; the last is not within.
    window: (Time, Time),
    before: Meter,
    after: Meter,
    disturbances: Vec<Disturbance>,
}

impl Under<'_> {
    async fn worked(&self) -> Result<Leg> {
        let mut crew = Crew::new(self.ground, self.options, self.plan, self.database)?;
        let result = tokio::select! {
            result = self.run(&mut crew) => result,
            gone = watch::gone(self.database) => Err(gone),
        };
        if result.is_err() {
            crew.kill().await;
        }
        result
    }

    async fn run(&self, crew: &mut Crew) -> Result<Leg> {
        let store = self.database.store().await?;
        let mut jobs = Jobs::default();
        let watched = match self.plan.load {
            Load::Recurring { endpoints, every } => {
                self.set_out(crew, store.as_ref(), &mut jobs, endpoints, every).await?;
                self.recurring(crew, &jobs.schedules).await?
            }
            Load::Backlog(count) => self.backlog(crew, store.as_ref(), &mut jobs, count).await?,
        };
        self.progress.doing("ending the workers");
        let worker_mib = crew.peak_mib();
        let until = self.clock.now();
        self.ground.wait(crew.end()).await??;
        self.progress.doing("judging");
        let mut arrivals = self.target.take();
        if self.plan.subject == Subject::Naptime {
            // Clocks drift: by whichever reading the database's was further ahead.
            let later_us = self.ground.drift_us(self.database).await?;
            for call in &mut arrivals {
                call.at_us += later_us;
                call.ended_us = call.ended_us.map(|ended| ended + later_us);
            }
        }
        self.judged(store.as_ref(), &jobs, &arrivals, &watched, until, worker_mib).await
    }

    async fn start(&self, crew: &mut Crew, store: &dyn Store) -> Result<()> {
        self.progress.doing("starting workers");
        crew.start(self.ground, self.plan.workers, self.database, store).await
    }

    async fn judged(
        &self,
        store: &dyn Store,
        jobs: &Jobs,
        arrivals: &[Arrival],
        watched: &Watched,
        until: Time,
        worker_mib: f64,
    ) -> Result<Leg> {
        let kills = watched.disturbances.iter().filter(|it| it.kind == Disturbed::Killed);
        let kills: Vec<i64> = kills.map(|it| it.at_us).collect();
        let kills = Kills { at_us: &kills, lease: self.database.mongo().map_or(Duration::ZERO, |_| LEASE) };
        let (from, to) = watched.window;
        // For so long they may have been at work and nobody here to see it.
        let stalled = self.ground.stalled();
        let mut verdict = judge(arrivals, &jobs.schedules, watched.window, until - stalled, kills);
        if jobs.schedules.is_empty() {
            // The original counts a period from the call before. It has no schedule to be held to.
            (verdict.unexpected, verdict.faults) = (0, Vec::new());
        }
        let ledger = match self.plan.subject {
            Subject::Naptime => Some(self.ground.wait(ledger::compare(store, &jobs.ids, arrivals)).await??),
            Subject::Reference => None,
        };
        let (offered, backlog) = match self.plan.load {
            Load::Recurring { endpoints, every } => (Some(endpoints as f64 / every.as_secs_f64()), None),
            Load::Backlog(count) => (None, Some(count)),
        };
        Ok(Leg {
            subject: self.plan.subject,
            workers: self.plan.workers,
            offered,
            backlog,
            used: Used {
                stalled_ms: stalled.as_secs_f64() * 1e3,
                ..watched.before.until(&watched.after, verdict.calls, self.plan.subject, worker_mib)
            },
            verdict,
            ledger,
            seconds: seconds(arrivals, from, to),
            disturbances: watched.disturbances.clone(),
        })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.workers == 1 { "" } else { "s" };
        let subject = match self.subject {
            Subject::Naptime => "",
            Subject::Reference => " of the original's algorithm",
        };
        write!(f, "{} worker{s}{subject}, ", self.workers)?;
        match self.load {
            Load::Recurring { endpoints, every } => {
                write!(f, "{endpoints} endpoints every {} for {}", show(every), show(self.window))
            }
            Load::Backlog(count) => write!(f, "{count} jobs due at once"),
        }
    }
}
