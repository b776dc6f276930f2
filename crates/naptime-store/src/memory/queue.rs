//! Due work as workers see it: claim, renew, settle, heartbeat.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use naptime_core::{Candidate, Claim, ClaimRef, Heartbeat, Job, Peer, Pick, Picked, Settled, Time, WorkerId};

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

impl State {
    fn claim(&mut self, want: &Want, now: Time) -> Taken {
        let Picked { jobs, next, passed_over } = self.peek(want, now);
        let mut claims = Vec::with_capacity(jobs.len());
        for (id, _) in jobs {
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
        Taken { claims, next: next.map(|at| at + want.late), passed_over }
    }

    /// Finds what to claim.
    fn peek(&self, want: &Want, now: Time) -> Picked {
        // A lookahead does not make a job late.
        let horizon = if want.late.is_zero() { now + want.lookahead } else { now - want.late };
        let mut pick = Pick::new(horizon, want.slots, want.bytes, want.rooms.clone());
        for (claim_at, job) in self.jobs.due().entries(want) {
            let Some(found) = self.jobs.get(job) else { continue };
            // The job is held, and its lease lasts.
            if claim_at <= horizon && !found.is_claimable(now, want.lookahead) {
                pick.leave(claim_at);
                continue;
            }
            let (size, pool) = (found.spec.request.size(), found.spec.endpoint.pool().as_str());
            if !pick.offer(Candidate { job, claim_at, size, pool }) {
                break;
            }
        }
        pick.end()
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
            let after = job.state.watch.map(|watch| watch.deadline);
            breaches.extend(settled.breach.clone().filter(|breach| breach.was_ended(deadline, after)));
        }
        self.sla.keep(&breaches, None, now, self.retention);
        held_over
    }
}
