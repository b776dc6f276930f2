//! HTTP/1: kept connections that a target closes, and what is sent again then.

use naptime_core::{Method, Outcome, Request, Transport};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::ground::{CUT, LONG, OK, TIMEOUT, Target, call_through, call_with, caller, check, get, in_a_child};

/// A target that answers the first request of each connection, and closes it at the second, which it has read.
async fn closing_at_the_second() -> Target {
    Target::start(|mut connection| async move {
        connection.read().await;
        let head = connection.requests.lock().unwrap().iter().all(|request| request.starts_with("HEAD"));
        connection.write(if head { b"HTTP/1.1 200 OK\r\n\r\n" } else { OK }).await;
        connection.read().await;
    })
    .await
}

#[tokio::test]
async fn a_kept_connection_closed_without_an_answer_is_followed_by_another() {
    async fn check_method(method: Method, repeatable: bool, expect: bool) {
        let target = closing_at_the_second().await;
        let (caller, transport) = (caller(), Transport::default());
        let request = Request { method, ..get(LONG) };
        let url = target.url("/");
        let first = call_through(&caller, &url, &transport, request.clone(), repeatable).await;
        assert_eq!(first.outcome, Outcome::Ok, "{first:?}");
        let second = call_through(&caller, &url, &transport, request, repeatable).await;
        if expect {
            let note = "(sent again: the target had closed the connection)";
            let message = if method == Method::Head { note.to_owned() } else { format!("hello\n{note}") };
            check(&second, Outcome::Ok, Some(200), &message);
            assert_eq!(target.requests().len(), 3);
        } else {
            check(&second, Outcome::ConnectionReset, None, CUT);
            assert_eq!(target.requests().len(), 2, "nobody can know whether it was processed");
        }
    }
    for method in Method::ALL {
        let idempotent = !matches!(method, Method::Post | Method::Patch);
        check_method(method, false, idempotent).await;
        check_method(method, true, true).await;
    }
}

#[tokio::test]
async fn what_may_have_been_processed_is_not_given_back_as_if_nothing_had_left() {
    if std::env::var_os("WITHOUT_DESCRIPTORS").is_none() {
        let test = "resend::what_may_have_been_processed_is_not_given_back_as_if_nothing_had_left";
        return in_a_child(test, &[("WITHOUT_DESCRIPTORS", "1")]).await;
    }
    let target = closing_at_the_second().await;
    let (caller, transport) = (caller(), Transport::default());
    call_through(&caller, &target.url("/"), &transport, get(LONG), false).await;
    // What is open stays open, but there are no further ones.
    let none = Rlimit { current: Some(3), ..getrlimit(Resource::Nofile) };
    setrlimit(Resource::Nofile, none).unwrap();
    let answer = call_through(&caller, &target.url("/"), &transport, get(LONG), false).await;
    let message = format!("{CUT}\n(sent again: the target had closed the connection)");
    check(&answer, Outcome::ConnectionReset, None, &message);
}

#[tokio::test]
async fn a_new_connection_closed_without_an_answer_is_the_end() {
    let target = Target::start(|mut connection| async move {
        connection.read().await;
    })
    .await;
    let answer = call_through(&caller(), &target.url("/"), &Transport::default(), get(LONG), true).await;
    check(&answer, Outcome::ConnectionReset, None, CUT);
    assert_eq!(target.requests().len(), 1);
}

#[tokio::test]
async fn half_an_answer_is_the_end() {
    let target = Target::start(|mut connection| async move {
        connection.read().await;
        connection.write(OK).await;
        connection.read().await;
        connection.write(b"HTTP/1.1 2").await;
    })
    .await;
    let (caller, transport) = (caller(), Transport::default());
    call_through(&caller, &target.url("/"), &transport, get(LONG), true).await;
    let answer = call_through(&caller, &target.url("/"), &transport, get(LONG), true).await;
    check(&answer, Outcome::ConnectionReset, None, CUT);
    assert_eq!(target.requests().len(), 2);
}

#[tokio::test]
async fn what_is_sent_again_is_sent_within_the_same_deadline() {
    // The second connection never answers.
    let target = Target::start(|mut connection| async move {
        if connection.number == 0 {
            connection.read().await;
            connection.write(OK).await;
            connection.read().await;
        } else {
            while connection.read().await {}
        }
    })
    .await;
    let (caller, transport) = (caller(), Transport::default());
    call_through(&caller, &target.url("/"), &transport, get(LONG), false).await;
    let started = Instant::now();
    let answer = call_through(&caller, &target.url("/"), &transport, get(TIMEOUT), false).await;
    let message = "no answer within 1s\n(sent again: the target had closed the connection)";
    check(&answer, Outcome::Timeout, None, message);
    assert!(started.elapsed() < TIMEOUT * 15);
}

#[tokio::test]
async fn a_connection_on_which_a_call_timed_out_is_closed() {
    let (events, mut seen) = mpsc::unbounded_channel();
    let target = Target::start(move |mut connection| {
        let events = events.clone();
        async move {
            while connection.read().await {}
            let _ = events.send("closed");
        }
    })
    .await;
    let caller = caller();
    check(&call_with(&caller, &target.url("/"), &get(TIMEOUT)).await, Outcome::Timeout, None, "no answer within 1s");
    assert_eq!(seen.recv().await, Some("closed"));
}
