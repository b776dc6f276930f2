//! A socket that counts what goes through it, above TLS.
//!
//! The counts tell what an HTTP library does not: whether a byte of an answer has come, how much of a request was
//! written, and whether more came than an answer's head may take.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use naptime_core::Time;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::tls;

/// A connection to a target's machine, plain or encrypted.
pub(super) enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A socket, counted.
pub(super) struct Counted {
    socket: Socket,
    counts: Arc<Counts>,
    certificate_ends: Option<Time>,
}

/// What went through a socket so far, in bytes.
#[derive(Debug)]
pub(super) struct Counts {
    read: AtomicU64,
    written: AtomicU64,
    /// More than this is not read.
    limit: AtomicU64,
}

/// The target sends and sends, and none of it is an answer.
#[derive(Debug, thiserror::Error)]
#[error("interim answers without end")]
pub(super) struct TooMuch;

impl Counted {
    pub(super) fn new(socket: Socket) -> Self {
        let counts = Counts { read: AtomicU64::new(0), written: AtomicU64::new(0), limit: AtomicU64::new(u64::MAX) };
        let certificate_ends = match &socket {
            Socket::Plain(_) => None,
            Socket::Tls(stream) => stream.get_ref().1.peer_certificates().and_then(|chain| tls::ends(chain.first()?)),
        };
        Self { socket, counts: Arc::new(counts), certificate_ends }
    }

    /// When the target's certificate ends; none without one.
    pub(super) fn certificate_ends(&self) -> Option<Time> {
        self.certificate_ends
    }

    pub(super) fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }
}

impl Counts {
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Lets this many bytes come from now on. None: any number.
    pub(super) fn allow(&self, bytes: Option<u64>) {
        let limit = bytes.map_or(u64::MAX, |bytes| self.read() + bytes);
        self.limit.store(limit, Ordering::Relaxed);
    }
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(match &mut self.socket {
            Socket::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Socket::Tls(socket) => Pin::new(socket).poll_read(cx, buf),
        })?;
        let new = (buf.filled().len() - before) as u64;
        let read = self.counts.read.fetch_add(new, Ordering::Relaxed) + new;
        if read > self.counts.limit.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::Error::other(TooMuch)));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(match &mut self.socket {
            Socket::Plain(socket) => Pin::new(socket).poll_write(cx, buf),
            Socket::Tls(socket) => Pin::new(socket).poll_write(cx, buf),
        })?;
        self.counts.written.fetch_add(written as u64, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(match &mut self.socket {
            Socket::Plain(socket) => Pin::new(socket).poll_write_vectored(cx, bufs),
            Socket::Tls(socket) => Pin::new(socket).poll_write_vectored(cx, bufs),
        })?;
        self.counts.written.fetch_add(written as u64, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.socket {
            Socket::Plain(socket) => socket.is_write_vectored(),
            Socket::Tls(socket) => socket.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Socket::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Socket::Tls(socket) => Pin::new(socket).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Socket::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Socket::Tls(socket) => Pin::new(socket).poll_shutdown(cx),
        }
    }
}
