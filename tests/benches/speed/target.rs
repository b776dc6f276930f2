//! The server that is called, and its log: which endpoint, for which occurrence, when.
//!
//! Lighter than the target of the tests, which keeps whole calls: here are tens of thousands of them, and what the
//! target uses is taken from what it measures.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use axum::Router;
use axum::extract::{Request, State};
use axum::serve::ListenerExt;
use naptime_core::Time;
use tokio::net::TcpSocket;
use tokio::sync::oneshot;

/// Waiting connections: a burst may open hundreds at the same instant.
const BACKLOG: u32 = 4096;

/// One call, as the target saw it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// Which endpoint: its place in the list that [`Target::url`] was asked for.
    pub(crate) endpoint: usize,
    /// `Naptime-Due`, in milliseconds since 1970.
    pub(crate) due_ms: i64,
    /// The wall clock when the headers were there, in microseconds since 1970.
    pub(crate) at_us: i64,
}

impl Arrival {
    /// How much later than due it came, in milliseconds.
    pub(crate) fn lag_ms(&self) -> f64 {
        (self.at_us - self.due_ms * 1000) as f64 / 1000.0
    }
}

type Log = Arc<Mutex<Vec<Arrival>>>;

/// A server on a free port of 127.0.0.1, on a thread of its own. It answers `ok` to everything.
pub(crate) struct Target {
    port: u16,
    log: Log,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Target {
    pub(crate) fn start() -> Result<Self> {
        let log = Log::default();
        let (stop, stopped) = oneshot::channel();
        let (tell_port, port) = mpsc::channel();
        let app = Router::new().fallback(arrival).with_state(log.clone());
        let thread = std::thread::spawn(move || {
            // If it fails, nobody is told the port.
            let _ = serve(app, &tell_port, stopped);
        });
        let port = port.recv().context("the target does not start")?;
        Ok(Self { port, log, stop: Some(stop), thread: Some(thread) })
    }

    /// The address of an endpoint.
    pub(crate) fn url(&self, endpoint: usize) -> String {
        format!("http://127.0.0.1:{}/e/{endpoint}", self.port)
    }

    /// How many calls came so far.
    pub(crate) fn count(&self) -> usize {
        lock(&self.log).len()
    }

    /// The calls so far, in the order of their arrival. They are forgotten here.
    pub(crate) fn take(&self) -> Vec<Arrival> {
        std::mem::take(&mut lock(&self.log))
    }

    /// Waits until `count` calls have come, or for `limit`. Returns whether they have.
    pub(crate) async fn saw(&self, count: usize, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        while self.count() < count && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.count() >= count
    }

    /// Waits for the first call: whoever calls is ready.
    pub(crate) async fn first_call(&self) -> Result<()> {
        if !self.saw(1, Duration::from_secs(30)).await {
            bail!("no call came within 30 s");
        }
        Ok(())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn arrival(State(log): State<Log>, request: Request) -> &'static str {
    let at_us = now_us();
    let endpoint = request.uri().path().strip_prefix("/e/").and_then(|number| number.parse().ok());
    let due = request.headers().get("naptime-due").and_then(|due| due.to_str().ok()?.parse::<Time>().ok());
    // Others, such as a health check, are not counted.
    if let (Some(endpoint), Some(due)) = (endpoint, due) {
        lock(&log).push(Arrival { endpoint, due_ms: due.millis(), at_us });
    }
    "ok"
}

/// The wall clock in microseconds since 1970. The database's is the same, as it runs on this machine.
pub(crate) fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn serve(app: Router, tell_port: &mpsc::Sender<u16>, stopped: oneshot::Receiver<()>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let listener = socket.listen(BACKLOG)?;
        tell_port.send(listener.local_addr()?.port())?;
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        tokio::select! {
            served = axum::serve(listener, app) => served?,
            _ = stopped => {}
        }
        Ok(())
    })
}

fn lock(log: &Log) -> MutexGuard<'_, Vec<Arrival>> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}
