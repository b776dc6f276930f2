//! A one-off job.

use std::time::Duration;

use serde_json::Value;

use super::fields::Fields;
use super::{Limits, call};
use crate::{Invalid, JobId, NewJob, Request, Retry, Schedule, SigningKeys, Spec, Time, Zone, read_at};

/// How long a call of a one-off job may take, unless it says otherwise.
pub const TIMEOUT_ONCE: Duration = Duration::from_secs(60);
/// The furthest ahead that a job can be asked for: ten years.
pub const FURTHEST: Duration = Duration::from_secs(3653 * 24 * 3600);

/// A one-off job that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// The job.
    pub new: NewJob,
    /// Whether it was asked for at a time that is over, so that it is called now.
    pub past: bool,
}

/// Reads a one-off job. Of the fields of an endpoint it has those of the call; besides there are `at` (a time,
/// in the zone `tz` if it says none), `in` (a duration from now) and `key`.
///
/// # Errors
/// All faults, of which there is at least one.
pub fn read_once(value: Value, limits: Limits<'_>, id: JobId) -> Result<Once, Vec<Invalid>> {
    let mut fields = Fields::of_value(value, "a job", limits.min_period)?;
    fields.unmask(None);
    let (spec, past) = once(&mut fields, limits);
    let spec = fields.finish("a one-off job", spec)?;
    Ok(Once { new: NewJob { id, spec, active: true }, past })
}

/// What is called and when, and whether that is over.
pub(super) fn once(fields: &mut Fields, limits: Limits<'_>) -> (Option<Spec>, bool) {
    let now = limits.now;
    let endpoint = call::endpoint(fields, limits, None);
    let time = due(fields, now);
    let key = call::key(fields).or(None, None);
    let request = Request { timeout: TIMEOUT_ONCE, ..Request::default() };
    let defaults = call::Defaults { request, retry: Retry::once(), signs_with: SigningKeys::default() };
    let schedule = time.map(|at| Schedule::Once { at });
    let spec = call::spec(fields, endpoint, schedule, None, defaults);
    (spec.map(|spec| Spec { key, ..spec }), time.is_some_and(|at| at < now))
}

/// When it is to be called; now, if nothing says when.
fn due(fields: &mut Fields, now: Time) -> Option<Time> {
    if fields.says("tz") && !fields.says("at") {
        fields.skip("tz");
        fields.fault("tz", "conflict", "`tz` goes with `at`, and there is none");
    }
    let zone = fields.parsed("tz", Zone::parse).value();
    if fields.is_faulty("tz") {
        // Without its zone, the time says nothing.
        fields.skip("at");
    }
    let is_both = fields.says("at") && fields.says("in");
    let furthest = now + FURTHEST;
    let at = fields.parsed("at", |text| match read_at(text, zone.as_ref())? {
        at if at > furthest => Err(Invalid::new("at", "out_of_range", "that is more than ten years ahead")),
        at => Ok(at),
    });
    let after = fields.duration("in", Duration::ZERO, FURTHEST);
    if is_both {
        fields.fault("at", "both", "`at` and `in` exclude each other; leave one out");
    }
    Some(at.value().or(after.value().map(|after| now + after)).unwrap_or(now))
        .filter(|_| !["tz", "at", "in"].iter().any(|name| fields.is_faulty(name)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::AllowedNetworks;
    use crate::duration::MIN_PERIOD;

    use super::*;

    const NOW: Time = Time::from_millis(1_767_323_045_006);

    fn create(fields: Value) -> Result<Once, Vec<(String, &'static str)>> {
        let mut value = json!({"url": "https://example.com/"});
        value.as_object_mut().expect("an object").extend(fields.as_object().cloned().unwrap_or_default());
        let networks = AllowedNetworks::public_only();
        let limits = Limits { networks: &networks, min_period: MIN_PERIOD, now: NOW };
        let read = read_once(value, limits, uuid::Uuid::from_u128(7).into());
        read.map_err(|faults| faults.into_iter().map(|fault| (fault.field.into_owned(), fault.code)).collect())
    }

    #[test]
    fn what_is_left_out_has_the_defaults_of_one_off_jobs() {
        let once = create(json!({})).expect("a job");
        assert!(once.new.active && !once.past);
        let spec = once.new.spec;
        assert_eq!((spec.schedule, spec.retry), (Schedule::Once { at: NOW }, Retry::once()));
        assert_eq!((spec.request.timeout, spec.key), (TIMEOUT_ONCE, None));
        let null = create(json!({"timeout": null, "retry": null, "at": null, "key": null})).expect("a job");
        assert_eq!(null.new.spec.retry, Retry::once());
    }

    #[test]
    fn when_is_read() {
        let time = |fields: Value| create(fields).map(|once| (once.new.spec.schedule, once.past));
        let at = |at: &str| time(json!({"at": at}));
        let once = |millis: i64, past| Ok((Schedule::Once { at: Time::from_millis(NOW.millis() + millis) }, past));
        assert_eq!(at("2026-01-02T03:04:06.006Z"), once(1000, false));
        assert_eq!(at("2026-01-02T04:04:04.006+01:00"), once(-1000, true));
        assert_eq!(time(json!({"at": "2026-01-02 04:04:06.006", "tz": "Europe/Berlin"})), once(1000, false));
        assert_eq!(time(json!({"in": "5m"})), once(300_000, false));
        assert_eq!(time(json!({"in": 5000})), once(5_000, false));
        assert_eq!(time(json!({"in": "0"})), once(0, false));
        let fault = |field: &str, code| Err(vec![(field.to_owned(), code)]);
        assert_eq!(at("2036-01-04T00:00:00Z"), fault("at", "out_of_range"));
        assert_eq!(time(json!({"at": 5})), fault("at", "wrong_type"));
        assert_eq!(time(json!({"in": "3654d"})), fault("in", "out_of_range"));
        assert_eq!(time(json!({"in": "-5m"})), fault("in", "not_a_duration"));
        assert_eq!(time(json!({"at": "2030-01-01T00:00:00Z", "in": "5m"})), fault("at", "both"));
        assert_eq!(time(json!({"tz": "UTC", "in": "5m"})), fault("tz", "conflict"));
        assert_eq!(time(json!({"tz": "Mars"})), fault("tz", "conflict"));
        assert_eq!(time(json!({"tz": "Mars", "at": "2027-01-01 09:00"})), fault("tz", "unknown_zone"));
    }

    #[test]
    fn all_faults_come_together_each_at_its_field() {
        let faults = create(json!({
            "url": "http://127.0.0.1/", "method": "BREW", "timeout": "0", "retry": {"attempts": 0, "on": "often"},
            "success": "2xx", "lease": "1s", "at": "x", "key": "x".repeat(201), "every": "5m", "active": true,
            "sla": "5m", "steer": null,
        }));
        let fields: Vec<String> = faults.expect_err("faults").into_iter().map(|(field, _)| field).collect();
        let expect = [
            "url",
            "at",
            "key",
            "method",
            "timeout",
            "retry.attempts",
            "retry.on",
            "success",
            "lease",
            "every",
            "active",
            "sla",
            "steer",
        ];
        assert_eq!(fields, expect);
        assert_eq!(create(json!({"url": null})).expect_err("a fault"), [("url".to_owned(), "missing")]);
    }
}
