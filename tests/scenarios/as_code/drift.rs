//! What was changed since a document was applied.

use naptime_tests::naptime::Start;
use reqwest::Method;
use serde_json::{Value, json};

use super::{changes, shop};
use crate::scenarios::web::{Web, on_both_stores};

on_both_stores!(drift_is_told_and_undone, drift_of_what_is_no_endpoint_is_told_and_undone);

async fn drift_is_told_and_undone(start: Start) {
    let web = Web::start(start).await;
    let mut document = shop();
    web.apply("", &document).await;
    let path = format!("/api/endpoints/{}", web.keyed("report").await["id"].as_str().unwrap());
    // People switch and pause by hand what the file does not say.
    web.patch(&path, &json!({"active": true, "cron": "30 9 * * *", "tags": ["nightly", "mine"]})).await;
    let page = web.get(path.trim_start_matches("/api")).await.text;
    assert!(page.contains("changed since its file was applied: cron, tags"), "{page}");
    document["endpoints"]["report"]["timeout"] = json!("5s");
    let plan = web.apply("dry_run=true", &document).await;
    assert_eq!(changes(&plan), ["change endpoint report"]);
    let mut fields: Vec<Value> = plan["changes"][0]["fields"].as_array().unwrap().clone();
    fields.sort_by_key(|field| field["field"].to_string());
    let field = |name: &str, before: Value, after: Value, drift: bool| json!({"field": name, "before": before, "after": after, "drift": drift});
    let expected = [
        field("cron", json!("30 9 * * *"), json!("0 9 * * *"), true),
        field("tags", json!(["nightly", "mine"]), json!(["nightly"]), true),
        field("timeout", json!(null), json!("5s"), false),
    ];
    assert_eq!(fields, expected);
    web.apply("", &document).await;
    let report = web.keyed("report").await;
    assert_eq!((&report["schedule"]["cron"], &report["active"]), (&json!("0 9 * * *"), &json!(true)));
    // A new credential is a change that is not shown; one that is masked stays.
    document["endpoints"]["checkout"]["headers"]["Authorization"] = json!("Bearer y");
    let plan = web.apply("", &document).await;
    let masked = json!({"Authorization": "••••"});
    assert_eq!(plan["changes"][0]["fields"], json!([field("headers", masked.clone(), masked, false)]));
    document["endpoints"]["checkout"]["headers"]["Authorization"] = json!("••••");
    assert_eq!(changes(&web.apply("", &document).await), Vec::<String>::new());
    // Another project takes it over, which is told.
    document["project"] = json!("store");
    let plan = web.apply("", &document).await;
    assert_eq!(changes(&plan), ["change endpoint checkout", "change endpoint report"]);
    assert_eq!(plan["changes"][0]["fields"], json!([field("project", json!("shop"), json!("store"), false)]));
    assert_eq!(web.items("/api/endpoints?project=store").await.len(), 2);
}

/// The fields that change, by what they are of, and whether they are drift.
fn told(plan: &Value) -> Vec<String> {
    let changes = plan["changes"].as_array().unwrap().iter();
    let fields =
        changes.flat_map(|change| change["fields"].as_array().unwrap().iter().map(move |field| (change, field)));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let drift = |field: &Value| if field["drift"] == true { " drift" } else { "" };
    fields
        .map(|(change, field)| format!("{} {}{}", text(&change["kind"]), text(&field["field"]), drift(field)))
        .collect()
}

async fn drift_of_what_is_no_endpoint_is_told_and_undone(start: Start) {
    let web = Web::start(start).await;
    let mut document = shop();
    web.apply("", &document).await;
    let pool = "/pools/http/127.0.0.1:9";
    let of_pool = format!("/api{pool}");
    let by_hand = async |path: &str, method: Method, body: Value| {
        let reply = web.json(method, path, body.to_string()).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    };
    // Where drift is seen, and by which words.
    let pages = [
        (pool, "shop, changed since its file was applied: max_in_flight<"),
        ("/rules", "changed since the file of shop was applied: enabled<"),
        ("/alerts", "changed since the file of shop was applied: severity<"),
    ];
    let seen = async || {
        let mut seen = Vec::new();
        for (path, words) in pages {
            seen.push(web.get(path).await.text.contains(words));
        }
        seen
    };
    assert_eq!(seen().await, [false; 3]);

    let mut rule = document["rules"]["opened"].clone();
    rule["enabled"] = json!(false);
    let mut receiver = document["receivers"]["ops"].clone();
    receiver["severity"] = json!("warn");
    // A field of a pool that the file does not say is anybody's.
    by_hand(&of_pool, Method::PATCH, json!({"max_in_flight": 5, "max_per_second": 9})).await;
    by_hand("/api/rules/opened", Method::PUT, rule).await;
    by_hand("/api/receivers/ops", Method::PUT, receiver).await;
    assert_eq!(seen().await, [true; 3]);
    document["pools"]["http://127.0.0.1:9"]["max_per_second"] = json!(7);
    let plan = web.apply("dry_run=true", &document).await;
    let expected = ["pool max_in_flight drift", "pool max_per_second", "rule enabled drift", "receiver severity drift"];
    assert_eq!(told(&plan), expected, "{plan}");
    web.apply("", &document).await;
    assert_eq!(seen().await, [false; 3]);
    let again = web.apply("", &document).await;
    assert_eq!((changes(&again), &again["marks"]), (vec![], &json!(0)));

    // What the file says by now, too, is no drift any more once that is applied.
    by_hand(&of_pool, Method::PATCH, json!({"max_in_flight": 4})).await;
    document["pools"]["http://127.0.0.1:9"]["max_in_flight"] = json!(4);
    let noted = web.apply("dry_run=true", &document).await;
    assert_eq!((changes(&noted), &noted["marks"]), (vec![], &json!(1)));
    assert_eq!(seen().await, [true, false, false]);
    web.apply("", &document).await;
    assert_eq!(seen().await, [false; 3]);

    // Two projects may speak of one pool, each of its own fields.
    let other = json!({"project": "other", "pools": {"http://127.0.0.1:9": {"headers": {"X-A": "b"}}}});
    assert_eq!(told(&web.apply("", &other).await), ["pool headers"]);
    assert_eq!(web.apply("", &document).await["marks"], 0);
    by_hand(&of_pool, Method::PATCH, json!({"headers": null})).await;
    assert_eq!(seen().await, [false; 3]);
    assert_eq!(told(&web.apply("dry_run=true", &other).await), ["pool headers drift"]);

    // A document without these sections says nothing of them, unless it is all there is of the project.
    by_hand(&of_pool, Method::PATCH, json!({"max_in_flight": 5})).await;
    let less = json!({"project": "shop", "endpoints": document["endpoints"]});
    assert_eq!(web.apply("", &less).await["marks"], 0);
    assert_eq!(seen().await, [true, false, false]);
    assert_eq!(web.apply("prune=true", &less).await["marks"], 3);
    assert_eq!(seen().await, [false; 3]);
}
