//! Where a job stands: the state machine.
//!
//! ```text
//!            switched on, or "call now"
//!   ┌─────┐ ─────────────────────────▶ ┌──────┐          claim          ┌──────┐
//!   │ off │                            │ idle │ ──────────────────────▶ │ held │ ──┐ renew
//!   └─────┘ ◀───────────────────────── └──────┘ ◀────────────────────── └──────┘ ◀─┘
//!            switched off, deleted        ▲      settle: next, keep,     │  ▲ │
//!                                         │      give back               │  └─┘ lease over: claimed again, or
//!                                         │                              │      settle: held over
//!                                    ┌──────────┐                        │
//!                                    │ retrying │ ◀──────────────────────┘
//!                                    └──────────┘      settle: retry
//! ```
//!
//! | [phase](Phase) | can be claimed from |
//! |---|---|
//! | off: switched off, done or deleted | never |
//! | idle | the due time, or when "call now" was asked for |
//! | retrying | the time of the next attempt |
//! | held | the end of the lease |
//!
//! That time is the only one a claim looks at. A lease that ran out needs nobody to clean up: the job can be claimed
//! again, by the same rule. Of a lock, an edit changes nothing but that it was edited, and whether the occurrence is left
//! to it; what it changes beside is found by whoever settles.
//!
//! The transitions are methods of [`Job`](crate::Job): `edit` in [`crate::edit`], `claim`, `renew` and `settle` in
//! [`crate::claim`].

mod stored;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::stored::{Stored, StoredLost};
use crate::claim::HOLDS_OVER;
use crate::job::uuid_newtype;
use crate::{Job, LastDay, Outcome, Plan, Recent, Run, Time, Watch, WorkerId};

/// How long a claim lasts without renewal, unless its job says otherwise.
pub const LEASE: Duration = Duration::from_secs(15);

uuid_newtype! {
    /// The proof of a claim. Claims made together share one, so a claim is identified by token and job.
    Token
}

/// Where a job stands. Workers change this and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct State {
    /// The occurrence owed. None: nothing is (switched off, done, deleted).
    pub due: Option<Time>,
    /// When somebody asked for a call out of turn ("call now") that has not been made yet.
    pub asked_at: Option<Time>,
    /// Who may do what with the job, and when.
    pub phase: Phase,
    /// How the last run ended.
    pub last: Option<Last>,
    /// How the last occurrences ended.
    pub recent: Recent,
    /// How the calls of an endpoint went within the last day.
    pub last_day: LastDay,
    /// When the last successful call ended.
    pub last_ok: Option<Time>,
    /// How it stands to its SLA; none if it has none, or was never switched on since it has.
    pub watch: Option<Watch>,
    /// When a one-off job was done with.
    pub ended_at: Option<Time>,
    /// What happened so far.
    pub counters: Counters,
}

/// Who may do what with a job, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// There is nothing to do.
    #[default]
    Off,
    /// Whoever is first may claim the job.
    Idle {
        /// From when on.
        at: Time,
    },
    /// Attempts at the present occurrence failed, and whoever is first may claim the job for another.
    Retrying {
        /// From when on.
        at: Time,
        /// How many failed, from 1.
        attempts: u32,
    },
    /// A worker has claimed the job.
    Held {
        /// The claim.
        lock: Lock,
        /// When its lease ends, unless it is renewed, and the next may claim the job.
        until: Time,
    },
}

/// A claim as the job remembers it, with what the claim found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Who holds it.
    pub worker: WorkerId,
    /// The proof.
    pub token: Token,
    /// When it was claimed, by the store's clock.
    pub since: Time,
    /// How long the claim lasts without renewal, from when it was claimed or last renewed.
    #[serde(default = "default_lease", with = "crate::duration::text")]
    pub lease: Duration,
    /// When to call: the due time if it was claimed ahead, or else the moment it was claimed.
    pub at: Time,
    /// `due` as the claim found it.
    pub due: Option<Time>,
    /// `asked_at` as the claim found it. If set, the call is the one asked for, and `due` stays owed.
    pub asked_at: Option<Time>,
    /// `plan` as the claim found it.
    pub plan: Plan,
    /// The claims of the present occurrence so far, this one among them if it has a call to make.
    #[serde(default)]
    pub attempt: u32,
    /// How many edits were made since the claim. Whoever settles from the job as the claim read it sees by this that it
    /// is no longer as it was.
    #[serde(default)]
    pub edits: u32,
    /// Whether an edit of the schedule left it to this claim to account for its occurrence, which was due by then.
    #[serde(default)]
    pub left: bool,
    /// The earlier claims that never settled, oldest first.
    pub lost: Vec<Lost>,
}

/// A claim that was not settled before its lease ran out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredLost")]
pub struct Lost {
    /// Who held it.
    pub worker: WorkerId,
    /// Its token.
    pub token: Token,
    /// When it was claimed.
    pub since: Time,
    /// Its `at`.
    pub at: Time,
    /// Its `due`.
    pub due: Option<Time>,
    /// Its `asked_at`.
    pub asked_at: Option<Time>,
    /// Its `plan`.
    pub plan: Plan,
    /// Its `attempt`.
    pub attempt: u32,
    /// Its `left`.
    pub left: bool,
}

fn default_lease() -> Duration {
    LEASE
}

impl State {
    /// When a worker may take the job. None: there is nothing to do.
    pub fn claim_at(&self) -> Option<Time> {
        self.phase.claim_at()
    }

    /// The claim, while a worker holds the job.
    pub fn lock(&self) -> Option<&Lock> {
        match &self.phase {
            Phase::Held { lock, .. } => Some(lock),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub fn lock_mut(&mut self) -> Option<&mut Lock> {
        match &mut self.phase {
            Phase::Held { lock, .. } => Some(lock),
            _ => None,
        }
    }
}

impl Phase {
    /// The phase of a job that nobody holds, and that can be claimed from then on, after so many failed attempts.
    pub fn free(at: Option<Time>, attempts: u32) -> Self {
        match at {
            None => Self::Off,
            Some(at) if attempts > 0 => Self::Retrying { at, attempts },
            Some(at) => Self::Idle { at },
        }
    }

    /// The phase as it is stored: when the job can be claimed, the attempts so far, and the claim. A job that is held
    /// without an end of the lease can be claimed at once.
    pub fn read(claim_at: Option<Time>, attempt: u32, lock: Option<Lock>) -> Self {
        let Some(mut lock) = lock else { return Self::free(claim_at, attempt) };
        if lock.attempt == 0 {
            // It was stored before locks said which attempt they are.
            lock.attempt = attempt;
        }
        let until = claim_at.unwrap_or(lock.since);
        Self::Held { lock, until }
    }

    /// When a worker may take the job. None: there is nothing to do.
    pub fn claim_at(&self) -> Option<Time> {
        match self {
            Self::Off => None,
            Self::Idle { at } | Self::Retrying { at, .. } | Self::Held { until: at, .. } => Some(*at),
        }
    }

    /// The same, but the job can be claimed then. What is off stays off.
    #[must_use]
    pub fn claimable_from(mut self, when: Time) -> Self {
        match &mut self {
            Self::Off => {}
            Self::Idle { at } | Self::Retrying { at, .. } | Self::Held { until: at, .. } => *at = when,
        }
        self
    }
}

impl Job {
    /// The claims of the present occurrence so far, but for those that had no call to make. An edit of the schedule begins
    /// a new count.
    pub fn attempts(&self) -> u32 {
        match &self.state.phase {
            Phase::Held { lock, .. } if lock.plan == self.plan => lock.attempt,
            Phase::Retrying { attempts, .. } => *attempts,
            _ => 0,
        }
    }
}

impl Lock {
    /// This claim, as one that was not settled.
    pub fn as_lost(&self) -> Lost {
        Lost {
            worker: self.worker,
            token: self.token,
            since: self.since,
            at: self.at,
            due: self.due,
            asked_at: self.asked_at,
            plan: self.plan,
            attempt: self.attempt,
            left: self.left,
        }
    }

    /// Whether there is a call to make: one was asked for, or an occurrence was taken on. If not, an edit came while an
    /// earlier claim was held, and all that this claim has to do is to end that one.
    pub fn has_call(&self) -> bool {
        self.asked_at.is_some() || self.took_on()
    }

    /// Whether this claim is for the occurrence it found: no call was asked for, and the occurrence is due by the time
    /// the claim would call.
    pub fn took_on(&self) -> bool {
        self.asked_at.is_none() && self.due.is_some_and(|due| due <= self.at)
    }

    /// Whether no claim of this occurrence before this one was settled with a call. What lost claims did is not known.
    pub fn is_first_call(&self) -> bool {
        self.attempt as usize <= self.lost.len() + 1
    }

    /// The occurrences that edits left to earlier claims, which nobody can take up again.
    pub fn abandoned(&self) -> u32 {
        u32::try_from(self.lost.iter().filter(|lost| lost.left).count()).unwrap_or(u32::MAX)
    }
}

impl Lost {
    /// The `at` of one that was stored before that was: its due time, if that was near enough to be claimed ahead of.
    pub fn called_at(since: Time, due: Option<Time>) -> Time {
        due.filter(|due| *due <= since + HOLDS_OVER).map_or(since, |due| due.max(since))
    }

    /// What it was to call, if anything: a call that was asked for, or the occurrence that was due by then.
    pub(crate) fn called(&self) -> Option<Time> {
        self.asked_at.or(self.due.filter(|due| *due <= self.at))
    }
}

/// How the last run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// The occurrence.
    pub due: Time,
    /// When the call left.
    pub started: Time,
    /// When it ended.
    pub finished: Time,
    /// How it ended.
    pub outcome: Outcome,
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// The first two lines of the answer, or what went wrong.
    pub message: String,
}

impl From<&Run> for Last {
    fn from(run: &Run) -> Self {
        Self {
            due: run.due,
            started: run.started,
            finished: run.finished,
            outcome: run.outcome,
            status: run.status,
            message: run.message.clone(),
        }
    }
}

/// What happened so far. Occurrences = `settled` + `missed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counters {
    /// Occurrences that were called, however often, and are done with.
    pub settled: u64,
    /// Occurrences that were never called: skipped because it was too late, or dropped by an edit.
    pub missed: u64,
    /// Those of them that would have left later than the endpoint allows.
    #[serde(default)]
    pub late: u64,
    /// Runs, manual calls and further attempts included, lost claims not.
    pub runs: u64,
    /// Runs that ended well.
    pub ok: u64,
}
