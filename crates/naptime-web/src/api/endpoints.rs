//! Endpoints: list, add, look at, change, delete, call, and their runs.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use naptime_core::{Edit, Job, JobId};
use naptime_store::{Error, JobQuery, PageRef};
use uuid::Uuid;

use super::{input, view};
use crate::app::Shared;
use crate::body::JsonBody;
use crate::fault::Fault;
use crate::problem::Problem;
use crate::query::{ApiId, IfMatch, Query};

/// How often a change is made anew because somebody else's came between. Whoever names a revision is told instead.
const TRIES: usize = 5;

pub(super) async fn list(State(app): State<Shared>, query: Query) -> Result<Response, Problem> {
    query.check(&["q", "pool", "tag", "active", "limit", "cursor"])?;
    let text = |name| query.filter(name).map(|text| text.map(str::to_owned));
    let active = match query.get("active") {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => return Err(Fault::new("active", "wrong_type", "`active` must be true or false").into()),
    };
    let jobs = JobQuery { q: text("q")?, pool: text("pool")?, tag: text("tag")?, active };
    let page = PageRef { limit: query.limit(50, 500)?, cursor: query.get("cursor").map(str::to_owned) };
    let found = app.store.list(&jobs, &page).await?;
    Ok(Json(view::Items::of(found, view::summary)).into_response())
}

pub(super) async fn create(State(app): State<Shared>, JsonBody(json): JsonBody) -> Result<Response, Problem> {
    let draft = input::draft(json)?;
    let id = JobId::from(Uuid::now_v7());
    let new = draft.create(app.rules(), id).map_err(Problem::invalid)?;
    let job = app.store.insert(vec![new]).await?.pop();
    let job = job.ok_or(Error::Corrupt("an insert returned nothing".to_owned()))?;
    let location = [(header::LOCATION, format!("/api/endpoints/{}", job.id))];
    Ok((StatusCode::CREATED, location, endpoint(job)).into_response())
}

pub(super) async fn get(State(app): State<Shared>, ApiId(id): ApiId) -> Result<Response, Problem> {
    Ok(endpoint(app.store.get(id).await?))
}

pub(super) async fn patch(
    State(app): State<Shared>,
    ApiId(id): ApiId,
    IfMatch(expect): IfMatch,
    JsonBody(json): JsonBody,
) -> Result<Response, Problem> {
    let draft = input::draft(json)?;
    for tried in 1.. {
        let old = app.store.get(id).await?;
        // Who edited first is told first; what else is wrong may not even be wrong any more.
        if expect.is_some_and(|expect| expect != old.rev) {
            return Err(Error::Stale(old.rev).into());
        }
        if old.deleted_at.is_some() {
            return Err(Error::Deleted.into());
        }
        let change = draft.clone().change(app.rules(), &old).map_err(Problem::invalid)?;
        // A change holds whole requests, so it must not be made to another revision than it was read against.
        match app.store.edit(id, Some(old.rev), Edit::Change(Box::new(change))).await {
            Ok(job) => return Ok(endpoint(job)),
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
    app.store.edit(id, expect, Edit::Delete).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn call(
    State(app): State<Shared>,
    ApiId(id): ApiId,
    IfMatch(expect): IfMatch,
) -> Result<Response, Problem> {
    let job = app.store.edit(id, expect, Edit::CallNow).await?;
    // The call itself is still to come.
    Ok((StatusCode::ACCEPTED, endpoint(job)).into_response())
}

pub(super) async fn runs(State(app): State<Shared>, ApiId(id): ApiId, query: Query) -> Result<Response, Problem> {
    query.check(&["limit", "cursor"])?;
    let page = PageRef { limit: query.limit(50, 500)?, cursor: query.get("cursor").map(str::to_owned) };
    // An id that nobody knows is told from an endpoint that was never called.
    app.store.get(id).await?;
    let found = app.store.runs(id, &page).await?;
    Ok(Json(view::Items::of(found, view::run)).into_response())
}

/// An endpoint with its revision as the tag.
fn endpoint(job: Job) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{}\"", job.rev.0));
    let mut response = Json(view::endpoint(job)).into_response();
    if let Ok(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
