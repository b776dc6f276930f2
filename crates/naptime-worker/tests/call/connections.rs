//! Connections: when they are used again, and when not.

use std::time::Duration;

use naptime_core::Outcome;
use naptime_worker::call::Timing;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use super::ground::{LONG, OK, Target, call, call_with, caller, caller_with, check, get};

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
