//! Many endpoints or jobs in one request, each answered on its own.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use naptime_core::{JobId, NewJob, Stage};
use naptime_store::{Added, Error};
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::{Document, Problem};
use crate::app::App;

/// How many are added at once. A short line may name the key of a large job, and all of that comes back.
const ADDED_AT_ONCE: usize = 100;
/// The same in bytes, as many as one more may exceed. A store makes copies of what it adds.
const BYTES_AT_ONCE: usize = 1024 * 1024;
/// From this length of the answer on, only the first fault of a line is told. A short line may have fifty.
const BRIEF_FROM_BYTES: usize = 1024 * 1024;

/// What was read from a line: what is to be added, and what whoever sent it ought to know if that is added.
pub(super) type Read = Result<(NewJob, Option<&'static str>), Problem>;

/// Many that are being added, a few at a time, each answered in the order in which it came.
pub(crate) struct Adding<'a> {
    app: &'a App,
    batch: Batch,
    answers: Answers,
}

impl<'a> Adding<'a> {
    pub(crate) fn new(app: &'a App) -> Self {
        Self { app, batch: Batch::default(), answers: Answers::default() }
    }

    /// Takes what was read from a line of so many bytes.
    pub(crate) async fn add(&mut self, line: usize, size: usize, read: Read) -> Result<(), Problem> {
        self.batch.add(line, size, read);
        if self.batch.is_full() {
            std::mem::take(&mut self.batch).store(self.app, &mut self.answers).await?;
            // Others have their turn, even if nothing was to be added.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Adds what is left, and answers all.
    pub(crate) async fn end(self) -> Result<Response, Problem> {
        let Self { app, batch, mut answers } = self;
        batch.store(app, &mut answers).await?;
        Ok(answers.into_response())
    }
}

/// Adds one.
pub(crate) async fn add_one(app: &App, new: NewJob) -> Result<Added, Error> {
    app.store.insert(vec![new]).await?.pop().ok_or_else(nothing)
}

/// What became of many.
#[derive(Serialize, ToSchema)]
#[schema(as = Many)]
pub(crate) struct ManyView<'a> {
    added: u64,
    /// Those that were there already, by their keys.
    existing: u64,
    refused: u64,
    /// One for each line that is not blank, in their order.
    items: Vec<LineView<'a>>,
}

/// What became of one of many.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Line)]
pub(super) enum LineView<'a> {
    Added {
        /// Its line, or its place in the list, from 1.
        line: usize,
        id: JobId,
        /// Of a one-off job.
        #[serde(skip_serializing_if = "Option::is_none")]
        state: Option<Stage>,
        /// Whether it was there already.
        existing: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<&'static str>,
    },
    Refused {
        line: usize,
        error: Document<'a>,
    },
}

/// Some of many.
#[derive(Default)]
struct Batch {
    /// What is to be told of each if it is added, or what is wrong with it.
    lines: Vec<(usize, Result<Option<&'static str>, Problem>)>,
    new: Vec<NewJob>,
    size: usize,
}

impl Batch {
    fn add(&mut self, line: usize, size: usize, read: Read) {
        let read = read.map(|(new, note)| {
            self.new.push(new);
            self.size += size;
            note
        });
        self.lines.push((line, read));
    }

    fn is_full(&self) -> bool {
        self.lines.len() >= ADDED_AT_ONCE || self.size >= BYTES_AT_ONCE
    }

    /// Adds them, and answers each.
    async fn store(self, app: &App, answers: &mut Answers) -> Result<(), Problem> {
        let added = if self.new.is_empty() { Vec::new() } else { app.store.insert(self.new).await? };
        let mut added = added.into_iter();
        for (line, read) in self.lines {
            match read {
                Ok(note) => answers.tell(line, added.next().ok_or_else(nothing)?, note),
                Err(problem) => answers.refuse(line, &problem),
            }
        }
        Ok(())
    }
}

/// The answer as it grows. Its items are kept as JSON with commas between, which takes the least memory.
#[derive(Default)]
struct Answers {
    added: u64,
    existing: u64,
    refused: u64,
    items: Vec<u8>,
}

impl Answers {
    fn tell(&mut self, line: usize, added: Added, note: Option<&'static str>) {
        let existing = matches!(added, Added::Existing(_));
        let job = added.into_job();
        *(if existing { &mut self.existing } else { &mut self.added }) += 1;
        let note = note.filter(|_| !existing);
        self.push(&LineView::Added { line, id: job.id, state: job.stage(), existing, note });
    }

    fn refuse(&mut self, line: usize, problem: &Problem) {
        self.refused += 1;
        let mut error = problem.document();
        if self.items.len() > BRIEF_FROM_BYTES {
            error.errors = &[];
        }
        self.push(&LineView::Refused { line, error });
    }

    fn push(&mut self, item: &LineView<'_>) {
        if !self.items.is_empty() {
            self.items.push(b',');
        }
        // Neither a map with other keys than texts nor a number that is none is in it, so it is always JSON.
        self.items.extend(serde_json::to_vec(item).unwrap_or_default());
    }

    fn into_response(self) -> Response {
        let Self { added, existing, refused, items } = self;
        // It ends in an empty list, into which the items go.
        let empty = ManyView { added, existing, refused, items: Vec::new() };
        let mut answer = serde_json::to_vec(&empty).unwrap_or_default();
        let end = answer.split_off(answer.len().saturating_sub(2));
        answer.extend(items);
        answer.extend(end);
        (StatusCode::MULTI_STATUS, [(header::CONTENT_TYPE, "application/json")], answer).into_response()
    }
}

fn nothing() -> Error {
    Error::Corrupt("an insert returned nothing".to_owned())
}
