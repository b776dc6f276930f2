//! HTTP/2: many requests at a time on a connection.
//!
//! This stands on `h2` and not on hyper's HTTP/2, which puts a queue before it: of a request that hyper gives up there,
//! nobody can say whether it was sent. Here every request has a stream, and its error is the stream's.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use h2::{Ping, Reason, RecvStream};
use http::{Request, Response};
use naptime_core::{Outcome, Time};
use tokio::time::Instant;

use super::MAX_ANSWER;
use super::connection::Failure;
use super::fault::Fault;
use super::resend::Reach;
use super::stream::Counted;
use super::timing::Timing;

/// The longest head of an answer.
const MAX_HEAD: u32 = 64 * 1024;
/// The most interim answers (1xx) to one request.
const MAX_INTERIM: usize = 100;
/// How many requests are sent at a time before the target says how many it takes.
const STREAMS_AT_FIRST: usize = 100;

/// A connection that speaks HTTP/2, for any number of calls. It closes when the last clone and the last stream are gone.
#[derive(Clone)]
pub(super) struct Http2 {
    sender: SendRequest<Bytes>,
    state: Arc<State>,
}

/// The right to one request on a connection. Unless it is told that all went well, no others will be sent on it.
pub(super) struct Stream {
    connection: Http2,
    well: bool,
}

struct State {
    streams: AtomicUsize,
    /// When the last stream ended, in milliseconds since `born`.
    free_since_ms: AtomicUsize,
    /// No more requests are sent on it.
    retired: AtomicBool,
    /// The other side did not answer a ping.
    frozen: AtomicBool,
    born: Instant,
    certificate_ends: Option<Time>,
}

impl Http2 {
    pub(super) async fn start(stream: Counted, timing: Timing) -> Result<Self, Fault> {
        let mut builder = Builder::new();
        // More could be under way than is ever read: these bound what a target makes us hold.
        builder.initial_window_size(MAX_ANSWER as u32).initial_connection_window_size(1024 * 1024);
        builder.max_header_list_size(MAX_HEAD).initial_max_send_streams(STREAMS_AT_FIRST).enable_push(false);
        let certificate_ends = stream.certificate_ends();
        let (sender, connection) = builder.handshake(stream).await.map_err(|error| Fault::connecting(&error))?;
        let state = Arc::new(State {
            streams: AtomicUsize::new(0),
            free_since_ms: AtomicUsize::new(0),
            retired: AtomicBool::new(false),
            frozen: AtomicBool::new(false),
            born: Instant::now(),
            certificate_ends,
        });
        tokio::spawn(drive(connection, Arc::clone(&state), timing));
        Ok(Self { sender, state })
    }

    /// Whether further requests may be sent on it.
    pub(super) fn is_open(&self) -> bool {
        let ready = poll_now(&mut self.sender.clone());
        !self.state.retired.load(Ordering::Relaxed) && ready
    }

    /// A stream, unless the target takes no more at a time.
    pub(super) fn stream(&self) -> Option<Stream> {
        // A target that takes none at all gets one, which waits.
        let limit = self.sender.current_max_send_streams().max(1);
        let taken = self
            .state
            .streams
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |streams| (streams < limit).then_some(streams + 1));
        taken.is_ok().then(|| Stream { connection: self.clone(), well: false })
    }

    /// How long it has not been in use.
    pub(super) fn idle(&self, now: Instant) -> Duration {
        if self.state.streams.load(Ordering::Relaxed) > 0 {
            return Duration::ZERO;
        }
        let since = Duration::from_millis(self.state.free_since_ms.load(Ordering::Relaxed) as u64);
        now.saturating_duration_since(self.state.born + since)
    }

    /// When it was made.
    pub(super) fn born(&self) -> Instant {
        self.state.born
    }
}

impl Stream {
    /// When the target's certificate ends; none without one.
    pub(super) fn certificate_ends(&self) -> Option<Time> {
        self.connection.state.certificate_ends
    }

    /// Sends a request and waits for the head of the answer.
    pub(super) async fn send(&mut self, request: Request<()>, body: Bytes) -> Result<Response<RecvStream>, Failure> {
        let mut sender = self.connection.sender.clone();
        poll_fn(|cx| sender.poll_ready(cx)).await.map_err(|error| self.failure(&error, Reach::Unsent))?;
        let (mut answer, mut outgoing) =
            sender.send_request(request, body.is_empty()).map_err(|error| self.failure(&error, Reach::Unsent))?;
        if !body.is_empty() {
            // It waits in h2 until the target lets it come. If there is no stream any more, its error tells.
            let _ = outgoing.send_data(body, true);
        }
        let mut interim = 0;
        let head = poll_fn(|cx| {
            while let Poll::Ready(Some(Ok(_))) = answer.poll_informational(cx) {
                interim += 1;
                if interim > MAX_INTERIM {
                    return Poll::Ready(None);
                }
            }
            std::pin::Pin::new(&mut answer).poll(cx).map(Some)
        });
        match head.await {
            Some(Ok(head)) => Ok(head),
            Some(Err(error)) => Err(self.failure(&error, reach(&error))),
            None => Err(Failure { fault: Fault::interim_answers(), reach: Reach::Unknown }),
        }
    }

    /// What an error of this stream means.
    pub(super) fn fault(&mut self, error: &h2::Error) -> Fault {
        // A target that ends one stream is there, and serves the others.
        self.well = error.is_reset() && error.is_remote() && error.reason() != Some(Reason::REFUSED_STREAM);
        if self.connection.state.frozen.load(Ordering::Relaxed) {
            return Fault::new(Outcome::Timeout, "the connection froze: the target's machine did not respond");
        }
        Fault::sending(error)
    }

    fn failure(&mut self, error: &h2::Error, reach: Reach) -> Failure {
        Failure { fault: self.fault(error), reach }
    }

    /// The answer has come.
    pub(super) fn went_well(mut self) {
        self.well = true;
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let state = &self.connection.state;
        if !self.well {
            state.retired.store(true, Ordering::Relaxed);
        }
        let age = state.born.elapsed().as_millis();
        state.free_since_ms.store(usize::try_from(age).unwrap_or(usize::MAX), Ordering::Relaxed);
        state.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How far a request came, by the error of its stream. That of a GOAWAY is given to streams above its last one only;
/// those below it, if the connection then ends without their answers, get the error of its end.
fn reach(error: &h2::Error) -> Reach {
    let refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    if error.is_remote() && (error.is_go_away() || refused) { Reach::Refused } else { Reach::Unknown }
}

/// Whether a request could be sent now.
fn poll_now(sender: &mut SendRequest<Bytes>) -> bool {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    matches!(sender.poll_ready(&mut context), Poll::Ready(Ok(())))
}

/// Moves a connection's bytes until it ends, and gives it up if the other side is not there any more.
async fn drive(mut connection: Connection<Counted, Bytes>, state: Arc<State>, timing: Timing) {
    let mut pinging = connection.ping_pong();
    let frozen = async {
        loop {
            tokio::time::sleep(timing.ping_every).await;
            // Nobody else knows it any more. It should have closed, unless its target doesn't let it.
            if Arc::strong_count(&state) == 1 {
                return;
            }
            let Some(pinging) = pinging.as_mut().filter(|_| state.streams.load(Ordering::Relaxed) > 0) else {
                continue;
            };
            if tokio::time::timeout(timing.ping_patience, pinging.ping(Ping::opaque())).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        end = &mut connection => {
            if let Err(error) = end {
                tracing::debug!(%error, "an HTTP/2 connection ended");
            }
        }
        () = frozen => state.frozen.store(true, Ordering::Relaxed),
    }
    state.retired.store(true, Ordering::Relaxed);
}
