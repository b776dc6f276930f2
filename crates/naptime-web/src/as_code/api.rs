//! Naptime as code: a document of what there is to be, planned or applied; and one of what there is.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use naptime_core::applied::check_project;

use super::export::Export;
use super::view::PlanView;
use super::work::ApplyWork;
use crate::app::Shared;
use crate::http::body::{DOCUMENT_BYTES, DOCUMENT_VALUES, JsonBody};
use crate::http::params::{ApplyParams, ExportParams};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::openapi::bodies::NewDocument;

/// Makes endpoints, pools, rules and receivers what a document says. What is not in it stays, unless it is pruned.
///
/// An endpoint is as after a `PUT` by its key, a pool as after a `PATCH`, a rule and a receiver as after a `PUT`. If
/// anything is wrong, nothing is stored, and `field` of each fault is a JSON pointer into the document.
#[utoipa::path(
    post, path = "/apply", operation_id = "apply", tag = "documents",
    params(ApplyParams),
    request_body(content = NewDocument, example = json!({"project": "shop", "endpoints": {"checkout": {"url": "https://foobar.example/checkout", "every": "5m"}}})),
    responses((status = 200, body = PlanView)),
)]
pub(super) async fn apply(
    State(app): State<Shared>,
    query: Query,
    JsonBody(json): JsonBody<DOCUMENT_BYTES, DOCUMENT_VALUES>,
) -> Result<Response, Problem> {
    query.check(&["dry_run", "prune", "plan"])?;
    let is_dry = query.flag("dry_run")?.unwrap_or(false);
    let prune = query.flag("prune")?.unwrap_or(false);
    let work = ApplyWork::of(&app, json, prune).await?;
    let view = work.view(&app).await?;
    if query.get("plan").is_some_and(|plan| plan != view.plan) {
        let detail = "something was changed since this was planned; plan it again";
        return Err(Problem::new(StatusCode::CONFLICT, "stale", detail).at("plan"));
    }
    if is_dry {
        return Ok(Json(view).into_response());
    }
    // An apply that has begun is carried out to its end, even if its client goes away.
    match tokio::spawn(async move { work.carry_out(&app).await }).await {
        Ok(done) => done?,
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
    Ok(Json(PlanView { applied: true, ..view }).into_response())
}

/// A document of everything, or of the endpoints of one project. Applied again, it changes nothing.
#[utoipa::path(
    get, path = "/export", operation_id = "export", tag = "documents",
    params(ExportParams),
    responses((status = 200, body = Export), (status = 409)),
)]
pub(super) async fn export(State(app): State<Shared>, query: Query) -> Result<Json<Export>, Problem> {
    query.check(&["project"])?;
    let project = query.filter("project")?.map(str::to_owned);
    if let Some(project) = &project {
        check_project(project)?;
    }
    Ok(Json(super::export::export(&app, project).await?))
}
