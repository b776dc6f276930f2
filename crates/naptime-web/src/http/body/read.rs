//! Reading a body within bounds: of its size, of the time it takes, and of the memory for all bodies together.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout};

use crate::http::budget::Share;
use crate::http::problem::Problem;
use crate::kit::PageError;

/// The longest a body may take to arrive.
const MAX_ARRIVAL: Duration = Duration::from_secs(20);
/// How much memory a body whose length is not told takes at a time.
const STEP_BYTES: usize = 64 * 1024;

/// Why a body was not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is larger than this.
    TooLarge(usize),
    Broken,
    TooSlow,
    /// The bodies of other requests take all memory there is for bodies.
    NoMemory,
}

/// A body that is being read.
pub(super) struct Reading {
    body: Body,
    share: Option<Share>,
    most: usize,
    seen: usize,
    /// The bytes there is memory for.
    taken: usize,
    /// How long it may still be waited for. What is done with its parts meanwhile is not the sender's fault.
    left: Duration,
}

impl Reading {
    /// Begins to read the body of a request, of at most so many bytes. One that says to be larger is not read at all.
    pub(super) async fn begin(request: Request, most: usize) -> Result<Self, Unread> {
        // As long as it says; nothing is known of one that comes in chunks.
        let length = usize::try_from(request.body().size_hint().lower()).unwrap_or(usize::MAX);
        if length > most {
            return Err(Unread::TooLarge(most));
        }
        let (parts, body) = request.into_parts();
        let share = parts.extensions.get::<Share>().cloned();
        let mut reading = Self { body, share, most, seen: 0, taken: 0, left: MAX_ARRIVAL };
        reading.take(length).await?;
        Ok(reading)
    }

    /// The next part of it; none at its end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Unread> {
        loop {
            let begun = Instant::now();
            let frame = timeout(self.left, self.body.frame()).await.map_err(|_| Unread::TooSlow)?;
            self.left = self.left.saturating_sub(begun.elapsed());
            let Some(frame) = frame else { return Ok(None) };
            let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
            self.seen = self.seen.saturating_add(data.len());
            if self.seen > self.most {
                return Err(Unread::TooLarge(self.most));
            }
            if self.seen > self.taken {
                self.take((self.seen - self.taken).max(STEP_BYTES)).await?;
            }
            return Ok(Some(data));
        }
    }

    /// All of it.
    pub(super) async fn whole(mut self) -> Result<Bytes, Unread> {
        let mut all = BytesMut::new();
        while let Some(part) = self.next().await? {
            all.extend_from_slice(&part);
        }
        Ok(all.freeze())
    }

    async fn take(&mut self, bytes: usize) -> Result<(), Unread> {
        if let Some(share) = self.share.as_ref().filter(|_| bytes > 0) {
            share.take(bytes).await.map_err(|_| Unread::NoMemory)?;
        }
        self.taken += bytes;
        Ok(())
    }
}

impl From<Unread> for Problem {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::TooLarge(most) => {
                let detail = format!("the request is larger than {}", size(most));
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail).at("body")
            }
            Unread::Broken => Self::new(StatusCode::BAD_REQUEST, "incomplete", "the request ended before its body did"),
            Unread::TooSlow => Self::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "the body did not arrive in time"),
            Unread::NoMemory => {
                let detail = "there is no memory for the body beside those of other requests; try again soon";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
            }
        }
    }
}

impl From<Unread> for PageError {
    fn from(unread: Unread) -> Self {
        let (status, text) = match unread {
            Unread::TooLarge(most) => {
                (StatusCode::PAYLOAD_TOO_LARGE, format!("What was sent is larger than {}.", size(most)))
            }
            Unread::Broken => (StatusCode::BAD_REQUEST, "The request broke off.".to_owned()),
            Unread::TooSlow => (StatusCode::REQUEST_TIMEOUT, "The form did not arrive in time.".to_owned()),
            Unread::NoMemory => {
                (StatusCode::SERVICE_UNAVAILABLE, "Too much is being sent at once. Try again soon.".to_owned())
            }
        };
        Self::new(status, "Not read", text)
    }
}

fn size(bytes: usize) -> String {
    if bytes >> 20 > 0 { format!("{} MiB", bytes >> 20) } else { format!("{} KiB", bytes >> 10) }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http_body::Frame;

    use super::*;
    use crate::http::budget::Budget;

    /// A body that comes in chunks, so that nobody knows its length, and is then stuck or ends.
    struct Chunks {
        size: usize,
        count: usize,
        ends: bool,
    }

    impl http_body::Body for Chunks {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            if self.count == 0 {
                return if self.ends { Poll::Ready(None) } else { Poll::Pending };
            }
            self.count -= 1;
            Poll::Ready(Some(Ok(Frame::data(vec![b'x'; self.size].into()))))
        }
    }

    fn chunks(size: usize, count: usize) -> Body {
        Body::new(Chunks { size, count, ends: true })
    }

    async fn read(body: Body, share: Option<Share>, most: usize) -> Result<usize, Unread> {
        let mut request = Request::new(body);
        if let Some(share) = share {
            request.extensions_mut().insert(share);
        }
        Ok(Reading::begin(request, most).await?.whole().await?.len())
    }

    #[tokio::test]
    async fn no_body_is_read_beyond_its_bounds() {
        assert_eq!(read(Body::from("hello"), None, 5).await, Ok(5));
        assert_eq!(read(Body::from("hello!"), None, 5).await, Err(Unread::TooLarge(5)));
        assert_eq!(read(chunks(10, 10), None, 100).await, Ok(100));
        assert_eq!(read(chunks(10, usize::MAX), None, 99).await, Err(Unread::TooLarge(99)));
        let stuck = Body::new(Chunks { size: 10, count: 9, ends: false });
        let mut reading = Reading::begin(Request::new(stuck), 100).await.unwrap_or_else(|_| panic!("not begun"));
        reading.left = Duration::from_millis(10);
        assert_eq!(reading.whole().await, Err(Unread::TooSlow));
    }

    #[tokio::test]
    async fn all_bodies_together_have_a_budget() {
        let budget = Budget::of(10 * STEP_BYTES, Duration::from_millis(10));
        let (first, second) = (budget.share(), budget.share());
        assert_eq!(read(chunks(1000, 500), Some(first.clone()), usize::MAX).await, Ok(500_000));
        let large = || Body::from(vec![b'x'; 5 * STEP_BYTES]);
        assert_eq!(read(large(), Some(second.clone()), usize::MAX).await, Err(Unread::NoMemory));
        assert_eq!(read(chunks(1000, usize::MAX), Some(second.clone()), usize::MAX).await, Err(Unread::NoMemory));
        drop((first, second));
        assert_eq!(read(large(), Some(budget.share()), usize::MAX).await, Ok(5 * STEP_BYTES));
    }
}
