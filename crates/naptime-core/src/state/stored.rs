//! A state as it is stored where it is kept as JSON, by this version and earlier ones.

use serde::{Deserialize, Serialize};

use super::{Counters, Last, Lock, Lost, Phase, State, Token};
use crate::{LastDay, Plan, Recent, Time, Watch, WorkerId};

/// A state as it is stored.
#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    due: Option<Time>,
    asked_at: Option<Time>,
    claim_at: Option<Time>,
    attempt: u32,
    lock: Option<Lock>,
    last: Option<Last>,
    #[serde(default)]
    recent: Recent,
    #[serde(default, skip_serializing_if = "LastDay::is_empty")]
    last_day: LastDay,
    last_ok: Option<Time>,
    #[serde(default)]
    watch: Option<Watch>,
    #[serde(default)]
    ended_at: Option<Time>,
    counters: Counters,
}

impl From<Stored> for State {
    fn from(stored: Stored) -> Self {
        let Stored {
            due,
            asked_at,
            claim_at,
            attempt,
            lock,
            last,
            recent,
            last_day,
            last_ok,
            watch,
            ended_at,
            counters,
        } = stored;
        let phase = Phase::read(claim_at, attempt, lock);
        Self { due, asked_at, phase, last, recent, last_day, last_ok, watch, ended_at, counters }
    }
}

impl From<State> for Stored {
    fn from(state: State) -> Self {
        let State { due, asked_at, phase, last, recent, last_day, last_ok, watch, ended_at, counters } = state;
        let claim_at = phase.claim_at();
        let (attempt, lock) = match phase {
            Phase::Off | Phase::Idle { .. } => (0, None),
            Phase::Retrying { attempts, .. } => (attempts, None),
            Phase::Held { lock, .. } => (lock.attempt, Some(lock)),
        };
        Self { due, asked_at, claim_at, attempt, lock, last, recent, last_day, last_ok, watch, ended_at, counters }
    }
}

/// A lost claim as it is stored.
#[derive(Deserialize)]
pub(super) struct StoredLost {
    worker: WorkerId,
    token: Token,
    since: Time,
    at: Option<Time>,
    due: Option<Time>,
    asked_at: Option<Time>,
    plan: Plan,
    #[serde(default)]
    attempt: u32,
    #[serde(default)]
    left: bool,
}

impl From<StoredLost> for Lost {
    fn from(stored: StoredLost) -> Self {
        let StoredLost { worker, token, since, at, due, asked_at, plan, attempt, left } = stored;
        let at = at.unwrap_or_else(|| Self::called_at(since, due));
        Self { worker, token, since, at, due, asked_at, plan, attempt, left }
    }
}
