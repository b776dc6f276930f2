//! HTTP/1: heads that other clients send and take.

use naptime_core::{Method, Outcome, Request};
use tokio::io::AsyncWriteExt;

use super::ground::{LONG, OK, Target, call, call_with, caller, check, get};

#[tokio::test]
async fn a_post_without_a_body_says_so() {
    let target = Target::answering(OK).await;
    let caller = caller();
    for method in Method::ALL {
        for body in [None, Some(String::new()), Some("x".to_owned())] {
            let expect = match (&body, method) {
                (Some(body), _) if !body.is_empty() => Some("content-length: 1"),
                (_, Method::Post | Method::Put | Method::Patch) => Some("content-length: 0"),
                _ => None,
            };
            call_with(&caller, &target.url("/"), &Request { method, body, ..get(LONG) }).await;
            let request = target.requests().pop().unwrap();
            let lengths: Vec<&str> = request.lines().filter(|line| line.starts_with("content-length")).collect();
            assert_eq!(lengths, Vec::from_iter(expect), "{request}");
        }
    }
}

#[tokio::test]
async fn many_lines_folded_values_and_a_blank_before_the_colon_are_taken() {
    async fn check_head(lines: &str) {
        let answer = format!("HTTP/1.1 200 OK\r\n{lines}Naptime-Every : 2m\r\nContent-Length: 5\r\n\r\nhello");
        let answer = call(&Target::answering(answer).await.url("/"), LONG).await;
        check(&answer, Outcome::Ok, Some(200), "hello");
        assert_eq!(answer.every.as_deref(), Some("2m"));
    }
    check_head("").await;
    check_head(&"X-Line: 1\r\n".repeat(500)).await;
    check_head("X-Folded: one\r\n two\r\n\tthree\r\n").await;
    check_head("X-Blank : 1\r\n").await;
}

#[tokio::test]
async fn a_head_that_is_too_long_is_said_to_be() {
    for lines in ["X: 1\r\n".repeat(1_001), format!("X: {}\r\n", "x".repeat(200_000))] {
        let target = Target::answering(format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 0\r\n\r\n")).await;
        let message = "the head of the answer is longer than 64 KiB or 1,000 lines";
        check(&call(&target.url("/"), LONG).await, Outcome::InvalidResponse, None, message);
    }
}

#[tokio::test]
async fn interim_answers_without_end_end_the_call() {
    let target = Target::start(|mut connection| async move {
        connection.read().await;
        while connection.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.is_ok() {}
    })
    .await;
    let message = "the target sends interim answers (1xx) without end";
    check(&call(&target.url("/"), LONG).await, Outcome::InvalidResponse, None, message);
}

#[tokio::test]
async fn a_few_interim_answers_are_passed_over() {
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(20);
    let target = Target::answering([interim.as_bytes(), OK].concat()).await;
    check(&call(&target.url("/"), LONG).await, Outcome::Ok, Some(200), "hello");
}
