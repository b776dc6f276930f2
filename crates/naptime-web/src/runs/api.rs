//! Runs of all jobs, and what was answered.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use naptime_store::{Error, PageRef};

use super::filter::{Filter, PARAMETERS};
use super::view;
use crate::app::Shared;
use crate::http::items::Items;
use crate::http::params::{Paged, RunFilters, RunIds};
use crate::http::problem::Problem;
use crate::http::query::Query;

/// The runs of all jobs, the last to end first. A page may have less than its limit, and still a `next_cursor`.
#[utoipa::path(
    get, path = "/runs", operation_id = "list_runs", tag = "runs",
    params(RunFilters, Paged),
    responses((status = 200, body = Items<view::RunView>)),
)]
pub(super) async fn list(State(app): State<Shared>, query: Query) -> Result<Response, Problem> {
    let mut known = PARAMETERS.to_vec();
    known.extend(["limit", "cursor"]);
    query.check(&known)?;
    let page = PageRef { limit: query.limit(50, 500)?, cursor: query.get("cursor").map(str::to_owned) };
    let wanted = Filter::read(&query)?.resolve::<Problem>(&app).await?;
    let found = app.store.all_runs(&wanted, &page).await?;
    Ok(Json(Items::of(found, view::run)).into_response())
}

/// One run, with what was sent and answered if that is kept.
#[utoipa::path(
    get, path = "/runs/{job}/{run}", operation_id = "get_run", tag = "runs",
    params(RunIds),
    responses((status = 200, body = view::WholeRunView)),
)]
pub(super) async fn get(
    State(app): State<Shared>,
    Path((job, run)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let not_an_id = |_| Problem::bad_request("id", "not_an_id", "the ids of job and run are UUIDs");
    let job = uuid::Uuid::try_parse(&job).map_err(not_an_id)?.into();
    let token = uuid::Uuid::try_parse(&run).map_err(not_an_id)?.into();
    let found = app.store.run(job, token).await?;
    let answer = match app.store.answer(job, token).await {
        // The run is worth telling all the same.
        Err(Error::Corrupt(_)) => None,
        other => other?,
    };
    let missing =
        || Problem::new(StatusCode::NOT_FOUND, "not_found", "there is no such run; runs are kept for a while").at("id");
    let found = found.ok_or_else(missing)?;
    Ok(Json(view::whole_run(&found, answer.map(|answer| answer.transcript))).into_response())
}
