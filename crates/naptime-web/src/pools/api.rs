//! Pools: list, look at, change.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use naptime_core::input;
use naptime_core::pem::ClientCert;
use naptime_core::{Pool, PoolSettings, Time, duration};
use naptime_store::{Error, JobCount, PageRef, PoolSummary};
use serde::Serialize;
use utoipa::ToSchema;

use super::name::ApiPool;
use crate::app::{App, Shared};
use crate::http::body::{JsonBody, MEDIUM_BYTES};
use crate::http::items::Items;
use crate::http::params::{IfMatchHeader, Paged, PoolFilters, PoolName};
use crate::http::problem::Problem;
use crate::http::query::{IfMatch, Query};
use crate::kit::mask;
use crate::openapi::bodies::PoolChange;

/// How often a change is made anew because somebody else's came between. Whoever names a revision is told instead.
const TRIES: usize = 5;

/// A pool as the API sends it.
#[derive(Serialize, ToSchema)]
#[schema(as = PoolSummary)]
pub(super) struct PoolView {
    pool: String,
    active: bool,
    headers: Vec<(String, String)>,
    max_in_flight: Option<u32>,
    max_per_second: Option<u32>,
    max_timeout: Option<String>,
    http1_only: bool,
    extra_ca: Option<String>,
    client_cert: Option<String>,
    /// The mask, where there is one.
    client_key: Option<&'static str>,
    probe: bool,
    /// That its host is down, or has just come back; null if it is not.
    down: Option<DownView>,
    endpoints: u64,
    active_endpoints: u64,
    rev: i64,
    updated_at: Time,
}

/// That the host of a pool is down.
#[derive(Serialize, ToSchema)]
#[schema(as = PoolDown)]
struct DownView {
    /// Since when its calls are held back.
    since: Time,
    /// How many calls per second are let through since the host answers again; null: one at a time, as a probe.
    per_second: Option<u32>,
}

/// A pool with all there is to it.
#[derive(Serialize, ToSchema)]
#[schema(as = Pool)]
pub(super) struct WholeView {
    #[serde(flatten)]
    pool: PoolView,
    /// Its calls under way; none where they are not limited.
    in_flight: Option<u32>,
}

/// Lists pools by name.
#[utoipa::path(
    get, path = "/pools", operation_id = "list_pools", tag = "pools",
    params(PoolFilters, Paged),
    responses((status = 200, body = Items<PoolView>)),
)]
pub(super) async fn list(State(app): State<Shared>, query: Query) -> Result<Response, Problem> {
    query.check(&["q", "limit", "cursor"])?;
    let page = PageRef { limit: query.limit(50, 500)?, cursor: query.get("cursor").map(str::to_owned) };
    let found = app.store.pools(query.filter("q")?, &page).await?;
    let items = Items::of(found, |it: &PoolSummary| view(&it.settings, it.endpoints));
    Ok(axum::Json(items).into_response())
}

/// One pool.
#[utoipa::path(
    get, path = "/pools/{*pool}", operation_id = "get_pool", tag = "pools",
    params(PoolName),
    responses((status = 200, body = WholeView, headers(("ETag" = String)))),
)]
pub(super) async fn get(State(app): State<Shared>, ApiPool(pool): ApiPool) -> Result<Response, Problem> {
    let found = app.store.pool(&pool).await.map_err(of_pool)?;
    tagged(&app, &found.settings, found.endpoints).await
}

/// Changes the settings that are said. One that is `null` has its default again.
#[utoipa::path(
    patch, path = "/pools/{*pool}", operation_id = "change_pool", tag = "pools",
    params(PoolName, IfMatchHeader),
    request_body(content = PoolChange, example = json!({"max_in_flight": 10})),
    responses((status = 200, body = WholeView, headers(("ETag" = String)))),
)]
pub(super) async fn patch(
    State(app): State<Shared>,
    ApiPool(pool): ApiPool,
    IfMatch(expect): IfMatch,
    JsonBody(json): JsonBody<MEDIUM_BYTES>,
) -> Result<Response, Problem> {
    for tried in 1.. {
        let old = stored(&app, &pool).await?;
        // Who changed first is told first; what else is wrong may not even be wrong any more.
        if expect.is_some_and(|expect| expect != old.rev) {
            return Err(of_pool(Error::Stale(old.rev)));
        }
        let change = input::read_pool(json.clone(), &old).map_err(Problem::invalid)?;
        // What a mask stands for is of this revision.
        match app.store.change_pool(&pool, Some(old.rev), change).await {
            Ok(settings) => {
                let endpoints = app.store.pool(&pool).await.map_err(of_pool)?.endpoints;
                return tagged(&app, &settings, endpoints).await;
            }
            Err(Error::Stale(_)) if expect.is_none() && tried < TRIES => {}
            Err(error) => return Err(of_pool(error)),
        }
    }
    unreachable!("the last try returns")
}

/// Deletes a pool that has no endpoints and no jobs that are to come.
#[utoipa::path(
    delete, path = "/pools/{*pool}", operation_id = "delete_pool", tag = "pools",
    params(PoolName, IfMatchHeader),
    responses((status = 204)),
)]
pub(super) async fn delete(
    State(app): State<Shared>,
    ApiPool(pool): ApiPool,
    IfMatch(expect): IfMatch,
) -> Result<StatusCode, Problem> {
    app.store.delete_pool(&pool, expect).await.map_err(of_pool)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn stored(app: &App, pool: &Pool) -> Result<PoolSettings, Problem> {
    let found = app.store.pool_settings(std::slice::from_ref(pool)).await?.pop();
    found.ok_or_else(|| of_pool(Error::NotFound))
}

fn view(settings: &PoolSettings, endpoints: JobCount) -> PoolView {
    let headers = mask::masked(&settings.headers).into_iter();
    let client_cert = settings.transport.client_cert.as_deref().map(ClientCert::split);
    PoolView {
        pool: settings.pool.to_string(),
        active: settings.active,
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        max_in_flight: settings.max_in_flight,
        max_per_second: settings.max_per_second,
        max_timeout: settings.max_timeout.map(duration::show),
        http1_only: settings.transport.http1_only,
        extra_ca: settings.transport.extra_ca.clone(),
        client_cert: client_cert.map(|it| it.chain.to_owned()),
        client_key: client_cert.map(|_| mask::MASK),
        probe: settings.probe,
        down: settings
            .down
            .map(|down| DownView { since: down.since, per_second: Some(down.rate).filter(|_| !down.is_probing()) }),
        endpoints: endpoints.total,
        active_endpoints: endpoints.active,
        rev: settings.rev.0,
        updated_at: settings.updated_at,
    }
}

/// A pool with its revision as the tag.
async fn tagged(app: &App, settings: &PoolSettings, endpoints: JobCount) -> Result<Response, Problem> {
    let in_flight = match settings.max_in_flight {
        Some(_) => Some(app.store.in_flight(&settings.pool).await?),
        None => None,
    };
    let whole = WholeView { pool: view(settings, endpoints), in_flight };
    let mut response = axum::Json(whole).into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", settings.rev.0)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// The store's error, about a pool.
fn of_pool(error: Error) -> Problem {
    match error {
        Error::NotFound => {
            Problem::new(StatusCode::NOT_FOUND, "not_found", "no endpoint belongs to this pool").at("pool")
        }
        Error::Stale(rev) => {
            let detail = format!("the pool has been changed meanwhile; it is at revision {}", rev.0);
            Problem::new(StatusCode::CONFLICT, "stale", detail).at("If-Match")
        }
        other => other.into(),
    }
}
