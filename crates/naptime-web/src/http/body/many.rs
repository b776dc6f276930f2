//! The body of a request that adds one thing or many. Many are taken apart as they arrive, and each is kept as it was
//! sent: what is made of it takes several times the memory.

use axum::extract::{FromRequest, Request};
use bytes::{Buf, Bytes, BytesMut};
use http::StatusCode;
use serde_json::Value;

use super::read::{Reading, Unread};
use super::split::{Item, Splitter};
use super::{LARGE_BYTES, content_type, is_json, parse};
use crate::http::json::{self, BYTE_ORDER_MARK, BadJson};
use crate::http::problem::Problem;

/// The longest body of one request that adds many.
const MAX_BYTES: usize = 32 * 1024 * 1024;
/// The most lines of one request.
pub(crate) const MAX_LINES: usize = 10_000;

/// One JSON object, or many: a list, or one on each line.
pub(crate) enum OneOrMany {
    One(Value),
    Many(Vec<SentLine>),
}

/// One of many.
#[derive(Debug)]
pub(crate) struct SentLine {
    /// Its line or its place in the list, from 1.
    pub(crate) line: usize,
    /// Its text; none if that is longer than that of a request that adds one may be.
    text: Option<Box<[u8]>>,
}

impl SentLine {
    /// The bytes of memory that its text takes.
    pub(crate) fn size(&self) -> usize {
        self.text.as_ref().map_or(0, |text| text.len())
    }

    /// Reads it.
    pub(crate) fn read(self) -> Result<Value, Problem> {
        let Some(text) = self.text else {
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "it is longer than 1 MiB").at("body"));
        };
        parse(&text)
    }
}

impl<S: Sync> FromRequest<S> for OneOrMany {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let lines = matches!(
            content_type(request.headers()).as_deref(),
            Some("application/x-ndjson" | "application/ndjson" | "application/jsonl")
        );
        if !lines && !is_json(request.headers()) {
            let detail = "the body must be JSON, and Content-Type must say so: application/json for one object or a \
                          list of them, application/x-ndjson for one on each line";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", detail).at("Content-Type"));
        }
        let mut body = Reading::begin(request, MAX_BYTES).await?;
        if lines {
            return many(body, Bytes::new(), Splitter::lines(), check_nothing).await;
        }
        let begin = begin(&mut body).await?;
        if begin.starts_with(b"[") {
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

/// The body from its first sign on, which tells a list, as far as it has come: without a byte order mark, and without what
/// is blank.
async fn begin(body: &mut Reading) -> Result<Bytes, Problem> {
    let mut begin = BytesMut::new();
    while begin.len() < BYTE_ORDER_MARK.len() {
        let Some(part) = body.next().await? else { break };
        begin.extend_from_slice(&part);
    }
    let mut begin = begin.freeze();
    if begin.starts_with(BYTE_ORDER_MARK) {
        begin.advance(BYTE_ORDER_MARK.len());
    }
    while begin.trim_ascii_start().is_empty() {
        let Some(part) = body.next().await? else { break };
        begin = part;
    }
    Ok(begin.slice_ref(begin.trim_ascii_start()))
}

async fn many(
    mut body: Reading,
    begin: Bytes,
    mut splitter: Splitter,
    check: fn(usize, &[u8]) -> Result<(), Problem>,
) -> Result<OneOrMany, Problem> {
    let (mut sent, mut line) = (Vec::new(), 0);
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
        if sent.len() == MAX_LINES {
            let detail = "there are more than 10,000 in one request; nothing was added";
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many", detail).at("body"));
        }
        sent.push(SentLine { line, text });
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
    Ok(OneOrMany::Many(sent))
}

/// Each line is answered on its own, whatever it is.
fn check_nothing(_: usize, _: &[u8]) -> Result<(), Problem> {
    Ok(())
}

/// A list is one JSON document: if an element is no JSON, nothing of it is added.
fn check_json(line: usize, text: &[u8]) -> Result<(), Problem> {
    match json::parse(text) {
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

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use axum::body::Body;
    use http::header::CONTENT_TYPE;
    use http_body::Frame;

    use super::*;

    /// A body that comes in these parts.
    struct Parts(VecDeque<Bytes>);

    impl http_body::Body for Parts {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(|part| Ok(Frame::data(part))))
        }
    }

    /// How many are read from a body that comes in parts of so many bytes; none if it is read as one.
    async fn count(text: &str, part: usize) -> Option<usize> {
        let body = Body::new(Parts(text.as_bytes().chunks(part).map(Bytes::copy_from_slice).collect()));
        let request = Request::builder().header(CONTENT_TYPE, "application/json").body(body).unwrap();
        match OneOrMany::from_request(request, &()).await.unwrap() {
            OneOrMany::One(_) => None,
            OneOrMany::Many(lines) => Some(lines.len()),
        }
    }

    #[tokio::test]
    async fn a_list_is_told_by_its_first_sign_however_it_comes() {
        for part in [1, 2, 3, 4, 5, 100] {
            for before in ["", "\u{feff}", " \n ", "\u{feff} \r\n  "] {
                assert_eq!(count(&format!("{before}[{{}},{{}}]"), part).await, Some(2), "{before:?} {part}");
                assert_eq!(count(&format!("{before}{{}}"), part).await, None, "{before:?} {part}");
            }
        }
    }
}
