//! What is done about one-off jobs: retry and cancel, one or all that match.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{StatusCode, Uri};
use maud::{Markup, html};
use naptime_core::Stage;
use naptime_store::{Error, PageRef, QueuedQuery, Treatment};

use super::jobs::{label, link, read, verb};
use super::layout::{Layout, Tab};
use super::{PageError, job};
use crate::api::jobs::treat_all;
use crate::app::{App, Shared};
use crate::auth::local_path;
use crate::body::FormBody;
use crate::format;
use crate::query::Query;

/// The most jobs that are counted before the question is asked.
const COUNTED: usize = 1_000;

pub(super) async fn retry(
    State(app): State<Shared>,
    Path(id): Path<String>,
    FormBody(fields): FormBody,
) -> Result<Redirect, PageError> {
    treat(&app, &id, &fields, Treatment::Retry).await
}

pub(super) async fn cancel(
    State(app): State<Shared>,
    Path(id): Path<String>,
    FormBody(fields): FormBody,
) -> Result<Redirect, PageError> {
    treat(&app, &id, &fields, Treatment::Cancel).await
}

async fn treat(app: &App, id: &str, fields: &[(String, String)], treatment: Treatment) -> Result<Redirect, PageError> {
    let id = job::read_id(id)?;
    match app.store.treat(id, None, treatment).await {
        // Whoever was first, it is as asked.
        Ok(_) => {}
        Err(Error::Deleted) if treatment == Treatment::Cancel => {}
        Err(error) => return Err(job::of_job(error)),
    }
    let back = fields.iter().find(|(name, _)| name == "back").map(|(_, path)| local_path(path));
    let own = format!("/jobs/{id}");
    Ok(Redirect::to(back.filter(|path| *path != "/").unwrap_or(&own)))
}

pub(super) async fn confirm(State(app): State<Shared>, uri: Uri, query: Query) -> Result<Markup, PageError> {
    let (jobs, treatment) = which(&query, uri.path())?;
    let found = app.store.queued(&jobs, &PageRef::first(COUNTED)).await?;
    let states: Vec<&str> = jobs.stages.iter().map(|stage| stage.as_str()).collect();
    let states = states.join(" or ");
    let count = match found.items.len() {
        1 => format!("the one {states} job"),
        n if found.next.is_some() => format!("more than {} {states} jobs", format::count(n as u64)),
        n => format!("all {} {states} jobs", format::count(n as u64)),
    };
    let back = link("/jobs", &jobs, None);
    let body = html! {
        section.confirm {
            h1 { (label(treatment)) " " (count) "?" }
            @if let Some(q) = &jobs.q { p { "Whose URL, name or tag holds " strong { (q) } "." } }
            @if let Some(tag) = &jobs.tag { p { "With the tag " strong { (tag) } "." } }
            @if let Some(pool) = &jobs.pool { p { "Of the pool " strong { (pool) } "." } }
            p {
                @match treatment {
                    Treatment::Retry => "Each is called now, with all its attempts.",
                    Treatment::Cancel => "They are not called any more. Calls under way go on, and are recorded.",
                }
            }
            form.actions method="post" action=(link(&format!("/jobs/{}", verb(treatment)), &jobs, None)) {
                button.primary[treatment == Treatment::Retry].danger[treatment == Treatment::Cancel] {
                    (label(treatment)) " them"
                }
                a.button href=(back) { "Leave them" }
            }
        }
    };
    Ok(Layout::new(&app, Tab::Jobs, label(treatment)).page(&body))
}

pub(super) async fn all(State(app): State<Shared>, uri: Uri, query: Query) -> Result<Response, PageError> {
    let (jobs, treatment) = which(&query, uri.path())?;
    let (count, more) = treat_all(&app, &jobs, treatment).await?;
    if !more {
        return Ok(Redirect::to(&link("/jobs", &jobs, None)).into_response());
    }
    let again = link(&format!("/jobs/{}", verb(treatment)), &jobs, None);
    let body = html! {
        section.confirm {
            h1 { (format::counted(count, "job")) " so far" }
            p { "There are more than can be treated in one go." }
            form.actions method="post" action=(again) {
                button.primary { "Go on" }
                a.button href=(link("/jobs", &jobs, None)) { "Stop here" }
            }
        }
    };
    Ok(Layout::new(&app, Tab::Jobs, "So far").page(&body).into_response())
}

/// Which jobs are meant, and what is to be done about them, as the path says.
fn which(query: &Query, path: &str) -> Result<(QueuedQuery, Treatment), PageError> {
    let treatment = if path.ends_with("/retry") { Treatment::Retry } else { Treatment::Cancel };
    let jobs = read(query)?;
    let suits = |stage: &Stage| treatment.suits(*stage);
    if jobs.stages.is_empty() || !jobs.stages.iter().all(suits) {
        let detail = "Choose a state first: failed and done jobs can be called again, those to come be cancelled.";
        return Err(PageError::new(StatusCode::BAD_REQUEST, "Which jobs?", detail));
    }
    Ok((jobs, treatment))
}
