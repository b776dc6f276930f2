use super::*;
use crate::http;

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_call_is_recorded_with_all_it_carried_and_answered_as_told() {
    let target = Target::start().await;
    let delay = Duration::from_millis(50);
    target.on("/slow", Answer::status(503).body("later").after(delay));
    let request = http::client().post(target.url("/slow?a=1")).header("x-a", "b");
    let response = request.body("hello").send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.text().await.unwrap(), "later");

    target.wait_for(SOON, "the end", |calls| calls[0].end.is_some()).await;
    let [call] = &target.calls("/slow")[..] else { panic!("one call") };
    assert_eq!((&*call.method, &*call.uri), ("POST", "/slow?a=1"));
    assert_eq!((call.header("x-a"), &call.body[..]), (Some("b"), &b"hello"[..]));
    assert!(call.end.unwrap() - call.start >= delay);
    assert!(call.answered);
}

#[tokio::test]
async fn a_caller_that_goes_away_is_seen() {
    let target = Target::start().await;
    target.on("/never", Answer::never());
    target.on("/drip", Answer::drip());
    target.on("/endless", Answer::endless());
    for path in ["/never", "/drip", "/endless"] {
        let request = http::client().get(target.url(path));
        let error = request.timeout(Duration::from_millis(100)).send().await;
        if let Ok(response) = error {
            assert!(response.bytes().await.unwrap_err().is_timeout(), "{path}");
        }
    }
    target.wait_for(SOON, "three ends", |calls| calls.len() == 3 && calls.iter().all(|call| call.end.is_some())).await;
    assert!(target.all_calls().iter().all(|call| !call.answered));
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let broken = Misbehaving::resetting().await;
    let error = http::client().get(broken.url("/")).send().await.unwrap_err();
    assert!(format!("{error:?}").contains("ConnectionReset"), "{error:?}");
    assert_eq!(broken.connections(), 1);
}
