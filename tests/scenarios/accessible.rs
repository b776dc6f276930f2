//! Everybody can use the pages: axe-core finds nothing wrong with any of them, light and dark, wide and narrow.

use std::time::Duration;

use naptime_tests::browser::Settings;
use naptime_tests::sqlite::File;
use naptime_tests::target::{Answer, Target};
use naptime_tests::{Browser, Naptime, eventually, tools};
use reqwest::Method;
use serde_json::{Value, json};

use super::web::{SOON, Web};

/// Runs axe-core, and returns what it found: the rule, what it says, and the first elements.
const RUN: &str = "
    const done = arguments[arguments.length - 1];
    axe.run(document, {resultTypes: ['violations']}).then(
        found => done(found.violations.map(it =>
            `${it.id}: ${it.help}: ${it.nodes.slice(0, 3).map(node => node.target + ' ' + node.html.slice(0, 160)).join(' | ')}`)),
        error => done([String(error)]));";

/// Something of everything, and the paths of all pages.
async fn filled(web: &Web, target: &Target) -> Vec<String> {
    target.on("/charge", Answer::status(500).body("out of paper"));
    let add = async |endpoint: Value| web.add(endpoint).await.0.replace("/api", "");
    let fine = add(json!({"url": target.url("/fine"), "name": "fine", "every": "1s", "sla": "5s", "active": true,
        "tags": ["cards"], "method": "POST", "body": "{}", "headers": {"Authorization": "Bearer x"}}))
    .await;
    let charge = add(json!({"url": target.url("/charge"), "every": "1s", "sla": "2s", "active": true,
        "retry": {"attempts": 1}}))
    .await;
    add(json!({"url": target.url("/paused"), "cron": "0 9 * * MON-FRI", "tz": "Europe/Berlin", "pause": {"note": "over the holidays"}})).await;
    let gone = add(json!({"url": target.url("/gone"), "every": "1h"})).await;
    assert_eq!(web.delete(&format!("/api{gone}")).await.status, 204);
    let job = web.post("/api/jobs", &json!({"url": target.url("/charge"), "name": "once"})).await.value();
    let job = format!("/jobs/{}", job["id"].as_str().unwrap());
    let pool = target.url("").replace("://", "/").trim_end_matches('/').to_owned();
    let limits = json!({"max_in_flight": 50, "max_per_second": 100});
    assert_eq!(web.patch(&format!("/api/pools/{}", target.url("")), &limits).await.status, 200);
    let put = async |path: &str, json: Value| {
        let reply = web.json(Method::PUT, path, json.to_string()).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
    };
    let upsert = json!({"url": "https://a.test/{{ key }}", "every": "5m"});
    put("/api/rules/signup", json!({"event": "user.created", "then": {"upsert": upsert}})).await;
    put("/api/receivers/chat", json!({"kind": "slack", "url": target.url("/chat")})).await;
    put("/api/receivers/off", json!({"kind": "email", "to": "ops@a.test", "active": false})).await;
    assert_eq!(web.post("/api/mutes", &json!({"tag": "mail", "for": "1h", "note": "moving"})).await.status, 201);
    let told = async || (!web.items("/api/jobs?tag=naptime-alert").await.is_empty()).then_some(());
    eventually(SOON, "somebody is told", told).await;
    let mut paths: Vec<String> = [
        "/",
        "/?by=hour",
        "/endpoints",
        "/endpoints?state=failing",
        "/endpoints?q=nothing",
        "/endpoints/deleted",
        "/endpoints/new",
        "/jobs",
        "/jobs?state=failed",
        "/jobs/bulk/retry?state=failed",
        "/pools",
        "/sla",
        "/runs",
        "/runs?outcome=bad",
        "/docs",
        "/rules",
        "/rules/new",
        "/rules/signup/edit",
        "/rules/signup/delete",
        "/alerts",
        "/alerts/new?kind=telegram",
        "/alerts/receivers/chat",
        "/alerts/receivers/chat/delete",
        "/nothing",
    ]
    .map(str::to_owned)
    .into();
    let kept = async || {
        let bad = web.items("/api/runs?outcome=bad&q=charge").await;
        let [job, id] = ["job", "id"].map(|name| Some(bad.last()?[name].as_str()?.to_owned()));
        Some(format!("/runs/{}/{}", job?, id?))
    };
    paths.push(eventually(SOON, "a bad run", kept).await);
    paths.extend([
        job,
        fine.clone(),
        format!("{fine}/edit"),
        format!("{fine}/delete"),
        format!("{charge}/breaches"),
        charge,
        gone,
    ]);
    paths.extend(["", "/edit", "/switch", "/delete"].map(|what| format!("/pools/{pool}{what}")));
    paths
}

async fn check(browser: &Browser, url: &str) -> Vec<String> {
    browser.goto(url).await.unwrap();
    let axe = std::fs::read_to_string(tools::axe()).unwrap();
    browser.execute(axe, vec![]).await.unwrap();
    let found = browser.execute_async(RUN, vec![]).await.unwrap();
    let found: Vec<String> = serde_json::from_value(found.json().clone()).unwrap();
    found.into_iter().map(|it| format!("{url}: {it}")).collect()
}

async fn nothing_is_wrong(settings: Settings, dark: bool) {
    let settings = if dark { settings.dark() } else { settings };
    let (target, file) = (Target::start().await, File::fresh());
    let web = Web::start(Naptime::up(&file)).await;
    let paths = filled(&web, &target).await;
    let browser = settings.start().await;
    browser.set_script_timeout(Duration::from_secs(60)).await.unwrap();
    let mut found = Vec::new();
    for path in paths {
        found.extend(check(&browser, &web.naptime.url(&path)).await);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test]
async fn on_a_desktop_by_day() {
    nothing_is_wrong(Browser::with(), false).await;
}

#[tokio::test]
async fn on_a_desktop_by_night() {
    nothing_is_wrong(Browser::with(), true).await;
}

#[tokio::test]
async fn on_a_phone_by_day() {
    nothing_is_wrong(Browser::with().phone(), false).await;
}

#[tokio::test]
async fn on_a_phone_by_night() {
    nothing_is_wrong(Browser::with().phone(), true).await;
}

#[tokio::test]
async fn before_the_login() {
    let file = File::fresh();
    let web = Web::start(Naptime::up(&file).env("NAPTIME_PASSWORD", "a long enough password")).await;
    let browser = Browser::with().start().await;
    let found = check(&browser, &web.naptime.url("/login")).await;
    assert!(found.is_empty(), "{}", found.join("\n"));
}
