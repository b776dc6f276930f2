//! HTTP/2: what is sent again and what is not, and connections that freeze.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use naptime_core::{Method, Outcome, Request, Transport};
use naptime_worker::call::Timing;
use tokio::net::{TcpListener, TcpStream};

use super::certificate::{Certificate, tls_target, trusting};
use super::frames::{Frames, REFUSED_STREAM};
use super::ground::{CUT, LONG, TIMEOUT, call_through, caller, caller_with, check, get};

/// A server of HTTP/2 that does with each connection what the test says, and who trusts it.
async fn target<F, E>(serve: F) -> (String, Transport)
where
    F: Fn(usize, Frames) -> E + Send + Sync + 'static,
    E: Future<Output = ()> + Send + 'static,
{
    let certificate = Certificate::fresh();
    let serve = Arc::new(serve);
    let connections = Arc::new(AtomicUsize::new(0));
    let address = tls_target(&certificate, move |stream| {
        let (serve, connections) = (Arc::clone(&serve), Arc::clone(&connections));
        Box::pin(async move {
            if let Some(frames) = Frames::start(stream).await {
                serve(connections.fetch_add(1, Ordering::SeqCst), frames).await;
            }
        })
    })
    .await;
    (format!("https://localhost:{}/", address.port()), trusting(&certificate))
}

fn post() -> Request {
    Request { method: Method::Post, ..get(LONG) }
}

#[tokio::test]
async fn requests_above_the_last_stream_of_a_goaway_are_sent_again() {
    // Each connection takes eight requests, like nginx with `keepalive_requests 8`.
    const TAKES: usize = 8;
    const CALLS: usize = 30;
    let served = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&served);
    let (url, transport) = target(move |_, mut frames| {
        let counter = Arc::clone(&counter);
        async move {
            for number in 1..=TAKES {
                let Some(stream) = frames.request().await else { return };
                if number == TAKES {
                    frames.go_away(stream).await;
                }
                counter.fetch_add(1, Ordering::SeqCst);
                frames.answer(stream).await;
            }
            // What is above is never answered, and the connection stays.
            while frames.request().await.is_some() {}
        }
    })
    .await;
    let caller = caller();
    check(&call_through(&caller, &url, &transport, post(), false).await, Outcome::Ok, Some(200), "");
    let calls = (0..CALLS).map(|_| call_through(&caller, &url, &transport, post(), false));
    let answers = futures::future::join_all(calls).await;
    for answer in &answers {
        assert_eq!((answer.outcome, answer.status), (Outcome::Ok, Some(200)), "{answer:?}");
    }
    let again = answers.iter().filter(|answer| answer.message.contains("(sent again")).count();
    assert!(again > 0, "the run says so: {answers:?}");
    assert_eq!(served.load(Ordering::SeqCst), 1 + CALLS, "none twice");
}

#[tokio::test]
async fn a_refused_stream_is_sent_again_on_another_connection() {
    let (url, transport) = target(|number, mut frames| async move {
        while let Some(stream) = frames.request().await {
            match number {
                0 => frames.reset(stream, REFUSED_STREAM).await,
                _ => frames.answer(stream).await,
            }
        }
    })
    .await;
    let answer = call_through(&caller(), &url, &transport, post(), false).await;
    check(&answer, Outcome::Ok, Some(200), "(sent again: the target took no more requests on that connection)");
}

#[tokio::test]
async fn a_target_that_always_refuses_is_not_asked_for_ever() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let (url, transport) = target(move |_, mut frames| {
        let counter = Arc::clone(&counter);
        async move {
            while let Some(stream) = frames.request().await {
                counter.fetch_add(1, Ordering::SeqCst);
                frames.reset(stream, REFUSED_STREAM).await;
            }
        }
    })
    .await;
    let answer = call_through(&caller(), &url, &transport, post(), true).await;
    assert_eq!((answer.outcome, answer.status), (Outcome::ConnectionReset, None), "{answer:?}");
    assert!(answer.message.contains("(sent again 5 times:"), "{answer:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 6);
}

#[tokio::test]
async fn what_may_have_been_processed_is_not_sent_again() {
    // A GOAWAY that counts the request among those processed, or none at all, and then the connection ends.
    for says_so in [true, false] {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let (url, transport) = target(move |_, mut frames| {
            let counter = Arc::clone(&counter);
            async move {
                let stream = frames.request().await.unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                if says_so {
                    frames.go_away(stream).await;
                }
            }
        })
        .await;
        let answer = call_through(&caller(), &url, &transport, get(LONG), true).await;
        check(&answer, Outcome::ConnectionReset, None, CUT);
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn calls_at_the_same_time_share_a_connection_and_none_has_more_streams_than_it_takes() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    let (url, transport) = target(move |_, mut frames| {
        counter.fetch_add(1, Ordering::SeqCst);
        async move {
            while let Some(stream) = frames.request().await {
                frames.answer(stream).await;
            }
        }
    })
    .await;
    let caller = caller();
    // Once it is known that HTTP/2 is spoken, one connection is opened for all.
    check(&call_through(&caller, &url, &transport, get(LONG), false).await, Outcome::Ok, Some(200), "");
    let calls = (0..90).map(|_| call_through(&caller, &url, &transport, get(LONG), false));
    for answer in futures::future::join_all(calls).await {
        check(&answer, Outcome::Ok, Some(200), "");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

/// A way to `address` by which all come but the second, which gets to a machine that takes the connection and hangs.
async fn hanging_at_the_second(address: &str) -> String {
    let to = address.trim_start_matches("https://").trim_end_matches('/').to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut hangs = Vec::new();
        for number in 0.. {
            let (mut from, _) = listener.accept().await.unwrap();
            if number == 1 {
                hangs.push(from);
                continue;
            }
            let mut to = TcpStream::connect(&to).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut from, &mut to).await });
        }
    });
    format!("https://localhost:{port}/")
}

#[tokio::test]
async fn a_connection_that_hangs_while_it_is_opened_for_all_does_not_hold_the_others_up() {
    let (url, transport) = target(|number, mut frames| async move {
        while let Some(stream) = frames.request().await {
            if number == 0 {
                frames.go_away(stream).await;
            }
            frames.answer(stream).await;
        }
    })
    .await;
    let url = hanging_at_the_second(&url).await;
    let caller = caller_with(Timing { shared_open: Duration::from_millis(100), ..Timing::default() });
    // Now it is known that HTTP/2 is spoken, and there is no connection any more.
    check(&call_through(&caller, &url, &transport, get(LONG), false).await, Outcome::Ok, Some(200), "");
    let calls = (0..10).map(|_| call_through(&caller, &url, &transport, get(Duration::from_secs(8)), false));
    for answer in futures::future::join_all(calls).await {
        check(&answer, Outcome::Ok, Some(200), "");
    }
}

#[tokio::test]
async fn an_old_connection_ends_its_calls_and_takes_no_more() {
    let (url, transport) = target(|number, mut frames| async move {
        // The first connection answers its request only when the second has taken one.
        static SECOND: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(0);
        while let Some(stream) = frames.request().await {
            match number {
                0 => SECOND.acquire().await.unwrap().forget(),
                _ => SECOND.add_permits(1),
            }
            frames.answer(stream).await;
        }
    })
    .await;
    let caller = caller_with(Timing { max_age: Duration::ZERO, ..Timing::default() });
    let first = call_through(&caller, &url, &transport, get(LONG), false);
    let second = call_through(&caller, &url, &transport, get(LONG), false);
    let (first, second) = tokio::join!(first, second);
    check(&first, Outcome::Ok, Some(200), "");
    check(&second, Outcome::Ok, Some(200), "");
}

/// A target whose first connection answers once and then hangs, with its socket open.
async fn freezing() -> (String, Transport) {
    target(|number, mut frames| async move {
        let stream = frames.request().await.unwrap();
        frames.answer(stream).await;
        if number == 0 {
            std::future::pending::<()>().await;
        }
        while let Some(stream) = frames.request().await {
            frames.answer(stream).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_connection_on_which_a_call_timed_out_is_not_used_again() {
    let (url, transport) = freezing().await;
    let caller = caller();
    check(&call_through(&caller, &url, &transport, get(LONG), false).await, Outcome::Ok, Some(200), "");
    let timed_out = call_through(&caller, &url, &transport, get(TIMEOUT), false).await;
    check(&timed_out, Outcome::Timeout, None, "no answer within 1s");
    for _ in 0..3 {
        check(&call_through(&caller, &url, &transport, get(LONG), false).await, Outcome::Ok, Some(200), "");
    }
}

#[tokio::test]
async fn a_frozen_connection_is_found_by_a_ping_long_before_the_timeout() {
    let (url, transport) = freezing().await;
    let caller = caller_with(Timing {
        ping_every: Duration::from_millis(100),
        ping_patience: Duration::from_millis(500),
        ..Timing::default()
    });
    check(&call_through(&caller, &url, &transport, get(LONG), false).await, Outcome::Ok, Some(200), "");
    let message = "the connection froze: the target's machine did not respond";
    let hour = Duration::from_secs(3600);
    check(&call_through(&caller, &url, &transport, get(hour), false).await, Outcome::Timeout, None, message);
    check(&call_through(&caller, &url, &transport, get(LONG), false).await, Outcome::Ok, Some(200), "");
}

#[tokio::test]
async fn a_target_that_is_only_slow_is_not_taken_for_frozen() {
    let (url, transport) = target(|_, mut frames| async move {
        let stream = frames.request().await.unwrap();
        // It answers pings, more than would be waited for, and then the request.
        let slow = tokio::time::timeout(Duration::from_secs(2), frames.request()).await;
        assert!(slow.is_err(), "another request");
        frames.answer(stream).await;
        frames.request().await;
    })
    .await;
    let caller = caller_with(Timing {
        ping_every: Duration::from_millis(50),
        ping_patience: Duration::from_secs(1),
        ..Timing::default()
    });
    check(&call_through(&caller, &url, &transport, get(LONG), false).await, Outcome::Ok, Some(200), "");
}

#[tokio::test]
async fn interim_answers_without_end_are_no_answer() {
    let (url, transport) = target(|_, mut frames| async move {
        let stream = frames.request().await.unwrap();
        for _ in 0..1_000 {
            frames.interim(stream).await;
        }
        frames.request().await;
    })
    .await;
    let message = "the target sends interim answers (1xx) without end";
    let answer = call_through(&caller(), &url, &transport, get(LONG), false).await;
    check(&answer, Outcome::InvalidResponse, None, message);
}
