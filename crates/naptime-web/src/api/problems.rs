//! What needs somebody.

use axum::Json;
use axum::extract::State;
use naptime_core::problem::{Severity, Whose};
use naptime_core::{JobId, Time};
use serde::Serialize;

use crate::app::Shared;
use crate::problem::Problem;

#[derive(Serialize)]
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

#[derive(Serialize)]
struct ProblemView {
    kind: &'static str,
    severity: Severity,
    /// The endpoint or the pool; null of both for all.
    endpoint: Option<EndpointRef>,
    pool: Option<String>,
    since: Option<Time>,
    cause: String,
    remedy: Option<&'static str>,
    message: Option<String>,
}

#[derive(Serialize)]
struct EndpointRef {
    id: JobId,
    url: String,
    name: String,
}

pub(super) async fn list(State(app): State<Shared>) -> Result<Json<ProblemsView>, Problem> {
    let look = app.watcher.look(&app).await?;
    let view = |problem: &naptime_core::problem::Problem| {
        let (endpoint, pool) = match &problem.of {
            Whose::Fleet => (None, None),
            Whose::Pool(pool) => (None, Some(pool.to_string())),
            Whose::Endpoint { id, endpoint, name } => {
                (Some(EndpointRef { id: *id, url: endpoint.to_string(), name: name.clone() }), None)
            }
        };
        ProblemView {
            kind: problem.kind.as_str(),
            severity: problem.kind.severity(),
            endpoint,
            pool,
            since: problem.since,
            cause: problem.kind.cause(),
            remedy: problem.kind.remedy(),
            message: problem.message.clone(),
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
