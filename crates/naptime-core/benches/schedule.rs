//! How long the next occurrence takes to work out; each is to be below 5 us, also the slowest of 3,000 cron patterns.

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::{Measurement, WallTime};
use criterion::{Criterion, criterion_group, criterion_main};
use naptime_core::{Bounds, Cron, Random, Schedule, Time, Zone};

const DAY: Duration = Duration::from_secs(86_400);
const VECTORS: &str = include_str!("../tests/vectors/cron.tsv");
/// So often each pattern of the vectors is asked: one call is too short to be measured.
const TIMES: u32 = 200;

fn cron(text: &str, zone: &str) -> Schedule {
    Schedule::Cron(Cron::parse(text, Zone::parse(zone).expect("a zone"), 7).expect("a pattern"))
}

fn except(schedule: Schedule, except: &str) -> Schedule {
    let zone = Zone::parse("Europe/Berlin").expect("a zone");
    schedule.within(Bounds { except: except.parse().expect("exceptions"), zone, ..Bounds::none() }).expect("it comes")
}

fn schedules() -> Vec<Schedule> {
    let random = |period, window: Option<&str>, days: &str, zone: &str| {
        let window = window.map(|window| window.parse().expect("a window"));
        let (days, zone) = (days.parse().expect("days"), Zone::parse(zone).expect("a zone"));
        Schedule::Random(Random::new(period, window, days, zone, 7).expect("valid"))
    };
    vec![
        cron("*/5 * * * *", "UTC"),
        cron("*/5 * * * *", "Europe/Berlin"),
        cron("* * * * * *", "America/New_York"),
        cron("0 9 * * MON-FRI", "Europe/Berlin"),
        cron("30 2 1 JAN *", "America/New_York"),
        cron("0 0 29 2 +1", "Europe/Berlin"),
        cron("*/5 2 25-31 3 +SUN", "America/New_York"),
        random(DAY / 24, Some("09:00-17:00"), "mon-fri", "Europe/Berlin"),
        random(DAY / 1440, None, "mon-sun", "America/New_York"),
        random(DAY, Some("09:00-17:00"), "mon", "Australia/Lord_Howe"),
        random(30 * DAY, Some("09:00-17:00"), "mon-fri", "Europe/Berlin"),
        random(DAY / 24, Some("09:00-12:00, 14:00-17:00, 22:00-02:00"), "mon-fri", "Europe/Berlin"),
        random(DAY * 23 / 24, None, "mon-sun", "Europe/Berlin"),
        random(DAY * 7 / 24, Some("09:00-17:00"), "mon", "America/New_York"),
        except(Schedule::aligned(DAY / 288), "12-24..01-02, 12-25, mon-fri 01:00-03:00"),
        except(cron("*/5 * * * *", "Europe/Berlin"), "2026-12-25, 12-24..01-02, mon-fri 01:00-03:00"),
    ]
}

fn next(c: &mut Criterion) {
    let mut group = c.benchmark_group("next");
    // A call on time in summer, in the year the zones' tables end in rules.
    let now: Time = "2040-07-01T12:00:00Z".parse().expect("a time");
    for schedule in schedules() {
        let due = schedule.first(now).expect("it recurs");
        let called = due + Duration::from_millis(3);
        group.bench_function(schedule.describe(), |b| {
            b.iter(|| black_box(&schedule).next(black_box(due), black_box(called)));
        });
    }
    group.finish();
}

/// The median and the slowest of the vectors, as the best of several tries, so that other work does not count.
#[allow(clippy::print_stdout)] // Its result.
fn vectors(_: &mut Criterion) {
    let mut all: Vec<(Duration, &str)> = VECTORS
        .lines()
        .filter(|line| !line.starts_with("# "))
        .map(|row| {
            let mut columns = row.split('\t');
            let mut column = || columns.next().expect("a column");
            let schedule = cron(column(), column());
            let due: Time = column().parse().expect("a time");
            let called = due + Duration::from_millis(3);
            let tries = (0..5).map(|_| {
                let start = WallTime.start();
                for _ in 0..TIMES {
                    black_box(black_box(&schedule).next(black_box(due), black_box(called)));
                }
                WallTime.end(start) / TIMES
            });
            (tries.min().unwrap_or_default(), row)
        })
        .collect();
    all.sort();
    let [median, slowest] = [all.len() / 2, all.len() - 1].map(|place| all[place]);
    println!("next of {} patterns: median {:?}, slowest {:?}: {}", all.len(), median.0, slowest.0, slowest.1);
}

/// What a worker has to do after a month in which nothing was called.
fn outage(c: &mut Criterion) {
    let every_minute = cron("* * * * *", "Europe/Berlin");
    let now: Time = "2026-11-15T12:00:00.003Z".parse().expect("a time");
    c.bench_function("next of 10,000 jobs after a month", |b| {
        b.iter(|| {
            (0..10_000).map(|_| black_box(&every_minute).next(black_box(now - 30 * DAY), now).missed).sum::<u64>()
        });
    });
    let bounded = except(every_minute.clone(), "01:00-03:00, 12-25");
    c.bench_function("next of a schedule with exceptions after a month", |b| {
        b.iter(|| black_box(&bounded).next(black_box(now - 30 * DAY), now));
    });
    let hourly = Random::new(DAY / 24, None, "mon-fri".parse().expect("days"), Zone::UTC, 7).expect("valid");
    let hourly = Schedule::Random(hourly);
    c.bench_function("next of a random schedule after a month", |b| {
        b.iter(|| black_box(&hourly).next(black_box(now - 30 * DAY), now));
    });
}

fn parse(c: &mut Criterion) {
    let zone = Zone::parse("Europe/Berlin").expect("a zone");
    let parse = |text| Cron::parse(black_box(text), zone.clone(), 7);
    c.bench_function("parse a cron", |b| b.iter(|| parse("0 9 * * MON-FRI")));
    c.bench_function("parse a cron that never comes", |b| b.iter(|| parse("0 0 31 2 *")));
    c.bench_function("parse a cron that is always skipped", |b| b.iter(|| parse("*/5 2 25-31 3 +SUN")));
    let nightly = cron("0 2 * * *", "UTC");
    let bounds = Bounds { except: "01:00-03:00".parse().expect("exceptions"), ..Bounds::none() };
    c.bench_function("exceptions that leave nothing", |b| b.iter(|| nightly.clone().within(black_box(bounds.clone()))));
    let bounded = except(cron("*/5 * * * *", "Europe/Berlin"), "01:00-03:00, 12-25");
    c.bench_function("the longest gap with exceptions", |b| b.iter(|| black_box(&bounded).longest_exception()));
    c.bench_function("mean rate of a cron with exceptions", |b| b.iter(|| black_box(&bounded).mean_rate()));
    let monthly = Schedule::Cron(parse("0 0 1 * *").expect("a pattern"));
    c.bench_function("mean rate of a monthly cron", |b| b.iter(|| black_box(&monthly).mean_rate()));
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = next, vectors, outage, parse
}
criterion_main!(benches);
