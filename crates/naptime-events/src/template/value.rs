//! What a template computes with: the values of JSON, texts that remember how they were encoded, and what isn't there.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::Value as Json;

/// A value. Clones share what they hold.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Nothing is at this path of the event.
    Undefined(Option<Arc<str>>),
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(Arc<str>, Form),
    List(Arc<Vec<Value>>),
    Map(Arc<BTreeMap<Arc<str>, Value>>),
}

/// What a text is known to be, by the filter that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Plain,
    /// `|urlencode`: percent-encoded.
    Encoded,
    /// `|path`: segments of a path, each percent-encoded.
    Path,
    /// `|tojson`: JSON.
    Json,
}

impl Value {
    pub(crate) fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into(), Form::Plain)
    }

    pub(crate) fn list(items: Vec<Self>) -> Self {
        Self::List(Arc::new(items))
    }

    pub(crate) fn of(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(it) => Self::Bool(*it),
            Json::Number(it) => match (it.as_i64(), it.as_u64()) {
                (Some(it), _) => Self::Int(it.into()),
                (None, Some(it)) => Self::Int(it.into()),
                (None, None) => Self::Float(it.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(it) => Self::text(it.as_str()),
            Json::Array(items) => Self::list(items.iter().map(Self::of).collect()),
            Json::Object(members) => {
                Self::Map(Arc::new(members.iter().map(|(name, it)| (name.as_str().into(), Self::of(it))).collect()))
            }
        }
    }

    /// About how many bytes it prints as, and at least how many values it holds.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Undefined(_) | Self::Null | Self::Bool(_) => 5,
            Self::Int(_) | Self::Float(_) => 20,
            Self::Text(text, _) => text.len() + 2,
            Self::List(items) => items.iter().map(|it| it.size() + 1).sum::<usize>() + 2,
            Self::Map(members) => members.iter().map(|(name, it)| name.len() + it.size() + 4).sum::<usize>() + 2,
        }
    }

    /// A text as it is, everything else as JSON.
    pub(crate) fn print(&self) -> Arc<str> {
        match self {
            Self::Text(text, _) => Arc::clone(text),
            Self::Undefined(_) => "".into(),
            other => other.to_json().into(),
        }
    }

    pub(crate) fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    fn write_json(&self, out: &mut String) {
        let mut separate = false;
        let mut comma = |out: &mut String| {
            if std::mem::replace(&mut separate, true) {
                out.push(',');
            }
        };
        match self {
            Self::Undefined(_) | Self::Null => out.push_str("null"),
            Self::Bool(it) => out.push_str(if *it { "true" } else { "false" }),
            // Writing to a string cannot fail.
            Self::Int(it) => drop(write!(out, "{it}")),
            // JSON has no infinities.
            Self::Float(it) => match serde_json::Number::from_f64(*it) {
                Some(it) => drop(write!(out, "{it}")),
                None => out.push_str("null"),
            },
            Self::Text(text, _) => write_quoted(text, out),
            Self::List(items) => {
                out.push('[');
                for item in items.iter() {
                    comma(out);
                    item.write_json(out);
                }
                out.push(']');
            }
            Self::Map(members) => {
                out.push('{');
                for (name, value) in members.iter() {
                    comma(out);
                    write_quoted(name, out);
                    out.push(':');
                    value.write_json(out);
                }
                out.push('}');
            }
        }
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Undefined(_) => "an undefined value",
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(..) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "an object",
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        if let Self::Text(text, _) = self { Some(text) } else { None }
    }

    #[allow(clippy::cast_precision_loss)] // As in JavaScript, a large number is a rounded one.
    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(it) => Some(*it as f64),
            Self::Float(it) => Some(*it),
            _ => None,
        }
    }

    /// Numbers by size and texts by their characters; there is no order among the rest.
    pub(crate) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (Self::Text(a, _), Self::Text(b, _)) => Some(a.cmp(b)),
            (Self::Int(a), Self::Float(b)) => order_of(*a, *b),
            (Self::Float(a), Self::Int(b)) => order_of(*b, *a).map(Ordering::reverse),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(b),
            _ => None,
        }
    }
}

/// The order of a whole number and another one. The whole number isn't rounded first, since two that differ might then
/// equal a third, and sorting needs a total order.
#[allow(clippy::cast_possible_truncation)] // A float within the range of the whole numbers has a whole part among them.
fn order_of(int: i128, float: f64) -> Option<Ordering> {
    /// The first power of two that no whole number here reaches.
    const TOO_LARGE: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;
    if float.is_nan() {
        return None;
    }
    if float >= TOO_LARGE {
        return Some(Ordering::Less);
    }
    if float < -TOO_LARGE {
        return Some(Ordering::Greater);
    }
    Some(int.cmp(&(float.trunc() as i128)).then_with(|| 0.0f64.total_cmp(&(float.fract() + 0.0))))
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Undefined(_), Self::Undefined(_)) | (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            _ => self.order(other) == Some(Ordering::Equal),
        }
    }
}

/// A text as JSON writes it, quotes included.
fn write_quoted(text: &str, out: &mut String) {
    // A string is always JSON.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

#[cfg(test)]
mod unit {
    use super::*;

    /// By 64 bits of a float, the odd numbers here equal both of their neighbours, which differ.
    #[test]
    fn the_order_of_numbers_is_total() {
        let base = 1_i128 << 53;
        let ints = (-3..9).map(|n| Value::Int(base + n));
        let floats = [9_007_199_254_740_992.0, 9_007_199_254_740_994.0, 9_007_199_254_740_996.0].map(Value::Float);
        let far = [-1e300, -1.5, -0.5, -0.0, 0.5, 1.7e38, 1.8e38, 1e300].map(Value::Float);
        let near = [i128::MIN, -2, -1, 0, 1, i128::MAX].map(Value::Int);
        let all: Vec<Value> = ints.chain(floats).chain(far).chain(near).collect();
        for a in &all {
            for b in &all {
                assert_eq!(a.order(b), b.order(a).map(Ordering::reverse), "{a:?} {b:?}");
                for c in &all {
                    if a.order(b).unwrap().is_le() && b.order(c).unwrap().is_le() {
                        assert!(a.order(c).unwrap().is_le(), "{a:?} {b:?} {c:?}");
                    }
                }
            }
        }
        let order = |a: i128, b: f64| Value::Int(a).order(&Value::Float(b)).unwrap();
        assert_eq!(order(base + 1, 9_007_199_254_740_992.0), Ordering::Greater);
        assert_eq!(
            (order(-1, -1.5), order(-2, -1.5), order(3, 3.0)),
            (Ordering::Greater, Ordering::Less, Ordering::Equal)
        );
    }

    #[test]
    fn a_list_of_large_numbers_is_sorted() {
        let numbers = (0..3_000_i128).map(|n| (n * 7_919 % 13, n % 2 == 0));
        #[allow(clippy::cast_precision_loss)] // Every second one is a float for this reason.
        let mut all: Vec<Value> = numbers
            .map(|(n, is_float)| ((1_i128 << 53) + n, is_float))
            .map(|(n, is_float)| if is_float { Value::Float(n as f64) } else { Value::Int(n) })
            .collect();
        all.sort_by(|a, b| a.order(b).unwrap());
        assert!(all.iter().zip(all.iter().skip(1)).all(|(a, b)| a.order(b).unwrap().is_le()));
    }
}
