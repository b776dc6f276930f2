//! Bounds: what is left of a schedule, counted as if one had walked through it.

use std::collections::BTreeSet;

use super::*;

fn bounds(from: Option<&str>, until: Option<&str>, except: &str, name: &str) -> Bounds {
    let at = |text: &str| time(text);
    Bounds {
        from: from.map(at),
        until: until.map(at),
        except: except.parse().expect("exceptions"),
        pause: None,
        zone: zone(name),
    }
}

fn hourly(from: Option<&str>, until: Option<&str>, except: &str) -> Schedule {
    Schedule::aligned(HOUR).within(bounds(from, until, except, "UTC")).expect("it comes")
}

#[test]
fn both_ends_are_within() {
    let schedule = hourly(Some("2026-03-01T10:00:00Z"), Some("2026-03-01T12:00:00Z"), "");
    let times = ["2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z", "2026-03-01T12:00:00Z"].map(time);
    assert_eq!(schedule.upcoming(time("2020-01-01T00:00:00Z"), 9), times);
    assert_eq!(schedule.first(times[2]), None);
    assert_eq!(schedule.next(times[2], times[2]), Next { due: None, missed: 0 });
    // Far too late: two were missed, and nothing comes after them.
    assert_eq!(schedule.next(times[0], times[2] + 30 * DAY), Next { due: None, missed: 2 });
    assert_eq!(schedule.owed(times[0], times[2] + 30 * DAY), 3);
}

#[test]
fn what_is_excepted_is_not_missed() {
    let schedule = hourly(None, None, "01:00-03:00, 12-25");
    let (due, now) = (time("2026-12-23T23:00:00Z"), time("2026-12-26T00:10:00Z"));
    // 22 hours of the 24th, and the first of the 26th.
    assert_eq!(schedule.next(due, now), Next { due: Some(time("2026-12-26T03:00:00Z")), missed: 23 });
    assert_eq!(schedule.owed(due, now), 24);
    // Of a year, whether the steps are exceptions or occurrences.
    let (start, end) = (time("2027-01-01T00:00:00Z"), time("2027-12-31T23:00:00Z"));
    assert_eq!(schedule.owed(start, end), 364 * 22);
    let often = Schedule::aligned(Duration::from_secs(1)).within(bounds(None, None, "01:00-03:00", "UTC")).expect("it");
    assert_eq!(often.owed(start, end + HOUR - Duration::from_secs(1)), 365 * 22 * 3600);
}

#[test]
fn a_pause_leaves_nothing_until_it_is_over() {
    let paused = |until: Option<&str>| {
        let pause = Some(Pause { until: until.map(time), note: "the target moves".to_owned() });
        let bounds = Bounds { pause, ..bounds(Some("2026-03-01T10:00:00Z"), None, "", "UTC") };
        Schedule::aligned(HOUR).within(bounds).expect("it comes, later")
    };
    let [ten, noon] = ["2026-03-01T10:00:00Z", "2026-03-01T12:00:00Z"].map(time);
    let until_noon = paused(Some("2026-03-01T12:00:00Z"));
    assert_eq!((until_noon.first(ten), until_noon.begins(ten)), (Some(noon), noon));
    assert_eq!(until_noon.next(ten, ten), Next { due: Some(noon), missed: 0 });
    // Of what came in it nothing is owed; the one that was due before is.
    assert_eq!(until_noon.owed(ten, noon - Duration::from_millis(1)), 1);
    // Over, it is as if it had never been.
    let plain = hourly(Some("2026-03-01T10:00:00Z"), None, "");
    assert_eq!(until_noon.first(noon), plain.first(noon));
    assert_eq!((until_noon.begins(noon + HOUR), until_noon.mean_rate()), (noon + HOUR, plain.mean_rate()));
    let pause_at = |schedule: &Schedule, at| schedule.bounds().and_then(|bounds| bounds.pause_at(at)).is_some();
    assert!(pause_at(&until_noon, noon - Duration::from_millis(1)) && !pause_at(&until_noon, noon));

    let words = |at| until_noon.describe_at(at).contains("paused until 2026-03-01 12:00 UTC (the target moves)");
    assert!(words(noon - Duration::from_millis(1)) && !until_noon.describe_at(noon).contains("pause"));
    let halted = paused(None);
    assert_eq!((halted.first(ten), halted.next(ten, noon)), (None, Next { due: None, missed: 0 }));
    assert_eq!((halted.owed(ten, noon), halted.mean_rate(), pause_at(&halted, noon)), (1, 0.0, true));
    assert_eq!((halted.resumed(), until_noon.resumed()), (plain.clone(), plain));
    let only = Bounds { pause: Some(Pause { until: None, note: "n".to_owned() }), ..Bounds::none() };
    assert_eq!(Schedule::aligned(HOUR).within(only).expect("it comes, later").resumed(), Schedule::aligned(HOUR));
}

#[test]
fn bounds_that_leave_nothing_are_refused() {
    let check =
        |schedule: Schedule, from: Option<&str>, until: Option<&str>, except: &str, expect: (&str, &str, &str)| {
            let fault = schedule.within(bounds(from, until, except, "UTC")).expect_err("nothing is left");
            assert_eq!((&*fault.field, fault.code, &*fault.detail), expect, "{except}");
        };
    let cron = |text: &str| Schedule::Cron(Cron::parse(text, zone("Europe/Berlin"), 0).expect("a pattern"));
    let except = |shown: &str| format!("`{shown}` leaves no call; write exceptions that leave some time between");
    let nightly = Schedule::Cron(Cron::parse("0 2 * * *", Zone::UTC, 0).expect("a pattern"));
    check(nightly, None, None, "1:00-3:00", ("except", "never", &except("01:00-03:00")));
    check(Schedule::aligned(HOUR), None, None, "00:00-24:00", ("except", "never", &except("00:00-24:00")));
    check(Schedule::aligned(HOUR), None, None, "01-01..12-31", ("except", "never", &except("01-01..12-31")));
    check(cron("0 0 25 12 *"), None, None, "12-24..12-26", ("except", "never", &except("12-24..12-26")));
    let (early, late) = (Some("2026-03-01T00:00:00Z"), Some("2026-03-02T00:00:00Z"));
    let detail = "Sun 2026-03-01 00:00:00 UTC is before Mon 2026-03-02 00:00:00 UTC, which is `from`";
    check(Schedule::aligned(HOUR), late, early, "", ("until", "never", detail));
    let detail = "no call is left until Mon 2026-03-02 01:00:00 CET; write a later time, or leave it out";
    check(cron("0 9 * * FRI"), early, late, "", ("until", "never", detail));
    check(
        Schedule::aligned(HOUR),
        early,
        late,
        "2026-01-01..2027-01-01",
        ("except", "never", &except("2026-01-01..2027-01-01")),
    );
    let once = Schedule::Once { at: time("2026-03-01T00:00:00Z") };
    check(once, None, late, "", ("from", "not_recurring", "only what recurs has bounds, and it has them once"));
    // An exception that is over leaves all.
    assert!(Schedule::aligned(HOUR).within(bounds(None, None, "2020-01-01..2026-01-01", "UTC")).is_ok());
}

#[test]
fn a_schedule_without_bounds_is_plain() {
    let plain = Schedule::aligned(HOUR);
    assert_eq!(plain.clone().within(Bounds::none()), Ok(plain.clone()));
    let bounded = hourly(None, None, "12-25");
    assert_eq!(bounded.clone().within(Bounds::none()), Ok(plain.clone()));
    assert_eq!((bounded.base(), plain.base()), (&plain, &plain));
    assert_eq!(bounded.with_base(Schedule::aligned(DAY)).base(), &Schedule::aligned(DAY));
    assert_eq!(bounded.with_base(Schedule::aligned(DAY)).bounds(), bounded.bounds());
    assert_eq!(plain.with_base(Schedule::aligned(DAY)), Schedule::aligned(DAY));
}

#[test]
fn words_say_the_bounds() {
    let check = |base: Schedule, bounds: Bounds, words: &str| {
        assert_eq!(base.within(bounds).expect("it comes").describe(), words);
    };
    let every = || Schedule::aligned(HOUR).with_jitter(HOUR / 60, uuid::Uuid::nil().into()).expect("a jitter");
    let words = "every 1h, within 1m after round times";
    check(
        every(),
        bounds(None, Some("2027-01-01T00:00:00Z"), "12-25, 1-3:00", "UTC"),
        &format!("{words}, until 2027-01-01 00:00 UTC, except 12-25, 01:00-03:00"),
    );
    check(
        every(),
        bounds(Some("2026-07-01T00:00:07Z"), None, "sat sun", "Europe/Berlin"),
        &format!("{words}, from 2026-07-01 02:00:07 CEST, except Sat-Sun 00:00-24:00 (Europe/Berlin)"),
    );
    let cron = Schedule::Cron(Cron::parse("@daily", zone("Europe/Berlin"), 0).expect("a pattern"));
    check(cron, bounds(None, None, "12-25", "UTC"), "cron @daily (Europe/Berlin), except 12-25");
}

#[test]
fn it_is_stored_beside_the_plain_forms() {
    let json = r#"{"bounded":{"schedule":{"every":{"period":"1h","anchor":"1970-01-01T00:00:00.000Z"}},"from":"2026-03-01T00:00:00.000Z","except":"12-25, Mon-Fri 01:00-03:00","tz":"UTC"}}"#;
    let schedule = hourly(Some("2026-03-01T00:00:00Z"), None, "12-25, mon-fri 1:00-3:00");
    assert_eq!(serde_json::to_string(&schedule).expect("JSON"), json);
    assert_eq!(serde_json::from_str::<Schedule>(json).expect("the same"), schedule);
    let twice = json.replace(r#"{"every":{"period":"1h","anchor":"1970-01-01T00:00:00.000Z"}}"#, json);
    assert!(serde_json::from_str::<Schedule>(&twice).is_err());
}

#[test]
fn rates_are_those_of_what_recurs() {
    rate_is(&hourly(None, Some("2026-03-01T00:00:00Z"), "2026-01-01..2026-02-01"), 24, DAY);
    rate_is(&hourly(None, None, "01:00-03:00"), 22, DAY);
    rate_is(&hourly(None, None, "sat-sun"), 5 * 24, 7 * DAY);
    rate_is(&hourly(None, None, "12-25, 02-29, 01:00-03:00, 12-20..01-10"), 22 * (365 - 22), 365 * DAY);
    let cron = Schedule::Cron(Cron::parse("0 2 * * *", Zone::UTC, 0).expect("a pattern"));
    rate_is(&cron.within(bounds(None, None, "mon-fri 01:00-03:00", "UTC")).expect("it comes"), 2, 7 * DAY);
}

#[test]
fn gaps_are_those_with_exceptions_in_them() {
    let check = |schedule: Schedule, except: &str, expect: Duration| {
        let schedule = schedule.within(bounds(None, None, except, "UTC")).expect("it comes");
        assert_eq!(show(schedule.longest_exception()), show(expect), "{}", schedule.describe());
    };
    let minutes = |n: u32| n * HOUR / 60;
    let cron = |text: &str| Schedule::Cron(Cron::parse(text, Zone::UTC, 0).expect("a pattern"));
    check(Schedule::aligned(minutes(5)), "01:00-03:00", minutes(125));
    check(Schedule::every(minutes(5), uuid::Uuid::from_u128(7).into()), "01:00-03:00", minutes(125));
    check(Schedule::aligned(minutes(5)), "12-24..01-02, 01:00-03:00", 10 * DAY + minutes(5));
    check(Schedule::aligned(minutes(5)), "2040-12-24, 01:00-03:00", DAY + minutes(5));
    check(Schedule::aligned(minutes(5)), "12-24, 22:00-24:00", 26 * HOUR + minutes(5));
    check(cron("0 9 * * *"), "01:00-03:00", Duration::ZERO);
    check(cron("*/10 9-16 * * *"), "12:00-13:00, sun", 2 * DAY - 8 * HOUR + minutes(10));
    check(cron("*/10 9-16 * * *"), "01:00-03:00", Duration::ZERO);
    // 2040-12-24 is a Monday.
    check(Schedule::aligned(minutes(5)), "2040-12-24, sat-sun", 3 * DAY + minutes(5));
    let later = bounds(Some("2040-01-01T00:00:00Z"), Some("2040-12-01T00:00:00Z"), "01:00-03:00, 12-24", "UTC");
    let later = Schedule::aligned(minutes(5)).within(later).expect("it comes");
    assert_eq!(later.longest_exception(), minutes(125), "Christmas is after the end");
    // In the night when the clocks are put back it is an hour longer.
    let berlin = Schedule::Cron(Cron::parse("*/10 * * * *", zone("Europe/Berlin"), 0).expect("a pattern"));
    check(berlin, "01:00-03:00", minutes(3 * 60 + 10));
}

/// What recurs, with bounds, and what it is without.
fn any_bounded() -> impl Strategy<Value = (Schedule, Bounds, Time)> {
    let excepts = prop::collection::vec(
        prop::sample::select(vec![
            "01:00-03:00",
            "02:00-02:30",
            "02:30-03:00",
            "22:00-02:15",
            "mon-fri 09:00-17:00",
            "sun 12:00-02:30",
            "sat-sun 00:00-24:00",
            "2026-03-29",
            "2026-10-25..2026-10-26",
            "03-08",
            "11-01..11-02",
            "12-24..01-02",
            "02-29",
        ]),
        0..5,
    );
    let base = prop_oneof![
        (1u64..200, 0i64..10_000_000, 0u64..100, any::<u64>()).prop_map(|(minutes, anchor, within, seed)| {
            let period = minutes * 60_000;
            let jitter = (within > 0).then(|| Jitter { within: Duration::from_millis(period * within / 100), seed });
            Err(Schedule::Every { period: Duration::from_millis(period), anchor: Time::from_millis(anchor), jitter })
        }),
        prop::sample::select(vec![
            "*/5 * * * *",
            "30 2 * * *",
            "0 */2 * * *",
            "7 * * * *",
            "15,45 1-3 * * *",
            "0 9 * * MON"
        ])
        .prop_map(|text| Ok(Err(text))),
        (prop::sample::select(vec!["", "22:00-03:30", "00:30-04:00"]), 0usize..4, any::<u64>())
            .prop_map(|(window, period, seed)| Ok(Ok((window, [10, 60, 180, 1440][period], seed)))),
    ];
    let ends = (prop::option::of(-50_000_000i64..50_000_000), prop::option::of(50_000_000i64..200_000_000));
    (base, excepts, ends, zone_and_time()).prop_map(|(base, excepts, (from, until), (zone, now))| {
        let base = match base {
            Err(every) => every,
            Ok(Err(text)) => Schedule::Cron(Cron::parse(text, zone.clone(), 7).expect("a pattern")),
            Ok(Ok((window, minutes, seed))) => {
                let windows = (!window.is_empty()).then(|| window.parse().expect("windows"));
                let period = Duration::from_secs(minutes * 60);
                Schedule::Random(Random::new(period, windows, Days::ALL, zone.clone(), seed).expect("a random"))
            }
        };
        let at = |millis: i64| Time::from_millis(now.millis() + millis);
        let except = excepts.join(", ").parse().expect("exceptions");
        (base, Bounds { from: from.map(at), until: until.map(at), except, pause: None, zone }, now)
    })
}

/// Whether an exception holds, as a person would say who looks at a calendar and a clock.
fn is_excepted(except: &Exceptions, clock: &jiff::Zoned) -> bool {
    let (date, minute) = (clock.date(), i64::from(clock.hour()) * 60 + i64::from(clock.minute()));
    let yesterday = date.yesterday().expect("a day");
    let (today, month_day) = (date.to_string(), date.to_string()[5..].to_owned());
    let shown = except.to_string();
    shown.split(", ").filter(|item| !item.is_empty()).any(|item| {
        let (first, last) = item.split_once("..").unwrap_or((item, item));
        match (item.contains(':'), first.len()) {
            (false, 10) => (first..=last).contains(&&*today),
            (false, _) if first <= last => (first..=last).contains(&&*month_day),
            (false, _) => &*month_day >= first || &*month_day <= last,
            (true, _) => {
                let (days, window) = item.rsplit_once(' ').unwrap_or(("mon-sun", item));
                let days: Days = days.parse().expect("days");
                let minute_of = |text: &str| text[..2].parse::<i64>().unwrap() * 60 + text[3..].parse::<i64>().unwrap();
                let (start, end) =
                    window.split_once('-').map(|(start, end)| (minute_of(start), minute_of(end))).unwrap();
                let end = if end <= start { end + 1440 } else { end };
                let on = |date: jiff::civil::Date, minute: i64| {
                    let weekday = u8::try_from(date.weekday().to_monday_zero_offset()).unwrap();
                    days.has(weekday) && (start..end).contains(&minute)
                };
                on(date, minute) || on(yesterday, minute + 1440)
            }
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_left_is_what_the_bounds_leave(
        (base, bounds, now) in any_bounded(), picks: (prop::sample::Index, prop::sample::Index),
    ) {
        let is_left = |at: &Time| {
            let clock = bounds.zone.clock(*at).expect("a time");
            bounds.from.is_none_or(|from| from <= *at) && bounds.until.is_none_or(|until| *at <= until)
                && !is_excepted(&bounds.except, &clock)
        };
        let all = base.upcoming(now, 1_500);
        let expect: Vec<Time> = all.iter().copied().filter(is_left).collect();
        let bounded = Schedule::aligned(HOUR).with_base(base.clone());
        prop_assert_eq!(&bounded, &base);
        let Ok(bounded) = base.clone().within(bounds.clone()) else {
            prop_assert!(expect.is_empty(), "it is refused, and comes");
            return Ok(());
        };
        let end = *all.last().expect("it recurs");
        // Not with `upcoming`: of some, one in a year is left.
        let found = iter::successors(bounded.first(now), |due| bounded.next(*due, *due).due);
        let found: Vec<Time> = found.take_while(|at| *at <= end).collect();
        prop_assert_eq!(&bounded.upcoming(now, found.len().min(20)), &found[..found.len().min(20)]);
        prop_assert_eq!(&found, &expect);
        prop_assert_eq!(bounded.count(now, end), found.len() as u64);

        let json = serde_json::to_string(&bounded).expect("JSON");
        prop_assert_eq!(&serde_json::from_str::<Schedule>(&json).expect("the same"), &bounded);
        let missing: BTreeSet<Time> = all.iter().copied().filter(|at| !is_left(at)).collect();
        prop_assert!(found.iter().all(|at| !missing.contains(at)));

        // A call of one of them that begins at any time after it.
        if found.len() < 3 { return Ok(()) }
        let (due, late) = (picks.0.index(found.len() - 1), picks.1.index(all.len() - 10));
        let (due, late) = (found[due], all[late].max(found[due]));
        let between = found.iter().filter(|at| (due..=late).contains(at)).count();
        prop_assert_eq!(bounded.owed(due, late), between as u64);
        prop_assert_eq!(bounded.first(late), found.iter().copied().find(|at| *at > late).or_else(|| bounded.first(late).filter(|at| *at > end)));
        let next = bounded.next(due, late);
        prop_assert!(next.due.is_none_or(|next| next > due && next > late));
        // The plain schedule says from when on it is not too late.
        let plain = base.next(due, late).due.expect("it recurs");
        prop_assert_eq!(next.due, bounded.first(Time::from_millis(plain.millis() - 1)));
        let missed = found.iter().filter(|at| **at > due && **at < plain).count();
        prop_assert_eq!(next.missed, missed as u64);
    }
}
