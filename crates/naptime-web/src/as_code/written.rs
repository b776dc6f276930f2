//! Endpoints, pools, rules and receivers as the fields that a document has for them. The readers of the API make the same
//! of these fields again. A field that has its default is left out.

use naptime_core::input::TIMING;
use naptime_core::misfire::CatchUp;
use naptime_core::pem::ClientCert;
use naptime_core::recent::FAILING_AFTER;
use naptime_core::request::DEFAULT_TIMEOUT;
use naptime_core::schedule::Days;
use naptime_core::state::LEASE;
use naptime_core::{
    Headers, Hours, Method, PoolSettings, Receiver, Retry, Rule, Schedule, Sla, Spec, Statuses, Timing, Windows,
    duration,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::kit::mask::{self, MASK};
use crate::rules;

/// The fields of a thing.
pub(crate) type Fields = Map<String, Value>;

/// Whether credentials are written out. Only what is compared is; what is shown has masks in their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credentials {
    Whole,
    Masked,
}

use Credentials::{Masked, Whole};

/// The fields of an endpoint. Whether it is switched on is always among them.
pub(crate) fn endpoint(spec: &Spec, active: bool, credentials: Credentials) -> Fields {
    let request = &spec.request;
    let mut fields = Writer::default();
    fields.some("name", Some(&spec.name).filter(|name| !name.is_empty()));
    let url = if credentials == Whole { &spec.endpoint } else { &spec.shown_endpoint() };
    fields.put("url", url.to_string());
    fields.some("method", Some(request.method).filter(|method| *method != Method::Get));
    fields.some("headers", headers(&request.headers, credentials));
    let body = if credentials == Whole { request.body.as_deref() } else { mask::body(request) };
    fields.some("body", body);
    fields.some("secret", Some(true).filter(|_| request.secret));
    if credentials == Whole {
        fields.some("sign", Some(&request.sign).filter(|keys| !keys.is_empty()));
    } else {
        fields.some("sign", Some(request.sign.masked()).filter(|keys| !keys.is_empty()));
    }
    fields.some("timeout", Some(request.timeout).filter(|it| *it != DEFAULT_TIMEOUT).map(duration::show));
    timing(&mut fields, &spec.schedule);
    fields.some("retry", Some(&spec.retry).filter(|it| **it != Retry::default()).map(retry));
    fields.some("success", Some(&spec.success).filter(|it| **it != Statuses::success()).map(ToString::to_string));
    let expect: Vec<String> = spec.expect.lines().map(str::to_owned).collect();
    fields.some("expect", Some(expect).filter(|lines| !lines.is_empty()));
    fields.some("sla", spec.sla.as_ref().map(sla));
    fields.some("failing_after", Some(spec.failing_after).filter(|it| *it != FAILING_AFTER));
    fields.some("keep", Some(spec.keep).filter(|keep| !keep.is_default()).map(|keep| keep.to_string()));
    fields.some("late", spec.misfire.late.map(duration::show));
    fields.some("catch_up", Some(spec.misfire.catch_up).filter(|it| *it != CatchUp::LATEST).map(|it| it.to_string()));
    let steer = spec.steer.map(|steer| json!({"min": duration::show(steer.min), "max": duration::show(steer.max)}));
    fields.some("steer", steer);
    fields.some("lease", Some(spec.lease).filter(|lease| *lease != LEASE).map(duration::show));
    fields.some("tags", Some(&spec.tags).filter(|tags| !tags.is_empty()));
    fields.put("active", active);
    fields.0
}

/// The settings of a pool that are not the default.
pub(crate) fn pool(settings: &PoolSettings, credentials: Credentials) -> Fields {
    let mut fields = Writer::default();
    fields.some("active", Some(false).filter(|_| !settings.active));
    fields.some("headers", headers(&settings.headers, credentials));
    fields.some("max_in_flight", settings.max_in_flight);
    fields.some("max_per_second", settings.max_per_second);
    fields.some("max_timeout", settings.max_timeout.map(duration::show));
    let transport = &settings.transport;
    fields.some("probe", Some(false).filter(|_| !settings.probe));
    fields.some("http1_only", Some(true).filter(|_| transport.http1_only));
    fields.some("extra_ca", transport.extra_ca.as_ref());
    if let Some(cert) = transport.client_cert.as_deref().map(ClientCert::split) {
        fields.put("client_cert", cert.chain);
        fields.put("client_key", if credentials == Whole { cert.key } else { MASK });
    }
    fields.0
}

/// The fields of a rule but for its name.
pub(crate) fn rule(rule: &Rule, credentials: Credentials) -> Fields {
    let written = if credentials == Masked { value(rules::masked(rule.clone())) } else { value(rule) };
    let mut fields = Writer::of(written);
    fields.leave_out("name", |_| true);
    fields.leave_out("enabled", |enabled| *enabled == true);
    fields.0
}

/// The fields of a receiver but for its name.
pub(crate) fn receiver(receiver: &Receiver, credentials: Credentials) -> Fields {
    let written = if credentials == Masked { receiver.shown() } else { value(receiver) };
    let mut fields = Writer::of(written);
    for name in ["name", "added_at"] {
        fields.leave_out(name, |_| true);
    }
    fields.leave_out("active", |active| *active == true);
    fields.leave_out("after", |_| receiver.after.is_zero());
    fields.0
}

/// When an endpoint is called.
fn timing(fields: &mut Writer, schedule: &Schedule) {
    let mut timing = Writer::of(value(Timing::of(schedule)));
    timing.leave_out("tz", |zone| *zone == "UTC");
    fields.0.extend(timing.0.into_iter().filter(|(name, _)| TIMING.contains(&name.as_str())));
}

/// An object of names and values, or pairs of them where a name comes twice.
fn headers(headers: &Headers, credentials: Credentials) -> Option<Value> {
    if headers.is_empty() {
        return None;
    }
    let pairs = if credentials == Whole { headers.iter().collect() } else { mask::masked(headers) };
    let is_twice = |(place, (name, _)): (usize, &(&str, &str))| {
        pairs[..place].iter().any(|(other, _)| other.eq_ignore_ascii_case(name))
    };
    if pairs.iter().enumerate().any(is_twice) {
        return Some(pairs.into_iter().map(|(name, value)| json!([name, value])).collect());
    }
    Some(pairs.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect())
}

fn retry(retry: &Retry) -> Value {
    json!({"attempts": retry.attempts, "backoff": duration::show(retry.backoff), "on": retry.on.to_string()})
}

fn sla(sla: &Sla) -> Value {
    let every = duration::show(sla.every());
    let Some(Hours { windows, days, zone }) = sla.hours() else { return every.into() };
    let mut fields = Writer::default();
    fields.put("every", every);
    fields.some("within", windows.as_ref().map(Windows::to_string));
    fields.some("days", Some(days).filter(|days| **days != Days::ALL).map(ToString::to_string));
    fields.put("tz", zone.to_string());
    fields.0.into()
}

/// The JSON of texts, numbers, flags, and lists and objects of them, which can always be written.
fn value(written: impl Serialize) -> Value {
    serde_json::to_value(written).unwrap_or_else(|error| unreachable!("what is stored is JSON: {error}"))
}

/// Fields as they are written, one after the other.
#[derive(Default)]
struct Writer(Fields);

impl Writer {
    fn of(written: Value) -> Self {
        match written {
            Value::Object(fields) => Self(fields),
            _ => Self::default(),
        }
    }

    fn put(&mut self, name: &str, written: impl Serialize) {
        self.0.insert(name.to_owned(), value(written));
    }

    fn some(&mut self, name: &str, value: Option<impl Serialize>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    fn leave_out(&mut self, name: &str, is_default: impl Fn(&Value) -> bool) {
        if self.0.get(name).is_some_and(is_default) {
            self.0.shift_remove(name);
        }
    }
}

#[cfg(test)]
mod tests;
