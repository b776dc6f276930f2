//! What is done to many endpoints at once: asked first, with their number, and said afterwards.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use naptime_core::{Invalid, JobId};
use naptime_store::JobQuery;
use url::form_urlencoded;

use super::PageError;
use super::endpoints::{link, read};
use super::layout::{Layout, Tab};
use crate::app::{App, Shared};
use crate::bulk::{Bulk, Done};
use crate::format;
use crate::query::Query;

/// Which endpoints are meant.
enum Which {
    /// Those of these ids.
    Picked(Vec<JobId>),
    /// All that match.
    All(JobQuery),
}

impl Which {
    fn read(query: &Query) -> Result<Self, PageError> {
        let not_an_id = |_| Invalid::new("id", "not_an_id", "an id is not a UUID");
        let picked = query.all("id").map(|id| id.parse().map_err(not_an_id)).collect::<Result<Vec<JobId>, _>>()?;
        if !picked.is_empty() {
            return Ok(Self::Picked(picked));
        }
        let jobs = read(query)?;
        if jobs == JobQuery::default() && query.get("all") != Some("true") {
            // Nothing said must not mean all of them.
            return Err(Invalid::new("all", "says_nothing", "it is not said which endpoints are meant").into());
        }
        Ok(Self::All(jobs))
    }

    /// The number of those that this changes, in words: `2 endpoints`.
    async fn counted(&self, app: &App, bulk: Bulk) -> Result<String, PageError> {
        let Done { count, next } = match self {
            Self::Picked(ids) => Done { count: ids.len() as u64, next: None },
            Self::All(jobs) => bulk.on_all(app, jobs, None, true).await?,
        };
        let counted = format::counted(count, "endpoint");
        Ok(if next.is_some() { format!("more than {counted}") } else { counted })
    }

    /// The address at which it is done, to those after `cursor`.
    fn address(&self, bulk: Bulk, cursor: Option<&str>) -> String {
        let path = format!("/endpoints/bulk/{}", bulk.as_str());
        match self {
            Self::Picked(ids) => {
                let mut query = form_urlencoded::Serializer::new(String::new());
                query.extend_pairs(ids.iter().map(|id| ("id", id.to_string())));
                format!("{path}?{}", query.finish())
            }
            Self::All(jobs) => {
                let address = link(&path, jobs, cursor);
                let separator = if address.contains('?') { '&' } else { '?' };
                format!("{address}{separator}all=true")
            }
        }
    }

    fn back(&self) -> String {
        match self {
            Self::Picked(_) => "/endpoints".to_owned(),
            Self::All(jobs) => link("/endpoints", jobs, None),
        }
    }
}

/// Leads from the button to the question.
pub(super) async fn choose(query: Query) -> Result<Redirect, PageError> {
    let bulk: Bulk = query.get("action").unwrap_or_default().parse()?;
    Ok(Redirect::to(&Which::read(&query)?.address(bulk, None)))
}

pub(super) async fn confirm(
    State(app): State<Shared>,
    Path(action): Path<String>,
    query: Query,
) -> Result<Markup, PageError> {
    let bulk: Bulk = action.parse()?;
    let which = Which::read(&query)?;
    let counted = which.counted(&app, bulk).await?;
    let body = html! {
        section.confirm {
            h1 { (question(bulk, &counted)) }
            @if let Which::All(jobs) = &which {
                @if *jobs == JobQuery::default() { p { "That is all of them." } }
                @if let Some(trouble) = jobs.trouble { p { "Those that are " strong { (trouble.as_str()) } "." } }
                @if let Some(active) = jobs.active { p { "Those that are switched " (if active { "on" } else { "off" }) "." } }
                @if let Some(q) = &jobs.q { p { "Whose URL, name or tag holds " strong { (q) } "." } }
                @if let Some(tag) = &jobs.tag { p { "With the tag " strong { (tag) } "." } }
                @if let Some(pool) = &jobs.pool { p { "Of the pool " strong { (pool) } "." } }
            }
            p {
                @match bulk {
                    Bulk::On => "Each is called from its next time on.",
                    Bulk::Off => "They are not called any more until they are switched on. Calls under way go on.",
                    Bulk::Call => "Each is called once, now. Those of a pool that is switched off are passed over.",
                    Bulk::Delete => "They are not called any more. They can be restored for as long as history is kept.",
                }
            }
            form.actions method="post" action=(which.address(bulk, None)) {
                button.primary[bulk != Bulk::Delete].danger[bulk == Bulk::Delete] { (label(bulk)) }
                a.button href=(which.back()) { "Leave them" }
            }
        }
    };
    Ok(Layout::new(&app, Tab::Endpoints, label(bulk)).page(&body))
}

pub(super) async fn act(
    State(app): State<Shared>,
    Path(action): Path<String>,
    query: Query,
) -> Result<Response, PageError> {
    let bulk: Bulk = action.parse()?;
    let which = Which::read(&query)?;
    let Done { count, next } = match &which {
        Which::Picked(ids) => Done { count: bulk.on_each(&app, ids.clone()).await?, next: None },
        Which::All(jobs) => bulk.on_all(&app, jobs, query.get("cursor").map(str::to_owned), false).await?,
    };
    if next.is_none() {
        let back = which.back();
        let separator = if back.contains('?') { '&' } else { '?' };
        let address = format!("{back}{separator}done={}&count={count}", bulk.as_str());
        return Ok(Redirect::to(&address).into_response());
    }
    let body = html! {
        section.confirm {
            h1 { (done(bulk, count)) }
            p { "There are more than can be done in one go." }
            form.actions method="post" action=(which.address(bulk, next.as_deref())) {
                button.primary { "Go on" }
                a.button href=(which.back()) { "Stop here" }
            }
        }
    };
    Ok(Layout::new(&app, Tab::Endpoints, label(bulk)).page(&body).into_response())
}

/// The buttons: for those that are picked in the list, or for all that match if none is.
pub(super) fn buttons(jobs: &JobQuery) -> Markup {
    html! {
        form #bulk action="/endpoints/bulk" {
            @if let Some(trouble) = jobs.trouble { input type="hidden" name="state" value=(trouble.as_str()); }
            @if let Some(active) = jobs.active { input type="hidden" name="active" value=(active); }
            @for (name, value) in [("q", &jobs.q), ("tag", &jobs.tag), ("pool", &jobs.pool)] {
                @if let Some(value) = value { input type="hidden" name=(name) value=(value); }
            }
            @if *jobs == JobQuery::default() { input type="hidden" name="all" value="true"; }
            span.dim { "Those picked, or all that match:" }
            @for bulk in Bulk::ALL {
                button.danger[bulk == Bulk::Delete] name="action" value=(bulk.as_str()) { (label(bulk)) "…" }
            }
        }
    }
}

/// What was done, as the address of the list says after it.
pub(super) fn notice(query: &Query) -> Option<String> {
    let bulk: Bulk = query.get("done")?.parse().ok()?;
    Some(done(bulk, query.get("count")?.parse().ok()?))
}

fn label(bulk: Bulk) -> &'static str {
    match bulk {
        Bulk::On => "Switch on",
        Bulk::Off => "Switch off",
        Bulk::Call => "Call now",
        Bulk::Delete => "Delete",
    }
}

fn question(bulk: Bulk, counted: &str) -> String {
    match bulk {
        Bulk::On => format!("Switch {counted} on?"),
        Bulk::Off => format!("Switch {counted} off?"),
        Bulk::Call => format!("Call {counted} now?"),
        Bulk::Delete => format!("Delete {counted}?"),
    }
}

fn done(bulk: Bulk, count: u64) -> String {
    let counted = format::counted(count, "endpoint");
    match bulk {
        Bulk::On => format!("{counted} switched on."),
        Bulk::Off => format!("{counted} switched off."),
        Bulk::Call => format!("{counted} called."),
        Bulk::Delete => format!("{counted} deleted."),
    }
}
