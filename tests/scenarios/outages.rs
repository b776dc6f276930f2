//! The database goes away and comes back; its primary dies.

use std::time::{Duration, Instant};

use naptime_store::Jobs;
use naptime_tests::eventually;
use naptime_tests::mongo::ReplicaSet;
use naptime_tests::naptime::Naptime;
use naptime_tests::target::{Answer, Call, Signal, Target};

use super::ground::{every, open};

const SECOND: Duration = Duration::from_secs(1);

/// The memory that a process holds, in KiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_outlasts_its_database() {
    let mongo = ReplicaSet::start(1).await;
    let database = mongo.fresh_database();
    let target = Target::start().await;
    let store = open(&database).await;
    let jobs = (0..50).map(|n| every(SECOND, &target.url(&format!("/{n}")))).collect();
    store.insert(jobs).await.unwrap();
    let worker = Naptime::worker(&database).start().await;
    target.wait_for(30 * SECOND, "all are called", |calls| by_path(calls) == 50).await;

    let before = resident(worker.pid());
    mongo.kill(0);
    worker.wait_line(30 * SECOND, "it says that the store is away", |line| line.contains("does not answer")).await;
    // Long enough for any growth to show, and for leases to end.
    tokio::time::sleep(17 * SECOND).await;
    let grown = resident(worker.pid()).saturating_sub(before);
    assert!(grown < 16 * 1024, "{grown} KiB more while the database was away");

    mongo.restart(0).await;
    target.forget();
    worker.wait_line(30 * SECOND, "it says that the store is back", |line| line.contains("answers again")).await;
    target.wait_for(30 * SECOND, "all are called again", |calls| by_path(calls) == 50).await;
    let said = |what: &str| worker.lines().iter().filter(|line| line.text.contains(what)).count();
    // Once for each time, of which there may be more on a busy machine.
    assert_eq!(said("does not answer"), said("answers again"), "{}", worker.output());
    assert!(said("does not answer") <= 3, "{}", worker.output());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_ends_in_time_though_its_database_is_away() {
    let mongo = ReplicaSet::start(1).await;
    let database = mongo.fresh_database();
    let target = Target::start().await;
    let away = Signal::default();
    target.on("/", Answer::ok().upon(&away));
    let store = open(&database).await;
    store.insert(vec![every(SECOND, &target.url("/"))]).await.unwrap();
    let worker = Naptime::worker(&database).start().await;
    target.wait_for(30 * SECOND, "it is being called", |calls| !calls.is_empty()).await;
    mongo.kill(0);
    away.send();
    target.wait_for(30 * SECOND, "the call has ended", |calls| calls[0].end.is_some()).await;
    worker.sigterm();
    let asked = Instant::now();
    assert!(worker.wait_exit(60 * SECOND).await.success());
    assert!(asked.elapsed() < 30 * SECOND, "it took {:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_resume_after_the_primary_dies() {
    let mongo = ReplicaSet::start(3).await;
    let database = mongo.fresh_database();
    let target = Target::start().await;
    let store = open(&database).await;
    let jobs = (0..50).map(|n| every(SECOND, &target.url(&format!("/{n}")))).collect();
    store.insert(jobs).await.unwrap();
    let _workers = [Naptime::worker(&database).start().await, Naptime::worker(&database).start().await];
    target.wait_for(30 * SECOND, "all are called", |calls| by_path(calls) == 50).await;

    let dead = mongo.kill_primary().await;
    eventually(60 * SECOND, "a new primary", async || (mongo.primary().await != dead).then_some(())).await;
    let elected = Instant::now();
    target
        // Workers find the new primary by themselves.
        .wait_for(30 * SECOND, "all are called again", |calls| {
            let since: Vec<Call> = calls.iter().filter(|call| call.start > elected).cloned().collect();
            by_path(&since) == 50
        })
        .await;
    let calls = target.all_calls();
    for (n, call) in calls.iter().enumerate() {
        let overlapping = calls[n + 1..].iter().find(|other| other.uri == call.uri && call.overlaps(other));
        assert!(overlapping.is_none(), "{call:?} and {overlapping:?}");
    }
}

fn by_path(calls: &[Call]) -> usize {
    calls.iter().map(Call::path).collect::<std::collections::HashSet<_>>().len()
}
