//! Whoever asked for it is told of a problem, once when it opens and once when it ends, whatever dies in between.

use naptime_tests::naptime::Start;
use naptime_tests::target::{Answer, Call, Target};
use naptime_tests::{MailServer, Naptime, eventually, mongo};
use reqwest::Method;
use serde_json::{Value, json};

use super::sign::is_verified;
use super::web::{Reply, SOON, Web, on_both_stores};

on_both_stores!(
    each_receiver_is_told_once_when_it_opens_and_once_when_it_ends,
    the_death_of_a_host_is_one_alert_and_its_return_one,
    every_kind_of_receiver_gets_its_own_form,
    what_is_muted_is_not_told_and_what_is_known_is_not_told_again,
    secrets_of_receivers_are_not_shown,
    a_receiver_is_added_tried_and_deleted_on_the_pages,
    what_is_wrong_with_a_receiver_is_named,
);

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
async fn put(web: &Web, name: &str, receiver: &Value) -> Reply {
    web.json(Method::PUT, &format!("/api/receivers/{name}"), receiver.to_string()).await
}

async fn add(web: &Web, name: &str, receiver: Value) {
    let reply = put(web, name, &receiver).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
}

/// An endpoint of every second that is called once each time.
async fn every_second(web: &Web, url: &str, name: &str) -> String {
    let new = json!({"url": url, "name": name, "every": "1s", "active": true, "retry": {"attempts": 1}});
    web.add(new).await.0
}

fn body(call: &Call) -> Value {
    serde_json::from_slice(&call.body).unwrap()
}

/// What a webhook was told so far, each as `type: whose`.
fn told(target: &Target, path: &str) -> Vec<String> {
    let say = |call: &Call| {
        let body = body(call);
        let whose = body["data"]["problem"]["title"].as_str().unwrap_or_default().to_owned();
        format!("{}: {whose}", body["type"].as_str().unwrap())
    };
    target.calls(path).iter().map(say).collect()
}

/// Waits until a webhook was told this, and no more.
async fn is_told(target: &Target, path: &str, expect: &[&str]) {
    let what = format!("{path} is told {expect:?}");
    // The return of a host is told once it has lasted.
    eventually(2 * SOON, &what, async || (told(target, path).len() >= expect.len()).then_some(())).await;
    assert_eq!(told(target, path), expect);
}

async fn each_receiver_is_told_once_when_it_opens_and_once_when_it_ends(start: Start) {
    let (target, mail) = (Target::start().await, MailServer::start().await);
    let start = start.env("SMTP_URL", mail.url()).env("SMTP_FROM", "Naptime <naptime@a.test>");
    let web = Web::start(start.env("NAPTIME_URL", "https://naptime.test/")).await;
    add(&web, "hook", json!({"kind": "webhook", "url": target.url("/hook"), "sign": KEY})).await;
    add(&web, "chat", json!({"kind": "slack", "url": target.url("/chat")})).await;
    add(&web, "ops", json!({"kind": "email", "to": ["ops@a.test", "dev@a.test"]})).await;
    every_second(&web, &target.url("/fine"), "fine").await;
    target.on("/charge", Answer::status(500).body("out of paper"));
    let charge = every_second(&web, &target.url("/charge"), "charge <cards>").await;
    target.wait_for(SOON, "the first failure", |calls| calls.iter().any(|call| call.path() == "/charge")).await;
    let whole = async || {
        (!target.calls("/hook").is_empty() && !target.calls("/chat").is_empty() && mail.messages().len() >= 2)
            .then_some(())
    };
    eventually(SOON, "everybody is told", whole).await;

    let hook = target.calls("/hook").remove(0);
    let said = body(&hook);
    assert_eq!(said["type"], "problem.opened");
    let problem = &said["data"]["problem"];
    assert_eq!((&problem["kind"], &problem["severity"]), (&json!("failing"), &json!("bad")), "{said}");
    assert!(problem["message"].as_str().unwrap().contains("out of paper"), "{said}");
    let page = charge.replace("/api", "https://naptime.test");
    assert_eq!(said["data"]["url"], json!(page), "{said}");
    assert!(is_verified(&hook, KEY).await);
    let chat = body(&target.calls("/chat")[0]);
    let text = chat["text"].as_str().unwrap();
    assert!(text.contains("charge &lt;cards&gt;: failing") && text.contains(&page), "{chat}");
    assert!(chat["attachments"][0]["text"].as_str().unwrap().contains("out of paper"), "{chat}");
    let messages = mail.messages();
    let mut to: Vec<&str> = messages.iter().map(|message| message["to"][0].as_str().unwrap()).collect();
    to.sort_unstable();
    assert_eq!(to, ["dev@a.test", "ops@a.test"]);
    assert_eq!(
        (&messages[0]["subject"], &messages[0]["from"]),
        (&json!("charge <cards>: failing"), &json!("naptime@a.test"))
    );
    assert!(messages[0]["text"].as_str().unwrap().contains(&page), "{messages:?}");

    target.on("/charge", Answer::ok());
    is_told(&target, "/hook", &["problem.opened: charge <cards>", "problem.ended: charge <cards>"]).await;
    let messages = mail.wait_for(SOON, 4).await;
    assert_eq!((messages.len(), &messages[3]["subject"]), (4, &json!("Over: charge <cards>: failing")));
    eventually(SOON, "the chat is told", async || (target.calls("/chat").len() >= 2).then_some(())).await;
    assert_eq!(target.calls("/chat").len(), 2);
    // Each was a job like any other.
    let are_done = async || {
        let sent = web.items("/api/jobs?tag=naptime-alert").await;
        (sent.len() == 8 && sent.iter().all(|job| job["state"] == "done")).then_some(())
    };
    eventually(SOON, "eight deliveries are done", are_done).await;
}

async fn the_death_of_a_host_is_one_alert_and_its_return_one(start: Start) {
    let (host, target) = (Target::start().await, Target::start().await);
    let web = Web::start(start).await;
    add(&web, "hook", json!({"kind": "webhook", "url": target.url("/hook")})).await;
    for n in 0..5 {
        host.on(&format!("/{n}"), Answer::status(503));
        every_second(&web, &host.url(&format!("/{n}")), &n.to_string()).await;
    }
    let pool = host.url("").trim_end_matches('/').to_owned();
    is_told(&target, "/hook", &[&format!("problem.opened: {pool}")]).await;
    (0..5).for_each(|n| host.on(&format!("/{n}"), Answer::ok()));
    is_told(&target, "/hook", &[&format!("problem.opened: {pool}"), &format!("problem.ended: {pool}")]).await;
}

/// An alert that could not be delivered when everything was killed is, afterwards: under the same id, and once.
#[tokio::test]
async fn nothing_is_lost_or_doubled_when_all_are_killed_in_between() {
    let database = mongo::fresh_database().await;
    let target = Target::start().await;
    let web = Web::start(Naptime::web(&database)).await;
    add(&web, "hook", json!({"kind": "webhook", "url": target.url("/hook")})).await;
    target.on("/charge", Answer::status(500));
    target.on("/hook", Answer::status(503));
    every_second(&web, &target.url("/charge"), "charge").await;
    target.wait_for(SOON, "a delivery", |calls| calls.iter().any(|call| call.path() == "/hook")).await;
    web.naptime.kill9();
    let first = target.calls("/hook").remove(0);
    target.forget();
    target.on("/hook", Answer::ok());
    // Its lease has to run out, if it was killed while it called.
    let web = Web::start(Naptime::web(&database)).await;
    eventually(2 * SOON, "it is delivered", async || (!target.calls("/hook").is_empty()).then_some(())).await;
    let again = target.calls("/hook").remove(0);
    assert_eq!(again.header("idempotency-key"), first.header("idempotency-key"));
    assert_eq!(again.body, first.body);
    target.on("/charge", Answer::ok());
    is_told(&target, "/hook", &["problem.opened: charge", "problem.ended: charge"]).await;
    // What it knew of the problem is gone with it.
    let gone = async || web.items("/api/problems").await.is_empty().then_some(());
    eventually(SOON, "nothing is wrong", gone).await;
}

async fn every_kind_of_receiver_gets_its_own_form(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start.env("NAPTIME_URL", "https://naptime.test")).await;
    add(&web, "teams", json!({"kind": "teams", "url": target.url("/teams")})).await;
    add(&web, "phone", json!({"kind": "ntfy", "url": target.url("/our-topic"), "token": "tk_secret"})).await;
    add(&web, "group", json!({"kind": "telegram", "url": target.url("/"), "token": "1:word", "chat": "-7"})).await;
    add(&web, "pager", json!({"kind": "pagerduty", "url": target.url("/v2/enqueue"), "routing_key": "r0ut1ng"})).await;
    target.on("/charge", Answer::status(500));
    every_second(&web, &target.url("/charge"), "charge").await;
    let paths = ["/teams", "/", "/bot1:word/sendMessage", "/v2/enqueue"];
    let all = |count: usize| {
        move |calls: &[Call]| paths.iter().all(|path| calls.iter().filter(|it| it.path() == *path).count() >= count)
    };
    target.wait_for(SOON, "all are told", all(1)).await;
    let said = |path: &str| body(&target.calls(path)[0]);
    let card = &said("/teams")["attachments"][0];
    assert_eq!(card["contentType"], "application/vnd.microsoft.card.adaptive");
    assert_eq!(card["content"]["body"][0]["text"], "charge: failing");
    let note = &target.calls("/")[0];
    assert_eq!(note.header("authorization"), Some("Bearer tk_secret"));
    assert_eq!((&body(note)["topic"], &body(note)["title"]), (&json!("our-topic"), &json!("charge: failing")));
    assert_eq!(said("/bot1:word/sendMessage")["chat_id"], "-7");
    assert!(said("/bot1:word/sendMessage")["text"].as_str().unwrap().starts_with("charge: failing\n"));
    let opened = said("/v2/enqueue");
    assert_eq!((&opened["event_action"], &opened["routing_key"]), (&json!("trigger"), &json!("r0ut1ng")));
    assert_eq!(
        (&opened["payload"]["severity"], &opened["payload"]["summary"]),
        (&json!("critical"), &json!("charge: failing"))
    );
    target.on("/charge", Answer::ok());
    target.wait_for(SOON, "all are told of the end", all(2)).await;
    let ended = body(&target.calls("/v2/enqueue")[1]);
    assert_eq!((&ended["event_action"], &ended["dedup_key"]), (&json!("resolve"), &opened["dedup_key"]));
}

async fn what_is_muted_is_not_told_and_what_is_known_is_not_told_again(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    add(&web, "hook", json!({"kind": "webhook", "url": target.url("/hook")})).await;
    let muted = every_second(&web, &target.url("/muted"), "muted").await;
    let id = muted.rsplit('/').next().unwrap();
    let reply = web.post("/api/mutes", &json!({"endpoint": id, "for": "1h", "note": "moving house"})).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    let mute = reply.value()["id"].as_str().unwrap().to_owned();
    target.on("/muted", Answer::status(500));
    target.on("/charge", Answer::status(500));
    every_second(&web, &target.url("/charge"), "charge").await;
    is_told(&target, "/hook", &["problem.opened: charge"]).await;
    let of = |found: &Value, name: &str| {
        let items = found["items"].as_array().unwrap();
        items.iter().find(|it| it["endpoint"]["name"] == name).cloned()
    };
    let problems = async || web.get("/api/problems").await.value();
    let both = async || Some(problems().await).filter(|found| found["total"] == 2);
    let found = eventually(SOON, "both are listed", both).await;
    let (one, other) = (of(&found, "muted").unwrap(), of(&found, "charge").unwrap());
    assert!(one["muted_until"].is_string() && other["muted_until"].is_null(), "{found}");
    assert_eq!((&one["told"], &other["told"]), (&json!([]), &json!(["hook"])));
    let page = web.get("/").await.text;
    assert!(page.contains("Muted: ends") && page.contains("Acknowledge"), "{page}");
    assert!(web.get("/alerts").await.text.contains("moving house"));

    let known = web.post("/api/problems/acknowledge", &json!({"id": other["id"]})).await;
    assert_eq!(known.status, 204, "{}", known.text);
    assert!(of(&problems().await, "charge").unwrap()["acknowledged_at"].is_string());
    web.post("/api/problems/acknowledge", &json!({"id": "endpoint:none"})).await.is_problem(404, "not_found", "id");
    web.form("/alerts/acknowledge", &[("id", other["id"].as_str().unwrap())]).await.leads_to("/");

    // Once it is no longer muted, it is told.
    assert_eq!(web.delete(&format!("/api/mutes/{mute}")).await.status, 204);
    is_told(&target, "/hook", &["problem.opened: charge", "problem.opened: muted"]).await;
    assert_eq!(web.items("/api/mutes").await, Vec::<Value>::new());
    web.delete(&format!("/api/mutes/{mute}")).await.is_problem(404, "not_found", "id");
}

async fn secrets_of_receivers_are_not_shown(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    add(&web, "hook", json!({"kind": "webhook", "url": target.url("/s3cret-path"), "sign": KEY})).await;
    add(&web, "group", json!({"kind": "telegram", "url": target.url("/"), "token": "1:s3cret-word", "chat": "7"}))
        .await;
    add(&web, "pager", json!({"kind": "pagerduty", "url": target.url("/x"), "routing_key": "s3cret-key"})).await;
    let mut jobs = Vec::new();
    for name in ["hook", "group", "pager"] {
        let reply = web.post(&format!("/api/receivers/{name}/test"), &json!({})).await;
        assert_eq!(reply.status, 202, "{}", reply.text);
        jobs.push(reply.value()["jobs"][0].as_str().unwrap().to_owned());
    }
    target.wait_for(SOON, "three tests", |calls| calls.len() >= 3).await;
    let mut paths: Vec<String> =
        ["/api/receivers", "/alerts", "/api/jobs", "/jobs", "/pools"].map(str::to_owned).into();
    for name in ["hook", "group", "pager"] {
        paths.extend([format!("/api/receivers/{name}"), format!("/alerts/receivers/{name}")]);
    }
    for job in &jobs {
        let (api, page) = (format!("/api/jobs/{job}"), format!("/jobs/{job}"));
        eventually(SOON, "it is done", async || (web.get(&api).await.value()["state"] == "done").then_some(())).await;
        paths.extend([format!("{api}/runs"), api, page]);
    }
    for path in paths {
        let text = web.get(&path).await.text;
        assert!(!text.contains("s3cret") && !text.contains("whsec_M"), "{path}: {text}");
    }
    // What is shown may be sent back, and keeps what it was.
    let shown = web.get("/api/receivers/group").await.value();
    assert_eq!(put(&web, "group", &shown).await.status, 200);
    let shown = web.get("/api/receivers/hook").await.value();
    assert_eq!((&shown["url"], &shown["sign"]), (&json!(target.url("/••••")), &json!(["••••"])));
    assert_eq!(put(&web, "hook", &shown).await.status, 200);
    target.forget();
    web.post("/api/receivers/hook/test", &json!({})).await;
    web.post("/api/receivers/group/test", &json!({})).await;
    target.wait_for(SOON, "two tests", |calls| calls.len() >= 2).await;
    let hook = target.calls("/s3cret-path").remove(0);
    assert_eq!((&body(&hook)["type"], is_verified(&hook, KEY).await), (&json!("test"), true));
    assert_eq!(target.calls("/bot1:s3cret-word/sendMessage").len(), 1);
    // But not at another host.
    let mut moved = web.get("/api/receivers/group").await.value();
    moved["url"] = json!("https://other.test/");
    put(&web, "group", &moved).await.is_problem(422, "masked", "token");
}

async fn a_receiver_is_added_tried_and_deleted_on_the_pages(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let page = web.get("/alerts").await.text;
    assert!(page.contains("Nobody is told") && page.contains("/alerts/new?kind=slack"), "{page}");
    assert!(web.get("/alerts/new?kind=slack").await.text.contains("hooks.slack.com"));
    let url = target.url("/chat");
    let bad = web.form("/alerts/new", &[("kind", "slack"), ("name", "My chat"), ("url", "chat"), ("after", "x")]).await;
    assert_eq!(bad.status, 422, "{}", bad.text);
    for words in ["id=\"name-fault\"", "id=\"url-fault\"", "id=\"after-fault\"", "value=\"My chat\""] {
        assert!(bad.text.contains(words), "{words}: {}", bad.text);
    }
    let fields =
        [("kind", "slack"), ("name", "chat"), ("url", &url), ("severity", "bad"), ("quiet.within", "22:00-23:00")];
    web.form("/alerts/new", &fields).await.leads_to("/alerts");
    assert_eq!(web.form("/alerts/new", &fields).await.status, 422, "the name is taken");
    let page = web.get("/alerts").await.text;
    assert!(page.contains("what is bad") && page.contains("22:00-23:00"), "{page}");
    // The form shows what is stored, and may be sent as it is.
    let form = web.get("/alerts/receivers/chat").await.text;
    assert!(form.contains("22:00-23:00") && form.contains("••••") && !form.contains("/chat\""), "{form}");
    let shown = target.url("/••••");
    let again = [("kind", "slack"), ("url", &*shown), ("severity", ""), ("rev", "1")];
    web.form("/alerts/receivers/chat", &again).await.leads_to("/alerts");
    assert_eq!(web.form("/alerts/receivers/chat", &again).await.status, 409, "it has been changed since");
    let stored = web.get("/api/receivers/chat").await.value();
    assert_eq!((&stored["severity"], &stored["quiet"], &stored["rev"]), (&Value::Null, &Value::Null, &json!(2)));

    let test = web.form("/alerts/receivers/chat/test", &[]).await;
    assert!(test.status == 303 && test.header("location").starts_with("/jobs/"), "{}", test.text);
    target.wait_for(SOON, "a test", |calls| calls.iter().any(|call| call.path() == "/chat")).await;
    assert!(web.get(test.header("location")).await.text.contains("Naptime: test"));
    assert!(web.get("/alerts").await.text.contains("Naptime: test"));
    web.form("/alerts/receivers/chat/switch", &[("active", "false")]).await.leads_to("/alerts");
    assert_eq!(web.get("/api/receivers/chat").await.value()["active"], false);
    web.form("/alerts/receivers/chat/delete", &[]).await.leads_to("/alerts");
    web.get("/api/receivers/chat").await.is_problem(404, "not_found", "name");
    assert_eq!(web.get("/alerts/receivers/chat").await.status, 404);
}

async fn what_is_wrong_with_a_receiver_is_named(start: Start) {
    let web = Web::start(start).await;
    let url = "https://hooks.test/x";
    let refused = async |receiver: Value, code: &str, field: &str| {
        put(&web, "a", &receiver).await.is_problem(422, code, field);
    };
    refused(json!({}), "missing", "kind").await;
    refused(json!({"kind": "fax"}), "unknown_kind", "kind").await;
    refused(json!({"kind": "slack"}), "missing", "url").await;
    refused(json!({"kind": "slack", "url": "smtp://mail.test/ops@a.test"}), "bad_scheme", "url").await;
    refused(json!({"kind": "slack", "url": "http://10.0.0.1/"}), "blocked_address", "url").await;
    refused(json!({"kind": "slack", "url": "https://hooks.test/••••"}), "masked", "url").await;
    refused(json!({"kind": "slack", "url": url, "token": "x"}), "unknown_field", "token").await;
    refused(json!({"kind": "telegram", "chat": "7"}), "missing", "token").await;
    refused(json!({"kind": "pagerduty", "routing_key": "••••"}), "masked", "routing_key").await;
    refused(json!({"kind": "email", "to": []}), "bad_count", "to").await;
    refused(json!({"kind": "email", "to": "ops"}), "not_an_address", "to").await;
    refused(json!({"kind": "webhook", "url": url, "sign": "x"}), "not_a_key", "sign").await;
    refused(json!({"kind": "slack", "url": url, "kinds": "sad"}), "unknown_kind", "kinds").await;
    refused(json!({"kind": "slack", "url": url, "severity": 7}), "wrong_type", "severity").await;
    refused(json!({"kind": "slack", "url": url, "pools": "a.test"}), "no_scheme", "pools").await;
    refused(json!({"kind": "slack", "url": url, "repeat": "1s"}), "out_of_range", "repeat").await;
    refused(json!({"kind": "slack", "url": url, "quiet": {"tz": "Mars"}}), "unknown_zone", "quiet.tz").await;
    refused(json!({"kind": "slack", "url": url, "quiet": {}}), "missing", "quiet.within").await;
    put(&web, "Bad_Name", &json!({"kind": "slack", "url": url})).await.is_problem(422, "bad_name", "name");
    assert_eq!(web.items("/api/receivers").await, Vec::<Value>::new(), "nothing was stored");
    web.post("/api/receivers/a/test", &json!({})).await.is_problem(404, "not_found", "name");
    add(&web, "ops", json!({"kind": "email", "to": "ops@a.test"})).await;
    web.post("/api/receivers/ops/test", &json!({})).await.is_problem(422, "no_mail_server", "to");
    let muted = async |mute: Value, code: &str, field: &str| {
        web.post("/api/mutes", &mute).await.is_problem(422, code, field);
    };
    muted(json!({"for": "1h"}), "missing", "endpoint").await;
    muted(json!({"tag": "a", "pool": "https://a.test", "for": "1h"}), "conflict", "endpoint").await;
    muted(json!({"tag": "a"}), "missing", "for").await;
    muted(json!({"tag": "a", "until": "2001-01-01T00:00:00Z"}), "out_of_range", "until").await;
    muted(json!({"endpoint": "x", "for": "1h"}), "not_an_id", "endpoint").await;
    web.post("/api/problems/acknowledge", &json!({})).await.is_problem(400, "missing", "id");
}
