//! Sessions: of whom they are, what the cookie is like, and what ends them.

use naptime_tests::naptime::{Naptime, Start, Store};
use naptime_tests::sqlite::File;
use naptime_tests::tools;
use reqwest::Method;
use reqwest::header::{COOKIE, HOST};

use super::login::{PASSWORD, TOKEN, cookie, locked, log_in, with_cookie};
use super::web::{Reply, SOON, Web, on_both_stores, send, with_form};

on_both_stores!(store: logging_out_ends_the_session_everywhere, another_password_ends_every_session);

async fn stop(web: Web) {
    web.naptime.sigterm();
    assert!(web.naptime.wait_exit(SOON).await.success());
}

/// The cookie that an answer sets, as a browser sends it back.
fn set(reply: &Reply) -> String {
    reply.header("set-cookie").split(';').next().unwrap().to_owned()
}

async fn logging_out_ends_the_session_everywhere(store: &impl Store) {
    let web = Web::start(locked(store)).await;
    let (mine, other) = (cookie(&web).await, cookie(&web).await);
    assert_ne!(mine, other);
    for path in ["/", "/endpoints", "/api/endpoints", "/metrics"] {
        let page = with_cookie(&web, path, &mine).await;
        assert_eq!((page.status, page.header("cache-control")), (200, "no-store"), "{path}");
    }
    // A link can be put anywhere.
    assert_eq!(with_cookie(&web, "/logout", &mine).await.status, 405);
    assert_eq!(with_cookie(&web, "/", &mine).await.status, 200);

    let out = send(web.request(Method::POST, "/logout").header(COOKIE, &mine)).await;
    out.leads_to("/login");
    assert_eq!(out.header("cache-control"), "no-store");
    let cleared = out.header("set-cookie");
    assert!(cleared.starts_with("naptime_session=;") && cleared.contains("Max-Age=0"), "{cleared}");
    // Whoever has a copy of the cookie has nothing.
    with_cookie(&web, "/", &mine).await.leads_to("/login");
    with_cookie(&web, "/api/endpoints", &mine).await.is_problem(401, "unauthorized", "");
    assert_eq!(with_cookie(&web, "/", &other).await.status, 200, "the session of another browser goes on");
    stop(web).await;

    let web = Web::start(locked(store)).await;
    assert_eq!(with_cookie(&web, "/", &other).await.status, 200, "a restart ends no session");
    with_cookie(&web, "/", &mine).await.leads_to("/login");
}

async fn another_password_ends_every_session(store: &impl Store) {
    let web = Web::start(locked(store)).await;
    let old = cookie(&web).await;
    stop(web).await;
    let web = Web::start(Naptime::up(store).env("NAPTIME_PASSWORD", "another long password")).await;
    with_cookie(&web, "/", &old).await.leads_to("/login");
    assert_eq!(log_in(&web, PASSWORD).await.status, 401);
    let new = set(&log_in(&web, "another long password").await);
    assert_eq!(with_cookie(&web, "/", &new).await.status, 200);
}

#[tokio::test]
async fn several_webs_on_one_database_know_the_same_sessions() {
    let database = naptime_tests::mongo::fresh_database().await;
    let start = || Naptime::web(&database).env("NAPTIME_PASSWORD", PASSWORD);
    // At once, so that both would make a salt.
    let (one, two) = tokio::join!(Web::start(start()), Web::start(start()));
    let cookie = cookie(&one).await;
    assert_eq!(with_cookie(&two, "/", &cookie).await.status, 200);
    send(two.request(Method::POST, "/logout").header(COOKIE, &cookie)).await.leads_to("/login");
    with_cookie(&one, "/", &cookie).await.leads_to("/login");
}

#[tokio::test]
async fn a_cookie_of_another_deployment_is_refused() {
    let (file, other_file) = (File::fresh(), File::fresh());
    let (web, other) = (Web::start(locked(&file)).await, Web::start(locked(&other_file)).await);
    let (good, foreign) = (cookie(&web).await, cookie(&other).await);
    let (name, value) = good.split_once('=').unwrap();
    let cookies = [
        foreign.clone(),
        format!("{name}="),
        format!("{name}={}", &value[1..]),
        format!("{name}={value}0"),
        format!("{name}={}", "0".repeat(value.len())),
        format!("{}={value}", name.to_uppercase()),
        // What a version before would have signed.
        format!("{name}=Zm9yZ2VkIGFuZCBsb25nIGVub3VnaCB0byBiZSBhIHNpZ24=1900000000000"),
        format!("{name}={PASSWORD}"),
        format!("{name}={TOKEN}"),
    ];
    for cookie in &cookies {
        with_cookie(&web, "/", cookie).await.leads_to("/login");
        with_cookie(&web, "/api/endpoints", cookie).await.is_problem(401, "unauthorized", "");
    }
    assert_eq!(with_cookie(&other, "/", &foreign).await.status, 200);
    assert_eq!(with_cookie(&web, "/", &good).await.status, 200);
}

#[tokio::test]
async fn a_login_begins_a_new_session() {
    let file = File::fresh();
    let web = Web::start(locked(&file)).await;
    // What somebody else put into the browser before is not taken over, and what was there ends.
    let planted = format!("naptime_session={}", "a".repeat(64));
    let old = cookie(&web).await;
    for before in [&planted, &old] {
        let request = web.request(Method::POST, "/login").header(COOKIE, before);
        let new = set(&send(with_form(request, &[("password", PASSWORD)])).await);
        assert_ne!(&new, before);
        with_cookie(&web, "/", before).await.leads_to("/login");
        assert_eq!(with_cookie(&web, "/", &new).await.status, 200);
    }
}

#[tokio::test]
async fn behind_tls_cookies_and_browsers_are_bound_to_https() {
    let file = File::fresh();
    let web = Web::start(locked(&file)).await;
    let plain = log_in(&web, PASSWORD).await;
    let by_http = plain.header("set-cookie");
    for part in ["naptime_session=", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(by_http.contains(part), "{part} in {by_http}");
    }
    assert!(!by_http.contains("Secure") && !by_http.contains("__Host-"), "{by_http}");
    assert_eq!(plain.header("strict-transport-security"), "");

    let marks = [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-ssl", "on"),
        ("forwarded", "for=192.0.2.1;proto=https;host=naptime.example"),
        ("origin", "https://naptime.example"),
    ];
    for (name, value) in marks {
        let request = |method, path| web.request(method, path).header(HOST, "naptime.example").header(name, value);
        let entered = send(with_form(request(Method::POST, "/login"), &[("password", PASSWORD)])).await;
        let header = entered.header("set-cookie");
        for part in ["__Host-naptime_session=", "Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(header.starts_with("__Host-") && header.contains(part), "{part} in {header}");
        }
        assert!(!header.contains("Domain"), "{header}");
        assert_eq!(entered.header("strict-transport-security"), "max-age=31536000");
        let cookie = set(&entered);
        let page = send(request(Method::GET, "/").header(COOKIE, &cookie)).await;
        assert_eq!((page.status, page.header("strict-transport-security")), (200, "max-age=31536000"));
        // Under the other name, another host of the domain could have planted it.
        let planted = cookie.replace("__Host-", "");
        send(request(Method::GET, "/").header(COOKIE, planted)).await.leads_to("/login");
        let out = send(request(Method::POST, "/logout").header(COOKIE, &cookie)).await;
        let cleared = out.header("set-cookie");
        assert!(cleared.starts_with("__Host-naptime_session=;") && cleared.contains("Secure"), "{cleared}");
        send(request(Method::GET, "/").header(COOKIE, &cookie)).await.leads_to("/login");
    }
    // Everything else on this machine is to stay reachable by http.
    let local = send(web.request(Method::GET, "/login").header("x-forwarded-proto", "https")).await;
    assert_eq!((local.status, local.header("strict-transport-security")), (200, ""));
}

#[tokio::test]
async fn a_session_lasts_two_weeks_whatever_the_clock_was() {
    let library = tools::faketime();
    for offset in ["-15d", "+400d"] {
        let file = File::fresh();
        let shifted = |start: Start| {
            let start = start.env("LD_PRELOAD", library.to_str().unwrap()).env("FAKETIME", offset);
            start.env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        };
        let past = Web::start(shifted(locked(&file))).await;
        let old = cookie(&past).await;
        assert_eq!(with_cookie(&past, "/", &old).await.status, 200);
        stop(past).await;
        let web = Web::start(locked(&file)).await;
        with_cookie(&web, "/", &old).await.leads_to("/login");
        // The next login removes it, so it is not there either when the clock is wrong again.
        let new = cookie(&web).await;
        assert_eq!(with_cookie(&web, "/", &new).await.status, 200);
        stop(web).await;
        let again = Web::start(shifted(locked(&file))).await;
        with_cookie(&again, "/", &old).await.leads_to("/login");
    }
}
