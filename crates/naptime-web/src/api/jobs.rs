//! One-off jobs: list, look at, cancel, call again, and the log of their attempts.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use naptime_core::{Invalid, Job, Stage};
use naptime_store::{Error, Page, PageRef, QueuedQuery, Treatment};
use serde_json::json;
use tokio::time::Instant;

use super::{job_view, view};
use crate::app::{App, Shared};
use crate::problem::Problem;
use crate::query::{ApiId, IfMatch, Query};

/// How many jobs are treated before it is looked whether there is time for more.
const AT_ONCE: usize = 500;
/// How long one request may go on treating jobs.
const LONGEST: Duration = Duration::from_secs(20);

pub(super) async fn list(State(app): State<Shared>, query: Query) -> Result<Response, Problem> {
    query.check(&["state", "q", "pool", "tag", "limit", "cursor"])?;
    let page = PageRef { limit: query.limit(50, 500)?, cursor: query.get("cursor").map(str::to_owned) };
    let found = app.store.queued(&filters(&query)?, &page).await?;
    Ok(Json(view::Items::of(found, job_view::summary)).into_response())
}

pub(super) async fn get(State(app): State<Shared>, ApiId(id): ApiId) -> Result<Response, Problem> {
    Ok(tagged(app.one_off(id).await.map_err(of_job)?, None))
}

pub(super) async fn cancel(
    State(app): State<Shared>,
    ApiId(id): ApiId,
    IfMatch(expect): IfMatch,
) -> Result<Response, Problem> {
    app.store.treat(id, expect, Treatment::Cancel).await.map_err(of_job)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn retry(
    State(app): State<Shared>,
    ApiId(id): ApiId,
    IfMatch(expect): IfMatch,
) -> Result<Response, Problem> {
    let job = app.store.treat(id, expect, Treatment::Retry).await.map_err(of_job)?;
    Ok((StatusCode::ACCEPTED, tagged(job, None)).into_response())
}

pub(super) async fn retry_all(State(app): State<Shared>, query: Query) -> Result<Response, Problem> {
    all_matching(&app, &query, Treatment::Retry).await
}

pub(super) async fn cancel_all(State(app): State<Shared>, query: Query) -> Result<Response, Problem> {
    all_matching(&app, &query, Treatment::Cancel).await
}

async fn all_matching(app: &App, query: &Query, treatment: Treatment) -> Result<Response, Problem> {
    query.check(&["state", "q", "pool", "tag"])?;
    let jobs = filters(query)?;
    let suits: Vec<&str> = Stage::ALL.into_iter().filter(|stage| treatment.suits(*stage)).map(Stage::as_str).collect();
    // Nothing said must not mean all of them.
    if jobs.stages.is_empty() || jobs.stages.iter().any(|stage| !treatment.suits(*stage)) {
        let detail = format!("say which: `state` must be one of {}, or several of them", suits.join(", "));
        return Err(Problem::bad_request("state", "wrong_state", detail));
    }
    let (count, more) = treat_all(app, &jobs, treatment).await?;
    Ok(Json(json!({"count": count, "more": more})).into_response())
}

/// Treats all jobs that match, for as long as one request may take. Returns how many were, and whether there are more.
pub(crate) async fn treat_all(app: &App, jobs: &QueuedQuery, treatment: Treatment) -> Result<(u64, bool), Error> {
    let end = Instant::now() + LONGEST;
    let (mut count, mut page) = (0, PageRef::first(AT_ONCE));
    loop {
        let treated = app.store.treat_all(jobs, treatment, &page).await?;
        count += treated.count;
        page.cursor = treated.next;
        if page.cursor.is_none() || Instant::now() > end {
            return Ok((count, page.cursor.is_some()));
        }
    }
}

pub(super) async fn runs(State(app): State<Shared>, ApiId(id): ApiId, query: Query) -> Result<Response, Problem> {
    query.check(&["limit", "cursor"])?;
    let page = PageRef { limit: query.limit(50, 500)?, cursor: query.get("cursor").map(str::to_owned) };
    let job = app.one_off(id).await.map_err(of_job)?;
    let found = app.store.runs(id, &page).await?;
    let lock = job_view::under_way(&job, &found.items, app.now()).filter(|_| page.cursor.is_none());
    let items = job_view::attempts(lock.map(|lock| (&job, lock)), &found.items);
    let page = Page { items, next: found.next, unreadable: found.unreadable };
    Ok(Json(view::Items::from(page)).into_response())
}

/// What a list is filtered by.
pub(crate) fn filters(query: &Query) -> Result<QueuedQuery, Invalid> {
    let text = |name| query.filter(name).map(|text| text.map(str::trim).map(str::to_owned));
    let states = query.get("state").into_iter().flat_map(|states| states.split(',').map(str::trim));
    let stages = states.map(str::parse).collect::<Result<Vec<Stage>, Invalid>>()?;
    Ok(QueuedQuery { stages, q: text("q")?, pool: text("pool")?, tag: text("tag")? })
}

/// A job with its revision as the tag.
pub(super) fn tagged(job: Job, note: Option<&'static str>) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{}\"", job.rev.0));
    let mut response = Json(job_view::job(job, note)).into_response();
    if let Ok(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// The store's error, about a one-off job.
fn of_job(error: Error) -> Problem {
    match error {
        Error::NotFound => {
            Problem::new(StatusCode::NOT_FOUND, "not_found", "there is no one-off job of this id").at("id")
        }
        Error::Deleted => Problem::new(StatusCode::CONFLICT, "cancelled", "the job is cancelled"),
        Error::Stale(rev) => {
            let detail = format!("the job has been changed meanwhile; it is at revision {}", rev.0);
            Problem::new(StatusCode::CONFLICT, "stale", detail).at("If-Match")
        }
        other => other.into(),
    }
}
