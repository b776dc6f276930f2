//! Workers as the API sends them.

use naptime_core::Time;
use naptime_core::worker::Worker;
use serde::Serialize;
use utoipa::ToSchema;

use crate::runs::WorkerRef;

/// A worker.
#[derive(Serialize, ToSchema)]
#[schema(as = Worker)]
pub(super) struct WorkerView {
    #[serde(flatten)]
    who: WorkerRef,
    host: String,
    pid: u32,
    version: String,
    tzdb: Option<String>,
    capacity: u32,
    held: u32,
    started_at: Time,
    seen_at: Time,
    alive: bool,
    stopping: bool,
    trouble: Option<String>,
}

/// A worker.
pub(super) fn worker(worker: &Worker) -> WorkerView {
    let beat = &worker.beat;
    WorkerView {
        who: beat.id.into(),
        host: beat.host.clone(),
        pid: beat.pid,
        version: beat.version.clone(),
        tzdb: beat.tzdb.clone(),
        capacity: beat.capacity,
        held: beat.held,
        started_at: beat.started_at,
        seen_at: worker.seen_at,
        alive: worker.alive,
        stopping: worker.alive && beat.stopping,
        trouble: beat.trouble.clone().filter(|_| worker.alive),
    }
}
