//! Targets that steer their own schedule by their answers, within what their endpoint allows.

use std::time::Duration;

use naptime_core::Time;
use naptime_tests::eventually;
use naptime_tests::mongo::ReplicaSet;
use naptime_tests::naptime::{Naptime, Start};
use naptime_tests::target::{Answer, Signal, Target};
use serde_json::{Value, json};

use super::ground::due;
use super::web::{SOON, Web, check_times, escaped, on_both_stores};

on_both_stores!(
    a_target_sets_its_period,
    a_period_stays_within_the_limits,
    only_what_may_be_steered_is,
    a_target_puts_its_next_call_off,
    one_that_is_put_off_for_long_is_a_problem,
    a_pause_beyond_the_limit_is_shown_as_cut,
    who_has_no_say_is_called_as_ever,
    an_edit_made_meanwhile_wins,
);

/// What it takes to be steered, with these limits.
fn steered(url: &str, every: &str, min: &str, max: &str) -> Value {
    json!({"url": url, "every": every, "active": true, "steer": {"min": min, "max": max}})
}

/// The changes of an endpoint, in words.
fn changes(endpoint: &Value) -> Vec<String> {
    let changes = endpoint["changes"].as_array().unwrap();
    changes.iter().map(|change| format!("{}: {}", change["by"], change["what"]).replace('"', "")).collect()
}

fn time(value: &Value) -> Time {
    value.as_str().unwrap().parse().unwrap()
}

async fn a_target_sets_its_period(start: Start) {
    let target = Target::start().await;
    target.on("/", Answer::ok().header("Naptime-Every", "1s"));
    let web = Web::start(start).await;
    let (path, _) = web.add(steered(&target.url("/"), "1h", "1s", "1d")).await;
    web.call_now(&path).await;
    // Asked for once, and then of its own accord.
    target.wait_for(SOON, "the next calls", |calls| calls.len() >= 4).await;
    let dues: Vec<i64> = target.all_calls().iter().skip(1).map(due).collect();
    assert!(dues.windows(2).all(|pair| (pair[1] - pair[0]) % 1000 == 0), "a second apart: {dues:?}");
    let endpoint = web.get(&path).await.value();
    assert_eq!(endpoint["schedule"]["every"], "1s");
    assert_eq!(changes(&endpoint), ["target: every 1h, now every 1s"], "once, though it says so each time");
    assert_eq!(endpoint["rev"], 2);
    check_times(&endpoint);

    target.on("/", Answer::status(204).header("naptime-every", "2 hours"));
    let endpoint = eventually(SOON, "the longer period", async || {
        let endpoint = web.get(&path).await.value();
        (endpoint["schedule"]["every"] == "2h" && endpoint["held"] == false).then_some(endpoint)
    })
    .await;
    assert_eq!(changes(&endpoint), ["target: every 1h, now every 1s", "target: every 1s, now every 2h"]);
    assert!(time(&endpoint["due"]) > time(&endpoint["last"]["finished"]), "{endpoint}");
    let page = web.get(path.strip_prefix("/api").unwrap()).await.text;
    for words in ["every 1s, now every 2h", "the target", "may set the period, from 1s to 1d"] {
        assert!(page.contains(&escaped(words)), "{words}: {page}");
    }
    // A person's changes are in the list, too.
    web.patch(&path, &json!({"every": "3h"})).await;
    let endpoint = web.get(&path).await.value();
    assert_eq!(changes(&endpoint)[2], "person: every 2h, now every 3h");
    let counters = &endpoint["counters"];
    assert_eq!(counters["runs"], counters["ok"]);
}

async fn a_period_stays_within_the_limits(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    for (path, asked, expect) in [("/short", "10ms", "20m"), ("/bare", "5", "20m"), ("/long", "30 days", "2h")] {
        target.on(path, Answer::ok().header("Naptime-Every", asked));
        let (endpoint, _) = web.add(steered(&target.url(path), "1h", "20m", "2h")).await;
        web.call_now(&endpoint).await;
        web.runs(&endpoint, 1).await;
        let endpoint = web.get(&endpoint).await.value();
        assert_eq!(endpoint["schedule"]["every"], expect, "{asked}");
        assert_eq!(changes(&endpoint), [format!("target: every 1h, now every {expect}")]);
    }
}

async fn only_what_may_be_steered_is(start: Start) {
    let target = Target::start().await;
    target.on("/", Answer::ok().header("Naptime-Every", "2m"));
    target.on("/unreadable", Answer::ok().header("Naptime-Every", "now and then"));
    target.on("/failing", Answer::status(500).header("Naptime-Every", "2m"));
    let web = Web::start(start).await;
    let limits = json!({"min": "1s", "max": "1d"});
    let cases = [
        json!({"url": target.url("/"), "every": "1h"}),
        json!({"url": target.url("/"), "cron": "0 0 1 1 *", "steer": limits}),
        json!({"url": target.url("/"), "every": "2m", "steer": limits}),
        json!({"url": target.url("/unreadable"), "every": "1h", "steer": limits}),
        json!({"url": target.url("/failing"), "every": "1h", "steer": limits}),
    ];
    for case in cases {
        let (path, before) = web.add(case).await;
        web.call_now(&path).await;
        web.runs(&path, 1).await;
        let after = web.get(&path).await.value();
        assert_eq!((&after["schedule"], &after["rev"]), (&before["schedule"], &before["rev"]), "{after}");
        assert_eq!(changes(&after), Vec::<String>::new());
    }
    web.naptime.wait_line(SOON, "what could not be read", |line| line.contains("now and then")).await;
}

async fn a_target_puts_its_next_call_off(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    // What it asks for beyond the limit is taken as the limit.
    for (path, status, asked, pause) in [("/503", 503, "40", 40), ("/429", 429, "7200", 60)] {
        target.on(path, Answer::status(status).header("Retry-After", asked));
        let (endpoint, _) = web.add(steered(&target.url(path), "2s", "1s", "1m")).await;
        let runs = web.runs(&endpoint, 1).await;
        let after = web.get(&endpoint).await.value();
        let waits = time(&after["due"]).since(time(&runs[0]["finished"])).as_secs_f64();
        assert!((f64::from(pause)..=f64::from(pause) + 2.0).contains(&waits), "{path}: {waits} s");
        let noted = if status == 429 { "target: no call for 1m (asked for 2h)" } else { "target: no call for 40s" };
        assert_eq!(changes(&after), [noted]);
        assert_eq!(after["schedule"]["every"], "2s", "what it recurs in stays");
        assert_eq!(after["counters"]["settled"], 1);
        assert!(after["counters"]["missed"].as_u64().unwrap() >= pause as u64 / 2 - 1, "{after}");
    }
    // Two periods, in which it would have been called.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(target.count(), 2);
}

async fn one_that_is_put_off_for_long_is_a_problem(start: Start) {
    let target = Target::start().await;
    target.on("/long", Answer::status(429).header("Retry-After", "3600"));
    target.on("/short", Answer::status(429).header("Retry-After", "60"));
    let web = Web::start(start).await;
    let (path, _) = web.add(steered(&target.url("/long"), "1s", "1s", "1d")).await;
    let (short, _) = web.add(steered(&target.url("/short"), "1s", "1s", "1d")).await;
    web.runs(&short, 1).await;
    let problems = async || web.get("/api/problems").await.value()["items"].as_array().unwrap().clone();
    let found = eventually(SOON, "it is told", async || Some(problems().await).filter(|found| !found.is_empty())).await;
    assert_eq!((found.len(), &found[0]["kind"], &found[0]["severity"]), (1, &json!("put_off"), &json!("warn")));
    assert!(found[0]["cause"].as_str().unwrap().contains("asked not to be called until"), "{found:?}");
    let endpoint = web.get(&path).await.value();
    assert_eq!(endpoint["trouble"]["kind"], "put_off");
    assert_eq!(web.items("/api/endpoints?state=put_off").await.len(), 1);
    assert!(web.get("/endpoints").await.text.contains("/endpoints?state=put_off"), "there is a tab for it");
    target.on("/long", Answer::ok());
    assert_eq!(web.patch(&path, &json!({"every": "2s"})).await.status, 200);
    eventually(SOON, "planned anew, it is over", async || problems().await.is_empty().then_some(())).await;
}

async fn a_pause_beyond_the_limit_is_shown_as_cut(start: Start) {
    let target = Target::start().await;
    // By a status that is tried again only because the job says so, and with a date as C prints it.
    let three_days = Answer::status(500).body("full").header("Retry-After", "Sun Jan  4 00:00:00 2060");
    target.on("/once", three_days.header("Date", "Thu, 01 Jan 2060 00:00:00 GMT"));
    target.on("/often", Answer::status(503).header("Retry-After", "7200"));
    let web = Web::start(start).await;
    let (once, _) = web.enqueue(json!({"url": target.url("/once"), "retry": {"on": "500"}})).await;
    let job = web.job_is(&once, "retrying").await;
    let run = web.runs(&once, 1).await.remove(0);
    assert_eq!(run["message"], "full\n(asked for a pause of 3d, cut to 1h)");
    let waits = time(&job["next_at"]).since(time(&run["finished"])).as_secs_f64();
    assert!((3600.0..3610.0).contains(&waits), "{waits} s");
    let (often, _) = web.add(json!({"url": target.url("/often"), "every": "2s", "active": true})).await;
    let run = web.runs(&often, 1).await.remove(0);
    let cut = "(asked for a pause of 2h, cut at the next occurrence)";
    assert_eq!(run["message"], format!("the target answered 503 Service Unavailable\n{cut}"));
    let page = web.get(once.strip_prefix("/api").unwrap()).await;
    assert!(page.text.contains("asked for a pause of 3d, cut to 1h"), "{}", page.text);
}

async fn who_has_no_say_is_called_as_ever(start: Start) {
    let target = Target::start().await;
    target.on("/", Answer::status(503).header("Retry-After", "40"));
    let web = Web::start(start).await;
    let (path, _) = web.add(json!({"url": target.url("/"), "every": "1s", "active": true})).await;
    let runs = web.runs(&path, 3).await;
    assert!(runs.iter().all(|run| run["attempt"] == 1), "each an occurrence of its own: {runs:?}");
    assert_eq!(changes(&web.get(&path).await.value()), Vec::<String>::new());
}

async fn an_edit_made_meanwhile_wins(start: Start) {
    let target = Target::start().await;
    let edited = Signal::default();
    target.on("/period", Answer::ok().header("Naptime-Every", "1m").upon(&edited));
    target.on("/pause", Answer::status(503).header("Retry-After", "7200").upon(&edited));
    target.on("/deleted", Answer::ok().header("Naptime-Every", "1m").upon(&edited));
    let web = Web::start(start).await;
    let mut paths = Vec::new();
    for path in ["/period", "/pause", "/deleted"] {
        let mut endpoint = steered(&target.url(path), "1h", "1s", "1d");
        endpoint["retry"] = json!({"attempts": 1});
        let (endpoint, _) = web.add(endpoint).await;
        web.call_now(&endpoint).await;
        paths.push(endpoint);
    }
    target.wait_for(SOON, "all are being called", |calls| calls.len() == 3).await;
    let [period, pause, deleted] = &paths[..] else { panic!("three") };
    assert_eq!(web.patch(period, &json!({"every": "3h"})).await.status, 200);
    // Not even of the schedule: who looks at an endpoint and saves it has decided on all of it.
    let renamed = web.patch(pause, &json!({"name": "mine"})).await.value();
    assert_eq!(web.delete(deleted).await.status, 204);
    edited.send();

    for path in &paths {
        web.runs(path, 1).await;
    }
    let after = web.get(period).await.value();
    assert_eq!(after["schedule"]["every"], "3h");
    assert_eq!(changes(&after), ["person: every 1h, now every 3h"]);
    let after = web.get(pause).await.value();
    assert_eq!((&after["due"], &after["rev"]), (&renamed["due"], &renamed["rev"]));
    assert_eq!(changes(&after), Vec::<String>::new());
    let after = web.get(deleted).await.value();
    assert_eq!((&after["schedule"]["every"], after["deleted_at"].is_string()), (&json!("1h"), true));
    let dropped = |line: &str| line.contains("was edited meanwhile");
    eventually(SOON, "three lines say so", async || {
        (web.naptime.output().lines().filter(|line| dropped(line)).count() == 3).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_cannot_be_made_holds_up_nothing() {
    let mongo = ReplicaSet::start(1).await;
    let database = mongo.fresh_database();
    let target = Target::start().await;
    let away = Signal::default();
    target.on("/", Answer::ok().header("Naptime-Every", "1m").upon(&away));
    let web = Web::start(Naptime::up(&database)).await;
    let (path, _) = web.add(steered(&target.url("/"), "1h", "1s", "1d")).await;
    web.call_now(&path).await;
    target.wait_for(SOON, "the call", |calls| calls.len() == 1).await;
    mongo.pause(0);
    away.send();
    target.wait_for(SOON, "the answer", |calls| calls[0].end.is_some()).await;
    let in_vain = |line: &str| line.contains("in vain: the store does not answer");
    web.naptime.wait_line(SOON, "it is given up", in_vain).await;
    mongo.resume(0);
    let runs = web.runs(&path, 1).await;
    assert_eq!((runs.len(), &runs[0]["outcome"]), (1, &json!("ok")), "the call is settled all the same");
    eventually(SOON, "nobody holds it", async || (web.get(&path).await.value()["held"] == false).then_some(())).await;
}
