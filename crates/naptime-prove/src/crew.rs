//! Who calls in a leg: worker processes, or the original's algorithm in this one.

use std::time::{Duration, Instant};

use naptime_store::Store;

use crate::clock::Clock;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::ground::Ground;
use crate::leg::Plan;
use crate::reference::Reference;
use crate::report::{Disturbed, Subject};
use crate::workers::Workers;
use crate::{Options, target, usage};

/// How long workers may take to start.
const READY: Duration = Duration::from_secs(60);

/// Who calls in a leg.
pub(crate) enum Crew {
    /// Worker processes.
    Naptime(Workers),
    /// The original's algorithm, once it is started.
    Reference(Option<Reference>),
}

impl Crew {
    /// Who the plan says, not started yet.
    pub(crate) fn new(ground: &Ground, options: &Options, plan: &Plan, database: &Database) -> Result<Self> {
        Ok(match plan.subject {
            Subject::Naptime => Self::Naptime(Workers::new(options, database, ground.folder())?),
            Subject::Reference => Self::Reference(None),
        })
    }

    /// Starts them, and waits until all are at work.
    pub(crate) async fn start(
        &mut self,
        ground: &Ground,
        count: usize,
        database: &Database,
        store: &dyn Store,
    ) -> Result<()> {
        match self {
            Self::Naptime(workers) => {
                workers.start(count)?;
                let end = Instant::now() + READY;
                while !at_work(workers, store).await? {
                    if Instant::now() > end {
                        let seconds = READY.as_secs();
                        return Err(Error::TooSlow(format!("{count} workers were not at work within {seconds} s")));
                    }
                    ground.pause(Duration::from_millis(50)).await?;
                    workers.check()?;
                }
            }
            Self::Reference(reference) => {
                if let Some(mongo) = database.mongo() {
                    *reference = Some(Reference::start(&mongo.uri, &mongo.name, count).await?);
                }
            }
        }
        Ok(())
    }

    /// Does something to the worker whose turn it is, and returns when. The original's are left alone.
    pub(crate) async fn disturb(&mut self, what: Disturbed, turn: usize, clock: Clock) -> Result<i64> {
        match (self, what) {
            (Self::Naptime(workers), Disturbed::Killed) => workers.kill(turn, clock).await,
            (Self::Naptime(workers), Disturbed::Stopped) => workers.stop(turn, clock).await,
            (Self::Reference(_), _) => Ok(clock.now_us()),
        }
    }

    /// Sees whether all are at work that should be.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self {
            Self::Naptime(workers) => workers.check(),
            Self::Reference(_) => Ok(()),
        }
    }

    /// The CPU time they have used so far.
    pub(crate) fn cpu(&self) -> Duration {
        match self {
            Self::Naptime(workers) => workers.cpu(),
            // They are this process, and so is the target.
            Self::Reference(_) => usage::cpu(std::process::id()).saturating_sub(usage::cpu_of_thread(target::THREAD)),
        }
    }

    /// The most memory that one of them had resident, in MiB; none of the original's, which share this process.
    pub(crate) fn peak_mib(&mut self) -> f64 {
        match self {
            Self::Naptime(workers) => workers.peak_mib(),
            Self::Reference(_) => 0.0,
        }
    }

    /// Asks all to stop, and waits until they have.
    pub(crate) async fn end(&mut self) -> Result<()> {
        match self {
            Self::Naptime(workers) => workers.end().await,
            Self::Reference(reference) => match reference.take() {
                Some(reference) => reference.stop().await,
                None => Ok(()),
            },
        }
    }

    /// Ends all, whatever they are at.
    pub(crate) async fn kill(&mut self) {
        match self {
            Self::Naptime(workers) => workers.kill_all().await,
            Self::Reference(reference) => drop(reference.take()),
        }
    }
}

/// Whether all workers have said that they are at work.
async fn at_work(workers: &Workers, store: &dyn Store) -> Result<bool> {
    let known = store.workers().await?;
    let is_known = |pid| known.iter().any(|worker| worker.alive && worker.beat.pid == pid);
    Ok(workers.pids().into_iter().all(is_known))
}
