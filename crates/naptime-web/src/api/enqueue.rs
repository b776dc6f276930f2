//! Asking for one-off jobs: one, or up to ten thousand in one request.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use naptime_core::{JobId, Once, Stage};
use naptime_store::{Added, Error, TimeoutLimits};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{job_input, jobs};
use crate::app::{App, Shared};
use crate::body::{self, JobsBody};
use crate::json::Json as Sent;
use crate::problem::Problem;

/// The most jobs in one request.
const MOST: usize = 10_000;
/// The longest line, in bytes: as long as the body of a request for one job may be.
const LONGEST_LINE: usize = 1024 * 1024;
/// How many jobs are read before others have their turn.
const AT_ONCE: usize = 100;
/// How many jobs are added at once. A short line may name the key of a large job, and all of that comes back.
const ADDED_AT_ONCE: usize = 500;

/// What is said of a time that is over.
const PAST: &str = "`at` is over, so the job is called now";

pub(super) async fn enqueue(State(app): State<Shared>, body: JobsBody) -> Result<Response, Problem> {
    match body {
        JobsBody::Json(Sent::Array(items)) => {
            let items: Vec<_> = items.into_iter().enumerate().map(|(at, item)| (at + 1, Ok(item))).collect();
            many(&app, items).await
        }
        JobsBody::Json(json) => one(&app, json).await,
        JobsBody::Lines(text) => {
            let lines = text.split(|&byte| byte == b'\n').enumerate();
            let filled = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
            // One more than may be, so that it is known that there are too many, however many there are.
            let items = filled.take(MOST + 1).map(|(at, line)| (at + 1, parse(line)));
            many(&app, items.collect()).await
        }
    }
}

/// One job: 202 if it is added, 200 if there is one of its key.
async fn one(app: &App, json: Sent) -> Result<Response, Problem> {
    let Once { new, past } = read(app, json, &mut TimeoutLimits::default()).await?;
    let added = app.store.insert(vec![new]).await?.pop();
    let (status, note, job) = match added.ok_or_else(nothing)? {
        Added::New(job) => (StatusCode::ACCEPTED, past.then_some(PAST), job),
        Added::Existing(job) => (StatusCode::OK, Some("there is a job of this `key` already; nothing was added"), job),
    };
    let location = [(header::LOCATION, format!("/api/jobs/{}", job.id))];
    Ok((status, location, jobs::tagged(job, note)).into_response())
}

/// Many jobs, each answered on its own, in their order.
async fn many(app: &App, items: Vec<(usize, Result<Sent, Problem>)>) -> Result<Response, Problem> {
    if items.len() > MOST {
        let detail = "there are more than 10,000 jobs in one request; nothing was added";
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many", detail).at("body"));
    }
    let mut limits = TimeoutLimits::default();
    let (mut lines, mut new) = (Vec::with_capacity(items.len()), Vec::with_capacity(items.len()));
    for (index, (line, item)) in items.into_iter().enumerate() {
        let once = match item {
            Ok(json) => read(app, json, &mut limits).await,
            Err(problem) => Err(problem),
        };
        lines.push((line, once.map(|once| (new.push(once.new), once.past).1)));
        if index % AT_ONCE == 0 {
            tokio::task::yield_now().await;
        }
    }
    let mut added = Vec::with_capacity(new.len());
    let mut new = new.into_iter();
    while new.len() > 0 {
        let answers = app.store.insert(new.by_ref().take(ADDED_AT_ONCE).collect()).await?;
        added.extend(answers.into_iter().map(|added| {
            let existing = matches!(added, Added::Existing(_));
            let job = added.into_job();
            (job.id, job.stage(), existing)
        }));
    }
    let mut added = added.into_iter();
    let mut counts = Counts::default();
    let answers = lines.into_iter().map(|(line, read)| match read {
        Ok(past) => Ok(counts.answer(line, added.next().ok_or_else(nothing)?, past)),
        Err(problem) => Ok(counts.refuse(line, &problem)),
    });
    let answers = answers.collect::<Result<Vec<Value>, Error>>()?;
    let Counts { added, existing, refused } = counts;
    let body = json!({"added": added, "existing": existing, "refused": refused, "items": answers});
    Ok((StatusCode::MULTI_STATUS, Json(body)).into_response())
}

/// What became of many.
#[derive(Default)]
struct Counts {
    added: u64,
    existing: u64,
    refused: u64,
}

impl Counts {
    fn answer(&mut self, line: usize, (id, stage, existing): (JobId, Option<Stage>, bool), past: bool) -> Value {
        *(if existing { &mut self.existing } else { &mut self.added }) += 1;
        let mut answer = json!({"line": line, "id": id, "state": stage, "existing": existing});
        if past && !existing {
            answer["note"] = json!(PAST);
        }
        answer
    }

    fn refuse(&mut self, line: usize, problem: &Problem) -> Value {
        self.refused += 1;
        json!({"line": line, "error": problem.document()})
    }
}

async fn read(app: &App, json: Sent, limits: &mut TimeoutLimits) -> Result<Once, Problem> {
    let draft = job_input::draft(json)?;
    let Once { new, past } =
        draft.create(app.rules(), JobId::from(Uuid::now_v7()), app.now()).map_err(Problem::invalid)?;
    let new = app.held_to_pools(Ok(new), limits).await?.map_err(Problem::invalid)?;
    Ok(Once { new, past })
}

fn parse(line: &[u8]) -> Result<Sent, Problem> {
    if line.len() > LONGEST_LINE {
        return Err(
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the line is longer than 1 MiB").at("body")
        );
    }
    body::parse(line)
}

fn nothing() -> Error {
    Error::Corrupt("an insert returned nothing".to_owned())
}
