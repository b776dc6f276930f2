//! The record of a call as the target sees it.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use http_body::{Frame, SizeHint};
use tokio::sync::watch;

/// What is kept of a request body; the program sends at most 256 KiB.
const MOST: usize = 1 << 20;

static NEXT: AtomicU64 = AtomicU64::new(0);

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    id: u64,
    /// `GET`, `POST` and so on.
    pub method: String,
    /// Path and query as sent.
    pub uri: String,
    /// The request's headers.
    pub headers: HeaderMap,
    /// The request's body.
    pub body: Bytes,
    /// When its headers were there.
    pub start: Instant,
    /// The same on the wall clock, in milliseconds since 1970.
    pub start_ms: f64,
    /// When its answer was sent, or the caller went away; `None` while under way.
    pub end: Option<Instant>,
    /// Whether the answer was sent to its end, rather than the caller going away before.
    pub answered: bool,
}

impl Call {
    /// The path without the query.
    pub fn path(&self) -> &str {
        self.uri.split('?').next().unwrap_or_default()
    }

    /// A header's value as text, or nothing.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether `other` was under way at the same time.
    pub fn overlaps(&self, other: &Self) -> bool {
        let ended_before = |a: &Self, b: &Self| a.end.is_some_and(|end| end <= b.start);
        !ended_before(self, other) && !ended_before(other, self)
    }
}

/// Records a call's arrival; its end is recorded when the returned guard goes.
pub(super) async fn record(calls: &watch::Sender<Vec<Call>>, request: Request) -> Ending {
    let start = Instant::now();
    let start_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() * 1000.0;
    let (Parts { method, uri, headers, .. }, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MOST).await.unwrap_or_default();
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let call = Call {
        id,
        method: method.to_string(),
        uri: uri.to_string(),
        headers,
        body,
        start,
        start_ms,
        end: None,
        answered: false,
    };
    calls.send_modify(|calls| calls.push(call));
    Ending { id, calls: calls.clone(), answered: false }
}

/// Records the end of a call when dropped: at the end of its body, or when the caller went away.
pub(super) struct Ending {
    id: u64,
    calls: watch::Sender<Vec<Call>>,
    answered: bool,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let end = Instant::now();
        self.calls.send_modify(|calls| {
            // From the back: what ends is likely to be young.
            if let Some(call) = calls.iter_mut().rev().find(|call| call.id == self.id) {
                call.end = Some(end);
                call.answered = self.answered;
            }
        });
    }
}

/// A body that carries the guard of its call, so that the call ends when the body does.
pub(super) struct EndingBody {
    body: Body,
    ending: Ending,
}

impl EndingBody {
    pub(super) fn new(body: Body, mut ending: Ending) -> Self {
        ending.answered = body.is_end_stream();
        Self { body, ending }
    }
}

impl HttpBody for EndingBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        self.ending.answered = matches!(polled, Poll::Ready(None)) || self.body.is_end_stream();
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
