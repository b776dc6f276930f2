//! What is done to many endpoints at once, by API and by page: to those that are meant, and to no others.

use naptime_tests::naptime::Start;
use naptime_tests::target::Target;
use naptime_tests::{Browser, Naptime, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use thirtyfour::By;

use super::web::{SOON, Web, on_both_stores, with_form};

on_both_stores!(
    all_that_match_are_switched_called_and_deleted,
    nothing_said_does_not_mean_all,
    those_that_were_picked_are_asked_about_and_done,
    many_are_paused_resumed_and_tagged,
    many_are_muted,
);

/// Adds endpoints of these names and tags, which are called only when somebody asks for it.
async fn add(web: &Web, target: &Target, names: &[(&str, &str)]) -> Vec<String> {
    let mut added = Vec::new();
    for (name, tag) in names {
        let new = json!({"url": target.url(&format!("/{name}")), "name": name, "tags": [tag], "every": "366d"});
        added.push(web.add(new).await.0);
    }
    added
}

/// The names of those that are switched on.
async fn on(web: &Web) -> Vec<String> {
    let items = web.items("/api/endpoints?active=true").await;
    items.iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
}

async fn all_that_match_are_switched_called_and_deleted(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    add(&web, &target, &[("a", "one"), ("b", "one"), ("c", "two")]).await;
    let act = async |what: &str| {
        let reply = web.post(&format!("/api/endpoints/{what}"), &Value::Null).await;
        assert_eq!(reply.status, 200, "{what}: {}", reply.text);
        reply.value()
    };
    assert_eq!(act("on?tag=one&dry_run=true").await, json!({"count": 2, "next_cursor": null}));
    assert_eq!(on(&web).await, [""; 0]);
    assert_eq!(act("on?tag=one").await["count"], 2);
    assert_eq!(on(&web).await, ["a", "b"]);
    assert_eq!(act("on?tag=one").await["count"], 0, "they are on");
    assert_eq!(act("off?q=/b").await["count"], 1);
    assert_eq!(on(&web).await, ["a"]);
    // Also those that are off.
    assert_eq!(act("call?tag=one").await["count"], 2);
    target.wait_for(SOON, "both are called", |calls| calls.len() == 2).await;
    let pool = target.url("/").trim_end_matches('/').to_owned();
    assert_eq!(web.patch(&format!("/api/pools/{pool}"), &json!({"active": false})).await.status, 200);
    assert_eq!(act("call?tag=two").await["count"], 0, "their pool is off");
    assert_eq!(act("delete?all=true").await["count"], 3);
    assert_eq!(web.items("/api/endpoints").await, [Value::Null; 0]);
    assert_eq!(web.items("/api/endpoints?deleted=true").await.len(), 3);
}

async fn nothing_said_does_not_mean_all(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let added = add(&web, &target, &[("a", "one")]).await;
    let refused = async |what: &str, code: &str, field: &str| {
        web.post(&format!("/api/endpoints/{what}"), &Value::Null).await.is_problem(400, code, field);
    };
    refused("delete", "says_nothing", "all").await;
    refused("delete?all=false", "says_nothing", "all").await;
    refused("delete?tags=one", "unknown_parameter", "tags").await;
    refused("delete?state=ill", "unknown_state", "state").await;
    refused("delete?all=true&cursor=x", "bad_cursor", "cursor").await;
    assert_eq!(web.post("/api/endpoints/erase?all=true", &Value::Null).await.status, 405);
    let page = async |path: &str| with_form(web.request(Method::POST, path), &[]).send().await.unwrap().status();
    for path in ["delete", "delete?id=x", "delete?state=ill", "delete?active=maybe", "erase?all=true"] {
        assert_eq!(page(&format!("/endpoints/bulk/{path}")).await, 400, "{path}");
    }
    assert_eq!(web.get(&added[0]).await.status, 200);
    assert_eq!(web.items("/api/endpoints").await.len(), 1);
}

async fn those_that_were_picked_are_asked_about_and_done(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let added = add(&web, &target, &[("a", "one"), ("b", "one"), ("c", "two")]).await;
    let id = |n: usize| added[n].rsplit('/').next().unwrap();
    let list = web.get("/endpoints").await.text;
    assert!(list.contains(&format!("value=\"{}\"", id(0))) && list.contains("form=\"bulk\""), "{list}");
    let picked = format!("id={}&id={}", id(0), id(2));
    let ask = async |what: &str| {
        let leads = web.get(&format!("/endpoints/bulk?{what}")).await;
        web.get(leads.header("location")).await.text
    };
    let question = ask(&format!("action=on&{picked}")).await;
    assert!(question.contains("Switch 2 endpoints on?"), "{question}");
    let post = async |path: &str| {
        let answer = with_form(web.request(Method::POST, path), &[]).send().await.unwrap();
        assert_eq!(answer.status(), 303);
        answer.headers()["location"].to_str().unwrap().to_owned()
    };
    let to = post(&format!("/endpoints/bulk/on?{picked}")).await;
    assert_eq!(on(&web).await, ["a", "c"]);
    assert!(web.get(&to).await.text.contains("2 endpoints switched on."), "{to}");
    let question = ask("action=on&all=true").await;
    assert!(question.contains("Switch 1 endpoint on?"), "the others are on: {question}");
    // Of none picked, all that match are meant, and the question says so.
    let question = ask("action=delete&state=on").await;
    assert!(question.contains("Delete 2 endpoints?") && question.contains("switched on"), "{question}");
    let to = post("/endpoints/bulk/delete?state=on").await;
    assert!(to.starts_with("/endpoints?state=on&"), "{to}");
    assert!(web.get(&to).await.text.contains("2 endpoints deleted."), "{to}");
    assert_eq!(web.items("/api/endpoints").await.len(), 1);
    assert_eq!(web.get("/endpoints/bulk?action=erase").await.status, 400);
}

async fn many_are_paused_resumed_and_tagged(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let added = add(&web, &target, &[("a", "one"), ("b", "one"), ("c", "two")]).await;
    let act = async |what: &str, given: Value| {
        let reply = web.post(&format!("/api/endpoints/{what}"), &given).await;
        assert_eq!(reply.status, 200, "{what}: {}", reply.text);
        reply.value()["count"].clone()
    };
    assert_eq!(act("on?all=true", Value::Null).await, 3);
    let pause = json!({"until": "2099-01-31 09:00", "note": "it moves"});
    assert_eq!(act("pause?tag=one&dry_run=true", pause.clone()).await, 2);
    assert_eq!(web.items("/api/endpoints?state=paused").await, [Value::Null; 0]);
    assert_eq!(act("pause?tag=one", pause).await, 2);
    let paused = web.items("/api/endpoints?state=paused").await;
    assert_eq!(paused.iter().map(|it| &it["name"]).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(paused[0]["schedule"]["pause"], json!({"until": "2099-01-31T09:00:00.000Z", "note": "it moves"}));
    // What is not said of a pause is not that of the one before.
    assert_eq!(act("pause?state=paused&q=/b", json!({"note": "for good"})).await, 1);
    assert_eq!(web.get(&added[1]).await.value()["schedule"]["pause"], json!({"note": "for good"}));
    assert_eq!(act("resume?all=true&dry_run=true", Value::Null).await, 2);
    assert_eq!(act("resume?all=true", Value::Null).await, 2);
    assert_eq!(act("resume?all=true", Value::Null).await, 0, "none is paused");

    assert_eq!(act("tag?all=true&dry_run=true", json!({"tags": "two"})).await, 2, "one has it");
    assert_eq!(act("tag?all=true", json!({"tags": ["two", "three"]})).await, 3);
    assert_eq!(web.get(&added[0]).await.value()["tags"], json!(["one", "two", "three"]));
    assert_eq!(act("untag?tag=three", json!({"tags": "one, two"})).await, 3);
    assert_eq!(web.get(&added[2]).await.value()["tags"], json!(["three"]));
    assert_eq!(web.items("/api/endpoints?tag=one").await, [Value::Null; 0]);

    let refused = async |what: &str, given: Value, code: &str, field: &str| {
        web.post(&format!("/api/endpoints/{what}?all=true"), &given).await.is_problem(422, code, field);
    };
    refused("pause", json!({}), "missing", "until").await;
    refused("pause", json!({"until": "soon"}), "not_a_time", "until").await;
    refused("pause", json!({"from": "2099-01-31"}), "unknown_field", "from").await;
    refused("tag", json!({}), "missing", "tags").await;
    refused("tag", json!({"tags": [7]}), "wrong_type", "tags").await;
    refused("tag", json!({"tags": "x".repeat(5000)}), "too_long", "tags").await;
    web.post("/api/endpoints/tag", &json!({"tags": "x"})).await.is_problem(400, "says_nothing", "all");
    web.post("/api/endpoints/tag?all=true", &json!(["x"])).await.is_problem(400, "wrong_type", "");
    assert_eq!(web.items("/api/endpoints?state=paused").await, [Value::Null; 0]);

    // By page: it asks what it has to know, and says what was done.
    let question = web.get("/endpoints/bulk/tag?tag=three").await.text;
    assert!(question.contains("Add tags to 3 endpoints?") && question.contains("name=\"tags\""), "{question}");
    let reply = web.form("/endpoints/bulk/tag?tag=three", &[("tags", "nightly, reports")]).await;
    reply.leads_to("/endpoints?tag=three&done=tag&count=3");
    assert!(web.get(reply.header("location")).await.text.contains("3 endpoints given tags."));
    assert_eq!(web.get(&added[0]).await.value()["tags"], json!(["three", "nightly", "reports"]));
    let picked = format!("/endpoints/bulk/pause?id={}", added[0].rsplit('/').next().unwrap());
    assert_eq!(web.form(&picked, &[("until", "soon")]).await.status, 422);
    web.form(&picked, &[("until", ""), ("note", "it moves")]).await.leads_to("/endpoints?done=pause&count=1");
    assert_eq!(web.items("/api/endpoints?state=paused").await.len(), 1);
}

async fn many_are_muted(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    add(&web, &target, &[("a", "one"), ("b", "one"), ("c", "two")]).await;
    let reply = web.post("/api/endpoints/mute?tag=one", &json!({"for": "1h", "note": "it moves"})).await;
    assert_eq!((reply.status, &reply.value()["count"]), (200, &json!(2)), "{}", reply.text);
    let mutes = web.items("/api/mutes").await;
    assert!(
        mutes.len() == 2 && mutes.iter().all(|it| it["note"] == "it moves" && it["endpoint"].is_string()),
        "{mutes:?}"
    );
    web.post("/api/endpoints/mute?tag=one", &json!({})).await.is_problem(422, "missing", "for");
    web.form("/endpoints/bulk/mute?tag=two", &[("for", "8h")]).await.leads_to("/endpoints?tag=two&done=mute&count=1");
    assert_eq!(web.items("/api/mutes").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_loads_no_page_and_loses_no_picks() {
    let (file, target) = (naptime_tests::sqlite::File::fresh(), Target::start().await);
    let web = Web::start(Naptime::up(&file)).await;
    let added = add(&web, &target, &[("a", "one"), ("b", "one")]).await;
    let id = |n: usize| added[n].rsplit('/').next().unwrap();
    let browser = Browser::start().await;
    browser.goto(web.naptime.url("/endpoints")).await.unwrap();
    browser.execute("window.loaded = 'once'", vec![]).await.unwrap();
    let find = async |css: String| browser.find(By::Css(css)).await;
    find(format!("input[value='{}']", id(1))).await.unwrap().click().await.unwrap();
    let switch = format!("form[action='/endpoints/{}/switch'] button", id(0));
    find(switch.clone()).await.unwrap().click().await.unwrap();
    eventually(SOON, "the row shows it", async || find(format!("{switch}[aria-checked=true]")).await.ok().map(drop))
        .await;
    assert_eq!(on(&web).await, ["a"]);
    let loaded = browser.execute("return window.loaded", vec![]).await.unwrap();
    assert_eq!(loaded.json(), &json!("once"));
    assert!(
        find(format!("input[value='{}']", id(1))).await.unwrap().is_selected().await.unwrap(),
        "it is still picked"
    );
    // What was picked is what the button asks about.
    find("#bulk button[value=off]".to_owned()).await.unwrap().click().await.unwrap();
    // A click may return before the next page is there.
    let asked = async || {
        let question = find("h1".to_owned()).await.ok()?.text().await.ok()?;
        (question == "Switch 1 endpoint off?").then_some(())
    };
    eventually(SOON, "it is asked about the one that was picked", asked).await;
}
