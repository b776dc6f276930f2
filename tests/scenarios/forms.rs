//! The pages as a browser without a script uses them: forms that are filled in, sent, and sent back.

use std::collections::BTreeSet;

use naptime_tests::naptime::Naptime;
use naptime_tests::sqlite::File;
use naptime_tests::target::Target;
use naptime_tests::{eventually, target};
use reqwest::Method;
use serde_json::{Value, json};

use super::web::{Reply, SOON, Web, escaped, send};

/// The fields of the form, in its order; `active` is a box to be ticked.
const FIELDS: [&str; 28] = [
    "rev",
    "id",
    "url",
    "every",
    "jitter",
    "cron",
    "random",
    "window",
    "tz",
    "name",
    "method",
    "headers",
    "body",
    "timeout",
    "success",
    "expect",
    "keep",
    "sla.every",
    "sla.within",
    "sla.days",
    "sla.tz",
    "retry.attempts",
    "retry.backoff",
    "retry.on",
    "steer.min",
    "steer.max",
    "lease",
    "tags",
];

/// A schedule of this period, as the API shows it.
fn every_so_often(period: &str) -> Value {
    json!({"kind": "every", "every": period, "text": format!("every {period}")})
}

/// What a field of a page holds.
fn shown(page: &str, name: &str) -> String {
    let at = page.find(&format!("name=\"{name}\"")).unwrap_or_else(|| panic!("no field {name} in {page}"));
    let start = page[..at].rfind('<').unwrap();
    let (tag, rest) = page[start..].split_once('>').unwrap();
    let between = |text: &str, from: &str, to: &str| {
        let (_, after) = text.split_once(from)?;
        Some(after.split_once(to)?.0.to_owned())
    };
    let escaped = if tag.starts_with("<textarea") {
        rest.split_once("</textarea>").unwrap().0.strip_prefix('\n').unwrap().to_owned()
    } else if tag.starts_with("<select") {
        let options = rest.split_once("</select>").unwrap().0;
        let chosen = options.split("<option").find(|option| option.contains(" selected")).unwrap();
        between(chosen, "value=\"", "\"").unwrap()
    } else {
        between(tag, "value=\"", "\"").unwrap_or_default()
    };
    escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

/// Sends a form as a page shows it, but for what is typed over.
async fn fill_in(web: &Web, path: &str, page: &str, typed: &[(&str, &str)]) -> Reply {
    let there = FIELDS.iter().filter(|name| page.contains(&format!("name=\"{name}\"")));
    let mut fields: Vec<(&str, String)> = there.map(|name| (*name, shown(page, name))).collect();
    // Boxes and choices that are ticked.
    for tag in page.split("<input").skip(1).map(|rest| rest.split('>').next().unwrap()) {
        let part = |from: &str| tag.split_once(from).map(|(_, rest)| rest.split('"').next().unwrap());
        if tag.contains(" checked") {
            fields.push((part("name=\"").unwrap(), part("value=\"").unwrap().to_owned()));
        }
    }
    fields.retain(|(name, _)| typed.iter().all(|(other, _)| other != name));
    let mut all: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    all.extend(typed);
    web.form(path, &all).await
}

async fn add(web: &Web, typed: &[(&str, &str)]) -> String {
    let blank = web.get("/endpoints/new").await;
    let added = fill_in(web, "/endpoints/new", &blank.text, typed).await;
    assert_eq!(added.status, 303, "{}", added.text);
    added.header("location").to_owned()
}

#[tokio::test]
async fn a_duplicate_is_set_up_as_the_first_and_off() {
    let file = File::fresh();
    let web = Web::start(Naptime::up(&file)).await;
    let first = json!({"url": "http://127.0.0.1:9/a", "cron": "15 4 * * *", "tz": "Asia/Tokyo", "name": "report",
        "active": true, "tags": ["a", "b"], "expect": ["body contains ok"], "keep": "all", "timeout": "5s"});
    let (path, first) = web.add(first).await;
    let page = web.get(&path.replace("/api", "")).await.text;
    let link = format!("/endpoints/new?like={}", first["id"].as_str().unwrap());
    assert!(page.contains(&format!("href=\"{link}\"")), "{page}");
    let form = web.get(&link).await.text;
    let added = fill_in(&web, "/endpoints/new", &form, &[("tz", "Asia/Tokyo")]).await;
    assert_eq!(added.status, 303, "{}", added.text);
    let second = web.get(&format!("/api{}", added.header("location"))).await.value();
    for field in ["url", "schedule", "tags", "expect", "keep", "timeout", "retry"] {
        assert_eq!(second[field], first[field], "{field}");
    }
    assert_eq!((&second["name"], &second["active"]), (&json!("report (copy)"), &json!(false)));
    assert_ne!(second["id"], first["id"]);
    assert_eq!(web.get("/endpoints/new?like=7").await.status, 404);
}

#[tokio::test]
async fn an_endpoint_lives_its_life_in_forms() {
    let (file, target) = (File::fresh(), Target::start().await);
    let web = Web::start(Naptime::up(&file)).await;
    let url = target.url("/a?b=c&d=<e>");
    let typed = [
        ("url", &*url),
        ("every", "1 day"),
        ("name", "A \"name\" & <more>"),
        ("method", "POST"),
        ("headers", "X-A: 1\r\nAuthorization: Bearer hidden"),
        ("body", "\r\none\r\ntwo"),
        ("timeout", "5s"),
        ("tags", "a, b ,a"),
        ("sla.every", "2d"),
        ("retry.attempts", "1"),
        ("retry.backoff", "100ms"),
        ("retry.on", "500,timeout"),
        ("success", "200-299,404"),
        ("lease", "60s"),
        ("steer.min", "1m"),
        ("steer.max", "24h"),
    ];
    let page = add(&web, &typed).await;
    let api = format!("/api{page}");
    let added = web.get(&api).await.value();
    let expected = json!({
        "active": false, "method": "POST", "name": "A \"name\" & <more>", "tags": ["a", "b"], "timeout": "5s",
        "sla": "2d", "retry": {"attempts": 1, "backoff": "100ms", "on": "500, timeout"}, "body": "\none\ntwo",
        "headers": [["X-A", "1"], ["Authorization", "••••"]], "schedule": every_so_often("1d"), "success": "200-299, 404",
        "lease": "1m", "steer": {"min": "1m", "max": "1d"},
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&added[field], value, "{field}");
    }
    let detail = web.get(&page).await;
    assert!(detail.text.contains(&escaped("A \"name\" & <more>")) && detail.text.contains("No runs yet."));
    assert!(web.get("/endpoints").await.text.contains(&page));

    // The button says where to, so pressing it twice does no harm.
    let switch = format!("{page}/switch");
    web.form(&switch, &[("active", "true"), ("back", "/endpoints?q=a")]).await.leads_to("/endpoints?q=a");
    web.form(&switch, &[("active", "true"), ("back", "//evil.example")]).await.leads_to(&page);
    assert_eq!(web.get(&api).await.value()["active"], true);

    web.form(&format!("{page}/call"), &[]).await.leads_to(&page);
    web.runs(&api, 1).await;
    let call = target.all_calls().remove(0);
    assert_eq!((call.header("authorization"), &call.body[..]), (Some("Bearer hidden"), &b"\none\ntwo"[..]));
    let detail = web.get(&page).await;
    assert!(detail.text.contains("manual") && detail.text.contains("data-label=\"Outcome\""), "{}", detail.text);

    // Sent back as it is, it changes nothing; what is hidden stays, as does what is not typed over.
    let edit = format!("{page}/edit");
    let before = web.get(&api).await.value();
    let form = web.get(&edit).await;
    assert_eq!(shown(&form.text, "headers"), "X-A: 1\nAuthorization: ••••");
    fill_in(&web, &edit, &form.text, &[]).await.leads_to(&page);
    assert_eq!(web.get(&api).await.value(), before);
    fill_in(&web, &edit, &form.text, &[("every", "2d")]).await.leads_to(&page);
    let after = web.get(&api).await.value();
    assert_eq!((&after["schedule"], &after["active"]), (&every_so_often("2d"), &json!(true)));
    assert_eq!((&after["body"], &after["headers"]), (&before["body"], &before["headers"]));
    web.form(&format!("{page}/call"), &[]).await.leads_to(&page);
    web.runs(&api, 2).await;
    assert_eq!(target.all_calls()[1].header("authorization"), Some("Bearer hidden"));

    // Deleting asks first.
    let delete = format!("{page}/delete");
    let question = web.get(&delete).await;
    assert!(question.status == 200 && question.text.contains("Delete this endpoint?"));
    assert!(web.get(&api).await.value()["deleted_at"].is_null());
    web.form(&delete, &[]).await.leads_to(&page);
    web.form(&delete, &[]).await.leads_to(&page);
    let detail = web.get(&page).await;
    assert!(detail.status == 200 && detail.text.contains(&format!("action=\"{page}/restore\"")), "{}", detail.text);
    assert!(!web.get("/endpoints").await.text.contains(&page));
    for gone in [&edit, &delete] {
        assert_eq!(web.get(gone).await.status, 409, "{gone}");
    }
    for button in [&edit, &switch, &format!("{page}/call")] {
        assert_eq!(web.form(button, &[("active", "true")]).await.status, 409, "{button}");
    }
    web.form(&format!("{page}/restore"), &[]).await.leads_to(&page);
    let restored = web.get(&api).await.value();
    assert!(restored["deleted_at"].is_null() && restored["active"] == false, "{restored}");
    assert!(web.get("/endpoints").await.text.contains(&page));
}

#[tokio::test]
async fn a_stale_form_saves_nothing_and_keeps_what_was_typed() {
    let file = File::fresh();
    let web = Web::start(Naptime::up(&file)).await;
    let page = add(&web, &[("url", "http://127.0.0.1:9/"), ("every", "1d")]).await;
    let (api, edit) = (format!("/api{page}"), format!("{page}/edit"));
    let form = web.get(&edit).await.text;
    web.patch(&api, &json!({"name": "theirs"})).await;

    // What is wrong with what is stale may not even be wrong any more.
    for every in ["2d", "nonsense"] {
        let typed = [("name", "mine"), ("every", every), ("body", "a\nb"), ("method", "PUT"), ("active", "true")];
        let stale = fill_in(&web, &edit, &form, &typed).await;
        assert_eq!(stale.status, 409);
        assert!(stale.text.contains("Somebody else has changed this endpoint meanwhile."), "{}", stale.text);
        for (name, value) in &typed[..4] {
            assert_eq!(shown(&stale.text, name), *value);
        }
        let now = web.get(&api).await.value();
        assert_eq!((&now["name"], &now["schedule"], &now["rev"]), (&json!("theirs"), &every_so_often("1d"), &json!(2)));
    }
    // Who sends it once more has seen that.
    let typed = [("name", "mine"), ("every", "2d"), ("active", "true")];
    let stale = fill_in(&web, &edit, &form, &typed).await;
    assert_eq!(shown(&stale.text, "rev"), "2");
    fill_in(&web, &edit, &stale.text, &[]).await.leads_to(&page);
    let now = web.get(&api).await.value();
    assert_eq!((&now["name"], &now["schedule"], &now["active"]), (&json!("mine"), &every_so_often("2d"), &json!(true)));
}

#[tokio::test]
async fn a_form_with_faults_shows_each_at_its_field() {
    let file = File::fresh();
    let web = Web::start(Naptime::up(&file)).await;
    let page = add(&web, &[("url", "http://127.0.0.1:9/"), ("every", "1d"), ("name", "as it was")]).await;
    let form = web.get(&format!("{page}/edit")).await.text;
    let typed = [
        ("url", "nonsense"),
        ("every", "soon"),
        ("method", "BREW"),
        ("headers", "no colon"),
        ("timeout", "2h"),
        ("sla.every", "1"),
        ("sla.within", "9-5"),
        ("sla.days", "someday"),
        ("sla.tz", "Mars"),
        ("retry.attempts", "0"),
        ("retry.on", "soon"),
        ("jitter", "2x"),
        ("success", "2xx"),
        ("lease", "1s"),
        ("steer.max", "1h"),
        ("name", &*"x".repeat(101)),
        ("tags", &*"y".repeat(51)),
    ];
    for (path, form) in [("/endpoints/new", web.get("/endpoints/new").await.text), (&*format!("{page}/edit"), form)] {
        let reply = fill_in(&web, path, &form, &typed).await;
        assert_eq!(reply.status, 422, "{path}");
        for (name, value) in typed {
            // One limit alone lacks the other.
            let id = if name == "steer.max" { "steer.min" } else { name };
            assert!(reply.text.contains(&format!("class=\"fault\" id=\"{id}-fault\"")), "{path}: no fault at {name}");
            // The summary leads to the input.
            let (link, input) = (format!("href=\"#{id}\""), format!(" id=\"{id}\" name=\"{id}\""));
            assert!(reply.text.contains(&link) && reply.text.contains(&input), "{path}: no link to {id}");
            if name != "method" {
                assert_eq!(shown(&reply.text, name), value, "{path}");
            }
        }
    }
    let nothing = web.form("/endpoints/new", &[]).await;
    assert!(nothing.status == 422 && nothing.text.contains("id=\"url-fault\""), "{}", nothing.text);
    assert!(nothing.text.contains("id=\"every-fault\"") && !nothing.text.contains("id=\"name-fault\""));
    let endpoints = web.items("/api/endpoints").await;
    assert_eq!(endpoints.len(), 1);
    assert_eq!((&endpoints[0]["name"], &endpoints[0]["rev"]), (&json!("as it was"), &json!(1)));
}

/// Asserts that nothing in a page is executed or styled but what the policy lets in.
fn check_page(what: &str, page: &Reply, status: u16) {
    assert_eq!(page.status, status, "{what}");
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{what}");
    assert_eq!(page.header("x-content-type-options"), "nosniff", "{what}");
    assert_eq!(page.header("cache-control"), "no-store", "{what}");
    assert_eq!(page.header("referrer-policy"), "same-origin", "{what}");
    let policy = page.header("content-security-policy");
    for part in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"] {
        assert!(policy.split(';').any(|it| it.trim() == part), "{what}: {part} in {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{what}: {policy}");
    let text = &page.text;
    assert!(text.starts_with("<!DOCTYPE html>") && text.trim_end().ends_with("</html>"), "{what}: {text}");
    for tag in text.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap();
        let name = tag.split([' ', '\n', '/']).next().unwrap();
        assert!(name != "style" && name != "iframe" && name != "base", "{what}: <{tag}>");
        assert!(name != "script" || tag.contains(" src=\"/assets/"), "{what}: <{tag}>");
        // Names of attributes, not what stands in quotes.
        let attributes: String = tag.split('"').step_by(2).collect();
        let handler = attributes.split_whitespace().any(|it| it.starts_with("on") && it.ends_with('='));
        assert!(!handler && !attributes.contains(" style="), "{what}: <{tag}>");
        assert!(!tag.contains("\"javascript:"), "{what}: <{tag}>");
    }
}

#[tokio::test]
async fn every_page_is_guarded_and_holds_no_inline_script_or_style() {
    let (file, locked_file, target) = (File::fresh(), File::fresh(), Target::start().await);
    target.on("/", target::Answer::status(500).body("<style>*{color:red}</style> onclick=alert(1)"));
    let web = Web::start(Naptime::up(&file)).await;
    let form = [("url", &*target.url("/")), ("every", "1s"), ("active", "true"), ("sla.every", "1m"), ("tags", "a")];
    let page = add(&web, &form).await;
    let deleted = add(&web, &[("url", "http://127.0.0.1:9/"), ("every", "1d")]).await;
    web.form(&format!("{deleted}/delete"), &[]).await;
    // Charts with something in them.
    eventually(SOON, "load is written", async || {
        let load = web.get("/api/load").await.value();
        load["items"].as_array().unwrap().iter().any(|point| point["calls"] != 0).then_some(())
    })
    .await;
    let of = |rest: &str| format!("{page}{rest}");
    let pages = [
        ("/".to_owned(), 200),
        ("/?unit=second".to_owned(), 200),
        ("/?unit=day&last=7".to_owned(), 200),
        ("/?unit=year".to_owned(), 400),
        ("/endpoints".to_owned(), 200),
        ("/endpoints?q=nothing".to_owned(), 200),
        ("/endpoints?cursor=x".to_owned(), 400),
        ("/endpoints/new".to_owned(), 200),
        ("/endpoints/deleted".to_owned(), 200),
        (page.clone(), 200),
        (of("/edit"), 200),
        (of("/delete"), 200),
        (of("/nothing"), 404),
        (deleted.clone(), 200),
        (format!("{deleted}/edit"), 409),
        ("/endpoints/abc".to_owned(), 404),
        ("/endpoints/00000000-0000-7000-8000-000000000000".to_owned(), 404),
        ("/nothing?<script>alert(1)</script>".to_owned(), 404),
    ];
    for (path, status) in &pages {
        check_page(path, &web.get(path).await, *status);
    }
    check_page("a form with faults", &web.form("/endpoints/new", &[("url", "\"><script>")]).await, 422);
    check_page("a stale form", &web.form(&of("/edit"), &[("rev", "99")]).await, 409);
    check_page("another method", &send(web.request(Method::POST, "/")).await, 405);
    let foreign = |name: &str, value: &str| send(web.request(Method::POST, "/endpoints/new").header(name, value));
    check_page("another site", &foreign("origin", "https://evil.example").await, 403);
    check_page("another name", &foreign("host", "evil.example").await, 403);
    check_page("no form", &foreign("content-type", "application/json").await, 415);

    let locked = Web::start(Naptime::up(&locked_file).env("NAPTIME_PASSWORD", "open sesame, please")).await;
    check_page("login", &locked.get("/login").await, 200);
    check_page("a wrong password", &locked.form("/login", &[("password", "x")]).await, 401);

    // What the pages load is there, and may not be taken for something else.
    let overview = web.get("/").await.text;
    let mut kinds = BTreeSet::new();
    for path in overview.split('"').filter(|quoted| quoted.starts_with("/assets/")) {
        let asset = locked.get(path).await;
        assert_eq!((asset.status, asset.header("x-content-type-options")), (200, "nosniff"), "{path}");
        kinds.insert(asset.header("content-type").split(';').next().unwrap().to_owned());
    }
    assert_eq!(kinds.iter().collect::<Vec<_>>(), ["image/svg+xml", "text/css", "text/javascript"]);
    assert_eq!(web.get("/assets/nothing.css").await.status, 404);
}
