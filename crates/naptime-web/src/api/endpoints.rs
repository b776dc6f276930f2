//! Endpoints: list, add, look at, change, delete, call, and their runs.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use naptime_core::{Edit, Invalid, Job, JobId, Rev};
use naptime_store::{Added, Error, JobQuery, PageRef};
use serde_json::json;
use uuid::Uuid;

use super::view;
use crate::App;
use crate::app::{CallNow, Shared};
use crate::body::JsonBody;
use crate::bulk::Bulk;
use crate::problem::Problem;
use crate::query::{ApiId, IfMatch, Query};

/// How often a change is made anew because somebody else's came between. Whoever names a revision is told instead.
const TRIES: usize = 5;

pub(super) async fn list(State(app): State<Shared>, query: Query) -> Result<Response, Problem> {
    query.check(&["q", "pool", "tag", "active", "state", "deleted", "limit", "cursor"])?;
    let deleted = flag(&query, "deleted")?.unwrap_or(false);
    let jobs = JobQuery { deleted, ..filters(&query)? };
    let page = PageRef { limit: query.limit(50, 500)?, cursor: query.get("cursor").map(str::to_owned) };
    let (found, now) = (app.store.list(&jobs, &page).await?, app.now());
    if deleted {
        let retention = app.settings.retention;
        return Ok(Json(view::Items::of(found, |job| view::deleted(job, now, retention))).into_response());
    }
    Ok(Json(view::Items::of(found, |job| view::summary(job, now))).into_response())
}

/// What endpoints that are not deleted are filtered by.
fn filters(query: &Query) -> Result<JobQuery, Invalid> {
    let text = |name| query.filter(name).map(|text| text.map(str::to_owned));
    let trouble = query.filter("state")?.map(str::parse).transpose()?;
    let (q, pool, tag, active) = (text("q")?, text("pool")?, text("tag")?, flag(query, "active")?);
    Ok(JobQuery { q, pool, tag, active, trouble, ..JobQuery::default() })
}

/// Does something to all that match. Nothing said must not mean all of them.
pub(super) async fn bulk(app: Shared, bulk: Bulk, query: Query) -> Result<Response, Problem> {
    query.check(&["q", "pool", "tag", "active", "state", "all", "dry_run", "cursor"])?;
    let jobs = filters(&query)?;
    if jobs == JobQuery::default() && flag(&query, "all")? != Some(true) {
        let detail = "say which: by `q`, `pool`, `tag`, `active` or `state`; `all=true` means all of them";
        return Err(Problem::bad_request("all", "says_nothing", detail));
    }
    let dry = flag(&query, "dry_run")?.unwrap_or(false);
    let done = bulk.on_all(&app, &jobs, query.get("cursor").map(str::to_owned), dry).await?;
    Ok(Json(json!({"count": done.count, "next_cursor": done.next})).into_response())
}

pub(super) async fn create(State(app): State<Shared>, JsonBody(json): JsonBody) -> Result<Response, Problem> {
    let id = JobId::from(Uuid::now_v7());
    let new = app.read_new(json, id).await?.map_err(Problem::invalid)?;
    let others = app.of_url(&new.spec.endpoint, id).await?;
    let job = app.store.insert(vec![new]).await?.pop().map(Added::into_job);
    let job = job.ok_or(Error::Corrupt("an insert returned nothing".to_owned()))?;
    let location = [(header::LOCATION, format!("/api/endpoints/{}", job.id))];
    let rev = job.rev;
    Ok((StatusCode::CREATED, location, tagged(rev, view::endpoint(job, app.now()).beside(&others))).into_response())
}

pub(super) async fn get(State(app): State<Shared>, ApiId(id): ApiId) -> Result<Response, Problem> {
    Ok(endpoint(&app, app.endpoint(id).await?))
}

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

pub(super) async fn delete(
    State(app): State<Shared>,
    ApiId(id): ApiId,
    IfMatch(expect): IfMatch,
) -> Result<Response, Problem> {
    app.edit_endpoint(id, expect, Edit::Delete).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn restore(
    State(app): State<Shared>,
    ApiId(id): ApiId,
    IfMatch(expect): IfMatch,
) -> Result<Response, Problem> {
    Ok(endpoint(&app, app.edit_endpoint(id, expect, Edit::Restore).await?))
}

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

pub(super) async fn runs(State(app): State<Shared>, ApiId(id): ApiId, query: Query) -> Result<Response, Problem> {
    query.check(&["limit", "cursor"])?;
    let page = PageRef { limit: query.limit(50, 500)?, cursor: query.get("cursor").map(str::to_owned) };
    // An id that nobody knows is told from an endpoint that was never called.
    app.endpoint(id).await?;
    let found = app.store.runs(id, &page).await?;
    Ok(Json(view::Items::of(found, view::run)).into_response())
}

/// A parameter that says yes or no.
fn flag(query: &Query, name: &'static str) -> Result<Option<bool>, Invalid> {
    match query.get(name) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(Invalid::new(name, "wrong_type", format!("`{name}` must be true or false"))),
    }
}

/// An endpoint with its revision as the tag.
fn endpoint(app: &App, job: Job) -> Response {
    tagged(job.rev, view::endpoint(job, app.now()))
}

fn tagged(rev: Rev, view: view::EndpointView) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{}\"", rev.0));
    let mut response = Json(view).into_response();
    if let Ok(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
