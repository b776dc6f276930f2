//! What a request may say, for its documentation: the readers are run on samples, and what they ask for is noted. So there
//! is no second list of fields that could differ from what is read.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::{Limits, mute, once, pool, receiver, rule};
use crate::alert::To;
use crate::duration::MIN_PERIOD;
use crate::{AllowedNetworks, Invalid, JobId, Pool, PoolSettings, Time};

/// A field that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its name within its object.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// Whether it may be `null`, which means its default.
    pub nullable: bool,
}

/// What a field may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// `true` or `false`.
    Flag,
    /// A duration within these bounds: a text, or a number of milliseconds.
    Duration {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// A whole number within these bounds, as a number or as a text.
    Number {
        /// The least.
        min: u32,
        /// The most.
        max: u32,
    },
    /// A text, or a number.
    TextOrNumber,
    /// A list of texts and numbers, or a text with commas between, or one number.
    List,
    /// A list of texts, or a text with one on each line.
    Lines,
    /// Headers: an object, a list of pairs, or a text with one on each line.
    Headers,
    /// What a rule does.
    Action,
    /// An object of these fields.
    Object(Vec<Asked>),
    /// One of these.
    AnyOf(Vec<Kind>),
}

/// The fields of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// All that are known, in the order in which they are read.
    pub fields: Vec<Asked>,
    /// The names of those that must be there.
    pub required: Vec<&'static str>,
}

/// An endpoint.
pub fn endpoint() -> Shape {
    // Each kind of timing has fields of its own, and an SLA is a duration or an object.
    let samples =
        [json!({"every": "1h", "sla": "1h"}), json!({"cron": "0 9 * * *", "sla": {}}), json!({"random": "1h"})];
    noted(&samples, |fields, limits| drop(super::endpoint(fields, limits, id(), None, None)))
}

/// A one-off job.
pub fn job() -> Shape {
    noted(&[json!({})], |fields, limits| drop(once::once(fields, limits)))
}

/// The settings of a pool.
pub fn pool() -> Shape {
    noted(&[json!({})], |fields, limits| {
        // It is one that can be parsed.
        if let Ok(pool) = Pool::parse("https://example.com") {
            pool::change(fields, &PoolSettings::new(pool, limits.now));
        }
    })
}

/// A rule.
pub fn rule() -> Shape {
    noted(&[json!({})], |fields, _| drop(rule::rule(fields, None)))
}

/// A receiver of alerts.
pub fn receiver() -> Shape {
    let samples = To::KINDS.map(|kind| json!({"kind": kind}));
    noted(&samples, |fields, limits| drop(receiver::receiver(fields, "name", None, limits)))
}

/// What is muted.
pub fn mute() -> Shape {
    let samples =
        [json!({"tag": "a", "for": "1h"}), json!({"pool": "https://example.com", "until": "2000-01-01T00:00Z"})];
    noted(&samples, |fields, limits| drop(mute::mute(fields, limits)))
}

fn id() -> JobId {
    uuid::Uuid::nil().into()
}

/// What is asked for with any of the samples. A field must be there that is in each of them or missed in it.
fn noted(samples: &[Value], read: impl Fn(&mut Fields, Limits<'_>)) -> Shape {
    let networks = AllowedNetworks::public_only();
    let limits = Limits { networks: &networks, min_period: MIN_PERIOD, now: Time::from_millis(0) };
    let (mut fields, mut needed): (Vec<Asked>, Vec<Vec<String>>) = (Vec::new(), Vec::new());
    for sample in samples {
        let sample: Map<String, Value> = sample.as_object().cloned().unwrap_or_default();
        let said = sample.keys().cloned().collect::<Vec<_>>();
        let mut noting = Fields::noting(sample);
        read(&mut noting, limits);
        let (asked, missing) = noting.asked();
        asked.into_iter().for_each(|asked| merge(&mut fields, asked));
        let missing = missing.into_iter().map(|Invalid { field, .. }| field.into_owned());
        needed.push(said.into_iter().chain(missing).collect());
    }
    let is_needed = |name: &&str| needed.iter().all(|needed| needed.iter().any(|needed| needed == name));
    let required = fields.iter().map(|field| field.name).filter(is_needed).collect();
    Shape { fields, required }
}

/// Adds a field, or what it may be besides.
fn merge(fields: &mut Vec<Asked>, asked: Asked) {
    let Some(known) = fields.iter_mut().find(|known| known.name == asked.name) else {
        fields.push(asked);
        return;
    };
    match &mut known.kind {
        same if *same == asked.kind => {}
        Kind::AnyOf(kinds) if kinds.contains(&asked.kind) => {}
        Kind::AnyOf(kinds) => kinds.push(asked.kind),
        other => *other = Kind::AnyOf(vec![other.clone(), asked.kind]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(shape: &Shape) -> Vec<&str> {
        shape.fields.iter().map(|field| field.name).collect()
    }

    fn kind<'a>(shape: &'a Shape, name: &str) -> &'a Kind {
        &shape.fields.iter().find(|field| field.name == name).unwrap().kind
    }

    #[test]
    fn all_fields_are_noted_whatever_goes_with_them() {
        let endpoint = endpoint();
        for name in crate::input::TIMING.iter().chain(&["url", "headers", "active", "key", "steer", "late", "lease"]) {
            assert!(names(&endpoint).contains(name), "{name}");
        }
        assert_eq!(endpoint.required, ["url"]);
        let Kind::AnyOf(sla) = kind(&endpoint, "sla") else { panic!("{endpoint:?}") };
        assert!(matches!(&sla[..], [Kind::Duration { .. }, Kind::Object(within)] if within.len() == 4), "{sla:?}");
        assert_eq!(kind(&endpoint, "failing_after"), &Kind::Number { min: 1, max: 1000 });
        assert_eq!(names(&rule()), ["name", "event", "job", "then", "enabled"]);
        assert_eq!(names(&mute()), ["endpoint", "pool", "tag", "for", "until", "note"]);
        assert_eq!(receiver().required, ["kind"]);
        assert_eq!((job().required, pool().required), (vec!["url"], vec![]));
        for name in ["url", "sign", "token", "chat", "routing_key", "to"] {
            assert!(names(&receiver()).contains(&name), "{name}");
        }
    }

    #[test]
    fn only_a_switch_cannot_be_null() {
        let strict: Vec<&str> =
            endpoint().fields.into_iter().filter(|field| !field.nullable).map(|field| field.name).collect();
        assert_eq!(strict, ["active"]);
    }
}
