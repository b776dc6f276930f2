use std::sync::Mutex;

use naptime_core::answer::KeepIf;
use naptime_core::{Endpoint, Expect, Request, Statuses, Transport};

use super::*;
use crate::call::CallHeaders;

const SECOND: Duration = Duration::from_secs(1);

/// Calls `job://it` with these handlers, within a second.
async fn call_with(handlers: &Handlers, expect: &str) -> Answer {
    let endpoint = Endpoint::parse("job://it/daily?token=open-sesame").expect("a URL");
    let request = Request { timeout: SECOND, body: Some("hello".to_owned()), ..Request::default() };
    let due = Time::from_millis(1_767_323_045_006);
    let headers = CallHeaders {
        idempotency_key: "job-1".to_owned(),
        due,
        signature: None,
        traceparent: Some("00-1-2-01".to_owned()),
    };
    let call = Call {
        endpoint: &endpoint,
        request: &request,
        success: &Statuses::success(),
        expect: &Expect::read(expect.lines()).expect("conditions"),
        headers: &headers,
        transport: &Transport::default(),
        repeatable: false,
        keep: KeepIf::default(),
        attempt: 2,
        now: due,
    };
    handlers.call("it", call).await
}

async fn call<F, Called>(handler: F) -> Answer
where
    F: Fn(HandlerCall) -> Called + Send + Sync + 'static,
    Called: Future<Output = Result<&'static str, Failure>> + Send + 'static,
{
    let mut handlers = Handlers::default();
    handlers.add("it", handler).expect("a name");
    call_with(&handlers, "").await
}

#[track_caller]
fn check(answer: &Answer, outcome: Outcome, status: Option<u16>, message: &str) {
    assert_eq!((answer.outcome, answer.status, answer.message.as_str()), (outcome, status, message));
}

#[tokio::test]
async fn a_handler_is_told_of_its_call() {
    let told = Arc::new(Mutex::new(None));
    let keep = told.clone();
    let answer = call(move |call| {
        *keep.lock().expect("no panic") = Some(call);
        async { Ok("done\nand\nmore") }
    })
    .await;
    check(&answer, Outcome::Ok, Some(200), "done\nand");
    let told = told.lock().expect("no panic").take().expect("it was called");
    assert_eq!((told.attempt, &*told.idempotency_key, &*told.path), (2, "job-1", "/daily?token=open-sesame"));
    assert_eq!((told.due.millis(), told.body.as_deref()), (1_767_323_045_006, Some("hello")));
    assert_eq!(told.traceparent.as_deref(), Some("00-1-2-01"));
    assert!(told.cancelled.is_cancelled(), "it is over");
}

#[tokio::test]
async fn a_failure_has_the_status_by_which_it_is_retried() {
    let answer = call(|_| async { Err(Failure::new("out of paper").retry_after(7 * SECOND)) }).await;
    check(&answer, Outcome::Failed, Some(503), "out of paper");
    assert_eq!(answer.retry_after, Some(RetryAfter::For(7 * SECOND)));
    let answer = call(|_| async { Err(Failure::for_good("no open-sesame for you")) }).await;
    assert_eq!((answer.outcome, answer.status, answer.retry_after), (Outcome::Failed, Some(500), None));
    assert!(!answer.message.contains("sesame"), "{}", answer.message);
    let answer = call(|_| async { Err("x".parse::<u8>().map(|_| "").expect_err("no number").into()) }).await;
    check(&answer, Outcome::Failed, Some(503), "invalid digit found in string");
}

fn disco() -> &'static str {
    panic!("at the {}", "disco")
}

#[tokio::test]
async fn a_panic_is_a_failure() {
    let answer = call(|_| async { Ok(disco()) }).await;
    check(&answer, Outcome::Failed, Some(500), "the handler panicked: at the disco");
    let before_its_future = |call: HandlerCall| {
        assert!(call.attempt == 0, "too late");
        async { Ok("") }
    };
    check(&call(before_its_future).await, Outcome::Failed, Some(500), "the handler panicked: too late");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_too_long_is_cut() {
    let (told, cut) = (Arc::new(Mutex::new(None)), CancellationToken::new());
    let (keep, guard) = (told.clone(), cut.clone());
    let answer = call(move |call| {
        *keep.lock().expect("no panic") = Some(call.cancelled);
        let guard = guard.clone().drop_guard();
        async move {
            let _guard = guard;
            std::future::pending().await
        }
    })
    .await;
    check(&answer, Outcome::Timeout, None, "no answer within 1s");
    let cancelled = told.lock().expect("no panic").take().expect("it was called");
    assert!(cut.is_cancelled() && cancelled.is_cancelled());
}

#[tokio::test]
async fn what_it_says_must_be_as_expected() {
    let mut handlers = Handlers::default();
    handlers.add("it", |_| async { Ok("all is fine") }).expect("a name");
    check(&call_with(&handlers, "body contains fine").await, Outcome::Ok, Some(200), "all is fine");
    let answer = call_with(&handlers, "body contains \"more than that\"").await;
    assert_eq!((answer.outcome, answer.status), (Outcome::Failed, Some(200)));
    assert!(answer.message.ends_with("\nall is fine"), "{}", answer.message);
}

#[tokio::test]
async fn a_handler_that_is_missing_is_named() {
    let answer = call_with(&Handlers::default(), "").await;
    check(&answer, Outcome::ConnectionFailed, None, "no handler `it` in this worker");
}

#[test]
fn names_are_those_of_urls() {
    for (name, is_name) in [
        ("hello", true),
        ("a-b_c.2", true),
        ("Hello", false),
        ("", false),
        ("a/b", false),
        ("a b", false),
        ("..", false),
    ] {
        let added = Handlers::default().add(name, |_| async { Ok("") });
        assert_eq!(added.is_ok(), is_name, "{name}");
    }
}
