//! Runs as documents.

use mongodb::bson::{DateTime, Document, RawDocumentBuf, Uuid, doc};
use naptime_core::{JobId, Outcome, Run, Skipped, Token};
use naptime_store::Result;
use serde::{Deserialize, Serialize};

use super::{date, read, time, uuid, write_raw};

#[derive(Serialize, Deserialize)]
struct RunDocument {
    _id: RunIdDocument,
    job: Uuid,
    worker: Uuid,
    due: DateTime,
    started: DateTime,
    finished: DateTime,
    outcome: Outcome,
    status: Option<u16>,
    message: String,
    attempt: u32,
    manual: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    skipped: Option<Skipped>,
}

#[derive(Serialize, Deserialize)]
struct RunIdDocument {
    token: Uuid,
    job: Uuid,
}

/// A run as its document.
pub(crate) fn from_run(run: &Run) -> Result<RawDocumentBuf> {
    write_raw(&RunDocument {
        _id: RunIdDocument { token: uuid(run.token.uuid()), job: uuid(run.job.uuid()) },
        job: uuid(run.job.uuid()),
        worker: uuid(run.worker.uuid()),
        due: date(run.due),
        started: date(run.started),
        finished: date(run.finished),
        outcome: run.outcome,
        status: run.status,
        message: run.message.clone(),
        attempt: run.attempt,
        manual: run.manual,
        skipped: run.skipped,
    })
}

/// The run of a document.
pub(crate) fn to_run(document: Document) -> Result<Run> {
    let d: RunDocument = read(document)?;
    Ok(Run {
        token: d._id.token.to_uuid_1().into(),
        job: d.job.to_uuid_1().into(),
        worker: d.worker.to_uuid_1().into(),
        due: time(d.due),
        started: time(d.started),
        finished: time(d.finished),
        outcome: d.outcome,
        status: d.status,
        message: d.message,
        attempt: d.attempt,
        manual: d.manual,
        skipped: d.skipped,
    })
}

/// The `_id` of a run.
pub(crate) fn run_id(token: Token, job: JobId) -> Document {
    doc! {"token": uuid(token.uuid()), "job": uuid(job.uuid())}
}
