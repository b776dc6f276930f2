//! What is sent.

use naptime_core::{Method, Outcome, Request, Time};
use naptime_worker::call::CallHeaders;

use super::ground::{LONG, OK, Target, call_with, caller, check, get, own};

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
