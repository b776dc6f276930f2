//! Connections: how many, how long they may keep still, and how they end.
//!
//! The worker may run in the same process and needs file descriptors for its calls, so neither many connections nor
//! those that send nothing may take them all. `axum::serve` knows no such bounds.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// What connections are held to.
#[derive(Clone, Copy)]
struct Limits {
    /// The most connections open at a time. Further ones wait until one of these ends.
    connections: usize,
    /// How long the head of a request may take to arrive, and so how long a connection may be idle between two.
    head: Duration,
}

/// The most connections open at a time.
pub const MAX_CONNECTIONS: usize = 512;

const LIMITS: Limits = Limits { connections: MAX_CONNECTIONS, head: Duration::from_secs(10) };
/// How long open requests may take to end once the server is to stop.
const DRAIN: Duration = Duration::from_secs(10);
/// The time until the next attempt if no connection can be accepted.
const PAUSE: Duration = Duration::from_millis(200);

/// Answers requests that come in on `listener` until `shutdown` ends; then those under way get up to 10 s. If a
/// connection cannot be accepted, that is logged and tried again.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) {
    serve_within(LIMITS, listener, router, shutdown).await;
}

async fn serve_within(limits: Limits, listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    tokio::select! {
        () = accept(limits, listener, router, &graceful) => {}
        () = shutdown => {}
    }
    // Requests that take longer are ended by the end of the process.
    let _ = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
}

/// Accepts connections, each handled in a task of its own.
async fn accept(limits: Limits, listener: TcpListener, router: Router, graceful: &GracefulShutdown) {
    let permits = Arc::new(Semaphore::new(limits.connections));
    let mut failing = false;
    // Nobody closes the semaphore.
    while let Ok(permit) = permits.clone().acquire_owned().await {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            // The other side has gone already.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            // Mostly, there are no file descriptors left.
            Err(error) => {
                if !failing {
                    tracing::error!(%error, "connections cannot be accepted; trying on");
                }
                failing = true;
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        failing = false;
        let (router, watcher) = (router.clone(), graceful.watcher());
        tokio::spawn(async move {
            connection(limits.head, stream, peer, router, watcher).await;
            drop(permit);
        });
    }
}

async fn connection(head: Duration, stream: TcpStream, peer: SocketAddr, router: Router, watcher: Watcher) {
    // If this fails, answers are only slower.
    let _ = stream.set_nodelay(true);
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        // The address of the other side is what login attempts are counted by.
        request.extensions_mut().insert(ConnectInfo(peer));
        router.call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head);
    if let Err(error) = watcher.watch(http.serve_connection(TokioIo::new(stream), service)).await {
        tracing::debug!(%error, "a connection broke off");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;
    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    /// A time within which nothing happens that is not asked for.
    const SHORT: Duration = Duration::from_millis(50);

    async fn start(limits: Limits) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router =
            Router::new().route("/", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| format!("you are {peer}")));
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(serve_within(limits, listener, router, async {
            let _ = stopped.await;
        }));
        (address, stop, serving)
    }

    /// All that comes back until the server closes the connection.
    async fn exchange(stream: &mut TcpStream, sent: &str) -> String {
        let mut received = String::new();
        stream.write_all(sent.as_bytes()).await.unwrap();
        timeout(SOON, stream.read_to_string(&mut received)).await.expect("still open").unwrap();
        received
    }

    #[tokio::test]
    async fn who_keeps_still_is_hung_up_on() {
        let (address, _stop, _serving) = start(Limits { head: SHORT, ..LIMITS }).await;
        for sent in ["", "GET / HT", "GET / HTTP/1.1\r\nHost: x\r\n"] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let received = exchange(&mut stream, sent).await;
            assert!(!received.contains("you are"), "{sent:?}: {received}");
        }
        // Idle after a request that was answered.
        let mut stream = TcpStream::connect(address).await.unwrap();
        let own = stream.local_addr().unwrap();
        let received = exchange(&mut stream, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(received.starts_with("HTTP/1.1 200") && received.ends_with(&format!("you are {own}")), "{received}");
    }

    #[tokio::test]
    async fn more_connections_than_allowed_wait() {
        let (address, _stop, _serving) = start(Limits { connections: 1, ..LIMITS }).await;
        let first = TcpStream::connect(address).await.unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        second.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        assert!(timeout(SHORT, second.peek(&mut [0])).await.is_err(), "not waited");
        drop(first);
        let received = exchange(&mut second, "").await;
        assert!(received.starts_with("HTTP/1.1 200"), "{received}");
    }

    #[tokio::test]
    async fn an_idle_connection_does_not_delay_the_end() {
        let (address, stop, serving) = start(LIMITS).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
        stop.send(()).unwrap();
        timeout(SOON, serving).await.expect("still serving").unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
