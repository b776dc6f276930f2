//! How fast lists of 100,000 jobs are: `cargo run --release -p naptime-sqlite --example list_speed`.
#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::time::{Duration, Instant};

use naptime_core::{Endpoint, JobId, NewJob, Partition, Request, Retry, Schedule, Spec, Then};
use naptime_sqlite::{Options, SqliteStore};
use naptime_store::{JobQuery, Jobs, PageRef, Queue, Want};
use uuid::Uuid;

const JOBS: usize = 100_000;

fn new_job(n: usize) -> NewJob {
    let id = JobId::from(Uuid::new_v4());
    let spec = Spec {
        endpoint: Endpoint::parse(&format!("https://host-{}.example/report/{n}.json?full=1", n % 100)).expect("a URL"),
        request: Request { body: Some("x".repeat(500)), ..Request::default() },
        schedule: Schedule::every(Duration::from_secs(3600), id),
        retry: Retry::default(),
        sla: None,
        name: format!("Report {n}"),
        tags: vec![format!("team-{}", n % 7), "nightly".to_owned()],
    };
    NewJob { id, spec, active: !n.is_multiple_of(3) }
}

async fn time<T>(what: &str, work: impl AsyncFn() -> T) {
    let mut worst = Duration::ZERO;
    for _ in 0..5 {
        let start = Instant::now();
        work().await;
        worst = worst.max(start.elapsed());
    }
    println!("{what:40} {:8.1} ms at worst of 5", worst.as_secs_f64() * 1000.0);
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options::default();
    let clock = options.clock_offset.clone();
    let store = SqliteStore::open(folder.path().join("naptime.db"), options).expect("a store");
    let start = Instant::now();
    for chunk in 0..JOBS / 1000 {
        store.insert((0..1000).map(|n| new_job(chunk * 1000 + n)).collect()).await.expect("added");
    }
    println!("{JOBS} jobs added in {:.1} s", start.elapsed().as_secs_f64());

    let list = async |query: JobQuery| store.list(&query, &PageRef::first(100)).await.expect("a page");
    let text = |text: &str| Some(text.to_owned());
    let all = JobQuery::default;
    time("first page", async || list(all()).await).await;
    time("q: one of all", async || list(JobQuery { q: text("report 99999"), ..all() }).await).await;
    time("q: nothing", async || list(JobQuery { q: text("no such thing"), ..all() }).await).await;
    time("pool", async || list(JobQuery { pool: text("https://host-99.example"), ..all() }).await).await;
    time("pool: unknown", async || list(JobQuery { pool: text("https://x.example"), ..all() }).await).await;
    time("tag", async || list(JobQuery { tag: text("team-3"), ..all() }).await).await;
    time("tag: unknown", async || list(JobQuery { tag: text("team-9"), ..all() }).await).await;
    let query = || JobQuery { tag: text("nightly"), q: text("no such"), active: Some(true), pool: None };
    time("q, tag, active", async || list(query()).await).await;
    let mut page = PageRef::first(1000);
    for _ in 0..95 {
        page.cursor = store.list(&all(), &page).await.expect("a page").next;
    }
    time("page 96 of 1000", async || store.list(&all(), &page).await.expect("a page")).await;
    time("count", async || store.count().await.expect("a count")).await;

    clock.store(3_600_000, std::sync::atomic::Ordering::SeqCst);
    let start = Instant::now();
    let mut total = 0;
    loop {
        let want = Want {
            worker: Uuid::nil().into(),
            token: Uuid::now_v7().into(),
            slots: 100,
            bytes: 1 << 30,
            partitions: Partition::all().collect(),
            late: Duration::ZERO,
            lookahead: Duration::ZERO,
        };
        let claims = store.claim(&want).await.expect("claimed").claims;
        let next = Then::Next { due: Some(naptime_core::Time::from_millis(1 << 42)), missed: 0 };
        let settled: Vec<_> = claims.iter().map(|claim| claim.settled(None, next)).collect();
        store.settle(&settled).await.expect("settled");
        total += claims.len();
        if claims.is_empty() {
            break;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{total} claimed and settled by the hundred in {seconds:.1} s: {:.0}/s", total as f64 / seconds);
}
