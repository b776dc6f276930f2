//! What nobody should send: each is refused with a problem that names the field, nothing is stored, and the program
//! goes on. That no answer is a 5xx is seen to by [`send`].

use naptime_tests::naptime::Start;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::web::{Web, escaped, on_both_stores, query, send};

on_both_stores!(
    no_field_takes_what_it_should_not,
    forms_say_the_same_and_keep_what_was_typed,
    timings_that_cannot_be_are_refused,
    bodies_that_are_no_endpoint_are_refused,
    forms_that_say_nothing_change_nothing,
    paths_and_queries_that_mean_nothing_are_refused,
    requests_that_are_no_http_do_no_harm,
);

/// A URL, a period, headers or a body that are refused: the field, the code, what is typed in the form, and what is
/// sent as JSON where that is not the same text.
type Typed = (&'static str, &'static str, String, Option<Value>);

fn typed() -> Vec<Typed> {
    let text = |field, code, text: &str| (field, code, text.to_owned(), None);
    let mut cases = vec![
        text("url", "empty", " "),
        text("url", "no_scheme", "foobar.net/x"),
        text("url", "no_scheme", "localhost:8080/x"),
        text("url", "no_scheme", "//foobar.net/"),
        text("url", "bad_scheme", "ftp://foobar.net/"),
        text("url", "bad_scheme", "file:///etc/passwd"),
        text("url", "bad_scheme", "javascript:alert(1)"),
        text("url", "no_host", "http://"),
        text("url", "userinfo", "http://me:secret@foobar.net/"),
        text("url", "too_long", &format!("http://foobar.net/{}", "a".repeat(2048 - 17))),
        text("url", "bad_port", "http://foobar.net:0/"),
        text("url", "bad_port", "http://foobar.net:65536/"),
        text("url", "bad_character", "http://foobar.net/a b"),
        text("url", "bad_character", "http://foobar.net/\0"),
        text("url", "bad_host", "http://xn--a-ä.example/"),
        text("url", "bad_host", "http://256.1.1.1/"),
        text("url", "blocked_address", "http://127.1/"),
        text("url", "blocked_address", "http://2130706433/"),
        text("url", "blocked_address", "http://0x7f.1/"),
        text("url", "blocked_address", "http://[::ffff:10.0.0.1]/"),
        text("url", "blocked_address", "http://169.254.169.254/latest/meta-data/"),
        text("url", "blocked_address", "http://LocalHost./"),
        text("every", "empty", " "),
        text("every", "out_of_range", "0"),
        text("every", "out_of_range", "0s"),
        text("every", "out_of_range", "999ms"),
        text("every", "out_of_range", "366d 1ms"),
        text("every", "out_of_range", "99999999999999999999s"),
        text("every", "ambiguous", "30"),
        text("every", "ambiguous", "5M"),
        text("every", "ambiguous", "5 5m"),
        text("every", "not_a_duration", "-5s"),
        text("every", "not_a_duration", "2 months"),
        text("every", "not_a_duration", "NaN"),
        text("every", "not_a_duration", "1e99"),
        text("every", "not_a_duration", "<b>soon</b>"),
        text("timeout", "out_of_range", "0"),
        text("timeout", "out_of_range", "61m"),
        text("timeout", "not_a_duration", "-1"),
        text("jitter", "out_of_range", "5m"),
        text("jitter", "not_a_duration", "-1s"),
        text("success", "bad_status", "2xx"),
        text("success", "bad_status", "299-200"),
        text("lease", "out_of_range", "4s"),
        text("lease", "out_of_range", "601s"),
        text("body", "too_long", &"x".repeat(256 * 1024 + 1)),
    ];
    let mut headers = |code, typed: &str, pairs| cases.push(("headers", code, typed.to_owned(), Some(pairs)));
    headers("reserved", "cONNECTION: x", json!({"cONNECTION": "x"}));
    headers("bad_host", "hOST: a b", json!({"hOST": "a b"}));
    headers("reserved", "Content-Length: 1", json!({"Content-Length": "1"}));
    headers("reserved", "Transfer-Encoding: chunked", json!({"Transfer-Encoding": "chunked"}));
    headers("bad_value", "X-A: a\0b", json!({"X-A": "a\0b"}));
    headers("bad_name", "X A: 1", json!({"X A": "1"}));
    headers("too_many", &"X-A: 1\n".repeat(51), json!([["X-A", "1"]].repeat(51)));
    cases
}

/// A program whose workers may call nothing of this machine.
async fn public(start: Start) -> Web {
    Web::start(start.env("NAPTIME_ALLOW_NETWORKS", "192.0.2.0/24")).await
}

/// Asserts that nothing was stored, and that the next good request is served.
async fn is_well_and_empty(web: &Web) {
    assert_eq!(web.items("/api/endpoints").await, [] as [Value; 0]);
    web.add(json!({"url": "http://foobar.net/", "every": "5m"})).await;
    assert_eq!(web.items("/api/endpoints").await.len(), 1);
}

fn good() -> Value {
    json!({"url": "http://foobar.net/", "every": "5m"})
}

async fn no_field_takes_what_it_should_not(start: Start) {
    let web = public(start).await;
    let object = json!({"$ne": null});
    let mut cases: Vec<(&str, &str, Value)> =
        typed().into_iter().map(|(field, code, text, json)| (field, code, json.unwrap_or(json!(text)))).collect();
    let fields = ["url", "every", "method", "headers", "body", "timeout", "active", "sla", "name", "tags", "retry"];
    // Those of another kind of timing are in conflict with this one, whatever they hold.
    let later = ["jitter", "align", "success", "lease", "steer"];
    for field in fields.into_iter().chain(later) {
        let wrong = if field == "headers" { json!({"X-A": object}) } else { object.clone() };
        if !matches!(field, "retry" | "steer" | "sla") {
            cases.push((field, "wrong_type", wrong));
        }
        cases.push((field, "wrong_type", json!([[null]])));
    }
    cases.extend([
        ("url", "missing", json!(null)),
        ("url", "wrong_type", json!(5)),
        ("every", "out_of_range", json!(0)),
        ("every", "ambiguous", json!(30)),
        ("every", "ambiguous", json!(3600)),
        ("every", "ambiguous", json!("3600")),
        ("every", "not_a_duration", json!(-5)),
        ("every", "not_a_duration", json!(1500.5)),
        ("every", "out_of_range", json!(1e99)),
        ("timeout", "out_of_range", json!(3_601_000)),
        ("headers", "bad_value", json!({"X-A": "1\r\nX-B: 2"})),
        ("headers", "bad_name", json!({"X-A\r\nX-B": "1"})),
        ("headers", "bad_name", json!({"": "1"})),
        ("headers", "reserved", json!([["Idempotency-Key", "1"]])),
        ("headers", "bad_line", json!("X-A")),
        ("headers", "wrong_type", json!([["X-A"]])),
        ("headers", "too_long", json!({"X-A": "x".repeat(20_000)})),
        ("method", "unknown_method", json!("BREW")),
        ("method", "unknown_method", json!("GET / HTTP/1.1\r\n")),
        ("active", "wrong_type", json!("yes")),
        ("active", "wrong_type", json!(null)),
        ("name", "too_long", json!("x".repeat(101))),
        ("name", "bad_character", json!("a\0b")),
        ("tags", "empty", json!([" "])),
        ("tags", "too_many", json!((0..21).map(|n| n.to_string()).collect::<Vec<_>>())),
        ("sla", "out_of_range", json!("1ms")),
        ("sla", "shorter_than_period", json!("4m")),
        ("sla", "shorter_than_period", json!({"every": "4m", "within": "9-17"})),
        ("sla", "wrong_type", json!(["5m"])),
        ("sla.every", "missing", json!({"within": "9-17"})),
        ("sla.every", "longer_than_hours", json!({"every": "9h", "within": "9-17"})),
        ("sla.within", "ambiguous", json!({"every": "5m", "within": "9-5"})),
        ("sla.days", "not_a_weekday", json!({"every": "5m", "days": "x"})),
        ("sla.tz", "unknown_zone", json!({"every": "5m", "days": "mon", "tz": "Mars"})),
        ("sla.tz", "conflict", json!({"every": "5m", "tz": "UTC"})),
        ("retry.attempts", "out_of_range", json!({"attempts": 0})),
        ("retry.attempts", "not_a_number", json!({"attempts": 1e99})),
        ("retry.attempts", "out_of_range", json!({"attempts": -1})),
        ("retry.backoff", "out_of_range", json!({"backoff": "2h"})),
        ("retry.attempts", "not_a_number", json!({"attempts": "three"})),
        ("retry.on", "bad_status", json!({"on": "often"})),
        ("retry.on", "wrong_type", json!({"on": [null]})),
        ("success", "bad_status", json!([])),
        ("success", "bad_status", json!(["$ne"])),
        ("steer.max", "missing", json!({"min": "30s"})),
        ("retry.$ne", "unknown_field", json!({"$ne": null})),
        ("steer", "out_of_range", json!({"min": "1h", "max": "30s"})),
        ("steer", "out_of_range", json!({"min": "1ms", "max": "30s"})),
        ("steer.min", "not_a_duration", json!({"min": "-1s", "max": "30s"})),
        ("window", "conflict", json!("09:00-17:00")),
        ("days", "conflict", json!(["mon"])),
        ("tz", "conflict", json!("UTC")),
        ("schedule", "unknown_field", json!({"every": "5m"})),
        ("$set", "unknown_field", json!({"active": true})),
        ("id", "unknown_field", json!("01a1fa5c-9c85-7223-beb1-06962fe31c31")),
    ]);
    for (field, code, value) in &cases {
        let mut endpoint = good();
        endpoint[name_of(field)] = value.clone();
        web.post("/api/endpoints", &endpoint).await.is_problem(422, code, field);
    }
    // All that is wrong is said at once.
    let problem = web.post("/api/endpoints", &json!({"timeout": 0, "cron": "x"})).await.value();
    let fields: Vec<&Value> = problem["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    assert_eq!(fields, ["url", "cron", "timeout"], "{problem}");
    is_well_and_empty(&web).await;

    // An endpoint that is there takes them no better.
    let id = web.items("/api/endpoints").await[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/endpoints/{id}");
    let before = web.get(&path).await.value();
    for (field, code, value) in &cases {
        web.patch(&path, &json!({ (name_of(field)): value })).await.is_problem(422, code, field);
    }
    assert_eq!(web.get(&path).await.value(), before);
}

/// The field that holds what a path leads to.
fn name_of(path: &str) -> &str {
    path.split('.').next().unwrap_or(path)
}

async fn timings_that_cannot_be_are_refused(start: Start) {
    let web = public(start).await;
    let random = |window: &str, days: Value| json!({"random": "1h", "window": window, "days": days, "tz": "UTC"});
    let cases = [
        ("every", "missing", json!({})),
        ("every", "missing", json!({"window": "09:00-17:00"})),
        ("cron", "conflict", json!({"every": "5m", "cron": "* * * * *"})),
        ("random", "conflict", json!({"cron": "* * * * *", "random": "1h"})),
        ("align", "conflict", json!({"cron": "* * * * *", "align": true})),
        ("align", "conflict", json!({"random": "1h", "align": true})),
        ("jitter", "conflict", json!({"cron": "* * * * *", "jitter": "5s"})),
        ("window", "conflict", json!({"cron": "* * * * *", "window": "09:00-17:00"})),
        ("cron", "never", json!({"cron": "0 0 31 2 *"})),
        ("cron", "never", json!({"cron": "0 0 30 feb *"})),
        ("cron", "bad_cron", json!({"cron": ""})),
        ("cron", "bad_cron", json!({"cron": "* * * *"})),
        ("cron", "bad_cron", json!({"cron": "60 * * * *"})),
        ("cron", "bad_cron", json!({"cron": "* * * * * * *"})),
        ("cron", "bad_cron", json!({"cron": "@sometimes"})),
        ("cron", "bad_cron", json!({"cron": "<b>{\"$ne\": 1}</b>"})),
        ("cron", "bad_cron", json!({"cron": "0,".repeat(50_000)})),
        ("tz", "unknown_zone", json!({"cron": "* * * * *", "tz": "Europe/Foobar"})),
        ("tz", "unknown_zone", json!({"cron": "* * * * *", "tz": "../../etc/passwd"})),
        ("tz", "unknown_zone", json!({"random": "1h", "tz": ""})),
        ("random", "not_a_duration", json!({"random": "often"})),
        ("random", "out_of_range", json!({"random": 0})),
        ("random", "out_of_range", json!({"random": "999ms"})),
        ("random", "not_whole_days", json!({"random": "36h"})),
        ("window", "ambiguous", random("9 to 5", json!("mon"))),
        ("window", "not_a_window", random("09:00-24:01", json!("mon"))),
        ("window", "overlap", random("09:00-12:00, 11:00-14:00", json!("mon"))),
        ("window", "no_length", random("09:00-09:00", json!("mon"))),
        ("window", "too_narrow", random("09:00-09:59", json!("mon"))),
        ("days", "not_a_weekday", random("09:00-17:00", json!("m"))),
        ("days", "empty", random("09:00-17:00", json!([]))),
        ("sla", "shorter_than_period", json!({"cron": "0 9 * * *", "sla": "1h"})),
        ("sla", "shorter_than_period", json!({"random": "1h", "window": "09:00-17:00", "sla": "2h"})),
        ("sla", "shorter_than_period", json!({"every": "5m", "jitter": "1m", "sla": "5m"})),
    ];
    for (field, code, mut endpoint) in cases {
        endpoint["url"] = json!("http://foobar.net/");
        web.post("/api/endpoints", &endpoint).await.is_problem(422, code, field);

        // The form knows no two kinds at once, and a blank zone is UTC there.
        if code == "conflict" || endpoint["tz"] == "" {
            continue;
        }
        let text = |name: &str| endpoint[name].as_str().unwrap_or_default().to_owned();
        let kind = ["cron", "random"].into_iter().find(|kind| !endpoint[*kind].is_null()).unwrap_or("every");
        let names = ["url", "every", "jitter", "cron", "random", "window", "tz"];
        let mut fields: Vec<(&str, String)> = names.into_iter().map(|name| (name, text(name))).collect();
        fields.extend([("sla.every", text("sla")), ("timing", kind.to_owned())]);
        if field != "days" {
            fields.push(("days", "mon".to_owned()));
        }
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let page = web.form("/endpoints/new", &fields).await;
        assert_eq!(page.status, 422, "{endpoint}");
        assert!(page.text.contains(&format!("id=\"{field}-fault\"")), "{endpoint}: no fault at {field}");
        let preview = web.form("/endpoints/preview", &fields).await;
        assert_eq!(preview.status, 200, "{endpoint}");
    }
    // What a form may hold, and no browser sends.
    for id in ["", "1", "$ne", "00000000-0000-0000-0000-000000000000"] {
        let fields = [("id", id), ("timing", "yearly"), ("every", "5m"), ("days", "mo"), ("rev", "x"), ("url", "::")];
        assert_eq!(web.form("/endpoints/preview", &fields).await.status, 200, "{id}");
        assert_eq!(web.form("/endpoints/new", &fields).await.status, 422, "{id}");
    }
    is_well_and_empty(&web).await;
}

async fn forms_say_the_same_and_keep_what_was_typed(start: Start) {
    let web = public(start).await;
    for (field, code, text, json) in typed() {
        let mut endpoint = good();
        endpoint[field] = json.unwrap_or(json!(text));
        let problem = web.post("/api/endpoints", &endpoint).await.value();
        assert_eq!((&problem["field"], &problem["code"]), (&json!(field), &json!(code)));
        let words = escaped(problem["detail"].as_str().unwrap());

        let mut fields = vec![("url", "http://foobar.net/"), ("every", "5m"), ("name", "kept as well")];
        fields.retain(|(name, _)| *name != field);
        fields.push((field, &text));
        let page = web.form("/endpoints/new", &fields).await;
        let what = format!("{field}: {text:.60}");
        assert_eq!(page.status, 422, "{what}");
        let at_field = format!(r#"<p class="fault" id="{field}-fault">{words}</p>"#);
        assert!(page.text.contains(&at_field), "{what}: {words} in {}", page.text);
        let kept = match field {
            "headers" | "body" => format!("\n{}</textarea>", escaped(&text)),
            _ => format!("value=\"{}\"", escaped(&text)),
        };
        assert!(page.text.contains(&kept), "{what} is not kept: {}", page.text);
        assert!(page.text.contains("value=\"kept as well\""), "{what}");
    }
    is_well_and_empty(&web).await;
}

async fn bodies_that_are_no_endpoint_are_refused(start: Start) {
    let web = public(start).await;
    let (json, deep) = ("application/json", 20_000);
    let long = format!(r#"{{"url": "http://foobar.net/", "every": "5m", "body": "{}"}}"#, "x".repeat(2 << 20));
    let cases: Vec<(&str, Vec<u8>, u16, &str, &str)> = vec![
        (json, b"".into(), 400, "bad_json", ""),
        (json, b"{".into(), 400, "bad_json", ""),
        (json, b"{} {}".into(), 400, "bad_json", ""),
        (json, b"url=http://foobar.net/&every=5m".into(), 400, "bad_json", ""),
        (json, br#"{"url": "http://foobar.net/", "every": NaN}"#.into(), 400, "bad_json", ""),
        (json, br#"{"url": "http://foobar.net/", "every": 1e999}"#.into(), 400, "bad_json", ""),
        (json, b"{\"url\": \"http://foobar.net/\xff\", \"every\": \"5m\"}".into(), 400, "bad_json", ""),
        (json, br#"{"url": "http://foobar.net/\ud800", "every": "5m"}"#.into(), 400, "bad_json", ""),
        (json, "[".repeat(deep).into(), 400, "bad_json", ""),
        (json, format!("{}1{}", r#"{"url":"#.repeat(deep), "}".repeat(deep)).into(), 400, "bad_json", ""),
        (json, br#"{"url": "http://foobar.net/", "every": 99999999999999999999}"#.into(), 422, "out_of_range", "every"),
        (json, br#"{"every": "5m", "every": "1s"}"#.into(), 400, "duplicate_key", ""),
        (json, b"null".into(), 422, "wrong_type", ""),
        (json, b"\"http://foobar.net/\"".into(), 422, "wrong_type", ""),
        (json, b"{}".into(), 422, "missing", "url"),
        (json, long.into(), 413, "too_large", "body"),
        ("", good().to_string().into(), 415, "not_json", "Content-Type"),
        ("text/plain", good().to_string().into(), 415, "not_json", "Content-Type"),
        ("application/x-www-form-urlencoded", good().to_string().into(), 415, "not_json", "Content-Type"),
        ("multipart/form-data; boundary=x", good().to_string().into(), 415, "not_json", "Content-Type"),
    ];
    for (kind, body, status, code, field) in cases {
        let mut request = web.request(Method::POST, "/api/endpoints").body(body);
        if !kind.is_empty() {
            request = request.header(CONTENT_TYPE, kind);
        }
        send(request).await.is_problem(status, code, field);
    }
    for kind in ["application/json", "multipart/form-data; boundary=x", "text/plain"] {
        let form = query(&[("url", "http://foobar.net/"), ("every", "5m")]);
        let request = web.request(Method::POST, "/endpoints/new").header(CONTENT_TYPE, kind).body(form);
        assert_eq!(send(request).await.status, 415, "{kind}");
    }
    assert_eq!(web.form("/endpoints/new", &[("body", &"x".repeat(2 << 20))]).await.status, 413);
    is_well_and_empty(&web).await;
}

/// A form that lacks what it is for must not be taken for one that says no.
async fn forms_that_say_nothing_change_nothing(start: Start) {
    let web = public(start).await;
    let (path, _) = web.add(json!({"url": "http://foobar.net/", "every": "5m", "active": true})).await;
    let pool = "/api/pools/http/foobar.net";
    let limits = json!({"max_in_flight": 3, "headers": {"X-A": "1"}});
    assert_eq!(web.json(Method::PATCH, pool, limits.to_string()).await.status, 200);
    let rule = json!({"event": "e", "then": "delete"}).to_string();
    assert_eq!(web.json(Method::PUT, "/api/rules/a", rule).await.status, 201);

    let all = [path.as_str(), pool, "/api/rules/a"];
    let before = [web.get(all[0]).await.value(), web.get(all[1]).await.value(), web.get(all[2]).await.value()];
    let switches =
        [format!("{}/switch", path.strip_prefix("/api").unwrap()), "/pools/http/foobar.net/switch".to_owned()];
    for (page, field) in [(&*switches[0], "active"), (&*switches[1], "active"), ("/rules/a/switch", "enabled")] {
        for fields in [&[][..], &[(field, "")], &[(field, "off")], &[("other", "true")]] {
            let reply = web.form(page, fields).await;
            assert!(reply.status == 422 && reply.text.contains(field), "{page} {fields:?}: {}", reply.text);
        }
    }
    assert_eq!(web.form("/pools/http/foobar.net/edit", &[]).await.status, 303);
    for (path, before) in all.into_iter().zip(before) {
        let after = web.get(path).await.value();
        for member in ["active", "enabled", "max_in_flight", "headers"] {
            assert_eq!(after[member], before[member], "{path} {member}");
        }
    }
}

async fn paths_and_queries_that_mean_nothing_are_refused(start: Start) {
    let web = public(start).await;
    let (path, added) = web.add(good()).await;
    let id = added["id"].as_str().unwrap();
    let unknown = "/api/endpoints/00000000-0000-7000-8000-000000000000";
    for (method, path) in [
        (Method::GET, unknown.to_owned()),
        (Method::DELETE, unknown.to_owned()),
        (Method::GET, format!("{unknown}/runs")),
        (Method::POST, format!("{unknown}/call")),
    ] {
        send(web.request(method, &path)).await.is_problem(404, "not_found", "id");
    }
    web.patch(unknown, &json!({"name": "x"})).await.is_problem(404, "not_found", "id");
    let long = "a".repeat(10_000);
    for id in ["abc", "%zz", "%", "%ff", "%00", "$ne", "%7B%22$ne%22%3Anull%7D", "1", &id[1..], &long] {
        web.get(&format!("/api/endpoints/{id}")).await.is_problem(400, "not_an_id", "id");
        web.patch(&format!("/api/endpoints/{id}"), &json!({})).await.is_problem(400, "not_an_id", "id");
        web.get(&format!("/api/endpoints/{id}/runs")).await.is_problem(400, "not_an_id", "id");
        assert_eq!(web.get(&format!("/endpoints/{id}")).await.status, 404);
    }

    let nines = "99999999999999999999";
    let limits = ["0", "-1", "1e9", "abc", "501", nines, "1.5", "%00"];
    let cursors = ["abc", "~", "%00", "%ff", "0~0", "-1", &id[1..], "{\"$gt\":\"\"}", nines, &long];
    for list in ["/api/endpoints", &format!("{path}/runs")] {
        for limit in limits {
            web.get(&format!("{list}?limit={limit}")).await.is_problem(400, "out_of_range", "limit");
        }
        for cursor in cursors {
            web.get(&format!("{list}?cursor={cursor}")).await.is_problem(400, "bad_cursor", "cursor");
        }
    }
    let faults = [
        ("/api/endpoints?limt=5", "unknown_parameter", "limt"),
        ("/api/endpoints?%zz=1", "unknown_parameter", "%zz"),
        ("/api/endpoints?q=a&q=b", "duplicate_parameter", "q"),
        ("/api/endpoints?active=maybe", "wrong_type", "active"),
        ("/api/endpoints?q[$ne]=1", "unknown_parameter", "q[$ne]"),
        ("/api/workers?x=1", "unknown_parameter", "x"),
        ("/api/load?step=0", "out_of_range", "step"),
        ("/api/load?step=1500ms", "out_of_range", "step"),
        ("/api/load?step=1s&from=2026-01-01T00:00:00Z", "not_kept", "step"),
        ("/api/load?step=NaN", "not_a_duration", "step"),
        ("/api/load?step=1m&from=1000-01-01T00:00:00Z", "not_kept", "step"),
        ("/api/load?from=yesterday", "not_a_time", "from"),
        ("/api/load?to=1e99", "not_a_time", "to"),
        ("/api/load?from=2999-01-01T00:00:00Z", "out_of_range", "from"),
    ];
    for (path, code, field) in faults {
        web.get(path).await.is_problem(400, code, field);
    }
    // What is searched for may be anything, but not of any length.
    for parameter in ["q", "tag", "pool"] {
        web.get(&format!("/api/endpoints?{parameter}={long}")).await.is_problem(400, "too_long", parameter);
        assert_eq!(web.get(&format!("/endpoints?{parameter}={long}")).await.status, 400, "{parameter}");
        for q in ["%zz", "%ff", "%00", "%", "(", "\\", "[a-", "*"] {
            assert_eq!(web.items(&format!("/api/endpoints?{parameter}={q}")).await, [] as [Value; 0], "{q}");
            assert_eq!(web.get(&format!("/endpoints?{parameter}={q}")).await.status, 200, "{q}");
        }
    }
    for page in ["/endpoints?cursor=abc", &format!("/endpoints/{id}?cursor=abc")] {
        assert_eq!(web.get(page).await.status, 400, "{page}");
    }

    for path in ["/api", "/api/", "/api/nothing", "/api/endpoints/", "/api//endpoints", &format!("{path}/nothing")] {
        web.get(path).await.is_problem(404, "not_found", "");
    }
    let call = format!("{path}/call");
    for (method, path, allow) in [
        (Method::PUT, "/api/endpoints", "GET,HEAD,POST"),
        (Method::DELETE, "/api/endpoints", "GET,HEAD,POST"),
        (Method::POST, &*path, "GET,HEAD,PATCH,DELETE"),
        (Method::TRACE, &*path, "GET,HEAD,PATCH,DELETE"),
        (Method::GET, &*call, "POST"),
        (Method::POST, "/api/workers", "GET,HEAD"),
        (Method::from_bytes(b"BREW").unwrap(), "/api/load", "GET,HEAD"),
    ] {
        let reply = send(web.request(method, path)).await;
        reply.is_problem(405, "method_not_allowed", "");
        let allowed = reply.header("allow").split(',').map(str::trim).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(allowed, allow.split(',').collect(), "{path}");
    }
    for path in ["/", "/endpoints", "/api/endpoints", &*path, "/healthz", "/readyz", "/metrics"] {
        let (head, get) = (send(web.request(Method::HEAD, path)).await, web.get(path).await);
        assert_eq!((head.status, &*head.text), (200, ""), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    }
    assert_eq!(web.get(&path).await.value(), added, "nothing of this changed it");
}

async fn requests_that_are_no_http_do_no_harm(start: Start) {
    let web = public(start).await;
    let address = web.naptime.url("").replace("http://", "");
    let huge = format!("GET / HTTP/1.1\r\nHost: {address}\r\nX-A: {}\r\n\r\n", "x".repeat(1 << 20));
    let post = "POST /api/endpoints HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let cases = [
        "\x16\x03\x01\x02\x00\x01\x00".to_owned(),
        "GET\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        // No host at all.
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
        "GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        format!("{post}Content-Length: -1\r\n\r\n"),
        format!("{post}Content-Length: 5\r\nContent-Length: 6\r\n\r\n{{}}"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        huge,
    ];
    for request in cases {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        // It may be closed before all is written or read.
        let _ = stream.write_all(request.as_bytes()).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let status = String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned();
        let refused = status.is_empty() || status.split(' ').nth(1).is_some_and(|status| status.starts_with('4'));
        assert!(refused, "{request:.60}: {status}");
    }
    // A body that breaks off.
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(format!("{post}Content-Length: 1000\r\n\r\n{{\"url\"").as_bytes()).await.unwrap();
    drop(stream);
    assert_eq!(web.get(&format!("/api/endpoints?{}", query(&[("q", "x")]))).await.status, 200);
    is_well_and_empty(&web).await;
}
