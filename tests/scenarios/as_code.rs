//! Naptime as code, by the API: documents planned, applied, exported and applied again, on both stores.

mod drift;

use std::time::Duration;

use naptime_tests::eventually;
use naptime_tests::naptime::Start;
use serde_json::{Value, json};

use super::web::{Reply, SOON, Web, on_both_stores};

on_both_stores!(
    a_document_is_planned_applied_and_pruned,
    nothing_of_a_document_with_faults_is_stored,
    limits_of_a_new_pool_come_with_its_first_endpoint,
    the_load_is_that_of_the_capacity_plan,
    an_export_applied_again_changes_nothing,
    hundreds_of_endpoints_are_one_document,
);

impl Web {
    async fn apply(&self, query: &str, document: &Value) -> Value {
        let reply = self.try_apply(query, document).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.value()
    }

    async fn try_apply(&self, query: &str, document: &Value) -> Reply {
        self.post(&format!("/api/apply?{query}"), document).await
    }

    async fn keyed(&self, key: &str) -> Value {
        self.get(&format!("/api/endpoints/by-key/{key}")).await.value()
    }
}

/// What is done to which things.
fn changes(plan: &Value) -> Vec<String> {
    let told = |change: &Value| {
        let text = |name: &str| change[name].as_str().unwrap().to_owned();
        format!("{} {} {}", text("action"), text("kind"), text("name"))
    };
    plan["changes"].as_array().unwrap().iter().map(told).collect()
}

fn shop() -> Value {
    json!({
        "project": "shop",
        "endpoints": {
            "checkout": {"url": "http://127.0.0.1:9/checkout", "every": "1d", "active": true, "headers": {"Authorization": "Bearer x"}},
            "report": {"url": "http://127.0.0.1:9/report", "cron": "0 9 * * *", "tags": ["nightly"]},
        },
        "pools": {"http://127.0.0.1:9": {"max_in_flight": 3}},
        "rules": {"opened": {"event": "shop.opened", "then": {"upsert": {"url": "http://127.0.0.1:9/{{ key }}", "every": "1h"}}}},
        "receivers": {"ops": {"kind": "webhook", "url": "http://127.0.0.1:9/hook", "severity": "bad"}},
    })
}

async fn a_document_is_planned_applied_and_pruned(start: Start) {
    let web = Web::start(start).await;
    web.add(json!({"url": "http://127.0.0.1:9/mine", "every": "1d", "key": "mine"})).await;
    let document = shop();
    let plan = web.apply("dry_run=true", &document).await;
    let all = [
        "add endpoint checkout",
        "add endpoint report",
        "change pool http://127.0.0.1:9",
        "add rule opened",
        "add receiver ops",
    ];
    assert_eq!(
        (changes(&plan), &plan["applied"], &plan["unchanged"]),
        (all.map(str::to_owned).to_vec(), &json!(false), &json!(0))
    );
    assert_eq!(web.items("/api/endpoints").await.len(), 1, "a dry run stores nothing");
    assert_eq!(web.items("/api/rules").await.len() + web.items("/api/receivers").await.len(), 0);

    let named = format!("plan={}", plan["plan"].as_str().unwrap());
    let done = web.apply(&named, &document).await;
    assert_eq!((changes(&done), &done["applied"]), (changes(&plan), &json!(true)));
    let checkout = web.keyed("checkout").await;
    assert_eq!(
        (&checkout["project"], &checkout["active"], &checkout["rev"]),
        (&json!("shop"), &json!(true), &json!(1))
    );
    assert_eq!(web.get("/api/pools/http/127.0.0.1:9").await.value()["max_in_flight"], 3);
    assert_eq!(web.get("/api/rules/opened").await.value()["event"], "shop.opened");
    assert_eq!(web.get("/api/receivers/ops").await.value()["severity"], "bad");
    assert!(web.get(&format!("/endpoints/{}", checkout["id"].as_str().unwrap())).await.text.contains("project=shop"));

    // What is as it is to be stays as it is, its revision included.
    let again = web.apply("", &document).await;
    assert_eq!((changes(&again), &again["unchanged"]), (vec![], &json!(5)));
    assert_eq!(web.keyed("checkout").await, checkout);
    // By now the plan is another.
    web.try_apply(&named, &document).await.is_problem(409, "stale", "plan");

    // What is not in it any more goes only if that is asked for, and only if it was of this project.
    let mut less = document.clone();
    less["endpoints"].as_object_mut().unwrap().remove("report");
    assert_eq!(changes(&web.apply("", &less).await), Vec::<String>::new());
    let mut other = json!({"project": "other", "endpoints": {"theirs": {"url": "http://127.0.0.1:9/", "every": "1d"}}});
    web.apply("prune=true", &other).await;
    let pruned = web.apply("prune=true", &less).await;
    assert_eq!(changes(&pruned), ["delete endpoint report"]);
    let left = web.items("/api/endpoints").await.len();
    assert_eq!((left, web.items("/api/endpoints?project=shop").await.len()), (3, 1), "checkout, mine and theirs");
    assert_eq!(web.keyed("mine").await["project"], Value::Null);
    // An id may be written in several ways, which are one endpoint.
    let id = web.add(json!({"url": "http://127.0.0.1:9/", "every": "1d"})).await.0;
    let id = id.rsplit('/').next().unwrap().to_owned();
    let mut by_id =
        json!({"project": "ids", "endpoints": {id.to_uppercase(): {"url": "http://127.0.0.1:9/", "every": "1d"}}});
    assert_eq!(web.apply("prune=true", &by_id).await["changes"][0]["action"], "change");
    let again = web.apply("prune=true", &by_id).await;
    assert_eq!((changes(&again), &again["unchanged"]), (vec![], &json!(1)));
    by_id["endpoints"][id.replace('-', "")] = by_id["endpoints"][id.to_uppercase()].clone();
    web.try_apply("", &by_id).await.is_problem(422, "conflict", &format!("/endpoints/{}", id.replace('-', "")));
    // A section without endpoints may be a mistake, so what it would delete stays.
    for nothing in [json!({"project": "shop"}), json!({"project": "shop", "endpoints": null})] {
        web.try_apply("prune=true", &nothing).await.is_problem(422, "missing", "/endpoints");
    }
    assert_eq!(web.items("/api/endpoints?project=shop").await.len(), 1);
    other["project"] = Value::Null;
    web.try_apply("prune=true", &other).await.is_problem(422, "missing", "/project");
}

async fn nothing_of_a_document_with_faults_is_stored(start: Start) {
    let web = Web::start(start).await;
    let mut document = shop();
    document["endpoints"]["a/b"] = json!({"url": "nowhere", "every": "5m", "retry": {"attempts": 99}, "colour": 1});
    document["endpoints"]["checkout"]["timeout"] = json!("10m");
    document["pools"]["https://nobody.test"] = json!({"max_in_flight": 0});
    document["pools"]["https://nobody.example"] = json!({"max_in_flight": 1});
    document["rules"]["opened"]["then"] = json!("forget");
    document["receivers"]["Ops"] = json!({"kind": "slack"});
    document["alerts"] = json!({});
    for query in ["", "dry_run=true"] {
        let reply = web.try_apply(query, &document).await;
        assert_eq!(reply.status, 422, "{}", reply.text);
        let faults = reply.value()["errors"].as_array().unwrap().clone();
        let mut found: Vec<(String, String)> = faults
            .iter()
            .map(|fault| (fault["field"].as_str().unwrap().to_owned(), fault["code"].as_str().unwrap().to_owned()))
            .collect();
        found.sort();
        let expected = [
            ("/alerts", "unknown_field"),
            ("/endpoints/a~1b/colour", "unknown_field"),
            ("/endpoints/a~1b/retry/attempts", "out_of_range"),
            ("/endpoints/a~1b/url", "no_scheme"),
            ("/endpoints/checkout/timeout", "out_of_range"),
            ("/pools/https:~1~1nobody.example", "not_found"),
            ("/pools/https:~1~1nobody.test/max_in_flight", "out_of_range"),
            ("/receivers/Ops/name", "bad_name"),
            ("/receivers/Ops/url", "missing"),
            ("/rules/opened/then", "wrong_type"),
        ];
        assert_eq!(found, expected.map(|(field, code)| (field.to_owned(), code.to_owned())));
    }
    for path in ["/api/endpoints", "/api/pools", "/api/rules", "/api/receivers"] {
        assert_eq!(web.items(path).await, Vec::<Value>::new(), "{path}");
    }
    web.try_apply("", &json!([])).await.is_problem(422, "wrong_type", "");
    web.try_apply("colour=red", &json!({})).await.is_problem(400, "unknown_parameter", "colour");
}

async fn limits_of_a_new_pool_come_with_its_first_endpoint(start: Start) {
    let web = Web::start(start).await;
    let document = json!({
        "endpoints": {"slow": {"url": "http://127.0.0.1:9/slow", "every": "1d", "timeout": "30m", "active": true}},
        "pools": {"http://127.0.0.1:9": {"max_timeout": "1h", "max_per_second": 1}},
    });
    let done = web.apply("", &document).await;
    assert_eq!(changes(&done), ["add endpoint slow", "add pool http://127.0.0.1:9"]);
    let slow = web.keyed("slow").await;
    assert_eq!((&slow["active"], &slow["timeout"], &slow["project"]), (&json!(true), &json!("30m"), &Value::Null));
    assert!(slow["due"].is_string(), "{slow}");
    assert_eq!(changes(&web.apply("", &document).await), Vec::<String>::new());
}

async fn the_load_is_that_of_the_capacity_plan(start: Start) {
    let web = Web::start(start).await;
    let path = web.add(json!({"url": "http://127.0.0.1:9/", "every": "1m", "key": "there", "active": true})).await.0;
    let rate = eventually(SOON + Duration::from_secs(30), "it is counted", async || {
        web.get("/api/plan").await.value()["rate_per_s"].as_f64().filter(|rate| *rate > 0.0)
    })
    .await;
    // An hour that is neither about to begin nor, from the edge of the day that is added up, a day away.
    let plan = web.get("/api/plan").await.value();
    let hour = (plan["as_of"].as_str().unwrap()[11..13].parse::<u32>().unwrap() + 6) % 24;
    let daily = format!("0 {hour} * * *");
    let at_that_hour =
        |key: &str| (key.to_owned(), json!({"url": "http://127.0.0.1:9/", "cron": daily, "active": true}));
    let mut endpoints = serde_json::Map::from_iter((0..10).map(|n| at_that_hour(&format!("daily-{n}"))));
    endpoints.insert("there".to_owned(), json!({"url": "http://127.0.0.1:9/", "every": "30s"}));
    endpoints.insert("off".to_owned(), json!({"url": "http://127.0.0.1:9/", "cron": daily}));
    let plan = web.apply("dry_run=true", &json!({"endpoints": endpoints})).await;
    let load = &plan["load"];
    assert_eq!(load["rate_per_s"]["before"].as_f64(), Some(rate), "{load}");
    // One more a half minute, and ten a day.
    let after = load["rate_per_s"]["after"].as_f64().unwrap();
    assert!((after - rate - 1.0 / 60.0 - 10.0 / 86_400.0).abs() < 1e-5, "{load}");
    let worst = &load["worst_minute"];
    assert_eq!((&worst["before"]["due"], &worst["after"]["due"]), (&json!(1.0), &json!(12.0)), "{load}");
    assert!(worst["after"]["at"].as_str().unwrap().ends_with(&format!("T{hour:02}:00:00.000Z")), "{load}");
    assert_eq!((&load["together"][0]["count"], load["together"].as_array().unwrap().len()), (&json!(10), 1), "{load}");
    assert_eq!(web.get(&path).await.value()["schedule"]["every"], "1m");
}

async fn an_export_applied_again_changes_nothing(start: Start) {
    let web = Web::start(start).await;
    web.apply("", &shop()).await;
    let key = "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";
    for endpoint in [
        json!({"url": "http://127.0.0.1:9/a?token=s3cr3t&b=$%7BB%7D", "every": "5m", "jitter": "1m", "sign": key, "name": "${A}"}),
        json!({"url": "http://127.0.0.1:9/b?code=1", "every": "5m", "align": true, "secret": true, "body": "s3cret", "key": "b", "active": true}),
        json!({"url": "http://127.0.0.1:9/c", "cron": "H 9 * * *", "tz": "Europe/Berlin", "except": "12-25", "key": "c/d", "sla": {"every": "60h", "days": "mon-fri"}}),
        json!({"url": "http://127.0.0.1:9/d", "random": "1h", "window": "09:00-17:00", "days": "mon-fri", "pause": {"note": "x"}, "active": true}),
    ] {
        web.add(endpoint).await;
    }
    web.patch("/api/pools/http/127.0.0.1:9", &json!({"headers": {"X-Api-Key": "k"}, "active": false})).await;
    let whole = async || {
        let mut all = Vec::new();
        for path in ["/api/endpoints", "/api/pools", "/api/rules", "/api/receivers"] {
            all.extend(
                web.items(path)
                    .await
                    .into_iter()
                    .map(|it| (it["id"].clone(), it["rev"].clone(), it["updated_at"].clone())),
            );
        }
        all
    };
    let before = whole().await;
    let export = web.get("/api/export").await.value();
    let mut text = export["document"].to_string();
    let secrets = export["secrets"].as_array().unwrap();
    assert!(!text.contains("••••") && !text.contains("s3cr") && secrets.len() >= 6, "{text}");
    for secret in secrets {
        // Whoever does not know a credential leaves the one that is stored.
        text = text.replace(&format!("${{{}}}", secret["name"].as_str().unwrap()), "••••");
    }
    let document: Value = serde_json::from_str(&text.replace("$${", "${")).unwrap();
    let sections = ["endpoints", "pools", "rules", "receivers"].map(|name| document[name].as_object().unwrap().len());
    assert_eq!(sections, [6, 1, 1, 1], "{document}");
    let done = web.apply("", &document).await;
    assert_eq!((changes(&done), &done["unchanged"]), (vec![], &json!(9)), "{done}");
    assert_eq!(whole().await, before);
    // Of one project, so that it can be pruned by it.
    let of_shop = web.get("/api/export?project=shop").await.value()["document"].clone();
    assert_eq!((&of_shop["project"], of_shop["endpoints"].as_object().unwrap().len()), (&json!("shop"), 2));
    web.get("/api/export?colour=").await.is_problem(400, "unknown_parameter", "colour");
}

async fn hundreds_of_endpoints_are_one_document(start: Start) {
    let web = Web::start(start).await;
    let endpoint = |n: usize| {
        let url = format!("http://127.0.0.1:9/{n}");
        (
            format!("e-{n:04}"),
            json!({"url": url, "every": "1d", "tags": ["many", "all"], "retry": {"attempts": 2, "backoff": "1s"}, "timeout": "5s", "name": format!("number {n}"), "active": true}),
        )
    };
    let mut document = json!({"project": "many", "endpoints": serde_json::Map::from_iter((0..300).map(endpoint))});
    assert_eq!(changes(&web.apply("", &document).await).len(), 300);
    assert_eq!(web.apply("prune=true", &document).await["unchanged"], 300);
    for n in 0..30 {
        document["endpoints"][format!("e-{n:04}")]["timeout"] = json!("6s");
    }
    assert_eq!(changes(&web.apply("", &document).await).len(), 30);
    document["endpoints"].as_object_mut().unwrap().retain(|key, _| key.as_str() >= "e-0030");
    assert_eq!(changes(&web.apply("prune=true", &document).await).len(), 30);
    assert_eq!(web.apply("prune=true", &document).await["unchanged"], 270);
}
