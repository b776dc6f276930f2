//! Bodies of requests: how much is read, of which type, and what is said if it is neither.

mod many;
mod read;
mod split;

use axum::extract::{FromRequest, Request};
use axum::response::IntoResponse;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;
use url::form_urlencoded;

use super::json::{self, BadJson, MAX_VALUES};
use super::problem::Problem;
use crate::kit::PageError;

pub(crate) use many::{MAX_LINES, OneOrMany};
use read::Reading;

/// The longest body of a form of a few fields.
pub(crate) const SMALL_BYTES: usize = 4 * 1024;
/// The longest body of a pool, whose headers are 16 KiB before they are encoded.
pub(crate) const MEDIUM_BYTES: usize = 128 * 1024;
/// The longest body of an endpoint, a job or a rule: the longest body that is sent to an endpoint fits in, encoded.
pub(crate) const LARGE_BYTES: usize = 1024 * 1024;
/// The longest document of all there is to a project.
pub(crate) const DOCUMENT_BYTES: usize = 8 * 1024 * 1024;
/// The most values in it: 10,000 endpoints with 25 each.
pub(crate) const DOCUMENT_VALUES: usize = 250_000;
/// The most fields of a form.
const MAX_FIELDS: usize = 200;

/// A body that is JSON, of at most so many bytes and values.
pub(crate) struct JsonBody<const MAX: usize = LARGE_BYTES, const VALUES: usize = MAX_VALUES>(pub(crate) Value);

/// A body that is a form, of at most so many bytes: its fields in their order.
pub(crate) struct FormBody<const MAX: usize = SMALL_BYTES>(pub(crate) Vec<(String, String)>);

impl<S: Sync, const MAX: usize, const VALUES: usize> FromRequest<S> for JsonBody<MAX, VALUES> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "the body must be JSON, and Content-Type must say so: application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", detail).at("Content-Type"));
        }
        let body = Reading::begin(request, MAX).await?.whole().await?;
        json::parse_within(&body, VALUES).map(Self).map_err(Problem::from)
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
        Ok(Self(Reading::begin(request, naptime_events::MAX_BYTES).await?.whole().await?))
    }
}

/// Reads JSON that is to become something of Naptime's.
fn parse(text: &[u8]) -> Result<Value, Problem> {
    json::parse(text).map_err(Problem::from)
}

impl From<BadJson> for Problem {
    fn from(bad: BadJson) -> Self {
        let (code, detail) = match bad {
            BadJson::Syntax(why) => ("bad_json", format!("the body is not JSON: {why}")),
            BadJson::Doubled(why) => ("duplicate_key", why),
            BadJson::TooMany(why) => ("too_many_values", why),
        };
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }
}

impl<S: Sync, const MAX: usize> FromRequest<S> for FormBody<MAX> {
    type Rejection = axum::response::Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        // A form without any field has no body, and curl then sends no type either.
        let kind = content_type(request.headers());
        if !matches!(kind.as_deref(), None | Some("application/x-www-form-urlencoded")) {
            let detail = "This page takes forms only.";
            return Err(PageError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Not a form", detail).into_response());
        }
        let read = async { Reading::begin(request, MAX).await?.whole().await };
        let body = read.await.map_err(|unread| PageError::from(unread).into_response())?;
        let fields: Vec<_> = form_urlencoded::parse(&body).take(MAX_FIELDS + 1).collect();
        if fields.len() > MAX_FIELDS {
            let detail = "This form has more fields than any page here asks for.";
            return Err(PageError::new(StatusCode::UNPROCESSABLE_ENTITY, "Too many fields", detail).into_response());
        }
        Ok(Self(fields.into_iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()))
    }
}

impl<const MAX: usize> FormBody<MAX> {
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
