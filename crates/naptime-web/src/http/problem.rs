//! Errors as the API sends them: `application/problem+json` (RFC 9457) with `code`, `field` and `errors` of our own.

use std::borrow::Cow;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use naptime_core::Invalid;
use serde::Serialize;
use utoipa::ToSchema;

use crate::kit::format;
use crate::openapi::codes;

/// An error as it is sent.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Document<'a> {
    #[serde(rename = "type")]
    about: &'static str,
    title: &'static str,
    status: u16,
    /// What is wrong, for programs.
    #[schema(schema_with = codes::schema)]
    code: &'static str,
    /// What is wrong, for people.
    detail: &'a str,
    /// The field, parameter or header that is at fault, if it is one: by its path, such as `retry.attempts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    /// All faults, where there may be several.
    #[serde(skip_serializing_if = "<[Invalid]>::is_empty")]
    #[schema(value_type = Vec<Invalid>)]
    pub(crate) errors: &'a [Invalid],
}

/// An error for programs.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    field: Option<Cow<'static, str>>,
    detail: Cow<'static, str>,
    /// All faults, where there may be several.
    errors: Vec<Invalid>,
    /// The seconds after which to try again.
    retry_after: Option<u64>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, field: None, detail: detail.into(), errors: Vec::new(), retry_after: None }
    }

    /// The same problem, at a field.
    pub(crate) fn at(self, field: impl Into<Cow<'static, str>>) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    /// A request that cannot be read.
    pub(crate) fn bad_request(field: &'static str, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail).at(field)
    }

    /// What was sent can be read, but not be accepted. There is at least one fault.
    pub(crate) fn invalid(errors: Vec<Invalid>) -> Self {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        match errors.first().cloned() {
            Some(first) => Self { errors, ..Self::new(status, first.code, first.detail).at(first.field) },
            None => Self::new(status, "invalid", "the request cannot be accepted"),
        }
    }

    /// The document itself.
    pub(crate) fn document(&self) -> Document<'_> {
        for code in self.errors.iter().map(|error| error.code).chain([self.code]) {
            debug_assert!(codes::is_known(code), "`{code}` is not among the codes that are documented");
        }
        Document {
            about: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            field: self.field.as_deref(),
            errors: &self.errors,
        }
    }

    pub(crate) fn forbidden(code: &'static str, detail: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    pub(crate) fn unauthorized() -> Self {
        let detail = "log in, or send the API token as `Authorization: Bearer …`";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    /// Requests come too fast; the next is taken after `wait`.
    pub(crate) fn too_many_requests(wait: Duration) -> Self {
        let detail = "more requests came with this token than one program may send; see Retry-After";
        let retry_after = Some(wait.as_secs() + 1);
        Self { retry_after, ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail) }
    }

    /// Too many wrong tokens; the next is looked at after `wait`.
    pub(crate) fn too_many_attempts(wait: Duration) -> Self {
        let seconds = wait.as_secs() + 1;
        let detail = format!("too many wrong tokens came from this address; try again in {seconds} s");
        Self { retry_after: Some(seconds), ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", detail) }
    }
}

impl From<Invalid> for Problem {
    /// A fault in the query or path: the request cannot be read.
    fn from(fault: Invalid) -> Self {
        Self::new(StatusCode::BAD_REQUEST, fault.code, fault.detail).at(fault.field)
    }
}

impl From<naptime_store::Error> for Problem {
    fn from(error: naptime_store::Error) -> Self {
        use naptime_store::Error;
        match error {
            Error::NotFound => {
                Self::new(StatusCode::NOT_FOUND, "not_found", "there is no endpoint of this id").at("id")
            }
            Error::Deleted => Self::new(StatusCode::CONFLICT, "deleted", "the endpoint is deleted"),
            Error::Stale(rev) => {
                let detail = format!("the endpoint has been edited meanwhile; it is at revision {}", rev.0);
                Self::new(StatusCode::CONFLICT, "stale", detail).at("If-Match")
            }
            Error::WrongStage(stage) => {
                Self::new(StatusCode::CONFLICT, "wrong_state", format!("the job is {}", stage.as_str())).at("state")
            }
            Error::KeyTaken => Self::new(StatusCode::CONFLICT, "key_taken", "another endpoint has this key").at("key"),
            Error::TooManyRules => {
                let detail = "there are 1,000 rules, which is as many as there may be";
                Self::new(StatusCode::CONFLICT, "too_many_rules", detail).at("name")
            }
            Error::BadCursor => Self::bad_request("cursor", "bad_cursor", "the cursor is not one that was handed out"),
            Error::Unavailable(why) => {
                tracing::error!(%why, "the store is not available");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the store does not answer; try again soon")
            }
            Error::Refused { refusal, detail } => {
                tracing::error!(why = detail, "the store takes no writes: {refusal}");
                let detail = format!("nothing was changed: {refusal}; try again when that has ended");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_writable", detail)
            }
            Error::PoolInUse { endpoints, once } => {
                let detail = format!("{}; delete them first", format::pool_in_use(endpoints, once));
                Self::new(StatusCode::CONFLICT, "in_use", detail).at("pool")
            }
            Error::Shut(shut) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "moved", shut.to_string()),
            Error::Corrupt(why) => {
                tracing::error!(%why, "the store holds what cannot be read");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "corrupt", "the store holds what cannot be read")
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let content = [(header::CONTENT_TYPE, "application/problem+json")];
        // It holds nothing but texts and a number.
        let document = serde_json::to_vec(&self.document()).unwrap_or_default();
        let mut response = (self.status, content, document).into_response();
        match self.status {
            StatusCode::UNAUTHORIZED => {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            _ => {}
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
