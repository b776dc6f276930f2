//! `naptime import` of what is called elsewhere, by a running server.

use std::fs;

use naptime_tests::naptime::{Naptime, Start};
use naptime_tests::scratch::Scratch;
use naptime_tests::sqlite::File;
use naptime_tests::target::Target;
use serde_json::Value;

use super::web::{SOON, Web};

const CRONTAB: &str = r#"CRON_TZ=Europe/Berlin
# Nightly report
30 2 * * * curl -fsS -m 20 -X POST -H "Authorization: Bearer $REPORT_TOKEN" -d 'kind=all' TARGET/report > /dev/null 2>&1

*/5 * * * * wget -q -O /dev/null -t 1 TARGET/queue
0 5 * * * /usr/local/bin/backup
"#;

/// How a command ended, and what it wrote: to stdout, and to both.
async fn ended(start: Start) -> (Option<i32>, String, String) {
    let process = start.launch();
    let code = process.wait_exit(SOON).await.code();
    (code, process.stdout(), process.output())
}

#[tokio::test]
async fn a_crontab_becomes_endpoints_and_again_changes_nothing() {
    let (file, target, folder) = (File::fresh(), Target::start().await, Scratch::new());
    let web = Web::start(Naptime::up(&file)).await;
    let crontab = folder.path().join("crontab");
    fs::write(&crontab, CRONTAB.replace("TARGET", &target.url(""))).unwrap();
    let crontab = crontab.to_str().unwrap();
    let import = |args: &[&str]| {
        let start = web.naptime.ask("import").arg(crontab).args(args).env("REPORT_TOKEN", "s3cret-report-token");
        ended(start)
    };

    let (code, plan, said) = import(&["--plan"]).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(plan.contains("+ endpoint nightly-report\n") && plan.contains("2 to add, "), "{plan}");
    let report = said.lines().find(|line| line.starts_with("line 3 ")).unwrap();
    let cells: Vec<&str> = report.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
    assert_eq!(cells[..3], ["line 3", "nightly-report", "cron 30 2 * * * (Europe/Berlin)"], "{said}");
    assert!(said.lines().any(|line| line.starts_with("line 5 ") && line.contains(" GET ")), "{said}");
    assert!(said.contains("line 6: 0 5 * * * /usr/local/bin/backup: it runs `backup`"), "{said}");
    let (code, _, said) = import(&[]).await;
    assert!(code == Some(64) && said.contains("--yes: there is nobody to be asked"), "{said}");
    let (code, _, said) = ended(web.naptime.ask("import").args(&[crontab, "--yes"])).await;
    let missing = "endpoints.nightly-report.headers.Authorization: the variable REPORT_TOKEN is not set";
    assert!(code == Some(1) && said.contains(missing), "{said}");
    assert_eq!(web.items("/api/endpoints").await.len(), 0);

    let (code, _, said) = import(&["--yes"]).await;
    assert!(code == Some(0) && said.contains("applied: 2 added, 0 changed, 0 deleted"), "{said}");
    let report = web.get("/api/endpoints/by-key/nightly-report").await.value();
    assert_eq!((&report["name"], &report["active"]), (&"Nightly report".into(), &false.into()));
    assert_eq!((&report["schedule"]["cron"], &report["timeout"]), (&"30 2 * * *".into(), &"20s".into()));
    assert_eq!(report["retry"]["attempts"], 1, "cron tries once");

    let call = web.naptime.ask("call").args(&["nightly-report", "--wait"]);
    assert_eq!(ended(call).await.0, Some(0));
    let calls = target.calls("/report");
    assert_eq!((&*calls[0].method, &calls[0].body[..]), ("POST", &b"kind=all"[..]));
    assert_eq!(calls[0].header("authorization"), Some("Bearer s3cret-report-token"));

    // By a pipe, and without changing anything.
    let piped = format!("cat {crontab} | \"$0\" \"$@\"");
    let pipe = web.naptime.ask("import").args(&["-", "--yes"]).env("REPORT_TOKEN", "s3cret-report-token");
    let (code, _, said) = ended(pipe.under(&["sh", "-c", &piped])).await;
    assert!(code == Some(0) && said.contains("nothing to do: 2 unchanged"), "{said}");
    assert_eq!(web.items("/api/endpoints").await.len(), 2);

    // The report is not in the way of a program that reads the plan.
    let (code, plan, said) = import(&["--activate", "--plan", "--json"]).await;
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert!(code == Some(2) && plan["changes"][1]["fields"][0]["field"] == "active", "{said}");
    let (_, _, said) = import(&["--yes", "--activate", "--project", "shop"]).await;
    assert!(said.contains("applied: 0 added, 2 changed, 0 deleted"), "{said}");
    assert_eq!(web.items("/api/endpoints?project=shop").await.len(), 2);
    assert_eq!(web.items("/api/endpoints?active=true").await.len(), 2);
}

#[tokio::test]
async fn a_file_is_written_in_place_of_applying_it() {
    let folder = Scratch::new();
    let crontab = folder.path().join("crontab");
    fs::write(&crontab, CRONTAB.replace("TARGET", "https://example.com")).unwrap();
    let crontab = crontab.to_str().unwrap();
    // No server is asked.
    let import = |args: &[&str]| ended(Start::asking("http://127.0.0.1:9", "import").arg(crontab).args(args));
    let (code, yaml, said) = import(&["--as", "yaml", "--project", "shop"]).await;
    assert_eq!(code, Some(0), "{said}");
    for line in ["project: shop", "  nightly-report:", "Bearer ${REPORT_TOKEN}", "30 2 * * *"] {
        assert!(yaml.contains(line), "{line}: {yaml}");
    }
    assert!(said.contains("Not taken over:") && !yaml.contains("Not taken over:"), "{said}");
    let (_, json, _) = import(&["--as", "json"]).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["endpoints"]["nightly-report"]["headers"]["Authorization"], "Bearer ${REPORT_TOKEN}");
    let (_, marked, _) = import(&["--as", "crontab"]).await;
    assert_eq!(marked.lines().filter(|line| line.starts_with("# Naptime calls it now, as ")).count(), 2, "{marked}");
    assert!(marked.ends_with("0 5 * * * /usr/local/bin/backup\n"), "{marked}");
}
