//! `naptime doctor`: what is as it should be, and what is not.

use naptime_tests::mongo::fresh_database;
use naptime_tests::naptime::{Naptime, Start};
use naptime_tests::{eventually, port::free_port};
use reqwest::Method;
use serde_json::json;

use super::naptime;
use crate::scenarios::web::{SOON, Web, on_both_stores};

on_both_stores!(all_that_is_well_is_said, an_address_that_leads_nowhere_is_named);

async fn worker_lives(web: &Web) {
    eventually(SOON, "the worker is there", async || {
        web.items("/api/workers").await.iter().any(|worker| worker["alive"] == true).then_some(())
    })
    .await;
}

async fn all_that_is_well_is_said(start: Start) {
    let web = Web::start(start).await;
    worker_lives(&web).await;
    let checks = web.get("/api/checks").await.value();
    let items = checks["items"].as_array().unwrap();
    let names: Vec<&str> = items.iter().map(|check| check["name"].as_str().unwrap()).collect();
    for name in ["database", "writes", "disk", "workers", "versions", "zones"] {
        assert!(names.contains(&name), "{name} in {checks}");
    }
    assert!(items.iter().all(|check| check["state"] != "bad"), "{checks}");
    let doctor = naptime(&web, &["doctor"]).await;
    doctor.says(
        0,
        &[
            // How fast is up to this machine.
            "answers, and the token is right",
            "clocks of the database and of this machine agree",
            "takes writes",
            "are free",
            "1 worker lives",
            "the time zones of release",
            "of the same version as the server",
            "nothing is wrong",
        ],
    );
    assert!(!doctor.stdout.contains("NAPTIME_URL"), "nobody is told of anything: {doctor:?}");
    let hook = json!({"kind": "webhook", "url": "http://127.0.0.1:9/hook"}).to_string();
    assert_eq!(web.json(Method::PUT, "/api/receivers/ops", hook).await.status, 201);
    naptime(&web, &["doctor"]).await.says(0, &["warn alerts have no links"]);
}

async fn an_address_that_leads_nowhere_is_named(start: Start) {
    let web = Web::start(start.env("NAPTIME_URL", format!("http://127.0.0.1:{}", free_port()))).await;
    worker_lives(&web).await;
    naptime(&web, &["doctor"]).await.says(1, &["bad  the links in alerts lead nowhere", "set NAPTIME_URL"]);
}

#[tokio::test]
async fn an_address_that_is_the_page_is_well_and_no_worker_is_not() {
    let database = fresh_database().await;
    let start = Naptime::web(&database).env("WEB_WORKER_MAX_CAPACITY", "0");
    let url = start.url("/");
    let web = Web::start(start.env("NAPTIME_URL", url)).await;
    let doctor = naptime(&web, &["doctor"]).await;
    doctor.says(
        1,
        &["ok   the links in alerts (NAPTIME_URL) lead here", "bad  no worker lives", "start `naptime worker`"],
    );
    // What a database without a password and of one member is told of keeps nothing from working.
    doctor.says(1, &["warn the replica set", "has one member", "asks for no password"]);
}
