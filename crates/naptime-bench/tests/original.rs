//! What Naptime is compared with can be measured: the original's algorithm under both loads, and the parts of a call.
#![allow(missing_docs)]

use std::path::Path;
use std::time::Duration;

use naptime_bench::original::Original;
use naptime_bench::raw;
use naptime_tests::mongo::ReplicaSet;

#[tokio::test(flavor = "multi_thread")]
async fn the_original_and_the_parts_by_themselves() {
    let mongo = ReplicaSet::start(1).await;
    let program = Path::new(env!("CARGO_BIN_EXE_original"));
    let original = Original { program, mongo: &mongo, workers: 2 };

    let window = Duration::from_secs(4);
    let recurring = original.recurring(50, window).await.unwrap();
    // How many of fifty, and how late, depends on the machine.
    assert!((0.5..60.0).contains(&recurring.calls_per_second), "{recurring:?}");
    assert!(recurring.lag.p99_ms < 60_000.0 && recurring.used.workers_us > 0.0, "{recurring:?}");

    let jobs = 300;
    let backlog = original.backlog(jobs, Duration::from_secs(60)).await.unwrap();
    assert!(backlog.calls_per_second > 5.0 && backlog.used.database_us > 0.0, "{backlog:?}");
    // All of them, or it would have taken a minute.
    assert!(backlog.lag.max_ms < 60_000.0, "{backlog:?}");

    let raw = raw::measure(&mongo).await.unwrap();
    assert!(raw.cycles > 0.0 && raw.runs > 0.0 && raw.calls > 0.0, "{raw:?}");
}
