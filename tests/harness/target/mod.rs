//! A server to be called: it records each call and answers as it is told.

mod answer;
mod call;
mod misbehaving;

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::serve::ListenerExt;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{oneshot, watch};

pub use answer::{Answer, Signal};
pub use call::Call;
pub use misbehaving::Misbehaving;

/// Waiting connections: many workers may call at the same instant.
const BACKLOG: u32 = 4096;

/// A server on a free port of 127.0.0.1. It answers 200 and `ok` to every path that has no other answer set.
///
/// It runs on a thread of its own, so that its times don't depend on what the test is doing.
#[derive(Debug)]
pub struct Target {
    port: u16,
    state: Shared,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Inner {
    answers: Mutex<HashMap<String, Answer>>,
    calls: watch::Sender<Vec<Call>>,
}

type Shared = Arc<Inner>;

impl Target {
    /// Starts it.
    pub async fn start() -> Self {
        let state = Arc::new(Inner { answers: Mutex::default(), calls: watch::Sender::default() });
        let (stop, stopped) = oneshot::channel();
        let (tell_port, port) = mpsc::channel();
        let shared = state.clone();
        let thread = std::thread::spawn(move || serve(shared, &tell_port, stopped));
        Self { port: port.recv().unwrap(), state, stop: Some(stop), thread: Some(thread) }
    }

    /// The address of `path`, such as `http://127.0.0.1:40000/ok`.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// From now on, `path` is answered like this. The query of a call doesn't matter.
    pub fn on(&self, path: &str, answer: Answer) {
        let mut answers = self.state.answers.lock().unwrap();
        answers.insert(path.to_owned(), answer);
    }

    /// The calls of `path` so far, in the order in which they came. The query doesn't matter.
    pub fn calls(&self, path: &str) -> Vec<Call> {
        let calls = self.state.calls.borrow();
        calls.iter().filter(|it| it.path() == path).cloned().collect()
    }

    /// All calls so far.
    pub fn all_calls(&self) -> Vec<Call> {
        self.state.calls.borrow().clone()
    }

    /// How many calls came so far.
    pub fn count(&self) -> usize {
        self.state.calls.borrow().len()
    }

    /// Forgets the calls so far. Calls under way keep their answer, but their end is not recorded.
    pub fn forget(&self) {
        self.state.calls.send_modify(Vec::clear);
    }

    /// Waits until the calls so far (of all paths) are as `wanted`; asked at each arrival and each end of a call.
    /// Panics with `what` after `timeout`.
    pub async fn wait_for(&self, timeout: Duration, what: &str, mut wanted: impl FnMut(&[Call]) -> bool) {
        let mut calls = self.state.calls.subscribe();
        let done = tokio::time::timeout(timeout, calls.wait_for(|it| wanted(it))).await;
        if done.is_err() {
            panic!("not within {timeout:?}: {what}; {} calls came", self.count());
        }
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

fn serve(state: Shared, tell_port: &mpsc::Sender<u16>, stopped: oneshot::Receiver<()>) {
    let app = Router::new().fallback(arrival).with_state(state);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = listen();
        tell_port.send(listener.local_addr().unwrap().port()).unwrap();
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        tokio::select! {
            _ = axum::serve(listener, app) => {}
            _ = stopped => {}
        }
    });
}

fn listen() -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    socket.listen(BACKLOG).unwrap()
}

async fn arrival(State(state): State<Shared>, request: Request<Body>) -> Response {
    let path = request.uri().path().to_owned();
    let answer = state.answers.lock().unwrap().get(&path).cloned();
    let ending = call::record(&state.calls, request).await;
    answer.unwrap_or_else(Answer::ok).give(ending).await
}

#[cfg(test)]
mod tests;
