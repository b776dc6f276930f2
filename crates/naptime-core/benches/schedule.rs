//! How long the next occurrence takes to work out; each is to be below 5 us.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use naptime_core::{Cron, Random, Schedule, Time, Zone};

const DAY: Duration = Duration::from_secs(86_400);

fn schedules() -> Vec<Schedule> {
    let cron =
        |text, zone: &str| Schedule::Cron(Cron::parse(text, Zone::parse(zone).expect("a zone")).expect("a pattern"));
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
        random(DAY / 24, Some("09:00-17:00"), "mon-fri", "Europe/Berlin"),
        random(DAY / 1440, None, "mon-sun", "America/New_York"),
        random(DAY, Some("09:00-17:00"), "mon", "Australia/Lord_Howe"),
        random(30 * DAY, Some("09:00-17:00"), "mon-fri", "Europe/Berlin"),
    ]
}

fn next(c: &mut Criterion) {
    let mut group = c.benchmark_group("next");
    // A call on time in summer, in the year the zones' tables end in rules.
    let now: Time = "2040-07-01T12:00:00Z".parse().expect("a time");
    for schedule in schedules() {
        let due = schedule.first(now);
        let called = due + Duration::from_millis(3);
        group.bench_function(schedule.describe(), |b| {
            b.iter(|| black_box(&schedule).next(black_box(due), black_box(called)));
        });
    }
    group.finish();
}

fn parse(c: &mut Criterion) {
    let zone = Zone::parse("Europe/Berlin").expect("a zone");
    c.bench_function("parse a cron", |b| b.iter(|| Cron::parse(black_box("0 9 * * MON-FRI"), zone.clone())));
    c.bench_function("parse a cron that never comes", |b| {
        b.iter(|| Cron::parse(black_box("0 0 31 2 *"), zone.clone()));
    });
    let monthly = Schedule::Cron(Cron::parse("0 0 1 * *", zone).expect("a pattern"));
    c.bench_function("mean rate of a monthly cron", |b| b.iter(|| black_box(&monthly).mean_rate()));
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = next, parse
}
criterion_main!(benches);
