//! SLAs, and the schedules that can keep them.

use proptest::prelude::*;

use super::*;
use crate::Sla;

#[test]
fn an_unmet_sla_is_a_fault_of_what_was_changed() {
    let sla = |sla: &str| with(minimal(), json!({"sla": sla}));
    assert!(create(sla("5m"), "none").is_ok());
    assert_eq!(create(sla("4m"), "none").unwrap_err(), [("sla".to_owned(), "shorter_than_period")]);
    let old = job(sla("10m"));
    assert_eq!(change(json!({"every": "1h"}), &old).unwrap_err(), [("every".to_owned(), "longer_than_sla")]);
    assert!(change(json!({"every": "1h", "sla": null}), &old).is_ok());
}

#[test]
fn an_sla_is_held_against_a_whole_year() {
    let networks = AllowedNetworks::public_only();
    let limits = Limits { networks: &networks, min_period: MIN_PERIOD, now: Time::from_millis(0) };
    let fault = |timing: Value, sla: &str| {
        let value = with(with(json!({"url": "https://example.com/"}), timing), json!({"sla": sla}));
        read_new(value, limits, id()).err().map(|faults| faults[0].detail.to_string())
    };
    // The longest gap comes each night, each weekend, once in a year, in a leap year, or when clocks are put back.
    for (cron, tz, gap, shorter) in [
        ("*/5 8-21 * * *", "UTC", "10h 5m", "10m"),
        ("*/5 8-21 * * 1-5", "UTC", "2d 10h 5m", "10m"),
        ("*/5 8-21 * * 1-5", "UTC", "2d 10h 5m", "2d 10h 4m"),
        ("0 9 * * MON-FRI", "UTC", "3d", "1d"),
        ("0 * * 1-11 *", "UTC", "31d 1h", "1h"),
        ("0 0-5 * * *", "Europe/Berlin", "19h", "10h"),
        ("0 0,2,4,6,8,10,12,14,16,18,20,22 * * *", "Europe/Berlin", "3h", "2h"),
        ("0 0 1 1 *", "UTC", "366d", "365d"),
        ("*/20 * * * * *", "UTC", "20s", "10s"),
    ] {
        let timing = json!({"cron": cron, "tz": tz});
        let expect = format!("calls can be {gap} apart, so an SLA of {shorter} could not be met");
        assert_eq!(fault(timing.clone(), shorter).as_ref(), Some(&expect), "{cron}");
        assert_eq!(fault(timing, gap), None, "{cron}");
    }
}

#[test]
fn dates_that_are_over_count_for_nothing() {
    let networks = AllowedNetworks::public_only();
    let read = |now: &str, except: &str, sla: Value| {
        let now = now.parse().unwrap();
        let value = with(minimal(), json!({"tz": "Europe/Berlin", "except": except, "sla": sla}));
        read_new(value, Limits { networks: &networks, min_period: MIN_PERIOD, now }, id()).is_ok()
    };
    let holds = |now: &str, except: &str| read(now, except, json!("15m"));
    assert!(!holds("2026-02-01T00:00:00Z", "2026-02-02") && holds("2026-02-05T00:00:00Z", "2026-02-02"));
    assert!(!holds("2026-02-05T00:00:00Z", "2026-02-02..2026-02-06"), "it lasts");
    assert!(!holds("2026-02-05T00:00:00Z", "02-02"), "it comes again");
    assert!(!holds("2026-02-05T00:00:00Z", "2026-02-02, 2027-02-02"), "the other does");
}

#[test]
fn what_was_promised_stops_no_other_change() {
    let old = job(with(minimal(), json!({"sla": "5m"})));
    // As its target may have asked for.
    let slower = Schedule::every(Duration::from_secs(3600), old.id);
    let old = Job { spec: Spec { schedule: slower, ..Spec::clone(&old.spec) }.into(), ..old };
    assert!(change(json!({"name": "x"}), &old).is_ok());
    assert!(change(json!({"sla": "10m"}), &old).is_err());
}

/// The SLA of a new endpoint as it is shown, or its faults.
fn read(timing: Value, sla: Value) -> Result<String, Vec<(String, &'static str, String)>> {
    let networks = AllowedNetworks::public_only();
    let limits = Limits { networks: &networks, min_period: MIN_PERIOD, now: Time::from_millis(0) };
    let value = with(with(json!({"url": "https://example.com/"}), timing), json!({"sla": sla}));
    let read = read_new(value, limits, id()).map(|new| new.spec.sla.map_or("none".to_owned(), |sla| sla.to_string()));
    let told = |fault: Invalid| (fault.field.into_owned(), fault.code, fault.detail);
    read.map_err(|faults| faults.into_iter().map(told).collect())
}

#[test]
fn an_sla_may_hold_within_hours() {
    let check = |sla: Value, expect: &str| {
        let timing = json!({"cron": "*/15 * * * *", "tz": "Europe/Berlin"});
        assert_eq!(read(timing, sla.clone()).as_deref(), Ok(expect), "{sla}");
    };
    check(json!("15m"), "15m");
    check(json!({"every": "15m"}), "15m");
    check(json!({"every": "15m", "within": "0-24", "days": "mon-sun"}), "15m");
    check(json!({"every": "15m", "within": "9-17"}), "15m within 09:00-17:00, Europe/Berlin");
    check(json!({"every": "15m", "days": ["mon-fri"], "tz": "utc"}), "15m within Mon-Fri, UTC");
    check(
        json!({"every": 900_000, "within": "22:00-02:00, 9am-5pm", "days": "mon-fri", "tz": "Asia/Tokyo"}),
        "15m within 09:00-17:00, 22:00-02:00, Mon-Fri, Asia/Tokyo",
    );
    let every = read(json!({"every": "5m"}), json!({"every": "15m", "within": "9-17"}));
    assert_eq!(every.as_deref(), Ok("15m within 09:00-17:00, UTC"));
}

#[test]
fn a_change_of_an_sla_changes_what_it_names() {
    let old = json!({"every": "15m", "within": "9-17", "days": "mon-fri", "tz": "Europe/Berlin"});
    let old = job(with(minimal(), json!({"sla": old})));
    let check = |sla: Value, expect: &str| {
        let changed = change(json!({"sla": sla}), &old).unwrap().sla;
        assert_eq!(changed.map_or("none".to_owned(), |sla| sla.to_string()), expect, "{sla}");
    };
    check(json!({}), "15m within 09:00-17:00, Mon-Fri, Europe/Berlin");
    check(json!({"every": "1h"}), "1h within 09:00-17:00, Mon-Fri, Europe/Berlin");
    check(json!({"within": null}), "15m within Mon-Fri, Europe/Berlin");
    check(json!({"days": "sat", "tz": null}), "15m within 09:00-17:00, Sat, UTC");
    check(json!({"days": null, "within": null}), "15m");
    check(json!("1h"), "1h");
    check(Value::Null, "none");
}

#[test]
fn faults_of_an_sla_are_at_their_fields() {
    let check = |sla: Value, expect: &[(&str, &str, &str)]| {
        let faults = read(json!({"every": "5m"}), sla.clone()).unwrap_err();
        let faults: Vec<_> = faults.iter().map(|(field, code, detail)| (&**field, *code, &**detail)).collect();
        assert_eq!(faults, expect, "{sla}");
    };
    let missing = "how often it is to be called well is missing; write it like 15m";
    check(json!({"within": "9-17"}), &[("sla.every", "missing", missing)]);
    check(json!({"every": null, "within": "9-17"}), &[("sla.every", "missing", missing)]);
    check(
        json!({"every": "15m", "tz": "UTC"}),
        &[("sla.tz", "conflict", "a time zone goes with hours or days, and none are said")],
    );
    check(
        json!({"every": "9h", "within": "9-17, 18-20"}),
        &[("sla.every", "longer_than_hours", "9h is longer than the hours of the SLA, which can be 2h at a time")],
    );
    check(
        json!({"every": "x", "within": "9-5", "days": "m", "tz": "Berlin", "hours": 1}),
        &[
            ("sla.every", "not_a_duration", "`x` is not a duration; write it like 10s, 5m or 1h 30m"),
            ("sla.within", "ambiguous", "`9-5` may mean two things; write 9-17, 9am-5pm or 09:00-05:00"),
            (
                "sla.days",
                "not_a_weekday",
                "`m` is not a weekday; write mon-fri, sat, weekend or 1-5 (1 is Monday, 7 Sunday)",
            ),
            ("sla.tz", "unknown_zone", "`Berlin` is not a known time zone; write it like Europe/Berlin or UTC"),
            ("sla.hours", "unknown_field", "`sla.hours` is not a field of `sla`"),
        ],
    );
    check(
        json!(true),
        &[(
            "sla",
            "wrong_type",
            "`sla` must be a duration like \"5m\", or an object of `every`, `within`, `days` and `tz`, not true or false",
        )],
    );
}

#[test]
fn an_sla_in_hours_is_held_against_the_calls_in_them() {
    let fault = |cron: &str, every: &str, within: &str, days: &str| {
        let sla = json!({"every": every, "within": within, "days": days});
        read(json!({"cron": cron, "tz": "Europe/Berlin"}), sla).err().map(|faults| faults[0].2.clone())
    };
    let met = |cron: &str, every: &str, within: &str, days: &str| assert_eq!(fault(cron, every, within, days), None);
    let broken = |cron: &str, every: &str, within: &str, days: &str, gap: &str| {
        let detail = fault(cron, every, within, days).unwrap_or_default();
        assert!(
            detail.contains(gap) && detail.ends_with(&format!("so an SLA of {every} could not be met")),
            "{cron}: {detail}"
        );
    };
    // The night and the weekend do not count.
    met("*/15 9-16 * * 1-5", "15m", "9-17", "mon-fri");
    met("*/5 8-21 * * 1-5", "5m", "8-22", "mon-fri");
    met("0 12 * * 1-5", "8h", "9-17", "mon-fri");
    met("0 20,1 * * *", "12h", "20-8", "daily");
    // But the hours without a call do: at their start, at their end, or all of them.
    broken(
        "*/15 10-16 * * 1-5",
        "15m",
        "9-17",
        "mon-fri",
        "within 09:00-17:00, Mon-Fri, Europe/Berlin, calls can be 1h apart",
    );
    broken("*/5 8-15 * * 1-5", "10m", "9-17", "mon-fri", "Berlin, calls can be 1h 5m apart");
    broken("*/15 9-11,13-16 * * 1-5", "15m", "9-17", "mon-fri", "Berlin, calls can be 1h 15m apart");
    broken(
        "*/15 9-16 * * 1-5",
        "15m",
        "9-17",
        "mon-sat",
        "Berlin, there can be no call at all (calls can be 2d 1h apart)",
    );
    broken("*/15 9-16 * 1-11 1-5", "15m", "9-17", "mon-sat", "there can be no call at all (calls can be 31d apart)");
    // Spread by the id of the endpoint, a call may come at any time.
    let spread = read(json!({"every": "1h"}), json!({"every": "30m", "within": "9:00-9:30"})).unwrap_err();
    assert_eq!(spread[0].1, "shorter_than_period");
    // What is excepted is not promised.
    for except in ["2027-06-01", "12-24..01-02", "daily 12:00-13:00", "wed"] {
        let timing = json!({"cron": "*/15 9-16 * * 1-5", "tz": "Europe/Berlin", "except": except});
        let read = read(timing, json!({"every": "15m", "within": "9-17", "days": "mon-fri"}));
        assert!(read.is_ok(), "{except}: {read:?}");
    }
    // A change of the schedule breaks it, too.
    let old = json!({"every": "15m", "within": "9-17", "days": "mon-fri"});
    let old = job(with(minimal(), json!({"sla": old})));
    assert_eq!(change(json!({"every": "20m"}), &old).unwrap_err(), [("every".to_owned(), "longer_than_sla")]);
    assert!(change(json!({"except": "daily 17:00-09:00, sat-sun"}), &old).is_ok());
    assert!(change(json!({"pause": {"note": "a move"}}), &old).is_ok());
    assert_eq!(change(json!({"sla": {"every": null}}), &old).unwrap_err(), [("sla.every".to_owned(), "missing")]);
    assert!(change(json!({"except": "12-25"}), &old).is_ok());
    let around_the_clock = job(with(minimal(), json!({"sla": "15m"})));
    let fault = change(json!({"except": "12-25"}), &around_the_clock).unwrap_err();
    assert_eq!(fault, [("except".to_owned(), "longer_than_sla")]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// What is refused is broken in a year of calls that each end at once, and what is taken is not.
    #[test]
    fn what_is_refused_could_not_be_met(
        (from, to, step) in (0u32..24, 0u32..24, 1u32..4), (open, length) in (0u32..24, 1u32..24), days in 0usize..3,
        halves in 1u32..12,
    ) {
        let days = ["mon-fri", "sat, sun", "tue"][days];
        let hours = format!("{from}-{to}/{step}");
        let within = format!("{open:02}:00-{:02}:00", (open + length) % 24);
        let sla = json!({"every": format!("{}m", 30 * halves), "within": within, "days": days});
        let value = json!({"url": "https://example.com/", "cron": format!("0 {hours} * * *"), "tz": "Europe/Berlin", "sla": sla});
        let without_sla = create(with(value.clone(), json!({"sla": null})), "none").unwrap();
        let zone = crate::Zone::parse("Europe/Berlin").unwrap();
        let every = Duration::from_secs(u64::from(halves) * 1800);
        let hours = crate::Hours { windows: within.parse().ok(), days: days.parse().unwrap(), zone };
        let Ok(sla) = Sla::within(every, hours) else { return Ok(()) };
        let mut at = without_sla.spec.schedule.first(Time::from_millis(1_767_571_200_000)).unwrap();
        let end = at + Duration::from_secs(366 * 86_400);
        let mut is_broken = false;
        while at < end && !is_broken {
            let next = without_sla.spec.schedule.first(at).unwrap();
            is_broken = next > sla.deadline(at, &without_sla.spec.schedule);
            at = next;
        }
        prop_assert_eq!(create(value, "none").is_err(), is_broken, "{}", sla);
    }
}
