//! What a loop goes through: the items of a list, the names of an object or the characters of a text. Each is made when
//! the loop comes to it, as a list of all characters of a text takes many times the memory of the text.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::value::Value;
use super::work::{ALLOCATION, Work};

/// An iterator that shares what it goes through.
#[derive(Clone)]
pub(crate) enum Items {
    /// A list, and the place of the next item.
    List(Arc<Vec<Value>>, usize),
    /// An object, and the name before the next one.
    Names(Arc<BTreeMap<Arc<str>, Value>>, Option<Arc<str>>),
    /// A text, and the byte at which the next character begins.
    Chars(Arc<str>, usize),
}

impl Items {
    /// # Errors
    /// If the value has no items, or no work is left to read it.
    pub(crate) fn of(value: &Value, work: &mut Work) -> Result<Self, String> {
        work.read(value)?;
        match value {
            Value::List(items) => Ok(Self::List(Arc::clone(items), 0)),
            Value::Map(members) => Ok(Self::Names(Arc::clone(members), None)),
            Value::Text(text, _) => Ok(Self::Chars(Arc::clone(text), 0)),
            other => Err(format!("{} has no items", other.kind())),
        }
    }

    /// How many items there are, those included that were gone through.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::List(items, _) => items.len(),
            Self::Names(members, _) => members.len(),
            Self::Chars(text, _) => text.chars().count(),
        }
    }

    /// The bytes that each item takes for itself, beside its place in a list.
    pub(crate) fn bytes_each(&self) -> usize {
        match self {
            Self::Chars(..) => ALLOCATION + size_of::<char>(),
            Self::List(..) | Self::Names(..) => 0,
        }
    }

    pub(crate) fn last_of_all(&self) -> Option<Value> {
        match self {
            Self::List(items, _) => items.last().cloned(),
            Self::Names(members, _) => members.last_key_value().map(|(name, _)| Value::text(Arc::clone(name))),
            Self::Chars(text, _) => text.chars().next_back().map(of_char),
        }
    }

    /// All items at once.
    ///
    /// # Errors
    /// If they take more memory than is left.
    pub(crate) fn collected(self, work: &mut Work) -> Result<Vec<Value>, String> {
        work.hold(self.length().saturating_mul(size_of::<Value>() + self.bytes_each()))?;
        Ok(self.collect())
    }
}

impl Iterator for Items {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        match self {
            Self::List(items, at) => {
                let item = items.get(*at).cloned();
                *at += 1;
                item
            }
            Self::Names(members, before) => {
                let after = before.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
                let (name, _) = members.range::<Arc<str>, _>((after, Bound::Unbounded)).next()?;
                let name = Arc::clone(name);
                *before = Some(Arc::clone(&name));
                Some(Value::text(name))
            }
            Self::Chars(text, at) => {
                let c = text.get(*at..)?.chars().next()?;
                *at += c.len_utf8();
                Some(of_char(c))
            }
        }
    }
}

fn of_char(c: char) -> Value {
    Value::text(&*c.encode_utf8(&mut [0; 4]))
}

#[cfg(test)]
mod unit {
    use serde_json::json;

    use super::*;

    #[test]
    fn items_come_one_by_one() {
        for (of, expect) in [
            (json!([1, "a", []]), json!([1, "a", []])),
            (json!([]), json!([])),
            (json!({"b": 1, "a": 2, "ä": 3}), json!(["a", "b", "ä"])),
            (json!({}), json!([])),
            (json!("aä€𝄞"), json!(["a", "ä", "€", "𝄞"])),
            (json!(""), json!([])),
        ] {
            let mut work = Work::new(Work::deadline());
            let items = Items::of(&Value::of(&of), &mut work).unwrap();
            assert_eq!(items.length(), expect.as_array().unwrap().len(), "{of}");
            assert_eq!(items.last_of_all(), expect.as_array().unwrap().last().map(Value::of), "{of}");
            assert_eq!(Value::list(items.collect()), Value::of(&expect), "{of}");
        }
    }
}
