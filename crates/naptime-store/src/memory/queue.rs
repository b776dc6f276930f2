//! Due work as workers see it: claim, renew, settle, heartbeat.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use naptime_core::{Candidate, Claim, ClaimRef, Heartbeat, Job, JobId, Peer, Seen, Settled, Time, WorkerId};

use super::{MemoryStore, State};
use crate::{Queue, Result, Want};

#[async_trait]
impl Queue for MemoryStore {
    async fn peek(&self, want: &Want, past: Option<&str>) -> Result<Seen> {
        self.try_with(|state, now| state.peek(want, past, now))
    }

    async fn lock(&self, want: &Want, ids: &[JobId]) -> Result<Vec<Claim>> {
        self.try_with(|state, now| state.lock(want, ids, now))
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
                let lock = job.state.lock().filter(|lock| lock.worker == me && lock.edits > 0)?;
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

impl State {
    fn peek(&self, want: &Want, past: Option<&str>, now: Time) -> Seen {
        let until = want.sees_until(past, now);
        let by_then = self.jobs.due().entries(want).take_while(|(claim_at, _)| *claim_at <= until);
        let candidate = |(claim_at, job)| {
            let spec = &self.jobs.get(job)?.spec;
            let pool = spec.endpoint.pool().as_str();
            (Some(pool) != past).then(|| Candidate { job, claim_at, size: spec.request.size(), pool: pool.to_owned() })
        };
        Seen { jobs: by_then.filter_map(candidate).take(want.slots + 1).collect(), is_whole: true }
    }

    fn lock(&mut self, want: &Want, ids: &[JobId], now: Time) -> Vec<Claim> {
        let mut claims = Vec::with_capacity(ids.len());
        for &id in ids {
            if !self.jobs.get(id).is_some_and(|job| self.jobs.due().is_about(want, job)) {
                continue;
            }
            let claim = |job: &mut Job| job.claim(want.worker, want.token, now, want.lookahead);
            let Some((true, job)) = self.jobs.change(id, claim) else { continue };
            let Some(lock) = job.state.lock().cloned() else { continue };
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
        claims
    }

    pub(super) fn record_runs(&mut self, done: &[Settled]) {
        for settled in done {
            let is_new = settled.run.as_ref().is_some_and(|run| self.runs.record(run));
            if let Some(answer) = settled.answer.as_deref().filter(|_| is_new) {
                self.answers.keep(answer);
            }
        }
    }

    fn settle(&mut self, done: &[Settled], now: Time) -> Vec<Claim> {
        self.record_runs(done);
        let (mut breaches, mut held_over) = (Vec::new(), Vec::new());
        for settled in done {
            let settle = |job: &mut Job| {
                let before = job.clone();
                job.settle(settled, now).then_some(before)
            };
            let Some((before, job)) = self.jobs.change(settled.claim.job, settle) else { continue };
            held_over.extend(job.held_over(settled));
            let Some(before) = before else { continue };
            if let Some(row) = job.skipped_since(&before, settled.reason, now) {
                self.runs.record(&row);
            }
            let deadline = before.state.watch.map(|watch| watch.deadline);
            let after = job.state.watch.map(|watch| watch.deadline);
            breaches.extend(settled.breach.clone().filter(|breach| breach.was_ended(deadline, after)));
        }
        self.sla.keep(&breaches, None, now, self.retention);
        held_over
    }
}
