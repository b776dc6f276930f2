//! What needs somebody.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use naptime_core::Time;
use naptime_core::alert::Open;
use naptime_core::problem::{Report, Severity};
use naptime_store::Error;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::Shared;
use crate::http::body::JsonBody;
use crate::http::problem::Problem;

#[derive(Serialize, ToSchema)]
#[schema(as = Problems)]
pub(super) struct ProblemsView {
    /// As of when.
    at: Time,
    /// The worst in one sentence; null if there is no problem.
    headline: Option<String>,
    /// Of the worst: `bad` or `warn`; null if there is none.
    severity: Option<Severity>,
    /// How many there are, those included that are not listed.
    total: u64,
    items: Vec<ProblemView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = OpenProblem)]
struct ProblemView {
    #[serde(flatten)]
    report: Report,
    /// When somebody said that they know of it.
    acknowledged_at: Option<Time>,
    /// Until when nothing is told of it.
    muted_until: Option<Time>,
    /// The receivers that were told of it.
    told: BTreeSet<String>,
}

/// What needs somebody now, the worst first.
#[utoipa::path(
    get, path = "/problems", operation_id = "list_problems", tag = "standing",
    responses((status = 200, body = ProblemsView)),
)]
pub(super) async fn list(State(app): State<Shared>) -> Result<Json<ProblemsView>, Problem> {
    let look = app.watcher.look(&app).await?;
    let kept = naptime_alerts::settings(&*app.store).await?;
    let view = |problem: &naptime_core::problem::Problem| {
        let report = Report::from(problem);
        let open = kept.book.open.get(&report.id);
        ProblemView {
            acknowledged_at: open.and_then(|open| open.acknowledged_at),
            told: open.map(Open::told).unwrap_or_default(),
            muted_until: kept.muted_until(&report, look.at),
            report,
        }
    };
    Ok(Json(ProblemsView {
        at: look.at,
        headline: look.found.headline(),
        severity: look.found.severity(),
        total: look.found.total,
        items: look.found.problems.iter().map(view).collect(),
    }))
}

/// Which problem somebody knows of.
#[derive(Deserialize, ToSchema)]
#[schema(as = Acknowledgement)]
pub(super) struct Acknowledged {
    /// As `/api/problems` has it.
    id: String,
}

/// Notes that somebody knows of a problem.
#[utoipa::path(
    post, path = "/problems/acknowledge", operation_id = "acknowledge_problem", tag = "alerts",
    request_body(content = Acknowledged, example = json!({"id": "fleet:no_worker"})),
    responses((status = 204), (status = 404, description = "There is no such problem now.")),
)]
pub(super) async fn acknowledge(State(app): State<Shared>, JsonBody(json): JsonBody) -> Result<StatusCode, Problem> {
    let Ok(Acknowledged { id }) = serde_json::from_value(json) else {
        return Err(Problem::bad_request(
            "id",
            "missing",
            "`id` is missing: that of a problem, as /api/problems has it",
        ));
    };
    match naptime_alerts::acknowledge(&*app.store, &id).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(Error::NotFound) => {
            let detail = "no problem of this id is open that a receiver could be told of";
            Err(Problem::new(StatusCode::NOT_FOUND, "not_found", detail).at("id"))
        }
        Err(error) => Err(error.into()),
    }
}
