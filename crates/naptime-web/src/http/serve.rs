//! Connections: how many, how long each of their phases may take, and how they end.
//!
//! The worker may run in the same process and needs file descriptors for its calls, so neither many connections nor
//! those that send or take nothing may keep them all. `axum::serve` knows no such bounds, and hyper those for heads only.

mod connections;
mod exchange;
mod progress;
mod stream;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::net::sockopt::set_socket_send_buffer_size;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use connections::{Connections, Place};
use stream::TimedStream;

/// What connections are held to. The time for a body is where bodies are read.
#[derive(Clone, Copy)]
struct Limits {
    /// The most connections open at a time, the spare ones included.
    connections: usize,
    /// How many of them are kept for questions after the health of the process, and for connections being closed.
    spare: usize,
    /// How long the head of a request may take to arrive, and so how long a connection may be idle between two.
    head: Duration,
    /// How long the first request of a connection may take to arrive once the server is to stop.
    first: Duration,
    /// How long a peer may take nothing of what it is sent.
    write: Duration,
    /// How long a connection is used for further requests.
    life: Duration,
}

/// Cancelled once the connection of a request is not to be used further. An answer without an end has to end then.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ending(pub(crate) CancellationToken);

/// The most connections open at a time.
pub const MAX_CONNECTIONS: usize = 512;

const LIMITS: Limits = Limits {
    connections: MAX_CONNECTIONS,
    spare: 64,
    head: Duration::from_secs(10),
    first: Duration::from_millis(500),
    write: Duration::from_secs(15),
    life: Duration::from_secs(300),
};
/// How long the request under way may take once its connection is not to be used further.
const LAST_REQUEST: Duration = Duration::from_secs(60);
/// How long open requests may take to end once the server is to stop.
const DRAIN: Duration = Duration::from_secs(10);
/// The time until the next attempt if no connection can be accepted.
const PAUSE: Duration = Duration::from_millis(200);
/// The most bytes that a connection holds of what it reads or writes, and the longest head.
const BUFFER_BYTES: usize = 32 * 1024;
/// The most bytes that the system holds of what a peer has not taken yet, which it may double. By itself it goes to
/// megabytes for each connection, all made for nothing where the peer never reads.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// Answers requests that come in on `listener` until `shutdown` ends; then those under way get up to 10 s. If a
/// connection cannot be accepted, that is logged and tried again.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) {
    serve_within(LIMITS, listener, router, shutdown).await;
}

async fn serve_within(limits: Limits, listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) {
    let (open, stop) = (TaskTracker::new(), CancellationToken::new());
    tokio::select! {
        () = accept(limits, listener, router, &open, &stop) => {}
        () = shutdown => {}
    }
    stop.cancel();
    open.close();
    // Requests that take longer are ended by the end of the process.
    let _ = timeout(DRAIN, open.wait()).await;
}

/// Accepts connections, each handled in a task of its own.
async fn accept(limits: Limits, listener: TcpListener, router: Router, open: &TaskTracker, stop: &CancellationToken) {
    let router = TowerToHyperService::new(router);
    // Half of the spare ones are for connections that make room for others and are not closed yet.
    let connections = Arc::new(Connections::new(limits.connections - limits.spare, limits.spare / 2));
    let descriptors = Arc::new(Semaphore::new(limits.connections));
    let mut failing = false;
    // Nobody closes the semaphore.
    while let Ok(descriptor) = descriptors.clone().acquire_owned().await {
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
                connections.make_room();
                sleep(PAUSE).await;
                continue;
            }
        };
        failing = false;
        let Some(place) = connections.enter(peer.ip()) else { continue };
        let (router, stop) = (router.clone(), stop.clone());
        open.spawn(async move {
            let progress = place.progress.clone();
            tokio::select! {
                () = progress.evicted() => {}
                () = connection(limits, stream, peer, router, &place, &stop) => {}
            }
            drop((place, descriptor));
        });
    }
}

async fn connection(
    limits: Limits,
    stream: TcpStream,
    peer: SocketAddr,
    router: TowerToHyperService<Router>,
    place: &Place,
    stop: &CancellationToken,
) {
    // If these fail, answers are only slower, or dearer.
    let _ = stream.set_nodelay(true);
    let _ = set_socket_send_buffer_size(&stream, SEND_BUFFER_BYTES);
    let mut stream = TimedStream::new(stream, limits.write, place.progress.clone());
    let ending = Ending::default();
    let service = service_fn(|request: Request<Incoming>| {
        exchange::answer(router.clone(), peer, place.progress.clone(), place.health_only, ending.clone(), request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head);
    http.max_buf_size(BUFFER_BYTES).max_header_size(BUFFER_BYTES);
    let ended = {
        let mut served = pin!(http.serve_connection(TokioIo::new(&mut stream), service));
        tokio::select! {
            ended = served.as_mut() => Some(ended),
            () = async { tokio::select! { () = stop.cancelled() => {} () = sleep(limits.life) => {} } } => {
                ending.0.cancel();
                // hyper closes a connection that nothing has come on yet, and a request may be on its way.
                let first = if place.progress.is_used() { Duration::ZERO } else { limits.first };
                match timeout(first, served.as_mut()).await {
                    Ok(ended) => Some(ended),
                    Err(_) => {
                        served.as_mut().graceful_shutdown();
                        timeout(LAST_REQUEST, served).await.ok()
                    }
                }
            }
        }
    };
    let unheard = match &ended {
        Some(Ok(())) => place.progress.body_left(),
        Some(Err(error)) => error.is_parse(),
        None => false,
    };
    if unheard {
        stream.linger().await;
    }
    if let Some(Err(error)) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::body::Bytes;
    use axum::extract::ConnectInfo;
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpSocket;
    use tokio::sync::{Notify, oneshot};
    use tokio::task::JoinHandle;
    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_secs(60);

    /// A time within which nothing happens that is not asked for.
    const SHORT: Duration = Duration::from_millis(50);

    /// More than the system takes for a peer that reads nothing.
    const LARGE: usize = 16 << 20;

    /// Ends the work of all who ask for `/work`.
    static DONE: Notify = Notify::const_new();
    /// The requests for `/work` under way.
    static AT_WORK: AtomicUsize = AtomicUsize::new(0);

    async fn work() -> &'static str {
        let done = DONE.notified();
        AT_WORK.fetch_add(1, Ordering::SeqCst);
        done.await;
        "done"
    }

    /// The pages that were made.
    static PAGES: AtomicUsize = AtomicUsize::new(0);
    const PAGE_BYTES: usize = 16 * 1024;

    async fn page() -> String {
        PAGES.fetch_add(1, Ordering::SeqCst);
        "x".repeat(PAGE_BYTES)
    }

    async fn start(limits: Limits) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| format!("you are {peer}")))
            .route("/healthz", get(async || "ok"))
            .route("/large", get(async || "x".repeat(LARGE)))
            .route("/page", get(page))
            .route("/read", post(async |body: Bytes| body.len().to_string()))
            .route("/unread", post(async || "not read"))
            .route("/work", get(work));
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
        timeout(SOON, stream.read_to_string(&mut received))
            .await
            .unwrap_or_else(|_| panic!("still open after {received:?}"))
            .unwrap();
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
    async fn an_idle_connection_does_not_delay_the_end() {
        let (address, stop, serving) = start(LIMITS).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
        stop.send(()).unwrap();
        timeout(SOON, serving).await.expect("still serving").unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn a_first_request_that_is_on_its_way_is_answered() {
        let (address, stop, _serving) = start(Limits { first: SOON, ..LIMITS }).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        // Connections are accepted in the order in which they come.
        let mut later = TcpStream::connect(address).await.unwrap();
        assert!(exchange(&mut later, &last("/")).await.contains("you are"));
        stop.send(()).unwrap();
        while TcpStream::connect(address).await.is_ok() {}
        assert!(exchange(&mut stream, &last("/")).await.contains("you are"));
    }

    const ASK: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

    fn last(path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    }

    /// A connection to `address` from this address of this machine.
    async fn connect_from(ip: [u8; 4], address: SocketAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((ip, 0))).unwrap();
        socket.connect(address).await.unwrap()
    }

    /// Whether the server has closed the connection, within a time that is long enough for it.
    async fn is_closed(stream: &mut TcpStream, within: Duration) -> bool {
        matches!(timeout(within, stream.read(&mut [0; 1024])).await, Ok(Ok(0) | Err(_)))
    }

    #[tokio::test]
    async fn who_takes_nothing_is_hung_up_on() {
        let (address, _stop, _serving) = start(Limits { write: SHORT, ..LIMITS }).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(last("/large").as_bytes()).await.unwrap();
        // Its time runs while nothing is read; only then it is looked at what came.
        let mut closed = false;
        for _ in 0..200 {
            tokio::time::sleep(SHORT).await;
            closed = stream.write_all(b" ").await.is_err();
            if closed {
                break;
            }
        }
        assert!(closed, "still open");
    }

    #[tokio::test]
    async fn little_is_made_for_who_takes_nothing() {
        let (address, _stop, _serving) = start(Limits { write: SHORT, ..LIMITS }).await;
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        let ask = ASK.replace("/ ", "/page ").repeat(100);
        let asked = async { while stream.write_all(ask.as_bytes()).await.is_ok() {} };
        timeout(SOON, asked).await.expect("still open");
        let made = PAGES.load(Ordering::SeqCst) * PAGE_BYTES;
        assert!((1..=512 * 1024).contains(&made), "{made} bytes");
    }

    #[tokio::test]
    async fn a_slow_reader_gets_all_of_it() {
        let (address, _stop, _serving) = start(Limits { write: SOON, head: SHORT, ..LIMITS }).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let (mut received, mut buffer) = (0, vec![0; 1 << 20]);
        while let Ok(read @ 1..) = timeout(SOON, stream.read(&mut buffer)).await.expect("stuck") {
            received += read;
            tokio::time::sleep(SHORT / 5).await;
        }
        assert!(received > LARGE, "{received}");
    }

    #[tokio::test]
    async fn a_new_connection_takes_the_place_of_the_one_that_waits_longest() {
        let (address, _stop, _serving) = start(Limits { connections: 4, spare: 2, ..LIMITS }).await;
        let mut other = connect_from([127, 0, 0, 2], address).await;
        // It has been let in once it is answered.
        other.write_all(ASK.as_bytes()).await.unwrap();
        assert!(other.read(&mut [0; 1024]).await.unwrap() > 0);
        let mut silent = TcpStream::connect(address).await.unwrap();
        silent.write_all(b"GET / HT").await.unwrap();
        for _ in 0..10 {
            // Each takes the place of the one before, and not that of the other network.
            let mut new = TcpStream::connect(address).await.unwrap();
            new.write_all(ASK.as_bytes()).await.unwrap();
            assert!(timeout(SOON, new.read(&mut [0; 1024])).await.expect("not let in").unwrap() > 0);
            assert!(is_closed(&mut silent, SOON).await);
            silent = new;
        }
        let received = exchange(&mut other, &last("/")).await;
        assert!(received.starts_with("HTTP/1.1 200"), "{received}");
    }

    #[tokio::test]
    async fn health_is_told_while_handlers_are_at_work_for_all() {
        let (address, _stop, _serving) = start(Limits { connections: 8, spare: 4, ..LIMITS }).await;
        let mut at_work = Vec::new();
        for count in 1..=4 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(last("/work").as_bytes()).await.unwrap();
            at_work.push(stream);
            while AT_WORK.load(Ordering::SeqCst) < count {
                tokio::task::yield_now().await;
            }
        }
        for _ in 0..10 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let received = exchange(&mut stream, &last("/healthz")).await;
            assert!(received.starts_with("HTTP/1.1 200"), "{received}");
            let mut stream = TcpStream::connect(address).await.unwrap();
            let received = exchange(&mut stream, ASK).await;
            assert!(received.starts_with("HTTP/1.1 503") && received.contains("retry-after: 5"), "{received}");
            assert!(received.contains("connection: close"), "{received}");
        }
        DONE.notify_waiters();
        for mut stream in at_work {
            let received = exchange(&mut stream, "").await;
            assert!(received.ends_with("done"), "{received}");
        }
    }

    #[tokio::test]
    async fn a_connection_does_not_live_for_ever() {
        let (address, _stop, _serving) = start(Limits { life: SHORT, ..LIMITS }).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let begun = tokio::time::Instant::now();
        // It asks on and on.
        while stream.write_all(ASK.as_bytes()).await.is_ok() {
            assert!(begun.elapsed() < SOON, "still open");
            match timeout(SOON, stream.read(&mut [0; 1024])).await.expect("not answered") {
                Ok(1..) => {}
                _ => break,
            }
        }
    }

    #[tokio::test]
    async fn answers_to_a_body_that_nobody_read_close_and_are_heard() {
        let (address, _stop, _serving) = start(LIMITS).await;
        let post =
            |path: &str, length: usize| format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(post("/unread", 16 << 20).as_bytes()).await.unwrap();
        // A reset would make one of these writes fail, or the answer unreadable.
        for _ in 0..16 {
            stream.write_all(&[b'x'; 1 << 20]).await.unwrap();
        }
        let received = exchange(&mut stream, "").await;
        assert!(received.contains("connection: close\r\n") && received.ends_with("not read"), "{received}");
        // One that was read, or is empty, does not.
        let mut stream = TcpStream::connect(address).await.unwrap();
        let sent = format!("{}hello{}{}", post("/read", 5), post("/unread", 0), post("/unread", 1));
        let received = exchange(&mut stream, &sent).await;
        assert_eq!(received.matches("HTTP/1.1 200").count(), 3, "{received}");
        assert_eq!(received.matches("connection: close").count(), 1, "{received}");
    }

    #[tokio::test]
    async fn heads_that_are_too_long_or_name_no_host_are_refused() {
        let (address, _stop, _serving) = start(LIMITS).await;
        let long = format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "x".repeat(BUFFER_BYTES));
        let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: 1\r\n".repeat(200));
        for (sent, status) in [
            (long.as_str(), "431"),
            (many.as_str(), "431"),
            ("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", "400"),
            ("GET / HTTP/1.1\r\n\r\n", "400"),
            ("GET / HTTP/1.0\r\n\r\n", "400"),
            ("GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        ] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let received = exchange(&mut stream, sent).await;
            assert!(
                received.starts_with(&format!("HTTP/1.1 {status}"))
                    || received.starts_with(&format!("HTTP/1.0 {status}")),
                "{sent:.60}: {received}"
            );
            assert!(received.contains("connection: close\r\n"), "{sent:.60}: {received}");
        }
    }
}
