//! Where calls may go.

use naptime_core::{AllowedNetworks, Outcome};
use naptime_worker::call::Caller;

use super::ground::{LONG, OK, Target, call, call_with, check, get};

#[tokio::test]
async fn addresses_that_may_not_be_called_are_not_connected_to() {
    async fn check_blocked(url: &str, host: &str) {
        let caller = Caller::new(AllowedNetworks::public_only(), "1").unwrap();
        let message = format!("{host} is in a network that may not be called (see NAPTIME_ALLOW_NETWORKS)");
        check(&call_with(&caller, url, &get(LONG)).await, Outcome::BlockedAddress, None, &message);
    }
    let target = Target::start(|connection| async move {
        connection.requests.lock().unwrap().push("connected".to_owned());
    })
    .await;
    let port = target.address.port();
    check_blocked(&target.url("/"), "127.0.0.1").await;
    check_blocked(&format!("http://127.1:{port}/"), "127.0.0.1").await;
    check_blocked(&format!("http://2130706433:{port}/"), "127.0.0.1").await;
    check_blocked(&format!("http://localhost:{port}/"), "localhost").await;
    check_blocked(&format!("http://LocalHost:{port}/"), "localhost").await;
    check_blocked(&format!("http://[::1]:{port}/"), "::1").await;
    check_blocked(&format!("http://[::ffff:10.0.0.1]:{port}/"), "::ffff:10.0.0.1").await;
    check_blocked("http://169.254.169.254/latest/meta-data", "169.254.169.254").await;
    check_blocked("https://10.0.0.1/", "10.0.0.1").await;
    assert_eq!(target.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_name_reaches_an_allowed_address() {
    let target = Target::answering(OK).await;
    let answer = call(&format!("http://localhost:{}/", target.address.port()), LONG).await;
    check(&answer, Outcome::Ok, Some(200), "hello");
}

#[tokio::test]
async fn an_unknown_name_is_dns_not_found() {
    let answer = call("http://nonexistent.invalid/?key=secret", LONG).await;
    assert_eq!((answer.outcome, answer.status), (Outcome::DnsNotFound, None), "{answer:?}");
    assert!(answer.message.starts_with("nonexistent.invalid: "), "{answer:?}");
}
