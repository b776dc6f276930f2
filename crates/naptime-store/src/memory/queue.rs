//! Due work as workers see it: claim, renew, settle, heartbeat.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use naptime_core::{Claim, ClaimRef, Heartbeat, Job, JobId, Peer, Pool, Settled, Time, WorkerId};

use super::{MemoryStore, State};
use crate::{Queue, Result, Taken, Want};

#[async_trait]
impl Queue for MemoryStore {
    async fn claim(&self, want: &Want) -> Result<Taken> {
        self.try_with(|state, now| state.claim(want, now))
    }

    async fn renew(&self, held: &[ClaimRef]) -> Result<Vec<ClaimRef>> {
        self.try_with(|state, now| {
            let mut is_held = |claim: &ClaimRef| {
                let renewed = state.jobs.change(claim.job, |job| job.renew(claim.token, now));
                renewed.is_some_and(|(is_held, _)| is_held)
            };
            held.iter().filter(|claim| !is_held(claim)).copied().collect()
        })
    }

    async fn settle(&self, done: &[Settled]) -> Result<Vec<Claim>> {
        self.try_with(|state, now| state.settle(done, now))
    }

    async fn edited(&self, me: WorkerId) -> Result<Vec<ClaimRef>> {
        self.try_with(|state, _| {
            let edited = |job: &Arc<Job>| {
                let lock = job.state.lock.as_ref().filter(|lock| lock.worker == me && lock.edits > 0)?;
                Some(ClaimRef { job: job.id, token: lock.token })
            };
            state.jobs.all().filter_map(edited).collect()
        })
    }

    async fn beat(&self, me: &Heartbeat) -> Result<Vec<Peer>> {
        self.try_with(|state, now| {
            state.workers.beat(me, now);
            state.workers.living(now)
        })
    }

    async fn woken(&self, seen: u64) -> Result<u64> {
        loop {
            let woken = self.inner.woken.notified();
            let wakes = self.try_with(|state, _| state.wakes)?;
            if wakes != seen {
                return Ok(wakes);
            }
            if tokio::time::timeout(WAITS, woken).await.is_err() {
                return Ok(seen);
            }
        }
    }

    async fn wake(&self) -> Result<()> {
        self.wake_up();
        Ok(())
    }

    async fn leave(&self, me: WorkerId) -> Result<()> {
        self.try_with(|state, _| state.workers.leave(me))
    }
}

/// How long it is waited for a wake at a time.
const WAITS: Duration = Duration::from_secs(2);

/// What there is to claim.
#[derive(Default)]
struct Found {
    /// The first jobs that are due, as many as fit.
    ids: Vec<JobId>,
    /// The pool of which jobs were passed over, if that leaves slots.
    passed_over: Option<Pool>,
    /// In that case, and if it was looked for: when the first job of another pool can be claimed.
    next: Option<Time>,
}

impl State {
    fn claim(&mut self, want: &Want, now: Time) -> Taken {
        let Found { ids, passed_over, next } = self.find(want, now);
        let mut claims = Vec::with_capacity(ids.len());
        for id in ids {
            let claim = |job: &mut Job| job.claim(want.worker, want.token, now, want.lookahead);
            let Some((true, job)) = self.jobs.change(id, claim) else { continue };
            let Some(lock) = job.state.lock.clone() else { continue };
            let mut claim = Claim { job: job.clone(), lock, recorded: None };
            for lost in claim.lost_runs(now) {
                if !self.runs.record(&lost)
                    && let Some(run) = self.runs.find(lost.job, lost.token)
                {
                    claim.take_over(run.clone());
                }
            }
            claims.push(claim);
        }
        let next = if passed_over.is_some() { next } else { self.jobs.due().first(want) };
        Taken { claims, next: next.map(|at| at + want.late), passed_over }
    }

    /// Finds what to claim. Reads as many entries of the index as there are slots, or as many as it takes to look past
    /// a pool.
    fn find(&self, want: &Want, now: Time) -> Found {
        // A lookahead does not make a job late.
        let horizon = if want.late.is_zero() { now + want.lookahead } else { now - want.late };
        let look_past = want.rooms.look_past();
        let (mut found, mut rooms) = (Found::default(), want.rooms.clone());
        let (mut bytes, mut looked_at) = (0_usize, 0);
        for (at, id) in self.jobs.due().claimable_by(want, horizon + look_past.unwrap_or_default()) {
            if found.ids.len() >= want.slots || (looked_at >= want.slots && look_past.is_none()) {
                break;
            }
            let is_ahead = at > horizon;
            if is_ahead && found.passed_over.is_none() {
                break;
            }
            // The job is held, and its lease lasts.
            let Some(job) = self.jobs.get(id).filter(|job| is_ahead || job.is_claimable(now, want.lookahead)) else {
                continue;
            };
            looked_at += 1;
            let pool = job.spec.endpoint.pool();
            if !rooms.take(pool.as_str()) {
                found.passed_over.get_or_insert_with(|| pool.clone());
                continue;
            }
            if is_ahead {
                found.next = Some(at);
                break;
            }
            bytes = bytes.saturating_add(job.spec.request.size());
            if bytes > want.bytes {
                found.passed_over = None;
                break;
            }
            found.ids.push(id);
        }
        if found.ids.len() >= want.slots {
            found.passed_over = None;
        }
        found
    }

    pub(super) fn record_runs(&mut self, done: &[Settled]) {
        for run in done.iter().filter_map(|settled| settled.run.as_ref()) {
            self.runs.record(run);
        }
    }

    fn settle(&mut self, done: &[Settled], now: Time) -> Vec<Claim> {
        self.record_runs(done);
        let (mut breaches, mut held_over) = (Vec::new(), Vec::new());
        for settled in done {
            let settle = |job: &mut Job| {
                let deadline = job.state.watch.map(|watch| watch.deadline);
                job.settle(settled, now).then_some(deadline)
            };
            let Some((deadline, job)) = self.jobs.change(settled.claim.job, settle) else { continue };
            held_over.extend(job.held_over(settled));
            let Some(deadline) = deadline else { continue };
            // Where an edit has set another deadline meanwhile, it has ended the breach too.
            breaches.extend(settled.breach.clone().filter(|breach| Some(breach.from) == deadline));
        }
        self.sla.keep(&breaches, None, now, self.retention);
        held_over
    }
}
