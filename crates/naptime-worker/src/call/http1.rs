//! HTTP/1.1: one request at a time on a connection.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use naptime_core::Time;

use super::connection::Failure;
use super::fault::Fault;
use super::resend::Reach;
use super::stream::{Counted, Counts};

/// The longest head of an answer, and what is buffered of its body.
const BUFFER: usize = 64 * 1024;
/// The most lines of a head. hyper takes 100 unless told; browsers and proxies take more.
const MAX_HEADERS: usize = 1000;
/// How much may come before the head of an answer is whole: the head itself, and interim answers (1xx). The rest of
/// the buffer may hold the beginning of the body.
const BEFORE_ANSWER: u64 = 8 * BUFFER as u64;

/// A connection that speaks HTTP/1.1. To drop it closes it.
pub(super) struct Http1 {
    sender: SendRequest<Full<Bytes>>,
    counts: Arc<Counts>,
    certificate_ends: Option<Time>,
    used: bool,
}

impl Http1 {
    pub(super) async fn start(stream: Counted) -> Result<Self, Fault> {
        let (counts, certificate_ends) = (stream.counts(), stream.certificate_ends());
        let mut builder = Builder::new();
        // As other clients do: a blank before the colon, and values that go on in the next line.
        builder.allow_spaces_after_header_name_in_responses(true).allow_obsolete_multiline_headers_in_responses(true);
        builder.max_headers(MAX_HEADERS).max_buf_size(BUFFER);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(|e| Fault::sending(&e))?;
        // How it ends is told to the request that is then on its way.
        tokio::spawn(async move { connection.await.ok() });
        Ok(Self { sender, counts, certificate_ends, used: false })
    }

    /// When the target's certificate ends; none without one.
    pub(super) fn certificate_ends(&self) -> Option<Time> {
        self.certificate_ends
    }

    /// Whether it is still open, as far as is known.
    pub(super) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Whether a request can be sent now.
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// Sends a request and waits for the head of the answer.
    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failure> {
        let body = hyper::body::Body::size_hint(request.body()).lower();
        let (read, written) = (self.counts.read(), self.counts.written());
        let used = std::mem::replace(&mut self.used, true);
        self.counts.allow(Some(BEFORE_ANSWER));
        match self.sender.try_send_request(request).await {
            Ok(response) => {
                self.counts.allow(None);
                Ok(response)
            }
            Err(mut error) => {
                let unsent = error.take_message().is_some();
                let unanswered = self.counts.read() == read && is_closed(error.error());
                let written = self.counts.written() - written;
                // A new connection that fails is the target's doing; the next one would fare no better.
                let reach = match () {
                    () if !used => Reach::Unknown,
                    () if unsent => Reach::Unsent,
                    () if unanswered => Reach::Unanswered { whole: written > body },
                    () => Reach::Unknown,
                };
                Err(Failure { fault: Fault::sending(error.error()), reach })
            }
        }
    }
}

/// Whether the connection was closed, in whatever manner, and not by us.
fn is_closed(error: &hyper::Error) -> bool {
    use std::error::Error;
    let by_io = error.source().and_then(|cause| cause.downcast_ref::<std::io::Error>()).is_some_and(|error| {
        use std::io::ErrorKind as Kind;
        matches!(
            error.kind(),
            Kind::ConnectionReset
                | Kind::ConnectionAborted
                | Kind::BrokenPipe
                | Kind::NotConnected
                | Kind::UnexpectedEof
        )
    });
    error.is_incomplete_message() || by_io
}
