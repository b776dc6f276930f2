//! Who is let in: people with the password, programs with the token, and nobody whom another site or a foreign name
//! brings along.

use std::time::Duration;

use naptime_tests::eventually;
use naptime_tests::naptime::{Naptime, Start, Store};
use naptime_tests::sqlite::File;
use naptime_tests::target::Target;
use reqwest::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use super::web::{Reply, SOON, Web, escaped, query, send, with_form};

pub(super) const PASSWORD: &str = "open sesame, please";
pub(super) const TOKEN: &str = "a-token-for-programs-only";
const EVIL: &str = "https://evil.example";

pub(super) fn locked(store: &impl Store) -> Start {
    Naptime::up(store).env("NAPTIME_PASSWORD", PASSWORD).env("NAPTIME_API_TOKEN", TOKEN)
}

pub(super) async fn log_in(web: &Web, password: &str) -> Reply {
    web.form("/login", &[("password", password)]).await
}

/// Logs in and returns the cookie as a browser sends it back.
pub(super) async fn cookie(web: &Web) -> String {
    let reply = log_in(web, PASSWORD).await;
    reply.leads_to("/");
    reply.header("set-cookie").split(';').next().unwrap().to_owned()
}

pub(super) async fn with_cookie(web: &Web, path: &str, cookie: &str) -> Reply {
    send(web.request(Method::GET, path).header(COOKIE, cookie)).await
}

pub(super) async fn with_token(web: &Web, path: &str, token: &str) -> Reply {
    send(web.request(Method::GET, path).header(AUTHORIZATION, token)).await
}

#[tokio::test]
async fn nothing_is_shown_to_who_has_neither_password_nor_token() {
    let file = File::fresh();
    let web = Web::start(locked(&file)).await;
    let to = |path: &str| format!("/login?{}", query(&[("next", path)]));
    web.get("/").await.leads_to("/login");
    for path in ["/endpoints", "/endpoints?q=a%20b", "/endpoints/new", "/endpoints/1/edit", "/nothing", "/?unit=day"] {
        web.get(path).await.leads_to(&to(path));
    }
    for path in ["/endpoints/new", "/endpoints/01a1fa5c-9c85-7223-beb1-06962fe31c31/delete"] {
        web.form(path, &[("url", "http://foobar.net/"), ("every", "5m")]).await.leads_to("/login");
    }
    for path in ["/api/endpoints", "/api/endpoints/1", "/api/load", "/api/workers", "/api/nothing", "/metrics"] {
        let reply = web.get(path).await;
        reply.is_problem(401, "unauthorized", "");
        assert_eq!(reply.header("www-authenticate"), "Bearer");
    }
    web.post("/api/endpoints", &json!({"url": "http://foobar.net/", "every": "5m"})).await.is_problem(
        401,
        "unauthorized",
        "",
    );
    for path in ["/healthz", "/readyz", "/login"] {
        assert_eq!(web.get(path).await.status, 200, "{path}");
    }

    for token in [&format!("Bearer {TOKEN}"), &format!("bearer  {TOKEN} ")] {
        assert_eq!(with_token(&web, "/api/endpoints", token).await.value()["items"], json!([]));
    }
    let basic = format!("Basic {TOKEN}");
    let (longer, shorter) = (format!("Bearer {TOKEN}x"), format!("Bearer {}", &TOKEN[1..]));
    for token in ["Bearer x", "Bearer", "Bearer ", &basic, &longer, &shorter, &format!("Bearer {PASSWORD}")] {
        with_token(&web, "/api/endpoints", token).await.is_problem(401, "unauthorized", "");
    }
    // An address is written to logs and histories.
    for name in ["token", "access_token", "api_token", "authorization"] {
        web.get(&format!("/api/endpoints?{name}={TOKEN}")).await.is_problem(401, "unauthorized", "");
    }
    // The token is for programs.
    with_token(&web, "/endpoints", &format!("Bearer {TOKEN}")).await.leads_to(&to("/endpoints"));
}

#[tokio::test]
async fn wrong_passwords_are_refused_and_soon_not_looked_at() {
    let file = File::fresh();
    let web = Web::start(locked(&file)).await;
    for password in ["", "x", TOKEN, "open sesame, please ", "OPEN SESAME, PLEASE"] {
        let reply = log_in(&web, password).await;
        assert_eq!((reply.status, reply.header("set-cookie")), (401, ""), "{password:?}");
        assert!(reply.text.contains("That is not the password."), "{}", reply.text);
    }
    for password in ["y", PASSWORD] {
        let reply = log_in(&web, password).await;
        assert_eq!((reply.status, reply.header("set-cookie")), (429, ""), "{password:?}");
        let wait: u64 = reply.header("retry-after").parse().unwrap();
        assert!((1..=61).contains(&wait), "{wait}");
    }
    assert_eq!(with_token(&web, "/api/workers", &format!("Bearer {TOKEN}")).await.status, 200);
}

#[tokio::test]
async fn a_login_leads_back_but_never_away() {
    let file = File::fresh();
    let web = Web::start(locked(&file)).await;
    let cases = [
        ("/endpoints?q=a%20b", "/endpoints?q=a%20b"),
        ("//evil.example", "/"),
        ("///evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("\\/evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("/\r\nSet-Cookie: a=b", "/"),
        ("javascript:alert(1)", "/"),
        ("evil.example", "/"),
        ("", "/"),
    ];
    for (next, expected) in cases {
        let page = web.get(&format!("/login?{}", query(&[("next", next)]))).await;
        assert!(page.text.contains(&format!("name=\"next\" value=\"{expected}\"")), "{next:?} in {}", page.text);
        web.form("/login", &[("password", PASSWORD), ("next", next)]).await.leads_to(expected);
    }
    let cookie = cookie(&web).await;
    with_cookie(&web, "/login?next=%2F%2Fevil.example", &cookie).await.leads_to("/");
    with_cookie(&web, "/login?next=%2Fendpoints", &cookie).await.leads_to("/endpoints");
}

/// A session may end while a form is filled in.
#[tokio::test]
async fn what_was_typed_in_a_form_is_kept_over_a_login() {
    let file = File::fresh();
    let web = Web::start(locked(&file)).await;
    let typed = [
        ("draft", "true"),
        ("url", "http://127.0.0.1:9/a?b=c&d"),
        ("timing", "every"),
        ("every", "5m"),
        ("headers", "X-A: \"1\"\r\nX-B: 2"),
        ("name", "<b>typed</b>"),
    ];
    let with = |password: &'static str| [&typed[..], &[("password", password)]].concat();
    for (fields, fault) in [(typed.to_vec(), false), (with("x"), true)] {
        let asked = web.form("/endpoints/new", &fields).await;
        assert_eq!((asked.status, asked.header("set-cookie"), asked.header("cache-control")), (401, "", "no-store"));
        assert_eq!(asked.text.contains("That is not the password."), fault, "{}", asked.text);
        assert!(asked.text.contains("action=\"/endpoints/new\""), "{}", asked.text);
        for (name, text) in typed {
            let hidden = format!("type=\"hidden\" name=\"{name}\" value=\"{}\"", escaped(text));
            assert!(asked.text.contains(&hidden), "{hidden} in {}", asked.text);
        }
    }
    let back = web.form("/endpoints/new", &with(PASSWORD)).await;
    assert!(back.status == 200 && back.header("set-cookie").contains("naptime_session="), "{back:?}");
    assert!(back.text.contains("value=\"&lt;b&gt;typed&lt;/b&gt;\"") && !back.text.contains(PASSWORD), "{}", back.text);
    let token = format!("Bearer {TOKEN}");
    assert_eq!(with_token(&web, "/api/endpoints", &token).await.value()["items"], json!([]), "nothing is saved yet");

    let cookie = back.header("set-cookie").split(';').next().unwrap();
    let save = with_form(web.request(Method::POST, "/endpoints/new").header(COOKIE, cookie), &typed);
    assert_eq!(send(save).await.status, 303);
    let forms = [
        ("/pools/http/127.0.0.1:9/edit", "max_in_flight", "7"),
        ("/rules/new", "event", "it.moved"),
        ("/alerts/new", "tags", "nightly"),
    ];
    for (path, name, text) in forms {
        let fields = [("draft", "true"), ("kind", "webhook"), (name, text), ("password", PASSWORD)];
        let back = web.form(path, &fields).await;
        let shown = format!("value=\"{text}\"");
        assert!(back.status == 200 && back.text.contains(&shown), "{path}: {}", back.text);
    }
    for list in ["/api/rules", "/api/receivers"] {
        assert_eq!(with_token(&web, list, &token).await.value()["items"], json!([]), "{list}");
    }
    let pool = with_token(&web, "/api/pools/http/127.0.0.1:9", &token).await.value();
    assert_eq!(pool["max_in_flight"], json!(null));

    // What is too long for whoever is not known, and what another site sent, is not read.
    let long = "x".repeat(70_000);
    web.form("/endpoints/new", &[("draft", "true"), ("body", &long)]).await.leads_to("/login");
    let evil = with_form(web.request(Method::POST, "/endpoints/new").header(ORIGIN, EVIL), &with(PASSWORD));
    send(evil).await.leads_to("/login");
}

/// A request that changes something, as another site's page would have the browser send it.
fn from_elsewhere(request: RequestBuilder) -> [RequestBuilder; 4] {
    let with = |name: &str, value: &str| request.try_clone().unwrap().header(name, value);
    [
        with("origin", EVIL),
        with("origin", "null"),
        with("sec-fetch-site", "cross-site"),
        with("sec-fetch-site", "same-site"),
    ]
}

#[tokio::test]
async fn another_site_can_change_nothing() {
    let (locked_file, open_file) = (File::fresh(), File::fresh());
    let with_password = Web::start(locked(&locked_file)).await;
    let open = Web::start(Naptime::up(&open_file)).await;
    let cookie = cookie(&with_password).await;
    let fields = [("url", "http://127.0.0.1:9/"), ("every", "5m")];
    for (web, cookie) in [(&with_password, &*cookie), (&open, "")] {
        let request = |method: Method, path: &str| web.request(method, path).header(COOKIE, cookie);
        let form = || with_form(request(Method::POST, "/endpoints/new"), &fields);
        let json = || {
            let request = request(Method::POST, "/api/endpoints").header("content-type", "application/json");
            request.body(r#"{"url": "http://127.0.0.1:9/", "every": "5m"}"#)
        };
        for foreign in from_elsewhere(form()) {
            let reply = send(foreign).await;
            assert_eq!(reply.status, 403, "{}", reply.text);
        }
        for foreign in from_elsewhere(json()) {
            send(foreign).await.is_problem(403, "cross_site", "");
        }
        for foreign in from_elsewhere(with_form(request(Method::POST, "/login"), &[("password", PASSWORD)])) {
            let reply = send(foreign).await;
            assert_eq!((reply.status, reply.header("set-cookie")), (403, ""), "{}", reply.text);
        }
        for foreign in from_elsewhere(request(Method::POST, "/logout")) {
            assert_eq!(send(foreign).await.status, 403);
        }
        let list = send(request(Method::GET, "/api/endpoints").header(ORIGIN, EVIL)).await;
        assert_eq!(list.value()["items"], json!([]), "nothing was added, and reading is harmless");

        let own = web.naptime.url("");
        assert_eq!(send(form().header(ORIGIN, own)).await.status, 303);
        assert_eq!(send(form().header("sec-fetch-site", "same-origin")).await.status, 303);
        assert_eq!(send(json().header("sec-fetch-site", "none")).await.status, 201);
    }
    // Nobody can be talked into sending the token.
    let request = with_password.request(Method::POST, "/api/endpoints").header(ORIGIN, EVIL).bearer_auth(TOKEN);
    let request = request.header("content-type", "application/json").header("sec-fetch-site", "cross-site");
    assert_eq!(send(request.body(r#"{"url": "http://127.0.0.1:9/", "every": "5m"}"#)).await.status, 201);
}

#[tokio::test]
async fn without_a_password_only_loopback_names_are_answered() {
    let (open_file, locked_file) = (File::fresh(), File::fresh());
    let open = Web::start(Naptime::up(&open_file)).await;
    let with_password = Web::start(locked(&locked_file)).await;
    let under = |web: &Web, path: &str, host: &str| send(web.request(Method::GET, path).header(HOST, host));
    for host in ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "10.0.0.1", "0.0.0.0"] {
        let page = under(&open, "/", host).await;
        assert_eq!(page.status, 403, "{host}");
        assert!(page.text.contains("NAPTIME_PASSWORD"), "it says what to set: {}", page.text);
        under(&open, "/api/endpoints", host).await.is_problem(403, "host_not_allowed", "");
        assert_eq!(under(&open, "/healthz", host).await.status, 200);
        under(&with_password, "/", host).await.leads_to("/login");
    }
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8080", "naptime.localhost"] {
        assert_eq!(under(&open, "/", host).await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn without_a_password_nothing_is_answered_through_a_proxy() {
    let (open_file, locked_file) = (File::fresh(), File::fresh());
    let open = Web::start(Naptime::up(&open_file)).await;
    let with_password = Web::start(locked(&locked_file)).await;
    let through = |web: &Web, path: &str, name: &str, value: &str| {
        send(web.request(Method::GET, path).header(HOST, "localhost").header(name, value))
    };
    let headers = [
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-host", "localhost"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "443"),
        ("forwarded", "for=192.0.2.1;host=localhost"),
        ("x-real-ip", "192.0.2.1"),
        ("via", "1.1 proxy"),
        ("true-client-ip", "127.0.0.1"),
        ("cf-connecting-ip", ""),
    ];
    for (name, value) in headers {
        let page = through(&open, "/", name, value).await;
        assert_eq!(page.status, 403, "{name}");
        assert!(page.text.contains("NAPTIME_PASSWORD"), "it says what to set: {}", page.text);
        through(&open, "/api/endpoints", name, value).await.is_problem(403, "proxy_not_allowed", "");
        through(&open, "/metrics", name, value).await.is_problem(403, "proxy_not_allowed", "");
        for path in ["/healthz", "/readyz"] {
            assert_eq!(through(&open, path, name, value).await.status, 200, "{name}");
        }
        through(&with_password, "/", name, value).await.leads_to("/login");
    }
    let request = open.request(Method::POST, "/api/endpoints").header("x-forwarded-for", "127.0.0.1");
    let request = request.header("content-type", "application/json");
    let add = request.body(r#"{"url": "http://127.0.0.1:9/", "every": "5m"}"#);
    send(add).await.is_problem(403, "proxy_not_allowed", "");
    assert_eq!(open.items("/api/endpoints").await, [] as [serde_json::Value; 0], "nothing was added");
    let as_nginx = open.request(Method::GET, "/").version(reqwest::Version::HTTP_10);
    assert_eq!(send(as_nginx).await.status, 403);
}

#[tokio::test]
async fn a_token_without_a_password_shuts_the_pages() {
    let file = File::fresh();
    let web = Web::start(Naptime::up(&file).env("NAPTIME_API_TOKEN", TOKEN)).await;
    for path in ["/", "/endpoints", "/endpoints/new", "/jobs", "/pools", "/sla", "/rules", "/nothing"] {
        let page = web.get(path).await;
        assert_eq!(page.status, 403, "{path}");
        assert!(page.text.contains("NAPTIME_PASSWORD"), "it says what to set: {}", page.text);
    }
    let added = web.form("/endpoints/new", &[("url", "http://127.0.0.1:9/"), ("every", "5m")]).await;
    assert_eq!(added.status, 403);
    web.form("/login", &[("password", "")]).await.leads_to("/");
    web.form("/login", &[("password", TOKEN)]).await.leads_to("/");
    for path in ["/api/endpoints", "/metrics"] {
        web.get(path).await.is_problem(401, "unauthorized", "");
        assert_eq!(with_token(&web, path, &format!("Bearer {TOKEN}")).await.status, 200, "{path}");
    }
    let list = with_token(&web, "/api/endpoints", &format!("Bearer {TOKEN}")).await;
    assert_eq!(list.value()["items"], json!([]), "nothing was added");
    assert_eq!(web.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_web_open_to_others_does_not_start_without_a_password() {
    let file = File::fresh();
    for (host, password) in [("0.0.0.0", None), ("::", None), ("192.0.2.1", None), ("0.0.0.0", Some(""))] {
        let mut start = Naptime::up(&file).env("HOST", host).env("NAPTIME_API_TOKEN", TOKEN);
        if let Some(password) = password {
            start = start.env("NAPTIME_PASSWORD", password);
        }
        let refused = start.launch();
        assert_eq!(refused.wait_exit(SOON).await.code(), Some(64), "{host}");
        assert!(refused.output().contains("NAPTIME_PASSWORD: not set"), "{}", refused.output());
    }
    // `web` listens to all by default. It says so before it looks for a database.
    let web = Naptime::command(&file, "web").env("MONGODB_URI", "mongodb://127.0.0.1:1/naptime").launch();
    assert_eq!(web.wait_exit(SOON).await.code(), Some(64));
    assert!(web.output().contains("NAPTIME_PASSWORD: not set"), "{}", web.output());
    assert!(!file.path().exists(), "nothing was opened");

    let open = Web::start(locked(&file).env("HOST", "0.0.0.0")).await;
    open.get("/").await.leads_to("/login");
}

#[tokio::test]
async fn secrets_are_written_nowhere() {
    let file = File::fresh();
    let target = Target::start().await;
    let web = Web::start(locked(&file).env("RUST_LOG", "debug,naptime=trace,naptime_web=trace")).await;
    log_in(&web, "a-wrong-guess").await;
    let cookie = cookie(&web).await;
    let endpoint = json!({
        "url": target.url("/?key=query-secret"), "every": "1s", "active": true, "method": "POST",
        "headers": {"Authorization": "Bearer header-secret"}, "body": "body-secret",
    });
    let add = web.request(Method::POST, "/api/endpoints").bearer_auth(TOKEN).header("content-type", "application/json");
    let added = send(add.body(endpoint.to_string())).await;
    assert_eq!(added.status, 201, "{}", added.text);
    let id = added.value()["id"].as_str().unwrap().to_owned();
    for path in [format!("/endpoints/{id}"), format!("/endpoints/{id}/edit"), format!("/api/endpoints/{id}")] {
        let page = with_cookie(&web, &path, &cookie).await;
        assert!(page.status == 200 && !page.text.contains("header-secret"), "{}", page.text);
    }
    target.wait_for(SOON, "two calls", |calls| calls.len() >= 2).await;
    assert_eq!(target.all_calls()[0].header("authorization"), Some("Bearer header-secret"));
    eventually(Duration::from_secs(10), "a log of it", async || web.naptime.output().contains(&id).then_some(())).await;
    web.naptime.sigterm();
    assert!(web.naptime.wait_exit(SOON).await.success());
    // Nor does a database that is not there give its password away.
    let uri = "mongodb://me:database-secret@127.0.0.1:1/naptime?serverSelectionTimeoutMS=100";
    let lost = Naptime::worker(&file).env("MONGODB_URI", uri).launch();
    lost.wait_line(SOON, "it waits", |line| line.contains("waiting for it")).await;
    lost.sigterm();
    assert!(lost.wait_exit(SOON).await.success(), "{}", lost.output());
    let output = [web.naptime.output(), lost.output()].concat();
    let (_, value) = cookie.split_once('=').unwrap();
    for secret in
        [PASSWORD, TOKEN, "a-wrong-guess", value, "header-secret", "body-secret", "query-secret", "database-secret"]
    {
        assert!(!output.contains(secret), "{secret} is in the output");
    }
}
