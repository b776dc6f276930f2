//! `every`: on the grid, without drift and without bursts, and within the jitter.

use super::*;

fn every(period: u64, anchor: i64, within: u64, seed: u64) -> Schedule {
    let jitter = (within > 0).then(|| Jitter { within: Duration::from_millis(within), seed });
    Schedule::Every { period: Duration::from_millis(period), anchor: Time::from_millis(anchor), jitter }
}

fn check(due: i64, now: i64, expect: i64, missed: u64) {
    let next = every(10, 0, 0, 0).next(Time::from_millis(due), Time::from_millis(now));
    assert_eq!(next, Next { due: Some(Time::from_millis(expect)), missed }, "due {due}, now {now}");
}

#[test]
fn next_is_on_the_grid_without_drift_or_burst() {
    check(100, 100, 110, 0); // on time
    check(100, 98, 110, 0); // claimed ahead
    check(100, 104, 110, 0); // a little late: the grid stays
    check(100, 105, 110, 0);
    check(100, 106, 120, 1); // later than half a period: the next one would be a burst
    check(100, 127, 140, 3);
}

#[test]
fn round_times_are_multiples_since_1970() {
    let check = |period: Duration, now: &str, expect: &str| {
        let schedule = Schedule::aligned(period);
        assert!(schedule.is_aligned());
        assert_eq!(schedule.first(time(now)), Some(time(expect)), "every {} from {now}", show(period));
    };
    check(5 * HOUR / 60, "2026-01-02T03:04:05Z", "2026-01-02T03:05:00Z");
    check(5 * HOUR / 60, "2026-01-02T03:05:00Z", "2026-01-02T03:10:00Z");
    check(DAY, "2026-01-02T03:04:05Z", "2026-01-03T00:00:00Z");
    // 2026-01-08 was a Thursday.
    check(7 * DAY, "2026-01-02T03:04:05Z", "2026-01-08T00:00:00Z");
    // 206 times in a day, and 4 min of the next.
    check(7 * HOUR / 60, "1970-01-01T23:55:00Z", "1970-01-02T00:02:00Z");
}

#[test]
fn only_what_was_aligned_says_so() {
    let check = |schedule: &Schedule, words: &str, aligned: bool| {
        assert_eq!((schedule.describe().as_str(), schedule.is_aligned()), (words, aligned));
    };
    check(&every(300_000, 0, 0, 0), "every 5m, on round times", true);
    check(&every(300_000, 300_000, 0, 0), "every 5m, on round times", true);
    check(&every(300_000, 0, 30_000, 0), "every 5m, within 30s after round times", true);
    check(&every(300_000, 7, 0, 0), "every 5m", false);
    // By the id no anchor is a round time, not even by chance: one in a thousand would be.
    let period = Duration::from_secs(1);
    for n in 0..100_000 {
        let schedule = Schedule::every(period, JobId::from(uuid::Uuid::from_u128(n)));
        assert!(!schedule.is_aligned(), "{n}: {schedule:?}");
    }
    check(&Schedule::Once { at: Time::from_millis(0) }, "once at 1970-01-01T00:00:00.000Z", false);
}

#[test]
fn jitter_is_the_same_for_ever() {
    let schedule = every(60_000, 0, 60_000 - 1, 7);
    let upcoming: Vec<i64> = schedule.upcoming(Time::from_millis(0), 4).into_iter().map(Time::millis).collect();
    assert_eq!(upcoming, FIXED);
}

const FIXED: [i64; 4] = [36_328, 89_158, 168_512, 207_733];

#[test]
fn jitter_is_shorter_than_the_period() {
    let id = JobId::from(uuid::Uuid::from_u128(1));
    let schedule = Schedule::every(HOUR, id);
    let with = |within| schedule.clone().with_jitter(within, id).map_err(|invalid| (invalid.field, invalid.code));
    assert_eq!(with(HOUR), Err(("jitter".into(), "out_of_range")));
    assert_eq!(with(Duration::ZERO), Ok(schedule.clone()));
    let jittered = with(HOUR / 2).expect("shorter");
    assert_eq!(jittered.describe(), "every 1h, within 30m");
    assert_eq!((jittered.longest_gap(None, HOUR, Time::from_millis(0)), jittered.period()), (HOUR * 3 / 2, Some(HOUR)));
    rate_is(&jittered, 24, DAY);
    let once = Schedule::Once { at: Time::from_millis(0) }.with_jitter(HOUR, id);
    assert_eq!(once.map_err(|invalid| invalid.code), Err("not_every"));
}

#[test]
fn what_was_stored_without_jitter_reads() {
    let json = r#"{"every":{"period":"5m","anchor":"1970-01-01T00:00:07.000Z"}}"#;
    let schedule = every(300_000, 7_000, 0, 0);
    assert_eq!(serde_json::from_str::<Schedule>(json).expect("a schedule"), schedule);
    assert_eq!(serde_json::to_string(&schedule).expect("JSON"), json);
}

proptest! {
    #[test]
    fn next_keeps_its_promises(
        period in 1i64..100_000, anchor in -1_000i64..1_000_000, k in 0i64..1_000, late in -100i64..10_000_000,
        jitter in 0f64..1.0, seed: u64,
    ) {
        let schedule = every(period.unsigned_abs(), anchor, (period as f64 * jitter) as u64, seed);
        let within = (period as f64 * jitter) as i64;
        let due = schedule.first(Time::from_millis(anchor + k * period - 1)).expect("it recurs");
        let due = if due.millis() < anchor + k * period { schedule.next(due, due).due.expect("it recurs") } else { due };
        let off = (due.millis() - anchor).rem_euclid(period);
        let point = due.millis() - off;
        let now = Time::from_millis(due.millis() + late.max(-period / 2));
        let next = schedule.next(due, now);
        let at = next.due.expect("it recurs").millis();
        let next_off = (at - anchor).rem_euclid(period);
        prop_assert!(off == 0 || off < within, "within the jitter");
        prop_assert!(next_off == 0 || next_off < within, "within the jitter");
        prop_assert!(at > due.millis(), "after the occurrence");
        prop_assert!(at > now.millis() || late < 0 || period < 3, "not past");
        let missed = i64::try_from(next.missed).expect("small");
        prop_assert_eq!(at - next_off, point + period * (1 + missed), "every occurrence accounted for");
        // Without the jitter it is the first grid point that is not before half a period from now.
        let (bare_now, bare) = (now.millis() - off, at - next_off);
        prop_assert!(2 * (bare - bare_now) >= period - 1, "no burst");
        let before = bare - period;
        let bumped = before + period < at && schedule.first(Time::from_millis(before - 1)).is_some_and(|at| at <= now);
        prop_assert!(before <= point || 2 * (before - bare_now) < period + 2 || bumped, "the first such point");
    }

    #[test]
    fn the_first_comes_within_a_period(period in 100i64..100_000_000, now in 0i64..4_000_000_000_000, id: u128) {
        let schedule = Schedule::every(Duration::from_millis(period.unsigned_abs()), JobId::from(uuid::Uuid::from_u128(id)));
        let first = schedule.first(Time::from_millis(now)).expect("it recurs").millis();
        prop_assert!(first > now && first <= now + period);
    }

    #[test]
    fn every_keeps_its_books(
        period in 3u64..10_000, anchor: u32, now: u32, jitter in 0f64..1.0, seed: u64,
        picks: (prop::sample::Index, prop::sample::Index),
    ) {
        let schedule = every(period, anchor.into(), (period as f64 * jitter) as u64, seed);
        keeps_its_books(&schedule, Time::from_millis(now.into()), picks);
        let points: Vec<i64> = schedule.upcoming(Time::from_millis(now.into()), 40).iter()
            .map(|at| (at.millis() - i64::from(anchor)).div_euclid(period.cast_signed())).collect();
        prop_assert!(points.windows(2).all(|two| two[0] + 1 == two[1]), "each grid point once");
    }
}
