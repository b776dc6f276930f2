//! The steps of a move, in their order. What each of them guarantees is in [`naptime_store::moving`].

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use anyhow::Context;
use naptime_core::{Job, JobId, Rev};
use naptime_embed::door;
use naptime_store::History;
use naptime_store::moving::{Arrival, Arriving, HistoryCursor, HistoryItems, Leaving, MoveError, MoveStage};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Stopped;
use super::told::Step;

/// How often the file is asked whether claims are still held: it reads all that is due for that.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How often a line is printed about what is waited for.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// The pause before another attempt to open the other store.
const OPEN_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// The longest wait for the last figures of the workers on the old store.
const MAX_FIGURES_WAIT: Duration = Duration::from_secs(20);
/// Each job may take 256 KiB.
const JOBS_PER_READ: usize = 200;
const HISTORY_ROWS_PER_READ: usize = 2_000;

/// A move, from one store to another.
pub(super) struct Mover<'a, Source, Target> {
    pub(super) from: &'a Source,
    pub(super) to: &'a Target,
    /// The places, for people.
    pub(super) from_name: &'a str,
    pub(super) to_name: &'a str,
    /// Looked at between steps, so that no write is left half-way to arrive later.
    pub(super) stop: &'a CancellationToken,
}

/// Tells a job from the same job after a change.
#[derive(PartialEq, Eq)]
struct Fingerprint {
    /// Of the configuration.
    rev: Rev,
    /// Of the rest.
    hash: u64,
}

type Fingerprints = HashMap<JobId, Fingerprint>;

impl<Source: Leaving + History, Target: Arriving> Mover<'_, Source, Target> {
    /// Moves everything, or goes on with that. `tell` is told of each step. A move that fails or is stopped before all is
    /// handed over is taken back. Afterwards only the copy of the history can be stopped, so calls go on here or there.
    pub(super) async fn run(&self, mut tell: impl FnMut(&Step<'_>)) -> anyhow::Result<()> {
        let begun = self.from.begin_move(self.to_name).await?;
        if begun.stage < MoveStage::HandedOver
            && let Err(why) = self.hand_over(begun.id, &mut tell).await
        {
            self.take_back(begun.id, why, &mut tell).await?;
        }
        self.open_up(begun.id, &mut tell).await?;
        let rows = self.copy_history().await?;
        tell(&Step::Done { rows, from: self.from_name, to: self.to_name });
        Ok(())
    }

    async fn hand_over(&self, id: Uuid, tell: &mut impl FnMut(&Step<'_>)) -> anyhow::Result<()> {
        tell(&Step::Begun { from: self.from_name, to: self.to_name });
        self.fill(id).await?;
        let started = Instant::now();
        let mut copied = self.copy_jobs().await?;
        tell(&Step::Copied { jobs: copied.len(), took: started.elapsed() });
        self.from.close().await?;
        let closed = Instant::now();
        tell(&Step::Closed { from: self.from_name });
        self.wait_until_settled(tell).await?;
        self.copy_changes(&mut copied).await?;
        self.to.put_settings(&self.from.settings().await?).await?;
        self.go_on()?;
        self.from.hand_over().await?;
        tell(&Step::HandedOver { jobs: copied.len(), took: closed.elapsed() });
        Ok(())
    }

    /// Takes the move back because of `why`, which is returned. If all was handed over nevertheless, the move goes on.
    async fn take_back(&self, id: Uuid, why: anyhow::Error, tell: &mut impl FnMut(&Step<'_>)) -> anyhow::Result<()> {
        match self.from.take_back().await {
            Ok(()) => tell(&Step::TakenBack { from: self.from_name }),
            // The answer to the last step was lost.
            Err(MoveError::HandedOver { .. }) => return Ok(()),
            Err(error) => {
                return Err(why.context(format!(
                    "the move cannot be taken back ({error}), so maybe nothing is called: start it again, or take it \
                     back with --undo"
                )));
            }
        }
        if self.to.take_back(id).await.is_err() {
            tell(&Step::LeftBehind { to: self.to_name });
        }
        Err(why)
    }

    /// Opens the other store. Nothing is called anywhere until then, so whatever passes is waited for.
    async fn open_up(&self, id: Uuid, tell: &mut impl FnMut(&Step<'_>)) -> anyhow::Result<()> {
        loop {
            match self.to.open_up(id).await {
                Ok(()) => break,
                Err(MoveError::Store(error)) if self.stop.is_cancelled() => {
                    return Err(error).with_context(|| {
                        format!("nothing is called until {} is open: start the move again", self.to_name)
                    });
                }
                Err(MoveError::Store(error)) => tell(&Step::NotOpened { to: self.to_name, why: &error }),
                Err(error) => return Err(error.into()),
            }
            // Whoever stops it then gets one more attempt.
            let _ = self.pause(OPEN_AGAIN_AFTER).await;
        }
        tell(&Step::Opened { to: self.to_name });
        Ok(())
    }

    /// Has the other store shut and empty.
    async fn fill(&self, id: Uuid) -> anyhow::Result<()> {
        if self.to.announce(id, self.from_name).await? == Arrival::Announced {
            self.pause(door::SEEN_AFTER).await?;
        }
        Ok(self.to.begin_filling(id).await?)
    }

    /// Waits until nothing is held any more, and has it stay so.
    async fn wait_until_settled(&self, tell: &mut impl FnMut(&Step<'_>)) -> anyhow::Result<()> {
        let mut told = Instant::now();
        loop {
            let held = self.from.held().await?;
            if held.count == 0 {
                match self.from.seal().await {
                    Err(MoveError::Held(_)) => {}
                    sealed => return Ok(sealed?),
                }
            }
            if told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                tell(&Step::Waiting { held });
            }
            self.pause(LOOK_EVERY).await?;
        }
    }

    /// Copies jobs while they change. A job whose key is still another's there is left to [`Self::copy_changes`].
    async fn copy_jobs(&self) -> anyhow::Result<Fingerprints> {
        let (mut copied, mut last) = (Fingerprints::new(), None);
        loop {
            self.go_on()?;
            let jobs = self.from.jobs_after(last, JOBS_PER_READ).await?;
            let left_out = self.to.put_jobs(&jobs).await?;
            for job in jobs.iter().filter(|job| !left_out.contains(&job.id)) {
                copied.insert(job.id, fingerprint(job)?);
            }
            last = jobs.last().map(|job| job.id);
            if jobs.len() < JOBS_PER_READ {
                return Ok(copied);
            }
        }
    }

    /// Copies what has changed since. Afterwards what is copied is all there is.
    async fn copy_changes(&self, copied: &mut Fingerprints) -> anyhow::Result<()> {
        let (mut now, mut edited, mut last) = (Fingerprints::with_capacity(copied.len()), Vec::new(), None);
        loop {
            self.go_on()?;
            let mut jobs = self.from.jobs_after(last, JOBS_PER_READ).await?;
            last = jobs.last().map(|job| job.id);
            let is_last = jobs.len() < JOBS_PER_READ;
            for job in &jobs {
                now.insert(job.id, fingerprint(job)?);
            }
            jobs.retain(|job| copied.get(&job.id) != now.get(&job.id));
            let is_edited = |job: &mut Job| copied.get(&job.id).is_none_or(|it| it.rev != job.rev);
            edited.extend(jobs.extract_if(.., is_edited).map(|job| job.id));
            self.to.put_due(&jobs).await?;
            if is_last {
                break;
            }
        }
        // Before one of the others takes their keys.
        let gone = copied.keys().filter(|id| !now.contains_key(id));
        let out: Vec<JobId> = gone.chain(&edited).copied().collect();
        self.to.remove_jobs(&out).await?;
        for ids in edited.chunks(JOBS_PER_READ) {
            self.go_on()?;
            let left_out = self.to.put_jobs(&self.from.jobs_of(ids).await?).await?;
            anyhow::ensure!(left_out.is_empty(), "the keys of these jobs are taken in {}: {left_out:?}", self.to_name);
        }
        *copied = now;
        Ok(())
    }

    /// Copies the history, the figures last: workers on the old store write their last ones when they stop.
    async fn copy_history(&self) -> anyhow::Result<usize> {
        let (mut rows, mut next) = (0, Some(HistoryCursor::START));
        while let Some(after) = next {
            self.go_on()?;
            if after == HistoryCursor::Load(None) {
                self.wait_for_figures().await?;
            }
            let part = self.from.history_after(after, HISTORY_ROWS_PER_READ).await?;
            rows += count(&part.items);
            self.to.put_history(part.items).await?;
            next = part.next;
        }
        Ok(rows)
    }

    async fn wait_for_figures(&self) -> anyhow::Result<()> {
        let until = Instant::now() + MAX_FIGURES_WAIT;
        while Instant::now() < until && self.from.workers().await?.iter().any(|worker| worker.alive) {
            self.pause(LOOK_EVERY).await?;
        }
        Ok(())
    }

    /// Fails if the move is to stop.
    fn go_on(&self) -> Result<(), Stopped> {
        if self.stop.is_cancelled() { Err(Stopped) } else { Ok(()) }
    }

    /// Waits for so long. Fails as soon as the move is to stop.
    async fn pause(&self, time: Duration) -> Result<(), Stopped> {
        self.stop.run_until_cancelled(sleep(time)).await.ok_or(Stopped)
    }
}

fn fingerprint(job: &Job) -> serde_json::Result<Fingerprint> {
    let mut hasher = DefaultHasher::new();
    // An edit that raises no revision changes where the job stands.
    serde_json::to_vec(&job.state)?.hash(&mut hasher);
    job.plan.0.hash(&mut hasher);
    Ok(Fingerprint { rev: job.rev, hash: hasher.finish() })
}

fn count(items: &HistoryItems) -> usize {
    match items {
        HistoryItems::Runs(items) => items.len(),
        HistoryItems::Answers(items) => items.len(),
        HistoryItems::Breaches(items) => items.len(),
        HistoryItems::Load(items) => items.len(),
    }
}
