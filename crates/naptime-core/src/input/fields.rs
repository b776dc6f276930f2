//! The fields of an object, taken out one after the other, and the faults found on the way.

use std::time::Duration;

use serde_json::{Map, Value};

use super::masks;
use super::shape::{Asked, Kind};
use crate::duration;
use crate::request::excerpt;
use crate::{Invalid, Spec};

/// The most fields that nobody knows and that are told. A body may hold very many.
const MAX_UNKNOWN: usize = 50;
/// The most characters of a name that are told.
const MAX_SHOWN: usize = 60;

/// The fields of an object that are still to be read.
pub(crate) struct Fields {
    rest: Map<String, Value>,
    faults: Vec<Invalid>,
    /// The shortest period by the settings, which says what a bare number may be.
    min_period: Duration,
    /// What was asked for so far, if that is wanted.
    asked: Option<Vec<Asked>>,
}

/// What a field says.
pub(crate) enum Said<T> {
    /// The field is not there, or cannot be read, so what was there before stays.
    Nothing,
    /// The field is `null`, and has its default again.
    Default,
    /// The field has this value.
    Value(T),
}

impl<T> Said<T> {
    /// What is made of the value.
    pub(crate) fn map<U>(self, make: impl FnOnce(T) -> U) -> Said<U> {
        match self {
            Self::Nothing => Said::Nothing,
            Self::Default => Said::Default,
            Self::Value(value) => Said::Value(make(value)),
        }
    }

    /// The value that the field has from now on.
    pub(crate) fn or(self, old: T, default: T) -> T {
        match self {
            Self::Nothing => old,
            Self::Default => default,
            Self::Value(value) => value,
        }
    }

    /// The same, for a field whose default is to have no value.
    pub(crate) fn some(self) -> Said<Option<T>> {
        self.map(Some)
    }

    /// What changes, for a field whose default is to have no value.
    #[allow(clippy::option_option)] // Cleared is not the same as kept.
    pub(crate) fn change(self) -> Option<Option<T>> {
        match self {
            Self::Nothing => None,
            Self::Default => Some(None),
            Self::Value(value) => Some(Some(value)),
        }
    }

    /// The value that is said.
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Nothing | Self::Default => None,
        }
    }
}

impl Fields {
    /// The fields of an object.
    pub(crate) fn of(rest: Map<String, Value>, min_period: Duration) -> Self {
        Self { rest, faults: Vec::new(), min_period, asked: None }
    }

    /// The same, noting what is asked for. What is there is only a sample, so that a reader asks for what goes with it.
    pub(super) fn noting(sample: Map<String, Value>) -> Self {
        Self { asked: Some(Vec::new()), ..Self::of(sample, Duration::ZERO) }
    }

    /// What was asked for, and which of it is missing.
    pub(super) fn asked(self) -> (Vec<Asked>, Vec<Invalid>) {
        let missing = self.faults.into_iter().filter(|fault| fault.code == "missing").collect();
        (self.asked.unwrap_or_default(), missing)
    }

    /// Whether what is asked for is noted.
    pub(super) fn is_noting(&self) -> bool {
        self.asked.is_some()
    }

    fn note_asked(&mut self, name: &'static str, kind: impl FnOnce() -> Kind, nullable: bool) {
        if let Some(asked) = &mut self.asked {
            asked.push(Asked { name: name.rsplit('.').next().unwrap_or(name), kind: kind(), nullable });
        }
    }

    /// The fields of a value that is to be an object: `an endpoint`.
    ///
    /// # Errors
    /// If it is no object. The fault has no path.
    pub(crate) fn of_value(value: Value, of: &str, min_period: Duration) -> Result<Self, Vec<Invalid>> {
        match value {
            Value::Object(rest) => Ok(Self::of(rest, min_period)),
            other => {
                let detail = format!("{of} must be an object, not {}", kind(&other));
                Err(vec![Invalid::new("", "wrong_type", detail)])
            }
        }
    }

    /// What was made of the fields, if there was no fault. A field that is left now is one that nobody knows.
    ///
    /// # Errors
    /// All faults, of which there is at least one.
    pub(crate) fn finish<T>(mut self, of: &str, made: Option<T>) -> Result<T, Vec<Invalid>> {
        let unknown = self.rest.keys().take(MAX_UNKNOWN).map(|name| {
            let shown = excerpt(name, MAX_SHOWN);
            let detail = format!("`{shown}` is not a field of {of}");
            Invalid::new(shown, "unknown_field", detail)
        });
        self.faults.extend(unknown);
        match made {
            Some(made) if self.faults.is_empty() => Ok(made),
            _ => Err(self.faults),
        }
    }

    /// Puts stored values where credentials are masked.
    pub(crate) fn unmask(&mut self, stored: Option<&Spec>) {
        let faults = masks::unmask(&mut self.rest, stored);
        self.faults.extend(faults);
    }

    /// Whether the field says something. `null` does not.
    pub(crate) fn says(&self, name: &str) -> bool {
        self.rest.get(name).is_some_and(|value| !value.is_null())
    }

    /// Whether the field is there at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.rest.contains_key(name)
    }

    /// Whether the field is an object.
    pub(crate) fn has_object(&self, name: &str) -> bool {
        self.rest.get(name).is_some_and(Value::is_object)
    }

    /// Whether the field is a text or a number.
    pub(crate) fn has_text_or_number(&self, name: &str) -> bool {
        self.rest.get(name).is_some_and(|value| value.is_string() || value.is_number())
    }

    /// Takes a field of some kind of its own out as it is, if it says something.
    pub(crate) fn take(&mut self, name: &'static str, kind: Kind) -> Option<Value> {
        self.note_asked(name, || kind, true);
        self.remove(name)
    }

    fn remove(&mut self, name: &str) -> Option<Value> {
        self.rest.shift_remove(name).filter(|value| !value.is_null())
    }

    /// Whether the field is `false`.
    pub(crate) fn is_false(&self, name: &str) -> bool {
        self.rest.get(name) == Some(&Value::Bool(false))
    }

    /// Takes a field out unread. Returns whether it said anything; `null` does not.
    pub(crate) fn skip(&mut self, name: &str) -> bool {
        self.remove(name).is_some()
    }

    /// Whether a fault of this field was noted, or of one within it.
    pub(crate) fn is_faulty(&self, name: &str) -> bool {
        let rest =
            |fault: &Invalid| fault.field.strip_prefix(name).map(|rest| rest.is_empty() || rest.starts_with('.'));
        self.faults.iter().any(|fault| rest(fault) == Some(true))
    }

    /// Notes a fault.
    pub(crate) fn fault(&mut self, field: &'static str, code: &'static str, detail: impl Into<String>) {
        self.faults.push(Invalid::new(field, code, detail));
    }

    /// The value, or else its fault is noted.
    pub(crate) fn note<T>(&mut self, read: Result<T, Invalid>) -> Option<T> {
        read.map_err(|fault| self.faults.push(fault)).ok()
    }

    /// The same for an object within, whose faults have the paths of its own fields.
    pub(crate) fn note_within<T>(&mut self, path: &str, read: Result<T, Vec<Invalid>>) -> Option<T> {
        let placed = |fault: Invalid| Invalid { field: format!("{path}.{}", fault.field).into(), ..fault };
        read.map_err(|faults| self.faults.extend(faults.into_iter().map(placed))).ok()
    }

    /// Takes a field out and reads it. Whatever is found wrong is a fault of this field.
    pub(crate) fn read<T>(
        &mut self,
        name: &'static str,
        kind: Kind,
        read: impl FnOnce(Value) -> Result<T, Invalid>,
    ) -> Said<T> {
        self.note_asked(name, || kind, true);
        match self.rest.shift_remove(name) {
            None => Said::Nothing,
            Some(Value::Null) => Said::Default,
            Some(value) => {
                let read = read(value).map_err(|fault| Invalid { field: name.into(), ..fault });
                self.note(read).map_or(Said::Nothing, Said::Value)
            }
        }
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &'static str) -> Said<String> {
        self.read(name, Kind::Text, |value| text(name, value))
    }

    /// A text that is read further.
    pub(crate) fn parsed<T>(&mut self, name: &'static str, parse: impl FnOnce(&str) -> Result<T, Invalid>) -> Said<T> {
        self.read(name, Kind::Text, |value| parse(&text(name, value)?))
    }

    /// Yes or no.
    pub(crate) fn flag(&mut self, name: &'static str) -> Said<bool> {
        self.read(name, Kind::Flag, |value| match value {
            Value::Bool(flag) => Ok(flag),
            other => Err(wrong_type(name, "true or false", &other)),
        })
    }

    /// Whether something is switched on, if that is said. `null` says nothing that could be meant.
    pub(crate) fn switch(&mut self, name: &'static str) -> Option<bool> {
        if self.has(name) && !self.says(name) {
            self.skip(name);
            self.faults.push(wrong_type(name, "true or false", &Value::Null));
        }
        let said = self.flag(name).value();
        if let Some(asked) = self.asked.as_mut().and_then(|asked| asked.last_mut()) {
            asked.nullable = false;
        }
        said
    }

    /// A duration, as a text or as a number of milliseconds.
    pub(crate) fn duration(&mut self, name: &'static str, min: Duration, max: Duration) -> Said<Duration> {
        let min_period = self.min_period;
        self.read(name, Kind::Duration { min, max }, |value| {
            let duration = match value {
                Value::String(text) => duration::parse(name, &text)?,
                Value::Number(number) => duration::from_millis_number(name, &number.to_string(), min_period)?,
                other => return Err(wrong_type(name, "a duration like \"5m\", or milliseconds", &other)),
            };
            duration::check_within(name, duration, min, max)
        })
    }

    /// A whole number. A text of one is as good, because forms and templates have nothing else.
    pub(crate) fn number(&mut self, name: &'static str, min: u32, max: u32) -> Said<u32> {
        self.read(name, Kind::Number { min, max }, |value| {
            let written = match &value {
                Value::Number(number) => number.to_string(),
                Value::String(text) => text.trim().to_owned(),
                other => return Err(wrong_type(name, "a whole number", other)),
            };
            let shown = excerpt(&written, MAX_SHOWN);
            let number: i128 = written.parse().map_err(|_| {
                let detail = format!("`{shown}` is not a whole number; write one from {min} to {max}");
                Invalid::new(name, "not_a_number", detail)
            })?;
            u32::try_from(number).ok().filter(|number| (min..=max).contains(number)).ok_or_else(|| {
                let detail = format!("{shown} is out of range; it may be from {min} to {max}");
                Invalid::new(name, "out_of_range", detail)
            })
        })
    }

    /// Several things: a text of them with commas between, or a list of texts and numbers.
    pub(crate) fn list<T>(
        &mut self,
        name: &'static str,
        of: &str,
        parse: impl FnOnce(Vec<String>) -> Result<T, Invalid>,
    ) -> Said<T> {
        self.read(name, Kind::List, |value| {
            let expected = format!("a text of {of} with commas between, or a list of them");
            let item = |value| match value {
                Value::String(text) => Ok(text),
                Value::Number(number) => Ok(number.to_string()),
                other => Err(wrong_type(name, &expected, &other)),
            };
            let items: Vec<String> = match value {
                Value::Array(items) => items.into_iter().map(item).collect::<Result<_, _>>()?,
                one => {
                    let text = item(one)?;
                    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
                }
            };
            parse(items)
        })
    }

    /// An object within this one, whose fields `read` takes out: with their whole paths as names.
    pub(crate) fn within<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Said<T> {
        if self.asked.is_some() {
            let mut within = Self::noting(Map::new());
            read(&mut within);
            self.note_asked(name, || Kind::Object(within.asked().0), true);
            self.rest.shift_remove(name);
            return Said::Nothing;
        }
        let inner = match self.rest.shift_remove(name) {
            None => return Said::Nothing,
            Some(Value::Null) => return Said::Default,
            Some(Value::Object(inner)) => inner,
            Some(other) => {
                self.faults.push(wrong_type(name, expected, &other));
                return Said::Nothing;
            }
        };
        let inner = inner.into_iter().map(|(field, value)| (format!("{name}.{field}"), value));
        let mut fields = Self::of(inner.collect(), self.min_period);
        let made = read(&mut fields);
        let found = fields.finish(&format!("`{name}`"), made);
        found.map_err(|faults| self.faults.extend(faults)).map_or(Said::Nothing, Said::Value)
    }
}

/// A text.
pub(super) fn text(name: &'static str, value: Value) -> Result<String, Invalid> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(wrong_type(name, "a string", &other)),
    }
}

/// The fault of a value of another type than is expected.
pub(super) fn wrong_type(name: &'static str, expected: &str, value: &Value) -> Invalid {
    Invalid::new(name, "wrong_type", format!("`{name}` must be {expected}, not {}", kind(value)))
}

/// What a JSON value is, with its article.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
