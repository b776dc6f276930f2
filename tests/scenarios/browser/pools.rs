//! Pools in a real browser, with and without JavaScript, and on a phone.

use naptime_tests::browser::Settings;
use naptime_tests::target::Target;
use naptime_tests::{Browser, eventually, http};
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::{SOON, Visit};
use crate::scenarios::pools_web::{page, path};

/// Adds an endpoint by the API.
async fn add(visit: &Visit, endpoint: Value) {
    let request = http::client().post(visit.up.url("/api/endpoints")).header(CONTENT_TYPE, "application/json");
    assert_eq!(request.body(endpoint.to_string()).send().await.unwrap().status(), 201);
}

async fn a_pool_is_limited_and_switched_in_a_browser(settings: Settings) {
    let (target, other) = (Target::start().await, Target::start().await);
    let visit = Visit::start(settings).await;
    add(&visit, json!({"url": target.url("/x"), "every": "1s", "active": true})).await;
    target.wait_for(SOON, "a call", |calls| !calls.is_empty()).await;
    let pool = page(&target.url(""));
    visit.goto("/pools").await;
    visit.press(&target.url("")).await;
    visit.arrives("the pool", |path| path == pool).await;
    visit.sees("its channel", "//table//tr[contains(., '/x')]").await;

    visit.press("Edit").await;
    visit.types("max_in_flight", "0").await;
    visit.types("headers", "X-Pool: yes").await;
    visit.press("Save").await;
    let faulty = "//div[contains(@class, 'faulty')][.//input[@name = 'max_in_flight'][@aria-invalid = 'true']]//p";
    visit.sees("what is wrong, at its field", faulty).await;
    visit.types("max_in_flight", "3").await;
    visit.press("Save").await;
    visit.arrives("the pool", |path| path == pool).await;
    visit.sees_text("at most 3 across all workers").await;
    visit.sees_text("X-Pool: yes").await;
    target
        .wait_for(SOON, "a call with the header of its pool", |calls| {
            calls.iter().any(|call| call.headers.get("x-pool").is_some_and(|value| value == "yes"))
        })
        .await;

    let switch =
        |now: &str| format!("//button[@role = 'switch'][contains(@aria-label, '//')][normalize-space(.) = '{now}']");
    visit.clicks("that it is on", &switch("on")).await;
    visit.sees_text("Switch this pool off?").await;
    visit.press("Leave on").await;
    visit.clicks("that it is on", &switch("on")).await;
    visit.press("Switch off").await;
    visit.arrives("the pool", |path| path == pool).await;
    visit.sees("that it is off", &switch("off")).await;
    visit.sees_text("This pool is switched off.").await;
    visit.goto("/endpoints").await;
    visit.press("pool off").await;
    visit.arrives("the pool", |path| path == pool).await;
    // Workers hear of it within seconds. Then it is not called while another pool is.
    add(&visit, json!({"url": other.url("/"), "every": "1s", "active": true})).await;
    let quiet = async || {
        let (before, others) = (target.all_calls().len(), other.all_calls().len());
        other.wait_for(SOON, "others are called", |calls| calls.len() >= others + 3).await;
        (target.all_calls().len() == before).then_some(())
    };
    eventually(SOON, "the calls have ended", quiet).await;

    let before = target.all_calls().len();
    visit.goto("/pools").await;
    visit.clicks("that it is off", &switch("off")).await;
    visit.sees("that it is on", &switch("on")).await;
    visit.arrives("the list", |path| path == "/pools").await;
    target.wait_for(SOON, "it is called again", |calls| calls.len() > before).await;
}

#[tokio::test]
async fn a_pool_is_limited_and_switched_in_a_browser_with_javascript() {
    a_pool_is_limited_and_switched_in_a_browser(Browser::with()).await;
}

#[tokio::test]
async fn a_pool_is_limited_and_switched_in_a_browser_without_javascript() {
    a_pool_is_limited_and_switched_in_a_browser(Browser::with().without_javascript()).await;
}

#[tokio::test]
async fn pools_fit_a_phone() {
    const WIDTH: &str = "return Math.max(document.documentElement.scrollWidth, innerWidth)";
    let visit = Visit::start(Browser::with().phone().dark()).await;
    let pool = format!("https://{}.example", vec!["a".repeat(60); 3].join("."));
    add(&visit, json!({"url": format!("{pool}/{}", "x".repeat(300)), "every": "1h", "name": "y".repeat(90)})).await;
    let change =
        json!({"active": false, "max_in_flight": 1000, "max_per_second": 1000, "headers": {"X-A": "z".repeat(300)}});
    let request = http::client().patch(visit.up.url(&path(&pool))).header(CONTENT_TYPE, "application/json");
    assert_eq!(request.body(change.to_string()).send().await.unwrap().status(), 200);
    for page in [
        "/pools".to_owned(),
        page(&pool),
        format!("{}/edit", page(&pool)),
        format!("{}/switch", page(&pool)),
        "/endpoints".to_owned(),
    ] {
        visit.goto(&page).await;
        let width = visit.browser.execute(WIDTH, Vec::new()).await.unwrap();
        assert_eq!(width.json(), &json!(390), "{page}");
    }
}
