//! What a web answers while it waits for its database: that it is alive, and not ready.
//!
//! A platform ends a process that does not listen in its first minute. There is no router yet, since it needs the
//! store, so one answer is written whatever is asked for.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// The most connections answered at the same time; others wait in the queue of the system.
const MAX_CONNECTIONS: usize = 64;
/// The longest that one connection may take.
const LIMIT: Duration = Duration::from_secs(5);
/// The pause after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(200);
/// The most bytes of a head that are read.
const MAX_HEAD_BYTES: usize = 8 * 1024;

const ALIVE: (&str, &str) = ("200 OK", "ok");
const NOT_READY: (&str, &str) = ("503 Service Unavailable", "Naptime is waiting for its database. Please try again.\n");

/// Answers on a listener until it is dropped. The listener goes on.
pub(crate) struct HoldingPage(JoinHandle<()>);

impl HoldingPage {
    /// Answers what comes in on `listener`; none if the system allows no second handle on it.
    pub(crate) fn serve(listener: &TcpListener) -> Option<Self> {
        let handle = listener.as_fd().try_clone_to_owned().and_then(|fd| TcpListener::from_std(fd.into()));
        let listener = handle.inspect_err(|error| tracing::warn!(%error, "nothing is answered meanwhile")).ok()?;
        Some(Self(tokio::spawn(accept(listener))))
    }
}

impl Drop for HoldingPage {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn accept(listener: TcpListener) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // Nobody closes the semaphore.
    while let Ok(place) = places.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(async move {
                    // A peer that is slow or gone gets no answer.
                    let _ = timeout(LIMIT, answer(stream)).await;
                    drop(place);
                });
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    while head.len() < MAX_HEAD_BYTES && !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let (status, body) = if head.starts_with(b"GET /healthz ") { ALIVE } else { NOT_READY };
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\nRetry-After: 5\r\n\
         Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
