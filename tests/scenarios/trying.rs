//! What one does with a form before anything is saved: fill it in from a command, and make the call once.

use naptime_tests::naptime::Start;
use naptime_tests::target::{Answer, Target};
use reqwest::Method;
use serde_json::{Value, json};

use super::web::{Web, on_both_stores, send};

on_both_stores!(
    a_form_is_filled_in_from_a_curl_command,
    a_test_call_is_made_before_anything_is_saved,
    what_was_done_is_said_once,
);

async fn a_form_is_filled_in_from_a_curl_command(start: Start) {
    let web = Web::start(start).await;
    assert!(web.get("/endpoints/new").await.text.contains("Fill in from a curl command"));
    let command = "curl -L -X PUT https://example.com/a -H 'X-Shop: 3' -d 'x=<1>' -m 7";
    let page = web.form("/endpoints/curl", &[("curl", command)]).await;
    assert_eq!(page.status, 200, "{}", page.text);
    for part in [
        "value=\"https://example.com/a\"",
        "value=\"PUT\" selected",
        "X-Shop: 3\nContent-Type: application/x-www-form-urlencoded",
        "x=&lt;1&gt;",
        "value=\"7s\"",
        "-L (redirects are not followed)",
    ] {
        assert!(page.text.contains(part), "{part} is missing: {}", page.text);
    }
    let refused = web.form("/endpoints/curl", &[("curl", "wget https://example.com/<b>")]).await;
    assert_eq!(refused.status, 422);
    for part in ["it begins with `wget`", "wget https://example.com/&lt;b&gt;"] {
        assert!(refused.text.contains(part), "{part} is missing: {}", refused.text);
    }
}

async fn a_test_call_is_made_before_anything_is_saved(start: Start) {
    let target = Target::start().await;
    target.on("/hook", Answer::status(500).body("no ink"));
    let web = Web::start(start).await;
    let typed = [("timing", "every"), ("url", &*target.url("/hook")), ("method", "POST"), ("name", "charge")];
    let reply = web.form("/endpoints/test", &typed).await;
    assert_eq!(reply.status, 303, "{}", reply.text);
    let page = reply.header("location").to_owned();
    let job = web.job_is(&format!("/api{page}"), "failed").await;
    assert_eq!((&job["name"], &job["method"]), (&json!("Test call: charge"), &json!("POST")));
    assert_eq!(target.calls("/hook").len(), 1, "it is tried once");
    let run = web.items("/api/runs").await.remove(0);
    let (of, id) = (run["job"].as_str().unwrap(), run["id"].as_str().unwrap());
    assert_eq!(web.get(&format!("/api/runs/{of}/{id}")).await.value()["transcript"]["body"], "no ink");
    assert_eq!(web.items("/api/endpoints").await, [] as [Value; 0], "nothing is saved");

    // Of an endpoint that is there, what is typed is called with what is stored and not shown.
    let more = json!({"headers": {"Authorization": "Bearer open-sesame"}});
    let endpoint = web.add_on_demand(&target.url("/stored"), &more).await;
    let id = endpoint.rsplit('/').next().unwrap();
    let typed = [("id", id), ("timing", "every"), ("url", &*target.url("/typed")), ("headers", "Authorization: ••••")];
    assert_eq!(web.form("/endpoints/test", &typed).await.status, 303);
    let calls = target.wait_for(super::web::SOON, "a call", |calls| calls.iter().any(|it| it.path() == "/typed"));
    calls.await;
    assert_eq!(target.calls("/typed")[0].header("authorization"), Some("Bearer open-sesame"));

    let refused = web.form("/endpoints/test", &[("timing", "every"), ("url", "nonsense")]).await;
    assert!(refused.status == 422 && refused.text.contains("nonsense"), "{}", refused.text);
}

async fn what_was_done_is_said_once(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let endpoint = web.add_on_demand(&target.url("/"), &json!({})).await;
    let page = endpoint.trim_start_matches("/api");
    let reply = web.form(&format!("{page}/call"), &[]).await;
    let cookie = reply.header("set-cookie").split(';').next().unwrap().to_owned();
    assert_eq!((reply.status, cookie.as_str()), (303, "naptime_done=call"));
    let told = send(web.request(Method::GET, page).header("cookie", cookie)).await;
    assert!(told.text.contains("It is called now.") && told.header("set-cookie").contains("Max-Age=0"), "{told:?}");
    for other in ["naptime_done=nonsense", "naptime_done=<nav-x>"] {
        let page = send(web.request(Method::GET, page).header("cookie", other)).await;
        assert!(!page.text.contains("It is called now.") && !page.text.contains("nav-x"), "{}", page.text);
    }
    let refused = web.form("/endpoints/new", &[("url", "nonsense")]).await;
    assert_eq!((refused.status, refused.header("set-cookie")), (422, ""), "nothing was done");
}
