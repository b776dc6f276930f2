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
            _ => self.as_f64()?.partial_cmp(&other.as_f64()?),
        }
    }
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
