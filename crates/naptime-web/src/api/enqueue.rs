//! Asking for one-off jobs: one, or up to ten thousand in one request.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use naptime_core::input::{self, Once};
use naptime_core::{JobId, Limits, NewJob, Time};
use naptime_store::{Added, Error, TimeoutLimits};
use serde_json::{Value, json};
use uuid::Uuid;

use super::jobs;
use crate::app::{App, Shared};
use crate::body::{JobsBody, SentJob};
use crate::problem::Problem;

/// How many jobs are added at once. A short line may name the key of a large job, and all of that comes back.
const JOBS_AT_ONCE: usize = 100;
/// The same in bytes, as many as one more job may exceed. A store makes copies of what it adds.
const BYTES_AT_ONCE: usize = 1024 * 1024;
/// From this length of the answer on, only the first fault of a job is told. A short job may have fifty.
const BRIEF_FROM_BYTES: usize = 1024 * 1024;

/// What is said of a time that is over.
const PAST: &str = "`at` is over, so the job is called now";

pub(super) async fn enqueue(State(app): State<Shared>, body: JobsBody) -> Result<Response, Problem> {
    match body {
        JobsBody::One(json) => one(&app, json).await,
        JobsBody::Many(jobs) => many(&app, jobs).await,
    }
}

/// One job: 202 if it is added, 200 if there is one of its key.
async fn one(app: &App, json: Value) -> Result<Response, Problem> {
    let Once { new, past } = read(app, json, app.now(), &mut TimeoutLimits::default()).await?;
    let added = app.store.insert(vec![new]).await?.pop();
    let (status, note, job) = match added.ok_or_else(nothing)? {
        Added::New(job) => (StatusCode::ACCEPTED, past.then_some(PAST), job),
        Added::Existing(job) => (StatusCode::OK, Some("there is a job of this `key` already; nothing was added"), job),
    };
    let location = [(header::LOCATION, format!("/api/jobs/{}", job.id))];
    Ok((status, location, jobs::tagged(job, note)).into_response())
}

/// Many jobs, each answered on its own, in their order. They are read and added a few at a time.
async fn many(app: &App, sent: Vec<SentJob>) -> Result<Response, Problem> {
    let (mut answers, mut batch, now) = (Answers::default(), Batch::default(), app.now());
    let mut limits = TimeoutLimits::default();
    for job in sent {
        let (line, size) = (job.line, job.size());
        let once = match job.read() {
            Ok(json) => read(app, json, now, &mut limits).await,
            Err(problem) => Err(problem),
        };
        batch.add(line, size, once);
        if batch.is_full() {
            std::mem::take(&mut batch).store(app, &mut answers).await?;
            // Others have their turn, even if nothing was to be added.
            tokio::task::yield_now().await;
        }
    }
    batch.store(app, &mut answers).await?;
    Ok(answers.into_response())
}

/// Some of many jobs.
#[derive(Default)]
struct Batch {
    /// Whether the time of each is over, or what is wrong with it.
    lines: Vec<(usize, Result<bool, Problem>)>,
    new: Vec<NewJob>,
    size: usize,
}

impl Batch {
    fn add(&mut self, line: usize, size: usize, read: Result<Once, Problem>) {
        let read = read.map(|once| {
            self.new.push(once.new);
            self.size += size;
            once.past
        });
        self.lines.push((line, read));
    }

    fn is_full(&self) -> bool {
        self.lines.len() >= JOBS_AT_ONCE || self.size >= BYTES_AT_ONCE
    }

    /// Adds them, and answers each.
    async fn store(self, app: &App, answers: &mut Answers) -> Result<(), Problem> {
        let added = if self.new.is_empty() { Vec::new() } else { app.store.insert(self.new).await? };
        let mut added = added.into_iter();
        for (line, read) in self.lines {
            match read {
                Ok(past) => answers.tell(line, added.next().ok_or_else(nothing)?, past),
                Err(problem) => answers.refuse(line, &problem),
            }
        }
        Ok(())
    }
}

/// What became of many.
#[derive(Default)]
struct Answers {
    added: u64,
    existing: u64,
    refused: u64,
    /// The items as JSON, with commas between.
    items: Vec<u8>,
}

impl Answers {
    fn tell(&mut self, line: usize, added: Added, past: bool) {
        let existing = matches!(added, Added::Existing(_));
        let job = added.into_job();
        *(if existing { &mut self.existing } else { &mut self.added }) += 1;
        let mut answer = json!({"line": line, "id": job.id, "state": job.stage(), "existing": existing});
        if past && !existing {
            answer["note"] = json!(PAST);
        }
        self.push(&answer);
    }

    fn refuse(&mut self, line: usize, problem: &Problem) {
        self.refused += 1;
        let mut document = problem.document();
        if self.items.len() > BRIEF_FROM_BYTES
            && let Some(fields) = document.as_object_mut()
        {
            fields.remove("errors");
        }
        self.push(&json!({"line": line, "error": document}));
    }

    fn push(&mut self, item: &Value) {
        if !self.items.is_empty() {
            self.items.push(b',');
        }
        self.items.extend_from_slice(item.to_string().as_bytes());
    }

    fn into_response(self) -> Response {
        let Self { added, existing, refused, mut items } = self;
        let begin = format!("{{\"added\":{added},\"existing\":{existing},\"refused\":{refused},\"items\":[");
        items.splice(..0, begin.into_bytes());
        items.extend_from_slice(b"]}");
        (StatusCode::MULTI_STATUS, [(header::CONTENT_TYPE, "application/json")], items).into_response()
    }
}

async fn read(app: &App, json: Value, now: Time, limits: &mut TimeoutLimits) -> Result<Once, Problem> {
    let read = input::read_once(json, Limits { now, ..app.limits() }, JobId::from(Uuid::now_v7()));
    let Once { new, past } = read.map_err(Problem::invalid)?;
    let new = app.held_to_pools(Ok(new), limits).await?.map_err(Problem::invalid)?;
    Ok(Once { new, past })
}

fn nothing() -> Error {
    Error::Corrupt("an insert returned nothing".to_owned())
}
