//! The web under peers that mean no good: they keep nobody out, and take no memory. Sockets are real, and so is the
//! program.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures::future::{join_all, select_all};
use naptime_core::Time;
use naptime_tests::hostile::{Hostile, Kind};
use naptime_tests::naptime::{Naptime, Start};
use naptime_tests::sqlite::File;
use naptime_tests::target::{Call, Target};
use naptime_tests::{eventually, http};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, COOKIE};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::web::{SOON, Web, on_both_stores, send};

on_both_stores!(one_request_for_many_jobs_takes_little_memory);

const PASSWORD: &str = "open sesame, please";
/// An answer that waited for hostile peers to be hung up on would take longer: they may keep still for 10 s.
const ANSWERED: Duration = Duration::from_secs(8);
/// The most bytes in one request for many jobs.
const MAX_BYTES: usize = 31 * 1024 * 1024;

fn locked(file: &File) -> Start {
    Naptime::up(file).env("NAPTIME_PASSWORD", PASSWORD)
}

fn address(web: &Web) -> SocketAddr {
    let url = web.naptime.url("");
    url.trim_start_matches("http://").parse().unwrap()
}

/// Logs in and returns the cookie as a browser sends it back.
async fn log_in(web: &Web) -> String {
    let reply = web.form("/login", &[("password", PASSWORD)]).await;
    reply.leads_to("/");
    reply.header("set-cookie").split(';').next().unwrap().to_owned()
}

/// How long it takes to get `path`, by a connection of its own.
async fn time_to_get(web: &Web, path: &str, cookie: &str) -> Duration {
    let begun = Instant::now();
    let asked = async {
        // The user comes from the address of the hostile peers, so where the machine is slow, the user's connection may
        // be the one that others get the place of. A browser then asks again.
        loop {
            if let Ok(answer) = http::client().get(web.naptime.url(path)).header(COOKIE, cookie).send().await {
                assert_eq!(answer.status(), 200, "{path}");
                if answer.text().await.is_ok_and(|text| !text.is_empty()) {
                    break;
                }
            }
        }
    };
    timeout(ANSWERED, asked).await.unwrap_or_else(|_| panic!("{path} is not answered"));
    begun.elapsed()
}

/// The web, and a user who is logged in, beside hostile peers of one kind.
async fn is_open_beside(kind: Kind, count: usize) {
    let file = File::fresh();
    let web = Web::start(locked(&file)).await;
    let cookie = log_in(&web).await;
    let hostile = Hostile::start(address(&web), &[kind], count).await;
    let mut times = Vec::new();
    for path in ["/healthz", "/", "/readyz", "/endpoints", "/healthz"] {
        times.push((path, time_to_get(&web, path, &cookie).await));
    }
    eprintln!("beside {count} peers, {kind:?}, {} connections: {times:?}", hostile.opened());
    drop(hostile);
}

#[tokio::test]
async fn peers_that_never_read_keep_nobody_out() {
    is_open_beside(Kind::NeverReads, 600).await;
}

#[tokio::test]
async fn slow_heads_keep_nobody_out() {
    is_open_beside(Kind::SlowHead, 700).await;
}

#[tokio::test]
async fn slow_bodies_keep_nobody_out() {
    is_open_beside(Kind::SlowBody, 600).await;
}

#[tokio::test]
async fn silent_peers_keep_nobody_out() {
    is_open_beside(Kind::Silent, 600).await;
}

/// The strict figures, a page within a second and no call late, are held by `cargo xtask bench --only hostile`, which has
/// the machine to itself.
#[tokio::test]
async fn beside_a_thousand_hostile_connections_pages_are_answered_and_calls_go_on() {
    let (file, target) = (File::fresh(), Target::start().await);
    let web = Web::start(locked(&file)).await;
    let cookie = log_in(&web).await;
    let endpoint = json!({"url": target.url("/"), "every": "1s", "active": true});
    let add = web.request(Method::POST, "/api/endpoints").header(COOKIE, &cookie);
    let added = send(add.header(CONTENT_TYPE, "application/json").body(endpoint.to_string())).await;
    assert_eq!(added.status, 201, "{}", added.text);
    let hostile = Hostile::start(address(&web), &Kind::ALL, 250).await;
    let before = target.count();
    let mut longest = Duration::ZERO;
    for _ in 0..5 {
        for path in ["/", "/endpoints", "/healthz"] {
            longest = longest.max(time_to_get(&web, path, &cookie).await);
        }
    }
    target.wait_for(SOON, "calls go on", |calls| calls.len() >= before + 5).await;
    // The clocks of both processes are one.
    let lag = target.all_calls().iter().skip(before).map(lag).max().unwrap();
    let opened = hostile.opened();
    eprintln!("beside {opened} hostile connections: the longest answer took {longest:?}, a call was {lag:?} late");
}

/// How late a call came.
fn lag(call: &Call) -> Duration {
    let due: Time = call.header("Naptime-Due").unwrap().parse().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let came = now.saturating_sub(call.start.elapsed());
    came.saturating_sub(Duration::from_millis(due.millis().try_into().unwrap()))
}

/// The bytes of memory that a process has, or had at most.
fn memory(web: &Web, field: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", web.naptime.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// A request by its bytes.
async fn raw(web: &Web, sent: impl AsRef<[u8]>) -> TcpStream {
    let mut stream = TcpStream::connect(address(web)).await.unwrap();
    // A server that has heard enough may hang up on the rest.
    let _ = timeout(SOON, stream.write_all(sent.as_ref())).await.expect("not taken");
    stream
}

/// All that comes back until the server closes the connection.
async fn received(mut stream: TcpStream) -> String {
    let mut received = Vec::new();
    let _ = timeout(SOON, stream.read_to_end(&mut received)).await.expect("not closed");
    String::from_utf8_lossy(&received).into_owned()
}

#[tokio::test]
async fn large_posts_to_the_login_take_little_memory() {
    let file = File::fresh();
    let web = Web::start(locked(&file)).await;
    log_in(&web).await;
    let before = memory(&web, "VmRSS:");
    let head = "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    let most = 1 << 20;
    let told = format!("{head}Content-Length: {most}\r\n\r\n{}", "x".repeat(most - 1));
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{most:x}\r\n{}", "x".repeat(most - 1));
    let streams = join_all((0..500).map(|n| raw(&web, if n % 2 == 0 { &told } else { &chunked }))).await;
    let answers = join_all(streams.into_iter().map(received)).await;
    let grown = memory(&web, "VmHWM:").saturating_sub(before);
    eprintln!("500 large posts to the login took {} KiB", grown >> 10);
    assert!(grown < 64 << 20, "{grown} bytes");
    // A connection that others were to have instead hears nothing.
    let heard: Vec<_> = answers.iter().filter(|answer| !answer.is_empty()).collect();
    assert!(!heard.is_empty());
    for answer in heard {
        assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("connection: close\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn who_may_not_is_told_before_the_body() {
    let file = File::fresh();
    let web = Web::start(locked(&file)).await;
    for (path, status) in
        [("/api/jobs", 401), ("/api/endpoints", 401), ("/endpoints/new", 303), ("/rules/new", 303), ("/login", 413)]
    {
        // Not a byte of the body is sent.
        let head = "HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n";
        let answer = received(raw(&web, format!("POST {path} {head}Content-Length: 100000\r\n\r\n")).await).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
        assert!(answer.contains("connection: close\r\n"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_request_names_one_host() {
    let file = File::fresh();
    let web = Web::start(locked(&file)).await;
    for (sent, status) in [
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", "HTTP/1.1 400"),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nhost: localhost\r\n\r\n", "HTTP/1.1 400"),
        ("GET /login HTTP/1.1\r\n\r\n", "HTTP/1.1 400"),
        ("GET /login HTTP/1.1\r\nHost: me@localhost\r\n\r\n", "HTTP/1.1 400"),
        ("GET /login HTTP/1.0\r\n\r\n", "HTTP/1.0 400"),
        ("GET /healthz HTTP/1.0\r\n\r\n", "HTTP/1.0 200"),
        ("GET /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "HTTP/1.1 200"),
    ] {
        let answer = received(raw(&web, sent).await).await;
        assert!(answer.starts_with(status), "{sent}: {answer}");
        assert!(status.contains("1.0") || answer.contains("connection: close\r\n"), "{sent}: {answer}");
    }
}

#[tokio::test]
async fn bodies_beyond_what_there_is_memory_for_are_put_off() {
    let file = File::fresh();
    let web = Web::start(Naptime::up(&file)).await;
    let head = "POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let post = format!("{head}Content-Length: {MAX_BYTES}\r\n\r\n[");
    // Two that are not through hold nearly all of it, whichever of the three that are.
    let posts = (0..3).map(|_| Box::pin(async { received(raw(&web, &post).await).await }));
    let (answer, _, held) = select_all(posts).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("retry-after: 5") && answer.contains("connection: close"), "{answer}");
    // Small ones are served as ever.
    web.add(json!({"url": "http://127.0.0.1:9/", "every": "5m"})).await;
    drop(held);
    eventually(SOON, "there is memory again", async || {
        let answer = web.json(Method::POST, "/api/jobs", format!("[{}]", " ".repeat(MAX_BYTES))).await;
        (answer.status == 207).then_some(())
    })
    .await;
}

async fn one_request_for_many_jobs_takes_little_memory(start: Start) {
    let web = Web::start(start).await;
    let job =
        |size: usize| json!({"url": "http://127.0.0.1:9/", "in": "1d", "method": "post", "body": "x".repeat(size)});
    web.enqueue(job(10)).await;
    let list = |job: Value, count: usize| format!("[{}]", vec![job.to_string(); count].join(","));
    let many_fields: String = (0..50).map(|n| format!("\"field{n}\":[],")).collect();
    let headers: Vec<[String; 2]> = (0..50).map(|n| [format!("X-{n}"), "x".repeat(45)]).collect();
    let with_headers = json!({"url": "http://127.0.0.1:9/", "in": "1d", "headers": headers});
    let shapes = [
        ("a list without end", format!("[{}", "1,".repeat(MAX_BYTES / 2)), 413),
        ("lists within lists", format!("[{}", "[[],[]],".repeat(MAX_BYTES / 8)), 413),
        ("one long list", format!("[[{}1]]", "1,".repeat(MAX_BYTES / 2)), 207),
        ("faults", format!("[{}{{}}]", format!("{{{many_fields}\"url\":1}},").repeat(9_999)), 207),
        ("many headers", list(with_headers, 9_000), 207),
        ("small jobs", list(job(3_050), 9_900), 207),
        ("large jobs", list(job(255_000), 125), 207),
    ];
    let before = memory(&web, "VmRSS:");
    for (what, body, status) in shapes {
        assert!(body.len() <= MAX_BYTES + 1024, "{what}: {}", body.len());
        let size = body.len();
        // 10,000 faults take a program that is not optimized seconds, on a machine that is busy with other tests.
        let request = web.request(Method::POST, "/api/jobs").timeout(Duration::from_secs(120));
        let reply = send(request.header(CONTENT_TYPE, "application/json").body(body)).await;
        assert_eq!(reply.status, status, "{what}: {:.300}", reply.text);
        let grown = memory(&web, "VmHWM:").saturating_sub(before);
        eprintln!("{what}, {} KiB: {} KiB", size >> 10, grown >> 10);
        // Beside the body: what the store and the answer take.
        assert!(grown < MAX_BYTES * 3 / 2 + (16 << 20), "{what}: {grown} bytes");
    }
}
