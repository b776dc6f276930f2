//! What is done to many endpoints at once: asked first, with their number, and said afterwards.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use naptime_core::{Invalid, JobId};
use naptime_store::{EndpointState, JobQuery};
use serde_json::Value;

use super::words::{done, label, question, what_follows};
use super::{Bulk, Done, Errand, Undone};
use crate::alerts::lengths;
use crate::app::{App, Shared};
use crate::endpoints::filter;
use crate::endpoints::filter_view::read;
use crate::http::body::FormBody;
use crate::http::query::Query;
use crate::kit::address::address;
use crate::kit::confirm::Question;
use crate::kit::layout::{Layout, Tab};
use crate::kit::{PageError, format, many};

/// Which endpoints are meant.
enum Which {
    /// Those of these ids.
    Picked(Vec<JobId>),
    /// All that match.
    All(JobQuery),
}

impl Which {
    fn read(query: &Query) -> Result<Self, PageError> {
        let picked = query.ids()?;
        if !picked.is_empty() {
            return Ok(Self::Picked(picked));
        }
        let jobs = read(query)?;
        if jobs.is_all() && query.get("all") != Some("true") {
            // Nothing said must not mean all of them.
            return Err(Invalid::new("all", "says_nothing", "it is not said which endpoints are meant").into());
        }
        Ok(Self::All(jobs))
    }

    /// The number of those that this changes, in words: `2 endpoints`.
    async fn counted(&self, app: &App, bulk: Bulk) -> Result<String, PageError> {
        let Done { count, next } = match self {
            Self::Picked(ids) => Done { count: ids.len() as u64, next: None },
            Self::All(jobs) => Errand::unsaid(bulk).on_all(app, jobs, None, true).await?,
        };
        let counted = format::counted(count, "endpoint");
        Ok(if next.is_some() { format!("more than {counted}") } else { counted })
    }

    /// The address at which it is done, to those after `cursor`.
    fn address(&self, bulk: Bulk, cursor: Option<&str>) -> String {
        let path = format!("/endpoints/bulk/{}", bulk.as_str());
        match self {
            Self::Picked(ids) => address(&path, ids.iter().map(|id| ("id", id.to_string()))),
            Self::All(jobs) => {
                let cursor = cursor.map(|cursor| ("cursor", cursor.to_owned()));
                address(&path, filter::pairs(jobs).chain([("all", "true".to_owned())]).chain(cursor))
            }
        }
    }

    /// The list that it was come from, which says what was done.
    fn back(&self, done: Option<(Bulk, u64)>) -> String {
        let done = done.map(|(bulk, count)| [("done", bulk.as_str().to_owned()), ("count", count.to_string())]);
        let jobs = match self {
            Self::Picked(_) => None,
            Self::All(jobs) => Some(jobs),
        };
        address("/endpoints", jobs.into_iter().flat_map(filter::pairs).chain(done.into_iter().flatten()))
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
    let heading = question(bulk, &which.counted(&app, bulk).await?);
    let (action, back) = (which.address(bulk, None), which.back(None));
    let question = Question {
        heading: &heading,
        about: html! {
            @if let Which::All(jobs) = &which { (those(jobs)) }
            p { (what_follows(bulk)) }
        },
        action: Some(&action),
        fields: fields(bulk),
        yes: label(bulk),
        danger: bulk == Bulk::Delete,
        no: "Leave them",
        back: &back,
    };
    Ok(Layout::new(&app, Tab::Endpoints, label(bulk)).page(&question.ask()))
}

pub(super) async fn act(
    State(app): State<Shared>,
    Path(action): Path<String>,
    query: Query,
    form: FormBody,
) -> Result<Response, PageError> {
    let bulk: Bulk = action.parse()?;
    let which = Which::read(&query)?;
    let given = bulk.fields().iter().filter_map(|name| {
        let text = form.field(name).map(str::trim).filter(|text| !text.is_empty())?;
        Some(((*name).to_owned(), Value::from(text)))
    });
    let errand = Errand::read(bulk, given.collect()).map_err(|fault| Undone::Invalid(vec![fault]))?;
    let Done { count, next } = match &which {
        Which::Picked(ids) => Done { count: errand.on_each(&app, ids.clone()).await?, next: None },
        Which::All(jobs) => errand.on_all(&app, jobs, query.get("cursor").map(str::to_owned), false).await?,
    };
    if next.is_none() {
        return Ok(Redirect::to(&which.back(Some((bulk, count)))).into_response());
    }
    let given = html! { @for (name, value) in errand.given() { input type="hidden" name=(name) value=(value); } };
    let body = many::so_far(&done(bulk, count), &which.address(bulk, next.as_deref()), given, &which.back(None));
    Ok(Layout::new(&app, Tab::Endpoints, label(bulk)).page(&body).into_response())
}

/// The buttons for a list.
pub(crate) fn buttons(jobs: &JobQuery) -> Markup {
    let all = jobs.is_all().then(|| ("all", "true".to_owned()));
    let actions = Bulk::ALL.into_iter().map(|bulk| (bulk.as_str(), label(bulk), bulk == Bulk::Delete));
    many::buttons("/endpoints/bulk", filter::pairs(jobs).chain(all), actions)
}

/// What was done, as the address of the list says after it.
pub(crate) fn notice(query: &Query) -> Option<String> {
    let bulk: Bulk = query.get("done")?.parse().ok()?;
    Some(done(bulk, query.get("count")?.parse().ok()?))
}

/// Those that match, in words.
fn those(jobs: &JobQuery) -> Markup {
    html! {
        @if jobs.is_all() { p { "That is all of them." } }
        @if let Some(state) = jobs.state { p { "Those that are " strong { (are(state)) } "." } }
        @if let Some(active) = jobs.active { p { "Those that are switched " (if active { "on" } else { "off" }) "." } }
        @if let Some(q) = &jobs.q { p { "Whose URL, name or tags hold each word of " strong { (q) } "." } }
        @if let Some(kind) = jobs.schedule { p { "With a schedule of the kind " strong { (kind.as_str()) } "." } }
        @if let Some(tag) = &jobs.tag { p { "With the tag " strong { (tag) } "." } }
        @if let Some(pool) = &jobs.pool { p { "Of the pool " strong { (pool) } "." } }
    }
}

/// What those in a state are.
fn are(state: EndpointState) -> &'static str {
    match state {
        EndpointState::PutOff => "put off by their targets",
        EndpointState::Breach => "in breach of their SLA",
        EndpointState::On => "switched on",
        EndpointState::Off => "switched off",
        state => state.as_str(),
    }
}

/// What has to be said.
fn fields(bulk: Bulk) -> Markup {
    let field = |name: &str, label: &str, hint: &str, required: bool| {
        html! {
            div.field {
                label for=(name) { (label) }
                input id=(name) name=(name) required[required] autocomplete="off" aria-describedby={ (name) "-hint" };
                p.hint id={ (name) "-hint" } { (hint) }
            }
        }
    };
    html! {
        @match bulk {
            Bulk::Pause => {
                (field("until", "Until", "Such as 2030-01-31 09:00. Without it, until somebody resumes them.", false))
                (field("note", "Note", "Why, for those who wonder later.", false))
            }
            Bulk::Tag | Bulk::Untag => (field("tags", "Tags", "Several with commas between.", true)),
            Bulk::Mute => {
                div.field { (lengths()) }
                (field("note", "Note", "Why, for those who wonder later.", false))
            }
            _ => {}
        }
    }
}
