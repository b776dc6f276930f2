//! `naptime apply` and `naptime export`, with files as people write them.

use naptime_tests::naptime::Start;
use naptime_tests::scratch::Scratch;
use serde_json::json;

use super::{naptime, run};
use crate::scenarios::web::{Web, on_both_stores};

on_both_stores!(a_file_is_planned_applied_and_exported);

const FILE: &str = "\
project: shop
defaults: &defaults
  timeout: 5s
endpoints:
  checkout:
    <<: *defaults
    url: http://127.0.0.1:9/checkout
    every: 5M
    headers: {Authorization: 'Bearer ${SHOP_TOKEN}'}
    active: true
  report:
    url: http://127.0.0.1:9/report
    cron: 0 9 * * *
";

async fn a_file_is_planned_applied_and_exported(start: Start) {
    let web = Web::start(start).await;
    let folder = Scratch::new();
    let path = folder.path().join("naptime.yaml");
    let file = path.to_str().unwrap();
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    let apply = async |words: &[&str]| {
        run(web.naptime.ask("apply").args(&["-f", file]).args(words).env("SHOP_TOKEN", "hidden")).await
    };

    // All that is wrong is told, with file, line and field; nothing is stored.
    write(FILE);
    let missing = naptime(&web, &["apply", "-f", file, "--plan"]).await;
    missing.says(1, &["naptime.yaml:9: endpoints.checkout.headers.Authorization: the variable SHOP_TOKEN is not set"]);
    let refused = apply(&["--plan"]).await;
    refused.says(
        1,
        &["nothing was applied:\n", "naptime.yaml:2: defaults: ", "naptime.yaml:8: endpoints.checkout.every: `5M`"],
    );
    assert_eq!(web.items("/api/endpoints").await.len(), 0);

    let good = FILE.replace("5M", "5m").replace("defaults: &", "x-defaults: &");
    write(&good);
    let plan = [
        "+ endpoint checkout\n",
        "+ endpoint report\n",
        "2 to add, 0 to change, 0 to delete, 0 unchanged\n",
        "calls a second: ",
    ];
    apply(&["--plan"]).await.says(2, &plan);
    // Nobody can be asked here.
    apply(&[]).await.says(64, &["--yes"]);
    assert_eq!(web.items("/api/endpoints").await.len(), 0);
    apply(&["--yes"]).await.says(0, &["applied: 2 added, 0 changed, 0 deleted\n"]);
    apply(&["--plan"]).await.says(0, &["nothing to do: 2 unchanged\n"]);

    // What somebody changes on the page is drift.
    let id = web.get("/api/endpoints/by-key/report").await.value()["id"].as_str().unwrap().to_owned();
    naptime(&web, &["edit", &id, "--cron", "30 9 * * *"]).await.says(0, &["changed"]);
    let drift = "    cron: 30 9 * * * -> 0 9 * * * (drift: changed since the last apply)\n";
    apply(&["--plan"]).await.says(2, &["~ endpoint report\n", drift]);
    // A file that says by now what was set by hand has nothing to do, and ends the drift.
    write(&good.replace("cron: 0 9", "cron: 30 9"));
    apply(&["--plan"]).await.says(0, &["nothing to do: 2 unchanged\n"]);
    let has_drifted =
        async || web.get(&format!("/endpoints/{id}")).await.text.contains("changed since its file was applied");
    assert!(has_drifted().await);
    apply(&[]).await.says(0, &["nothing to do: 2 unchanged\n"]);
    assert!(!has_drifted().await);
    let less = &good[..good.find("  report").unwrap()];
    write(less);
    apply(&["--yes"]).await.says(0, &["nothing to do: 1 unchanged"]);
    apply(&["--yes", "--prune"]).await.says(0, &["- endpoint report\n", "applied: 0 added, 0 changed, 1 deleted\n"]);

    // What is exported reads the same, and its credentials are named.
    let exported = naptime(&web, &["export"]).await;
    exported.says(
        0,
        &["#   CHECKOUT_AUTHORIZATION: ", "Authorization: \"${CHECKOUT_AUTHORIZATION}\"\n", "to be set before"],
    );
    write(&exported.stdout);
    let again = web.naptime.ask("apply").args(&["-f", file, "--plan"]).env("CHECKOUT_AUTHORIZATION", "Bearer hidden");
    run(again).await.says(0, &["nothing to do: 1 unchanged\n"]);
    let json = folder.path().join("all.json");
    naptime(&web, &["export", "-o", json.to_str().unwrap(), "--project", "shop"]).await.says(0, &[]);
    let document: serde_json::Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!(document["endpoints"]["checkout"]["timeout"], json!("5s"));
    // Both files of a folder say the same of it.
    let twice = web.naptime.ask("apply").args(&["-f", folder.path().to_str().unwrap(), "--plan"]);
    let twice = run(twice.env("CHECKOUT_AUTHORIZATION", "••••")).await;
    twice.says(1, &["naptime.yaml:", "endpoints.checkout: it is there at ", "all.json:"]);
}
