//! When endpoints are called.

use super::*;

/// The fields that the pairs say; `-` is `null`.
fn said(pairs: &[(&str, &str)]) -> Value {
    let value = |name: &str, text: &str| match text {
        "-" => Value::Null,
        "true" | "false" if name == "align" => json!(text == "true"),
        text => json!(text),
    };
    pairs.iter().map(|(name, text)| ((*name).to_owned(), value(name, text))).collect()
}

/// A new job with this timing, or what is wrong with it.
fn timed(pairs: &[(&str, &str)]) -> Result<Schedule, Vec<(String, &'static str)>> {
    create(with(json!({"url": "https://example.com/"}), said(pairs)), "none").map(|new| new.spec.schedule)
}

#[test]
fn each_kind_of_timing_is_read() {
    let check = |pairs: &[(&str, &str)], expect: &str| assert_eq!(timed(pairs).unwrap().describe(), expect);
    check(&[("every", "5m")], "every 5m");
    check(&[("every", "5m"), ("jitter", "30s")], "every 5m, within 30s");
    check(&[("every", "5m"), ("jitter", "0")], "every 5m");
    check(&[("every", "5m"), ("align", "true")], "every 5m, on round times");
    check(&[("every", "5m"), ("align", "true"), ("jitter", "30s")], "every 5m, within 30s after round times");
    check(&[("every", "5m"), ("align", "false")], "every 5m");
    check(&[("cron", "@hourly"), ("align", "false")], "cron @hourly (UTC)");
    check(&[("every", "5m"), ("jitter", "-"), ("window", "-"), ("days", "-"), ("tz", "-")], "every 5m");
    check(&[("cron", " 0 9 * *  MON-FRI")], "cron 0 9 * * MON-FRI (UTC)");
    check(&[("cron", "@hourly"), ("tz", "europe/berlin")], "cron @hourly (Europe/Berlin)");
    check(&[("cron", "TZ=Europe/Berlin @hourly")], "cron @hourly (Europe/Berlin)");
    check(&[("cron", "CRON_TZ=Europe/Berlin 0 9 * * *"), ("tz", "europe/berlin")], "cron 0 9 * * * (Europe/Berlin)");
    check(&[("cron", "H H * * *")], "cron H H * * * (UTC)");
    check(&[("random", "1h")], "at random once in each 1h (UTC)");
    check(
        &[("random", "1h"), ("window", "09:00-17:00"), ("days", "mon-fri"), ("tz", "Europe/Berlin")],
        "at random once in each 1h, 09:00-17:00, Mon-Fri (Europe/Berlin)",
    );
}

#[test]
fn each_kind_of_timing_may_have_bounds() {
    let check = |pairs: &[(&str, &str)], expect: &str| assert_eq!(timed(pairs).unwrap().describe(), expect);
    let (from, until) = (("from", "2026-12-01 09:00"), ("until", "2027-01-01T00:00Z"));
    check(&[("every", "5m"), from], "every 5m, from 2026-12-01 09:00 UTC");
    check(&[("every", "5m"), from, ("tz", "Europe/Berlin")], "every 5m, from 2026-12-01 09:00 CET");
    check(
        &[("every", "5m"), until, ("except", "12-25, 01:00-03:00")],
        "every 5m, until 2027-01-01 00:00 UTC, except 12-25, 01:00-03:00",
    );
    check(
        &[("cron", "@daily"), ("tz", "Europe/Berlin"), from, ("except", "sat, sun")],
        "cron @daily (Europe/Berlin), from 2026-12-01 09:00 CET, except Sat 00:00-24:00, Sun 00:00-24:00",
    );
    check(&[("random", "1h"), ("except", "12-24 to 01-02")], "at random once in each 1h (UTC), except 12-24..01-02");
    check(&[("every", "5m"), ("from", "-"), ("until", "-"), ("except", "-"), ("tz", "-")], "every 5m");
    check(&[("every", "5m"), ("except", "")], "every 5m");
    let list = create(with(minimal(), json!({"except": ["12-25", "mon-fri 01:00-03:00"]})), "none").unwrap();
    assert_eq!(list.spec.schedule.describe(), "every 5m, except 12-25, Mon-Fri 01:00-03:00");
}

#[test]
fn faults_of_bounds_are_at_their_fields() {
    let check = |pairs: &[(&str, &str)], expect: &[(&str, &str, &str)]| {
        let networks = AllowedNetworks::public_only();
        let limits = Limits { networks: &networks, min_period: MIN_PERIOD, now: Time::from_millis(0) };
        let faults = read_schedule(&said(pairs), limits, id(), None).unwrap_err();
        let faults: Vec<_> = faults.iter().map(|fault| (&*fault.field, fault.code, &*fault.detail)).collect();
        assert_eq!(faults, expect, "{pairs:?}");
    };
    let every = ("every", "5m");
    let conflict = "`tz` goes with `cron` and `random`, and with `every` if there is `from`, `until`, `except` or `pause`; the hours of \
         an SLA have a zone of their own";
    check(&[every, ("tz", "UTC")], &[("tz", "conflict", conflict)]);
    check(&[every, ("tz", "UTC"), ("except", "-")], &[("tz", "conflict", conflict)]);
    let not_a_time = "`soon` is not a time; write it like 2030-01-31T09:00:00Z";
    let date = "`2027-01-01` has no time of day; write it like 2030-01-31T09:00:00Z";
    let day = "there is no day `02-30`; write the month first, like 12-25, or a part of the day like 22:00-02:00";
    check(
        &[every, ("from", "soon"), ("until", "2027-01-01"), ("except", "12-25, 02-30")],
        &[("from", "not_a_time", not_a_time), ("until", "not_a_time", date), ("except", "no_such_day", day)],
    );
    check(
        &[("from", "soon")],
        &[
            (
                "every",
                "missing",
                "when to call it is missing: say `every` (like 10s, 5m or 1h 30m), `cron` or `random`",
            ),
            ("from", "not_a_time", not_a_time),
        ],
    );
    check(
        &[every, ("from", "2027-01-01T00:00Z"), ("until", "2026-12-01T00:00Z")],
        &[("until", "never", "Tue 2026-12-01 00:00:00 UTC is before Fri 2027-01-01 00:00:00 UTC, which is `from`")],
    );
    check(
        &[("cron", "30 2 * * *"), ("except", "1am-3am")],
        &[("except", "never", "`01:00-03:00` leaves no call; write exceptions that leave some time between")],
    );
    let sla = |sla: &str| create(with(minimal(), json!({"sla": sla, "except": "01:00-03:00"})), "none");
    assert_eq!(sla("10m").unwrap_err(), [("sla".to_owned(), "shorter_than_period")]);
    assert!(sla("125m").is_ok());
    let networks = AllowedNetworks::public_only();
    let limits = Limits { networks: &networks, min_period: MIN_PERIOD, now: Time::from_millis(0) };
    let value = with(minimal(), json!({"sla": "10m", "except": "01:00-03:00"}));
    let faults = read_new(value, limits, id()).unwrap_err();
    assert_eq!(faults[0].detail, "calls can be 2h 5m apart, so an SLA of 10m could not be met");
}

#[test]
fn a_pause_has_a_time_or_a_reason() {
    let paused = |pause: Value| with(minimal(), json!({"tz": "Europe/Berlin", "pause": pause}));
    let describe = |value: Value| create(value, "none").unwrap().spec.schedule.describe();
    let until = json!({"until": "2027-01-31 09:00"});
    assert_eq!(describe(paused(until.clone())), "every 5m, paused until 2027-01-31 09:00 CET");
    assert_eq!(describe(paused(json!({"note": " a move "}))), "every 5m, paused (a move)");
    let both = json!({"until": "2027-01-31T08:00:30Z", "note": "a move"});
    assert_eq!(describe(paused(both.clone())), "every 5m, paused until 2027-01-31 09:00:30 CET (a move)");

    let check = |pause: Value, expect: &[(&str, &str, &str)]| {
        let networks = AllowedNetworks::public_only();
        let limits = Limits { networks: &networks, min_period: MIN_PERIOD, now: Time::from_millis(0) };
        let faults = read_new(paused(pause.clone()), limits, id()).unwrap_err();
        let faults: Vec<_> = faults.iter().map(|fault| (&*fault.field, fault.code, &*fault.detail)).collect();
        assert_eq!(faults, expect, "{pause}");
    };
    let missing = "say until when, or leave a note why it is paused until somebody resumes it";
    check(json!({}), &[("pause.until", "missing", missing)]);
    check(json!({"note": " "}), &[("pause.until", "missing", missing)]);
    let not_a_time = "`soon` is not a time; write it like 2030-01-31T09:00:00Z";
    let line = "a note is one line of up to 200 characters";
    check(
        json!({"until": "soon", "note": "a\nb"}),
        &[("pause.until", "not_a_time", not_a_time), ("pause.note", "out_of_range", line)],
    );
    check(json!({"note": "x".repeat(201)}), &[("pause.note", "out_of_range", line)]);
    check(json!({"note": "n", "why": "w"}), &[("pause.why", "unknown_field", "`pause.why` is not a field of `pause`")]);
    check(
        json!(true),
        &[("pause", "wrong_type", "`pause` must be an object of `until` and `note`, not true or false")],
    );

    // A change says what it changes.
    let old = job(paused(both));
    let changed = |pause: Value| change(json!({"pause": pause}), &old).map(|spec| spec.schedule.describe());
    let not_until = changed(json!({"until": null})).unwrap();
    assert_eq!(not_until, "every 5m, paused (a move)");
    assert_eq!(changed(json!({"note": null})).unwrap(), "every 5m, paused until 2027-01-31 09:00:30 CET");
    assert_eq!(changed(json!({"until": null, "note": ""})).unwrap_err(), [("pause.until".to_owned(), "missing")]);
    assert_eq!(changed(Value::Null).unwrap(), "every 5m");
    assert_eq!(change(json!({"pause": null}), &old).unwrap().schedule, old.spec.schedule.resumed());
    let once = create(json!({"url": "https://example.com/", "at": "2030-01-01T00:00Z", "pause": until}), "none");
    assert!(once.is_err(), "there is nothing to pause: {once:?}");
}

#[test]
fn a_change_of_bounds_changes_what_it_names() {
    let check = |old: &[(&str, &str)], new: &[(&str, &str)], expect: &str| {
        let old = job(with(json!({"url": "https://example.com/"}), said(old)));
        let schedule = change(said(new), &old).unwrap().schedule;
        assert_eq!(schedule.describe(), expect, "{new:?}");
        if new.iter().all(|(name, _)| ["from", "until", "except"].contains(name)) {
            assert_eq!(schedule.base(), old.spec.schedule.base(), "it keeps its grid");
        }
    };
    let every = &[("every", "5m"), ("until", "2027-01-01T00:00Z"), ("except", "12-25"), ("tz", "Europe/Berlin")][..];
    let until = "until 2027-01-01 01:00 CET";
    check(every, &[], &format!("every 5m, {until}, except 12-25 (Europe/Berlin)"));
    check(every, &[("except", "-")], &format!("every 5m, {until}"));
    check(every, &[("except", "-"), ("until", "-")], "every 5m");
    check(
        every,
        &[("until", "2028-01-01 00:00")],
        "every 5m, until 2028-01-01 00:00 CET, except 12-25 (Europe/Berlin)",
    );
    check(every, &[("tz", "-")], "every 5m, until 2027-01-01 00:00 UTC, except 12-25");
    check(every, &[("jitter", "1m")], &format!("every 5m, within 1m, {until}, except 12-25 (Europe/Berlin)"));
    check(every, &[("every", "10m")], &format!("every 10m, {until}, except 12-25 (Europe/Berlin)"));
    check(every, &[("cron", "@daily")], &format!("cron @daily (Europe/Berlin), {until}, except 12-25"));
    check(
        every,
        &[("random", "1d"), ("tz", "UTC")],
        "at random once in each 1d (UTC), until 2027-01-01 00:00 UTC, except 12-25",
    );
    let cron = &[("cron", "@daily"), ("tz", "Asia/Tokyo"), ("except", "sun")][..];
    check(cron, &[("every", "1h")], "every 1h, except Sun 00:00-24:00 (Asia/Tokyo)");
    check(cron, &[("every", "1h"), ("except", "-")], "every 1h");
    check(cron, &[("tz", "UTC")], "cron @daily (UTC), except Sun 00:00-24:00");
    check(&[("every", "5m")], &[("except", "12-25")], "every 5m, except 12-25");
    // What is shown can be sent back.
    for timing in [every, cron] {
        let old = job(with(json!({"url": "https://example.com/"}), said(timing)));
        let mut shown = serde_json::to_value(crate::Timing::of(&old.spec.schedule)).unwrap();
        shown.as_object_mut().unwrap().retain(|name, _| TIMING.contains(&name.as_str()));
        assert_eq!(change(shown, &old).unwrap(), *old.spec);
    }
    // A pattern that is refused now gets bounds as it is.
    let old = job(with(json!({"url": "https://example.com/"}), said(cron)));
    let refused = Schedule::Cron(crate::Cron::stored("MON 9 * * *", crate::Zone::UTC, None));
    let old = Job { spec: Spec { schedule: refused.clone(), ..Spec::clone(&old.spec) }.into(), ..old };
    assert_eq!(change(json!({"except": "sun"}), &old).unwrap().schedule.base(), &refused);
}

#[test]
fn faults_of_timing_are_at_their_fields() {
    let check = |pairs: &[(&str, &str)], expect: &[(&str, &'static str)]| {
        let expect: Vec<_> = expect.iter().map(|(field, code)| (field.to_string(), *code)).collect();
        assert_eq!(timed(pairs).unwrap_err(), expect, "{pairs:?}");
    };
    check(&[], &[("every", "missing")]);
    check(&[("tz", "UTC")], &[("every", "missing")]);
    check(&[("every", "5m"), ("cron", "* * * * *")], &[("cron", "conflict")]);
    check(&[("cron", "* * * * *"), ("random", "1h")], &[("random", "conflict")]);
    check(&[("every", "1s"), ("cron", "x"), ("random", "1h")], &[("cron", "conflict"), ("random", "conflict")]);
    check(&[("every", "5m"), ("window", "09:00-17:00")], &[("window", "conflict")]);
    check(&[("every", "5m"), ("days", "mon"), ("tz", "UTC")], &[("days", "conflict"), ("tz", "conflict")]);
    check(&[("cron", "* * * * *"), ("jitter", "1s")], &[("jitter", "conflict")]);
    check(&[("random", "1h"), ("jitter", "1s")], &[("jitter", "conflict")]);
    check(&[("every", "5m"), ("jitter", "5m")], &[("jitter", "out_of_range")]);
    check(&[("every", "5m"), ("jitter", "soon")], &[("jitter", "not_a_duration")]);
    check(&[("cron", "0 0 31 2 *")], &[("cron", "never")]);
    check(&[("cron", "often"), ("tz", "Europe/Foobar")], &[("tz", "unknown_zone"), ("cron", "bad_cron")]);
    check(&[("cron", "TZ=Mars @hourly")], &[("cron", "unknown_zone")]);
    check(&[("cron", "TZ=Europe/Berlin @hourly"), ("tz", "Asia/Tokyo")], &[("tz", "conflict")]);
    check(&[("cron", "@every 5m")], &[("cron", "bad_cron")]);
    check(&[("random", "1ms")], &[("random", "out_of_range")]);
    check(&[("random", "36h")], &[("random", "not_whole_days")]);
    check(&[("random", "2h"), ("window", "09:00-10:00")], &[("window", "too_narrow")]);
    check(&[("random", "1h"), ("window", "09:00-09:00")], &[("window", "no_length")]);
    check(
        &[("random", "x"), ("window", "x"), ("days", "x"), ("tz", "x")],
        &[("random", "not_a_duration"), ("window", "not_a_window"), ("days", "not_a_weekday"), ("tz", "unknown_zone")],
    );
    check(&[("every", "5m"), ("jitter", "30s"), ("sla", "5m")], &[("sla", "shorter_than_period")]);
    check(&[("cron", "0 9 * * *"), ("sla", "23h")], &[("sla", "shorter_than_period")]);
    check(&[("random", "1h"), ("window", "09:00-17:00"), ("sla", "3h")], &[("sla", "shorter_than_period")]);
    assert!(timed(&[("cron", "0 9 * * *"), ("sla", "1d")]).is_ok());
    assert!(timed(&[("random", "1h"), ("sla", "2h")]).is_ok());
}

#[test]
fn a_cron_pattern_comes_no_more_often_than_the_shortest_period() {
    let networks = AllowedNetworks::public_only();
    let limits = Limits { networks: &networks, min_period: Duration::from_secs(300), now: Time::from_millis(0) };
    let check = |cron: &str, fine: bool| {
        let faults = read_schedule(&said(&[("cron", cron)]), limits, id(), None).err().unwrap_or_default();
        let codes: Vec<_> = faults.iter().map(|fault| (fault.field.as_ref(), fault.code)).collect();
        assert_eq!(codes, if fine { vec![] } else { vec![("cron", "too_often")] }, "{cron}");
    };
    check("*/5 * * * *", true);
    check("0 9 * * *", true);
    check("*/4 * * * *", false);
    check("* * * * * *", false);
    check("0,1 9 * * MON", false);
}

#[test]
fn a_change_of_timing_changes_what_it_names() {
    let change_of = |old: &[(&str, &str)], new: &[(&str, &str)]| {
        let old = job(with(json!({"url": "https://example.com/"}), said(old)));
        change(said(new), &old).map(|spec| (spec.schedule, old.spec.schedule.clone()))
    };
    let check = |old: &[(&str, &str)], new: &[(&str, &str)], expect: &str| {
        let (schedule, _) = change_of(old, new).unwrap();
        assert_eq!(schedule.describe(), expect, "{old:?} {new:?}");
    };
    let fails = |old: &[(&str, &str)], new: &[(&str, &str)], field: &str, code: &'static str| {
        assert_eq!(change_of(old, new).unwrap_err(), [(field.to_owned(), code)], "{old:?} {new:?}");
    };
    let every = &[("every", "5m"), ("jitter", "1m")][..];
    let aligned = &[("every", "5m"), ("align", "true")][..];
    let cron = &[("cron", "0 9 * * *"), ("tz", "Europe/Berlin")][..];
    let random = &[("random", "1h"), ("window", "09:00-17:00"), ("days", "mon-fri"), ("tz", "Europe/Berlin")][..];

    check(every, &[("jitter", "10s")], "every 5m, within 10s");
    check(every, &[("jitter", "-")], "every 5m");
    check(every, &[("every", "10m")], "every 10m, within 1m");
    check(every, &[("align", "true")], "every 5m, within 1m after round times");
    check(aligned, &[("every", "10m")], "every 10m, on round times");
    check(aligned, &[("jitter", "1m")], "every 5m, within 1m after round times");
    check(aligned, &[("align", "false")], "every 5m");
    check(aligned, &[("align", "false"), ("every", "10m")], "every 10m");
    check(aligned, &[("cron", "@daily")], "cron @daily (UTC)");
    check(cron, &[("every", "5m"), ("align", "true")], "every 5m, on round times");
    check(cron, &[("tz", "Asia/Tokyo")], "cron 0 9 * * * (Asia/Tokyo)");
    check(cron, &[("cron", "0 8 * * *")], "cron 0 8 * * * (Europe/Berlin)");
    check(cron, &[("cron", "TZ=Asia/Tokyo 0 8 * * *")], "cron 0 8 * * * (Asia/Tokyo)");
    check(random, &[("window", "-"), ("tz", "-")], "at random once in each 1h, Mon-Fri (UTC)");
    check(random, &[("random", "2h"), ("days", "-")], "at random once in each 2h, 09:00-17:00 (Europe/Berlin)");
    check(every, &[("cron", "@daily")], "cron @daily (UTC)");
    check(cron, &[("random", "1h")], "at random once in each 1h (Europe/Berlin)");
    check(random, &[("every", "1h")], "every 1h");

    fails(every, &[("every", "1m")], "every", "out_of_range");
    fails(every, &[("tz", "UTC")], "tz", "conflict");
    fails(cron, &[("align", "true")], "align", "conflict");
    fails(random, &[("align", "true")], "align", "conflict");
    fails(aligned, &[("cron", "@daily"), ("align", "true")], "align", "conflict");
    fails(cron, &[("window", "09:00-17:00")], "window", "conflict");
    fails(random, &[("window", "09:00-09:30")], "window", "too_narrow");

    // The same timing again is the same schedule, to the moment.
    for timing in [every, aligned, cron, random] {
        let (schedule, old) = change_of(timing, timing).unwrap();
        assert_eq!(schedule, old);
    }
    let old = job(with(json!({"url": "https://example.com/"}), said(every)));
    // What `H` stands for stays.
    let hashed = |pattern| Schedule::Cron(crate::Cron::parse(pattern, crate::Zone::UTC, 99).unwrap());
    let copied = Job { spec: Spec { schedule: hashed("H H * * *"), ..Spec::clone(&old.spec) }.into(), ..old.clone() };
    assert_eq!(change(said(&[("cron", "H 9 * * *")]), &copied).unwrap().schedule, hashed("H 9 * * *"));
    let moved = Schedule::Every { period: Duration::from_secs(300), anchor: Time::from_millis(123), jitter: None };
    let old = Job { spec: Spec { schedule: moved.clone(), ..Spec::clone(&old.spec) }.into(), ..old };
    assert_eq!(change(said(&[("every", "300s")]), &old).unwrap().schedule, moved.clone(), "its grid is kept");
    assert_eq!(change(said(&[("align", "false")]), &old).unwrap().schedule, moved.clone(), "not aligned already");
    let aligned = change(said(&[("align", "true")]), &old).unwrap().schedule;
    assert_eq!(aligned, Schedule::aligned(Duration::from_secs(300)));
    let jittered = change(said(&[("jitter", "1s")]), &old).unwrap().schedule;
    let same_grid = moved.with_jitter(Duration::from_secs(1), old.id).unwrap();
    assert_eq!(jittered, same_grid);
    assert_eq!(change(said(&[]), &old).unwrap().schedule, old.spec.schedule);
}
