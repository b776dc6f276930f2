//! One leg: so many workers under one load, from a fresh database to the verdict.

mod backlog;
mod recurring;

use std::time::Duration;

use naptime_core::Time;
use naptime_core::duration::show;
use naptime_core::state::LEASE;
use naptime_store::Store;

use crate::database::Database;
use crate::error::Result;
use crate::format::counted;
use crate::ground::Ground;
use crate::judge::{Kills, judge, seconds};
use crate::ledger;
use crate::load::Jobs;
use crate::meter::Meter;
use crate::progress::Progress;
use crate::report::{Disturbance, Disturbed, Leg, Used};
use crate::target::{Arrival, Target};
use crate::workers::Workers;
use crate::{Options, watch};

/// After the time watched, for what is held by a dead worker, or late.
const AFTER: Duration = LEASE.saturating_add(Duration::from_secs(2));

/// What is done in a leg.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// How many workers.
    pub(crate) workers: usize,
    /// So many one-off jobs, all due at once; without, the endpoints that recur.
    pub(crate) backlog: Option<usize>,
}

/// Runs a leg. Whatever becomes of it, its workers have ended afterwards and its database is dropped.
pub(crate) async fn run(ground: &Ground, options: &Options, plan: Plan, progress: &Progress) -> Result<Leg> {
    ground.go_on()?;
    ground.stalled();
    progress.leg(told(plan, options));
    let target = Target::start(options.target_delay, ground.clock)?;
    let database = ground.database().await?;
    let leg = Under { ground, options, plan, progress, target: &target, database: &database };
    let result = leg.worked().await;
    database.drop_after(result).await
}

/// A leg under way.
struct Under<'a> {
    ground: &'a Ground,
    options: &'a Options,
    plan: Plan,
    progress: &'a Progress,
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
        let mut workers = Workers::new(self.options, self.database, self.ground.folder())?;
        let result = tokio::select! {
            result = self.run(&mut workers) => result,
            gone = watch::gone(self.database) => Err(gone),
        };
        if result.is_err() {
            workers.kill_all().await;
        }
        result
    }

    async fn run(&self, workers: &mut Workers) -> Result<Leg> {
        let store = self.database.store().await?;
        let mut jobs = Jobs::default();
        let watched = match self.plan.backlog {
            Some(count) => self.backlog(workers, store.as_ref(), &mut jobs, count).await?,
            None => self.recurring(workers, store.as_ref(), &mut jobs).await?,
        };
        self.progress.doing("ending the workers");
        let worker_mib = workers.peak_mib();
        let until = self.ground.clock.now();
        self.ground.wait(workers.end()).await??;
        self.progress.doing("judging");
        let mut arrivals = self.target.take();
        // Clocks drift: by whichever reading the database's was further ahead.
        let later_us = self.ground.drift_us(self.database).await?;
        for call in &mut arrivals {
            call.at_us += later_us;
            call.ended_us = call.ended_us.map(|ended| ended + later_us);
        }
        self.judged(store.as_ref(), &jobs, &arrivals, &watched, until, worker_mib).await
    }

    async fn start(&self, workers: &mut Workers, store: &dyn Store) -> Result<()> {
        self.progress.doing("starting workers");
        workers.start(self.plan.workers, store, self.ground).await
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
        let verdict = judge(arrivals, &jobs.schedules, watched.window, until - stalled, kills);
        let ledger = self.ground.wait(ledger::compare(store, &jobs.ids, arrivals)).await??;
        let offered = self.options.endpoints as f64 / self.options.every.as_secs_f64();
        Ok(Leg {
            workers: self.plan.workers,
            offered: self.plan.backlog.is_none().then_some(offered),
            backlog: self.plan.backlog,
            used: Used {
                stalled_ms: stalled.as_secs_f64() * 1e3,
                ..watched.before.until(&watched.after, verdict.calls, worker_mib)
            },
            verdict,
            ledger,
            seconds: seconds(arrivals, from, to),
            disturbances: watched.disturbances.clone(),
        })
    }
}

/// The leg in words.
fn told(plan: Plan, options: &Options) -> String {
    let workers = counted(plan.workers, "worker");
    match plan.backlog {
        Some(count) => format!("{workers}, {count} jobs due at once"),
        None => {
            let (every, length) = (show(options.every), show(options.length));
            format!("{workers}, {} endpoints every {every} for {length}", options.endpoints)
        }
    }
}
