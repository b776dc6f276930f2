//! What is called and how, and what a call's end means.

use std::time::Duration;

use serde_json::Value;

use super::Limits;
use super::fields::{Fields, Said, kind, text, wrong_type};
use super::shape::Kind;
use crate::duration::MAX_PERIOD;
use crate::job::{MAX_LEASE, MIN_LEASE};
use crate::recent::{FAILING_AFTER, MAX_FAILING_AFTER};
use crate::request::{MAX_POOL_TIMEOUT, MIN_TIMEOUT, excerpt};
use crate::retry::{MAX_ATTEMPTS, MAX_BACKOFF, MIN_BACKOFF};
use crate::state::LEASE;
use crate::{
    CatchUp, Endpoint, Expect, Headers, Invalid, Keep, Misfire, Request, Retry, Schedule, SigningKeys, Spec, Statuses,
    Steer, Temporary,
};

/// The shortest time by which a call may be late: many leave a few milliseconds after their time.
const MIN_LATE: Duration = Duration::from_secs(1);

/// What a field has if nobody says anything else, where recurring and one-off jobs differ.
pub(super) struct Defaults {
    pub(super) request: Request,
    pub(super) retry: Retry,
    /// The keys that masks in `sign` stand for.
    pub(super) signs_with: SigningKeys,
}

/// The URL, if it may be called.
pub(super) fn endpoint(fields: &mut Fields, limits: Limits<'_>, old: Option<&Endpoint>) -> Option<Endpoint> {
    let read = match (fields.parsed("url", Endpoint::parse_callable), old) {
        (Said::Value(read), _) => read,
        _ if fields.is_faulty("url") => return None,
        (Said::Nothing, Some(old)) => old.clone(),
        _ => {
            fields.fault("url", "missing", "the URL is missing; it looks like https://example.com/path");
            return None;
        }
    };
    // What was allowed once does not stop another edit now; the worker looks at each call anyway.
    if Some(&read) == old {
        return Some(read);
    }
    let checked = limits.networks.check(&read);
    fields.note(checked).map(|()| read)
}

/// The fields that recurring and one-off jobs have in common. Those of the others are as they were.
pub(super) fn spec(
    fields: &mut Fields,
    endpoint: Option<Endpoint>,
    schedule: Option<Schedule>,
    old: Option<&Spec>,
    defaults: Defaults,
) -> Option<Spec> {
    let old_retry = old.map_or_else(|| defaults.retry.clone(), |old| old.retry.clone());
    let old_request = old.map_or_else(|| defaults.request.clone(), |old| old.request.clone());
    let old_success = old.map_or_else(Statuses::success, |old| old.success.clone());
    let request = request(fields, old_request, defaults.request, &defaults.signs_with);
    let retry = fields
        .within("retry", "an object of `attempts`, `backoff` and `on`", |fields| {
            Some(self::retry(fields, old_retry.clone(), &defaults.retry))
        })
        .or(old_retry, defaults.retry.clone());
    let success = fields.list("success", "statuses", |list| list.join(", ").parse());
    let expect = fields.read("expect", Kind::Lines, expect);
    let lease = fields.duration("lease", MIN_LEASE, MAX_LEASE);
    let name = fields.parsed("name", |name| Spec::check_name(name.trim()).map(|()| name.trim().to_owned()));
    let tags = fields.list("tags", "tags", tags);
    let keep = fields.parsed("keep", str::parse);
    Some(Spec {
        endpoint: endpoint?,
        schedule: schedule?,
        request,
        retry,
        success: success.or(old_success, Statuses::success()),
        expect: expect.or(old.map(|old| old.expect.clone()).unwrap_or_default(), Expect::default()),
        lease: lease.or(old.map_or(LEASE, |old| old.lease), LEASE),
        name: name.or(old.map(|old| old.name.clone()).unwrap_or_default(), String::new()),
        tags: tags.or(old.map(|old| old.tags.clone()).unwrap_or_default(), Vec::new()),
        failing_after: old.map_or(FAILING_AFTER, |old| old.failing_after),
        keep: keep.or(old.map(|old| old.keep).unwrap_or_default(), Keep::default()),
        sla: old.and_then(|old| old.sla.clone()),
        steer: old.and_then(|old| old.steer),
        misfire: old.map(|old| old.misfire).unwrap_or_default(),
        key: old.and_then(|old| old.key.clone()),
        applied: None,
    })
}

/// What whoever asks for it knows it by.
pub(super) fn key(fields: &mut Fields) -> Said<Option<String>> {
    fields.parsed("key", |key| Spec::check_key(key).map(|()| key.to_owned())).some()
}

/// Conditions: a text with one on each line, or a list of them.
fn expect(value: Value) -> Result<Expect, Invalid> {
    match value {
        Value::String(lines) => Expect::read(lines.lines()),
        Value::Array(items) => {
            let lines = items.into_iter().map(|item| text("expect", item)).collect::<Result<Vec<_>, _>>()?;
            Expect::read(lines.iter().map(String::as_str))
        }
        other => Err(wrong_type("expect", "a list of conditions, or a text with one on each line", &other)),
    }
}

fn request(fields: &mut Fields, old: Request, default: Request, signs_with: &SigningKeys) -> Request {
    let method = fields.parsed("method", str::parse);
    let headers = fields.read("headers", Kind::Headers, |value| pairs_of_headers(value).and_then(Headers::new));
    let body = fields.parsed("body", |body| Request::check_body(body).map(|()| body.to_owned()));
    // Most pools allow less than that, which only the store can tell.
    let timeout = fields.duration("timeout", MIN_TIMEOUT, MAX_POOL_TIMEOUT);
    let sign = fields.list("sign", "keys", |keys| SigningKeys::read(keys, signs_with));
    Request {
        sign: sign.or(old.sign, default.sign),
        method: method.or(old.method, default.method),
        headers: headers.or(old.headers, default.headers),
        // An empty body is none.
        body: body.some().or(old.body, default.body).filter(|body| !body.is_empty()),
        secret: fields.flag("secret").or(old.secret, default.secret),
        secret_path: old.secret_path,
        timeout: timeout.or(old.timeout, default.timeout),
    }
}

/// Names and values, still unchecked: `{"Name": "value"}`, `[["Name", "value"]]` where a name comes twice, or a text with
/// one `Name: value` on each line.
///
/// # Errors
/// At `headers`, if it is none of these.
pub fn pairs_of_headers(value: Value) -> Result<Vec<(String, String)>, Invalid> {
    let pair = |item: Value| match item {
        Value::Array(parts) => match <[Value; 2]>::try_from(parts) {
            Ok([name, value]) => Ok((text("headers", name)?, text("headers", value)?)),
            Err(_) => Err(Invalid::new("headers", "wrong_type", "each of `headers` must be [name, value]")),
        },
        other => Err(wrong_type("headers", "a list of [name, value]", &other)),
    };
    match value {
        Value::String(lines) => Headers::split_lines(&lines),
        Value::Object(pairs) => pairs
            .into_iter()
            .map(|(name, value)| match value {
                Value::String(value) => Ok((name, value)),
                other => {
                    let detail =
                        format!("the value of `{}` must be a string, not {}", excerpt(&name, 40), kind(&other));
                    Err(Invalid::new("headers", "wrong_type", detail))
                }
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(pair).collect(),
        other => Err(wrong_type("headers", "an object, a list of pairs, or a text of lines", &other)),
    }
}

fn retry(fields: &mut Fields, old: Retry, default: &Retry) -> Retry {
    let on = |list: Vec<String>| if list.is_empty() { "none".parse() } else { list.join(", ").parse::<Temporary>() };
    Retry {
        attempts: fields.number("retry.attempts", 1, MAX_ATTEMPTS).or(old.attempts, default.attempts),
        backoff: fields.duration("retry.backoff", MIN_BACKOFF, MAX_BACKOFF).or(old.backoff, default.backoff),
        on: fields
            .list("retry.on", "statuses, `timeout`, `unreachable` and `connection`", on)
            .or(old.on, default.on.clone()),
    }
}

/// How many occurrences in a row must not end well for it to count as failing.
pub(super) fn failing_after(fields: &mut Fields, old: Option<u32>) -> u32 {
    fields.number("failing_after", 1, MAX_FAILING_AFTER).or(old.unwrap_or(FAILING_AFTER), FAILING_AFTER)
}

/// What becomes of occurrences that could not be called in time.
pub(super) fn misfire(fields: &mut Fields, old: Misfire) -> Misfire {
    let number = |value: Value| match value {
        Value::Number(number) => number.to_string().parse(),
        Value::String(text) => text.parse(),
        other => Err(wrong_type("catch_up", "`latest`, `all` or a number", &other)),
    };
    Misfire {
        late: fields.duration("late", MIN_LATE, MAX_PERIOD).some().or(old.late, None),
        catch_up: fields.read("catch_up", Kind::TextOrNumber, number).or(old.catch_up, CatchUp::LATEST),
    }
}

/// What the target may set itself.
pub(super) fn steer(fields: &mut Fields, limits: Limits<'_>, old: Option<Steer>) -> Option<Steer> {
    let read = fields.within("steer", "an object of `min` and `max`, or null", |fields| {
        let min = fields.duration("steer.min", Duration::ZERO, MAX_PERIOD).value();
        let max = fields.duration("steer.max", Duration::ZERO, MAX_PERIOD).value();
        match (min.or(old.map(|old| old.min)), max.or(old.map(|old| old.max))) {
            (Some(min), Some(max)) => {
                let limits = Steer::new(min, max, limits.min_period);
                fields.note(limits)
            }
            (min, _) => {
                let missing = if min.is_none() { "steer.min" } else { "steer.max" };
                if !fields.is_faulty(missing) {
                    fields.fault(missing, "missing", "there must be both limits, `min` and `max`");
                }
                None
            }
        }
    });
    read.some().or(old, None)
}

/// Tags, each once and without blanks around it.
fn tags(list: Vec<String>) -> Result<Vec<String>, Invalid> {
    let mut kept: Vec<String> = Vec::new();
    for tag in list {
        let tag = tag.trim().to_owned();
        if !kept.contains(&tag) {
            kept.push(tag);
        }
    }
    Spec::check_tags(&kept).map(|()| kept)
}
