//! The body of a request for one job or many. Many are taken apart as they arrive, and each is kept as it was sent: what
//! is made of it takes several times the memory.

use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http::StatusCode;

use super::read::{Reading, Unread};
use super::split::{Item, Splitter};
use super::{LARGE_BYTES, content_type, is_json, parse};
use crate::json::{BadJson, Json};
use crate::problem::Problem;

/// The longest body of one request for many jobs.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// The most jobs in one request.
const MOST_JOBS: usize = 10_000;

/// One job or many.
pub(crate) enum JobsBody {
    One(Json),
    Many(Vec<SentJob>),
}

/// One of many jobs.
#[derive(Debug)]
pub(crate) struct SentJob {
    /// Its line or its place in the list, from 1.
    pub(crate) line: usize,
    /// Its text; none if that is longer than that of a request for one job may be.
    text: Option<Box<[u8]>>,
}

impl SentJob {
    /// The bytes of memory that its text takes.
    pub(crate) fn size(&self) -> usize {
        self.text.as_ref().map_or(0, |text| text.len())
    }

    /// Reads it.
    pub(crate) fn read(self) -> Result<Json, Problem> {
        let Some(text) = self.text else {
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "it is longer than 1 MiB").at("body"));
        };
        parse(&text)
    }
}

impl<S: Sync> FromRequest<S> for JobsBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let lines = matches!(
            content_type(request.headers()).as_deref(),
            Some("application/x-ndjson" | "application/ndjson" | "application/jsonl")
        );
        if !lines && !is_json(request.headers()) {
            let detail = "the body must be JSON, and Content-Type must say so: application/json for a job or a list of \
                          jobs, application/x-ndjson for a job on each line";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", detail).at("Content-Type"));
        }
        let mut body = Reading::begin(request, MOST_BYTES).await?;
        if lines {
            return many(body, Bytes::new(), Splitter::lines(), check_nothing).await;
        }
        // The first sign tells a list.
        let begin = loop {
            match body.next().await? {
                Some(part) if part.trim_ascii_start().is_empty() => {}
                begin => break begin.unwrap_or_default(),
            }
        };
        if begin.trim_ascii_start().starts_with(b"[") {
            return many(body, begin, Splitter::array(), check_json).await;
        }
        let mut all = BytesMut::from(begin);
        while let Some(part) = body.next().await? {
            all.extend_from_slice(&part);
            if all.len() > LARGE_BYTES {
                return Err(Unread::TooLarge(LARGE_BYTES).into());
            }
        }
        parse(&all).map(Self::One)
    }
}

async fn many(
    mut body: Reading,
    begin: Bytes,
    mut splitter: Splitter,
    check: fn(usize, &[u8]) -> Result<(), Problem>,
) -> Result<JobsBody, Problem> {
    let (mut jobs, mut line) = (Vec::new(), 0);
    let mut add = |item| {
        line += 1;
        let text = match item {
            Item::Text(text) if text.is_empty() => {
                // A line without anything; in a list, this is no JSON.
                return check(line, &text);
            }
            Item::Text(text) => Some(text),
            Item::TooLong => None,
        };
        text.as_ref().map_or(Ok(()), |text| check(line, text))?;
        if jobs.len() == MOST_JOBS {
            let detail = "there are more than 10,000 jobs in one request; nothing was added";
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many", detail).at("body"));
        }
        jobs.push(SentJob { line, text });
        Ok(())
    };
    let mut part = Some(begin);
    while let Some(bytes) = part {
        let mut bytes = &bytes[..];
        while let Some(item) = splitter.next(&mut bytes).map_err(no_json)? {
            add(item)?;
        }
        part = body.next().await?;
    }
    if let Some(item) = splitter.end().map_err(no_json)? {
        add(item)?;
    }
    Ok(JobsBody::Many(jobs))
}

/// Each line is answered on its own, whatever it is.
fn check_nothing(_: usize, _: &[u8]) -> Result<(), Problem> {
    Ok(())
}

/// A list is one JSON document: if an element is no JSON, nothing of it is added.
fn check_json(line: usize, text: &[u8]) -> Result<(), Problem> {
    match Json::parse(text) {
        Ok(_) | Err(BadJson::TooMany(_)) => Ok(()),
        Err(BadJson::Syntax(why)) => Err(no_json(format!("{why}, within element {line}"))),
        Err(BadJson::Doubled(why)) => {
            Err(Problem::new(StatusCode::BAD_REQUEST, "duplicate_key", format!("{why}, in element {line}")))
        }
    }
}

fn no_json(why: impl std::fmt::Display) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad_json", format!("the body is not JSON: {why}"))
}
