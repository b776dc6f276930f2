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
//! | state | `lock` | `claim_at` |
//! |---|---|---|
//! | off (switched off, done or deleted) | none | none |
//! | idle | none | the due time, or when "call now" was asked for |
//! | retrying | none | the time of the next attempt |
//! | held | the claim | the end of the lease |
//!
//! `claim_at` is the only time a claim looks at. A lease that ran out needs nobody to clean up: the job can be claimed
//! again, by the same rule. Of a lock, an edit changes nothing but
//! that it was edited, and whether the occurrence is left to it; what it changes beside is found by whoever settles.
//!
//! The transitions are methods of [`Job`](crate::Job): `edit` in [`crate::edit`], `claim`, `renew` and `settle` in
//! [`crate::claim`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::job::uuid_newtype;
use crate::{Outcome, Plan, Run, Time, Watch, WorkerId};

/// How long a claim lasts without renewal, unless its job says otherwise.
pub const LEASE: Duration = Duration::from_secs(15);

uuid_newtype! {
    /// The proof of a claim. Claims made together share one, so a claim is identified by token and job.
    Token
}

/// Where a job stands. Workers change this and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The occurrence owed. None: nothing is (switched off, done, deleted).
    pub due: Option<Time>,
    /// When somebody asked for a call out of turn ("call now") that has not been made yet.
    pub asked_at: Option<Time>,
    /// When a worker may take the job. None: there is nothing to do.
    pub claim_at: Option<Time>,
    /// The claims of the present occurrence so far, but for those that had no call to make.
    pub attempt: u32,
    /// The claim, while a worker holds the job.
    pub lock: Option<Lock>,
    /// How the last run ended.
    pub last: Option<Last>,
    /// When the last successful call ended.
    pub last_ok: Option<Time>,
    /// How it stands to its SLA; none if it has none, or was never switched on since it has.
    #[serde(default)]
    pub watch: Option<Watch>,
    /// When a one-off job was done with.
    #[serde(default)]
    pub ended_at: Option<Time>,
    /// What happened so far.
    pub counters: Counters,
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
pub struct Lost {
    /// Who held it.
    pub worker: WorkerId,
    /// Its token.
    pub token: Token,
    /// When it was claimed.
    pub since: Time,
    /// Its `due`.
    pub due: Option<Time>,
    /// Its `asked_at`.
    pub asked_at: Option<Time>,
    /// Its `plan`.
    pub plan: Plan,
    /// Its `left`.
    #[serde(default)]
    pub left: bool,
}

fn default_lease() -> Duration {
    LEASE
}

impl Lock {
    /// This claim, as one that was not settled.
    pub fn as_lost(&self) -> Lost {
        Lost {
            worker: self.worker,
            token: self.token,
            since: self.since,
            due: self.due,
            asked_at: self.asked_at,
            plan: self.plan,
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

    /// Whether the earlier claim at this place of `lost` took an occurrence on.
    ///
    /// Only the first can have been made ahead of its time, since a lookahead never takes a job that is held.
    pub(crate) fn lost_took_on(&self, index: usize) -> bool {
        let came = |lost: &Lost| lost.due.is_some_and(|due| index == 0 || due <= lost.since);
        self.lost.get(index).is_some_and(|lost| lost.asked_at.is_none() && came(lost))
    }

    /// The occurrences that edits left to earlier claims, which nobody can take up again.
    pub fn abandoned(&self) -> u32 {
        u32::try_from(self.lost.iter().filter(|lost| lost.left).count()).unwrap_or(u32::MAX)
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
