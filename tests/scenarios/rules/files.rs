//! Rules in files: `naptime rules import` and `export`.

use naptime_tests::mongo;
use naptime_tests::naptime::{Naptime, Start};
use naptime_tests::sqlite::File;
use naptime_tests::target::Target;
use serde_json::{Value, json};

use super::link;
use crate::scenarios::web::{SOON, Web};

/// Runs a command that ends.
async fn run(start: Start) -> (Option<i32>, String, String) {
    let process = start.launch();
    let code = process.wait_exit(SOON).await.code();
    (code, process.stdout(), process.output())
}

async fn check_import_and_export(web: &Web) {
    let scratch = naptime_tests::scratch::Scratch::new();
    let path = scratch.path().join("rules.json");
    let target = Target::start().await;
    let with = |name: &str, mut rule: Value| {
        rule["name"] = json!(name);
        rule
    };
    let unlink = json!({"event": "twitter.unlinked", "then": "delete"});
    let import = async |rules: Value| {
        std::fs::write(&path, rules.to_string()).unwrap();
        run(web.naptime.ask("rules").args(&["import", path.to_str().unwrap()])).await
    };
    let good = json!([with("link", link(&target)), with("unlink", unlink.clone())]);
    let (code, stdout, output) = import(good.clone()).await;
    assert_eq!(
        (code, stdout.as_str()),
        (Some(0), "added link, on twitter.linked\nadded unlink, on twitter.unlinked\n"),
        "{output}"
    );
    // Whole or not at all.
    let bad = json!([
        with("third", unlink.clone()),
        with("link", json!({"event": "e", "then": {"upsert": {"url": "{{ data."}}}))
    ]);
    let (code, _, output) = import(bad).await;
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("2.then.upsert.url: ") && output.contains("2.then.upsert.every: "), "{output}");
    assert_eq!(web.items("/api/rules").await.len(), 2);
    let (code, _, output) = run(web.naptime.ask("rules").args(&["import", "/nowhere/rules.json"])).await;
    assert!(code == Some(1) && output.contains("/nowhere/rules.json"), "{output}");

    let (code, exported, _) = run(web.naptime.ask("rules").arg("export")).await;
    assert_eq!(code, Some(0));
    let exported: Value = serde_json::from_str(&exported).unwrap();
    assert_eq!(
        exported[0]["then"]["upsert"]["headers"],
        json!([["Authorization", "••••"]]),
        "credentials stay where they are"
    );
    let (_, stdout, _) = import(exported.clone()).await;
    assert_eq!(stdout, "unchanged link, on twitter.linked\nunchanged unlink, on twitter.unlinked\n");
    let mut changed = exported;
    changed[0]["enabled"] = json!(false);
    assert_eq!(import(changed).await.1, "changed link, on twitter.linked\nunchanged unlink, on twitter.unlinked\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_imported_and_exported_beside_a_file() {
    let file = File::fresh();
    let web = Web::start(Naptime::up(&file)).await;
    check_import_and_export(&web).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_imported_and_exported_on_mongodb() {
    let database = mongo::fresh_database().await;
    let web = Web::start(Naptime::web(&database)).await;
    check_import_and_export(&web).await;
}
