//! What the tests of calls stand on: a target on a socket, a caller, and a process of their own.

use std::future::Future;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use naptime_core::answer::KeepIf;
use naptime_core::{AllowedNetworks, Endpoint, Expect, Headers, Outcome, Request, Statuses, Time, Transport};
use naptime_worker::call::{Answer, Call, CallHeaders, Caller, Timing};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Short, because it is what the tests wait for where a target never answers.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(1);
/// Long enough to never be what ends a call.
pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// A server on 127.0.0.1 that does with each connection what the test says.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// The requests as received, in their order.
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
}

/// A connection that the target accepted.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    /// Its number, from 0.
    pub(crate) number: usize,
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
}

impl Target {
    pub(crate) async fn start<F, E>(serve: F) -> Self
    where
        F: Fn(Connection) -> E + Send + 'static,
        E: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(Connection { stream, number, requests: Arc::clone(&seen) }));
            }
        });
        Self { address, requests }
    }

    /// Answers every request with `answer`, on connections that stay open.
    pub(crate) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer: Arc<[u8]> = answer.into().into();
        Self::start(move |mut connection| {
            let answer = Arc::clone(&answer);
            async move { while connection.read().await && connection.stream.write_all(&answer).await.is_ok() {} }
        })
        .await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Connection {
    /// Reads a request, head and body. False: there is none any more.
    pub(crate) async fn read(&mut self) -> bool {
        match read_request(&mut self.stream).await {
            Some(request) => {
                self.requests.lock().unwrap().push(request);
                true
            }
            None => false,
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        // The client may be gone already, which is what some tests are about.
        let _ = self.stream.write_all(bytes).await;
    }
}

pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(text);
            }
        }
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
}

pub(crate) fn caller() -> Caller {
    Caller::new(AllowedNetworks::local(), "1.2.3").unwrap()
}

pub(crate) fn caller_with(timing: Timing) -> Caller {
    Caller::with_timing(AllowedNetworks::local(), "1.2.3", timing).unwrap()
}

pub(crate) fn get(timeout: Duration) -> Request {
    Request { timeout, ..Request::default() }
}

/// Headers of the job's own.
pub(crate) fn own(lines: &str) -> Headers {
    Headers::new(Headers::split_lines(lines).unwrap()).unwrap()
}

pub(crate) fn headers() -> CallHeaders {
    CallHeaders {
        idempotency_key: "job-1".to_owned(),
        due: Time::from_millis(1_767_323_045_006),
        signature: None,
        traceparent: None,
    }
}

pub(crate) async fn call_with(caller: &Caller, url: &str, request: &Request) -> Answer {
    call_through(caller, url, &Transport::default(), request.clone(), false).await
}

pub(crate) async fn call_through(
    caller: &Caller,
    url: &str,
    transport: &Transport,
    request: Request,
    repeatable: bool,
) -> Answer {
    let (endpoint, success, headers) = (Endpoint::parse(url).unwrap(), Statuses::success(), headers());
    let request = &request;
    caller
        .call(Call {
            endpoint: &endpoint,
            request,
            success: &success,
            headers: &headers,
            transport,
            repeatable,
            expect: &Expect::default(),
            keep: KeepIf::default(),
            attempt: 1,
            now: START,
        })
        .await
        .unwrap()
}

/// 2026-01-02 03:04:05 UTC.
pub(crate) const START: Time = Time::from_millis(1_767_323_045_000);

pub(crate) async fn call(url: &str, timeout: Duration) -> Answer {
    call_with(&caller(), url, &get(timeout)).await
}

#[track_caller]
pub(crate) fn check(answer: &Answer, outcome: Outcome, status: Option<u16>, message: &str) {
    assert_eq!((answer.outcome, answer.status, answer.message.as_str()), (outcome, status, message));
}

pub(crate) const CUT: &str = "the connection was closed before the answer was complete";

/// Runs one of these tests, by its module and name, in a process with this environment, since that of a running process cannot be changed.
pub(crate) async fn in_a_child(test: &'static str, environment: &[(&str, &str)]) {
    let program = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
    in_a_child_by(&[program], test, environment).await;
}

/// The same by this command.
pub(crate) async fn in_a_child_by(command: &[String], test: &'static str, environment: &[(&str, &str)]) {
    let mut child = Command::new(&command[0]);
    child.args(&command[1..]);
    child.args(["--exact", test, "--nocapture"]).env_remove("NO_PROXY").env_remove("no_proxy");
    child.envs(environment.iter().copied()).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
