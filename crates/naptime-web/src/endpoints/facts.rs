//! What is shown of every job, recurring or one-off: what is sent where.

use maud::{Markup, html};
use naptime_core::{PoolSettings, Spec};

use crate::kit::{format, mask};
use crate::pools;

/// Where a job's calls go and what they send; `pool` is what is known of its pool.
pub(crate) fn request(spec: &Spec, pool: Option<&PoolSettings>) -> Markup {
    let request = &spec.request;
    html! {
        dt { "Pool" } dd { (pools::link(spec.endpoint.pool())) " " (pools::mark(pool)) }
        dt { "Channel" } dd.where { (spec.shown_endpoint().channel()) }
        dt { "Method" } dd { (request.method) }
        @if !request.headers.is_empty() {
            dt { "Headers" }
            dd { pre { @for (name, value) in mask::masked(&request.headers) { (name) ": " (value) "\n" } } }
        }
        @if !request.sign.is_empty() {
            dt { "Signed" } dd { "as Standard Webhooks says, with " (format::counted(request.sign.masked().len() as u64, "key")) }
        }
        @if let Some(body) = mask::body(request) { dt { "Body" } dd { pre { "\n" (body) } } }
    }
}

/// Its tags, if it has any.
pub(crate) fn tags(spec: &Spec) -> Markup {
    html! {
        @if !spec.tags.is_empty() { dt { "Tags" } dd { @for tag in &spec.tags { span.tag { (tag) } " " } } }
    }
}
