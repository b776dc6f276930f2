//! What happened in a run: its hash tells whether two runs were the same, its lines tell why something is wrong.

use naptime_core::{Job, Time};

use crate::random::hash;
use crate::witness::Cause;

/// What happened in a run.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    hash: u64,
    /// None if nobody wants to read them.
    lines: Option<Vec<String>>,
}

impl Trace {
    /// A trace of which only the hash is kept.
    pub fn hashed() -> Self {
        Self::default()
    }

    /// A trace that is also kept in words.
    pub fn told() -> Self {
        Self { hash: 0, lines: Some(Vec::new()) }
    }

    /// The same for two runs in which the same happened at the same times.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// What happened, in words.
    pub fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }

    /// Something happened.
    pub(crate) fn note(&mut self, now: Time, what: impl FnOnce() -> String) {
        self.mix(&[now.millis().unsigned_abs()]);
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{now} {}", what()));
        }
    }

    /// A job is like this after a step.
    pub(crate) fn job(&mut self, now: Time, cause: Cause, job: &Job) {
        let state = &job.state;
        let at = |time: Option<Time>| time.map_or(0, |time| time.millis().unsigned_abs());
        let token = state.lock().map_or(0, |lock| lock.token.hash());
        self.mix(&[job.id.hash(), at(state.due), at(state.claim_at()), token, state.counters.runs]);
        self.note(now, || {
            let held = state.lock().map_or("free".to_owned(), |lock| {
                format!(
                    "held by {} since {} ({}), {} lost",
                    lock.worker.name(),
                    lock.since,
                    lock.token,
                    lock.lost.len()
                )
            });
            let show = |time: Option<Time>| time.map_or("-".to_owned(), |time| time.to_string());
            let (due, claim_at) = (show(state.due), show(state.claim_at()));
            format!(
                "{cause:?} {} plan {} due {due}, claim at {claim_at}, attempt {}, {held}; {:?}",
                job.spec.endpoint,
                job.plan.0,
                job.attempts(),
                state.counters
            )
        });
    }

    fn mix(&mut self, parts: &[u64]) {
        self.hash = hash(&[&[self.hash], parts].concat());
    }
}
