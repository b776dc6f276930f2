//! The capacity plan: how much work is due, whether the workers can carry it, and how many would.

use std::time::Duration;

use naptime_tests::mongo::fresh_database;
use naptime_tests::naptime::Start;
use naptime_tests::sqlite::File;
use naptime_tests::target::{Answer, Target};
use naptime_tests::{Naptime, eventually};
use serde_json::{Value, json};

use super::web::{SOON, Web, on_both_stores};

on_both_stores!(
    full_slots_are_said_with_the_workers_that_would_do,
    what_is_due_is_set_against_the_slots,
    a_bad_step_is_named,
);

/// Workers report every ten seconds, and what is due is added up every five.
const WORKED_OUT: Duration = SOON.saturating_mul(2);

async fn plan(web: &Web) -> Value {
    web.get("/api/plan").await.value()
}

/// Two slots where 3.5 calls a second of 1.2 s each take 4.2; of up to 1.6 s each, they are as many workers.
async fn overloaded(start: Start) -> (Web, Target) {
    let target = Target::start().await;
    target.on("/slow", Answer::ok().after(Duration::from_millis(1_200)));
    let web = Web::start(start.env("WORKER_MAX_CAPACITY", "2").env("WEB_WORKER_MAX_CAPACITY", "2")).await;
    for _ in 0..7 {
        web.add(json!({"url": target.url("/slow"), "every": "2s", "active": true})).await;
    }
    eventually(WORKED_OUT, "it is late for want of two workers", async || {
        let plan = plan(&web).await;
        let late = &plan["late"];
        if late["because"] != "slots_full" || late["more_workers"] != 2 {
            return None;
        }
        assert!(late["calls"].as_u64().unwrap() > 0 && plan["as_of"].is_string(), "{plan}");
        assert_eq!((&plan["rate_per_s"], &plan["slots"]), (&json!(3.5), &json!(2)), "{plan}");
        assert_eq!((&plan["workers"], &plan["workers_needed"]), (&json!(1), &json!(3)), "{plan}");
        let (mean, needed) = (plan["mean_call_ms"].as_f64().unwrap(), plan["slots_needed"].as_f64().unwrap());
        assert!(mean >= 1_200.0 && (needed - 3.5 * mean / 1_000.0).abs() < 1e-3, "{plan}");
        Some(())
    })
    .await;
    says(&web, "late because all 2 slots are taken; 2 more workers of 2 slots would do.").await;
    (web, target)
}

/// Waits until the overview says so.
async fn says(web: &Web, sentence: &str) {
    eventually(WORKED_OUT, sentence, async || web.get("/").await.text.contains(sentence).then_some(())).await;
}

async fn full_slots_are_said_with_the_workers_that_would_do(start: Start) {
    overloaded(start).await;
}

#[tokio::test]
async fn as_many_workers_as_it_says_are_enough() {
    let database = fresh_database().await;
    let (web, _target) = overloaded(Naptime::web(&database)).await;
    let worker = || Naptime::worker(&database).env("WORKER_MAX_CAPACITY", "2").start();
    let _more = (worker().await, worker().await);
    eventually(WORKED_OUT, "nothing is late any more", async || {
        let plan = plan(&web).await;
        let late = json!({"calls": 0, "because": null, "more_workers": 0});
        (plan["late"] == late && plan["workers"] == 3 && plan["slots"] == 6).then_some(())
    })
    .await;
    says(&web, " of 6 slots.").await;
}

#[tokio::test]
async fn without_a_worker_it_says_so() {
    let web = Web::start(Naptime::web(&fresh_database().await).env("WEB_WORKER_MAX_CAPACITY", "0")).await;
    says(&web, "No worker is running.").await;
    let target = Target::start().await;
    web.add(json!({"url": target.url("/"), "every": "1s", "active": true})).await;
    says(&web, "1 call is late because no worker is running.").await;
    let plan = plan(&web).await;
    assert_eq!(plan["late"], json!({"calls": 1, "because": "no_worker", "more_workers": null}));
    for open in ["mean_call_ms", "slots_needed", "workers_needed"] {
        assert_eq!(plan[open], Value::Null, "{open}: {plan}");
    }
    assert_eq!((&plan["workers"], &plan["slots"]), (&json!(0), &json!(0)));
}

async fn what_is_due_is_set_against_the_slots(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    says(&web, "No call was made in the last hour").await;
    web.add(json!({"url": target.url("/hourly"), "every": "1h", "active": true})).await;
    web.add(json!({"url": target.url("/often"), "every": "1s", "active": true})).await;
    web.add(json!({"url": target.url("/off"), "every": "1s"})).await;
    let plan = eventually(WORKED_OUT, "both are counted", async || {
        let plan = web.get("/api/plan?step=60").await.value();
        let rate = plan["rate_per_s"].as_f64().unwrap();
        ((rate - 1.0 - 1.0 / 3_600.0).abs() < 1e-6 && plan["slots_needed"].is_number()).then_some(plan)
    })
    .await;
    let forecast = plan["forecast"].as_array().unwrap();
    assert_eq!(forecast.len(), 24);
    assert!(forecast.iter().all(|point| point["at"].as_str().unwrap().ends_with(":00.000Z")), "{plan}");
    // Those of the minute under way may be over.
    assert!(forecast[1..].iter().all(|point| point["due"] == 3_601.0), "{plan}");
    let capacity = plan["slots"].as_f64().unwrap() * 3_600_000.0 / plan["mean_call_ms"].as_f64().unwrap().max(1.0);
    assert!(forecast.iter().all(|point| (point["capacity"].as_f64().unwrap() / capacity - 1.0).abs() < 1e-3), "{plan}");
    for (query, points) in [("", 144), ("?step=1", 1_440), ("?step=7", 206)] {
        let plan = web.get(&format!("/api/plan{query}")).await.value();
        assert_eq!(plan["forecast"].as_array().unwrap().len(), points, "{query}");
    }
    says(&web, "Enough: what is due takes").await;
    says(&web, "The next 24 hours").await;
}

#[tokio::test]
async fn what_is_due_of_a_pool_that_is_off_is_left_out() {
    let (file, target, off) = (File::fresh(), Target::start().await, Target::start().await);
    let web = Web::start(Naptime::up(&file)).await;
    web.add(json!({"url": target.url("/"), "every": "2s", "active": true})).await;
    for path in ["/a", "/b"] {
        web.add(json!({"url": off.url(path), "every": "1s", "active": true})).await;
    }
    let pool = format!("/api/pools/{}", off.url("").replace("://", "/"));
    assert_eq!(web.patch(&pool, &json!({"active": false})).await.status, 200);
    eventually(WORKED_OUT, "the other pool is left out", async || {
        let plan = plan(&web).await;
        (plan["left_out"] == 2 && plan["rate_per_s"] == 0.5).then_some(())
    })
    .await;
    says(&web, "without 2 endpoints and jobs of pools that are off.").await;
}

async fn a_bad_step_is_named(start: Start) {
    let web = Web::start(start).await;
    for step in ["0", "61", "-1", "1.5", "10m", "ten", "99999999999999999999999"] {
        web.get(&format!("/api/plan?step={step}")).await.is_problem(400, "out_of_range", "step");
    }
    web.get("/api/plan?step=1&step=2").await.is_problem(400, "duplicate_parameter", "step");
    web.get("/api/plan?steps=1").await.is_problem(400, "unknown_parameter", "steps");
    web.post("/api/plan", &json!({})).await.is_problem(405, "method_not_allowed", "");
}
