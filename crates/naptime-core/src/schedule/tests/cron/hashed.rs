//! `H`: a value of the job's own.

use super::*;

const NOON: &str = "2026-01-01T12:00:00Z";

fn hashed(text: &str, seed: u64) -> Cron {
    Cron::parse(text, Zone::UTC, seed).expect("a pattern")
}

/// The times of the next `n`, as `01T12:00:00`.
fn times(text: &str, seed: u64, n: usize) -> Vec<String> {
    let upcoming = Schedule::Cron(hashed(text, seed)).upcoming(time(NOON), n);
    upcoming.iter().map(|at| at.to_string()[8..19].to_owned()).collect()
}

#[test]
fn values_are_the_same_for_ever() {
    assert_eq!(times("H H * * *", 7, 2), FOREVER);
    assert_eq!(times("H * * * *", 7, 1), [format!("01T12:{}:00", &FOREVER[0][6..8])], "whatever the other fields are");
    assert_eq!(times("0 H H * * *", 7, 2), FOREVER, "with seconds or without");
    assert_eq!(times("h h * * *", 7, 2), FOREVER);
}

const FOREVER: [&str; 2] = ["01T17:11:00", "02T17:11:00"];

#[test]
fn values_keep_to_their_range_and_are_spread_over_it() {
    let mut hours = [0; 24];
    let mut alike = 0;
    for seed in 0..2_400 {
        let at = &times("H H(0-7) * * *", seed, 1)[0];
        let (hour, minute): (usize, usize) = (at[3..5].parse().expect("an hour"), at[6..8].parse().expect("a minute"));
        hours[hour] += 1;
        alike += usize::from(hour == minute % 8);
    }
    assert!(hours[..8].iter().all(|count| (240..360).contains(count)), "{hours:?}");
    assert_eq!(hours[8..], [0; 16]);
    assert!((240..360).contains(&alike), "fields are independent: {alike}");
}

#[test]
fn steps_begin_where_the_seed_says() {
    for seed in 0..50 {
        let quarters = times("H/15 * * * *", seed, 5);
        let minutes: Vec<u32> = quarters.iter().map(|at| at[6..8].parse().expect("a minute")).collect();
        assert!(minutes.windows(2).all(|two| (two[0] + 15) % 60 == two[1]), "{minutes:?}");
        assert!(minutes.iter().min().is_some_and(|first| *first < 15));
        let within = times("H(10-29)/10 * * * *", seed, 4);
        assert!(within.iter().all(|at| ("10".."30").contains(&&at[6..8])), "{within:?}");
        // A day that every month has, and a weekday.
        assert!(times("0 0 H * *", seed, 12).iter().all(|at| &at[..2] <= "28"));
        assert_eq!(times("0 0 H H *", seed, 2).len(), 2);
        assert_eq!(times("0 0 * * H", seed, 2).len(), 2);
    }
}

#[test]
fn the_seed_is_stored_where_it_is_needed() {
    let json = |text: &str| serde_json::to_string(&hashed(text, u64::MAX)).expect("JSON");
    assert_eq!(json("0 9 * * *"), r#"{"cron":"0 9 * * *","tz":"UTC"}"#);
    assert_eq!(json("@daily"), r#"{"cron":"@daily","tz":"UTC"}"#);
    assert_eq!(json("0 9 * MARCH THU"), r#"{"cron":"0 9 * MARCH THU","tz":"UTC"}"#);
    assert_eq!(json("0,H/2 9 * * *"), r#"{"cron":"0,H/2 9 * * *","tz":"UTC","seed":18446744073709551615}"#);
    assert_eq!(hashed("@daily", 7), hashed("@daily", 8));
    assert_ne!(hashed("H 0 * * *", 7), hashed("H 0 * * *", 8));
}
