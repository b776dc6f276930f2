//! When endpoints are called: each kind of timing by the API on both stores, what GET gives sent back, calls at the
//! moments that were shown, and the form that shows them.

use std::time::Duration;

use naptime_core::Time;
use naptime_tests::eventually;
use naptime_tests::naptime::{Naptime, Start};
use naptime_tests::sqlite::File;
use naptime_tests::target::Target;
use serde_json::{Value, json};

use super::web::{SOON, Web, check_times, on_both_stores};

on_both_stores!(
    each_kind_of_timing_goes_round,
    calls_come_at_the_moments_that_were_shown,
    the_same_url_twice_is_allowed_and_named,
    a_pause_ends_by_itself_or_by_a_button,
    missed_calls_are_made_or_skipped_as_was_said,
);

fn times(list: &Value) -> Vec<Time> {
    list.as_array().unwrap().iter().map(|time| time.as_str().unwrap().parse().unwrap()).collect()
}

/// The schedule of an endpoint as it can be sent.
fn sendable(endpoint: &Value) -> Value {
    let mut schedule = endpoint["schedule"].clone();
    let fields = schedule.as_object_mut().unwrap();
    assert!(fields.remove("kind").is_some() && fields.remove("text").is_some());
    schedule
}

async fn each_kind_of_timing_goes_round(start: Start) {
    let web = Web::start(start).await;
    let kinds = [
        json!({"every": "5m"}),
        json!({"every": "5m", "jitter": "30s"}),
        json!({"every": "5m", "align": true}),
        json!({"every": "5m", "align": true, "jitter": "30s"}),
        json!({"cron": "0 9 * * MON-FRI", "tz": "Europe/Berlin"}),
        json!({"cron": "*/10 * * * * *", "tz": "UTC"}),
        json!({"random": "1h", "tz": "UTC"}),
        json!({"random": "1h", "window": "09:00-17:00", "days": ["mon", "tue", "sun"], "tz": "America/New_York"}),
        json!({"random": "7d", "window": "00:00-24:00", "tz": "Asia/Kathmandu"}),
    ];
    let (other, _) = web.add(json!({"url": "http://127.0.0.1:9/other", "every": "1d", "active": true})).await;
    for kind in kinds {
        let mut endpoint = kind.clone();
        endpoint["url"] = json!("http://127.0.0.1:9/");
        endpoint["active"] = json!(true);
        let (path, added) = web.add(endpoint).await;
        assert_eq!(sendable(&added), kind);
        let got = web.get(&path).await.value();
        assert_eq!((&got["schedule"], &got["upcoming"]), (&added["schedule"], &added["upcoming"]), "{kind}");
        check_times(&got);
        let upcoming = times(&got["upcoming"]);
        assert!(upcoming.len() == 5 && upcoming.is_sorted_by(|a, b| a < b), "{got}");
        assert_eq!(got["due"], got["upcoming"][0]);

        // The same again moves nothing.
        let same = web.patch(&path, &sendable(&got)).await.value();
        assert_eq!((&same["rev"], &same["upcoming"]), (&got["rev"], &got["upcoming"]), "{kind}");
        // Another kind becomes this one.
        let switched = web.patch(&other, &kind).await.value();
        assert_eq!(switched["schedule"]["kind"], got["schedule"]["kind"]);
        for (name, value) in kind.as_object().unwrap() {
            assert_eq!(&switched["schedule"][name], value, "{kind}");
        }
        let off = web.patch(&path, &json!({"active": false})).await.value();
        assert_eq!(off["upcoming"], json!([]));
        web.delete(&path).await;
    }
    let list = web.items("/api/endpoints").await;
    assert_eq!(list[0]["schedule"]["random"], "7d");
}

async fn calls_come_at_the_moments_that_were_shown(start: Start) {
    let target = Target::start().await;
    // Half-second slots are below the shortest period unless it is set.
    let web = Web::start(start.env("NAPTIME_MIN_PERIOD", "500ms")).await;
    let kinds = [
        json!({"every": "1s", "jitter": "900ms"}),
        json!({"every": "2s", "align": true}),
        json!({"cron": "*/2 * * * * *", "tz": "Europe/Berlin"}),
        json!({"random": "2s", "tz": "Asia/Tokyo"}),
    ];
    for (n, kind) in kinds.into_iter().enumerate() {
        let mut endpoint = kind.clone();
        endpoint["url"] = json!(target.url(&format!("/{n}")));
        endpoint["active"] = json!(true);
        let (path, added) = web.add(endpoint).await;
        let shown = times(&added["upcoming"]);
        let runs = web.runs(&path, 4).await;
        let due: Vec<Time> = runs.iter().map(|run| run["due"].as_str().unwrap().parse().unwrap()).collect();
        // A busy machine may miss one, but invents none.
        let called: Vec<&Time> = due.iter().filter(|due| **due <= shown[4]).collect();
        assert!(!called.is_empty() && called.iter().all(|due| shown.contains(due)), "{kind}: {shown:?}, {due:?}");
        if n == 1 || n == 2 {
            assert!(due.iter().all(|due| due.millis() % 2_000 == 0), "{due:?}");
        }
        for run in &runs {
            let [due, started] = ["due", "started"].map(|time| run[time].as_str().unwrap().parse::<Time>().unwrap());
            assert!(started >= due, "{kind}: too early: {run}");
        }
        web.patch(&path, &json!({"active": false})).await;
    }
    target
        .wait_for(SOON, "calls of each", |calls| (0..4).all(|n| calls.iter().any(|it| it.uri == format!("/{n}"))))
        .await;
}

async fn the_same_url_twice_is_allowed_and_named(start: Start) {
    let web = Web::start(start).await;
    let url = "http://127.0.0.1:9/a?b=<c>";
    let (_, first) = web.add(json!({"url": url, "every": "5m", "name": "the <first>"})).await;
    assert!(first.get("also").is_none(), "{first}");
    web.add(json!({"url": "http://127.0.0.1:9/A?b=<c>", "every": "5m"})).await;
    let (path, second) = web.add(json!({"url": url, "cron": "@daily", "active": true})).await;
    let also = json!([{"id": first["id"], "name": "the <first>", "schedule": first["schedule"], "active": false}]);
    assert_eq!(second["also"], also);
    assert!(web.get(&path).await.value().get("also").is_none());
    assert_eq!(web.items("/api/endpoints").await.len(), 3);

    let notice = "This URL exists already.";
    let link = format!("href=\"/endpoints/{}\"", first["id"].as_str().unwrap());
    let preview = web.form("/endpoints/preview", &[("url", url)]).await;
    assert_eq!((preview.status, preview.header("content-type")), (200, "text/html; charset=utf-8"));
    for part in [notice, &*link, "the &lt;first&gt;", "every 5m, switched off", "cron @daily (UTC)"] {
        assert!(preview.text.contains(part), "{part} in {}", preview.text);
    }
    let failed = web.form("/endpoints/new", &[("url", url), ("every", "soon")]).await;
    assert!(failed.status == 422 && failed.text.contains(notice) && failed.text.contains(&link), "{}", failed.text);
    // Whoever edits one of them hears of the other only.
    let edit = web.get(&format!("/endpoints/{}/edit", second["id"].as_str().unwrap())).await;
    assert!(edit.text.contains(&link) && !edit.text.contains("cron @daily (UTC)"), "{}", edit.text);
    for other in ["http://127.0.0.1:9/a", "http://127.0.0.1:9/a?b=<c>d", "nonsense", ""] {
        let preview = web.form("/endpoints/preview", &[("url", other), ("every", "5m")]).await;
        assert!(preview.status == 200 && !preview.text.contains(notice), "{other}: {}", preview.text);
    }
    web.delete(&format!("/api/endpoints/{}", first["id"].as_str().unwrap())).await;
    assert!(!web.get(&format!("/endpoints/{}/edit", second["id"].as_str().unwrap())).await.text.contains(notice));
}

async fn a_pause_ends_by_itself_or_by_a_button(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let (path, added) = web.add(json!({"url": target.url("/"), "every": "1s", "active": true})).await;
    let page = format!("/endpoints/{}", added["id"].as_str().unwrap());
    let now: Time = added["created_at"].as_str().unwrap().parse().unwrap();
    let until = now + Duration::from_secs(4);
    let pause = json!({"until": until, "note": "the <target> moves"});
    let paused = web.patch(&path, &json!({"pause": pause})).await.value();
    assert_eq!(paused["schedule"]["pause"], pause);
    let first = times(&paused["upcoming"])[0];
    assert!(first >= until && first < until + Duration::from_secs(1), "{paused}");
    let shown = web.get(&page).await.text;
    assert!(shown.contains("Paused until ") && shown.contains("the &lt;target&gt; moves"), "{shown}");
    // It ends by itself. What was claimed when it began, for its time or a moment ahead of it, may still be called.
    let due = |run: &Value| run["due"].as_str().unwrap().parse::<Time>().unwrap();
    let runs = async || web.items(&format!("{path}/runs")).await;
    let called_from = async |from: Time| {
        eventually(SOON, "a call", async || runs().await.iter().any(|run| due(run) >= from).then_some(())).await;
    };
    called_from(until).await;
    let began: Time = paused["updated_at"].as_str().unwrap().parse().unwrap();
    assert!(runs().await.iter().all(|run| due(run) >= until || due(run) <= began + Duration::from_secs(1)), "{paused}");
    assert!(!web.get(&page).await.text.contains("Paused until "));

    let halted = web.patch(&path, &json!({"pause": {"until": null}})).await.value();
    assert_eq!((&halted["active"], &halted["due"], &halted["upcoming"]), (&json!(true), &Value::Null, &json!([])));
    let shown = web.get(&page).await.text;
    for part in ["Paused until somebody resumes it.", "the &lt;target&gt; moves", "none, it is paused"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    // The form shows it, and leaves it as it is.
    let form = web.get(&format!("{page}/edit")).await.text;
    assert!(form.contains("value=\"the &lt;target&gt; moves\""), "{form}");
    let resumed = web.form(&format!("{page}/resume"), &[]).await;
    resumed.leads_to(&page);
    let resumed = web.get(&path).await.value();
    assert_eq!(resumed["schedule"].get("pause"), None);
    let at: Time = resumed["updated_at"].as_str().unwrap().parse().unwrap();
    called_from(at).await;
}

async fn missed_calls_are_made_or_skipped_as_was_said(start: Start) {
    let (target, other) = (Target::start().await, Target::start().await);
    let web = Web::start(start).await;
    let add = async |path: &str, fields: Value| {
        let mut endpoint = json!({"url": target.url(path), "every": "1s", "active": true});
        endpoint.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        web.add(endpoint).await
    };
    let (all, added) = add("/all", json!({"catch_up": "all"})).await;
    assert_eq!((&added["catch_up"], &added["late"]), (&json!("all"), &Value::Null));
    let (two, _) = add("/two", json!({"catch_up": 2})).await;
    let (latest, added) = add("/latest", json!({})).await;
    assert_eq!(added["catch_up"], "latest");
    let (late, added) = add("/late", json!({"late": "1s", "catch_up": "all"})).await;
    assert_eq!(added["late"], "1s");
    for path in [&all, &two, &latest, &late] {
        web.runs(path, 1).await;
    }
    // Nothing of theirs is called for some seconds, which the other one counts.
    let pool = target.url("").replacen("://", "/", 1);
    let switch = async |active: bool| {
        let changed = web.patch(&format!("/api/pools/{pool}"), &json!({"active": active})).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        changed.value()
    };
    switch(false).await;
    web.add(json!({"url": other.url("/"), "every": "1s", "active": true})).await;
    // A worker learns of the switch within a second, and one call may be made until then; so of at least six occurrences
    // the one that is due and the last two leave two to be skipped.
    other.wait_for(SOON, "seconds pass", |calls| calls.len() >= 8).await;
    let back: Time = switch(true).await["updated_at"].as_str().unwrap().parse().unwrap();
    let dues = async |path: &str| -> Vec<i64> {
        let mut runs = web.items(&format!("{path}/runs")).await;
        runs.reverse();
        runs.iter().map(|run| run["due"].as_str().unwrap().parse::<Time>().unwrap().millis()).collect()
    };
    let caught_up = async |path: &str| {
        let ahead = (back + Duration::from_secs(1)).millis();
        eventually(SOON, "it is called on time again", async || {
            let dues = dues(path).await;
            dues.last().is_some_and(|due| *due > ahead).then_some(dues)
        })
        .await
    };
    let counted = async |path: &str, what: &str| web.get(path).await.value()["counters"][what].as_u64().unwrap();
    let missed = async |path: &str| counted(path, "missed").await;
    // Each with its own time, oldest first, and each once.
    let called = caught_up(&all).await;
    assert!(called.windows(2).all(|pair| pair[1] - pair[0] == 1_000), "{called:?}");
    assert_eq!(missed(&all).await, 0);
    // The one that was due and the last two, or one for all of them.
    let longest = |dues: &[i64]| dues.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap() / 1_000;
    let [two_dues, latest_dues, late_dues] = [caught_up(&two).await, caught_up(&latest).await, caught_up(&late).await];
    for (path, dues) in [(&two, two_dues), (&latest, latest_dues), (&late, late_dues)] {
        assert!(longest(&dues) >= 3, "{path}: {dues:?}");
        assert!(missed(path).await >= 2, "{path}: {dues:?}");
    }
    // Those that the endpoint's own rule skipped are told apart.
    assert_eq!((counted(&two, "late").await, counted(&latest, "late").await), (0, 0));
    assert!(counted(&late, "late").await >= 2);
    let shown = async |path: &str| web.get(&path.replacen("/api", "", 1)).await.text;
    assert!(shown(&all).await.contains("all calls missed"));
    assert!(shown(&late).await.contains("of them too late") && !shown(&latest).await.contains("too late"));
}

/// The moments that a page shows.
fn moments(page: &str) -> Vec<String> {
    let preview = page.split("id=\"preview\"").nth(1).unwrap();
    let times = preview.split("<time datetime=\"").skip(1);
    times.map(|rest| rest.split('"').next().unwrap().to_owned()).take(5).collect()
}

#[tokio::test]
async fn what_the_form_shows_is_what_comes() {
    let file = File::fresh();
    let web = Web::start(Naptime::up(&file)).await;
    let blank = web.get("/endpoints/new").await.text;
    let id = blank.split("name=\"id\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert!(moments(&blank).is_empty());
    let typed = [
        vec![("timing", "every"), ("every", "6h"), ("jitter", "1h")],
        vec![("timing", "every"), ("every", "6h"), ("align", "true")],
        vec![("timing", "random"), ("random", "6h"), ("days", "mon"), ("days", "thu"), ("tz", "Asia/Tokyo")],
        vec![("timing", "cron"), ("cron", "15 4 * * *"), ("tz", "Asia/Tokyo")],
    ];
    for (n, timing) in typed.into_iter().enumerate() {
        // The first of them has the id that the form chose.
        let mut form = vec![("url", "http://127.0.0.1:9/"), ("active", "true"), ("id", &*id)];
        form.extend(timing);
        let part = web.form("/endpoints/preview", &form).await;
        assert_eq!(part.status, 200);
        assert!(part.text.starts_with("<div id=\"preview\""), "{}", part.text);
        assert_eq!(moments(&part.text).len(), 5, "{}", part.text);
        // Without a script, a button shows the same.
        let page = web.form("/endpoints/new", &[&form[..], &[("preview", "true")]].concat()).await;
        assert_eq!(page.status, 200);
        assert_eq!(moments(&page.text), moments(&part.text));
        for (name, value) in &form {
            assert!(page.text.contains(&format!("value=\"{value}\"")), "{name} is kept: {}", page.text);
        }
        assert_eq!(web.items("/api/endpoints").await.len(), n, "nothing is added by looking");

        let added = web.form("/endpoints/new", &form).await;
        assert_eq!(added.status, 303, "{}", added.text);
        let path = format!("/api{}", added.header("location"));
        if n == 0 {
            // Sent twice, it is there once.
            web.form("/endpoints/new", &form).await.leads_to(added.header("location"));
        }
        assert_eq!(web.items("/api/endpoints").await.len(), n + 1);
        let upcoming = web.get(&path).await.value()["upcoming"].clone();
        let endpoint = web.get(&path).await.value()["id"].as_str().unwrap().to_owned();
        if n == 0 {
            assert_eq!(endpoint, id);
            assert_eq!(upcoming, json!(moments(&part.text)));
        } else {
            assert_ne!(endpoint, id, "what the form added before stays as it is");
        }
        // An edit begins with what is.
        let edit = web.get(&format!("/endpoints/{endpoint}/edit")).await;
        assert_eq!(json!(moments(&edit.text)), upcoming);
        web.patch(&path, &json!({"active": false})).await;
    }
    let tokyo =
        web.form("/endpoints/preview", &[("timing", "cron"), ("cron", "15 4 * * *"), ("tz", "Asia/Tokyo")]).await;
    assert!(tokyo.text.contains(" 04:15:00 JST</time>") && tokyo.text.contains("T19:15:00.000Z\""), "{}", tokyo.text);
    let est = [("timing", "cron"), ("cron", "15 4 * * *"), ("tz", "est")];
    assert!(web.form("/endpoints/preview", &est).await.text.contains("EST has no summer time"));
    let faulty = web.form("/endpoints/preview", &[("timing", "cron"), ("cron", "61 * * * *"), ("tz", "Mars")]).await;
    assert!(faulty.text.contains("is not a known time zone") && faulty.text.contains("minute 61: from 0 to 59"));
    assert!(moments(&faulty.text).is_empty());
}

#[tokio::test]
async fn the_preview_is_guarded_as_every_form_is() {
    let file = File::fresh();
    let web = Web::start(Naptime::up(&file).env("NAPTIME_PASSWORD", "open sesame, please")).await;
    web.form("/endpoints/preview", &[("every", "5m")]).await.leads_to("/login");
    let open = File::fresh();
    let web = Web::start(Naptime::up(&open)).await;
    let foreign = web.request(reqwest::Method::POST, "/endpoints/preview").header("origin", "https://evil.example");
    assert_eq!(super::web::send(foreign).await.status, 403);
    assert_eq!(web.get("/endpoints/preview").await.status, 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_of_each_kind_are_added_by_command() {
    let file = File::fresh();
    let up = Naptime::up(&file).start().await;
    let add = async |args: &[&str]| {
        let process = up.ask("add").arg("http://127.0.0.1:9/").args(args).launch();
        (process.wait_exit(Duration::from_secs(30)).await.code(), process.output())
    };
    let check = async |args: &[&str], words: &str| {
        let (code, output) = add(args).await;
        assert!(code == Some(0) && output.contains(words), "{args:?}: {output}");
    };
    check(&["--every", "5m", "--jitter", "30s", "--sla", "6m"], "every 5m, within 30s").await;
    check(&["--every", "5m", "--align"], "every 5m, on round times").await;
    check(&["--cron", "0 9 * * MON-FRI", "--tz", "Europe/Berlin"], "cron 0 9 * * MON-FRI (Europe/Berlin)").await;
    let hours = ["--sla", "15m", "--sla-within", "9-17", "--sla-days", "mon-fri"];
    check(&[&["--cron", "*/15 9-16 * * 1-5"], &hours[..]].concat(), "cron */15 9-16 * * 1-5 (UTC)").await;
    let random = ["--random", "1h", "--window", "09:00-17:00", "--days", "mon-fri", "--tz", "Europe/Berlin"];
    check(&random, "at random once in each 1h, 09:00-17:00, Mon-Fri (Europe/Berlin)").await;
    let refused = async |args: &[&str], named: &[&str]| {
        let (code, output) = add(args).await;
        assert_eq!(code, Some(64), "{args:?}: {output}");
        for argument in named {
            assert!(output.contains(&format!("\n  {argument}: ")), "{args:?}: {argument} in {output}");
        }
    };
    refused(&[], &["--every"]).await;
    refused(&["--every", "5m", "--cron", "@daily", "--window", "9-5"], &["--cron", "--window"]).await;
    refused(&["--cron", "0 0 31 2 *", "--tz", "Mars", "--sla", "0"], &["--cron", "--tz", "--sla"]).await;
    refused(&["--random", "often", "--window", "17:00-17:00", "--days", "x"], &["--random", "--window", "--days"])
        .await;
    refused(&["--every", "5m", "--jitter", "5m"], &["--jitter"]).await;
    let hours = ["--sla-within", "9-5", "--sla-days", "x", "--sla-tz", "Mars"];
    refused(&[&["--every", "5m"], &hours[..]].concat(), &["--sla", "--sla-within", "--sla-days", "--sla-tz"]).await;
    refused(&["--cron", "@daily", "--align"], &["--align"]).await;
}
