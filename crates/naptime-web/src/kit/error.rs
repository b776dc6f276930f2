//! Pages that say why there is no page.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use maud::html;
use naptime_core::Invalid;
use naptime_store::Shut;

use super::format;
use super::layout::Layout;

/// An error for people.
#[derive(Debug)]
pub(crate) struct PageError {
    status: StatusCode,
    title: &'static str,
    text: Cow<'static, str>,
    /// Whether no other page would be shown either.
    is_shut: bool,
}

impl PageError {
    pub(crate) fn new(status: StatusCode, title: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        Self { status, title, text: text.into(), is_shut: false }
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Nothing here", "There is no page at this address.")
    }

    pub(crate) fn no_endpoint() -> Self {
        let text = "There is no endpoint of this id. It may have been deleted long ago, or the address was cut short.";
        Self::new(StatusCode::NOT_FOUND, "No such endpoint", text)
    }

    pub(crate) fn no_pool() -> Self {
        let text = "There is no such pool. A pool is there as soon as an endpoint of it is added.";
        Self::new(StatusCode::NOT_FOUND, "No such pool", text)
    }

    pub(crate) fn forbidden(title: &'static str, text: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, title, text)
    }

    /// Why no page at all is shown.
    pub(crate) fn shut(title: &'static str, text: &'static str) -> Self {
        Self { is_shut: true, ..Self::forbidden(title, text) }
    }
}

impl From<Invalid> for PageError {
    /// A fault in the query: the address is not one of a page.
    fn from(fault: Invalid) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "Not an address of a page",
            format!("This cannot be shown: {}.", fault.detail),
        )
    }
}

impl From<naptime_store::Error> for PageError {
    fn from(error: naptime_store::Error) -> Self {
        use naptime_store::Error;
        match error {
            Error::NotFound => Self::no_endpoint(),
            Error::Deleted => Self::new(
                StatusCode::CONFLICT,
                "It is deleted",
                "This endpoint has been deleted. Restore it on its page to go on with it.",
            ),
            Error::Stale(_) => Self::new(
                StatusCode::CONFLICT,
                "Changed meanwhile",
                "Somebody else has changed this endpoint. Look at it again, then decide.",
            ),
            Error::WrongStage(stage) => Self::new(
                StatusCode::CONFLICT,
                "Changed meanwhile",
                format!("This job is {} by now, so that is not for it.", stage.as_str()),
            ),
            Error::KeyTaken => Self::new(
                StatusCode::CONFLICT,
                "Another has its key",
                "This endpoint was added under a key that another one has by now. Delete that one first.",
            ),
            Error::TooManyRules => Self::new(
                StatusCode::CONFLICT,
                "Too many rules",
                "There are 1,000 rules, which is as many as there may be. Delete some first.",
            ),
            Error::BadCursor => Self::new(
                StatusCode::BAD_REQUEST,
                "Not a page",
                "This page of the list cannot be found. Start at the first.",
            ),
            Error::Unavailable(why) => {
                tracing::error!(%why, "the store is not available");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "The store does not answer",
                    "Naptime cannot reach its database right now. Calls resume by themselves when it is back; so does \
                     this page.",
                )
            }
            Error::Refused { refusal, detail } => {
                tracing::error!(why = detail, "the store takes no writes: {refusal}");
                let text = format!(
                    "Nothing was saved, because {refusal}. Calls wait, and go on by themselves when that has ended; then \
                     this works as well."
                );
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "Nothing was saved", text)
            }
            Error::PoolInUse { endpoints, once } => {
                let text =
                    format!("It cannot be deleted: {}. Delete them first.", format::pool_in_use(endpoints, once));
                Self::new(StatusCode::CONFLICT, "The pool is in use", text)
            }
            Error::Shut(shut) => {
                let title = match shut {
                    Shut::Leaving { for_good: true, .. } => "Naptime has moved",
                    Shut::Leaving { .. } | Shut::Arriving { .. } => "Naptime is moving",
                };
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Self { is_shut: true, ..Self::new(status, title, format::sentence(&shut.to_string())) }
            }
            Error::Corrupt(why) => {
                tracing::error!(%why, "the store holds what cannot be read");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "Something went wrong",
                    "The store holds something that this version of Naptime cannot read. The details are in the log.",
                )
            }
        }
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let body = html! {
            section.notice-page data-retry[self.status == StatusCode::SERVICE_UNAVAILABLE] {
                p.code { (self.status.as_u16()) }
                h1 { (self.title) }
                p { (self.text) }
                @if !self.is_shut {
                    p { a.button href="/" { "To the overview" } " " a.button href="/endpoints" { "To the endpoints" } }
                }
            }
        };
        let layout = if self.is_shut { Layout::outside(self.title) } else { Layout::plain(self.title) };
        let mut response = (self.status, layout.page(&body)).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}
