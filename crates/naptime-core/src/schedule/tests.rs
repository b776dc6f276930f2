//! Every schedule keeps its promises, across changes of the clock above all.

use proptest::prelude::*;

use super::*;

mod bounds;
mod cron;
mod every;
mod except;
mod random;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

fn time(text: &str) -> Time {
    text.parse().expect("a time")
}

fn zone(name: &str) -> Zone {
    Zone::parse(name).expect("a zone")
}

/// A zone, and a time that is often near one of its changes of the clock.
fn zone_and_time() -> impl Strategy<Value = (Zone, Time)> {
    let changes = prop_oneof![
        Just(("Europe/Berlin", "2026-03-29T01:00:00Z")),
        Just(("Europe/Berlin", "2026-10-25T01:00:00Z")),
        Just(("America/New_York", "2026-03-08T07:00:00Z")),
        Just(("America/New_York", "2026-11-01T06:00:00Z")),
        Just(("Australia/Lord_Howe", "2026-04-04T15:00:00Z")),
        Just(("Australia/Lord_Howe", "2026-10-03T15:30:00Z")),
        Just(("Asia/Kolkata", "2026-03-29T01:00:00Z")),
        Just(("UTC", "2026-12-31T23:59:59Z")),
    ];
    let from_there = prop_oneof![4 => -10_000_000i64..10_000_000, 2 => -150_000_000i64..0, 1 => 0i64..31_536_000_000];
    (changes, from_there)
        .prop_map(|((name, change), millis)| (zone(name), Time::from_millis(time(change).millis() + millis)))
}

/// What every recurring schedule promises: from a time on, the occurrences are the same whoever asks when, `missed` and
/// `owed` leave none out, and nothing comes twice.
fn keeps_its_books(schedule: &Schedule, now: Time, picks: (prop::sample::Index, prop::sample::Index)) {
    // More than are picked from: what comes next after a late call lies up to two occurrences after it, with jitter.
    let upcoming = schedule.upcoming(now, 44);
    assert_eq!(upcoming.len(), 44);
    assert!(upcoming[0] > now);
    assert!(upcoming.is_sorted_by(|a, b| a < b), "{upcoming:?}");
    // A call of one of them that begins at or after another, with a moment to spare or without.
    let (due, last) = (picks.0.index(20), picks.1.index(39));
    let (due, last) = (due.min(last), due.max(last));
    for late in [upcoming[last], Time::from_millis(upcoming[last + 1].millis() - 1)] {
        assert_eq!(schedule.first(late), Some(upcoming[last + 1]), "the same moment from {late}");
        assert_eq!(
            schedule.owed(upcoming[due], late),
            (last - due + 1) as u64,
            "owed from {:?} to {late}",
            upcoming[due]
        );
        let next = schedule.next(upcoming[due], late);
        let next_due = next.due.expect("it recurs");
        assert!(next_due > upcoming[due] && next_due > late);
        let at = upcoming.iter().position(|at| *at == next_due);
        let at = at.expect("an occurrence");
        assert_eq!(next.missed, (at - due - 1) as u64, "missed from {:?} to {late}", upcoming[due]);
    }
    assert_eq!(schedule.owed(upcoming[5], upcoming[4]), 0);
    let json = serde_json::to_string(schedule).expect("JSON");
    assert_eq!(serde_json::from_str::<Schedule>(&json).expect("the same"), *schedule);
}

/// The mean rate is that of the occurrences of a long time.
fn rate_is(schedule: &Schedule, occurrences: u64, of: Duration) {
    let expect = occurrences as f64 / of.as_secs_f64();
    let rate = schedule.mean_rate();
    assert!((rate / expect - 1.0).abs() < 1e-9, "{}: {rate} is not {expect}", schedule.describe());
}

#[test]
fn once_is_once() {
    let (at, later) = (time("2026-01-02T03:04:05Z"), time("2026-01-03T00:00:00Z"));
    let once = Schedule::Once { at };
    assert_eq!((once.first(Time::from_millis(0)), once.first(later)), (Some(at), Some(later)));
    assert_eq!(once.next(at, later), Next { due: None, missed: 0 });
    assert_eq!((once.owed(at, later), once.owed(later, at)), (1, 0));
    assert_eq!(once.upcoming(Time::from_millis(0), 5), [at]);
    assert_eq!((once.mean_rate(), once.is_once(), once.period(), once.zone()), (0.0, true, None, None));
    assert_eq!(once.describe(), "once at 2026-01-02T03:04:05.000Z");
    let json = r#"{"once":{"at":"2026-01-02T03:04:05.000Z"}}"#;
    assert_eq!(serde_json::to_string(&once).expect("JSON"), json);
    assert_eq!(serde_json::from_str::<Schedule>(json).expect("the same"), once);
}

#[test]
fn zones_without_summer_time_have_a_note() {
    let note = |name: &str| Timing::of(&Schedule::Cron(Cron::parse("@daily", zone(name), 0).expect("a pattern"))).note;
    for name in ["EST", "mst", "HST"] {
        let note = note(name).expect("a note");
        assert!(note.starts_with(&format!("{} has no summer time: it is ", name.to_uppercase())), "{note}");
    }
    for name in ["America/New_York", "UTC", "EST5EDT", "Pacific/Honolulu"] {
        assert_eq!(note(name), None);
    }
}
