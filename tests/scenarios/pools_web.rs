//! Pools over the API and on the pages: looked at, limited, switched off and on. On both stores.

use naptime_tests::eventually;
use naptime_tests::naptime::Start;
use naptime_tests::target::{Answer, Target};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::web::{Reply, SOON, Web, check_times, escaped, on_both_stores, query, send};

on_both_stores!(
    an_endpoint_makes_its_pool,
    pools_are_listed_and_searched,
    a_pool_is_changed_by_its_revision,
    bad_changes_are_named_by_field_and_change_nothing,
    connections_are_set_up_and_the_key_stays_hidden,
    a_timeout_may_be_as_long_as_the_pool_says,
    host_user_agent_and_accept_are_the_pools,
    nothing_is_called_of_a_pool_that_is_off,
    a_limit_holds_and_is_told,
    pages_show_and_change_a_pool,
    a_pool_without_endpoints_is_deleted,
);

/// The path of a pool in the API; on the pages it is the same without `/api`.
pub(crate) fn path(pool: &str) -> String {
    format!("/api/pools/{}", pool.replacen("://", "/", 1))
}

pub(crate) fn page(pool: &str) -> String {
    path(pool).replacen("/api", "", 1)
}

async fn patch_at(web: &Web, pool: &str, tag: &str, change: &Value) -> Reply {
    let request = web.request(Method::PATCH, &path(pool)).header("if-match", tag);
    send(request.header(CONTENT_TYPE, "application/json").body(change.to_string())).await
}

async fn change(web: &Web, pool: &str, change: Value) -> Value {
    let reply = web.patch(&path(pool), &change).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.value()
}

async fn names(web: &Web, query: &str) -> Vec<String> {
    let items = web.items(&format!("/api/pools{query}")).await;
    items.iter().map(|pool| pool["pool"].as_str().unwrap().to_owned()).collect()
}

async fn an_endpoint_makes_its_pool(start: Start) {
    let web = Web::start(start.env("NAPTIME_ALLOW_NETWORKS", "2001:db8::/32")).await;
    assert_eq!(web.items("/api/pools").await, Vec::<Value>::new());
    let pool = "https://foobar.example:8443";
    web.get(&path(pool)).await.is_problem(404, "not_found", "pool");
    let (_, endpoint) = web.add(json!({"url": format!("{pool}/a?b=c"), "every": "1h", "active": true})).await;
    assert_eq!(endpoint["pool"], pool);
    web.add(json!({"url": format!("{pool}/off"), "every": "1h"})).await;

    let reply = web.get(&path(pool)).await;
    assert_eq!((reply.status, reply.header("etag")), (200, "\"1\""));
    let mut view = reply.value();
    check_times(&view);
    view.as_object_mut().unwrap().remove("updated_at").unwrap();
    let expected = json!({
        "pool": pool, "active": true, "headers": [], "max_in_flight": null, "max_per_second": null, "in_flight": null,
        "max_timeout": null, "http1_only": false, "extra_ca": null, "client_cert": null, "client_key": null, "probe": true,
        "down": null,
        "endpoints": 2, "active_endpoints": 1, "rev": 1,
    });
    assert_eq!(view, expected);
    // As programs write it that encode all of it, and as people do who forget to.
    for text in ["https%3A%2F%2Ffoobar.example%3A8443", "https%3a%2f%2fFooBar.example:8443/", pool] {
        assert_eq!(web.get(&format!("/api/pools/{text}")).await.value()["pool"], pool, "{text}");
    }
    let of_pool = web.items(&format!("/api/endpoints?{}", query(&[("pool", pool)]))).await;
    assert_eq!(of_pool.len(), 2);
    for (text, code) in
        [("foobar.example", "no_scheme"), ("ftp/foobar.example", "bad_scheme"), ("https/x/y", "has_path")]
    {
        web.get(&format!("/api/pools/{text}")).await.is_problem(400, code, "pool");
    }
    // An address needs brackets, which a path must not have.
    web.add(json!({"url": "http://[2001:db8::1]:8080/", "every": "1h"})).await;
    let found = web.get("/api/pools/http/%5B2001:db8::1%5D:8080").await;
    assert_eq!(found.value()["pool"], "http://[2001:db8::1]:8080");
    assert_eq!(web.get("/pools/http/%5B2001:db8::1%5D:8080").await.status, 200);
    assert!(web.get("/pools").await.text.contains("href=\"/pools/http/%5B2001:db8::1%5D:8080\""));
}

async fn pools_are_listed_and_searched(start: Start) {
    let web = Web::start(start).await;
    for (pool, count) in [("https://b.example", 1), ("http://a.example", 2), ("https://c.b.example", 1)] {
        for n in 0..count {
            web.add(json!({"url": format!("{pool}/{n}"), "every": "1h"})).await;
        }
    }
    assert_eq!(names(&web, "").await, ["http://a.example", "https://b.example", "https://c.b.example"]);
    assert_eq!(names(&web, "?q=B.Example").await, ["https://b.example", "https://c.b.example"]);
    assert_eq!(names(&web, "?q=.*").await, Vec::<String>::new());
    let first = web.get("/api/pools?limit=2").await.value();
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = web.get(&format!("/api/pools?limit=2&{}", query(&[("cursor", cursor)]))).await.value();
    assert_eq!((&rest["items"][0]["pool"], &rest["next_cursor"]), (&json!("https://c.b.example"), &Value::Null));
    web.get("/api/pools?limit=0").await.is_problem(400, "out_of_range", "limit");
    web.get("/api/pools?cursor=nonsense").await.is_problem(400, "bad_cursor", "cursor");
    web.get("/api/pools?pool=x").await.is_problem(400, "unknown_parameter", "pool");
    web.get(&format!("/api/pools?q={}", "x".repeat(2_049))).await.is_problem(400, "too_long", "q");

    let found = web.get("/pools?q=B.Example").await;
    assert_eq!(found.status, 200);
    assert!(found.text.contains("/pools/https/c.b.example") && !found.text.contains("/pools/http/a.example"));
    assert!(web.get("/pools?q=nobody").await.text.contains("No pool matches."));
    assert_eq!(web.get("/pools?cursor=nonsense").await.status, 400);
}

async fn a_pool_is_changed_by_its_revision(start: Start) {
    let web = Web::start(start).await;
    let pool = "https://foobar.example";
    let all = json!({
        "active": false, "headers": {"Authorization": "Bearer $x", "X-A": "1"}, "max_in_flight": 3, "max_per_second": 1000,
    });
    let unknown = web.patch(&path(pool), &all).await;
    unknown.is_problem(404, "not_found", "pool");
    web.add(json!({"url": format!("{pool}/"), "every": "1h"})).await;

    let reply = patch_at(&web, pool, "\"1\"", &all).await;
    assert_eq!((reply.status, reply.header("etag")), (200, "\"2\""), "{}", reply.text);
    let changed = reply.value();
    for (name, expected) in [
        ("active", json!(false)),
        ("headers", json!([["Authorization", "••••"], ["X-A", "1"]])),
        ("max_in_flight", json!(3)),
        ("max_per_second", json!(1000)),
        ("in_flight", json!(0)),
        ("endpoints", json!(1)),
        ("rev", json!(2)),
    ] {
        assert_eq!(changed[name], expected, "{name}");
    }
    assert_eq!(web.get(&path(pool)).await.value(), changed);
    assert!(!web.get("/api/pools").await.text.contains("Bearer"));

    // Who comes too late hears of that first, and nothing is changed.
    for late in [json!({"max_in_flight": 5}), json!({"max_in_flight": 0})] {
        patch_at(&web, pool, "\"1\"", &late).await.is_problem(409, "stale", "If-Match");
    }
    patch_at(&web, pool, "soon", &all).await.is_problem(400, "bad_if_match", "If-Match");
    assert_eq!(web.get(&path(pool)).await.value(), changed);

    // What is not named stays, `null` lifts a limit, the mask keeps what it stands for.
    let change = json!({"max_in_flight": null, "headers": [["authorization", "••••"], ["X-B", "2"]]});
    let lifted = patch_at(&web, pool, "\"2\"", &change).await.value();
    assert_eq!((&lifted["max_in_flight"], &lifted["max_per_second"]), (&Value::Null, &json!(1000)));
    assert_eq!((&lifted["in_flight"], &lifted["active"]), (&Value::Null, &json!(false)));
    assert_eq!(lifted["headers"], json!([["authorization", "••••"], ["X-B", "2"]]));
    let same = web.patch(&path(pool), &json!({})).await.value();
    assert_eq!(same["rev"], 3, "the same again is no change");
}

async fn bad_changes_are_named_by_field_and_change_nothing(start: Start) {
    let web = Web::start(start).await;
    let pool = "https://foobar.example";
    web.add(json!({"url": format!("{pool}/"), "every": "1h"})).await;
    let before = change(&web, pool, json!({"max_in_flight": 2, "headers": {"Cookie": "a"}})).await;
    let many: Vec<Value> = (0..51).map(|n| json!([format!("X-{n}"), "1"])).collect();
    for (body, code, field) in [
        (json!({"max_in_flight": 0}), "out_of_range", "max_in_flight"),
        (json!({"max_in_flight": -1}), "out_of_range", "max_in_flight"),
        (json!({"max_in_flight": 1001}), "out_of_range", "max_in_flight"),
        (json!({"max_per_second": i64::MAX}), "out_of_range", "max_per_second"),
        (json!({"max_per_second": u64::MAX}), "out_of_range", "max_per_second"),
        (json!({"max_per_second": 0}), "out_of_range", "max_per_second"),
        (json!({"max_per_second": 1.5}), "not_a_number", "max_per_second"),
        (json!({"max_in_flight": "three"}), "not_a_number", "max_in_flight"),
        (json!({"max_in_flight": {"$ne": 1}}), "wrong_type", "max_in_flight"),
        (json!({"max_per_second": [1]}), "wrong_type", "max_per_second"),
        (json!({"max_per_second": true}), "wrong_type", "max_per_second"),
        (json!({"active": "no"}), "wrong_type", "active"),
        (json!({"active": null}), "wrong_type", "active"),
        (json!({"headers": 7}), "wrong_type", "headers"),
        (json!({"headers": {"X-A": 1}}), "wrong_type", "headers"),
        (json!({"headers": {"Connection": "close"}}), "reserved", "headers"),
        (json!({"headers": {"Host": "http://other.example"}}), "bad_host", "headers"),
        (json!({"headers": [["Host", "a.example"], ["host", "b.example"]]}), "bad_host", "headers"),
        (json!({"max_timeout": "4m"}), "out_of_range", "max_timeout"),
        (json!({"max_timeout": "2h"}), "out_of_range", "max_timeout"),
        (json!({"max_timeout": 600}), "ambiguous", "max_timeout"),
        (json!({"max_timeout": true}), "wrong_type", "max_timeout"),
        (json!({"http1_only": "yes"}), "wrong_type", "http1_only"),
        (json!({"extra_ca": "hello"}), "not_a_certificate", "extra_ca"),
        (json!({"extra_ca": private_key()}), "private_key", "extra_ca"),
        (json!({"extra_ca": certificate().replace("MA", "?")}), "bad_pem", "extra_ca"),
        (json!({"client_cert": certificate()}), "not_a_key", "client_key"),
        (json!({"client_cert": certificate(), "client_key": "••••"}), "not_a_key", "client_key"),
        (json!({"client_key": private_key()}), "missing", "client_cert"),
        (json!({"headers": {"X A": "x"}}), "bad_name", "headers"),
        (json!({"headers": {"X-A": "a\nb"}}), "bad_value", "headers"),
        (json!({"headers": {"Authorization": "••••"}}), "masked", "headers"),
        (json!({"headers": many}), "too_many", "headers"),
        (json!({"max": 3}), "unknown_field", "max"),
        (json!({"pool": "https://other.example"}), "unknown_field", "pool"),
        (json!([]), "wrong_type", ""),
    ] {
        let reply = web.patch(&path(pool), &body).await;
        assert_eq!(reply.problem(), (422, code.to_owned(), field.to_owned()), "{body}");
    }
    let both = json!({"active": false, "max_in_flight": 0, "max_per_second": 9999}).to_string();
    let errors = web.json(Method::PATCH, &path(pool), both).await.value()["errors"].clone();
    assert_eq!(errors.as_array().unwrap().len(), 2, "all at once: {errors}");
    let doubled = web.json(Method::PATCH, &path(pool), r#"{"max_in_flight": 1, "max_in_flight": 2}"#).await;
    doubled.is_problem(400, "duplicate_key", "");
    web.json(Method::PATCH, &path(pool), "{").await.is_problem(400, "bad_json", "");
    send(web.request(Method::PATCH, &path(pool)).body("{}")).await.is_problem(415, "not_json", "Content-Type");
    web.delete(&path(pool)).await.is_problem(409, "in_use", "pool");
    assert_eq!(web.get(&path(pool)).await.value(), before);
}

/// PEM that is taken for a certificate until it is used.
fn certificate() -> String {
    "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n".to_owned()
}

fn private_key() -> String {
    certificate().replace("CERTIFICATE", "PRIVATE KEY").replace("MAMCAQE=", "MAMCAQI=")
}

async fn connections_are_set_up_and_the_key_stays_hidden(start: Start) {
    let web = Web::start(start).await;
    let pool = "https://foobar.example";
    web.add(json!({"url": format!("{pool}/"), "every": "1h"})).await;
    // As people save such files, and with what `openssl` writes around.
    let ca = format!("\u{feff}subject: us\r\n{0}\n{0}", certificate().replace('\n', "\r\n"));
    let set = json!({
        "http1_only": true, "extra_ca": ca, "client_cert": certificate(), "client_key": private_key(),
    });
    let changed = change(&web, pool, set).await;
    let expected = json!([true, certificate().repeat(2), certificate(), "••••"]);
    let shown = |view: &Value| json!([view["http1_only"], view["extra_ca"], view["client_cert"], view["client_key"]]);
    assert_eq!(shown(&changed), expected);
    // The same again, the mask in place of the key, is no change; nor is what a form sends that shows all of it.
    let same = json!({"client_cert": certificate(), "client_key": "••••"});
    assert_eq!(change(&web, pool, same).await["rev"], changed["rev"]);
    let crlf = |text: String| text.replace('\n', "\r\n");
    let (two, one) = (crlf(certificate().repeat(2)), crlf(certificate()));
    let form = |http1_only: &'static str| {
        let certificates = [("extra_ca", &*two), ("client_cert", &*one), ("client_key", "••••")];
        [("http1_only", "false"), ("http1_only", http1_only)].into_iter().chain(certificates).collect::<Vec<_>>()
    };
    let edit = format!("{}/edit", page(pool));
    web.form(&edit, &form("true")).await.leads_to(&page(pool));
    assert_eq!(web.get(&path(pool)).await.value(), changed);
    web.form(&edit, &form("false")).await.leads_to(&page(pool));
    let mut without = expected.clone();
    without[0] = json!(false);
    assert_eq!(shown(&web.get(&path(pool)).await.value()), without);
    let refused = web.form(&edit, &[("extra_ca", "hello")]).await;
    assert_eq!((refused.status, refused.text.contains("id=\"extra_ca-fault\"")), (422, true), "{}", refused.text);

    let key = private_key();
    let secret = key.lines().nth(1).unwrap();
    for path in ["/api/pools".to_owned(), path(pool), page(pool), edit, "/pools".to_owned()] {
        let reply = web.get(&path).await;
        assert!(reply.status == 200 && !reply.text.contains(secret), "{path}: {}", reply.text);
    }
    assert!(web.get(&page(pool)).await.text.contains("2 certificates besides the machine"));
    // One file with both, and none again.
    let both = json!({"http1_only": false, "client_cert": format!("{}{}", private_key(), certificate())});
    assert_eq!(change(&web, pool, both).await["client_cert"], certificate());
    let none = change(&web, pool, json!({"extra_ca": null, "client_cert": null})).await;
    assert_eq!(shown(&none), json!([false, null, null, null]));
}

async fn a_timeout_may_be_as_long_as_the_pool_says(start: Start) {
    let web = Web::start(start).await;
    let pool = "http://127.0.0.1:9";
    let of = |timeout: &str| json!({"url": format!("{pool}/"), "every": "1h", "timeout": timeout});
    let once = |timeout: &str| json!({"url": format!("{pool}/"), "in": "1d", "timeout": timeout});
    web.post("/api/endpoints", &of("6m")).await.is_problem(422, "out_of_range", "timeout");
    let (path_of, _) = web.add(of("5m")).await;
    assert_eq!(change(&web, pool, json!({"max_timeout": "20m"})).await["max_timeout"], "20m");
    let longer = web.patch(&path_of, &json!({"timeout": "20m"})).await;
    assert_eq!((longer.status, &longer.value()["timeout"]), (200, &json!("20m")), "{}", longer.text);
    let too_long = web.patch(&path_of, &json!({"timeout": "21m"})).await;
    too_long.is_problem(422, "out_of_range", "timeout");
    assert!(too_long.text.contains(pool) && too_long.text.contains("20m"), "{}", too_long.text);
    web.post("/api/jobs", &once("21m")).await.is_problem(422, "out_of_range", "timeout");
    let many = web.post("/api/jobs", &json!([once("21m"), once("20m"), once("1m")])).await.value();
    assert_eq!((&many["added"], &many["refused"]), (&json!(2), &json!(1)), "{many}");
    // Where it moves to, it must be as short as that pool wants it. What is so already stays.
    let moved = json!({"url": "http://127.0.0.1:10/"});
    web.patch(&path_of, &moved).await.is_problem(422, "out_of_range", "timeout");
    change(&web, pool, json!({"max_timeout": null})).await;
    assert_eq!(web.patch(&path_of, &json!({"name": "x"})).await.status, 200);
    let url = format!("{pool}/");
    let form = [("url", &*url), ("kind", "every"), ("every", "1h"), ("timeout", "6m")];
    let refused = web.form("/endpoints/new", &form).await;
    assert!(refused.status == 422 && refused.text.contains("the longest timeout of its pool"), "{}", refused.text);
    web.post("/api/endpoints", &of("61m")).await.is_problem(422, "out_of_range", "timeout");
}

async fn host_user_agent_and_accept_are_the_pools(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let (plain, _) = web.add(json!({"url": target.url("/plain"), "every": "1h"})).await;
    let own = json!({"url": target.url("/own"), "every": "1h", "headers": {"user-agent": "its own"}});
    let (own, _) = web.add(own).await;
    let headers = json!({"Host": "other.example:8080", "User-Agent": "ours", "Accept": "application/json"});
    change(&web, &target.url(""), json!({"headers": headers})).await;
    for endpoint in [&plain, &own] {
        // Workers learn of it within seconds; whoever calls until then calls as before.
        eventually(SOON, "a call with the headers of the pool", async || {
            let before = target.count();
            web.call_now(endpoint).await;
            target.wait_for(SOON, "a call", |calls| calls.len() > before).await;
            target.all_calls().last().filter(|call| call.header("host") == Some("other.example:8080")).map(drop)
        })
        .await;
    }
    for (path, agent) in [("/plain", "ours"), ("/own", "its own")] {
        let call = target.calls(path).pop().unwrap();
        let sent = ["host", "user-agent", "accept"].map(|name| call.header(name));
        assert_eq!(sent, [Some("other.example:8080"), Some(agent), Some("application/json")], "{path}");
    }
}

async fn nothing_is_called_of_a_pool_that_is_off(start: Start) {
    let target = Target::start().await;
    let pool = target.url("");
    let web = Web::start(start).await;
    let endpoint = web.add_on_demand(&target.url("/x"), &json!({})).await;
    change(&web, &pool, json!({"active": false})).await;
    let before = web.get(&endpoint).await.value();
    let call = send(web.request(Method::POST, &format!("{endpoint}/call"))).await;
    call.is_problem(409, "pool_off", "pool");
    assert_eq!(web.get(&endpoint).await.value(), before, "and it is not remembered");
    let endpoint_page = endpoint.replacen("/api", "", 1);
    let shown = web.get(&endpoint_page).await.text;
    assert!(shown.contains("Its pool is switched off.") && shown.contains(&format!("href=\"{}\"", page(&pool))));
    assert!(shown.contains("disabled"), "the button cannot be pressed");
    let pressed = web.form(&format!("{endpoint_page}/call"), &[]).await;
    assert_eq!(pressed.status, 409);
    assert!(pressed.text.contains("Its pool is switched off"));
    assert!(web.get("/endpoints").await.text.contains("pool off"));
    let deleted = web.add_on_demand(&target.url("/deleted"), &json!({})).await;
    web.delete(&deleted).await;
    send(web.request(Method::POST, &format!("{deleted}/call"))).await.is_problem(409, "deleted", "");

    // Nothing leaves, whatever is due, while others are called.
    web.add(json!({"url": target.url("/due"), "every": "1s", "active": true})).await;
    let once = web.post("/api/jobs", &json!({"url": target.url("/once")})).await;
    assert_eq!(once.status, 202, "{}", once.text);
    let other = Target::start().await;
    web.add(json!({"url": other.url("/"), "every": "1s", "active": true})).await;
    other.wait_for(SOON, "others are called", |calls| calls.len() >= 3).await;
    assert_eq!(target.all_calls().len(), 0);
    change(&web, &pool, json!({"active": true})).await;
    web.call_now(&endpoint).await;
    target
        .wait_for(SOON, "all are called", |calls| {
            ["/x", "/due", "/once"].iter().all(|path| calls.iter().any(|call| call.uri == *path))
        })
        .await;
    let shown = web.get(&endpoint_page).await.text;
    assert!(!shown.contains("Its pool is switched off.") && !shown.contains("disabled"));
    assert!(!web.get("/endpoints").await.text.contains("pool off"));
}

async fn a_limit_holds_and_is_told(start: Start) {
    let target = Target::start().await;
    let pool = target.url("");
    let web = Web::start(start).await;
    for n in 0..5 {
        target.on(&format!("/{n}"), Answer::never());
        web.add(json!({"url": target.url(&format!("/{n}")), "every": "1h", "timeout": "5m"})).await;
    }
    change(&web, &pool, json!({"max_in_flight": 2})).await;
    assert!(web.get("/endpoints").await.text.contains("2 in flight"), "the list says that it is limited");
    for endpoint in web.items("/api/endpoints").await {
        web.call_now(&format!("/api/endpoints/{}", endpoint["id"].as_str().unwrap())).await;
    }
    eventually(SOON, "two calls are under way", async || {
        let found = web.get(&path(&pool)).await.value();
        assert!(found["in_flight"].as_u64().unwrap() <= 2, "{found}");
        (found["in_flight"] == 2 && target.all_calls().len() == 2).then_some(())
    })
    .await;
    assert!(
        web.get(&page(&pool)).await.text.contains("<strong>2</strong> now"),
        "the page tells how many are under way"
    );
    change(&web, &pool, json!({"max_in_flight": null})).await;
    target.wait_for(SOON, "the others are called", |calls| calls.len() == 5).await;
}

async fn pages_show_and_change_a_pool(start: Start) {
    let web = Web::start(start).await;
    let pool = "https://foobar.example";
    assert!(web.get("/pools").await.text.contains("No pools yet."));
    assert_eq!(web.get(&page(pool)).await.status, 404);
    assert_eq!(web.get("/pools/ftp/foobar.example").await.status, 404);
    let (endpoint, _) = web.add(json!({"url": format!("{pool}/<b>?x=1"), "every": "1h", "name": "<i>"})).await;
    web.add(json!({"url": "https://other.example/", "every": "1h"})).await;
    let shown = web.get(&page(pool)).await.text;
    assert!(shown.contains(&endpoint.replacen("/api", "", 1)) && !shown.contains("other.example"), "its channels");
    assert!(shown.contains(&escaped("<i>")) && !shown.contains("<i>"));

    let edit = format!("{}/edit", page(pool));
    assert!(web.get(&edit).await.text.contains("name=\"rev\" value=\"1\""));
    // All faults at once, at their fields, and what was typed is there.
    let typed =
        [("rev", "1"), ("max_in_flight", "0"), ("max_per_second", "<many>"), ("headers", "Connection: x\r\nX-A: <1>")];
    let faulty = web.form(&edit, &typed).await;
    assert_eq!(faulty.status, 422);
    for field in ["max_in_flight", "max_per_second", "headers"] {
        assert!(faulty.text.contains(&format!("id=\"{field}-fault\"")), "{field}: {}", faulty.text);
    }
    assert!(faulty.text.contains(&format!("value=\"{}\"", escaped("<many>"))));
    assert!(faulty.text.contains(&escaped("Connection: x\nX-A: <1>")));
    assert_eq!(web.get(&path(pool)).await.value()["rev"], 1);

    let headers = "Authorization: Bearer x\r\nX-A: <1>";
    let good = [("rev", "1"), ("max_in_flight", " 4 "), ("max_per_second", "10"), ("headers", headers)];
    web.form(&edit, &good).await.leads_to(&page(pool));
    let changed = web.get(&path(pool)).await.value();
    assert_eq!((&changed["max_in_flight"], &changed["max_per_second"]), (&json!(4), &json!(10)));
    let shown = web.get(&page(pool)).await.text;
    assert!(
        shown.contains("Authorization: ••••") && shown.contains(&escaped("X-A: <1>")) && !shown.contains("Bearer x")
    );
    assert!(web.get("/pools").await.text.contains("4 in flight, 10 per second"));
    // The form sent back as it is shown changes nothing.
    let same = [
        ("rev", "2"),
        ("max_in_flight", "4"),
        ("max_per_second", "10"),
        ("headers", "Authorization: ••••\r\nX-A: <1>"),
    ];
    web.form(&edit, &same).await.leads_to(&page(pool));
    assert_eq!(web.get(&path(pool)).await.value(), changed);

    // Somebody else was faster. Sent once more, it is saved over that.
    let late = [("rev", "1"), ("max_in_flight", ""), ("max_per_second", "10"), ("headers", "X-A: <1>")];
    let stale = web.form(&edit, &late).await;
    assert_eq!(stale.status, 409);
    assert!(stale.text.contains("Somebody else has changed this pool meanwhile."));
    assert!(stale.text.contains("name=\"rev\" value=\"2\"") && stale.text.contains("Save over it"));
    assert_eq!(web.get(&path(pool)).await.value(), changed);
    let over = [("rev", "2"), ("max_in_flight", ""), ("max_per_second", "10"), ("headers", "X-A: <1>")];
    web.form(&edit, &over).await.leads_to(&page(pool));
    let over = web.get(&path(pool)).await.value();
    assert_eq!((&over["max_in_flight"], &over["headers"]), (&Value::Null, &json!([["X-A", "<1>"]])));

    // Off only after a question, and back to where it was asked, on this site.
    let switch = format!("{}/switch", page(pool));
    let question = web.get(&format!("{switch}?back=%2Fpools%3Fq%3Dfoo")).await.text;
    assert!(question.contains("Switch this pool off?") && question.contains("value=\"/pools?q=foo\""));
    assert_eq!(web.get(&path(pool)).await.value()["active"], true, "asking changes nothing");
    web.form(&switch, &[("active", "false"), ("back", "/pools?q=foo")]).await.leads_to("/pools?q=foo");
    assert_eq!(web.get(&path(pool)).await.value()["active"], false);
    web.form(&switch, &[("active", "true"), ("back", "//evil.example/")]).await.leads_to(&page(pool));
    assert_eq!(web.get(&path(pool)).await.value()["active"], true);
    let unknown = "/pools/https/unknown.example";
    for path in [unknown.to_owned(), format!("{unknown}/edit"), format!("{unknown}/switch")] {
        assert_eq!(web.get(&path).await.status, 404, "{path}");
    }
    assert_eq!(web.form(&format!("{unknown}/edit"), &good).await.status, 404);
    assert_eq!(web.form(&format!("{unknown}/switch"), &[("active", "true")]).await.status, 404);
}

async fn a_pool_without_endpoints_is_deleted(start: Start) {
    let web = Web::start(start.env("NAPTIME_ALLOW_NETWORKS", "2001:db8::/32")).await;
    let (pool, other) = ("https://foobar.example", "https://other.example");
    web.delete(&path(pool)).await.is_problem(404, "not_found", "pool");
    let (endpoint, _) = web.add(json!({"url": format!("{pool}/a"), "every": "1h"})).await;
    web.add(json!({"url": format!("{other}/a"), "every": "1h"})).await;
    change(&web, pool, json!({"max_in_flight": 3})).await;
    let refused = web.delete(&path(pool)).await;
    refused.is_problem(409, "in_use", "pool");
    assert!(refused.text.contains("it still has 1 endpoint; delete them first"), "{}", refused.text);
    let delete = format!("{}/delete", page(pool));
    assert!(!web.get(&page(pool)).await.text.contains(&delete), "there is no button for what would be refused");
    let refused = web.form(&delete, &[]).await;
    assert_eq!(refused.status, 409);
    assert!(refused.text.contains("It cannot be deleted: it still has 1 endpoint."), "{}", refused.text);

    assert_eq!(web.delete(&endpoint).await.status, 204);
    assert!(web.get(&page(pool)).await.text.contains(&delete), "now there is");
    assert!(web.get(&delete).await.text.contains("Delete this pool?"));
    let stale = send(web.request(Method::DELETE, &path(pool)).header("if-match", "\"1\"")).await;
    stale.is_problem(409, "stale", "If-Match");
    web.form(&delete, &[]).await.leads_to("/pools");
    web.form(&delete, &[]).await.leads_to("/pools");
    assert_eq!(names(&web, "").await, [other]);
    assert_eq!(web.get(&page(pool)).await.status, 404);

    let restored = send(web.request(Method::POST, &format!("{endpoint}/restore"))).await;
    assert_eq!(restored.status, 200, "{}", restored.text);
    let again = web.get(&path(pool)).await.value();
    assert_eq!((&again["rev"], &again["max_in_flight"], &again["endpoints"]), (&json!(1), &Value::Null, &json!(1)));
    assert_eq!(web.delete(&endpoint).await.status, 204);
    assert_eq!(web.delete(&path(pool)).await.status, 204);
    assert_eq!(names(&web, "").await, [other]);
}
