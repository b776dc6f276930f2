//! Asking for one-off jobs: one, or up to ten thousand in one request.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use naptime_core::input::{self, Once};
use naptime_core::{JobId, Limits, Time};
use naptime_store::{Added, TimeoutLimits};
use serde_json::Value;
use uuid::Uuid;

use super::api;
use super::view::JobView;
use crate::app::{App, Shared};
use crate::http::body::OneOrMany;
use crate::http::many::{self, Adding, ManyView};
use crate::http::params::IdempotencyKeyHeader;
use crate::http::problem::Problem;
use crate::http::query::IdempotencyKey;
use crate::openapi::bodies::NewJobs;

/// What is said of a time that is over.
const PAST: &str = "`at` is over, so the job is called now";

/// Asks for one call, or up to 10,000: a list, or one on each line.
#[utoipa::path(
    post, path = "/jobs", operation_id = "add_jobs", tag = "jobs",
    params(IdempotencyKeyHeader),
    request_body(content(
        (NewJobs = "application/json", example = json!({"url": "https://foobar.example/mail", "method": "POST", "in": "10m", "key": "mail-123"})),
        (String = "application/x-ndjson"),
    )),
    responses(
        (status = 202, description = "It was added.", body = JobView, headers(("Location" = String), ("ETag" = String))),
        (status = 200, description = "There is one of this `key`, and nothing was added.", body = JobView, headers(("ETag" = String))),
        (status = 207, description = "Of many, what became of each.", body = ManyView),
    ),
)]
pub(super) async fn enqueue(
    State(app): State<Shared>,
    key: IdempotencyKey,
    body: OneOrMany,
) -> Result<Response, Problem> {
    let (now, mut limits) = (app.now(), TimeoutLimits::default());
    match body {
        OneOrMany::One(mut json) => {
            key.put(&mut json)?;
            one(&app, read(&app, json, now, &mut limits).await?).await
        }
        OneOrMany::Many(sent) => {
            key.check_none()?;
            let mut adding = Adding::new(&app);
            for sent in sent {
                let (line, size) = (sent.line, sent.size());
                let once = match sent.read() {
                    Ok(json) => read(&app, json, now, &mut limits).await,
                    Err(problem) => Err(problem),
                };
                adding.add(line, size, once.map(|Once { new, past }| (new, past.then_some(PAST)))).await?;
            }
            adding.end().await
        }
    }
}

/// One job: 202 if it is added, 200 if there is one of its key.
async fn one(app: &App, Once { new, past }: Once) -> Result<Response, Problem> {
    let (status, note, job) = match many::add_one(app, new).await? {
        Added::New(job) => (StatusCode::ACCEPTED, past.then_some(PAST), job),
        Added::Existing(job) => (StatusCode::OK, Some("there is a job of this `key` already; nothing was added"), job),
    };
    let location = [(header::LOCATION, format!("/api/jobs/{}", job.id))];
    Ok((status, location, api::tagged(job, note)).into_response())
}

async fn read(app: &App, json: Value, now: Time, limits: &mut TimeoutLimits) -> Result<Once, Problem> {
    let read = input::read_once(json, Limits { now, ..app.limits() }, JobId::from(Uuid::now_v7()));
    let Once { new, past } = read.map_err(Problem::invalid)?;
    let new = app.held_to_pools(Ok(new), limits).await?.map_err(Problem::invalid)?;
    Ok(Once { new, past })
}
