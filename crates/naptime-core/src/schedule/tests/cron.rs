//! `cron`: what is read, and what comes when the clocks change.

use std::sync::Arc;

use super::*;
use crate::{Claim, Duty, Endpoint, NewJob, Phase, Spec, Then, Token, WorkerId};

mod faults;
mod hashed;

fn cron(text: &str, name: &str) -> Schedule {
    Schedule::Cron(Cron::parse(text, zone(name), 0).expect("a pattern that comes"))
}

/// The local times that come after a time, as `29T03:00+02:00`.
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
fn patterns_of_stars_follow_the_clock() {
    let berlin = "Europe/Berlin";
    check("*/30 * * * *", berlin, "2026-03-29T00:00:00Z", &["29T01:30+01:00", "29T03:00+02:00", "29T03:30+02:00"]);
    check(
        "*/30 * * * *",
        berlin,
        "2026-10-25T00:00:00Z",
        &["25T02:30+02:00", "25T02:00+01:00", "25T02:30+01:00", "25T03:00+01:00"],
    );
    check("@hourly", berlin, "2026-03-29T00:30:00Z", &["29T03:00+02:00", "29T04:00+02:00"]);
    check("7 * * * *", berlin, "2026-10-25T00:00:00Z", &["25T02:07+02:00", "25T02:07+01:00", "25T03:07+01:00"]);
    check("*/30 2 * * *", berlin, "2026-03-28T12:00:00Z", &["30T02:00+02:00", "30T02:30+02:00"]);
    // All hours by number are no star, nor is a star before a step that leaves one number.
    check("7 0-23 * * *", berlin, "2026-10-25T00:00:00Z", &["25T02:07+02:00", "25T03:07+01:00"]);
    check("0 */24 * * *", "Africa/Cairo", "2026-04-23T12:00:00Z", &["24T01:00+03:00", "25T00:00+03:00"]);
    check("0 */12 * * *", "Africa/Cairo", "2026-04-23T12:00:00Z", &["24T12:00+03:00", "25T00:00+03:00"]);
    // A day that was skipped.
    check(
        "42 3 * * *",
        "Pacific/Apia",
        "2011-12-29T12:00:00Z",
        &["29T03:42-10:00", "31T00:00+14:00", "31T03:42+14:00"],
    );
    check("*/10 * * * *", "Australia/Lord_Howe", "2026-10-03T15:15:00Z", &["04T01:50+10:30", "04T02:30+11:00"]);
}

#[test]
fn reads_what_people_write() {
    let noon = "2026-01-01T12:00:00Z";
    let utc = |text: &str, expect: &[&str]| {
        let expect: Vec<String> = expect.iter().map(|at| format!("{at}+00:00")).collect();
        check(text, "UTC", noon, &expect.iter().map(String::as_str).collect::<Vec<_>>());
    };
    utc("0 9 * * MON-FRI", &["02T09:00", "05T09:00"]);
    utc("  30   8  1  jan,JUL * ", &["01T08:30"]);
    utc("0 9 1 September Monday", &["01T09:00", "07T09:00", "14T09:00"]);
    utc("0 0 13 * 5", &["02T00:00", "09T00:00", "13T00:00"]);
    utc("@daily", &["02T00:00"]);
    utc("@Midnight", &["02T00:00"]);
    utc("@weekly", &["04T00:00"]);
    utc("@MONTHLY", &["01T00:00"]);
    utc("@yearly", &["01T00:00"]);
    utc("@annually", &["01T00:00"]);
    // Ranges over the end, and what 0 and 7 are.
    utc("0 9 * * FRI-MON", &["02T09:00", "03T09:00", "04T09:00", "05T09:00", "09T09:00"]);
    utc("0 22-2/2 * * *", &["01T22:00", "02T00:00", "02T02:00", "02T22:00"]);
    utc("0 0 30-2 * *", &["02T00:00", "30T00:00", "31T00:00", "01T00:00"]);
    utc("0 0 1 NOV-JAN *", &["01T00:00", "01T00:00", "01T00:00", "01T00:00"]);
    utc("0 9 * * SUN-SUN", &["04T09:00", "11T09:00"]);
    utc("0 9 * * 7-1", &["04T09:00", "05T09:00", "11T09:00"]);
    utc("0 9 * * 0,7", &["04T09:00", "11T09:00"]);
    utc("0 9 * * 0-7", &["02T09:00", "03T09:00"]);
    // From a number on.
    utc("0/15 13 * * *", &["01T13:00", "01T13:15", "01T13:30", "01T13:45", "02T13:00"]);
    utc("0 9 * * TUE/2", &["03T09:00", "06T09:00", "08T09:00", "10T09:00"]);
    // The end of the month, and the weekday nearest to a day. 2026-01-31 is a Saturday, 2026-02-15 a Sunday.
    utc("0 0 L * *", &["31T00:00", "28T00:00"]);
    utc("0 0 15,L-2 * *", &["15T00:00", "29T00:00", "15T00:00", "26T00:00"]);
    utc("0 0 LW * *", &["30T00:00", "27T00:00"]);
    utc("0 0 15w,LW * *", &["15T00:00", "30T00:00", "16T00:00", "27T00:00"]);
    utc("0 0 1W 2,8 *", &["02T00:00", "03T00:00"]);
    utc("0 0 31W * *", &["30T00:00", "31T00:00", "29T00:00"]);
    // The last Friday, the second, and the fifth.
    utc("0 0 * * 5L", &["30T00:00", "27T00:00"]);
    utc("0 0 * * fri#2,FRIDAY#5", &["09T00:00", "30T00:00", "13T00:00"]);
    utc("0 0 * * 0#1,7L", &["04T00:00", "25T00:00", "01T00:00", "22T00:00"]);
    // What Quartz writes.
    utc("0 0 12 ? * MON-FRI", &["02T12:00", "05T12:00"]);
    utc("0 12 1 * ?", &["01T12:00", "01T12:00"]);
    let seconds = cron("*/20 * * * * *", "UTC").upcoming(time("2026-01-01T12:00:00.500Z"), 3);
    assert_eq!(seconds, ["12:00:20", "12:00:40", "12:01:00"].map(|at| time(&format!("2026-01-01T{at}Z"))));
}

#[test]
fn a_star_decides_how_days_are_combined() {
    let noon = "2026-01-01T12:00:00Z";
    let utc = |text: &str, expect: [&str; 3]| {
        let expect = expect.map(|day| format!("{day}T00:00+00:00"));
        check(text, "UTC", noon, &expect.each_ref().map(String::as_str));
    };
    // Mondays on odd days, and the first Sunday.
    utc("0 0 */2 * MON", ["05", "19", "09"]);
    utc("0 0 1-7 * */7", ["04", "01", "01"]);
    utc("0 0 1-7 * SUN", ["02", "03", "04"]);
    utc("0 0 1-7 * +SUN", ["04", "01", "01"]);
    utc("0 0 13 * FRI", ["02", "09", "13"]);
    utc("0 0 13 * ?", ["13", "13", "13"]);
}

#[test]
fn a_pattern_may_name_its_zone() {
    let of = |text: &str| Cron::parse(text, Zone::UTC, 0).map(|cron| cron.to_string());
    assert_eq!(of(" 0  9 * * MON-FRI").as_deref(), Ok("0 9 * * MON-FRI (UTC)"));
    assert_eq!(of("TZ=europe/berlin 0 9 * * *").as_deref(), Ok("0 9 * * * (Europe/Berlin)"));
    assert_eq!(of("CRON_TZ=Asia/Tokyo  @daily").as_deref(), Ok("@daily (Asia/Tokyo)"));
    let fault = of("TZ=Mars 0 9 * * *").expect_err("no zone");
    assert_eq!((&*fault.field, fault.code), ("cron", "unknown_zone"));
    assert_eq!(cron("@daily", "Europe/Berlin").zone(), Some("Europe/Berlin"));
}

#[test]
fn what_was_stored_reads_even_if_it_is_refused_now() {
    let read = |json: &str| serde_json::from_str::<Schedule>(json);
    let json = r#"{"cron":{"cron":"MON 9 * * *","tz":"Europe/Berlin"}}"#;
    let refused = read(json).expect("it stays readable");
    let now = time("2026-01-01T12:00:00Z");
    assert_eq!((refused.first(now), refused.upcoming(now, 3)), (None, vec![]));
    assert_eq!(refused.next(now, now + DAY), Next { due: None, missed: 0 });
    assert_eq!((refused.owed(now, now + DAY), refused.mean_rate()), (1, 0.0));
    assert_eq!(
        refused.describe(),
        "cron MON 9 * * * (Europe/Berlin), which cannot be read any more: `MON` is a weekday; the first field is the \
         minute"
    );
    assert_eq!(serde_json::to_string(&refused).expect("JSON"), json, "as it was");
    assert!(read(r#"{"cron":{"cron":"0 0 31 2 *","tz":"UTC"}}"#).is_ok());
    assert!(read(r#"{"cron":{"cron":"@daily","tz":"Foobar"}}"#).is_err());
}

#[test]
fn a_job_whose_pattern_is_refused_now_is_not_called_in_a_loop() {
    let stored = Schedule::Cron(Cron::stored("MON 9 * * *", Zone::UTC, None));
    let (id, now) = (JobId::from(uuid::Uuid::from_u128(1)), time("2026-01-01T12:00:00Z"));
    let spec = Spec::new(Endpoint::parse("http://target.test/").expect("a URL"), stored.clone());
    let mut job = NewJob { id, spec, active: true }.into_job(now);
    assert_eq!((job.state.due, job.state.claim_at()), (None, None), "switched on, nothing is due");
    // What an earlier version planned is called, and nothing after it.
    (job.state.due, job.state.phase) = (Some(now), Phase::Idle { at: now });
    let (worker, token) = (WorkerId::from(uuid::Uuid::from_u128(2)), Token::from(uuid::Uuid::from_u128(3)));
    assert!(job.claim(worker, token, now, Duration::ZERO));
    let lock = job.state.lock().cloned().expect("held");
    let claim = Claim { job: Arc::new(job.clone()), lock, recorded: None };
    assert!(matches!(claim.duty(), Duty::Call { .. }));
    let Next { due, missed } = stored.next(now, now);
    assert!(job.settle(&claim.settled(None, Then::Next { due, missed }), now));
    assert_eq!((job.state.due, job.state.claim_at()), (None, None));
}

#[test]
fn counts_without_walking() {
    let every_second = cron("* * * * * *", "Europe/Berlin");
    let (due, now) = (time("2016-01-01T00:00:00Z"), time("2026-01-01T00:00:00.250Z"));
    let seconds = now.since(due).as_secs();
    let next = every_second.next(due, now);
    assert_eq!(next, Next { due: Some(time("2026-01-01T00:00:01Z")), missed: seconds });
    assert_eq!(every_second.owed(due, now), seconds + 1);
    let daily = cron("30 2 * * *", "Europe/Berlin");
    assert_eq!(daily.owed(time("2016-01-01T01:30:00Z"), now), 3653);
}

#[test]
fn rates_are_those_of_the_long_run() {
    const CYCLE: Duration = Duration::from_secs(146_097 * 86_400);
    rate_is(&cron("*/5 * * * *", "UTC"), 288, DAY);
    rate_is(&cron("* * * * * *", "Europe/Berlin"), 1, Duration::from_secs(1));
    rate_is(&cron("0 9,17 * * MON-FRI", "UTC"), 10, 7 * DAY);
    // In 400 years.
    rate_is(&cron("0 0 29 2 *", "UTC"), 97, CYCLE);
    rate_is(&cron("0 0 1 * *", "UTC"), 4800, CYCLE);
    rate_is(&cron("0 0 * JAN MON#1", "UTC"), 400, CYCLE);
}

fn any_pattern() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "*/5 * * * *",
        "0,10,20 1-3 * * *",
        "30 2 * * *",
        "*/13 * * * * *",
        "0 */2 * * *",
        "* * * * *",
        "0-59 0-23 * * *",
        "*/7 1-3 * * *",
        "0 0,2 * * *",
        "59 1 * * SUN",
        "0 * * * SUN",
        "15,45 23-1 L * *",
        "0 0 */2 * MON",
        "H H(0-4) * * *",
        "*/30 2,3 25-31 3,10 7",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn cron_keeps_its_books(
        (zone, now) in zone_and_time(), text in any_pattern(), picks: (prop::sample::Index, prop::sample::Index),
    ) {
        keeps_its_books(&Schedule::Cron(Cron::parse(text, zone, 7).expect("a pattern")), now, picks);
    }

    #[test]
    fn counting_is_as_good_as_walking((zone, from) in zone_and_time(), text in any_pattern(), hours in 0u32..72, late: u16) {
        let cron = Cron::parse(text, zone, 7).expect("a pattern");
        let until = from + HOUR * hours + Duration::from_millis(late.into());
        let walked = iter::successors(cron.after(from), |at| cron.after(*at)).take_while(|at| *at <= until).count();
        prop_assert_eq!(cron.count(from, until), walked as u64, "{} from {} to {}", cron, from, until);
    }
}
