//! Bodies of requests: how much is read, of which type, and what is said if it is neither.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::IntoResponse;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use url::form_urlencoded;

use crate::json::{BadJson, Json};
use crate::pages::PageError;
use crate::problem::Problem;

/// The longest body that is accepted. The longest body of an endpoint fits in, however it is encoded.
const MOST: usize = 1024 * 1024;
/// The longest body of one request for many jobs.
const MOST_OF_MANY: usize = 32 * 1024 * 1024;
/// How much more is read and thrown away, so that the sender hears why it is refused instead of a reset.
const DRAINED: usize = 16 * 1024 * 1024;
/// The longest a body may take to arrive.
const SLOWEST: Duration = Duration::from_secs(20);

/// Why a body was not read.
enum Unread {
    TooLarge,
    Broken,
    TooSlow,
}

/// A body that is JSON.
pub(crate) struct JsonBody(pub(crate) Json);

/// A body that is a form: its fields in their order.
pub(crate) struct FormBody(pub(crate) Vec<(String, String)>);

impl<S: Sync> FromRequest<S> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "the body must be JSON, and Content-Type must say so: application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", detail).at("Content-Type"));
        }
        let body = read(request.into_body(), MOST).await.map_err(|unread| unread.problem(MOST))?;
        parse(&body).map(Self)
    }
}

/// A body that is one event, as it was sent.
pub(crate) struct EventBody(pub(crate) Bytes);

impl<S: Sync> FromRequest<S> for EventBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "an event must be JSON, and Content-Type must say so: application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", detail).at("Content-Type"));
        }
        let most = naptime_events::MAX_BYTES;
        read(request.into_body(), most).await.map(Self).map_err(|unread| unread.problem(most))
    }
}

/// One job or many.
pub(crate) enum JobsBody {
    /// As one JSON document.
    Json(Json),
    /// As one JSON document on each line.
    Lines(Bytes),
}

impl<S: Sync> FromRequest<S> for JobsBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let lines = matches!(
            content_type(request.headers()).as_deref(),
            Some("application/x-ndjson" | "application/ndjson" | "application/jsonl")
        );
        if !lines && !is_json(request.headers()) {
            let detail = "the body must be JSON, and Content-Type must say so: application/json for a job or a list of \
                          jobs, application/x-ndjson for a job on each line";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", detail).at("Content-Type"));
        }
        let body = read(request.into_body(), MOST_OF_MANY).await.map_err(|unread| unread.problem(MOST_OF_MANY))?;
        if lines { Ok(Self::Lines(body)) } else { parse(&body).map(Self::Json) }
    }
}

/// Reads JSON.
pub(crate) fn parse(text: &[u8]) -> Result<Json, Problem> {
    Json::parse(text).map_err(|bad| {
        let (code, detail) = match bad {
            BadJson::Syntax(why) => ("bad_json", format!("the body is not JSON: {why}")),
            BadJson::Doubled(why) => ("duplicate_key", why),
        };
        Problem::new(StatusCode::BAD_REQUEST, code, detail)
    })
}

impl Unread {
    fn problem(self, most: usize) -> Problem {
        match self {
            Self::TooLarge => {
                let most = if most >> 20 > 0 { format!("{} MiB", most >> 20) } else { format!("{} KiB", most >> 10) };
                let detail = format!("the request is larger than {most}");
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail).at("body")
            }
            Self::Broken => {
                Problem::new(StatusCode::BAD_REQUEST, "incomplete", "the request ended before its body did")
            }
            Self::TooSlow => Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "the body did not arrive in time"),
        }
    }
}

impl<S: Sync> FromRequest<S> for FormBody {
    type Rejection = axum::response::Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        // A form without any field has no body, and curl then sends no type either.
        let kind = content_type(request.headers());
        if !matches!(kind.as_deref(), None | Some("application/x-www-form-urlencoded")) {
            let detail = "This page takes forms only.";
            return Err(PageError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Not a form", detail).into_response());
        }
        let body = read(request.into_body(), MOST).await.map_err(|unread| {
            let (status, detail) = match unread {
                Unread::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "What was sent is larger than 1 MiB."),
                Unread::Broken => (StatusCode::BAD_REQUEST, "The request broke off."),
                Unread::TooSlow => (StatusCode::REQUEST_TIMEOUT, "The form did not arrive in time."),
            };
            PageError::new(status, "Not read", detail).into_response()
        })?;
        Ok(Self(form_urlencoded::parse(&body).into_owned().collect()))
    }
}

impl FormBody {
    /// The first value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Which way a switch goes. What says neither must not switch anything off.
    pub(crate) fn switch(&self, name: &str) -> Result<bool, PageError> {
        self.field(name).and_then(|value| value.parse().ok()).ok_or_else(|| {
            let text = format!("The field {name} must be true or false.");
            PageError::new(StatusCode::UNPROCESSABLE_ENTITY, "Neither on nor off", text)
        })
    }
}

/// The media type of a request, in lower case and without parameters.
fn content_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().unwrap_or("");
    Some(text.split(';').next().unwrap_or("").trim().to_ascii_lowercase())
}

fn is_json(headers: &HeaderMap) -> bool {
    content_type(headers)
        .is_some_and(|kind| kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")))
}

async fn read(body: Body, most: usize) -> Result<Bytes, Unread> {
    tokio::time::timeout(SLOWEST, collect(body, most)).await.unwrap_or(Err(Unread::TooSlow))
}

async fn collect(mut body: Body, most: usize) -> Result<Bytes, Unread> {
    let (mut kept, mut seen) = (BytesMut::new(), 0usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Unread::Broken)?;
        let Some(data) = frame.data_ref() else { continue };
        seen = seen.saturating_add(data.len());
        if seen <= most {
            kept.extend_from_slice(data);
        } else if seen > most + DRAINED {
            break;
        }
    }
    if seen > most { Err(Unread::TooLarge) } else { Ok(kept.freeze()) }
}
