//! Calls that are signed as Standard Webhooks says, verified by another's program, and keys that are never shown.

use std::process::Stdio;

use naptime_tests::naptime::Start;
use naptime_tests::target::{Call, Target};
use naptime_tests::tools;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::web::{SOON, Web, on_both_stores};

on_both_stores!(
    calls_are_signed_with_each_key_and_keys_are_not_shown,
    a_one_off_job_may_be_signed,
    what_is_no_key_is_named,
);

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEXT: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// Whether a target that has this key takes the call for ours.
pub(crate) async fn is_verified(call: &Call, key: &str) -> bool {
    const VERIFY: &str = "
import json, sys
from standardwebhooks import Webhook, WebhookVerificationError
call = json.load(sys.stdin)
try:
    Webhook(call['key']).verify(call['body'], call['headers'], json_parse=False)
except WebhookVerificationError:
    sys.exit(3)
";
    let header = |name: &str| call.header(name).map(str::to_owned);
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers: serde_json::Map<String, Value> =
        names.into_iter().map(|name| (name.into(), json!(header(name)))).collect();
    let told = json!({"key": key, "body": String::from_utf8(call.body.to_vec()).unwrap(), "headers": headers});
    let mut python = Command::new("python3")
        .args(["-c", VERIFY])
        .env("PYTHONPATH", tools::python_path(&["standardwebhooks"]))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = python.stdin.take().unwrap();
    stdin.write_all(told.to_string().as_bytes()).await.unwrap();
    drop(stdin);
    match python.wait().await.unwrap().code() {
        Some(0) => true,
        Some(3) => false,
        other => panic!("it could not be verified: {other:?}"),
    }
}

/// The next call of an endpoint.
async fn called(web: &Web, target: &Target, endpoint: &str) -> Call {
    target.forget();
    web.call_now(endpoint).await;
    target.wait_for(SOON, "a call", |calls| !calls.is_empty()).await;
    target.all_calls().remove(0)
}

async fn calls_are_signed_with_each_key_and_keys_are_not_shown(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let body = r#"{"say": "hello, wörld"}"#;
    let signed = json!({"method": "POST", "body": body, "sign": KEY});
    let endpoint = web.add_on_demand(&target.url("/"), &signed).await;
    let call = called(&web, &target, &endpoint).await;
    assert_eq!(call.header("webhook-id"), call.header("idempotency-key"));
    assert!(is_verified(&call, KEY).await && !is_verified(&call, NEXT).await);

    // A second key, while the first is still taken.
    let both = web.patch(&endpoint, &json!({"sign": ["••••", NEXT]})).await;
    assert_eq!((both.status, &both.value()["sign"]), (200, &json!(["••••", "••••"])), "{}", both.text);
    let call = called(&web, &target, &endpoint).await;
    assert!(is_verified(&call, KEY).await && is_verified(&call, NEXT).await);

    // What is shown may be sent back, and shows no key.
    let shown = web.get(&endpoint).await.value();
    let back = web.patch(&endpoint, &json!({"sign": shown["sign"], "name": "signed"})).await;
    assert_eq!(back.status, 200, "{}", back.text);
    let page = endpoint.replace("/api", "");
    for path in [endpoint.clone(), page.clone(), format!("{page}/edit"), "/api/endpoints".to_owned()] {
        let text = web.get(&path).await.text;
        assert!(!text.contains("whsec_M") && !text.contains("whsec_C"), "{path}: {text}");
    }
    assert!(is_verified(&called(&web, &target, &endpoint).await, NEXT).await);

    assert_eq!(web.patch(&endpoint, &json!({"sign": null})).await.value()["sign"], json!([]));
    assert_eq!(called(&web, &target, &endpoint).await.header("webhook-signature"), None);
}

async fn a_one_off_job_may_be_signed(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let reply = web.post("/api/jobs", &json!({"url": target.url("/once"), "sign": [KEY]})).await;
    assert_eq!((reply.status, &reply.value()["sign"]), (202, &json!(["••••"])), "{}", reply.text);
    target.wait_for(SOON, "a call", |calls| !calls.is_empty()).await;
    assert!(is_verified(&target.all_calls()[0], KEY).await);
}

async fn what_is_no_key_is_named(start: Start) {
    let web = Web::start(start).await;
    let refused = async |sign: Value, code: &str| {
        let new = json!({"url": "https://example.com/", "every": "1h", "sign": sign});
        web.post("/api/endpoints", &new).await.is_problem(422, code, "sign");
    };
    refused(json!("secret"), "not_a_key").await;
    refused(json!("whsec_dG9vIHNob3J0"), "not_a_key").await;
    refused(json!([KEY, KEY, KEY]), "too_many").await;
    refused(json!("••••"), "masked").await;
    refused(json!(7), "not_a_key").await;
    // A rule is shown to whoever may see rules.
    let rule = json!({"event": "x", "then": {"upsert": {"url": "https://example.com/", "every": "1h", "sign": KEY}}});
    let reply = web.json(reqwest::Method::PUT, "/api/rules/signs", rule.to_string()).await;
    reply.is_problem(422, "not_here", "then.upsert.sign");
}
