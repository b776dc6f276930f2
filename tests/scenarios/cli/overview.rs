//! How things stand, by commands: status, problems, plan, and the lists of what there is.

use naptime_tests::naptime::{Naptime, Start};
use naptime_tests::sqlite::File;
use naptime_tests::target::{Answer, Target};
use reqwest::Method;
use serde_json::json;

use super::{naptime, run};
use crate::scenarios::web::{SOON, Web, on_both_stores};

on_both_stores!(a_monitor_is_told_by_the_exit_code, problems_are_listed_and_watched);

async fn a_monitor_is_told_by_the_exit_code(start: Start) {
    let (web, target) = (Web::start(start).await, Target::start().await);
    naptime_tests::eventually(SOON, "the worker is there", async || {
        let status = naptime(&web, &["status"]).await;
        status.stdout.contains("with 1 worker").then(|| status.says(0, &["all is well"]))
    })
    .await;
    failing(&web, &target).await;
    naptime_tests::eventually(SOON, "something is wrong", async || {
        let status = naptime(&web, &["status"]).await;
        (status.code == Some(1)).then(|| status.says(1, &["the cards", "bad: "]))
    })
    .await;
    let quiet = naptime(&web, &["status", "--quiet"]).await;
    assert_eq!((quiet.code, &*quiet.stdout, &*quiet.errors), (Some(1), "", ""));
    let json: serde_json::Value = serde_json::from_str(&naptime(&web, &["status", "--json"]).await.stdout).unwrap();
    assert_eq!((&json["ok"], &json["problems"], &json["workers"]), (&json!(false), &json!(1), &json!(1)), "{json}");
}

async fn problems_are_listed_and_watched(start: Start) {
    let (web, target) = (Web::start(start).await, Target::start().await);
    assert_eq!(naptime(&web, &["problems"]).await.rows().len(), 0);
    let watch = web.naptime.ask("problems").arg("--watch").launch();
    watch.wait_line(SOON, "it watches", |line| line.contains("follows the problems")).await;
    failing(&web, &target).await;
    watch.wait_line(SOON, "it opens", |line| line.contains("\topened\tbad\tfailing\tthe cards\t")).await;
    let listed = naptime(&web, &["problems"]).await;
    assert_eq!(listed.rows()[0][..2], ["bad", "failing"], "{listed:?}");
    // A word that is mistyped must not look as if all were well.
    naptime(&web, &["problems", "--kind", "failed"]).await.says(64, &["--kind", "failing"]);
    naptime(&web, &["problems", "--severity", "high"]).await.says(64, &["--severity", "bad"]);
    let ids = naptime(&web, &["problems", "--kind", "failing", "--severity", "bad", "--quiet"]).await;
    assert!(ids.stdout.starts_with("endpoint:"), "{ids:?}");
    assert_eq!(naptime(&web, &["problems", "--tag", "paper", "--json"]).await.json().len(), 1);
    for other in [["--kind", "late"], ["--tag", "other"], ["--pool", "https://a.test"], ["--severity", "warn"]] {
        assert_eq!(naptime(&web, &[&["problems"], &other[..]].concat()).await.rows().len(), 0, "{other:?}");
    }
    target.on("/cards", Answer::ok());
    watch.wait_line(SOON, "it ends", |line| line.contains("\tended\tbad\tfailing\tthe cards\t")).await;
}

/// Adds an endpoint that fails.
async fn failing(web: &Web, target: &Target) {
    target.on("/cards", Answer::status(500).body("out of paper"));
    let add = ["add", &target.url("/cards"), "--every", "1s", "--failing-after", "1", "--activate"];
    naptime(web, &[&add[..], &["--name", "the cards", "--tag", "paper"]].concat()).await.says(0, &[]);
}

#[tokio::test]
async fn all_there_is_can_be_listed() {
    let file = File::fresh();
    let web = Web::start(Naptime::up(&file)).await;
    web.add(json!({"url": "http://127.0.0.1:9/", "every": "1d", "active": true})).await;
    let pool = json!({"max_in_flight": 4, "active": false});
    assert_eq!(web.patch("/api/pools/http/127.0.0.1:9", &pool).await.status, 200);
    let pools = naptime(&web, &["pools"]).await;
    assert_eq!(pools.rows(), [["http://127.0.0.1:9", "off", "1", "1", "4", ""]]);
    assert_eq!(naptime(&web, &["pools", "other"]).await.rows().len(), 0);

    let workers = naptime_tests::eventually(SOON, "the worker is there", async || {
        Some(naptime(&web, &["workers"]).await).filter(|workers| !workers.stdout.is_empty())
    })
    .await;
    let row = workers.rows().remove(0);
    assert_eq!((row[2], row[3], row[4]), ("alive", "0", "100"), "{workers:?}");
    assert_eq!(naptime(&web, &["workers", "--quiet"]).await.rows()[0], [row[0]]);

    naptime(&web, &["plan"]).await.says(0, &["slots there         100", "workers there       1"]);
    let plan = naptime(&web, &["plan", "--json"]).await.json().remove(0);
    assert_eq!((&plan["slots"], plan["forecast"].as_array().unwrap().is_empty()), (&json!(100), false));

    let hook = json!({"kind": "webhook", "url": "http://127.0.0.1:9/hook", "severity": "bad"}).to_string();
    assert_eq!(web.json(Method::PUT, "/api/receivers/ops", hook).await.status, 201);
    let hook = json!({"kind": "webhook", "url": "http://127.0.0.1:9/hook"}).to_string();
    assert_eq!(web.json(Method::PUT, "/api/receivers/all", hook).await.status, 201);
    let receivers = naptime(&web, &["receivers"]).await;
    assert_eq!(receivers.rows(), [["all", "on", "webhook", "warn"], ["ops", "on", "webhook", "bad"]]);

    let rule = json!({"event": "left", "then": "delete"}).to_string();
    let dry = web.json(Method::PUT, "/api/rules/gone?dry_run=true", rule.clone()).await;
    assert_eq!((dry.status, web.items("/api/rules").await.len()), (204, 0), "{}", dry.text);
    assert_eq!(web.json(Method::PUT, "/api/rules/gone", rule).await.status, 201);
    assert_eq!(naptime(&web, &["rules", "list"]).await.rows(), [["gone", "on", "left"]]);
}

#[tokio::test]
async fn shells_and_man_are_told_of_all_commands() {
    let ask =
        |words: &[&str]| run(naptime_tests::naptime::Start::asking("http://127.0.0.1:9", words[0]).args(&words[1..]));
    for shell in ["bash", "zsh", "fish"] {
        ask(&["completions", shell]).await.says(0, &["naptime", "enqueue", "follow"]);
    }
    ask(&["man"]).await.says(0, &[".TH", "naptime\\-runs", "Exit codes"]);
    ask(&["completions", "ash"]).await.says(64, &["bash", "zsh"]);
}
