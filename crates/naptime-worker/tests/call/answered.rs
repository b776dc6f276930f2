//! What comes back.

use std::time::Duration;

use naptime_core::answer::{Body, KeepIf};
use naptime_core::{Endpoint, Expect, Outcome, Time, Transport};
use naptime_worker::call::{Call, RetryAfter};

use super::ground::{LONG, START, Target, call, caller, check, get, headers};

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
