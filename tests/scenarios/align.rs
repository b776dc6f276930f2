//! Endpoints on round times rather than spread over their period, by everything that sets a schedule; and the form that
//! shows how those of one period are spread.

use naptime_core::Time;
use naptime_tests::eventually;
use naptime_tests::naptime::Start;
use naptime_tests::target::{Answer, Target};
use reqwest::Method;
use serde_json::{Value, json};

use super::web::{SOON, Web, on_both_stores};

on_both_stores!(
    round_times_are_set_kept_and_given_up,
    a_target_that_steers_stays_on_round_times,
    an_event_makes_an_endpoint_on_round_times,
    the_form_shows_how_the_calls_of_a_period_are_spread,
);

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const URL: &str = "http://127.0.0.1:9/";

/// The coming calls of an endpoint, as milliseconds since the last multiple of `period`.
fn phases(endpoint: &Value, period: i64) -> Vec<i64> {
    let times = endpoint["upcoming"].as_array().unwrap().iter();
    let phases: Vec<i64> = times.map(|at| at.as_str().unwrap().parse::<Time>().unwrap().millis() % period).collect();
    assert_eq!(phases.len(), 5, "{endpoint}");
    phases
}

async fn round_times_are_set_kept_and_given_up(start: Start) {
    let web = Web::start(start).await;
    let (path, added) = web.add(json!({"url": URL, "every": "1h", "align": true, "active": true})).await;
    let expect = |every: &str| json!({"kind": "every", "every": every, "align": true, "text": format!("every {every}, on round times")});
    assert_eq!((&added["schedule"], phases(&added, HOUR)), (&expect("1h"), vec![0; 5]));
    let is = async |patch: Value, text: &str| {
        let reply = web.patch(&path, &patch).await;
        assert_eq!(reply.status, 200, "{patch}: {}", reply.text);
        let now = reply.value();
        assert_eq!((&now["schedule"]["text"], &now), (&json!(text), &web.get(&path).await.value()), "{patch}");
        now
    };
    // Another period keeps it, also one that no hour or day is a multiple of.
    let now = is(json!({"every": "7h"}), "every 7h, on round times").await;
    assert_eq!((&now["schedule"], phases(&now, 7 * HOUR)), (&expect("7h"), vec![0; 5]));
    // The same once more changes nothing.
    let same = is(json!({"every": "7h", "align": true}), "every 7h, on round times").await;
    assert_eq!((&same["rev"], &same["upcoming"]), (&now["rev"], &now["upcoming"]));
    let jittered = is(json!({"jitter": "10m"}), "every 7h, within 10m after round times").await;
    assert!(phases(&jittered, 7 * HOUR).iter().all(|phase| *phase < 10 * MINUTE), "{jittered}");
    is(json!({"jitter": null}), "every 7h, on round times").await;

    let spread = is(json!({"align": false}), "every 7h").await;
    assert_eq!(spread["schedule"], json!({"kind": "every", "every": "7h", "text": "every 7h"}));
    let phase = phases(&spread, 7 * HOUR);
    assert!(phase[0] != 0 && phase.iter().all(|it| *it == phase[0]), "{spread}");
    let again = is(json!({"align": true}), "every 7h, on round times").await;
    assert_eq!(phases(&again, 7 * HOUR), [0; 5]);
    assert_eq!(again["changes"].as_array().unwrap().last().unwrap()["what"], "every 7h, now every 7h, on round times");
    assert_eq!(phases(&is(json!({"align": false}), "every 7h").await, 7 * HOUR), phase, "its own moment, as before");

    // It goes with no other kind, and is not remembered through one.
    is(json!({"align": true}), "every 7h, on round times").await;
    let cron = is(json!({"cron": "@daily"}), "cron @daily (UTC)").await;
    for (field, code, patch) in [
        ("align", "conflict", json!({"align": true})),
        ("align", "conflict", json!({"random": "1h", "align": true})),
        ("align", "wrong_type", json!({"every": "1h", "align": "yes"})),
        ("every", "out_of_range", json!({"every": "1ms", "align": true})),
    ] {
        web.patch(&path, &patch).await.is_problem(422, code, field);
    }
    assert_eq!(web.get(&path).await.value(), cron, "nothing of that is stored");
    is(json!({"align": false}), "cron @daily (UTC)").await;
    is(json!({"every": "1h"}), "every 1h").await;
    web.post("/api/jobs", &json!({"url": URL, "align": true})).await.is_problem(422, "unknown_field", "align");
}

async fn a_target_that_steers_stays_on_round_times(start: Start) {
    let target = Target::start().await;
    target.on("/", Answer::ok().header("Naptime-Every", "2s"));
    let web = Web::start(start).await;
    let limits = json!({"min": "1s", "max": "1d"});
    let (path, _) =
        web.add(json!({"url": target.url("/"), "every": "1h", "align": true, "active": true, "steer": limits})).await;
    web.call_now(&path).await;
    let runs = web.runs(&path, 4).await;
    let due = |run: &Value| run["due"].as_str().unwrap().parse::<Time>().unwrap().millis();
    assert!(runs[1..].iter().all(|run| due(run) % (2 * SECOND) == 0), "{runs:?}");
    assert_eq!(web.get(&path).await.value()["schedule"]["text"], "every 2s, on round times");
}

async fn an_event_makes_an_endpoint_on_round_times(start: Start) {
    let web = Web::start(start).await;
    let put = async |then: Value| {
        let rule = json!({"event": "linked", "then": {"upsert": then}});
        web.json(Method::PUT, "/api/rules/poll", rule.to_string()).await
    };
    let event = json!({"event": "linked", "key": "a", "data": {"every": "1h"}});
    let linked = async || {
        let reply = web.post("/api/events", &event).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let endpoints = web.items("/api/endpoints").await;
        assert_eq!(endpoints.len(), 1);
        (reply.value()["items"][0]["did"].clone(), endpoints[0]["schedule"]["text"].clone())
    };
    let template = json!({"url": "http://127.0.0.1:9/{{ key }}", "every": "{{ data.every }}", "align": true});
    assert_eq!(put(template.clone()).await.status, 201);
    let stored = web.get("/api/rules/poll").await.value();
    assert_eq!(stored["then"]["upsert"]["align"], true, "{stored}");
    assert_eq!(linked().await, (json!("added"), json!("every 1h, on round times")));
    assert_eq!(linked().await, (json!("unchanged"), json!("every 1h, on round times")));
    // What the template leaves out has its default.
    let mut spread = template;
    spread.as_object_mut().unwrap().remove("align");
    assert_eq!(put(spread).await.status, 200);
    assert!(web.get("/api/rules/poll").await.value()["then"]["upsert"].get("align").is_none());
    assert_eq!(linked().await, (json!("changed"), json!("every 1h")));

    let wrong = json!({"url": URL, "cron": "@daily", "align": true});
    put(wrong).await.is_problem(422, "conflict", "then.upsert.align");
    put(json!({"url": URL, "every": "1h", "align": "{{ key }}"})).await.is_problem(
        422,
        "wrong_type",
        "then.upsert.align",
    );
    // And by the form of the rule, where it is a box.
    let form = [
        ("name", "by-form"),
        ("event", "other"),
        ("job", "{{ key }}"),
        ("do", "upsert"),
        ("enabled", "true"),
        ("then.upsert.url", URL),
        ("then.upsert.every", "5m"),
        ("then.upsert.align", "true"),
    ];
    assert_eq!(web.form("/rules/new", &form).await.status, 303);
    assert_eq!(web.get("/api/rules/by-form").await.value()["then"]["upsert"]["align"], true);
    let edit = web.get("/rules/by-form/edit").await.text;
    assert!(edit.contains("name=\"then.upsert.align\" value=\"true\" checked"), "{edit}");
    let faulty = [&form[..6], &[("then.upsert.cron", "@daily"), ("then.upsert.align", "true")]].concat();
    let faulty = web.form("/rules/new", &faulty).await;
    assert!(
        faulty.status == 422 && faulty.text.contains("On round times goes with Period, not with Pattern"),
        "{}",
        faulty.text
    );
}

/// What the preview of a form says, once it counts `others`.
async fn said(web: &Web, path: &str, form: &[(&str, &str)], others: &str) -> String {
    eventually(SOON, &format!("{others} are counted"), async || {
        let page = web.form(path, form).await;
        assert_eq!(page.status, 200, "{}", page.text);
        page.text.contains(&format!(">{others} every 1h")).then_some(page.text)
    })
    .await
}

async fn the_form_shows_how_the_calls_of_a_period_are_spread(start: Start) {
    let web = Web::start(start).await;
    let preview = "/endpoints/preview";
    let typed = [("timing", "every"), ("every", "1h")];
    eventually(SOON, "there is none", async || {
        let part = web.form(preview, &typed).await.text;
        part.contains("No other endpoint that is switched on is called every 1h.").then_some(())
    })
    .await;
    // Of these, five count: four of the period at the round time, and one that is not.
    let mut added = Vec::new();
    for (every, align, active) in [
        ("1h", true, true),
        ("1h", true, true),
        ("1h", true, true),
        ("1h", true, true),
        ("1h", false, true),
        ("1h", true, false),
        ("2h", true, true),
    ] {
        added.push(web.add(json!({"url": URL, "every": every, "align": align, "active": active})).await);
    }
    let (path, spread) = &added[4];
    let second = |phase: i64| phase / SECOND;
    let theirs = phases(spread, HOUR)[0];

    // One that is spread: its moment is the one that its id has.
    let blank = web.get("/endpoints/new").await.text;
    let id = blank.split("name=\"id\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let form = [&typed[..], &[("id", &*id)]].concat();
    let part = said(&web, preview, &form, "5 others").await;
    let first = part.split("<time datetime=\"").nth(1).unwrap().split('"').next().unwrap();
    let own = first.parse::<Time>().unwrap().millis() % HOUR;
    let most = 4 + i64::from(second(theirs) == 0);
    let beside = i64::from(second(own) == second(theirs)) + if second(own) == 0 { 4 } else { 0 };
    let beside = if beside == 0 { "none".to_owned() } else { beside.to_string() };
    let words = format!("5 others every 1h: at most {most} in the same second, {beside} in that of this one.");
    assert!(part.contains(&words), "{words} in {part}");
    assert!(part.contains("On round times, all would come at once."), "{part}");
    // It is marked in its part of the hour, and so are the others.
    let place = |phase: i64| phase * 60 / HOUR * 10;
    assert!(part.contains(&format!("<rect class=\"place\" x=\"{}\"", place(own))), "{own}: {part}");
    for others in [0, theirs] {
        let bar = |class: &str| format!("<rect{class} x=\"{}\"", place(others) + 1);
        assert!(part.contains(&bar("")) || part.contains(&bar(" class=\"own\"")), "{others}: {part}");
    }

    // On round times it comes with those that are. Without a script, a button shows the same.
    let aligned = [&form[..], &[("align", "true")]].concat();
    let words = format!(
        "5 others every 1h: at most {most} in the same second, {most} in that of this one. All that are \
                         on round times come at once."
    );
    let part = said(&web, preview, &aligned, "5 others").await;
    let page = said(&web, "/endpoints/new", &[&aligned[..], &[("preview", "true")]].concat(), "5 others").await;
    for text in [&part, &page] {
        assert!(text.contains(&words) && text.contains("<rect class=\"place\" x=\"0\""), "{text}");
    }
    assert!(page.contains("name=\"align\" value=\"true\" checked"), "{page}");

    // Who is edited is none of the others.
    let edit = format!("/endpoints/{}/edit", spread["id"].as_str().unwrap());
    let edit = web.get(&edit).await.text;
    assert!(edit.contains("4 others every 1h: at most 4 in the same second"), "{edit}");
    web.patch(path, &json!({"active": false})).await;
    said(&web, preview, &typed, "4 others").await;
    // Other kinds have no period, and what is wrong has none either.
    for (kind, name, value) in [("cron", "cron", "@hourly"), ("random", "random", "1h"), ("every", "every", "soon")] {
        let part = web.form(preview, &[("timing", kind), (name, value), ("align", "true")]).await;
        assert!(part.status == 200 && !part.text.contains("class=\"spread\""), "{}", part.text);
    }
}
