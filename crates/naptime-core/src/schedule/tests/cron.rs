//! `cron`: what is read, and what comes when the clocks change.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::*;

fn cron(text: &str, name: &str) -> Schedule {
    Schedule::Cron(Cron::parse(text, zone(name)).expect("a pattern that comes"))
}

/// The local times that come after a time, as `29T03:00`, until the first of the same length of text that is not asked
/// for.
fn check(text: &str, name: &str, from: &str, expect: &[&str]) {
    let upcoming = cron(text, name).upcoming(time(from), expect.len());
    let zone = zone(name);
    let show = |at: &Time| zone.clock(*at).expect("a time").strftime("%dT%H:%M%:z").to_string();
    assert_eq!(upcoming.iter().map(show).collect::<Vec<_>>(), expect, "{text} in {name}");
}

#[test]
fn named_times_come_once_when_the_clocks_change() {
    let (berlin, spring, autumn) = ("Europe/Berlin", "2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z");
    check("30 2 * * *", berlin, spring, &["29T03:00+02:00", "30T02:30+02:00"]);
    check("30 2 * * *", berlin, autumn, &["25T02:30+02:00", "26T02:30+01:00"]);
    check("0 3 * * *", berlin, spring, &["29T03:00+02:00", "30T03:00+02:00"]);
    check("0 3 * * *", berlin, autumn, &["25T03:00+01:00", "26T03:00+01:00"]);
    // Asked in the second of the two hours.
    check("30 2 * * *", berlin, "2026-10-25T01:10:00Z", &["26T02:30+01:00"]);
    // Several in one day are no less named.
    check("0,30 1-3 29 3 *", berlin, spring, &["29T01:00+01:00", "29T01:30+01:00", "29T03:00+02:00", "29T03:30+02:00"]);
    check(
        "0,30 1-3 25 10 *",
        berlin,
        autumn,
        &["25T01:00+02:00", "25T01:30+02:00", "25T02:00+02:00", "25T02:30+02:00", "25T03:00+01:00", "25T03:30+01:00"],
    );
    check("10 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z", &["04T02:30+11:00", "05T02:10+11:00"]);
    check("40 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00:00Z", &["05T01:40+11:00", "06T01:40+10:30"]);
    check("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", &["08T03:00-04:00", "09T02:30-04:00"]);
    check("30 2 * * *", "Asia/Kolkata", spring, &["29T02:30+05:30", "30T02:30+05:30"]);
}

#[test]
fn intervals_run_on_when_the_clocks_change() {
    let berlin = "Europe/Berlin";
    check("*/30 * * * *", berlin, "2026-03-29T00:00:00Z", &["29T01:30+01:00", "29T03:00+02:00", "29T03:30+02:00"]);
    check(
        "*/30 * * * *",
        berlin,
        "2026-10-25T00:00:00Z",
        &["25T02:30+02:00", "25T02:00+01:00", "25T02:30+01:00", "25T03:00+01:00"],
    );
    check("@hourly", berlin, "2026-03-29T00:30:00Z", &["29T03:00+02:00", "29T04:00+02:00"]);
    check("7 0-23 * * *", berlin, "2026-10-25T00:00:00Z", &["25T02:07+02:00", "25T02:07+01:00", "25T03:07+01:00"]);
    check("*/10 * * * *", "Australia/Lord_Howe", "2026-10-03T15:15:00Z", &["04T01:50+10:30", "04T02:30+11:00"]);
}

#[test]
fn reads_what_people_write() {
    let noon = "2026-01-01T12:00:00Z";
    check("0 9 * * MON-FRI", "UTC", noon, &["02T09:00+00:00", "05T09:00+00:00"]);
    check("  30   8  1  jan,JUL * ", "UTC", noon, &["01T08:30+00:00"]);
    check("0 0 13 * 5", "UTC", noon, &["02T00:00+00:00", "09T00:00+00:00", "13T00:00+00:00"]);
    check("0 0 L * *", "UTC", noon, &["31T00:00+00:00", "28T00:00+00:00"]);
    check("@daily", "UTC", noon, &["02T00:00+00:00"]);
    check("@midnight", "UTC", noon, &["02T00:00+00:00"]);
    check("@weekly", "UTC", noon, &["04T00:00+00:00"]);
    check("@MONTHLY", "UTC", noon, &["01T00:00+00:00"]);
    check("@yearly", "UTC", noon, &["01T00:00+00:00"]);
    let seconds = cron("*/20 * * * * *", "UTC").upcoming(time("2026-01-01T12:00:00.500Z"), 3);
    assert_eq!(seconds, ["12:00:20", "12:00:40", "12:01:00"].map(|at| time(&format!("2026-01-01T{at}Z"))));
    assert_eq!(cron(" 0 9 * * MON-FRI", "europe/berlin").describe(), "cron 0 9 * * MON-FRI (Europe/Berlin)");
    assert_eq!(cron("@daily", "Europe/Berlin").zone(), Some("Europe/Berlin"));
}

#[test]
fn says_what_is_wrong() {
    let code = |text: &str| Cron::parse(text, Zone::UTC).map_err(|invalid| (invalid.field.into_owned(), invalid.code));
    for text in [
        "",
        " ",
        "*",
        "* * * *",
        "* * * * * * *",
        "* * * * * 2026",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "5-1 * * * *",
        "1,,2 * * * *",
        ", * * * *",
        "1, * * * *",
        "0 9 * * MONDAY",
        "@reboot",
        "@hourlyish",
        "-1 * * * *",
        "* * * * 1#6",
        "* * L-1 * *",
        "☃ * * * *",
        "0/5 * * * *",
        "99999999999 * * * *",
        &format!("{} * * * *", "1,".repeat(200)),
    ] {
        assert_eq!(code(text), Err(("cron".into(), "bad_cron")), "{text:?}");
    }
    for text in ["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 30,31 FEB *", "0 0 31W 2 *"] {
        assert_eq!(code(text), Err(("cron".into(), "never")), "{text:?}");
    }
    for text in ["0 0 29 2 *", "0 0 29 2 +MON", "0 0 31 2 MON"] {
        assert!(code(text).is_ok(), "{text:?}");
    }
    assert!(serde_json::from_str::<Schedule>(r#"{"cron":{"cron":"0 0 31 2 *","tz":"UTC"}}"#).is_err());
    assert!(serde_json::from_str::<Schedule>(r#"{"cron":{"cron":"@daily","tz":"Foobar"}}"#).is_err());
}

#[test]
fn counts_no_further_than_it_must() {
    let every_second = cron("* * * * * *", "Europe/Berlin");
    let (due, now) = (time("2016-01-01T00:00:00Z"), time("2026-01-01T00:00:00.250Z"));
    let next = every_second.next(due, now);
    assert_eq!(next, Next { due: Some(time("2026-01-01T00:00:01Z")), missed: MOST_COUNTED });
    assert_eq!(every_second.owed(due, now), MOST_COUNTED);
    assert_eq!(every_second.next(due, due + HOUR).missed, 3600);
}

#[test]
fn rates_are_those_of_the_long_run() {
    rate_is(&cron("*/5 * * * *", "UTC"), 288, DAY);
    rate_is(&cron("* * * * * *", "Europe/Berlin"), 1, Duration::from_secs(1));
    rate_is(&cron("0 9,17 * * MON-FRI", "UTC"), 10, 7 * DAY);
    rate_is(&cron("0 0 29 2 *", "UTC"), 1, 1461 * DAY);
    rate_is(&cron("0 0 1 * *", "UTC"), 48, 1461 * DAY);
    rate_is(&cron("0 0 * JAN +MON", "UTC"), 124, 28 * 365 * DAY + 7 * DAY);
}

/// All that comes from `from` to `to`, found the slow way: by asking every minute.
fn slowly(text: &str, zone: &Zone, named: bool, from: Time, to: Time) -> BTreeSet<Time> {
    let pattern: croner::Cron = text.parse().expect("a pattern");
    let minutes = (from.floor(DAY).millis()..to.millis()).step_by(60_000).map(Time::from_millis);
    let came: BTreeSet<Time> = if named {
        // Each local time once, whether the clock shows it or not.
        let day = |at: Time| {
            Timestamp::from_millisecond(at.millis()).expect("a time").to_zoned(jiff::tz::TimeZone::UTC).datetime()
        };
        minutes
            .map(day)
            .filter(|wall| pattern.is_time_matching(wall).expect("valid"))
            .map(|wall| zone.first(wall).expect("a time"))
            .collect()
    } else {
        minutes.filter(|at| pattern.is_time_matching(&zone.clock(*at).expect("a time")).expect("valid")).collect()
    };
    came.into_iter().filter(|at| *at > from && *at <= to).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_is_left_out_and_nothing_comes_twice(
        (zone, from) in zone_and_time(),
        (text, named) in prop_oneof![
            Just(("30 2 * * *", true)), Just(("*/7 1-3 * * *", true)), Just(("0 0,2 * * *", true)), Just(("59 1 * * SUN", true)),
            Just(("*/7 * * * *", false)), Just(("15 */2 * * *", false)), Just(("0 * * * SUN", false)), Just(("* * * * *", false)),
        ],
    ) {
        let to = from + 2 * DAY;
        let schedule = Schedule::Cron(Cron::parse(text, zone.clone()).expect("a pattern"));
        let walked: Vec<Time> = iter::successors(Some(schedule.first(from)), |due| schedule.next(*due, *due).due).take_while(|at| *at <= to).collect();
        let expect: Vec<Time> = slowly(text, &zone, named, from - DAY, to + DAY).into_iter().filter(|at| *at > from && *at <= to).collect();
        prop_assert_eq!(walked, expect, "{} in {}", text, zone);
    }

    #[test]
    fn cron_keeps_its_books(
        (zone, now) in zone_and_time(),
        text in prop_oneof![Just("*/5 * * * *"), Just("0,10,20 1-3 * * *"), Just("30 2 * * *"), Just("*/13 * * * * *"), Just("0 */2 * * *")],
        picks: (prop::sample::Index, prop::sample::Index),
    ) {
        keeps_its_books(&Schedule::Cron(Cron::parse(text, zone).expect("a pattern")), now, picks);
    }

    #[test]
    fn nothing_typed_panics(text in "([0-9*/,LW#-]{1,4} ){4,5}[0-9*/,L#+-]{1,4}|.{0,40}", millis: i64) {
        if let Ok(cron) = Cron::parse(&text, zone("Europe/Berlin")) {
            let schedule = Schedule::Cron(cron);
            let at = Time::from_millis(millis);
            let _ = (schedule.first(at), schedule.mean_rate(), schedule.describe());
        }
    }
}
