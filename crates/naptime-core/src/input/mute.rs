//! What is not told for a while.

use std::time::Duration;

use serde_json::Value;

use super::Limits;
use super::fields::Fields;
use crate::alert::{MAX_NOTE, Mute, Muted};
use crate::{Invalid, JobId, Pool, Spec, check_line, read_at};

/// The longest time that something is muted.
pub const MAX_MUTE: Duration = Duration::from_secs(366 * 24 * 3600);
const MIN_MUTE: Duration = Duration::from_secs(1);

/// Reads what is to be muted: `endpoint`, `pool` or `tag`, and `for` how long or `until` when.
///
/// # Errors
/// All faults, of which there is at least one.
pub fn read_mute(value: Value, limits: Limits<'_>) -> Result<Mute, Vec<Invalid>> {
    let mut fields = Fields::of_value(value, "a mute", limits.min_period)?;
    let made = mute(&mut fields, limits);
    fields.finish("a mute", made)
}

pub(super) fn mute(fields: &mut Fields, limits: Limits<'_>) -> Option<Mute> {
    let endpoint = fields.parsed("endpoint", str::parse::<JobId>).value().map(Muted::Endpoint);
    let pool = fields.parsed("pool", Pool::parse).value().map(|pool| Muted::Pool(pool.to_string()));
    let tag = fields.parsed("tag", |text| {
        let tag = text.trim().to_owned();
        Spec::check_tags(std::slice::from_ref(&tag)).map(|()| Muted::Tag(tag))
    });
    let tag = tag.value();
    let said: Vec<Muted> = [endpoint, pool, tag].into_iter().flatten().collect();
    if said.len() != 1 && !["endpoint", "pool", "tag"].iter().any(|name| fields.is_faulty(name)) {
        let detail = "say one of `endpoint`, `pool` and `tag`";
        fields.fault("endpoint", if said.is_empty() { "missing" } else { "conflict" }, detail);
    }
    let length = fields.duration("for", MIN_MUTE, MAX_MUTE).value();
    let until = fields.parsed("until", |text| read_at(text, None)).value();
    if length.is_some() == until.is_some() && !fields.is_faulty("for") && !fields.is_faulty("until") {
        let detail = "say for how long (`for`, like 2h), or `until` when";
        fields.fault("for", if until.is_some() { "conflict" } else { "missing" }, detail);
    }
    if until.is_some_and(|until| until <= limits.now || until > limits.now + MAX_MUTE) {
        fields.fault("until", "out_of_range", "the end must be later than now, and within a year");
    }
    let note = fields.parsed("note", |note| check_line("note", note, MAX_NOTE).map(|()| note.to_owned()));
    let note = note.or(String::new(), String::new());
    let until = until.or(length.map(|length| limits.now + length));
    said.into_iter().next().zip(until).map(|(of, until)| Mute { of, until, note })
}
