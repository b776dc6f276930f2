//! Events over HTTP: what a message queue would bring, one at a time.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use naptime_core::JobId;
use naptime_events::{Did, Done, Event, Failed, apply};
use serde::Serialize;

use super::view;
use crate::app::Shared;
use crate::body::EventBody;
use crate::json;
use crate::problem::Problem;

/// What one rule did.
#[derive(Serialize)]
struct DoneView {
    rule: String,
    did: Did,
    key: String,
    job: Option<JobId>,
}

pub(super) async fn receive(State(app): State<Shared>, EventBody(body): EventBody) -> Result<Response, Problem> {
    // What is not JSON, or has a key twice, is said as everywhere. An event may have as many values as fit in.
    json::parse_within(&body, usize::MAX)?;
    let event = Event::read(&body).map_err(|fault| Problem::invalid(vec![fault]))?;
    let done = apply::apply(app.store.as_ref(), app.limits(), &event).await.map_err(|failed| match failed {
        Failed::Refused(faults) => Problem::invalid(faults),
        Failed::Store(error) => error.into(),
    })?;
    let view = |done: Done| DoneView { rule: done.rule, did: done.did, key: done.key, job: done.job.map(|job| job.id) };
    Ok(Json(view::Items::all(done.into_iter().map(view).collect())).into_response())
}
