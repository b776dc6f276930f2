//! A machine without file descriptors: fewer calls at a time, none that fails for it.

use std::collections::HashSet;
use std::process::Command;
use std::time::Duration;

use naptime_core::{Endpoint, JobId, NewJob, Schedule, Spec, Time};
use naptime_sqlite::{Options, SqliteStore};
use naptime_store::Jobs;
use naptime_tests::naptime::Start;
use naptime_tests::sqlite::File;
use naptime_tests::target::{Answer, Target};
use naptime_tests::{Naptime, eventually, mongo};
use serde_json::Value;
use uuid::Uuid;

use super::ground::open;
use super::web::{SOON, Web};

const JOBS: usize = 1_500;
/// More at once than there is room for where it is little.
const SOME: usize = 200;
const SAYS_SO: &str = "calls cannot be made from here: no file descriptors are left";
const IS_OVER: &str = "calls can be made from here again";

/// A target that takes a second to answer to `/0`, `/1`, ...
async fn slow_target(paths: usize) -> Target {
    let target = Target::start().await;
    for n in 0..paths {
        target.on(&format!("/{n}"), Answer::ok().after(Duration::from_secs(1)));
    }
    target
}

/// Adds jobs that call `/0`, `/1`, ... once, at once.
async fn add(store: &impl Jobs, target: &Target, count: usize) {
    let at = Time::from_millis(0);
    let job = |n: usize| {
        let url = Endpoint::parse(&target.url(&format!("/{n}"))).unwrap();
        NewJob { id: JobId::from(Uuid::now_v7()), spec: Spec::new(url, Schedule::Once { at }), active: true }
    };
    store.insert((0..count).map(job).collect()).await.unwrap();
}

fn beside(file: &File) -> SqliteStore {
    SqliteStore::open(file.path(), Options::default()).unwrap()
}

/// Waits until there are `count` jobs of a state on the pages.
async fn all_are(web: &Web, state: &str, count: usize) -> Vec<Value> {
    eventually(2 * SOON, &format!("{count} jobs are {state}"), async || {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = web.get(&format!("/api/jobs?state={state}&limit=500{cursor}")).await.value();
            all.extend(page["items"].as_array().unwrap().clone());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        Some(all).filter(|all| all.len() == count)
    })
    .await
}

/// Each call was another occurrence, and no job was called twice.
fn assert_called_once(target: &Target, done: &[Value]) {
    let keys: HashSet<String> =
        target.all_calls().iter().map(|call| call.header("Idempotency-Key").unwrap().to_owned()).collect();
    assert_eq!((target.count(), keys.len()), (done.len(), done.len()));
}

/// Sets the limit of a running process; the hard one stays.
fn limit(pid: u32, descriptors: u64) {
    let status = Command::new("prlimit").args([format!("--pid={pid}"), format!("--nofile={descriptors}:")]).status();
    assert!(status.unwrap().success());
}

/// The least limit that lets a process keep what it has open, with little room for more: its store may need some.
fn little_room(pid: u32) -> u64 {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let open: HashSet<u64> = open.map(|file| file.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect();
    (0..).filter(|number| !open.contains(number)).nth(8).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn more_slots_than_descriptors_lose_no_job() {
    let target = slow_target(JOBS).await;
    let file = File::fresh();
    let start = Naptime::up(&file).env("WORKER_MAX_CAPACITY", JOBS.to_string());
    let web = Web::start(start.under(&["prlimit", "--nofile=256:1024"])).await;
    let lowered = web.naptime.wait_line(SOON, "the warning", |line| line.contains("is lowered to")).await;
    let numbers = "WORKER_MAX_CAPACITY is 1500 and is lowered to 224, as this process may have 1024 file descriptors";
    assert!(lowered.contains(numbers) && lowered.contains("Raise the hard limit to 3576"), "{lowered}");
    add(&beside(&file), &target, JOBS).await;
    target.wait_for(4 * SOON, "all are called", |calls| calls.len() >= JOBS).await;
    let done = all_are(&web, "done", JOBS).await;
    assert_called_once(&target, &done);
    assert!(!web.naptime.output().contains(SAYS_SO), "there were enough for the capacity that was left");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_for_a_single_call_are_refused() {
    let naptime = Naptime::up(&File::fresh()).under(&["prlimit", "--nofile=64:64"]).launch();
    assert_eq!(naptime.wait_exit(SOON).await.code(), Some(64));
    let said = naptime.output();
    assert!(said.contains("WORKER_MAX_CAPACITY") && said.contains("may have 64 file descriptors"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_called_for_want_of_them_is_called_later() {
    let target = slow_target(SOME).await;
    let file = File::fresh();
    let web = Web::start(start(Naptime::up(&file))).await;
    let pid = web.naptime.pid();
    limit(pid, little_room(pid));
    add(&beside(&file), &target, SOME).await;
    web.naptime.wait_line(SOON, SAYS_SO, |line| line.contains(SAYS_SO)).await;
    limit(pid, 1024);
    target.wait_for(2 * SOON, "all are called", |calls| calls.len() >= SOME).await;
    let done = all_are(&web, "done", SOME).await;
    assert_called_once(&target, &done);
    web.naptime.wait_line(2 * SOON, IS_OVER, |line| line.contains(IS_OVER)).await;
    let said = web.naptime.lines().iter().filter(|line| line.text.contains(SAYS_SO)).count();
    assert_eq!(said, 1, "{}", web.naptime.output());
}

fn start(start: Start) -> Start {
    start.env("WORKER_MAX_CAPACITY", "100")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_descriptors_is_shown_as_troubled() {
    let database = mongo::fresh_database().await;
    let target = slow_target(SOME).await;
    let web = Web::start(Naptime::web(&database).env("WEB_WORKER_MAX_CAPACITY", "0")).await;
    let worker = start(Naptime::worker(&database)).start().await;
    let only = async || web.items("/api/workers").await.into_iter().find(|it| it["alive"] == true);
    let shown = eventually(SOON, "the worker is there", async || only().await).await;
    assert_eq!(shown["trouble"], Value::Null);
    limit(worker.pid(), little_room(worker.pid()));
    add(&open(&database).await, &target, SOME).await;
    let trouble =
        eventually(SOON, "the worker says so", async || only().await?["trouble"].as_str().map(str::to_owned)).await;
    assert!(trouble.starts_with("no file descriptors are left: at most "), "{trouble}");
    let page = web.get("/").await.text;
    assert!(page.contains("no file descriptors are left: at most "), "{page}");
    assert!(web.items("/api/jobs?state=failed").await.is_empty());
    limit(worker.pid(), 1024);
    let done = all_are(&web, "done", SOME).await;
    assert_called_once(&target, &done);
    eventually(2 * SOON, "it is over", async || only().await?["trouble"].is_null().then_some(())).await;
}
