//! Runs as the API sends them. Durations that were measured are milliseconds.

use std::time::Duration;

use naptime_core::answer::{Body, Phases};
use naptime_core::{JobId, Last, Outcome, Run, Skipped, Time, Token, Transcript, WorkerId};
use serde::Serialize;
use utoipa::ToSchema;

/// A run.
#[derive(Serialize, ToSchema)]
#[schema(as = Run)]
pub(crate) struct RunView {
    id: Token,
    job: JobId,
    #[serde(flatten)]
    ended: EndedView,
    attempt: u32,
    manual: bool,
    /// None of occurrences that an edit dropped.
    worker: Option<WorkerRef>,
    /// Of occurrences that were not called: how many, and why.
    skipped: Option<Skipped>,
}

/// A run by itself.
#[derive(Serialize, ToSchema)]
#[schema(as = WholeRun)]
pub(super) struct WholeRunView {
    #[serde(flatten)]
    run: RunView,
    transcript: Option<TranscriptView>,
}

/// When a call was due, left and ended, and how.
#[derive(Serialize, ToSchema)]
pub(crate) struct EndedView {
    due: Time,
    started: Time,
    finished: Time,
    start_lag_ms: u64,
    took_ms: u64,
    outcome: Outcome,
    status: Option<u16>,
    message: String,
}

/// A worker by id and name.
#[derive(Serialize, ToSchema)]
pub(crate) struct WorkerRef {
    id: WorkerId,
    name: String,
}

/// What was sent and answered.
#[derive(Serialize, ToSchema)]
#[schema(as = Transcript)]
struct TranscriptView {
    request: String,
    head: String,
    body: String,
    /// `text` or `hex`.
    encoding: &'static str,
    whole: bool,
    phases_us: Phases,
}

impl From<WorkerId> for WorkerRef {
    fn from(id: WorkerId) -> Self {
        Self { id, name: id.name() }
    }
}

impl From<Transcript> for TranscriptView {
    fn from(Transcript { request, head, body, whole, phases }: Transcript) -> Self {
        let (body, encoding) = match body {
            Body::Text(text) => (text, "text"),
            Body::Hex(digits) => (digits, "hex"),
        };
        Self { request, head, body, encoding, whole, phases_us: phases }
    }
}

/// A run.
pub(crate) fn run(run: &Run) -> RunView {
    RunView {
        id: run.token,
        job: run.job,
        ended: last(&run.into()),
        attempt: run.attempt,
        manual: run.manual,
        worker: (run.worker != WorkerId::NOBODY).then(|| run.worker.into()),
        skipped: run.skipped,
    }
}

/// A run with what was sent and answered, if that is kept.
pub(super) fn whole_run(of: &Run, transcript: Option<Transcript>) -> WholeRunView {
    WholeRunView { run: run(of), transcript: transcript.map(TranscriptView::from) }
}

pub(crate) fn last(last: &Last) -> EndedView {
    EndedView {
        due: last.due,
        started: last.started,
        finished: last.finished,
        start_lag_ms: ms(last.started.since(last.due)),
        took_ms: ms(last.finished.since(last.started)),
        outcome: last.outcome,
        status: last.status,
        message: last.message.clone(),
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
