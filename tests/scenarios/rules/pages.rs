//! The pages of rules.

use naptime_tests::browser::Browser;
use naptime_tests::eventually;
use naptime_tests::naptime::{Naptime, Start};
use naptime_tests::sqlite::File;
use naptime_tests::target::Target;
use serde_json::{Value, json};
use thirtyfour::By;
use thirtyfour::prelude::ElementQueryable;

use super::{event, link, rule};
use crate::scenarios::web::{Reply, SOON, Web, escaped, on_both_stores};

on_both_stores!(pages_add_try_change_and_delete_a_rule);

/// Sends the form of a rule, with what is typed over what it holds when it is blank.
async fn send_form(web: &Web, path: &str, typed: &[(&str, &str)]) -> Reply {
    let mut fields = vec![
        ("name", "poll"),
        ("event", "twitter.linked"),
        ("job", "{{ key }}"),
        ("do", "upsert"),
        ("enabled", "true"),
        ("then.upsert.active", "true"),
    ];
    fields.retain(|(name, _)| typed.iter().all(|(other, _)| other != name));
    fields.extend(typed.iter().filter(|(_, value)| *value != "-"));
    web.form(path, &fields).await
}

async fn pages_add_try_change_and_delete_a_rule(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let page = web.get("/rules").await;
    assert!(page.text.contains("no rules yet"), "{}", page.text);
    assert_eq!(web.get("/rules/new").await.status, 200);
    let url = target.url("/{{ key }}");
    let filled = [
        ("then.upsert.url", url.as_str()),
        ("then.upsert.every", "{{ data.every }}"),
        (
            "then.upsert.headers",
            "Authorization: Bearer {{ data.token }}\r\nX-Key: {{ key }}\r\nContent-Type: text/plain",
        ),
        ("then.upsert.body", "<{{ data.token }}>\r\nend"),
    ];
    // What is wrong is said at its field, and what was typed is kept.
    let typed = [&filled[..3], &[("then.upsert.body", "{{ data."), ("then.upsert.lease", "1 day")]].concat();
    let page = send_form(&web, "/rules/new", &typed).await;
    assert_eq!(page.status, 422);
    for text in ["id=\"then.upsert.body-fault\"", &escaped(&url), "{{ data."] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    // Tried before it is stored.
    let tried =
        json!({"event": "twitter.linked", "key": "user-123", "data": {"token": "s3cret", "every": "5m"}}).to_string();
    let typed = [&filled[..], &[("try", "true"), ("sample", &tried)]].concat();
    let page = send_form(&web, "/rules/new", &typed).await;
    assert_eq!(page.status, 200, "{}", page.text);
    for text in ["would be added", &target.url("/user-123"), "every 5m", "&lt;s3cret&gt;"] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    assert!(!page.text.contains("Bearer s3cret"), "credentials are not shown: {}", page.text);
    assert_eq!(web.items("/api/rules").await, Vec::<Value>::new());

    send_form(&web, "/rules/new", &filled).await.leads_to("/rules");
    let page = send_form(&web, "/rules/new", &filled).await;
    assert_eq!(page.status, 409, "a new rule takes no other's place: {}", page.text);
    let stored = web.get("/api/rules/poll").await.value();
    assert_eq!(stored["then"]["upsert"]["body"], "<{{ data.token }}>\nend");
    let page = web.get("/rules").await.text;
    for text in ["poll", "twitter.linked", &escaped(&url)] {
        assert!(page.contains(text), "{text}: {page}");
    }

    // Tried against what is stored, without doing anything.
    let page = web.form("/rules/try", &[("sample", &tried)]).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("would be added") && page.text.contains("every 5m"), "{}", page.text);
    for (sample, says) in [
        ("{", "not JSON"),
        (r#"{"event": "e", "key": "k"}"#, "no rule waits"),
        (r#"{"event": "twitter.linked", "key": "k"}"#, "undefined"),
    ] {
        let page = web.form("/rules/try", &[("sample", sample)]).await;
        assert!(page.status == 422 && page.text.contains(says), "{says}: {}", page.text);
    }
    assert_eq!(web.items("/api/endpoints").await, Vec::<Value>::new(), "nothing was done");

    // Changed on a page that shows no credentials, and keeps them.
    let page = web.get("/rules/poll/edit").await.text;
    assert!(page.contains("Authorization: ••••"), "{page}");
    assert_eq!(page.matches("Bearer {{").count(), 1, "in the hint alone: {page}");
    let typed = [
        ("rev", "1"),
        ("then.upsert.url", url.as_str()),
        ("then.upsert.every", "1s"),
        ("then.upsert.headers", "Authorization: ••••"),
    ];
    send_form(&web, "/rules/poll/edit", &typed).await.leads_to("/rules");
    let page = send_form(&web, "/rules/poll/edit", &typed).await;
    assert_eq!(page.status, 409, "it was changed meanwhile: {}", page.text);
    web.form("/rules/poll/switch", &[("enabled", "false")]).await.leads_to("/rules");
    let linked = event("twitter.linked", "user-123", &json!({"token": "abc"}));
    assert_eq!(web.post("/api/events", &linked).await.value()["items"], json!([]));
    web.form("/rules/poll/switch", &[("enabled", "true")]).await.leads_to("/rules");
    assert_eq!(web.post("/api/events", &linked).await.status, 200);
    target
        .wait_for(SOON, "a call", |calls| calls.iter().any(|it| it.header("authorization") == Some("Bearer abc")))
        .await;

    assert!(web.get("/rules/poll/delete").await.text.contains("poll"));
    web.form("/rules/poll/delete", &[]).await.leads_to("/rules");
    web.form("/rules/poll/delete", &[]).await.leads_to("/rules");
    assert_eq!(web.items("/api/rules").await, Vec::<Value>::new());
    for path in ["/rules/poll/edit", "/rules/poll/delete"] {
        assert_eq!(web.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_adds_a_rule_and_tries_it() {
    let target = Target::start().await;
    let file = File::fresh();
    let web = Web::start(Naptime::up(&file)).await;
    let browser = Browser::with().without_javascript().start().await;
    let type_in = async |id: &str, text: &str| {
        let field = browser.query(By::Id(id)).first().await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    };
    let press = async |text: &str| {
        let button = browser.query(By::XPath(format!("//button[normalize-space()='{text}']"))).first().await.unwrap();
        button.click().await.unwrap();
    };
    let shows = async |text: &str| {
        let path = format!("//main[contains(., '{text}')]");
        browser.query(By::XPath(path)).first().await.unwrap();
    };
    browser.goto(web.naptime.url("/")).await.unwrap();
    browser.query(By::LinkText("Rules")).first().await.unwrap().click().await.unwrap();
    browser.query(By::LinkText("Add rule")).first().await.unwrap().click().await.unwrap();
    type_in("name", "poll-twitter").await;
    type_in("event", "twitter.linked").await;
    type_in("then.upsert.url", &target.url("/timeline?user={{ key }}&token={{ data.token }}")).await;
    type_in("then.upsert.every", "1 banana").await;
    press("Add").await;
    shows("Nothing was saved").await;
    type_in("then.upsert.every", "1s").await;
    press("Add").await;
    shows("Try an event").await;
    type_in("sample", r#"{"event": "twitter.linked", "key": "user-123", "data": {"token": "abc"}}"#).await;
    press("Try it").await;
    shows("/timeline?user=user-123&token=••••").await;
    assert_eq!((target.count(), web.items("/api/endpoints").await.len()), (0, 0), "it was only tried");
    let linked = event("twitter.linked", "user-123", &json!({"token": "abc"}));
    assert_eq!(web.post("/api/events", &linked).await.status, 200);
    target.wait_for(SOON, "calls", |calls| calls.len() >= 2).await;
    assert_eq!(target.all_calls()[0].uri, "/timeline?user=user-123&token=abc");
    // The switch.
    let switch = browser.query(By::Css("button[aria-label='Enabled: poll-twitter']")).first().await.unwrap();
    switch.click().await.unwrap();
    eventually(SOON, "it is disabled", async || {
        (web.get("/api/rules/poll-twitter").await.value()["enabled"] == false).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_fit_a_phone() {
    const WIDTH: &str = "return Math.max(document.documentElement.scrollWidth, innerWidth)";
    let target = Target::start().await;
    let file = File::fresh();
    let web = Web::start(Naptime::up(&file)).await;
    let browser = Browser::with().phone().dark().start().await;
    let long = "x".repeat(90);
    let mut link = link(&target);
    link["event"] = json!(long);
    link["job"] = json!(format!("{long}{{{{ key }}}}"));
    link["then"]["upsert"]["url"] = json!(target.url(&format!("/{long}{long}{long}")));
    let name = "n".repeat(60);
    rule(&web, &name, &link).await;
    rule(&web, "unlink", &json!({"event": "twitter.unlinked", "then": "delete"})).await;
    let pages =
        ["/rules".to_owned(), "/rules/new".to_owned(), format!("/rules/{name}/edit"), format!("/rules/{name}/delete")];
    let fits = async |page: &str| {
        // For whoever looks at the pages.
        if let Some(folder) = std::env::var_os("NAPTIME_SCREENSHOTS") {
            let file = format!("phone{}.png", page.replace('/', "-"));
            browser.save_page(&std::path::Path::new(&folder).join(file)).await.unwrap();
        }
        let width = browser.execute(WIDTH, Vec::new()).await.unwrap();
        assert_eq!(width.json(), &json!(390), "{page}");
    };
    for page in &pages {
        browser.goto(web.naptime.url(page)).await.unwrap();
        fits(page).await;
    }
    browser.goto(web.naptime.url("/rules")).await.unwrap();
    let sample = browser.query(By::Id("sample")).first().await.unwrap();
    sample.clear().await.unwrap();
    sample.send_keys(event(&long, "user-123", &json!({"token": long})).to_string()).await.unwrap();
    browser.query(By::XPath("//button[normalize-space()='Try it']")).first().await.unwrap().click().await.unwrap();
    browser.query(By::XPath("//*[contains(@class, 'trial')]//dl")).first().await.unwrap();
    fits("/rules/try").await;
}
