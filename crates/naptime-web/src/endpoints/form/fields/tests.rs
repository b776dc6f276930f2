//! What the form of an endpoint changes, read as it is when it is sent.

use naptime_core::{AllowedNetworks, Change, Edit, Limits, NewJob, Spec, Time, input};
use serde_json::json;

use super::*;

/// What a browser sends of a form.
fn pairs(shown: &Fields) -> Vec<(String, String)> {
    let sent = |(path, kind, _): Field| {
        let text = shown.text(path);
        let texts = match kind {
            Kind::List => texts::items(text).map(str::to_owned).collect(),
            Kind::Flag if text.is_empty() => vec![],
            _ => vec![text.replace('\n', "\r\n")],
        };
        texts.into_iter().map(move |text| (path.to_owned(), text))
    };
    FIELDS.into_iter().flat_map(sent).chain([("timing".to_owned(), shown.kind.to_owned())]).collect()
}

/// What is sent of a form once these texts are typed.
fn typed(shown: &Fields, texts: &[(&'static str, &str)]) -> Fields {
    let mut fields = shown.clone();
    for (path, text) in texts {
        match *path {
            "timing" => fields.kind = known_kind(text),
            path => fields.texts.set(path, (*text).to_owned()),
        }
    }
    Fields::sent(&pairs(&fields))
}

fn read_new(fields: Value) -> Result<NewJob, Vec<Invalid>> {
    let networks = AllowedNetworks::public_only();
    let limits = Limits { networks: &networks, min_period: duration::MIN_PERIOD, now: Time::from_millis(0) };
    input::read_new(fields, limits, uuid::Uuid::from_u128(1).into())
}

fn read_change(fields: Value, old: &Job) -> Result<Change, Vec<Invalid>> {
    let networks = AllowedNetworks::public_only();
    let limits = Limits { networks: &networks, min_period: duration::MIN_PERIOD, now: Time::from_millis(0) };
    input::read_change(fields, limits, old)
}

fn job(mut fields: Value) -> Job {
    fields["url"] = json!("https://example.com/");
    read_new(fields).unwrap().into_job(Time::from_millis(0))
}

/// The configuration after this form, with these texts typed, was sent.
fn after(old: &Job, texts: &[(&'static str, &str)]) -> Result<Spec, Vec<Invalid>> {
    let shown = Fields::of(old);
    let change = read_change(typed(&shown, texts).json(&shown), old)?;
    let mut job = old.clone();
    job.edit(Edit::Change(change), job.updated_at).unwrap();
    Ok(Spec::clone(&job.spec))
}

fn fields_of<T: std::fmt::Debug>(read: Result<T, Vec<Invalid>>) -> Vec<String> {
    read.unwrap_err().into_iter().map(|fault| fault.field.into_owned()).collect()
}

/// An endpoint of each kind of timing.
fn of_each_kind() -> [Job; 4] {
    let random = json!({
        "random": "1h", "window": "09:00-17:00", "days": "mon-wed", "tz": "Europe/Berlin",
        "steer": {"min": "30s", "max": "1h"},
    });
    [
        json!({"every": "5m", "jitter": "30s"}),
        json!({"every": "5m", "align": true}),
        json!({"cron": "0 9 * * *", "tz": "Europe/Berlin"}),
        random,
    ]
    .map(job)
}

#[test]
fn every_kind_of_timing_can_be_sent_back_and_changed() {
    for old in of_each_kind() {
        let shown = Fields::of(&old);
        assert_eq!(typed(&shown, &[]).json(&shown), json!({}), "{shown:?}");
        let check = |kind: &str, align: &str, expect: &str| {
            let texts = [
                ("timing", kind),
                ("every", "2h"),
                ("jitter", ""),
                ("align", align),
                ("cron", "@daily"),
                ("random", "3h"),
                ("window", ""),
                ("days", "sun"),
                ("tz", "Asia/Tokyo"),
            ];
            assert_eq!(after(&old, &texts).unwrap().schedule.describe(), expect, "{shown:?}");
        };
        check("every", "", "every 2h");
        check("every", "true", "every 2h, on round times");
        check("cron", "true", "cron @daily (Asia/Tokyo)");
        check("random", "true", "at random once in each 3h, Sun (Asia/Tokyo)");
    }
}

#[test]
fn a_zone_that_is_left_alone_does_not_contradict_the_pattern() {
    let new = typed(
        &Fields::blank(),
        &[("url", "https://example.com/"), ("timing", "cron"), ("cron", "TZ=Asia/Tokyo @daily")],
    );
    let new = read_new(new.json(&Fields::blank())).unwrap();
    assert_eq!(new.spec.schedule.describe(), "cron @daily (Asia/Tokyo)");
}

#[test]
fn a_form_sent_back_as_it_was_changes_nothing() {
    let old = job(json!({
        "every": "90s", "headers": [["Authorization", "Bearer x"], ["X-A", " 1 "]], "body": "\na\r\nb\n",
        "tags": ["one, two"], "name": "n", "secret": true, "active": true,
    }));
    let shown = Fields::of(&old);
    assert!(!shown.text("headers").contains("Bearer"), "credentials are not shown");
    let sent = typed(&shown, &[]).json(&shown);
    assert_eq!(sent, json!({}));
    assert_eq!(after(&old, &[]).unwrap(), *old.spec);
}

#[test]
fn a_field_that_is_emptied_has_its_default() {
    let old = job(json!({
        "every": "5m", "jitter": "30s", "method": "POST", "headers": {"X-A": "1"}, "body": "b", "timeout": "5s",
        "success": "404",
        "sla": {"every": "1h", "within": "9-17", "days": "mon-fri", "tz": "Asia/Tokyo"}, "retry": {"attempts": 7, "backoff": "9s", "on": "500"}, "lease": "1m",
        "steer": {"min": "1m", "max": "1h"}, "name": "n", "tags": "a, b", "secret": true,
    }));
    let new = job(json!({"every": "5m"}));
    let emptied: Vec<_> = FIELDS.iter().map(|(path, ..)| (*path, "")).collect();
    let emptied: Vec<_> = emptied.into_iter().filter(|(path, _)| !["url", "every", "secret"].contains(path)).collect();
    let after_it = after(&old, &emptied).unwrap();
    let secret = after_it.request.secret;
    assert!(secret);
    let request = Request { secret: false, ..after_it.request.clone() };
    assert_eq!(Spec { request, ..after_it }, *new.spec);
}

#[test]
fn the_hours_of_an_sla_are_typed_in_fields_of_their_own() {
    let old =
        job(json!({"every": "5m", "sla": {"every": "1h", "within": "9-17", "days": "mon-fri", "tz": "Asia/Tokyo"}}));
    let shown = Fields::of(&old);
    let texts = ["sla.every", "sla.within", "sla.days", "sla.tz"].map(|path| shown.text(path));
    assert_eq!(texts, ["1h", "09:00-17:00", "Mon-Fri", "Asia/Tokyo"]);
    let check = |typed: &[(&'static str, &str)], expect: &str| {
        let sla = after(&old, typed).unwrap().sla;
        assert_eq!(sla.map_or("none".to_owned(), |sla| sla.to_string()), expect, "{typed:?}");
    };
    check(&[], "1h within 09:00-17:00, Mon-Fri, Asia/Tokyo");
    check(&[("sla.every", "30m"), ("sla.within", "")], "30m within Mon-Fri, Asia/Tokyo");
    check(&[("sla.tz", "")], "1h within 09:00-17:00, Mon-Fri, UTC");
    // A zone that is left over says nothing.
    check(&[("sla.within", ""), ("sla.days", "")], "1h");
    check(&[("sla.every", ""), ("sla.within", ""), ("sla.days", "")], "none");
    assert_eq!(fields_of(after(&old, &[("sla.every", "")])), ["sla.every"]);
}

#[test]
fn what_may_not_be_blank_is_a_fault_of_its_field() {
    let [every, .., random] = of_each_kind();
    let check = |old: &Job, texts: &[(&'static str, &str)], expect: &[&str]| {
        assert_eq!(fields_of(after(old, texts)), expect, "{texts:?}");
    };
    check(&every, &[("url", " ")], &["url"]);
    check(&every, &[("every", "")], &["every"]);
    check(&every, &[("timing", "cron")], &["cron"]);
    check(&every, &[("timing", "random")], &["random"]);
    check(&random, &[("random", "")], &["random"]);
    check(&random, &[("days", "")], &["days"]);
    check(&random, &[("steer.min", "")], &["steer.min"]);
    check(&every, &[("steer.max", "1h")], &["steer.min"]);
    check(&every, &[("retry.attempts", "0"), ("retry.on", "soon")], &["retry.attempts", "retry.on"]);

    let nothing = Fields::sent(&[]).json(&Fields::blank());
    assert_eq!(fields_of(read_new(nothing)), ["url", "every"]);
}
