//! What a draft is read as, and what is found wrong with it.

use crate::{Method, Time};

use super::*;

fn id() -> JobId {
    uuid::Uuid::from_u128(7).into()
}

fn create(draft: Draft, networks: &str) -> Result<NewJob, Vec<(String, &'static str)>> {
    let networks = networks.parse().unwrap();
    let rules = Rules { networks: &networks, min_period: duration::MIN_PERIOD };
    draft.create(rules, id()).map_err(|faults| faults.into_iter().map(|f| (f.field.into_owned(), f.code)).collect())
}

fn change(draft: Draft, old: &Job) -> Result<Change, Vec<(String, &'static str)>> {
    let networks = AllowedNetworks::public_only();
    let rules = Rules { networks: &networks, min_period: duration::MIN_PERIOD };
    draft.change(rules, old).map_err(|faults| faults.into_iter().map(|f| (f.field.into_owned(), f.code)).collect())
}

fn minimal() -> Draft {
    Draft { url: Some("https://example.com/".into()), every: Some("5m".into()), ..Draft::default() }
}

fn job(draft: Draft) -> Job {
    create(draft, "none").unwrap().into_job(Time::from_millis(0))
}

#[test]
fn what_is_left_out_has_defaults() {
    let new = create(minimal(), "none").unwrap();
    assert!(!new.active, "nothing is called until someone switches it on");
    assert_eq!(new.spec.request, Request::default());
    assert_eq!(new.spec.retry, Retry::default());
    assert_eq!(new.spec.schedule, Schedule::every(Duration::from_secs(300), id()));
}

#[test]
fn all_faults_come_together_each_at_its_field() {
    let draft = Draft {
        every: Some("0".into()),
        method: Some("BREW".into()),
        headers: Some(RawHeaders::Lines("Connection: x".into())),
        body: Some(Some("x".repeat(300_000))),
        timeout: Some("61m".into()),
        sla: Some(Some("x".into())),
        attempts: Some("0".into()),
        name: Some(Some("x".repeat(101))),
        tags: Some(vec![" ".into()]),
        ..Draft::default()
    };
    let faults = create(draft, "none").unwrap_err();
    let fields: Vec<&str> = faults.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["url", "every", "method", "headers", "body", "timeout", "retry", "sla", "name", "tags"]);
}

#[test]
fn urls_that_lead_where_no_call_may_go_are_refused() {
    let check = |url: &str, networks: &str, fine: bool| {
        let result = create(Draft { url: Some(url.into()), ..minimal() }, networks);
        let expect = if fine { None } else { Some(vec![("url".to_owned(), "blocked_address")]) };
        assert_eq!(result.err(), expect, "{url} with `{networks}`");
    };
    check("http://127.1/", "none", false);
    check("http://2130706433/", "none", false);
    check("http://[::ffff:10.0.0.1]/", "none", false);
    check("http://169.254.169.254/", "none", false);
    check("http://localhost:8080/", "none", false);
    check("http://a.localhost./", "none", false);
    check("http://localhost:8080/", "127.0.0.0/8", true);
    check("http://127.0.0.1/", "127.0.0.0/8", true);
    check("http://notlocalhost/", "none", true);
    check("http://1.1.1.1/", "none", true);
}

#[test]
fn an_unmet_sla_is_a_fault_of_what_was_changed() {
    let sla = |sla: &str| Some(Some(sla.to_owned()));
    assert!(create(Draft { sla: sla("5m"), ..minimal() }, "none").is_ok());
    let faults = create(Draft { sla: sla("4m"), ..minimal() }, "none").unwrap_err();
    assert_eq!(faults, [("sla".to_owned(), "shorter_than_period")]);
    let old = job(Draft { sla: sla("10m"), ..minimal() });
    let slower = Draft { every: Some("1h".into()), ..Draft::default() };
    assert_eq!(change(slower.clone(), &old).unwrap_err(), [("every".to_owned(), "longer_than_sla")]);
    assert!(change(Draft { sla: Some(None), ..slower }, &old).is_ok());
}

#[test]
fn what_is_not_said_stays() {
    let old = job(minimal());
    assert_eq!(change(Draft::default(), &old).unwrap(), Change::default());
    let posted = change(Draft { method: Some("post".into()), ..Draft::default() }, &old).unwrap();
    assert_eq!(posted.request.unwrap().method, Method::Post);
    assert_eq!(posted.endpoint, None);
}

/// A draft of what each pair says; `-` clears.
fn said(pairs: &[(&str, &str)]) -> Draft {
    let mut draft = Draft::default();
    for (field, text) in pairs {
        let text = text.to_string();
        let clearable = (text != "-").then(|| text.clone());
        match *field {
            "every" => draft.every = Some(text),
            "jitter" => draft.jitter = Some(clearable),
            "align" => draft.align = Some(text.parse().unwrap()),
            "cron" => draft.cron = Some(text),
            "random" => draft.random = Some(text),
            "window" => draft.window = Some(clearable),
            "days" => draft.days = Some(clearable.map(|days| vec![days])),
            "tz" => draft.tz = Some(clearable),
            "sla" => draft.sla = Some(clearable),
            "success" => draft.success = Some(text),
            "lease" => draft.lease = Some(text),
            "on" => draft.on = Some(text),
            "min" | "max" => {
                let limits = draft.steer.get_or_insert_default().get_or_insert_default();
                if *field == "min" { limits.min = Some(text) } else { limits.max = Some(text) }
            }
            other => panic!("{other}"),
        }
    }
    draft
}

/// A new job with this timing, or what is wrong with it.
fn timed(pairs: &[(&str, &str)]) -> Result<Schedule, Vec<(String, &'static str)>> {
    create(Draft { url: minimal().url, ..said(pairs) }, "none").map(|new| new.spec.schedule)
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
    let rules = Rules { networks: &networks, min_period: Duration::from_secs(300) };
    let check = |cron: &str, fine: bool| {
        let faults = said(&[("cron", cron)]).schedule(rules, id(), None).err().unwrap_or_default();
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
        let old = job(Draft { url: minimal().url, ..said(old) });
        change(said(new), &old).map(|change| (change.schedule, old.spec.schedule.clone()))
    };
    let check = |old: &[(&str, &str)], new: &[(&str, &str)], expect: &str| {
        let (schedule, _) = change_of(old, new).unwrap();
        assert_eq!(schedule.unwrap().describe(), expect, "{old:?} {new:?}");
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
        assert_eq!(schedule.as_ref(), Some(&old));
    }
    let old = job(Draft { url: minimal().url, ..said(every) });
    // What `H` stands for stays.
    let hashed = |pattern| Schedule::Cron(crate::Cron::parse(pattern, crate::Zone::UTC, 99).unwrap());
    let copied = Job { spec: Spec { schedule: hashed("H H * * *"), ..Spec::clone(&old.spec) }.into(), ..old.clone() };
    assert_eq!(change(said(&[("cron", "H 9 * * *")]), &copied).unwrap().schedule, Some(hashed("H 9 * * *")));
    let moved = Schedule::Every { period: Duration::from_secs(300), anchor: Time::from_millis(123), jitter: None };
    let old = Job { spec: Spec { schedule: moved.clone(), ..Spec::clone(&old.spec) }.into(), ..old };
    assert_eq!(change(said(&[("every", "300s")]), &old).unwrap().schedule, Some(moved.clone()), "its grid is kept");
    assert_eq!(change(said(&[("align", "false")]), &old).unwrap().schedule, Some(moved.clone()), "not aligned already");
    let aligned = change(said(&[("align", "true")]), &old).unwrap().schedule;
    assert_eq!(aligned, Some(Schedule::aligned(Duration::from_secs(300))));
    let jittered = change(said(&[("jitter", "1s")]), &old).unwrap().schedule;
    let same_grid = moved.with_jitter(Duration::from_secs(1), old.id).unwrap();
    assert_eq!(jittered, Some(same_grid));
    assert_eq!(change(said(&[]), &old).unwrap().schedule, None);
}

#[test]
fn what_was_promised_stops_no_other_change() {
    let old = job(Draft { sla: Some(Some("5m".into())), ..minimal() });
    // As its target may have asked for.
    let slower = Schedule::every(Duration::from_secs(3600), old.id);
    let old = Job { spec: Spec { schedule: slower, ..Spec::clone(&old.spec) }.into(), ..old };
    assert!(change(Draft { name: Some(Some("x".into())), ..Draft::default() }, &old).is_ok());
    assert!(change(Draft { sla: Some(Some("10m".into())), ..Draft::default() }, &old).is_err());
}

#[test]
fn outcomes_lease_and_limits_are_read() {
    let with =
        |pairs: &[(&str, &str)]| create(Draft { every: minimal().every, url: minimal().url, ..said(pairs) }, "none");
    let all = [("success", "200-204, 404"), ("lease", "1m"), ("min", "30s"), ("max", "1h"), ("on", "500, timeout")];
    let spec = with(&all).unwrap().spec;
    assert_eq!((spec.success.to_string(), spec.lease), ("200-204, 404".to_owned(), Duration::from_secs(60)));
    assert_eq!(spec.retry.on.to_string(), "500, timeout");
    assert_eq!(spec.retry.attempts, Retry::default().attempts);
    let steer = Steer { min: Duration::from_secs(30), max: Duration::from_secs(3600) };
    assert_eq!(spec.steer, Some(steer));

    let check = |pairs: &[(&str, &str)], field: &str, code: &'static str| {
        assert_eq!(with(pairs).unwrap_err(), [(field.to_owned(), code)], "{pairs:?}");
    };
    check(&[("success", "2xx")], "success", "bad_status");
    check(&[("lease", "4s")], "lease", "out_of_range");
    check(&[("lease", "11m")], "lease", "out_of_range");
    check(&[("on", "often")], "retry", "bad_status");
    check(&[("min", "30s")], "steer", "missing");
    check(&[("min", "1h"), ("max", "30s")], "steer", "out_of_range");
    check(&[("min", "1ms"), ("max", "30s")], "steer", "out_of_range");
    check(&[("min", "soon"), ("max", "30s")], "steer", "not_a_duration");

    let old = with(&all).unwrap().into_job(Time::from_millis(0));
    let changed = change(said(&[("max", "2h")]), &old).unwrap().steer;
    assert_eq!(changed, Some(Some(Steer { max: Duration::from_secs(7200), ..steer })));
    assert_eq!(change(Draft { steer: Some(None), ..Draft::default() }, &old).unwrap().steer, Some(None));
    let attempts = Draft { attempts: Some("2".into()), ..Draft::default() };
    assert_eq!(change(attempts, &old).unwrap().retry.unwrap().on, old.spec.retry.on);
}
