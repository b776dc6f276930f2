//! Runs of all jobs, and what was answered.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use naptime_store::{Error, PageRef};

use super::view;
use crate::app::Shared;
use crate::latest::{Filter, PARAMETERS};
use crate::problem::Problem;
use crate::query::Query;

pub(super) async fn list(State(app): State<Shared>, query: Query) -> Result<Response, Problem> {
    let mut known = PARAMETERS.to_vec();
    known.extend(["limit", "cursor"]);
    query.check(&known)?;
    let page = PageRef { limit: query.limit(50, 500)?, cursor: query.get("cursor").map(str::to_owned) };
    let wanted = Filter::read(&query)?.resolve::<Problem>(&app).await?;
    let found = app.store.all_runs(&wanted, &page).await?;
    Ok(Json(view::Items::of(found, view::run)).into_response())
}

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
