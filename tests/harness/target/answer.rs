//! How a target answers.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use futures::stream;

use tokio::sync::watch;

use super::call::{Ending, EndingBody};

/// What an answer may wait for: `Answer::ok().upon(&signal)` is given once the test says `signal.send()`.
#[derive(Clone, Debug, Default)]
pub struct Signal(watch::Sender<bool>);

impl Signal {
    /// Lets all answers go that wait for it, and those to come.
    pub fn send(&self) {
        self.0.send_replace(true);
    }

    async fn sent(&self) {
        // It cannot fail: the sender is here.
        let _ = self.0.subscribe().wait_for(|&sent| sent).await;
    }
}

/// An answer: `Answer::status(503).body("later").after(Duration::from_secs(1))`.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    after: Duration,
    upon: Option<Signal>,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Whole(Bytes),
    Never,
    Repeated { piece: Bytes, every: Duration },
}

impl Answer {
    /// 200 with the body `ok`.
    pub fn ok() -> Self {
        Self::status(200).body("ok")
    }

    /// This status with an empty body.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), after: Duration::ZERO, upon: None, content: Content::Whole(Bytes::new()) }
    }

    /// A redirect (302) to `location`.
    pub fn redirect(location: &str) -> Self {
        Self::status(302).header("location", location)
    }

    /// No answer at all, for as long as the caller waits.
    pub fn never() -> Self {
        Self { content: Content::Never, ..Self::ok() }
    }

    /// 200 at once, then a body of one byte a second without end.
    pub fn drip() -> Self {
        Self::ok().repeating(Bytes::from_static(b"."), Duration::from_secs(1))
    }

    /// 200 and a body without end, as fast as it is taken.
    pub fn endless() -> Self {
        Self::ok().repeating(Bytes::from_static(&[b'x'; 16 * 1024]), Duration::ZERO)
    }

    /// With this body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.content = Content::Whole(body.into());
        self
    }

    /// With this header too.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Only after this time.
    pub fn after(mut self, delay: Duration) -> Self {
        self.after = delay;
        self
    }

    /// Only once this signal is sent.
    pub fn upon(mut self, signal: &Signal) -> Self {
        self.upon = Some(signal.clone());
        self
    }

    fn repeating(mut self, piece: Bytes, every: Duration) -> Self {
        self.content = Content::Repeated { piece, every };
        self
    }

    /// Answers. The guard goes with the body, or with this future if the caller goes away while it waits.
    pub(super) async fn give(self, ending: Ending) -> Response {
        if !self.after.is_zero() {
            tokio::time::sleep(self.after).await;
        }
        if let Some(signal) = self.upon {
            signal.sent().await;
        }
        let body = match self.content {
            Content::Whole(bytes) => Body::from(bytes),
            Content::Never => std::future::pending().await,
            Content::Repeated { piece, every } => repeated(piece, every),
        };
        let mut response = Response::builder().status(self.status);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        response.body(Body::new(EndingBody::new(body, ending))).unwrap()
    }
}

fn repeated(piece: Bytes, every: Duration) -> Body {
    Body::from_stream(stream::unfold(piece, move |piece| async move {
        // Gives way even without a pause: other calls want the thread too.
        tokio::task::yield_now().await;
        if !every.is_zero() {
            tokio::time::sleep(every).await;
        }
        Some((Ok::<_, Infallible>(piece.clone()), piece))
    }))
}
