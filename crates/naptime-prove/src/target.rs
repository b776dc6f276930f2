//! The server that is called, and its log: which endpoint, for which occurrence, from when to when.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{io, thread};

use axum::Router;
use axum::extract::{Request, State};
use axum::serve::ListenerExt;
use naptime_core::Time;
use tokio::net::TcpSocket;
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::error::{Error, Result};

/// Waiting connections: a burst may open hundreds at the same instant.
const BACKLOG: u32 = 4096;

/// One call, as the target saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Which endpoint: its place in the list of jobs.
    pub endpoint: usize,
    /// `Naptime-Due`.
    pub due: Time,
    /// When the headers were there, in microseconds since 1970.
    pub at_us: i64,
    /// The same when the answer was sent or the caller was gone; none while the call lasts.
    pub ended_us: Option<i64>,
}

/// A server on a free port of 127.0.0.1, on a thread of its own. It answers `ok` to everything, and notes each call that
/// names its endpoint (`/e/7`) and its occurrence (`Naptime-Due`), whoever makes it.
pub struct Target {
    port: u16,
    log: Log,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Target {
    /// Starts it; each answer takes `delay`, and times are by `clock`.
    ///
    /// # Errors
    /// If this machine has no thread or no port for it.
    pub fn start(delay: Duration, clock: Clock) -> Result<Self> {
        let log = Log::default();
        let (stop, stopped) = oneshot::channel();
        let (tell_port, port) = mpsc::channel();
        let app = Router::new().fallback(answer).with_state(Called { log: log.clone(), delay, clock });
        let serving = move || {
            if let Err(error) = serve(app, &tell_port, stopped) {
                // Only the first to be told listens; later nothing can fail but the one connection.
                let _ = tell_port.send(Err(error));
            }
        };
        let thread = thread::Builder::new().name("target".to_owned()).spawn(serving);
        let cannot = "cannot start a server on 127.0.0.1 to be called";
        let thread = thread.map_err(Error::machine(cannot))?;
        let port = port.recv().unwrap_or_else(|_| Err(io::ErrorKind::Other.into())).map_err(Error::machine(cannot))?;
        Ok(Self { port, log, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens, such as `http://127.0.0.1:12345`.
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The address of an endpoint.
    pub fn url(&self, endpoint: usize) -> String {
        format!("{}/e/{endpoint}", self.origin())
    }

    /// How many calls came so far.
    pub fn count(&self) -> usize {
        self.log.lock().arrivals.len()
    }

    /// The calls so far but for the first `known`, in the order of their arrival.
    pub fn since(&self, known: usize) -> Vec<Arrival> {
        self.log.lock().arrivals.get(known..).unwrap_or_default().to_vec()
    }

    /// The calls so far, in the order of their arrival. They are forgotten here, and of those under way the end is not
    /// told.
    pub(crate) fn take(&self) -> Vec<Arrival> {
        let mut entries = self.log.lock();
        entries.taken += entries.arrivals.len();
        std::mem::take(&mut entries.arrivals)
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

#[derive(Clone)]
struct Called {
    log: Log,
    delay: Duration,
    clock: Clock,
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    arrivals: Vec<Arrival>,
    /// How many have been taken before these.
    taken: usize,
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call under way. It ends when this goes: with the answer, or when the caller is gone.
struct UnderWay {
    log: Log,
    clock: Clock,
    place: usize,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut entries = self.log.lock();
        let place = self.place.checked_sub(entries.taken);
        if let Some(arrival) = place.and_then(|place| entries.arrivals.get_mut(place)) {
            arrival.ended_us = Some(self.clock.now_us());
        }
    }
}

async fn answer(State(Called { log, delay, clock }): State<Called>, request: Request) -> &'static str {
    let at_us = clock.now_us();
    let endpoint = request.uri().path().strip_prefix("/e/").and_then(|number| number.parse().ok());
    let due = request.headers().get("naptime-due").and_then(|due| due.to_str().ok()?.parse::<Time>().ok());
    // Whoever else asks is answered and not counted.
    let (Some(endpoint), Some(due)) = (endpoint, due) else { return "ok" };
    let place = {
        let mut entries = log.lock();
        let ended_us = delay.is_zero().then_some(at_us);
        entries.arrivals.push(Arrival { endpoint, due, at_us, ended_us });
        entries.taken + entries.arrivals.len() - 1
    };
    if !delay.is_zero() {
        let _under_way = UnderWay { log, clock, place };
        tokio::time::sleep(delay).await;
    }
    "ok"
}

fn serve(app: Router, tell_port: &mpsc::Sender<io::Result<u16>>, stopped: oneshot::Receiver<()>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let listener = socket.listen(BACKLOG)?;
        // Whoever is to be told waits for it.
        let _ = tell_port.send(Ok(listener.local_addr()?.port()));
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        tokio::select! {
            served = axum::serve(listener, app) => served,
            _ = stopped => Ok(()),
        }
    })
}
