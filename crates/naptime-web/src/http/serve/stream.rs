//! A connection's stream that does not wait for ever for its peer to take what it is sent. hyper knows no such limit.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep, timeout};

use super::progress::Progress;

/// How long a peer that still sends is listened to after the last answer. If it were cut off at once, its next write
/// would fail, and many clients would tell of that in place of the answer. No number of bytes is enough for that: how
/// many are under way when a client gets to read is for its system to say.
const LINGER: Duration = Duration::from_secs(2);

/// A stream whose writes fail if the peer takes nothing for some time.
pub(super) struct TimedStream {
    stream: TcpStream,
    /// How long the peer may take nothing.
    write: Duration,
    /// Runs while the peer takes nothing.
    blocked: Option<Pin<Box<Sleep>>>,
    progress: Arc<Progress>,
}

impl TimedStream {
    pub(super) fn new(stream: TcpStream, write: Duration, progress: Arc<Progress>) -> Self {
        Self { stream, write, blocked: None, progress }
    }

    /// Listens on for a moment, to no purpose but that the peer gets to read what it was sent.
    pub(super) async fn linger(&mut self) {
        let mut buffer = vec![0; 8 * 1024];
        let read = async { while let Ok(1..) = self.stream.read(&mut buffer).await {} };
        // A peer that goes on for longer has had the time to hear.
        let _ = timeout(LINGER, read).await;
    }

    /// Lets the time run while nothing can be written.
    fn timed<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            if self.blocked.take().is_some() {
                self.progress.write_blocked(false);
            }
            return written;
        }
        let write = self.write;
        let blocked = self.blocked.get_or_insert_with(|| {
            self.progress.write_blocked(true);
            Box::pin(sleep(write))
        });
        blocked.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Drop for TimedStream {
    fn drop(&mut self) {
        if self.blocked.is_some() {
            // The system would otherwise keep what the peer does not take, and try for minutes to get rid of it.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for TimedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.timed(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.timed(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
