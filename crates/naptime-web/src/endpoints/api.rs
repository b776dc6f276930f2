//! Endpoints: list, add, look at, change, delete, call, and their runs.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use naptime_core::{Edit, Job, JobId, NewJob, Rev};
use naptime_store::{Added, Error, JobQuery, JobSummary, MAX_SORTED, PageRef, TimeoutLimits, sorted};
use serde_json::Value;
use uuid::Uuid;

use super::filter;
use super::view;
use crate::App;
use crate::app::{CallNow, Shared};
use crate::http::body::{JsonBody, OneOrMany};
use crate::http::items::Items;
use crate::http::many::{self, Adding, ManyView};
use crate::http::params::{Deleted, EndpointFilters, Id, IfMatchHeader, Paged, Sorted};
use crate::http::prefer::Minimal;
use crate::http::problem::Problem;
use crate::http::query::{ApiId, IfMatch, Query};
use crate::openapi::bodies::{EndpointChange, NewEndpoints};
use crate::runs::{RunView, run};

/// How often a change is made anew because somebody else's came between. Whoever names a revision is told instead.
pub(super) const TRIES: usize = 5;

/// Lists endpoints by URL; deleted ones the last deleted first; those in trouble the longest first.
#[utoipa::path(
    get, path = "/endpoints", operation_id = "list_endpoints", tag = "endpoints",
    params(EndpointFilters, Deleted, Sorted, Paged),
    responses((status = 200, body = Items<view::Common>)),
)]
pub(super) async fn list(State(app): State<Shared>, query: Query) -> Result<Response, Problem> {
    query.check(&[&filter::PARAMETERS[..], &["sort", "deleted", "limit", "cursor"]].concat())?;
    let deleted = query.flag("deleted")?.unwrap_or(false);
    let jobs = JobQuery { deleted, ..filter::read(&query)? };
    let page = PageRef { limit: query.limit(50, 500)?, cursor: query.get("cursor").map(str::to_owned) };
    let found = sorted(&*app.store, &jobs, &page).await?.ok_or_else(|| {
        let detail = format!("more than {MAX_SORTED} endpoints match; say more narrowly which to sort by that");
        Problem::bad_request("sort", "too_many", detail)
    })?;
    let now = app.now();
    if deleted {
        let retention = app.settings.retention;
        return Ok(Json(Items::of(found, |job| view::deleted(job, now, retention))).into_response());
    }
    Ok(Json(Items::of(found, |job| view::summary(job, now))).into_response())
}

/// Adds an endpoint, or up to 10,000: a list, or one on each line.
#[utoipa::path(
    post, path = "/endpoints", operation_id = "add_endpoints", tag = "endpoints",
    request_body(content(
        (NewEndpoints = "application/json", example = json!({"url": "https://foobar.example/cohort-new.json", "every": "5m", "active": true, "key": "cohorts"})),
        (String = "application/x-ndjson"),
    )),
    responses(
        (status = 201, description = "It was added; `also` lists endpoints of the same URL.", body = view::EndpointView, headers(("Location" = String), ("ETag" = String))),
        (status = 200, description = "There is one of this `key`, and nothing was added.", body = view::EndpointView),
        (status = 207, description = "Of many, what became of each.", body = ManyView),
    ),
)]
pub(super) async fn create(State(app): State<Shared>, body: OneOrMany) -> Result<Response, Problem> {
    let mut limits = TimeoutLimits::default();
    match body {
        OneOrMany::One(json) => {
            let new = read(&app, json, &mut limits).await?;
            let others = app.of_url(&new.spec.endpoint, new.id).await?;
            Ok(added(&app, many::add_one(&app, new).await?, &others))
        }
        OneOrMany::Many(sent) => {
            let mut adding = Adding::new(&app);
            for sent in sent {
                let (line, size) = (sent.line, sent.size());
                let new = match sent.read() {
                    Ok(json) => read(&app, json, &mut limits).await,
                    Err(problem) => Err(problem),
                };
                adding.add(line, size, new.map(|new| (new, None))).await?;
            }
            adding.end().await
        }
    }
}

async fn read(app: &App, json: Value, limits: &mut TimeoutLimits) -> Result<NewJob, Problem> {
    app.read_new(json, Uuid::now_v7().into(), limits).await?.map_err(Problem::invalid)
}

/// One endpoint: 201 if it was added, 200 if there is one of its key.
pub(super) fn added(app: &App, added: Added, others: &[JobSummary]) -> Response {
    let (status, note) = match &added {
        Added::New(_) => (StatusCode::CREATED, None),
        Added::Existing(_) => (StatusCode::OK, Some("there is an endpoint of this `key` already; nothing was added")),
    };
    let job = added.into_job();
    let location = [(header::LOCATION, format!("/api/endpoints/{}", job.id))];
    let rev = job.rev;
    let (id, view) = (job.id, view::endpoint(job, app.now()).beside(others).with_note(note));
    (status, location, tagged(id, rev, view)).into_response()
}

/// One endpoint.
#[utoipa::path(
    get, path = "/endpoints/{id}", operation_id = "get_endpoint", tag = "endpoints",
    params(Id),
    responses((status = 200, body = view::EndpointView, headers(("ETag" = String)))),
)]
pub(super) async fn get(State(app): State<Shared>, ApiId(id): ApiId) -> Result<Response, Problem> {
    Ok(endpoint(&app, app.endpoint(id).await?))
}

/// Changes the fields that are said. One that is `null` has its default again.
#[utoipa::path(
    patch, path = "/endpoints/{id}", operation_id = "change_endpoint", tag = "endpoints",
    params(Id, IfMatchHeader),
    request_body(content = EndpointChange, example = json!({"every": "10m"})),
    responses((status = 200, body = view::EndpointView, headers(("ETag" = String)))),
)]
pub(super) async fn patch(
    State(app): State<Shared>,
    ApiId(id): ApiId,
    IfMatch(expect): IfMatch,
    JsonBody(json): JsonBody,
) -> Result<Response, Problem> {
    for tried in 1.. {
        let old = app.endpoint(id).await?;
        // Who edited first is told first; what else is wrong may not even be wrong any more.
        if expect.is_some_and(|expect| expect != old.rev) {
            return Err(Error::Stale(old.rev).into());
        }
        if old.deleted_at.is_some() {
            return Err(Error::Deleted.into());
        }
        let change = app.read_change(json.clone(), &old).await?.map_err(Problem::invalid)?;
        // A change holds the whole configuration, so it must not be made to another revision than it was read against.
        match app.edit_endpoint(id, Some(old.rev), Edit::Change(change)).await {
            Ok(job) => return Ok(endpoint(&app, job)),
            Err(Error::Stale(_)) if expect.is_none() && tried < TRIES => {}
            Err(error) => return Err(error.into()),
        }
    }
    unreachable!("the last try returns")
}

/// Deletes an endpoint. It is kept for a while, and can be restored.
#[utoipa::path(
    delete, path = "/endpoints/{id}", operation_id = "delete_endpoint", tag = "endpoints",
    params(Id, IfMatchHeader),
    responses((status = 204)),
)]
pub(super) async fn delete(
    State(app): State<Shared>,
    ApiId(id): ApiId,
    IfMatch(expect): IfMatch,
) -> Result<Response, Problem> {
    app.edit_endpoint(id, expect, Edit::Delete).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Undoes a deletion. The endpoint comes back switched off.
#[utoipa::path(
    post, path = "/endpoints/{id}/restore", operation_id = "restore_endpoint", tag = "endpoints",
    params(Id, IfMatchHeader),
    responses((status = 200, body = view::EndpointView, headers(("ETag" = String)))),
)]
pub(super) async fn restore(
    State(app): State<Shared>,
    ApiId(id): ApiId,
    IfMatch(expect): IfMatch,
) -> Result<Response, Problem> {
    Ok(endpoint(&app, app.edit_endpoint(id, expect, Edit::Restore).await?))
}

/// Calls an endpoint now, also if it is switched off.
#[utoipa::path(
    post, path = "/endpoints/{id}/call", operation_id = "call_endpoint", tag = "endpoints",
    params(Id, IfMatchHeader),
    responses((status = 202, body = view::EndpointView, headers(("ETag" = String)))),
)]
pub(super) async fn call(
    State(app): State<Shared>,
    ApiId(id): ApiId,
    IfMatch(expect): IfMatch,
) -> Result<Response, Problem> {
    match app.call_now(id, expect).await? {
        // The call itself is still to come.
        CallNow::Asked(job) => Ok((StatusCode::ACCEPTED, endpoint(&app, *job)).into_response()),
        CallNow::PoolOff(pool) => {
            let detail = format!("the pool {pool} is switched off, and nothing of it is called");
            Err(Problem::new(StatusCode::CONFLICT, "pool_off", detail).at("pool"))
        }
    }
}

/// The runs of an endpoint, newest first.
#[utoipa::path(
    get, path = "/endpoints/{id}/runs", operation_id = "list_endpoint_runs", tag = "endpoints",
    params(Id, Paged),
    responses((status = 200, body = Items<RunView>)),
)]
pub(super) async fn runs(State(app): State<Shared>, ApiId(id): ApiId, query: Query) -> Result<Response, Problem> {
    query.check(&["limit", "cursor"])?;
    let page = PageRef { limit: query.limit(50, 500)?, cursor: query.get("cursor").map(str::to_owned) };
    // An id that nobody knows is told from an endpoint that was never called.
    app.endpoint(id).await?;
    let found = app.store.runs(id, &page).await?;
    Ok(Json(Items::of(found, run)).into_response())
}

/// An endpoint with its revision as the tag.
pub(super) fn endpoint(app: &App, job: Job) -> Response {
    tagged(job.id, job.rev, view::endpoint(job, app.now()))
}

fn tagged(id: JobId, rev: Rev, view: view::EndpointView) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{}\"", rev.0));
    let mut response = Json(view).into_response();
    if let Ok(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response.extensions_mut().insert(Minimal { id: id.uuid(), rev: rev.0 });
    response
}
