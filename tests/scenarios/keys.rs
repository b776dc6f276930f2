//! Endpoints by keys of one's own, and many of them in one request, on both stores.

use std::time::{Duration, Instant};

use naptime_tests::naptime::Start;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::web::{Reply, Web, on_both_stores, send};

on_both_stores!(
    put_adds_and_replaces_the_endpoint_of_a_key,
    a_put_that_changes_nothing_makes_no_revision,
    what_people_set_by_hand_stays_when_nothing_is_said_of_it,
    a_mask_in_a_put_keeps_what_is_stored,
    a_put_may_say_what_it_expects_to_find,
    a_key_belongs_to_one_endpoint,
    keys_are_any_text_in_an_address,
    of_many_puts_at_the_same_time_one_adds,
    each_of_many_endpoints_is_answered_on_its_own,
    an_idempotency_key_is_the_key_of_a_job,
    whoever_prefers_it_gets_a_short_answer,
    ten_thousand_endpoints_are_added_in_one_request,
);

const PATH: &str = "/api/endpoints/by-key/billing";

impl Web {
    async fn put(&self, path: &str, json: &Value) -> Reply {
        self.json(Method::PUT, path, json.to_string()).await
    }

    /// Sends a PUT with one more header.
    async fn put_with(&self, header: &str, value: &str, json: &Value) -> Reply {
        let request = self.request(Method::PUT, PATH).header(CONTENT_TYPE, "application/json").header(header, value);
        send(request.body(json.to_string())).await
    }
}

async fn put_adds_and_replaces_the_endpoint_of_a_key(start: Start) {
    let web = Web::start(start).await;
    web.get(PATH).await.is_problem(404, "not_found", "key");
    web.delete(PATH).await.is_problem(404, "not_found", "key");
    let full = json!({
        "url": "http://127.0.0.1:9/a", "every": "5m", "method": "PUT", "body": "x", "headers": {"X-A": "1"}, "name": "A",
        "retry": {"attempts": 7, "backoff": "9s"}, "sla": {"every": "1h", "days": "mon-fri"}, "tags": ["a"],
        "steer": {"min": "1m", "max": "1h"}, "timeout": "5s", "active": true,
    });
    let added = web.put(PATH, &full).await;
    assert_eq!((added.status, added.header("etag")), (201, "\"1\""), "{}", added.text);
    let first = added.value();
    assert_eq!((&first["key"], &first["active"], &first["body"]), (&json!("billing"), &json!(true), &json!("x")));
    let location = added.header("location").to_owned();
    assert_eq!(web.get(&location).await.value(), web.get(PATH).await.value());

    // What is not said has its default again, also within an object.
    let less = json!({"url": "http://127.0.0.1:9/b", "cron": "0 9 * * *", "retry": {"attempts": 5}, "key": "billing"});
    let replaced = web.put(PATH, &less).await;
    assert_eq!((replaced.status, replaced.header("etag")), (200, "\"2\""), "{}", replaced.text);
    let second = replaced.value();
    assert_eq!((&second["id"], &second["key"]), (&first["id"], &json!("billing")));
    let expected = json!({
        "url": "http://127.0.0.1:9/b", "method": "GET", "body": null, "headers": [], "name": "", "sla": null, "tags": [],
        "retry": {"attempts": 5, "backoff": "2s", "on": "429, 503, timeout, connection"}, "steer": null, "timeout": "30s",
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&second[name], value, "{name}");
    }
    assert_eq!(second["schedule"]["cron"], "0 9 * * *");

    let faults = web.put(PATH, &json!({"name": "x"})).await;
    faults.is_problem(422, "missing", "url");
    let fields: Vec<Value> =
        faults.value()["errors"].as_array().unwrap().iter().map(|it| it["field"].clone()).collect();
    assert_eq!(fields, ["url", "every"], "nothing of the stored endpoint stands in for what is missing");
    let other = json!({"url": "http://127.0.0.1:9/", "every": "5m", "key": "other"});
    web.put(PATH, &other).await.is_problem(422, "conflict", "key");
    web.put(PATH, &json!([])).await.is_problem(422, "wrong_type", "");

    assert_eq!(web.delete(PATH).await.status, 204);
    web.get(PATH).await.is_problem(404, "not_found", "key");
    let again = web.put(PATH, &full).await;
    assert_eq!(again.status, 201);
    assert_ne!(again.value()["id"], first["id"], "a deleted endpoint is not revived");
}

async fn a_put_that_changes_nothing_makes_no_revision(start: Start) {
    let web = Web::start(start).await;
    for timing in [
        json!({"every": "5m", "jitter": "1m"}),
        json!({"every": "5m", "align": true}),
        json!({"cron": "H 9 * * *", "tz": "Europe/Berlin", "except": "12-25", "from": "2030-01-01 09:00"}),
        json!({"random": "1h", "window": "09:00-17:00", "days": "mon-fri"}),
    ] {
        let mut endpoint = json!({
            "url": "http://127.0.0.1:9/", "headers": {"Authorization": "Bearer x"}, "sla": null, "tags": "a, b",
            "sign": "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=", "active": true,
        });
        endpoint.as_object_mut().unwrap().extend(timing.as_object().unwrap().clone());
        let first = web.put(PATH, &endpoint).await;
        assert!(first.status < 300, "{}", first.text);
        let again = web.put(PATH, &endpoint).await;
        assert_eq!((again.status, again.header("etag")), (200, first.header("etag")), "{timing}");
        assert_eq!(again.value(), web.get(PATH).await.value(), "{timing}");
    }
}

async fn what_people_set_by_hand_stays_when_nothing_is_said_of_it(start: Start) {
    let web = Web::start(start).await;
    let plain = json!({"url": "http://127.0.0.1:9/", "every": "1d"});
    let added = web.put(PATH, &plain).await;
    assert_eq!(added.value()["active"], false);
    let path = added.header("location").to_owned();
    let by_hand = web.patch(&path, &json!({"active": true, "pause": {"note": "the target moves"}})).await;
    let again = web.put(PATH, &plain).await;
    assert_eq!((again.status, again.header("etag")), (200, by_hand.header("etag")), "{}", again.text);
    let resumed = web.put(PATH, &json!({"url": "http://127.0.0.1:9/", "every": "1d", "pause": null})).await.value();
    assert_eq!((&resumed["active"], &resumed["schedule"]["pause"]), (&json!(true), &Value::Null));
    let off = web.put(PATH, &json!({"url": "http://127.0.0.1:9/", "every": "1d", "active": false})).await.value();
    assert_eq!(off["active"], false);
}

async fn a_mask_in_a_put_keeps_what_is_stored(start: Start) {
    let web = Web::start(start).await;
    let endpoint = |url: &str, token: &str, sign: &str| json!({"url": url, "every": "1d", "headers": {"Authorization": token}, "sign": sign});
    let key = "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";
    web.put(PATH, &endpoint("http://127.0.0.1:9/", "••••", key)).await.is_problem(422, "masked", "headers");
    let first = web.put(PATH, &endpoint("http://127.0.0.1:9/", "Bearer x", key)).await;
    assert_eq!(first.status, 201, "{}", first.text);
    let kept = web.put(PATH, &endpoint("http://127.0.0.1:9/", "••••", "••••")).await;
    assert_eq!(kept.header("etag"), first.header("etag"), "{}", kept.text);
    web.put(PATH, &endpoint("http://127.0.0.2:9/", "••••", "••••")).await.is_problem(422, "masked", "headers");
    // What is left out goes, so it need not be written again for another host.
    let moved = web.put(PATH, &json!({"url": "http://127.0.0.2:9/", "every": "1d"})).await;
    assert_eq!((moved.status, &moved.value()["headers"], &moved.value()["sign"]), (200, &json!([]), &json!([])));
}

async fn a_put_may_say_what_it_expects_to_find(start: Start) {
    let web = Web::start(start).await;
    let endpoint = |name: &str| json!({"url": "http://127.0.0.1:9/", "every": "1d", "name": name});
    for tag in ["*", "\"1\""] {
        web.put_with("if-match", tag, &endpoint("a")).await.is_problem(404, "not_found", "key");
    }
    assert_eq!(web.put_with("if-none-match", "*", &endpoint("a")).await.status, 201);
    web.put_with("if-none-match", "*", &endpoint("b")).await.is_problem(409, "stale", "If-Match");
    assert_eq!(web.put_with("if-match", "\"1\"", &endpoint("b")).await.header("etag"), "\"2\"");
    web.put_with("if-match", "\"1\"", &endpoint("c")).await.is_problem(409, "stale", "If-Match");
    assert_eq!(web.put_with("if-match", "*", &endpoint("c")).await.header("etag"), "\"3\"");
    let delete = |tag: &str| send(web.request(Method::DELETE, PATH).header("if-match", tag));
    delete("\"1\"").await.is_problem(409, "stale", "If-Match");
    assert_eq!(delete("\"3\"").await.status, 204);
}

async fn a_key_belongs_to_one_endpoint(start: Start) {
    let web = Web::start(start).await;
    let endpoint = |path: &str| json!({"url": format!("http://127.0.0.1:9{path}"), "every": "1d", "key": "a"});
    let (_, first) = web.add(endpoint("/1")).await;
    let again = web.post("/api/endpoints", &endpoint("/2")).await;
    assert_eq!((again.status, &again.value()["id"]), (200, &first["id"]), "it is found, not added");
    assert!(again.value()["note"].is_string() && again.value()["channel"] == "/1", "{}", again.text);
    let (other, _) = web.add(json!({"url": "http://127.0.0.1:9/3", "every": "1d"})).await;
    web.patch(&other, &json!({"key": "a"})).await.is_problem(409, "key_taken", "key");
    assert_eq!(web.patch(&other, &json!({"key": "b"})).await.value()["key"], "b");
    assert_eq!(web.get("/api/endpoints/by-key/b").await.value()["channel"], "/3");
    let items = web.items("/api/endpoints").await;
    assert_eq!(items.iter().map(|item| &item["key"]).collect::<Vec<_>>(), ["a", "b"]);
    // Rules and people mean the same endpoint by a key; one-off jobs have keys of their own.
    let job = json!({"url": "http://127.0.0.1:9/", "in": "1d", "key": "a"});
    assert_eq!(web.post("/api/jobs", &job).await.status, 202);
    let rule = json!({"event": "e", "then": "switch_off"});
    assert_eq!(web.put("/api/rules/r", &rule).await.status, 201);
    web.patch(&other, &json!({"active": true})).await;
    let done = web.post("/api/events", &json!({"event": "e", "key": "b"})).await.value();
    assert_eq!(done["items"][0]["did"], "switched_off", "{done}");
}

async fn keys_are_any_text_in_an_address(start: Start) {
    let web = Web::start(start).await;
    let endpoint = json!({"url": "http://127.0.0.1:9/", "every": "1d"});
    for (written, key) in [("a%2Fb", "a/b"), ("call", "call"), ("%C3%BC%20%F0%9F%A6%A6", "ü 🦦"), ("%24ne.", "$ne.")]
    {
        let path = format!("/api/endpoints/by-key/{written}");
        let added = web.put(&path, &endpoint).await;
        assert_eq!((added.status, &added.value()["key"]), (201, &json!(key)), "{}", added.text);
        assert_eq!(web.get(&path).await.value()["key"], key);
    }
    let long = "x".repeat(201);
    for (bad, status, code) in
        [("%20", 400, "empty"), (&*long, 400, "too_long"), ("%00", 400, "bad_character"), ("%FF", 400, "not_utf8")]
    {
        let path = format!("/api/endpoints/by-key/{bad}");
        web.put(&path, &endpoint).await.is_problem(status, code, "key");
        web.get(&path).await.is_problem(status, code, "key");
    }
}

async fn of_many_puts_at_the_same_time_one_adds(start: Start) {
    let web = Web::start(start).await;
    let endpoint = |n: usize| json!({"url": "http://127.0.0.1:9/", "every": "1d", "name": n.to_string()});
    let bodies: Vec<Value> = (0..4).map(endpoint).collect();
    let replies = futures::future::join_all(bodies.iter().map(|body| web.put(PATH, body))).await;
    let mut told: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    told.sort_unstable();
    assert_eq!(told, [200, 200, 200, 201]);
    assert_eq!(web.items("/api/endpoints").await.len(), 1);
    assert_eq!(web.get(PATH).await.header("etag"), "\"4\"");
}

async fn each_of_many_endpoints_is_answered_on_its_own(start: Start) {
    let web = Web::start(start).await;
    let good = |key: &str| json!({"url": "http://127.0.0.1:9/", "every": "1d", "key": key, "active": true});
    let list = json!([good("a"), {"url": "nowhere", "every": "1d"}, good("a"), 7, good("b")]);
    let reply = web.post("/api/endpoints", &list).await;
    assert_eq!(reply.status, 207, "{}", reply.text);
    let answer = reply.value();
    assert_eq!((&answer["added"], &answer["existing"], &answer["refused"]), (&json!(2), &json!(1), &json!(2)));
    let items = answer["items"].as_array().unwrap();
    let told: Vec<_> = items.iter().map(|item| (&item["line"], item["error"]["code"].as_str())).collect();
    let [one, two, three, four, five] = [1, 2, 3, 4, 5].map(|line| json!(line));
    assert_eq!(
        told,
        [(&one, None), (&two, Some("no_scheme")), (&three, None), (&four, Some("wrong_type")), (&five, None)]
    );
    assert_eq!((&items[0]["id"], &items[2]["existing"]), (&items[2]["id"], &json!(true)));
    assert!(items[0].get("state").is_none(), "an endpoint has no stage: {answer}");
    assert_eq!(web.get("/api/endpoints/by-key/b").await.value()["active"], true);
}

async fn ten_thousand_endpoints_are_added_in_one_request(start: Start) {
    const MANY: usize = 10_000;
    let web = Web::start(start).await;
    let line = |n: usize| {
        json!({"url": format!("http://127.0.0.1:9/{n}"), "every": "1d", "key": n.to_string(), "active": true})
            .to_string()
    };
    let lines: Vec<String> = (0..MANY).map(line).collect();
    let send = || {
        // A program that is not optimized takes seconds for ten thousand.
        let request = web.request(Method::POST, "/api/endpoints").timeout(Duration::from_secs(120));
        send(request.header(CONTENT_TYPE, "application/x-ndjson").body(lines.join("\n")))
    };
    let begun = Instant::now();
    let reply = send().await;
    eprintln!("{MANY} endpoints in one request: {:?}", begun.elapsed());
    let answer = reply.value();
    assert_eq!((reply.status, &answer["added"], &answer["refused"]), (207, &json!(MANY), &json!(0)));
    let found = web.get("/api/endpoints/by-key/4321").await.value();
    assert_eq!((&found["channel"], &found["id"]), (&json!("/4321"), &answer["items"][4321]["id"]));
    let again = send().await.value();
    assert_eq!((&again["added"], &again["existing"]), (&json!(0), &json!(MANY)));
}

async fn an_idempotency_key_is_the_key_of_a_job(start: Start) {
    let web = Web::start(start).await;
    let send_job = async |header: &str, job: &Value| {
        let request = web.request(Method::POST, "/api/jobs").header(CONTENT_TYPE, "application/json");
        send(request.header("idempotency-key", header).body(job.to_string())).await
    };
    let job = json!({"url": "http://127.0.0.1:9/", "in": "1d"});
    let first = send_job("\"order 7\"", &job).await;
    assert_eq!((first.status, &first.value()["key"]), (202, &json!("order 7")), "{}", first.text);
    for header in ["\"order 7\"", "order 7"] {
        let again = send_job(header, &job).await;
        assert_eq!((again.status, &again.value()["id"]), (200, &first.value()["id"]), "{}", again.text);
    }
    let keyed = json!({"url": "http://127.0.0.1:9/", "in": "1d", "key": "order 7"});
    assert_eq!(send_job("order 7", &keyed).await.status, 200);
    send_job("order 8", &keyed).await.is_problem(422, "conflict", "key");
    send_job("", &job).await.is_problem(400, "empty", "Idempotency-Key");
    send_job(&"x".repeat(201), &job).await.is_problem(400, "too_long", "Idempotency-Key");
    send_job("order 9", &json!([job])).await.is_problem(400, "conflict", "Idempotency-Key");

    // Of an event, too, it says what its `key` would.
    assert_eq!(web.put("/api/rules/r", &json!({"event": "e", "then": "delete"})).await.status, 201);
    let send_event = async |event: Value| {
        let request = web.request(Method::POST, "/api/events").header(CONTENT_TYPE, "application/json");
        send(request.header("idempotency-key", "user-1").body(event.to_string())).await
    };
    assert_eq!(send_event(json!({"event": "e"})).await.value()["items"][0]["key"], "user-1");
    assert_eq!(send_event(json!({"event": "e", "key": "user-1"})).await.status, 200);
    send_event(json!({"event": "e", "key": "user-2"})).await.is_problem(422, "conflict", "key");
}

async fn whoever_prefers_it_gets_a_short_answer(start: Start) {
    let web = Web::start(start).await;
    let endpoint = json!({"url": "http://127.0.0.1:9/", "every": "1d"});
    let added = web.put_with("prefer", "return=minimal", &endpoint).await;
    let id = web.get(PATH).await.value()["id"].clone();
    assert_eq!((added.status, added.value()), (201, json!({"id": id, "rev": 1})));
    assert_eq!((added.header("etag"), added.header("preference-applied")), ("\"1\"", "return=minimal"));
    assert!(added.header("location").ends_with(id.as_str().unwrap()), "{added:?}");
    let whole = web.put_with("prefer", "return=representation", &endpoint).await;
    assert_eq!((&whole.value()["url"], whole.header("preference-applied")), (&endpoint["url"], ""));
    let got = send(web.request(Method::GET, PATH).header("prefer", "return=minimal")).await;
    assert_eq!(got.value()["url"], endpoint["url"], "it is for changes only");
    web.put_with("prefer", "return=minimal", &json!({"every": "1d"})).await.is_problem(422, "missing", "url");
}
