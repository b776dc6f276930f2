//! Outbound calls against real sockets: every way in which a target can misbehave has a named end, by the deadline.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

#[path = "call/frames.rs"]
mod frames;
#[path = "call/heads.rs"]
mod heads;
#[path = "call/http2.rs"]
mod http2;
#[path = "call/resend.rs"]
mod resend;
#[path = "call/tls.rs"]
mod tls;

use std::future::Future;
use std::io::Write as _;
use std::net::SocketAddr;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use naptime_core::answer::{Body, KeepIf};
use naptime_core::{AllowedNetworks, Endpoint, Expect, Headers, Method, Outcome, Request, Statuses, Time, Transport};
use naptime_worker::call::{Answer, Call, CallHeaders, Caller, RetryAfter, Timing};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

/// Short, because it is what the tests wait for where a target never answers.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Long enough to never be what ends a call.
const LONG: Duration = Duration::from_secs(20);

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// A server on 127.0.0.1 that does with each connection what the test says.
struct Target {
    address: SocketAddr,
    /// The requests as received, in their order.
    requests: Arc<Mutex<Vec<String>>>,
}

/// A connection that the target accepted.
struct Connection {
    stream: TcpStream,
    /// Its number, from 0.
    number: usize,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Target {
    async fn start<F, E>(serve: F) -> Self
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
    async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer: Arc<[u8]> = answer.into().into();
        Self::start(move |mut connection| {
            let answer = Arc::clone(&answer);
            async move { while connection.read().await && connection.stream.write_all(&answer).await.is_ok() {} }
        })
        .await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Connection {
    /// Reads a request, head and body. False: there is none any more.
    async fn read(&mut self) -> bool {
        match read_request(&mut self.stream).await {
            Some(request) => {
                self.requests.lock().unwrap().push(request);
                true
            }
            None => false,
        }
    }

    async fn write(&mut self, bytes: &[u8]) {
        // The client may be gone already, which is what some tests are about.
        let _ = self.stream.write_all(bytes).await;
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
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

fn caller() -> Caller {
    Caller::new(AllowedNetworks::local(), "1.2.3").unwrap()
}

fn caller_with(timing: Timing) -> Caller {
    Caller::with_timing(AllowedNetworks::local(), "1.2.3", timing).unwrap()
}

fn get(timeout: Duration) -> Request {
    Request { timeout, ..Request::default() }
}

/// Headers of the job's own.
fn own(lines: &str) -> Headers {
    Headers::new(Headers::split_lines(lines).unwrap()).unwrap()
}

fn headers() -> CallHeaders {
    CallHeaders {
        idempotency_key: "job-1".to_owned(),
        due: Time::from_millis(1_767_323_045_006),
        signature: None,
        traceparent: None,
    }
}

async fn call_with(caller: &Caller, url: &str, request: &Request) -> Answer {
    call_through(caller, url, &Transport::default(), request.clone(), false).await
}

async fn call_through(caller: &Caller, url: &str, transport: &Transport, request: Request, repeatable: bool) -> Answer {
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
const START: Time = Time::from_millis(1_767_323_045_000);

async fn call(url: &str, timeout: Duration) -> Answer {
    call_with(&caller(), url, &get(timeout)).await
}

#[track_caller]
fn check(answer: &Answer, outcome: Outcome, status: Option<u16>, message: &str) {
    assert_eq!((answer.outcome, answer.status, answer.message.as_str()), (outcome, status, message));
}

const CUT: &str = "the connection was closed before the answer was complete";

// What is sent

#[tokio::test]
async fn sends_its_own_headers_and_those_of_the_job() {
    let target = Target::answering(OK).await;
    let request = Request {
        method: Method::Post,
        headers: own("X-Tag: a\nX-Tag: b\nAuthorization: Bearer 1"),
        body: Some("{\"a\": 1}".to_owned()),
        timeout: LONG,
        ..Request::default()
    };
    let answer = call_with(&caller(), &target.url("/x?y=1"), &request).await;
    check(&answer, Outcome::Ok, Some(200), "hello");
    let mut requests = target.requests();
    let request = requests.pop().unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<&str> = head.lines().collect();
    lines[1..].sort();
    let host = format!("host: {}", target.address);
    let expected = [
        "POST /x?y=1 HTTP/1.1",
        "accept: */*",
        "authorization: Bearer 1",
        "content-length: 8",
        &host,
        "idempotency-key: job-1",
        "naptime-due: 2026-01-02T03:04:05.006Z",
        "user-agent: Naptime/1.2.3",
        "x-tag: a",
        "x-tag: b",
    ];
    assert_eq!(lines, expected);
    assert_eq!(body, "{\"a\": 1}");
    let tags: Vec<&str> = head.lines().filter(|line| line.starts_with("x-tag")).collect();
    assert_eq!(tags, ["x-tag: a", "x-tag: b"], "in their order");
}

#[tokio::test]
async fn the_job_may_replace_user_agent_and_accept() {
    let target = Target::answering(OK).await;
    let headers = own("User-Agent: mine\nAccept: text/plain");
    call_with(&caller(), &target.url("/"), &Request { headers, ..get(LONG) }).await;
    let request = target.requests().pop().unwrap();
    assert!(
        request.contains("\r\nuser-agent: mine\r\n") && request.contains("\r\naccept: text/plain\r\n"),
        "{request}"
    );
    assert!(!request.contains("Naptime/") && !request.contains("*/*"), "{request}");
}

#[tokio::test]
async fn every_method_is_sent_as_named() {
    let target = Target::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let caller = caller();
    for method in Method::ALL {
        let answer = call_with(&caller, &target.url("/"), &Request { method, ..get(LONG) }).await;
        check(&answer, Outcome::Ok, Some(204), "");
    }
    let sent: Vec<String> = target.requests().iter().map(|r| r.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(sent, Method::ALL.map(|method| method.as_str().to_owned()));
}

#[tokio::test]
async fn head_has_no_body_whatever_its_length_says() {
    let target = Target::answering("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n").await;
    let answer = call_with(&caller(), &target.url("/"), &Request { method: Method::Head, ..get(LONG) }).await;
    check(&answer, Outcome::Ok, Some(200), "");
}

#[tokio::test]
async fn the_idempotency_key_names_job_and_occurrence() {
    let job = naptime_core::JobId::from(uuid::Uuid::from_u128(7));
    let key = |millis, manual| CallHeaders::new(job, Time::from_millis(millis), manual).idempotency_key;
    assert_eq!(key(1000, false), "00000000-0000-0000-0000-000000000007-1000");
    assert_ne!(key(1000, false), key(2000, false));
    assert_ne!(key(1000, false), key(1000, true));
}

// What comes back

#[tokio::test]
async fn the_status_decides_and_the_first_two_lines_are_kept() {
    async fn check_answer(head: &str, body: &[u8], outcome: Outcome, status: u16, message: &str) {
        let mut answer = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
        answer.extend_from_slice(body);
        let target = Target::answering(answer).await;
        check(&call(&target.url("/"), LONG).await, outcome, Some(status), message);
    }
    check_answer("200 OK", b"one\n\ntwo\nthree", Outcome::Ok, 200, "one\ntwo").await;
    check_answer("201 Created", b"", Outcome::Ok, 201, "").await;
    check_answer("200 OK", b"caf\xe9\x00", Outcome::Ok, 200, "caf\u{fffd}\u{fffd}").await;
    check_answer("200 OK", &[b'x'; 3000], Outcome::Ok, 200, &"x".repeat(200)).await;
    check_answer("404 Not Found", b"no such page", Outcome::Failed, 404, "no such page").await;
    check_answer("500 Oops", b"", Outcome::Failed, 500, "the target answered 500 Internal Server Error").await;
}

#[tokio::test]
async fn the_job_says_which_statuses_are_a_success() {
    async fn check_answer(success: &str, head: &str, body: &str, outcome: Outcome, status: u16, message: &str) {
        let target = Target::answering(format!("HTTP/1.1 {head}Content-Length: {}\r\n\r\n{body}", body.len())).await;
        let (endpoint, success) = (Endpoint::parse(&target.url("/")).unwrap(), success.parse().unwrap());
        let call = Call {
            endpoint: &endpoint,
            request: &get(LONG),
            success: &success,
            headers: &headers(),
            transport: &Transport::default(),
            repeatable: false,
            // Kept if it does not end well.
            expect: &Expect::default(),
            keep: KeepIf { well: false, badly: true },
            attempt: 1,
            now: START,
        };
        let answer = caller().call(call).await.unwrap();
        check(&answer, outcome, Some(status), message);
        let kept = answer.transcript.map(|kept| (kept.body, kept.whole, kept.phases.connect.is_some()));
        let expect = (outcome != Outcome::Ok).then(|| (Body::Text(body.to_owned()), true, true));
        assert_eq!(kept, expect);
    }
    let gone = "404 Not Found\r\n";
    check_answer("200-299,404", gone, "gone", Outcome::Ok, 404, "gone").await;
    check_answer("200-299,404", gone, "", Outcome::Ok, 404, "").await;
    check_answer("200-299", gone, "", Outcome::Failed, 404, "the target answered 404 Not Found").await;
    check_answer("201,204", "200 OK\r\n", "not created", Outcome::Failed, 200, "not created").await;
    check_answer("201,204", "200 OK\r\n", "", Outcome::Failed, 200, "the target answered 200 OK").await;
    let moved = "302 Found\r\nLocation: http://elsewhere.test/?key=secret\r\n";
    check_answer("302", moved, "moved", Outcome::Ok, 302, "moved").await;
    let named = "302: redirected to http://elsewhere.test/";
    check_answer("200", moved, "moved", Outcome::RedirectNotFollowed, 302, named).await;
    check_answer("500-599", "503 Later\r\n", "down", Outcome::Ok, 503, "down").await;
}

#[tokio::test]
async fn a_period_is_passed_on_as_it_was_written() {
    async fn check_answer(head: &str, expect: Option<&str>) {
        let target = Target::answering(format!("HTTP/1.1 {head}\r\nContent-Length: 2\r\n\r\nok")).await;
        assert_eq!(call(&target.url("/"), LONG).await.every.as_deref(), expect, "{head:?}");
    }
    check_answer("200 OK\r\nNaptime-Every: 2m", Some("2m")).await;
    check_answer("202 Accepted\r\nnaptime-every:  whenever ", Some("whenever")).await;
    check_answer("200 OK", None).await;
    check_answer("500 Oops\r\nNaptime-Every: 2m", None).await;
    // What is cut is not an answer.
    let cut = "HTTP/1.1 200 OK\r\nNaptime-Every: 2m\r\nContent-Length: 10\r\n\r\nshort";
    let target = Target::start(move |mut connection| async move {
        connection.read().await;
        connection.write(cut.as_bytes()).await;
    })
    .await;
    assert_eq!(call(&target.url("/"), LONG).await.every, None);
}

#[tokio::test]
async fn retry_after_is_passed_on() {
    async fn check_answer(head: &str, expect: RetryAfter) {
        let target = Target::answering(format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n")).await;
        assert_eq!(call(&target.url("/"), LONG).await.retry_after, Some(expect), "{head:?}");
    }
    let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT";
    check_answer("503 Later\r\nRetry-After: 7", RetryAfter::For(Duration::from_secs(7))).await;
    check_answer("500 Oops\r\nRetry-After: 7", RetryAfter::For(Duration::from_secs(7))).await;
    let rfc_850 = "Retry-After: Sunday, 06-Nov-94 08:50:07 GMT";
    check_answer(&format!("502 Oops\r\n{date}\r\n{rfc_850}"), RetryAfter::For(Duration::from_secs(30))).await;
    let asctime = "Retry-After: Sun Nov  6 08:50:07 1994";
    check_answer(&format!("429 Slowly\r\n{date}\r\n{asctime}"), RetryAfter::For(Duration::from_secs(30))).await;
    let until = RetryAfter::Until(Time::from_millis(784_111_807_000));
    check_answer(&format!("429 Slowly\r\n{asctime}"), until).await;
}

#[tokio::test]
async fn a_redirect_is_named_and_not_followed() {
    let target =
        Target::answering("HTTP/1.1 302 Found\r\nLocation: /login?token=secret\r\nContent-Length: 0\r\n\r\n").await;
    let answer = call(&target.url("/a"), LONG).await;
    check(
        &answer,
        Outcome::RedirectNotFollowed,
        Some(302),
        &format!("302: redirected to http://{}/login", target.address),
    );
    assert_eq!(target.requests().len(), 1);
}

#[tokio::test]
async fn a_3xx_that_leads_nowhere_is_no_redirect() {
    let target = Target::answering("HTTP/1.1 304 Not Modified\r\nLocation: /elsewhere\r\n\r\n").await;
    let answer = call(&target.url("/"), LONG).await;
    check(&answer, Outcome::Failed, Some(304), "the target answered 304 Not Modified");
    let target = Target::answering("HTTP/1.1 308 Permanent Redirect\r\nContent-Length: 0\r\n\r\n").await;
    let answer = call(&target.url("/"), LONG).await;
    check(&answer, Outcome::RedirectNotFollowed, Some(308), "the target answered 308 Permanent Redirect");
}

#[tokio::test]
async fn of_an_error_page_the_title_is_kept() {
    let page = "<!DOCTYPE html>\n<html>\n<head>\n<style>p { color: red }</style>\n<title>502 Bad\nGateway</title>\n";
    let head = "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n";
    let target = Target::answering(format!("{head}Content-Length: {}\r\n\r\n{page}", page.len())).await;
    check(&call(&target.url("/"), LONG).await, Outcome::Failed, Some(502), "502 Bad Gateway");
}

#[tokio::test]
async fn a_compressed_body_is_not_inflated() {
    // A gzip of "hello".
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05\x00\x00\x00";
    let mut answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 25\r\n\r\n".to_vec();
    answer.extend_from_slice(gzip);
    let target = Target::answering(answer).await;
    check(&call(&target.url("/"), LONG).await, Outcome::Ok, Some(200), "(a body encoded as gzip)");
    assert!(!target.requests()[0].contains("accept-encoding"));
}

// What does not come back

#[tokio::test]
async fn a_target_that_never_answers_ends_at_the_deadline() {
    let target = Target::start(|mut connection| async move { while connection.read().await {} }).await;
    let started = Instant::now();
    check(&call(&target.url("/"), TIMEOUT).await, Outcome::Timeout, None, "no answer within 1s");
    let took = started.elapsed();
    assert!(took >= TIMEOUT && took < TIMEOUT * 15, "{took:?}");
}

#[tokio::test]
async fn the_deadline_covers_a_dripping_head_and_body() {
    for (start, status, message) in [
        ("", None, "no answer within 1s"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", Some(200), "the answer was not complete within 1s"),
    ] {
        let target = Target::start(move |mut connection| async move {
            connection.read().await;
            connection.write(start.as_bytes()).await;
            for byte in b"HTTP/1.1 200 OK\r\nX: ".iter().chain([&b'x'; 10_000]) {
                if connection.stream.write_all(&[*byte]).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        let started = Instant::now();
        check(&call(&target.url("/"), TIMEOUT).await, Outcome::Timeout, status, message);
        assert!(started.elapsed() < TIMEOUT * 15);
    }
}

#[tokio::test]
async fn of_an_endless_body_64_kib_are_read_and_the_connection_is_dropped() {
    let (dropped, mut is_dropped) = mpsc::unbounded_channel();
    let target = Target::start(move |mut connection| {
        let dropped = dropped.clone();
        async move {
            connection.read().await;
            connection.write(b"HTTP/1.1 200 OK\r\n\r\nfirst\nsecond\n").await;
            while connection.stream.write_all(&[b'x'; 16 * 1024]).await.is_ok() {}
            let _ = dropped.send(());
        }
    })
    .await;
    check(&call(&target.url("/"), LONG).await, Outcome::Ok, Some(200), "first\nsecond");
    is_dropped.recv().await.unwrap();
}

#[tokio::test]
async fn a_long_body_that_stalls_after_64_kib_does_not_hold_the_slot() {
    let target = Target::start(|mut connection| async move {
        connection.read().await;
        connection.write(b"HTTP/1.1 500 Oops\r\nContent-Length: 1000000\r\n\r\nfirst\nsecond\n").await;
        connection.write(&[b'x'; 70_000]).await;
        connection.read().await;
    })
    .await;
    check(&call(&target.url("/"), LONG).await, Outcome::Failed, Some(500), "first\nsecond");
}

#[tokio::test]
async fn an_endless_head_is_not_an_answer() {
    let target = Target::start(|mut connection| async move {
        connection.read().await;
        connection.write(b"HTTP/1.1 200 OK\r\n").await;
        while connection.stream.write_all(b"X-Endless: 0123456789\r\n").await.is_ok() {}
    })
    .await;
    let answer = call(&target.url("/"), LONG).await;
    assert_eq!(answer.outcome, Outcome::InvalidResponse, "{answer:?}");
}

#[tokio::test]
async fn what_closes_or_resets_is_connection_reset() {
    async fn check_ending(start: &'static str, reset: bool, status: Option<u16>) {
        let target = Target::start(move |mut connection| async move {
            connection.read().await;
            connection.write(start.as_bytes()).await;
            if reset {
                // Closing without lingering sends RST instead of FIN.
                connection.stream.set_zero_linger().unwrap();
            }
        })
        .await;
        check(&call(&target.url("/"), LONG).await, Outcome::ConnectionReset, status, CUT);
        assert_eq!(target.requests().len(), 1, "not sent again");
    }
    for reset in [false, true] {
        check_ending("", reset, None).await;
        check_ending("HTTP/1.1 200 OK\r\nContent-Le", reset, None).await;
    }
    // A reset may overtake what was written before it, so these are closed.
    check_ending("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", false, Some(200)).await;
    check_ending("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n", false, Some(200)).await;
}

#[tokio::test]
async fn nobody_listening_is_connection_refused() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let answer = call(&format!("http://{address}/?key=secret"), LONG).await;
    check(&answer, Outcome::ConnectionRefused, None, "the connection was refused");
}

#[tokio::test]
async fn what_is_not_http_is_an_invalid_response() {
    for answer in ["SSH-2.0-OpenSSH_9.2p1\r\n", "\0\0\x12\x04\0\0\0\0\0", "ICY 200 OK\r\n\r\n", "HTTP/1.1 abc\r\n\r\n"]
    {
        let target = Target::answering(answer).await;
        let answer = call(&target.url("/"), LONG).await;
        assert_eq!((answer.outcome, answer.status), (Outcome::InvalidResponse, None), "{answer:?}");
    }
    let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nthis is no chunk\r\n";
    let answer = call(&Target::answering(chunks).await.url("/"), LONG).await;
    assert_eq!((answer.outcome, answer.status), (Outcome::InvalidResponse, Some(200)), "{answer:?}");
}

#[tokio::test]
async fn a_server_that_speaks_first_is_not_http_either() {
    let target = Target::start(|mut connection| async move {
        connection.write(b"220 mail.example ESMTP\r\n").await;
        while connection.read().await {}
    })
    .await;
    let answer = call(&target.url("/"), LONG).await;
    assert_eq!(answer.outcome, Outcome::InvalidResponse, "{answer:?}");
}

// Where calls may go

#[tokio::test]
async fn addresses_that_may_not_be_called_are_not_connected_to() {
    async fn check_blocked(url: &str, host: &str) {
        let caller = Caller::new(AllowedNetworks::public_only(), "1").unwrap();
        let message = format!("{host} is in a network that may not be called (see NAPTIME_ALLOW_NETWORKS)");
        check(&call_with(&caller, url, &get(LONG)).await, Outcome::BlockedAddress, None, &message);
    }
    let target = Target::start(|connection| async move {
        connection.requests.lock().unwrap().push("connected".to_owned());
    })
    .await;
    let port = target.address.port();
    check_blocked(&target.url("/"), "127.0.0.1").await;
    check_blocked(&format!("http://127.1:{port}/"), "127.0.0.1").await;
    check_blocked(&format!("http://2130706433:{port}/"), "127.0.0.1").await;
    check_blocked(&format!("http://localhost:{port}/"), "localhost").await;
    check_blocked(&format!("http://LocalHost:{port}/"), "localhost").await;
    check_blocked(&format!("http://[::1]:{port}/"), "::1").await;
    check_blocked(&format!("http://[::ffff:10.0.0.1]:{port}/"), "::ffff:10.0.0.1").await;
    check_blocked("http://169.254.169.254/latest/meta-data", "169.254.169.254").await;
    check_blocked("https://10.0.0.1/", "10.0.0.1").await;
    assert_eq!(target.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_name_reaches_an_allowed_address() {
    let target = Target::answering(OK).await;
    let answer = call(&format!("http://localhost:{}/", target.address.port()), LONG).await;
    check(&answer, Outcome::Ok, Some(200), "hello");
}

#[tokio::test]
async fn an_unknown_name_is_dns_not_found() {
    let answer = call("http://nonexistent.invalid/?key=secret", LONG).await;
    assert_eq!((answer.outcome, answer.status), (Outcome::DnsNotFound, None), "{answer:?}");
    assert!(answer.message.starts_with("nonexistent.invalid: "), "{answer:?}");
}

// Connections

#[tokio::test]
async fn connections_are_used_again() {
    let target = Target::start(|mut connection| async move {
        while connection.read().await {
            let body = connection.number.to_string();
            connection
                .write(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes())
                .await;
        }
    })
    .await;
    let caller = caller();
    for _ in 0..10 {
        check(&call_with(&caller, &target.url("/"), &get(LONG)).await, Outcome::Ok, Some(200), "0");
    }
}

#[tokio::test]
async fn a_connection_that_is_old_or_idled_long_is_not_used_again() {
    let target = Target::start(|mut connection| async move {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{}", connection.number);
        while connection.read().await {
            connection.write(answer.as_bytes()).await;
        }
    })
    .await;
    let numbers = async |timing| {
        let caller = caller_with(timing);
        let mut numbers = Vec::new();
        for _ in 0..2 {
            numbers.push(call_with(&caller, &target.url("/"), &get(LONG)).await.message);
        }
        numbers
    };
    assert_eq!(numbers(Timing::default()).await, ["0", "0"]);
    assert_eq!(numbers(Timing { max_age: Duration::ZERO, ..Timing::default() }).await, ["1", "2"]);
    assert_eq!(numbers(Timing { max_idle: Duration::from_nanos(1), ..Timing::default() }).await, ["3", "4"]);
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_replaced() {
    let (closed, mut is_closed) = mpsc::unbounded_channel();
    let target = Target::start(move |mut connection| {
        let closed = closed.clone();
        async move {
            connection.read().await;
            connection.write(OK).await;
            connection.stream.shutdown().await.unwrap();
            // The client closes its side once it has seen ours closed.
            assert!(!connection.read().await);
            let _ = closed.send(());
        }
    })
    .await;
    let caller = caller();
    for _ in 0..3 {
        check(&call_with(&caller, &target.url("/"), &get(LONG)).await, Outcome::Ok, Some(200), "hello");
        is_closed.recv().await.unwrap();
    }
    assert_eq!(target.requests().len(), 3);
}

#[tokio::test]
async fn dropping_a_call_closes_its_connection() {
    let (events, mut seen) = mpsc::unbounded_channel();
    let target = Target::start(move |mut connection| {
        let events = events.clone();
        async move {
            connection.read().await;
            let _ = events.send("asked");
            connection.read().await;
            let _ = events.send("gone");
        }
    })
    .await;
    let url = target.url("/");
    let running = tokio::spawn(async move { call(&url, LONG).await });
    assert_eq!(seen.recv().await, Some("asked"));
    running.abort();
    assert_eq!(seen.recv().await, Some("gone"));
}

// TLS

#[tokio::test]
async fn plain_text_where_tls_is_spoken_is_a_tls_fault() {
    let target = Target::start(|mut connection| async move {
        let _ = connection.stream.read(&mut [0; 1024]).await;
        connection.write(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let answer = call(&format!("https://{}/?key=secret", target.address), LONG).await;
    assert_eq!(answer.outcome, Outcome::Tls, "{answer:?}");
    assert!(!answer.message.contains("secret"), "{answer:?}");
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for_is_a_tls_fault() {
    let target = tls_target(&Certificate::fresh(), |_| Box::pin(async {})).await;
    let answer = call(&format!("https://localhost:{}/", target.port()), LONG).await;
    check(
        &answer,
        Outcome::Tls,
        None,
        "no secure connection: the certificate is not issued by an authority that this machine trusts",
    );
}

#[tokio::test]
async fn trusted_certificates_and_http_2() {
    // Which certificates are trusted is read from the environment of the process.
    let Ok(key) = std::env::var("KEY_OF_THE_TEST") else {
        let certificate = Certificate::fresh();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(certificate.pem.as_bytes()).unwrap();
        let environment = [("SSL_CERT_FILE", file.path().to_str().unwrap()), ("KEY_OF_THE_TEST", &certificate.key)];
        return in_a_child("trusted_certificates_and_http_2", &environment).await;
    };
    let pem = std::fs::read_to_string(std::env::var("SSL_CERT_FILE").unwrap()).unwrap();
    let certificate = Certificate { pem, key };
    let opened = Arc::new(Mutex::new(Vec::new()));
    let streams = Arc::clone(&opened);
    let address = tls_target(&certificate, move |stream| {
        let streams = Arc::clone(&streams);
        Box::pin(async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                let path = request.uri().path().to_owned();
                streams.lock().unwrap().push(path.clone());
                match path.as_str() {
                    "/reset" => respond.send_reset(h2::Reason::INTERNAL_ERROR),
                    "/cut" => return,
                    _ => {
                        let mut body = respond.send_response(http::Response::new(()), false).unwrap();
                        body.send_data("over HTTP/2".into(), true).unwrap();
                    }
                }
            }
        })
    })
    .await;
    let caller = caller();
    let call =
        async |path: &str| call_with(&caller, &format!("https://localhost:{}{path}", address.port()), &get(LONG)).await;
    check(&call("/1").await, Outcome::Ok, Some(200), "over HTTP/2");
    check(&call("/reset").await, Outcome::ConnectionReset, None, CUT);
    check(&call("/cut").await, Outcome::ConnectionReset, None, CUT);
    check(&call("/2").await, Outcome::Ok, Some(200), "over HTTP/2");
    assert_eq!(*opened.lock().unwrap(), ["/1", "/reset", "/cut", "/2"], "none was sent again");
    // The name of the certificate does not fit.
    let answer = call_with(&caller, &format!("https://{address}/"), &get(LONG)).await;
    assert_eq!(answer.outcome, Outcome::Tls, "{answer:?}");
}

#[tokio::test]
async fn a_certificate_must_last_as_long_as_is_expected() {
    let certificate = Certificate::until(2100);
    for protocol in ["http/1.1", "h2"] {
        let serve = move |mut stream: TlsStream| -> Pin<Box<dyn Future<Output = ()> + Send>> {
            Box::pin(async move {
                if protocol == "http/1.1" {
                    assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
                    stream
                        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                        .await
                        .unwrap();
                    return;
                }
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    respond.send_response(http::Response::new(()), true).unwrap();
                }
            })
        };
        let target = tls_target_for(&certificate, None, &[protocol], serve).await;
        let endpoint = Endpoint::parse(&format!("https://localhost:{}/", target.port())).unwrap();
        let (caller, transport) = (caller(), trusting(&certificate));
        let called = async |expect: &str| {
            let call = Call {
                endpoint: &endpoint,
                request: &get(LONG),
                success: &Statuses::success(),
                headers: &headers(),
                transport: &transport,
                repeatable: false,
                expect: &Expect::read(expect.lines()).unwrap(),
                keep: KeepIf::default(),
                attempt: 1,
                now: START,
            };
            caller.call(call).await.unwrap()
        };
        check(&called("certificate lasts 14d").await, Outcome::Ok, Some(200), "");
        let soon = called("certificate lasts 40000d").await;
        assert_eq!(soon.outcome, Outcome::Failed, "{protocol}: {soon:?}");
        assert!(soon.message.starts_with("expected: certificate lasts 40000d; it ends in "), "{soon:?}");
    }
}

#[tokio::test]
async fn a_machine_without_ca_certificates_still_makes_plain_calls() {
    if std::env::var_os("WITHOUT_CERTIFICATES").is_none() {
        let environment =
            [("SSL_CERT_FILE", "/dev/null"), ("SSL_CERT_DIR", "/dev/null"), ("WITHOUT_CERTIFICATES", "1")];
        return in_a_child("a_machine_without_ca_certificates_still_makes_plain_calls", &environment).await;
    }
    let target = Target::answering(OK).await;
    check(&call(&target.url("/"), LONG).await, Outcome::Ok, Some(200), "hello");
    let target = tls_target(&Certificate::fresh(), |_| Box::pin(async {})).await;
    let answer = call(&format!("https://localhost:{}/", target.port()), LONG).await;
    assert_eq!(answer.outcome, Outcome::Tls, "{answer:?}");
}

// The environment

#[tokio::test]
async fn proxies_in_the_environment_are_not_used() {
    let proxy = "http://127.0.0.1:9";
    if std::env::var("HTTP_PROXY").as_deref() != Ok(proxy) {
        let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"];
        return in_a_child("proxies_in_the_environment_are_not_used", &names.map(|name| (name, proxy))).await;
    }
    let target = Target::answering(OK).await;
    check(&call(&target.url("/"), LONG).await, Outcome::Ok, Some(200), "hello");
}

#[tokio::test]
async fn an_ipv6_address_where_ipv6_is_off_is_no_fault_of_this_machine() {
    if std::env::var_os("WITHOUT_IPV6").is_none() {
        let off = "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 && exec \"$0\" \"$@\"";
        let child = ["unshare", "--net", "sh", "-c", off, std::env::current_exe().unwrap().to_str().unwrap()]
            .map(str::to_owned);
        let test = "an_ipv6_address_where_ipv6_is_off_is_no_fault_of_this_machine";
        return in_a_child_by(&child, test, &[("WITHOUT_IPV6", "1")]).await;
    }
    let answer = call("http://[::1]:9/", LONG).await;
    check(&answer, Outcome::ConnectionFailed, None, "no connection could be made: network unreachable");
}

/// Runs one of these tests in a process with this environment, since that of a running process cannot be changed.
async fn in_a_child(test: &'static str, environment: &[(&str, &str)]) {
    let program = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
    in_a_child_by(&[program], test, environment).await;
}

/// The same by this command.
async fn in_a_child_by(command: &[String], test: &'static str, environment: &[(&str, &str)]) {
    let mut child = Command::new(&command[0]);
    child.args(&command[1..]);
    child.args(["--exact", test, "--nocapture"]).env_remove("NO_PROXY").env_remove("no_proxy");
    child.envs(environment.iter().copied()).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

struct Certificate {
    pem: String,
    key: String,
}

impl Certificate {
    fn fresh() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Self { pem: made.cert.pem(), key: made.signing_key.serialize_pem() }
    }

    /// One that says that it is an authority.
    fn authority() -> Self {
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        Self { pem: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    }

    /// One that ends with this year's beginning.
    fn until(year: i32) -> Self {
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        Self { pem: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    }

    fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()
    }
}

/// A transport that trusts this certificate.
fn trusting(certificate: &Certificate) -> Transport {
    Transport { extra_ca: Some(certificate.pem.clone()), ..Transport::default() }
}

type TlsStream = tokio_rustls::server::TlsStream<TcpStream>;

/// A server that speaks TLS on 127.0.0.1, and prefers HTTP/2.
async fn tls_target<F>(certificate: &Certificate, serve: F) -> SocketAddr
where
    F: Fn(TlsStream) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync + 'static,
{
    tls_target_for(certificate, None, &["h2", "http/1.1"], serve).await
}

/// A server that speaks TLS, to anybody or to the one who shows this certificate, and these protocols.
async fn tls_target_for<F>(
    certificate: &Certificate,
    client: Option<&Certificate>,
    protocols: &[&str],
    serve: F,
) -> SocketAddr
where
    F: Fn(TlsStream) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync + 'static,
{
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clients = client.map(|client| {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(client.der()).unwrap();
        rustls::server::WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
            .build()
            .unwrap()
    });
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients.unwrap_or_else(rustls::server::WebPkiClientVerifier::no_client_auth))
        .with_single_cert(vec![certificate.der()], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let serve = Arc::new(serve);
    let target = Target::start(move |connection| {
        let (acceptor, serve) = (acceptor.clone(), Arc::clone(&serve));
        async move {
            if let Ok(stream) = acceptor.accept(connection.stream).await {
                serve(stream).await;
            }
        }
    })
    .await;
    target.address
}
