//! The form of a new endpoint, filled in from a curl command.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::{Markup, html};
use naptime_core::{Curl, Invalid};

use super::fields::Fields;
use crate::app::Shared;
use crate::http::body::{FormBody, LARGE_BYTES};
use crate::kit::PageError;

/// What becomes of a command that was pasted.
#[derive(Debug, Default)]
pub(super) struct Pasted {
    /// The command, if it could not be read, and why.
    fault: Option<(String, Invalid)>,
    /// What of it means nothing here.
    left_out: Vec<String>,
    is_read: bool,
}

pub(super) async fn read(
    State(app): State<Shared>,
    FormBody(sent): FormBody<LARGE_BYTES>,
) -> Result<Response, PageError> {
    let command = sent.into_iter().find(|(name, _)| name == "curl").map(|(_, text)| text).unwrap_or_default();
    let (status, fields, pasted) = match Curl::read(&command) {
        Ok(curl) => {
            let pasted = Pasted { left_out: curl.left_out.clone(), is_read: true, fault: None };
            (StatusCode::OK, Fields::of_curl(curl), pasted)
        }
        Err(fault) => {
            let pasted = Pasted { fault: Some((command, fault)), ..Pasted::default() };
            (StatusCode::UNPROCESSABLE_ENTITY, Fields::blank(), pasted)
        }
    };
    Ok((status, super::fresh(&app, fields, &pasted).await?).into_response())
}

impl Pasted {
    /// Where a command is pasted, and what became of the last one.
    pub(super) fn part(&self) -> Markup {
        let (command, fault) =
            self.fault.as_ref().map_or(("", None), |(command, fault)| (command.as_str(), Some(fault)));
        html! {
            @if self.is_read {
                div.notice.good role="status" {
                    p { "The command is read. It still needs to be said when it is called." }
                    @if !self.left_out.is_empty() { p { "Left out: " (self.left_out.join("; ")) "." } }
                }
            }
            details.paste open[fault.is_some()] {
                summary { "Fill in from a curl command" }
                form method="post" action="/endpoints/curl" {
                    div.field.faulty[fault.is_some()] {
                        label for="curl" { "Command" }
                        textarea #curl name="curl" rows="4" aria-describedby=[fault.map(|_| "curl-fault")]
                            aria-invalid=[fault.map(|_| "true")] placeholder="curl -X POST https://example.com/hook -d 'a=1'" {
                            "\n" (command)
                        }
                        @if let Some(fault) = fault { p.fault #curl-fault { (fault.detail) } }
                    }
                    div.actions { button { "Fill in" } }
                }
            }
        }
    }
}
