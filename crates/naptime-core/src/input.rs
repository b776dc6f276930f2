//! What people type and programs send, and how it becomes an endpoint or a job: one reader for all of it.
//!
//! The body of an API request, the fields of a form, the flags of a command, the template of a rule and a line of a file
//! each become one JSON object with the fields of the API. Here it is read, and all faults are found at once, each with
//! its path (`retry.attempts`), so that whoever sent it can show each where it was typed.
//!
//! What a URL, a duration or a header may be is decided by their types. Here is what depends on the settings, and on
//! several fields together. What was stored before is not read again by these rules: a change reads the fields it names.

use serde_json::Value;

mod call;
mod fields;
mod masks;
mod mute;
mod once;
mod pool;
mod receiver;
mod rule;
pub mod shape;
mod sla;
mod template;
#[cfg(test)]
mod tests;
mod timing;

use std::time::Duration;

pub use call::pairs_of_headers;
use fields::Fields;
pub use fields::kind;
pub use mute::{MAX_MUTE, read_mute};
pub use once::{FURTHEST, Once, TIMEOUT_ONCE, read_once};
pub use pool::read_pool;
pub use receiver::read_receiver;
pub use rule::read_rule;
pub use timing::BOUNDS;

use crate::{AllowedNetworks, Change, Invalid, Job, JobId, NewJob, Request, Retry, Schedule, Spec, Time};

/// What the settings and the time say of input.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// The networks that may be called beside the public internet.
    pub networks: &'a AllowedNetworks,
    /// The shortest period.
    pub min_period: Duration,
    /// When it is read: what is over counts for nothing, and `in` is counted from then.
    pub now: Time,
}

/// The fields that say when an endpoint is called.
pub const TIMING: [&str; 12] =
    ["every", "jitter", "align", "cron", "random", "window", "days", "tz", "from", "until", "except", "pause"];

/// The fields that are durations, by their paths.
pub const DURATIONS: [&str; 11] = [
    "every",
    "jitter",
    "random",
    "timeout",
    "sla",
    "sla.every",
    "late",
    "retry.backoff",
    "steer.min",
    "steer.max",
    "lease",
];

/// Reads a new endpoint. It is switched off unless `active` says otherwise.
///
/// # Errors
/// All faults, of which there is at least one.
pub fn read_new(value: Value, limits: Limits<'_>, id: JobId) -> Result<NewJob, Vec<Invalid>> {
    let (spec, active) = read(value, limits, id, None, None)?;
    Ok(NewJob { id, spec, active: active.unwrap_or(false) })
}

/// Reads a change of `old`: a field that is not there stays as it is, one that is `null` has its default again (as in
/// JSON Merge Patch, RFC 7396).
///
/// # Errors
/// All faults, of which there is at least one.
pub fn read_change(value: Value, limits: Limits<'_>, old: &Job) -> Result<Change, Vec<Invalid>> {
    let (spec, active) = read(value, limits, old.id, Some(&old.spec), Some(&old.spec))?;
    Ok(Change { active, ..Change::to(spec) })
}

/// Reads a configuration that takes the place of that of `old`: a field that is not there has its default. The switch
/// and a pause stay if nothing is said of them, because people set these by hand while the rest comes from a file. A mask
/// stands for the value that `old` has, as in a change.
///
/// # Errors
/// All faults, of which there is at least one.
pub fn read_replacement(mut value: Value, limits: Limits<'_>, old: &Job) -> Result<Change, Vec<Invalid>> {
    if let Value::Object(said) = &mut value {
        // Whatever is not said goes, so its credentials need not be written again for another host.
        for name in ["headers", "body", "secret"] {
            said.entry(name).or_insert(Value::Null);
        }
        let pause = old.spec.schedule.bounds().and_then(|bounds| bounds.pause.as_ref());
        // A pause is a text and a time, which are always JSON.
        if let Some(pause) = pause.and_then(|pause| serde_json::to_value(pause).ok()) {
            said.entry("pause").or_insert(pause);
        }
    }
    let (spec, active) = read(value, limits, old.id, None, Some(&old.spec))?;
    Ok(Change { active, ..Change::to(spec) })
}

/// Reads only when an endpoint is called, as [`read_new`] and [`read_change`] would.
///
/// # Errors
/// All faults of that, of which there is at least one.
pub fn read_schedule(
    value: &Value,
    limits: Limits<'_>,
    id: JobId,
    old: Option<&Spec>,
) -> Result<Schedule, Vec<Invalid>> {
    let said = value.as_object().into_iter().flatten().filter(|(name, _)| TIMING.contains(&name.as_str()));
    let mut fields = Fields::of(said.map(|(name, value)| (name.clone(), value.clone())).collect(), limits.min_period);
    let schedule = timing::schedule(&mut fields, limits, id, old.map(|old| &old.schedule));
    fields.finish("an endpoint", schedule)
}

/// Reads an endpoint. What is not said is as in `old`; what is masked is as in `stored`.
fn read(
    value: Value,
    limits: Limits<'_>,
    id: JobId,
    old: Option<&Spec>,
    stored: Option<&Spec>,
) -> Result<(Spec, Option<bool>), Vec<Invalid>> {
    let mut fields = Fields::of_value(value, "an endpoint", limits.min_period)?;
    fields.unmask(stored);
    let (spec, active) = endpoint(&mut fields, limits, id, old, stored);
    fields.finish("an endpoint", spec).map(|spec| (spec, active))
}

/// The configuration and the switch that the fields say.
fn endpoint(
    fields: &mut Fields,
    limits: Limits<'_>,
    id: JobId,
    old: Option<&Spec>,
    stored: Option<&Spec>,
) -> (Option<Spec>, Option<bool>) {
    let endpoint = call::endpoint(fields, limits, old.map(|old| &old.endpoint));
    let schedule = timing::schedule(fields, limits, id, old.map(|old| &old.schedule));
    let signs_with = stored.map(|stored| stored.request.sign.clone()).unwrap_or_default();
    let defaults = call::Defaults { request: Request::default(), retry: Retry::default(), signs_with };
    let spec = call::spec(fields, endpoint, schedule.clone(), old, defaults);
    let key = call::key(fields).or(old.and_then(|old| old.key.clone()), None);
    let sla = sla::sla(fields, schedule.as_ref(), old.and_then(|old| old.sla.clone()));
    let steer = call::steer(fields, limits, old.and_then(|old| old.steer));
    let misfire = call::misfire(fields, old.map(|old| old.misfire).unwrap_or_default());
    let failing_after = call::failing_after(fields, old.map(|old| old.failing_after));
    let active = fields.switch("active");
    // Whoever edits by hand what a file says leaves the mark of the file, so that it can be told what was edited.
    let applied = stored.and_then(|stored| stored.applied.clone());
    let spec = spec.map(|spec| Spec { sla, steer, misfire, failing_after, key, applied, ..spec });
    if let Some(spec) = &spec {
        sla::check(fields, spec, old, limits.now);
    }
    (spec, active)
}
