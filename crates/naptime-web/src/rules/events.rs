//! Events over HTTP: what a message queue would bring, one at a time.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use naptime_core::JobId;
use naptime_events::{Did, Done, Event, Failed, apply};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::Shared;
use crate::http::body::EventBody;
use crate::http::items::Items;
use crate::http::json;
use crate::http::params::IdempotencyKeyHeader;
use crate::http::problem::Problem;
use crate::http::query::IdempotencyKey;

/// What one rule did.
#[derive(Serialize, ToSchema)]
#[schema(as = Done)]
pub(super) struct DoneView {
    rule: String,
    did: Did,
    key: String,
    job: Option<JobId>,
}

/// Tells of an event: the answer says what each rule did.
#[utoipa::path(
    post, path = "/events", operation_id = "send_event", tag = "rules",
    params(IdempotencyKeyHeader),
    request_body(content = Event, example = json!({"event": "shop.opened", "key": "shop-7", "data": {"city": "Kyiv"}})),
    responses((status = 200, body = Items<DoneView>)),
)]
pub(super) async fn receive(
    State(app): State<Shared>,
    key: IdempotencyKey,
    EventBody(body): EventBody,
) -> Result<Response, Problem> {
    // What is not JSON, or has a key twice, is said as everywhere. An event may have as many values as fit in.
    json::parse_within(&body, usize::MAX)?;
    let event = Event::read_keyed(&body, key.key()).map_err(|fault| Problem::invalid(vec![fault]))?;
    let done = apply::apply(app.store.as_ref(), app.limits(), &event).await.map_err(|failed| match failed {
        Failed::Refused(faults) => Problem::invalid(faults),
        Failed::Store(error) => error.into(),
    })?;
    let view = |done: Done| DoneView { rule: done.rule, did: done.did, key: done.key, job: done.job.map(|job| job.id) };
    Ok(Json(Items::all(done.into_iter().map(view).collect())).into_response())
}
