//! One-off jobs: list, look at, cancel, call again, and the log of their attempts.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use naptime_core::{Job, Stage};
use naptime_store::{Error, Page, PageRef, QueuedQuery, Treatment};
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::filter;
use super::view;
use crate::app::{App, Shared};
use crate::http::items::Items;
use crate::http::params::{Id, IfMatchHeader, JobFilters, Paged};
use crate::http::prefer::Minimal;
use crate::http::problem::Problem;
use crate::http::query::{ApiId, IfMatch, Query};

/// How many jobs are treated before it is looked whether there is time for more.
const AT_ONCE: usize = 500;
/// How long one request may go on treating jobs.
const LONGEST: Duration = Duration::from_secs(20);

/// Lists one-off jobs, newest first.
#[utoipa::path(
    get, path = "/jobs", operation_id = "list_jobs", tag = "jobs",
    params(JobFilters, Paged),
    responses((status = 200, body = Items<view::Common>)),
)]
pub(super) async fn list(State(app): State<Shared>, query: Query) -> Result<Response, Problem> {
    query.check(&["state", "q", "pool", "tag", "limit", "cursor"])?;
    let page = PageRef { limit: query.limit(50, 500)?, cursor: query.get("cursor").map(str::to_owned) };
    let found = app.store.queued(&filter::read(&query)?, &page).await?;
    Ok(Json(Items::of(found, view::summary)).into_response())
}

/// One one-off job.
#[utoipa::path(
    get, path = "/jobs/{id}", operation_id = "get_job", tag = "jobs",
    params(Id),
    responses((status = 200, body = view::JobView, headers(("ETag" = String)))),
)]
pub(super) async fn get(State(app): State<Shared>, ApiId(id): ApiId) -> Result<Response, Problem> {
    Ok(tagged(app.one_off(id).await.map_err(of_job)?, None))
}

/// Cancels a job. A call under way goes on.
#[utoipa::path(
    delete, path = "/jobs/{id}", operation_id = "cancel_job", tag = "jobs",
    params(Id, IfMatchHeader),
    responses((status = 204)),
)]
pub(super) async fn cancel(
    State(app): State<Shared>,
    ApiId(id): ApiId,
    IfMatch(expect): IfMatch,
) -> Result<Response, Problem> {
    app.store.treat(id, expect, Treatment::Cancel).await.map_err(of_job)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Calls a job again that failed or is done.
#[utoipa::path(
    post, path = "/jobs/{id}/retry", operation_id = "retry_job", tag = "jobs",
    params(Id, IfMatchHeader),
    responses((status = 202, body = view::JobView, headers(("ETag" = String)))),
)]
pub(super) async fn retry(
    State(app): State<Shared>,
    ApiId(id): ApiId,
    IfMatch(expect): IfMatch,
) -> Result<Response, Problem> {
    let job = app.store.treat(id, expect, Treatment::Retry).await.map_err(of_job)?;
    Ok((StatusCode::ACCEPTED, tagged(job, None)).into_response())
}

/// Calls all again that match, of those that failed or are done.
#[utoipa::path(
    post, path = "/jobs/retry", operation_id = "retry_jobs", tag = "jobs",
    params(JobFilters),
    responses((status = 200, body = TreatedView)),
)]
pub(super) async fn retry_all(State(app): State<Shared>, query: Query) -> Result<Response, Problem> {
    all_matching(&app, &query, Treatment::Retry).await
}

/// Cancels all that match, of those that are not over.
#[utoipa::path(
    post, path = "/jobs/cancel", operation_id = "cancel_jobs", tag = "jobs",
    params(JobFilters),
    responses((status = 200, body = TreatedView)),
)]
pub(super) async fn cancel_all(State(app): State<Shared>, query: Query) -> Result<Response, Problem> {
    all_matching(&app, &query, Treatment::Cancel).await
}

/// How many jobs were retried or cancelled.
#[derive(Serialize, ToSchema)]
#[schema(as = Treated)]
pub(super) struct TreatedView {
    count: u64,
    /// Whether there are more than one request may take.
    more: bool,
}

async fn all_matching(app: &App, query: &Query, treatment: Treatment) -> Result<Response, Problem> {
    query.check(&["state", "q", "pool", "tag"])?;
    let jobs = filter::read(query)?;
    let suits: Vec<&str> = Stage::ALL.into_iter().filter(|stage| treatment.suits(*stage)).map(Stage::as_str).collect();
    // Nothing said must not mean all of them.
    if jobs.stages.is_empty() || jobs.stages.iter().any(|stage| !treatment.suits(*stage)) {
        let detail = format!("say which: `state` must be one of {}, or several of them", suits.join(", "));
        return Err(Problem::bad_request("state", "wrong_state", detail));
    }
    let (count, more) = treat_all(app, &jobs, treatment).await?;
    Ok(Json(TreatedView { count, more }).into_response())
}

/// Treats all jobs that match, for as long as one request may take. Returns how many were, and whether there are more.
pub(super) async fn treat_all(app: &App, jobs: &QueuedQuery, treatment: Treatment) -> Result<(u64, bool), Error> {
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

/// The attempts of a job, newest first, the one under way included.
#[utoipa::path(
    get, path = "/jobs/{id}/runs", operation_id = "list_job_runs", tag = "jobs",
    params(Id, Paged),
    responses((status = 200, body = Items<view::Attempt>)),
)]
pub(super) async fn runs(State(app): State<Shared>, ApiId(id): ApiId, query: Query) -> Result<Response, Problem> {
    query.check(&["limit", "cursor"])?;
    let page = PageRef { limit: query.limit(50, 500)?, cursor: query.get("cursor").map(str::to_owned) };
    let job = app.one_off(id).await.map_err(of_job)?;
    let found = app.store.runs(id, &page).await?;
    let lock = view::under_way(&job, &found.items, app.now()).filter(|_| page.cursor.is_none());
    let items = view::attempts(lock.map(|lock| (&job, lock)), &found.items);
    let page = Page { items, next: found.next, prev: None, unreadable: found.unreadable };
    Ok(Json(Items::from(page)).into_response())
}

/// A job with its revision as the tag.
pub(super) fn tagged(job: Job, note: Option<&'static str>) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{}\"", job.rev.0));
    let minimal = Minimal { id: job.id.uuid(), rev: job.rev.0 };
    let mut response = Json(view::job(job, note)).into_response();
    if let Ok(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response.extensions_mut().insert(minimal);
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
