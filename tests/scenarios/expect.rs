//! What an answer must say beside its status.

use naptime_tests::naptime::Start;
use naptime_tests::target::{Answer, Target};
use serde_json::{Value, json};

use super::web::{Web, on_both_stores};

on_both_stores!(
    an_answer_that_does_not_say_what_is_expected_has_failed,
    what_is_no_condition_is_named,
    what_is_expected_is_changed_on_the_form,
);

async fn called(web: &Web, endpoint: &str, count: usize) -> Value {
    web.call_now(endpoint).await;
    web.runs(endpoint, count).await.remove(count - 1)
}

async fn an_answer_that_does_not_say_what_is_expected_has_failed(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let expect = json!(["json $.status is ok", "body lacks secret-1", "header x-shop is 3", "took at most 20s"]);
    let more = json!({"expect": expect, "headers": {"X-Api-Key": "secret-17"}});
    let endpoint = web.add_on_demand(&target.url("/"), &more).await;
    assert_eq!(web.get(&endpoint).await.value()["expect"], expect);
    let says = |body: &str| target.on("/", Answer::ok().header("x-shop", "3").body(body.to_owned()));
    let ended =
        |run: &Value| (run["outcome"].clone(), run["status"].clone(), run["message"].as_str().unwrap().to_owned());

    says(r#"{"status": "ok"}"#);
    assert_eq!(ended(&called(&web, &endpoint, 1).await), (json!("ok"), json!(200), r#"{"status": "ok"}"#.to_owned()));
    says(r#"{"status": "error"}"#);
    let run = called(&web, &endpoint, 2).await;
    let message = "expected: json $.status is ok; it is \"error\"\n{\"status\": \"error\"}";
    assert_eq!(ended(&run), (json!("failed"), json!(200), message.to_owned()));
    // What was sent in confidence is not told as what was found.
    says(r#"{"status": "secret-17"}"#);
    let (_, _, message) = ended(&called(&web, &endpoint, 3).await);
    assert!(message.contains("it is \"••••\"") && !message.contains("secret-17"), "{message}");
    target.on("/", Answer::ok().body(r#"{"status": "ok"}"#));
    let (_, _, message) = ended(&called(&web, &endpoint, 4).await);
    assert!(message.starts_with("expected: header x-shop is 3; there is none\n"), "{message}");
    // Another status has failed as it is.
    target.on("/", Answer::status(500).body("no disk"));
    assert_eq!(ended(&called(&web, &endpoint, 5).await).2, "no disk");
    let (job, id) = (run["job"].as_str().unwrap(), run["id"].as_str().unwrap());
    let page = web.get(&format!("/runs/{job}/{id}")).await.text;
    assert!(page.contains("expected: json $.status is ok") && page.contains("failed 200"), "{page}");
}

async fn what_is_no_condition_is_named(start: Start) {
    let web = Web::start(start).await;
    let refused = async |expect: Value, code: &str| {
        let reply =
            web.post("/api/endpoints", &json!({"url": "http://127.0.0.1:9/", "every": "1d", "expect": expect})).await;
        reply.is_problem(422, code, "expect");
        reply.text
    };
    let said = refused(json!(["body contains ok", "body has ok"]), "unknown_test").await;
    assert!(said.contains("`body has ok`"), "{said}");
    refused(json!("json status is ok"), "unknown_test").await;
    refused(json!(["body matches ("]), "unknown_test").await;
    refused(json!({"body": "ok"}), "wrong_type").await;
    refused(json!([7]), "wrong_type").await;
    refused(json!(vec!["took at most 5s"; 11]), "too_many").await;
    // What would keep a worker from its other calls.
    for much in
        [r#"json $[?search(@.a,"\\p{L}{80}")] exists"#, "json $[?count($[*])>1] exists", "json $..*..*..* exists"]
    {
        refused(json!([much]), "unknown_test").await;
    }
    assert_eq!(web.items("/api/endpoints").await, [Value::Null; 0]);
    // A one-off job expects as much.
    let job = json!({"url": "http://127.0.0.1:9/", "in": "1h", "expect": ["says ok"]});
    web.post("/api/jobs", &job).await.is_problem(422, "unknown_condition", "expect");
}

async fn what_is_expected_is_changed_on_the_form(start: Start) {
    let web = Web::start(start).await;
    let fields = [("url", "http://127.0.0.1:9/a"), ("timing", "every"), ("every", "1d"), ("expect", "body has ok")];
    let page = web.form("/endpoints/new", &fields).await;
    assert!(page.text.contains("Expects") && page.text.contains("`body has ok`"), "{}", page.text);
    let fields = [
        ("url", "http://127.0.0.1:9/a"),
        ("timing", "every"),
        ("every", "1d"),
        ("expect", "body contains a, b\r\n\r\ntook at most 5s"),
    ];
    let page = web.form("/endpoints/new", &fields).await.header("location").to_owned();
    let path = format!("/api{}", page.split('?').next().unwrap());
    assert_eq!(web.get(&path).await.value()["expect"], json!(["body contains a, b", "took at most 5s"]));
    let form = web.get(&format!("{page}/edit")).await.text;
    assert!(form.contains("body contains a, b\ntook at most 5s</textarea>"), "{form}");
    let shown = web.get(&page).await.text;
    assert!(shown.contains("<li>body contains a, b</li>"), "{shown}");
}
