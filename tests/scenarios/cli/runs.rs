//! Calls that are asked for, and the runs that come of them.

use naptime_tests::naptime::Start;
use naptime_tests::target::{Answer, Target};

use super::naptime;
use crate::scenarios::web::{SOON, Web, on_both_stores};

on_both_stores!(a_call_ends_as_its_run_does, runs_are_followed);

async fn a_call_ends_as_its_run_does(start: Start) {
    let (web, target) = (Web::start(start).await, Target::start().await);
    target.on("/bad", Answer::status(500).body("out of\tpaper"));
    let good = ["add", &target.url("/good"), "--every", "1d", "--name", "good", "--quiet"];
    let id = naptime(&web, &good).await.stdout.trim().to_owned();
    naptime(&web, &["add", &target.url("/bad"), "--every", "1d", "--name", "bad"]).await.says(0, &[]);

    let ended = naptime(&web, &["call", "good", "--wait"]).await;
    let run = ended.rows().remove(0);
    assert_eq!((run[1], run[2], run[5], run[7]), ("ok", "200", &*id, "ok"), "{ended:?}");
    let both = naptime(&web, &["call", "good", "bad", "--wait"]).await;
    both.says(1, &["\tok\t200\t", "\tfailed\t500\t", "out of paper"]);
    assert_eq!(both.stdout.lines().count(), 2, "{both:?}");
    naptime(&web, &["call", "good"]).await.says(0, &["asked for a call of good (http://127.0.0.1"]);
    target.wait_for(SOON, "it is called", |calls| calls.len() == 4).await;
    web.runs(&format!("/api/endpoints/{id}"), 3).await;

    let runs = naptime(&web, &["runs", "good"]).await;
    assert_eq!(runs.rows().len(), 3, "{runs:?}");
    assert_eq!(naptime(&web, &["runs", "-n", "2"]).await.rows().len(), 2);
    assert_eq!(naptime(&web, &["runs", "--json"]).await.json(), web.items("/api/runs").await, "the API's own");
    let failed = naptime(&web, &["runs", "--outcome", "bad"]).await;
    assert_eq!(failed.rows().iter().map(|row| row[1]).collect::<Vec<_>>(), ["failed"], "{failed:?}");
    naptime(&web, &["runs", "--outcome", "tired"]).await.says(64, &["\n  --outcome: "]);
    naptime(&web, &["runs", "nobody"]).await.says(1, &["`nobody`"]);
}

async fn runs_are_followed(start: Start) {
    let (web, target) = (Web::start(start).await, Target::start().await);
    target.on("/bad", Answer::status(500));
    for path in ["/good", "/bad"] {
        naptime(&web, &["add", &target.url(path), "--every", "1d", "--name", &path[1..]]).await.says(0, &[]);
    }
    naptime(&web, &["call", "good", "--wait"]).await.says(0, &[]);
    let follow = web.naptime.ask("runs").args(&["--follow"]).launch();
    follow.wait_line(SOON, "what was there", |line| line.contains("\tok\t200\t")).await;
    naptime(&web, &["call", "bad", "--wait"]).await.says(1, &[]);
    follow.wait_line(SOON, "what comes", |line| line.contains("\tfailed\t500\t")).await;
    naptime(&web, &["call", "good", "--wait"]).await.says(0, &[]);
    follow.wait_line(SOON, "what it does", |line| line.contains("follows the runs")).await;
    naptime_tests::eventually(SOON, "the third", async || (follow.stdout().lines().count() >= 3).then_some(())).await;
    let stdout = follow.stdout();
    let outcomes: Vec<_> = stdout.lines().filter_map(|line| line.split('\t').nth(1)).collect();
    assert_eq!(outcomes, ["ok", "failed", "ok"], "each once, as they ended");
}
