//! `GET /api/stream`.

use axum::Extension;
use axum::extract::State;
use axum::response::sse::Sse;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use naptime_store::Error;

use super::connection::Connection;
use super::event::EventId;
use super::subscription::Subscription;
use super::tail::{Listener, Refusal};
use crate::app::Shared;
use crate::http::auth::Caller;
use crate::http::params::{LastEventIdHeader, StreamFilters};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::serve::Ending;

const LAST_EVENT_ID: &str = "Last-Event-ID";

/// What happens, as it happens: server-sent events.
///
/// They tell runs that ended, problems that opened, changed or ended, and endpoints that were added, edited or deleted. Each
/// event has an `id`; sent back as `Last-Event-ID` within five minutes, it has the stream go on where it was. An event
/// `problems` has all that are open, an event `gap` says that some events are missing. The stream ends every few minutes;
/// connect anew.
#[utoipa::path(
    get, path = "/stream", operation_id = "follow_stream", tag = "standing",
    params(StreamFilters, LastEventIdHeader),
    responses((status = 200, body = String, content_type = "text/event-stream")),
)]
pub(super) async fn follow(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    ending: Option<Extension<Ending>>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Problem> {
    let subscription = Subscription::read(&app, &query).await?;
    let last = last_event_id(&headers)?;
    let listener = Listener::new(&app, subscription.follows()).await.map_err(|refusal| match refusal {
        Refusal::TooMany => {
            let detail = "as many streams are open as may be; try again, or ask for the lists";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
        }
        Refusal::NoAnswer => Error::Unavailable("nothing was read for a stream".to_owned()).into(),
    })?;
    let session = (caller == Caller::Session).then_some(headers);
    let ending = ending.map(|Extension(ending)| ending).unwrap_or_default();
    let (connection, first) = Connection::begin(app, subscription, listener, session, ending, last);
    // A proxy that buffers would keep events back.
    let unbuffered = [("x-accel-buffering", "no")];
    Ok((unbuffered, Sse::new(connection.events(first))).into_response())
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<EventId>, Problem> {
    let Some(value) = headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty()) else { return Ok(None) };
    let id = value.to_str().ok().and_then(|text| text.parse().ok());
    let bad = || Problem::bad_request(LAST_EVENT_ID, "bad_cursor", "this is not the id of an event of a stream");
    id.map(Some).ok_or_else(bad)
}
