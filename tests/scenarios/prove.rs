//! `naptime prove`: its short form, which would show a lost, early, repeated or overlapping call of this build; that it
//! leaves nothing behind, however it ends; and bad input.

use std::fs;
use std::time::Duration;

use mongodb::bson::doc;
use naptime_tests::mongo::{Database, ReplicaSet};
use naptime_tests::naptime::{Naptime, Start};
use naptime_tests::scratch::Scratch;
use naptime_tests::sqlite::File;
use naptime_tests::{eventually, mongo, port};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(30);
/// For a run of some legs, on a busy machine.
const RUN: Duration = Duration::from_secs(240);

fn prove(database: &Database, args: &[&str]) -> Start {
    Naptime::command(database, "prove").args(args)
}

/// Runs it, and returns its exit code with all that it wrote.
async fn ended(start: Start) -> (i32, String) {
    let prove = start.launch();
    let status = prove.wait_exit(RUN).await;
    (status.code().unwrap(), prove.output())
}

/// Runs it to a good end, and returns its report.
async fn holds(start: Start) -> Value {
    let folder = Scratch::new();
    let json = folder.path().join("report.json");
    let (code, output) = ended(start.arg("--json").arg(json.to_str().unwrap())).await;
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("Holds: "), "{output}");
    serde_json::from_slice(&fs::read(json).unwrap()).unwrap()
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// What a leg must show for jobs that are all called.
fn assert_sound(leg: &Value, jobs: i64) {
    let (verdict, ledger) = (&leg["verdict"], &leg["ledger"]);
    for fault in ["repeated_unexplained", "early", "overlapping", "skipped", "never_called", "unexpected"] {
        assert_eq!(number(&verdict[fault]), 0, "{fault}: {verdict}");
    }
    for fault in ["calls_without_run", "runs_without_call", "repeated_runs", "unaccounted", "held"] {
        assert_eq!(number(&ledger[fault]), 0, "{fault}: {ledger}");
    }
    assert_eq!(number(&ledger["jobs"]), jobs);
    assert!(number(&ledger["runs"]) >= number(&verdict["calls"]), "{leg}");
    let called = number(&verdict["called"]);
    assert!(called > 0 && called <= number(&verdict["owed"]), "{verdict}");
}

/// The databases of a server but its own.
async fn databases(mongo: &ReplicaSet) -> Vec<String> {
    let names = mongo.fresh_database().client().await.list_database_names().await.unwrap();
    names.into_iter().filter(|name| !["admin", "config", "local"].contains(&name.as_str())).collect()
}

/// The processes that this one has started and that run.
fn children(pid: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|child| state(*child).is_some_and(|(state, parent)| state != "Z" && parent == pid)).collect()
}

/// The state of a process, and its parent.
fn state(pid: u32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

async fn all_gone(processes: &[u32]) {
    eventually(SOON, "what it started has ended", async || {
        processes.iter().all(|pid| state(*pid).is_none_or(|(state, _)| state == "Z")).then_some(())
    })
    .await;
}

/// Starts it, and waits until both workers are at work on a database of its own.
async fn under_way(mongo: &ReplicaSet) -> (Naptime, Vec<u32>) {
    let prove = prove(&mongo.fresh_database(), &["--workers", "2", "--for", "5m"]).launch();
    eventually(SOON, "it has made a database", async || {
        databases(mongo).await.iter().any(|name| name.starts_with("naptime_prove_")).then_some(())
    })
    .await;
    // A shell watches over the workers.
    let started =
        eventually(SOON, "its workers", async || Some(children(prove.pid())).filter(|children| children.len() == 3))
            .await;
    (prove, started)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_endpoints_two_workers_and_a_kill() {
    let mongo = ReplicaSet::start(1).await;
    let page = Scratch::new();
    let page = page.path().join("report.html");
    // Calls last, so that overlaps would be seen, and one worker can carry them while the other is dead.
    let args =
        ["--workers", "2", "--kill-every", "16s", "--for", "30s", "--target-delay", "200ms", "--capacity", "300"];
    let start = prove(&mongo.fresh_database(), &args).args(&["--report", page.to_str().unwrap()]);
    let report = holds(start).await;
    assert_eq!(databases(&mongo).await, [""; 0], "its own is dropped, and no other was made");

    let leg = &report["legs"][0];
    assert_sound(leg, 1_000);
    assert_eq!(number(&leg["verdict"]["owed"]), 30_000);
    assert_eq!(leg["disturbances"].as_array().unwrap().len(), 1);
    assert_eq!(leg["disturbances"][0]["kind"], "killed");
    assert!(number(&leg["ledger"]["lost_runs"]) > 0, "the worker that was killed held something");
    assert!(fs::read_to_string(&page).unwrap().contains("<svg"), "the page has charts");
}

#[tokio::test(flavor = "multi_thread")]
async fn skewed_clocks_restarts_slow_targets_and_a_backlog() {
    let database = mongo::fresh_database().await;
    let args = ["--workers", "1,2", "--endpoints", "100", "--every", "2s", "--skew", "1h", "--stop-every", "3s"];
    let more = ["--for", "10s", "--target-delay", "200ms", "--backlog", "500"];
    let report = holds(prove(&database, &args).args(&more)).await;
    let legs = report["legs"].as_array().unwrap();
    let of = |leg: &Value| (number(&leg["workers"]), leg["backlog"].as_i64());
    assert_eq!(legs.iter().map(of).collect::<Vec<_>>(), [(1, None), (2, None), (1, Some(500)), (2, Some(500))]);
    for leg in &legs[..2] {
        assert_sound(leg, 100);
        assert_eq!(leg["disturbances"].as_array().unwrap().len(), 3);
        let verdict = &leg["verdict"];
        assert_eq!(number(&verdict["repeated"]), 0, "{verdict}");
        assert_eq!(number(&verdict["owed"]), 500);
        // Where this machine stood still, a hundred every 2 s were passed over.
        let stood_still = leg["used"]["stalled_ms"].as_f64().unwrap() / 2_000.0;
        let excused = 100 * stood_still.ceil() as i64;
        assert!(number(&verdict["called"]) + excused >= 450, "{verdict}, {excused} excused");
        assert_eq!(number(&leg["ledger"]["lost_runs"]), 0, "who is asked to stop loses nothing");
    }
    for leg in &legs[2..] {
        // The first thousand come before.
        assert_sound(leg, 1_500);
        assert_eq!(leg["verdict"]["owed"], 500);
        assert_eq!(leg["verdict"]["called"], 500);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_an_embedded_file() {
    let args = ["--embedded", "--endpoints", "100", "--kill-every", "4s", "--stop-every", "5s", "--for", "9s"];
    // The file of the environment is left alone.
    let file = File::fresh();
    let report = holds(Naptime::command(&file, "prove").args(&args).args(&["--backlog", "300"])).await;
    assert!(!file.path().exists());
    let leg = &report["legs"][0];
    assert_sound(leg, 100);
    let kinds: Vec<&Value> = leg["disturbances"].as_array().unwrap().iter().map(|it| &it["kind"]).collect();
    assert_eq!(kinds, ["killed", "stopped", "killed"]);
    assert_sound(&report["legs"][1], 1_300);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_told_to_stop_leaves_nothing_behind() {
    let mongo = ReplicaSet::start(1).await;
    for signal in ["INT", "TERM"] {
        let (prove, started) = under_way(&mongo).await;
        prove.signal(signal);
        assert_eq!(prove.wait_exit(SOON).await.code(), Some(130), "{signal}");
        all_gone(&started).await;
        assert_eq!(databases(&mongo).await, [""; 0], "{signal}");
    }
    // Whoever kills it has its database left, but no process.
    let (prove, started) = under_way(&mongo).await;
    prove.kill9();
    all_gone(&started).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_vanishes_ends_it() {
    let mongo = ReplicaSet::start(1).await;
    let (prove, started) = under_way(&mongo).await;
    mongo.kill(0);
    assert_eq!(prove.wait_exit(RUN).await.code(), Some(69));
    all_gone(&started).await;
    let output = prove.output();
    assert!(output.contains("could not be dropped"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_make_a_database_is_told_so() {
    let mongo = ReplicaSet::start_with(1, &["--setParameter", "enableTestCommands=1"]).await;
    // The server's code for what its user may not do.
    let refuse = doc! {"errorCode": 13, "failCommands": ["create"]};
    let refuse = doc! {"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": refuse};
    mongo.fresh_database().client().await.database("admin").run_command(refuse).await.unwrap();
    let (code, output) = ended(prove(&mongo.fresh_database(), &[])).await;
    assert_eq!(code, 69);
    assert!(output.contains("readWriteAnyDatabase"), "{output}");
    assert_eq!(databases(&mongo).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_wrong_is_told_at_once_and_nothing_is_started() {
    let database = mongo::fresh_database().await;
    let folder = Scratch::new();
    let json = folder.path().join("report.json");
    let page = folder.path().join("no/report.html");
    let files = ["--json", json.to_str().unwrap(), "--report", page.to_str().unwrap()];
    let wrong = ["--endpoints", "1000001", "--every", "99ms", "--workers", "0", "--capacity", "much", "--for", "soon"];
    let (code, output) = ended(prove(&database, &wrong).args(&files)).await;
    assert_eq!(code, 64);
    for name in ["--endpoints", "--every", "--workers", "--capacity", "--for", "--report"] {
        assert!(output.contains(&format!("\n  {name}: ")), "{name}: {output}");
    }
    assert!(!json.exists(), "a run that came to nothing leaves no file");

    for (args, name) in [
        (&["--workers", ""][..], "--workers"),
        (&["--endpoints", "0"], "--endpoints"),
        (&["--kill-every", "30s", "--for", "30s"], "--kill-every"),
        (&["--embedded", "--workers", "2"], "--workers"),
        (&["--embedded", "--skew", "1h"], "--skew"),
        (&["--json", folder.path().to_str().unwrap()], "--json"),
    ] {
        let (code, output) = ended(prove(&database, args)).await;
        assert_eq!(code, 64, "{args:?}: {output}");
        assert!(output.contains(&format!("\n  {name}: ")), "{args:?}: {output}");
    }
    let (code, output) = ended(prove(&database, &[]).without("MONGODB_URI")).await;
    assert_eq!(code, 64);
    assert!(output.contains("MONGODB_URI: not set") && output.contains("--embedded"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_nobody_serves_is_told() {
    let database = mongo::fresh_database().await;
    let nobody = format!("mongodb://127.0.0.1:{}/", port::free_port());
    let (code, output) = ended(prove(&database, &[]).env("MONGODB_URI", nobody)).await;
    assert_eq!(code, 69);
    assert!(output.contains("the database cannot be used"), "{output}");
}
