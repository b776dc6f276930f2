//! What needs somebody is named while it does, with its cause, and every number leads to what it counts.

use std::time::Duration;

use naptime_tests::eventually;
use naptime_tests::naptime::Start;
use naptime_tests::target::{Answer, Target};
use naptime_tests::{Browser, Naptime};
use reqwest::Method;
use serde_json::{Value, json};
use thirtyfour::By;

use super::web::{SOON, Web, escaped, on_both_stores};

on_both_stores!(
    endpoints_that_fail_are_named_until_they_do_not,
    a_host_that_is_down_is_one_problem,
    a_pool_that_is_off_with_calls_due_is_named,
    a_one_off_job_that_failed_for_good_is_counted,
    a_state_that_is_none_is_refused,
    a_number_leads_to_what_it_counts,
    a_refresh_is_small,
);

async fn problems(web: &Web) -> Value {
    let reply = web.get("/api/problems").await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.value()
}

/// Waits until this is the headline, and checks that the overview says the same.
async fn says(web: &Web, within: Duration, headline: Option<&str>) -> Value {
    let what = format!("the headline is {headline:?}");
    let found =
        eventually(within, &what, async || Some(problems(web).await).filter(|it| it["headline"] == json!(headline)))
            .await;
    let page = web.get("/").await.text;
    assert!(headline.is_none_or(|headline| page.contains(&escaped(headline))), "{page}");
    assert_eq!(page.contains("class=\"problem "), headline.is_some(), "{page}");
    found
}

/// What is listed, each as `whose: kind`.
fn listed(found: &Value) -> Vec<String> {
    let whose = |it: &Value| match (&it["endpoint"], &it["pool"]) {
        (Value::Null, Value::Null) => "all".to_owned(),
        (Value::Null, pool) => pool.as_str().unwrap().to_owned(),
        (endpoint, _) => endpoint["name"].as_str().unwrap().to_owned(),
    };
    let each = |it: &Value| format!("{}: {}", whose(it), it["kind"].as_str().unwrap());
    found["items"].as_array().unwrap().iter().map(each).collect()
}

async fn endpoints_that_fail_are_named_until_they_do_not(start: Start) {
    let target = Target::start().await;
    target.on("/charge", Answer::status(500).body("out of paper"));
    target.on("/hangs", Answer::never());
    let web = Web::start(start).await;
    for n in 0..5 {
        web.add(json!({"url": target.url(&format!("/fine/{n}")), "every": "1s", "active": true})).await;
    }
    says(&web, SOON, None).await;
    let add = async |path: &str, name: &str, more: Value| {
        let mut new = json!({"url": target.url(path), "name": name, "every": "1s", "sla": "5s", "active": true,
            "retry": {"attempts": 1}});
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        web.add(new).await.0
    };
    let charge = add("/charge", "charges cards", json!({})).await;
    let hangs = add("/hangs", "hangs", json!({"timeout": "500ms"})).await;
    let found = says(&web, SOON, Some("2 endpoints fail")).await;
    assert_eq!((&found["severity"], &found["total"]), (&json!("bad"), &json!(2)), "{found}");
    let mut names = listed(&found);
    names.sort();
    assert_eq!(names, ["charges cards: failing", "hangs: failing"]);

    let page = web.get("/").await.text;
    let link = charge.replace("/api", "");
    for words in ["charges cards", "out of paper", "hangs", "favicon-bad", "(2) Overview", "Nobody is told", &link] {
        assert!(page.contains(words), "{words}: {page}");
    }
    // The number leads to what it counts.
    let mut failing = web.items("/api/endpoints?state=failing").await;
    failing.sort_by_key(|it| it["name"].as_str().map(str::to_owned));
    let names: Vec<_> = failing.iter().map(|it| (&it["name"], &it["trouble"]["kind"])).collect();
    assert_eq!(names, [(&json!("charges cards"), &json!("failing")), (&json!("hangs"), &json!("failing"))]);
    let list = web.get("/endpoints?state=failing").await.text;
    assert!(list.contains("charges cards") && list.contains("hangs") && !list.contains("/fine/"), "{list}");

    // An endpoint that breaks its SLA and fails is one problem, which says so.
    let both = eventually(SOON, "its SLA is in breach", async || {
        let found = problems(&web).await;
        let is_it = |it: &&Value| it["endpoint"]["name"] == "hangs" && it["cause"].as_str().unwrap().contains("SLA");
        found["items"].as_array().unwrap().iter().find(is_it).cloned().map(|it| (it, found.clone()))
    })
    .await;
    assert_eq!((&both.0["kind"], &both.1["total"]), (&json!("failing"), &json!(2)), "{both:?}");

    target.on("/charge", Answer::ok());
    assert_eq!(web.patch(&hangs, &json!({"active": false})).await.status, 200);
    // What is switched off breaks its promise, and fails no more.
    let found = says(&web, SOON, Some("1 endpoint is in breach of its SLA")).await;
    assert_eq!(listed(&found), ["hangs: in_breach"]);
    assert_eq!(web.patch(&hangs, &json!({"sla": null})).await.status, 200);
    let found = says(&web, SOON, None).await;
    assert_eq!((&found["total"], &found["items"]), (&json!(0), &json!([])));
    assert!(!web.get("/").await.text.contains("favicon-bad"));
}

async fn a_host_that_is_down_is_one_problem(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let pool = target.url("/").trim_end_matches('/').to_owned();
    for n in 0..4 {
        let new = json!({"url": target.url(&format!("/{n}")), "name": n.to_string(), "every": "1s", "active": true,
            "retry": {"attempts": 1}});
        web.add(new).await;
    }
    says(&web, SOON, None).await;
    for n in 0..4 {
        target.on(&format!("/{n}"), Answer::status(503));
    }
    let found = eventually(SOON, "it is one problem", async || {
        Some(problems(&web).await)
            .filter(|it| it["items"][0]["cause"].as_str().is_some_and(|it| it.contains("4 endpoints")))
    })
    .await;
    assert_eq!(listed(&found), [format!("{pool}: pool_down")]);
    assert_eq!((&found["headline"], &found["total"]), (&json!("1 pool is down"), &json!(1)));
    for n in 0..4 {
        target.on(&format!("/{n}"), Answer::ok());
    }
    says(&web, SOON, None).await;
}

/// What a page links with a number, and that number: `/endpoints?active=true` and 3.
fn numbers(page: &str) -> Vec<(String, usize)> {
    let links = page.split("<strong><a href=\"").skip(1);
    let read = |link: &str| {
        let (href, rest) = link.split_once("\">")?;
        let number = rest.split('<').next()?.replace(',', "").parse().ok()?;
        Some((href.replace("&amp;", "&"), number))
    };
    links.filter_map(read).collect()
}

async fn a_number_leads_to_what_it_counts(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    for n in 0..5 {
        let url = if n < 4 { target.url(&format!("/{n}")) } else { "https://other.test/".to_owned() };
        web.add(json!({"url": url, "every": "1h", "active": n < 3})).await;
    }
    let pool = format!("/pools/{}", target.url("").replace("://", "/").trim_end_matches('/'));
    let mut seen = Vec::new();
    for page in ["/", &pool] {
        for (href, number) in numbers(&web.get(page).await.text) {
            if href.starts_with("/endpoints") {
                assert_eq!(web.items(&format!("/api{href}")).await.len(), number, "{page}: {href}");
                assert_eq!(web.get(&href).await.status, 200);
                seen.push(number);
            }
        }
    }
    assert_eq!(seen, [3, 4, 3]);
}

async fn a_pool_that_is_off_with_calls_due_is_named(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    web.add(json!({"url": target.url("/"), "every": "1s", "active": true})).await;
    says(&web, SOON, None).await;
    let pool = target.url("/").trim_end_matches('/').to_owned();
    assert_eq!(web.patch(&format!("/api/pools/{pool}"), &json!({"active": false})).await.status, 200);
    let found = says(&web, SOON, Some("1 pool is off with calls due")).await;
    assert_eq!((listed(&found), &found["severity"]), (vec![format!("{pool}: pool_off")], &json!("warn")));
    assert_eq!(web.patch(&format!("/api/pools/{pool}"), &json!({"active": true})).await.status, 200);
    says(&web, SOON, None).await;
}

async fn a_one_off_job_that_failed_for_good_is_counted(start: Start) {
    let target = Target::start().await;
    target.on("/once", Answer::status(500));
    let web = Web::start(start).await;
    web.add(json!({"url": target.url("/"), "every": "1s", "active": true})).await;
    let reply = web.post("/api/jobs", &json!({"url": target.url("/once"), "retry": {"attempts": 1}})).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
    let found = says(&web, SOON, Some("1 one-off job failed for good")).await;
    assert_eq!(listed(&found), ["all: jobs_failed"]);
    assert!(web.get("/").await.text.contains("/jobs?state=failed"));
    let ended = web.get("/jobs?state=failed").await.text;
    assert!(ended.contains("1 of 1"), "its attempts are still told: {ended}");
    assert_eq!(web.items("/api/jobs?state=failed").await.len(), 1, "the number leads to what it counts");
}

async fn a_state_that_is_none_is_refused(start: Start) {
    let web = Web::start(start).await;
    web.get("/api/endpoints?state=ill").await.is_problem(400, "unknown_state", "state");
    assert_eq!(web.get("/endpoints?state=ill").await.status, 400);
}

async fn a_refresh_is_small(start: Start) {
    let target = Target::start().await;
    target.on("/fails", Answer::status(500));
    let web = Web::start(start).await;
    for path in ["/", "/fails"] {
        web.add(json!({"url": target.url(path), "every": "1s", "active": true, "retry": {"attempts": 1}})).await;
    }
    says(&web, SOON, Some("1 endpoint fails")).await;
    let answer = web.request(Method::GET, "/").header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    let bytes = answer.bytes().await.unwrap().len();
    assert!(bytes < 10 * 1024, "{bytes} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tab_shows_what_is_wrong_without_being_loaded_again() {
    let target = Target::start().await;
    let file = naptime_tests::sqlite::File::fresh();
    let web = Web::start(Naptime::up(&file)).await;
    web.add(json!({"url": target.url("/"), "every": "1s", "active": true, "retry": {"attempts": 1}})).await;
    says(&web, SOON, None).await;
    let browser = Browser::start().await;
    browser.goto(web.naptime.url("/")).await.unwrap();
    assert_eq!(browser.title().await.unwrap(), "Overview · Naptime");
    target.on("/", Answer::status(500));
    let icon = async || browser.find(By::Css("link[rel=icon]")).await.unwrap().attr("href").await.unwrap().unwrap();
    eventually(SOON, "the tab says so", async || {
        (browser.title().await.unwrap() == "(1) Overview · Naptime" && icon().await.contains("favicon-bad"))
            .then_some(())
    })
    .await;
    target.on("/", Answer::ok());
    eventually(SOON, "the tab says that it is over", async || {
        (browser.title().await.unwrap() == "Overview · Naptime" && !icon().await.contains("bad")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_server_does_not_answer_says_so() {
    let file = naptime_tests::sqlite::File::fresh();
    let web = Web::start(Naptime::up(&file)).await;
    let browser = Browser::start().await;
    browser.goto(web.naptime.url("/")).await.unwrap();
    let is_told = async || browser.find(By::Id("away")).await.unwrap().is_displayed().await.unwrap();
    assert!(!is_told().await);
    // It hangs, which is worse than to be gone: nothing fails.
    web.naptime.signal("STOP");
    eventually(SOON, "the page says so", async || is_told().await.then_some(())).await;
    web.naptime.signal("CONT");
    eventually(SOON, "the page says no more", async || (!is_told().await).then_some(())).await;
}
