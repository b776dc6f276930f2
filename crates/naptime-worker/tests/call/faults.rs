//! What does not come back: every way in which a target can misbehave has a named end, by the deadline.

use std::time::Duration;

use naptime_core::Outcome;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::ground::{CUT, LONG, TIMEOUT, Target, call, check};

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
