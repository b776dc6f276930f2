use naptime_core::duration::MIN_PERIOD;
use naptime_core::input::{Limits, read_new, read_pool, read_replacement, shape};
use naptime_core::{AllowedNetworks, JobId, NewJob, Pool, Time};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

/// 2026-12-01.
const NOW: Time = Time::from_millis(1_796_083_200_000);

fn limits(networks: &AllowedNetworks) -> Limits<'_> {
    Limits { networks, min_period: MIN_PERIOD, now: NOW }
}

fn read(fields: Fields, id: JobId) -> Option<NewJob> {
    read_new(fields.into(), limits(&AllowedNetworks::public_only()), id).ok()
}

/// One of the fields, as somebody might send it, or none.
fn field(name: &'static str, values: Vec<Value>) -> impl Strategy<Value = Option<(String, Value)>> {
    prop::option::of(prop::sample::select(values)).prop_map(move |value| value.map(|value| (name.to_owned(), value)))
}

/// What some endpoint may say, all of which can be read.
fn endpoints() -> impl Strategy<Value = Fields> {
    let timing = prop::sample::select(vec![
        json!({"every": "90s"}),
        json!({"every": "5m", "jitter": "30s"}),
        json!({"every": "1h 30m", "align": true}),
        json!({"every": "7m", "tz": "Europe/Berlin", "except": "12-25, sat 01:00-03:00"}),
        json!({"cron": "*/5 9-17 * * MON-FRI"}),
        json!({"cron": "H H(0-7) * * *", "tz": "America/New_York", "from": "2027-01-01 09:00"}),
        json!({"cron": "30 0 9 L * ?", "until": "2030-06-01T12:00:00+02:00", "pause": {"note": "it moves"}}),
        json!({"random": "1h", "window": "09:00-12:00, 14:00-17:30", "days": "mon-fri", "tz": "Asia/Kolkata"}),
        json!({"random": "7d", "pause": {"until": "2027-03-01", "note": "- or: #1"}}),
    ]);
    let key = "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";
    let request = (
        prop::sample::select(vec!["https://a.test/", "https://a.test/x?token=s3cr3t&b=${B}", "http://b.test:81/ü"]),
        field("method", vec![json!("POST"), json!("get"), json!("DELETE")]),
        field(
            "headers",
            vec![
                json!({"Authorization": "Bearer x", "X-A": "1"}),
                json!([["Cookie", "a=1"], ["cookie", "b=2"]]),
                json!("Accept: text/plain"),
            ],
        ),
        field("body", vec![json!("{\"a\": 1}\n"), json!("${HOME} ~ •")]),
        field("secret", vec![json!(true), json!(false)]),
        field("sign", vec![json!(key), json!([key, "whsec_QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI="])]),
        field("timeout", vec![json!("5s"), json!("1m 500ms"), json!("30s")]),
    );
    let outcome = (
        field(
            "retry",
            vec![json!({"attempts": 7}), json!({"backoff": "9s", "on": "503, timeout"}), json!({"on": "none"})],
        ),
        field("success", vec![json!("200-299, 404"), json!("201")]),
        field("expect", vec![json!("body contains paid\njson $.status is ok"), json!(["took at most 5s"])]),
        field("sla", vec![json!("30d"), json!({"every": "40d"})]),
        field("failing_after", vec![json!(5), json!(2)]),
        field("keep", vec![json!("all"), json!("none"), json!("failures")]),
        field("late", vec![json!("10m")]),
        field("catch_up", vec![json!("all"), json!(3), json!("latest")]),
        field("steer", vec![json!({"min": "1m", "max": "1h"})]),
    );
    let rest = (
        field("lease", vec![json!("1m"), json!("15s")]),
        field("name", vec![json!("nightly: report"), json!("ü #1")]),
        field("tags", vec![json!("a, b"), json!(["x, y", "12"])]),
        field("active", vec![json!(true), json!(false)]),
    );
    (timing, request, outcome, rest).prop_map(|(timing, request, outcome, rest)| {
        let (url, a, b, c, d, e, f) = request;
        let (g, h, i, j, k, l, m, n, o) = outcome;
        let (p, q, r, s) = rest;
        let said = [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s].into_iter().flatten();
        let mut fields = Fields::from_iter([("url".to_owned(), json!(url))]);
        fields.extend(timing.as_object().cloned().unwrap_or_default());
        fields.extend(said);
        fields
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(sent in endpoints(), id in any::<u128>()) {
        let id = JobId::from(Uuid::from_u128(id));
        // An SLA may be shorter than the schedule allows.
        let Some(new) = read(sent, id) else { return Ok(()) };
        let written = endpoint(&new.spec, new.active, Whole);
        prop_assert_eq!(read(written.clone(), id), Some(new.clone()), "{}", Value::from(written.clone()));
        // With masks, it is the same to whoever stores it over what there is.
        let masked = endpoint(&new.spec, new.active, Masked);
        let job = new.clone().into_job(NOW);
        let networks = AllowedNetworks::public_only();
        let again = read_replacement(masked.clone().into(), limits(&networks), &job);
        let again = again.ok().and_then(|change| change.whole().cloned());
        prop_assert_eq!(again, Some(new.spec), "{}", Value::from(masked));
    }
}

#[test]
fn most_samples_can_be_read() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut samples = std::iter::repeat_with(|| endpoints().new_tree(&mut runner).map(|tree| tree.current()));
    let id = JobId::from(Uuid::from_u128(7));
    let readable =
        samples.by_ref().take(100).filter(|sent| read(sent.clone().unwrap_or_default(), id).is_some()).count();
    assert!(readable > 50, "{readable} of 100");
}

#[test]
fn no_field_is_left_out() {
    let id = JobId::from(Uuid::from_u128(7));
    let key = "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";
    let samples = [
        json!({
            "url": "https://a.test/", "every": "1h", "jitter": "1m", "from": "2027-01-01T00:00:00Z", "until": "2040-01-01T00:00:00Z",
            "except": "12-25", "pause": {"note": "x"}, "method": "POST", "headers": {"X-A": "1"}, "body": "x",
            "secret": true, "sign": key, "timeout": "5s", "retry": {"attempts": 7}, "success": "201",
            "expect": "took at most 5s", "sla": "30d", "failing_after": 5, "keep": "all", "late": "10m", "catch_up": "all",
            "steer": {"min": "1m", "max": "1d"}, "lease": "1m", "name": "a", "tags": ["b"], "active": true,
        }),
        json!({"url": "https://a.test/", "every": "1h", "align": true}),
        json!({"url": "https://a.test/", "cron": "0 9 * * *", "tz": "Europe/Berlin"}),
        json!({"url": "https://a.test/", "random": "1h", "window": "09:00-17:00", "days": "mon-fri"}),
    ];
    let mut written = Fields::new();
    for sent in samples {
        let new = read(sent.as_object().cloned().unwrap_or_default(), id).expect("an endpoint");
        written.extend(endpoint(&new.spec, new.active, Whole));
    }
    // The key of an endpoint is its name in a document.
    let asked = shape::endpoint().fields.into_iter().map(|field| field.name).filter(|name| *name != "key");
    let left_out: Vec<&str> = asked.filter(|name| !written.contains_key(*name)).collect();
    assert!(left_out.is_empty(), "these are read and not written: {left_out:?}");

    let plain = PoolSettings::new(Pool::parse("https://a.test").expect("a pool"), NOW);
    let sent = json!({
        "active": false, "max_in_flight": 3, "max_per_second": 2, "max_timeout": "10m", "http1_only": true,
        "probe": false, "headers": {"X-A": "1"},
    });
    let mut settings = plain.clone();
    settings.change(read_pool(sent, &plain).expect("a change"), NOW);
    let written = pool(&settings, Whole);
    // Certificates are long, and have tests of their own.
    let asked = shape::pool().fields.into_iter().map(|field| field.name);
    let asked = asked.filter(|name| !["extra_ca", "client_cert", "client_key"].contains(name));
    let left_out: Vec<&str> = asked.filter(|name| !written.contains_key(*name)).collect();
    assert!(left_out.is_empty(), "these are read and not written: {left_out:?}");
}

#[test]
fn nothing_is_written_of_what_has_its_default() {
    let id = JobId::from(Uuid::from_u128(7));
    let sent = json!({"url": "https://a.test/", "cron": "0 9 * * *"});
    let new = read(sent.as_object().cloned().unwrap_or_default(), id).expect("an endpoint");
    let expected = json!({"url": "https://a.test/", "cron": "0 9 * * *", "active": false});
    assert_eq!(Value::from(endpoint(&new.spec, new.active, Masked)), expected);
}

#[test]
fn a_pool_is_written_as_it_is_changed() {
    let plain = PoolSettings::new(Pool::parse("https://a.test").expect("a pool"), NOW);
    assert!(pool(&plain, Whole).is_empty());
    let sent = json!({
        "active": false, "max_in_flight": 3, "max_per_second": 2, "max_timeout": "10m", "http1_only": true,
        "headers": {"Authorization": "Bearer x"},
    });
    let mut settings = plain.clone();
    settings.change(read_pool(sent.clone(), &plain).expect("a change"), NOW);
    assert_eq!(Value::from(pool(&settings, Whole)), sent);
    assert_eq!(pool(&settings, Masked)["headers"], json!({"Authorization": MASK}));
}
