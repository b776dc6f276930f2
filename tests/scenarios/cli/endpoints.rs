//! An endpoint from its addition to its restoration, by commands alone.

use naptime_tests::naptime::{Naptime, Start};
use naptime_tests::sqlite::File;
use naptime_tests::target::Target;
use serde_json::json;

use super::naptime;
use crate::scenarios::web::{SOON, Web, on_both_stores};

on_both_stores!(what_is_added_is_called, an_endpoint_goes_its_way, lists_are_for_people_and_programs);

async fn what_is_added_is_called(start: Start) {
    let (web, target) = (Web::start(start).await, Target::start().await);
    let url = target.url("/on");
    let on = ["add", &url, "--every", "1s", "--activate", "--method", "post", "--body", "hello"];
    let added = naptime(&web, &[&on[..], &["--header", "X-A: b", "--header", "X-C: d"]].concat()).await;
    added.says(0, &["added http://127.0.0.1", "every 1s", "next call 2"]);
    naptime(&web, &["add", &target.url("/off"), "--every", "1s"]).await.says(0, &["switched off"]);

    target.wait_for(SOON, "the server calls what was added", |calls| calls.len() >= 2).await;
    let call = &target.calls("/on")[0];
    assert_eq!((&*call.method, &call.body[..]), ("POST", &b"hello"[..]));
    assert_eq!((call.header("X-A"), call.header("X-C")), (Some("b"), Some("d")));
    assert_eq!(target.calls("/off").len(), 0);
}

async fn an_endpoint_goes_its_way(start: Start) {
    let web = Web::start(start).await;
    let add = ["add", "http://127.0.0.1:9/", "--every", "1d", "--name", "report", "--json"];
    let added = naptime(&web, &add).await.json().remove(0);
    let id = added["id"].as_str().unwrap();
    let path = format!("/api/endpoints/{id}");
    let field = async |name: &str| web.get(&path).await.value()[name].clone();

    naptime(&web, &["on", "report"]).await.says(0, &["switched on report (http://127.0.0.1:9/): next call 2"]);
    assert_eq!(field("active").await, json!(true));
    naptime(&web, &["pause", "report"]).await.says(64, &["\n  --until: ", "--note"]);
    naptime(&web, &["pause", "report", "--for", "never"]).await.says(64, &["\n  --for: "]);
    naptime(&web, &["pause", "report", "--for", "2h", "--note", "it moves"]).await.says(0, &["paused report"]);
    assert_eq!(field("schedule").await["pause"]["note"], "it moves");
    assert_eq!(naptime(&web, &["list"]).await.rows()[0][1], "paused");
    naptime(&web, &["resume", "report"]).await.says(0, &["resumed report"]);
    assert_eq!(field("schedule").await["pause"], json!(null));

    let edit = ["edit", "report", "--every", "2d", "--sla", "3d", "--tag", "night", "--tag", "paper"];
    naptime(&web, &edit).await.says(0, &["changed report", "every 2d"]);
    assert_eq!((field("sla").await, field("tags").await), (json!("3d"), json!(["night", "paper"])));
    naptime(&web, &edit).await.says(0, &["nothing has changed"]);
    naptime(&web, &["edit", "report", "--unset", "sla"]).await.says(0, &["changed report"]);
    assert_eq!((field("sla").await, field("schedule").await["every"].clone()), (json!(null), json!("2d")));
    naptime(&web, &["edit", "report"]).await.says(64, &["nothing to change"]);
    naptime(&web, &["edit", "report", "--unset", "colour,sla"]).await.says(64, &["\n  --unset: `colour` is not"]);
    naptime(&web, &["edit", "report", "--sla", "1d", "--unset", "sla"]).await.says(64, &["\n  --unset: `sla` is both"]);
    naptime(&web, &["edit", "report", "--every", "5M", "--timeout", "x"])
        .await
        .says(64, &["\n  --every: `5M` could be minutes or months", "\n  --timeout: "]);

    naptime(&web, &["off", "report"]).await.says(0, &["switched off report"]);
    assert_eq!(field("active").await, json!(false));
    let shown = naptime(&web, &["show", &id[..13], "--json"]).await.json();
    assert_eq!(shown, [web.get(&path).await.value()]);
    naptime(&web, &["show", "report"])
        .await
        .says(0, &["url\thttp://127.0.0.1:9/", "schedule\tevery 2d", "tags\tnight, paper"]);

    naptime(&web, &["delete", "report"]).await.says(0, &[&format!("naptime restore {id}")]);
    assert_eq!(naptime(&web, &["list"]).await.rows().len(), 0);
    assert_eq!(naptime(&web, &["list", "--deleted"]).await.rows()[0][1], "deleted");
    naptime(&web, &["on", "report"]).await.says(1, &["no endpoint has the id, name, key or URL `report`"]);
    naptime(&web, &["restore", "report"]).await.says(0, &["restored report"]);
    naptime(&web, &["restore", "report"]).await.says(1, &["no deleted endpoint has"]);
    assert_eq!(naptime(&web, &["list", "--off", "--quiet"]).await.stdout, format!("{id}\n"));
}

async fn lists_are_for_people_and_programs(start: Start) {
    let web = Web::start(start).await;
    let night = [
        "add",
        "http://127.0.0.1:9/a",
        "--every",
        "1d",
        "--name",
        "one",
        "--key",
        "first",
        "--tag",
        "night",
        "--quiet",
    ];
    let id = naptime(&web, &night).await.stdout.trim().to_owned();
    naptime(&web, &["add", "http://127.0.0.1:9/b", "--every", "1d", "--activate"]).await.says(0, &[]);

    let rows = naptime(&web, &["list", "night"]).await;
    let row = ["&", "off", "", "not called yet", "", "", "", "every 1d", "GET", "http://127.0.0.1:9/a", "one", "first"];
    assert_eq!(rows.rows(), [row.map(|text| if text == "&" { &*id } else { text })]);
    assert_eq!(naptime(&web, &["list", "--tag", "night"]).await.stdout, rows.stdout);
    assert_eq!(naptime(&web, &["list", "--pool", "http://127.0.0.1:9"]).await.rows().len(), 2);
    assert_eq!(naptime(&web, &["list", "--on"]).await.rows().len(), 1);
    assert_eq!(naptime(&web, &["list", "--json"]).await.json(), web.items("/api/endpoints").await, "the API's own");
    assert_eq!(naptime(&web, &["list", "--state", "failing"]).await.rows().len(), 0);
    assert_eq!(naptime(&web, &["list", "--outcome", "bad", "--sort", "-success"]).await.rows().len(), 0);
    naptime(&web, &["list", "--outcome", "ok"]).await.says(64, &["\n  --outcome: "]);
    naptime(&web, &["list", "--state", "tired"]).await.says(64, &["\n  --state: "]);
    naptime(&web, &["list", "--every", "1s"]).await.says(64, &["--every"]);
    assert_eq!(naptime(&web, &["list", "--sort", "-url", "--quiet"]).await.stdout.lines().nth(1), Some(&*id));
    naptime(&web, &["list", "--sort", "weight"]).await.says(64, &["\n  --sort: `--sort` is one of"]);

    // The key is what it is known by from elsewhere.
    let again = ["add", "http://127.0.0.1:9/other", "--every", "1d", "--key", "first"];
    naptime(&web, &again).await.says(0, &["nothing was added: one (http://127.0.0.1:9/a) has this key already", &id]);
    naptime(&web, &["edit", "first", "--key", "second"]).await.says(0, &["changed one"]);
    naptime(&web, &["show", "second"]).await.says(0, &["key\tsecond\n"]);
    assert_eq!(naptime(&web, &again).await.code, Some(0));
    assert_eq!(naptime(&web, &["list"]).await.rows().len(), 3);
}

#[tokio::test]
async fn all_wrong_arguments_are_named_at_once() {
    let file = File::fresh();
    let web = Web::start(Naptime::up(&file)).await;
    let long = "x".repeat(5_000);
    let wrong = ["add", "ftp://example.com/", "--every", "0", "--method", "FETCH", "--header", "Connection: x"];
    let ended = naptime(&web, &[&wrong[..], &["--timeout", "2h", "--tag", "", "--name", &long]].concat()).await;
    assert_eq!(ended.code, Some(64), "{ended:?}");
    for argument in ["URL", "--every", "--method", "--header", "--timeout", "--tag", "--name"] {
        assert_eq!(ended.errors.matches(&format!("\n  {argument}: ")).count(), 1, "{argument}: {ended:?}");
    }
    naptime(&web, &["add"]).await.says(64, &["<URL>"]);
    for pasted in ["curl -X POST http://127.0.0.1:9/", "*/5 * * * * curl -s http://127.0.0.1:9/"] {
        naptime(&web, &["add", pasted]).await.says(64, &["\n  URL: ", "naptime import -"]);
    }
    naptime(&web, &["add", "http://127.0.0.1/"]).await.says(64, &["\n  --every: "]);
    assert_eq!(web.items("/api/endpoints").await.len(), 0);
}
