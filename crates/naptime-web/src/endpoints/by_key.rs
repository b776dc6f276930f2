//! Endpoints by their keys: whoever keeps a set of endpoints in a file of their own adds and changes each by one request.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use naptime_core::{Edit, Job};
use naptime_store::{Added, Error, TimeoutLimits};
use uuid::Uuid;

use super::api;
use super::view::EndpointView;
use crate::app::{App, Shared};
use crate::http::body::JsonBody;
use crate::http::many;
use crate::http::params::{IfMatchHeader, IfNoneMatchHeader, Key};
use crate::http::problem::Problem;
use crate::http::query::{ApiKey, IfMatch, IfNoneMatch, put_key};
use crate::openapi::bodies::NewEndpoint;

/// The endpoint of a key.
#[utoipa::path(
    get, path = "/endpoints/by-key/{key}", operation_id = "get_endpoint_by_key", tag = "endpoints",
    params(Key),
    responses((status = 200, body = EndpointView, headers(("ETag" = String)))),
)]
pub(super) async fn get(State(app): State<Shared>, ApiKey(key): ApiKey) -> Result<Response, Problem> {
    Ok(api::endpoint(&app, there(&app, &key).await?))
}

/// Adds the endpoint of a key, or replaces its configuration.
///
/// What is not said has its default, but for `active` and `pause`, which stay. What is as it was makes no new revision.
#[utoipa::path(
    put, path = "/endpoints/by-key/{key}", operation_id = "put_endpoint_by_key", tag = "endpoints",
    params(Key, IfMatchHeader, IfNoneMatchHeader),
    request_body(content = NewEndpoint, example = json!({"url": "https://foobar.example/cohort-new.json", "every": "5m"})),
    responses(
        (status = 200, description = "It is as it was asked for.", body = EndpointView, headers(("ETag" = String))),
        (status = 201, description = "It was added.", body = EndpointView, headers(("Location" = String), ("ETag" = String))),
    ),
)]
pub(super) async fn put(
    State(app): State<Shared>,
    ApiKey(key): ApiKey,
    headers: HeaderMap,
    IfMatch(expect): IfMatch,
    IfNoneMatch(must_be_new): IfNoneMatch,
    JsonBody(mut json): JsonBody,
) -> Result<Response, Problem> {
    put_key(&mut json, &key, "that of the address")?;
    // `If-Match: *` is any revision, but there must be one.
    let must_be_there = headers.contains_key(header::IF_MATCH);
    for tried in 1.. {
        let last = expect.is_some() || tried == api::TRIES;
        let Some(old) = app.store.by_key(&key).await? else {
            if must_be_there {
                return Err(nothing_of_key());
            }
            let new = app.read_new(json.clone(), Uuid::now_v7().into(), &mut TimeoutLimits::default()).await?;
            match many::add_one(&app, new.map_err(Problem::invalid)?).await? {
                new @ Added::New(_) => return Ok(api::added(&app, new, &[])),
                // Somebody else was faster, whose endpoint is replaced.
                Added::Existing(_) if !last => continue,
                Added::Existing(job) => return Err(Error::Stale(job.rev).into()),
            }
        };
        if must_be_new || expect.is_some_and(|expect| expect != old.rev) {
            return Err(Error::Stale(old.rev).into());
        }
        let change = app.read_replacement(json.clone(), &old).await?.map_err(Problem::invalid)?;
        // What masks stand for is of this revision.
        match app.store.edit(old.id, Some(old.rev), Edit::Change(change)).await {
            Ok(job) => return Ok(api::endpoint(&app, job)),
            Err(Error::Stale(_) | Error::Deleted | Error::NotFound) if !last => {}
            Err(error) => return Err(error.into()),
        }
    }
    unreachable!("the last try returns")
}

/// Deletes the endpoint of a key, which is free from then on.
#[utoipa::path(
    delete, path = "/endpoints/by-key/{key}", operation_id = "delete_endpoint_by_key", tag = "endpoints",
    params(Key, IfMatchHeader),
    responses((status = 204)),
)]
pub(super) async fn delete(
    State(app): State<Shared>,
    ApiKey(key): ApiKey,
    IfMatch(expect): IfMatch,
) -> Result<StatusCode, Problem> {
    let job = there(&app, &key).await?;
    match app.store.edit(job.id, expect, Edit::Delete).await {
        Ok(_) => Ok(StatusCode::NO_CONTENT),
        // Somebody else was faster.
        Err(Error::Deleted | Error::NotFound) => Err(nothing_of_key()),
        Err(error) => Err(error.into()),
    }
}

async fn there(app: &App, key: &str) -> Result<Job, Problem> {
    app.store.by_key(key).await?.ok_or_else(nothing_of_key)
}

fn nothing_of_key() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "there is no endpoint of this key").at("key")
}
