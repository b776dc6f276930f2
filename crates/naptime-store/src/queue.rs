//! Due work as workers see it: claimed, held, settled.

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use naptime_core::job::MIN_LEASE;
use naptime_core::{
    Claim, ClaimRef, Heartbeat, JobId, Partition, Peer, Pick, Picked, Pool, Rooms, Seen, Settled, Time, Token, WorkerId,
};

use crate::{Clock, Result};

/// Due work as workers see it. What a worker gets.
#[async_trait]
pub trait Queue: Clock {
    /// The first of the wanted jobs that can be claimed [in sight](Want::sees_until), one more than there are slots for, as
    /// an index tells of them. If `past` names a pool: only jobs of other pools.
    async fn peek(&self, want: &Want, past: Option<&str>) -> Result<Seen>;

    /// Locks those of these jobs that can still be claimed, as [`Job::claim`](naptime_core::Job::claim) says. When this
    /// returns, the claims are acknowledged by a majority. For claims of jobs that were claimed before and never settled,
    /// the lost runs are recorded.
    async fn lock(&self, want: &Want, ids: &[JobId]) -> Result<Vec<Claim>>;

    /// Claims due jobs: those that [`Pick`] takes of what a look sees, as far as they can be locked.
    async fn claim(&self, want: &Want) -> Result<Taken> {
        let want = &Want { slots: want.slots.min(MAX_BATCH), ..want.clone() };
        let horizon = want.horizon(self.now());
        let mut pick = Pick::new(horizon, want.slots, want.bytes, want.rooms.clone());
        pick.offer(self.peek(want, None).await?);
        if let Some(pool) = pick.look_past().map(str::to_owned) {
            pick.offer(self.peek(want, Some(&pool)).await?);
        }
        let Picked { jobs: picked, mut next, passed_over } = pick.end();
        let ids: Vec<JobId> = picked.iter().map(|(id, _)| *id).collect();
        let claims = if ids.is_empty() { Vec::new() } else { self.lock(want, &ids).await? };
        next = next.map(|at| at + want.late);
        // Others were faster, or the job is held until its lease ends within the lookahead.
        let taken: HashSet<JobId> = claims.iter().map(|claim| claim.job.id).collect();
        if let Some((_, claim_at)) = picked.iter().find(|(id, _)| !taken.contains(id)) {
            next = Some(*claim_at);
        }
        Ok(Taken { claims, next, passed_over })
    }

    /// Prolongs the leases of these claims, and returns those that are no longer held.
    async fn renew(&self, held: &[ClaimRef]) -> Result<Vec<ClaimRef>>;

    /// Ends claims as [`Job::settle`](naptime_core::Job::settle) says: first the breaches that they end and the runs are
    /// recorded, then the jobs are set free, or held over. Returns the claims that hold jobs over. It may be repeated any
    /// number of times, and must be until it succeeds.
    async fn settle(&self, done: &[Settled]) -> Result<Vec<Claim>>;

    /// The claims of this worker whose jobs were edited since they were claimed.
    async fn edited(&self, me: WorkerId) -> Result<Vec<ClaimRef>>;

    /// Says that this worker lives, and returns those who do and are not [stopping](Heartbeat::stopping).
    async fn beat(&self, me: &Heartbeat) -> Result<Vec<Peer>>;

    /// Waits until a worker has reason to look again: somebody added a job or made one due, and it is due within
    /// [`SIGHT`], or the settings of a pool were changed, or [`Queue::wake`] was called. Returns a number that differs
    /// from `seen` then, and `seen` if nothing came for some seconds.
    ///
    /// # Errors
    /// If nobody can tell for now, and it has to be looked often.
    async fn woken(&self, seen: u64) -> Result<u64>;

    /// Wakes all workers: work that is due soon was left to them.
    async fn wake(&self) -> Result<()>;

    /// Says that this worker ends, so that nobody waits for its heartbeat.
    async fn leave(&self, me: WorkerId) -> Result<()>;
}

/// The most jobs claimed at once. More would take longer than it saves.
const MAX_BATCH: usize = 300;

/// How far ahead a claim sees at least, from the end of its lookahead on: no worker waits longer without another look.
pub const SIGHT: Duration = Duration::from_secs(2);
/// The same for a claim of what others are late with. They look there themselves, and are woken for what comes. Should
/// one of them die, its claims are found in time: those made after a look last until the next look at least.
pub const SIGHT_OF_OTHERS: Duration = MIN_LEASE;

/// Whether workers are to be woken for a job that can be claimed then: they may not look before.
pub fn is_soon(claim_at: Option<Time>, now: Time) -> bool {
    claim_at.is_some_and(|at| at <= now + SIGHT + Duration::from_secs(1))
}

/// What a worker wants to claim.
#[derive(Clone, Debug)]
pub struct Want {
    /// Who wants it.
    pub worker: WorkerId,
    /// The token of these claims: a fresh one each time.
    pub token: Token,
    /// The most jobs.
    pub slots: usize,
    /// The most bytes that the requests of these jobs may take together: room for at least one of the largest.
    pub bytes: usize,
    /// The partitions to look at.
    pub partitions: Vec<Partition>,
    /// How late a job must be: zero for a worker's home partitions.
    pub late: Duration,
    /// How far ahead to claim.
    pub lookahead: Duration,
    /// If set: jobs of this gated pool, whatever their partitions, and no others. If not: jobs of no gated pool.
    pub gate: Option<Pool>,
    /// How many of each pool. For jobs of no gated pool.
    pub rooms: Rooms,
}

impl Want {
    /// By when a job must be claimable, by the store's clock. A lookahead does not make a job late.
    pub fn horizon(&self, now: Time) -> Time {
        if self.late.is_zero() { now + self.lookahead } else { now - self.late }
    }

    /// Until when a look sees, at `now`: if it is `past` a pool, as far as its [rooms](Rooms::look_past) say.
    pub fn sees_until(&self, past: Option<&str>, now: Time) -> Time {
        self.horizon(now) + past.and(self.rooms.look_past()).unwrap_or(self.sight())
    }

    /// How far ahead of the horizon this claim sees at least.
    pub fn sight(&self) -> Duration {
        if self.late.is_zero() { SIGHT } else { SIGHT_OF_OTHERS }
    }
}

/// What was claimed.
#[derive(Debug, Default)]
pub struct Taken {
    /// The claims.
    pub claims: Vec<Claim>,
    /// When the next job of these partitions can be claimed, as far as known; none if there is nothing further in
    /// [sight](Want::sight). May be in the past: there is more than was taken. Jobs that were passed over don't count.
    pub next: Option<Time>,
    /// The pool of which jobs were passed over for want of [`Rooms`], while there were slots for them.
    pub passed_over: Option<Pool>,
}
