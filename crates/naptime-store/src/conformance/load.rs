//! Load: figures that add up.

use std::time::Duration;

use naptime_core::load::{Figures, Load};
use naptime_core::{Histogram, Outcome, Tier, Time, WorkerId};

use super::Backend;
use super::case::{Case, new_worker};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn figures(n: u64) -> Figures {
    let histogram = |millis: &[u64]| {
        let mut histogram = Histogram::default();
        millis.iter().for_each(|&ms| histogram.record(Duration::from_millis(ms)));
        histogram
    };
    Figures {
        calls: n,
        errors: n / 2,
        outcomes: [(Outcome::Ok, n - n / 2), (Outcome::Timeout, n / 2)].into(),
        lag: histogram(&[0, n, 10 * n, 1 << 40]),
        lag_ms: 11 * n,
        took: histogram(&[n, n, 200]),
        took_ms: 2 * n + 200,
        held: 5 * n,
        capacity: 1_000_000_000 * n,
        samples: n + 1,
    }
}

/// The start of an hour not long ago.
async fn hour<B: Backend>(case: &Case<B>) -> Time {
    case.now().await.floor(Tier::Hour.width())
}

fn row(at: Time, worker: WorkerId, figures: Figures) -> Load {
    Load { at, worker, figures }
}

async fn read<B: Backend>(case: &Case<B>, tier: Tier, from: Time, to: Time) -> Vec<Load> {
    let mut rows = case.store.load(tier, from, to).await.expect("load");
    rows.sort_by_key(|row| (row.at, row.worker));
    rows
}

pub async fn figures_add_up<B: Backend>() {
    let case = Case::<B>::new().await;
    let (at, worker) = (hour(&case).await, new_worker());
    let another = case.backend.another().await;
    let mut expect = Figures::default();
    for n in [1, 2, 300, 4] {
        for store in [&case.store, &another] {
            store.add_load(&[row(at, worker, figures(n)), row(at, worker, figures(n + 1))]).await.expect("added");
            expect.add(&figures(n));
            expect.add(&figures(n + 1));
        }
    }
    case.store.add_load(&[]).await.expect("nothing to add");
    case.store.add_load(&[row(at, worker, Figures::default())]).await.expect("nothing in it");
    assert_eq!(read(&case, Tier::Minute, at, at + MINUTE).await, [row(at, worker, expect)]);
}

pub async fn figures_are_kept_apart_by_worker_and_time<B: Backend>() {
    let case = Case::<B>::new().await;
    let at = hour(&case).await;
    let mut workers = [new_worker(), new_worker()];
    workers.sort();
    let mut expect = Vec::new();
    for minute in 0..3_u32 {
        for (n, worker) in (0_u64..).zip(workers) {
            expect.push(row(at + minute * MINUTE, worker, figures(u64::from(minute) * 10 + n)));
        }
    }
    case.store.add_load(&expect).await.expect("added");
    assert_eq!(read(&case, Tier::Minute, at, at + 3 * MINUTE).await, expect);
}

pub async fn figures_are_found_in_each_tier<B: Backend>() {
    let case = Case::<B>::new().await;
    let (at, worker) = (hour(&case).await, new_worker());
    // Two in the first ten minutes, one in the next, one in the next hour.
    let minutes = [3_u32, 9, 10, 60];
    let rows: Vec<Load> = minutes.iter().map(|&m| row(at + m * MINUTE, worker, figures(m.into()))).collect();
    case.store.add_load(&rows).await.expect("added");
    let sum = |ms: &[u64]| {
        let mut sum = Figures::default();
        ms.iter().for_each(|&m| sum.add(&figures(m)));
        sum
    };
    let end = at + 120 * MINUTE;
    assert_eq!(read(&case, Tier::Minute, at, end).await, rows);
    let expect = [(0, sum(&[3, 9])), (10, sum(&[10])), (60, sum(&[60]))];
    let expect = expect.map(|(m, figures)| row(at + m * MINUTE, worker, figures));
    assert_eq!(read(&case, Tier::TenMinutes, at, end).await, expect);
    let expect = [(0, sum(&[3, 9, 10])), (60, sum(&[60]))].map(|(m, figures)| row(at + m * MINUTE, worker, figures));
    assert_eq!(read(&case, Tier::Hour, at, end).await, expect);
}

pub async fn a_range_ends_before_its_end<B: Backend>() {
    let case = Case::<B>::new().await;
    let (at, worker) = (hour(&case).await, new_worker());
    let rows: Vec<Load> = (0..5_u32).map(|m| row(at + m * MINUTE, worker, figures(m.into()))).collect();
    case.store.add_load(&rows).await.expect("added");
    assert_eq!(read(&case, Tier::Minute, at + MINUTE, at + 3 * MINUTE).await, rows[1..3]);
    assert!(read(&case, Tier::Minute, at + MINUTE, at + MINUTE).await.is_empty());
    assert!(read(&case, Tier::Minute, at - 10 * MINUTE, at).await.is_empty());
}

pub async fn seconds_add_up_to_minutes<B: Backend>() {
    let case = Case::<B>::new().await;
    let (at, worker) = (hour(&case).await, new_worker());
    // The last second of a minute and the first two of the next, the last of which comes in two reports.
    let rows: Vec<Load> = (59..=61_u32).map(|s| row(at + s * SECOND, worker, figures(s.into()))).collect();
    case.store.add_load(&rows).await.expect("added");
    case.store.add_load(&[row(at + 61 * SECOND + SECOND / 2, worker, figures(5))]).await.expect("added");
    let mut last = figures(61);
    last.add(&figures(5));
    let mut second_minute = figures(60);
    second_minute.add(&last);
    let end = at + 2 * MINUTE;
    let expect = [(59, figures(59)), (60, figures(60)), (61, last)];
    let expect = expect.map(|(s, figures)| row(at + s * SECOND, worker, figures));
    assert_eq!(read(&case, Tier::Second, at, end).await, expect);
    assert_eq!(read(&case, Tier::Second, at + MINUTE, at + 61 * SECOND).await, expect[1..2]);
    let expect = [row(at, worker, figures(59)), row(at + MINUTE, worker, second_minute)];
    assert_eq!(read(&case, Tier::Minute, at, end).await, expect);
}

pub async fn the_total_grows_whatever_is_removed<B: Backend>() {
    let case = Case::<B>::new().await;
    assert_eq!(case.store.total().await.expect("the total"), Figures::default());
    let at = case.now().await;
    let mut expect = Figures::default();
    for n in 1..4 {
        case.store
            .add_load(&[row(at, new_worker(), figures(n)), row(at - MINUTE, new_worker(), figures(5))])
            .await
            .expect("added");
        expect.add(&figures(n));
        expect.add(&figures(5));
        assert_eq!(case.backend.another().await.total().await.expect("the total"), expect);
    }
    case.advance(2 * Tier::Hour.kept()).await;
    case.store.purge().await.expect("purged");
    assert_eq!(case.store.total().await.expect("the total"), expect);
    let rows = read(&case, Tier::Hour, Time::from_millis(0), at + MINUTE).await;
    assert!(rows.is_empty() || !B::PURGES, "{rows:?}");
}

pub async fn seconds_are_kept_for_a_quarter_of_an_hour<B: Backend>() {
    if !B::PURGES {
        return;
    }
    let case = Case::<B>::new().await;
    let (now, worker) = (case.now().await, new_worker());
    let rows = [now - 10 * MINUTE, now].map(|at| row(at.floor(SECOND), worker, figures(1)));
    case.store.add_load(&rows).await.expect("added");
    case.advance(MINUTE).await;
    case.store.purge().await.expect("purged");
    assert_eq!(read(&case, Tier::Second, now - 20 * MINUTE, now + MINUTE).await, rows);
    case.advance(10 * MINUTE).await;
    case.store.purge().await.expect("purged");
    assert_eq!(read(&case, Tier::Second, now - 20 * MINUTE, now + MINUTE).await, rows[1..]);
    let minutes = read(&case, Tier::Minute, now - 20 * MINUTE, now + MINUTE).await;
    assert_eq!(minutes.len(), 2, "the minutes stay: {minutes:?}");
}
