//! YAML 1.2, of which JSON is a part, as JSON; and JSON as YAML.
//!
//! What other readers could read otherwise is refused: a key that comes twice, and a second document where one is to be.
//! `<<` takes over what another object has, as most programs read it.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use saphyr::{Scalar, Yaml, YamlEmitter};
use saphyr_parser::{Event, Parser, ScanError, Span, StrInput};
use serde_json::{Map, Number, Value};

/// How deep values may lie in each other.
const MAX_DEPTH: usize = 64;
/// The most values: an alias repeats what it stands for, and may repeat that of other aliases.
const MAX_VALUES: usize = 1_000_000;

/// A text that was read.
#[derive(Debug, PartialEq)]
pub(super) struct Read {
    pub(super) value: Value,
    /// The line of each value, by its JSON pointer.
    pub(super) lines: HashMap<String, usize>,
}

/// What is wrong with a text, and the line.
#[derive(Debug, PartialEq)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) detail: String,
}

/// Reads a text of one document. Nothing in it is null.
pub(super) fn read(text: &str) -> Result<Read, Fault> {
    let mut reader = Reader::of(text);
    let value = reader.document()?.unwrap_or_default();
    match reader.begin()? {
        None => Ok(Read { value, lines: reader.lines }),
        Some((_, span)) => Err(fault(span, "a file holds one document; this one begins another")),
    }
}

/// Reads all documents of a text.
pub(super) fn documents(text: &str) -> Result<Vec<Value>, Fault> {
    let mut reader = Reader::of(text);
    std::iter::from_fn(|| reader.document().transpose()).collect()
}

/// Writes a value as YAML that reads the same.
pub(super) fn write(value: &Value) -> String {
    let mut text = String::new();
    let written = YamlEmitter::new(&mut text).dump(&yaml(value));
    let body = text.strip_prefix("---\n").unwrap_or(&text);
    match read(body) {
        Ok(read) if written.is_ok() && read.value == *value => format!("{body}\n"),
        // JSON is YAML too, and leaves no doubt about what is a text.
        _ => format!("{value:#}\n"),
    }
}

/// A name as a part of a JSON pointer.
pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    lines: HashMap<String, usize>,
    /// What aliases stand for.
    anchors: HashMap<usize, Value>,
    /// The JSON pointer of the value that is read.
    at: String,
    /// How many values there may still be.
    left: usize,
}

impl<'a> Reader<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            events: Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)),
            lines: HashMap::new(),
            anchors: HashMap::new(),
            at: String::new(),
            left: MAX_VALUES,
        }
    }

    /// The value of the next document, if there is one more.
    fn document(&mut self) -> Result<Option<Value>, Fault> {
        self.begin()?.map(|(event, span)| self.value(event, span, 0)).transpose()
    }

    /// The event that the next document's value begins with.
    fn begin(&mut self) -> Result<Option<(Event<'a>, Span)>, Fault> {
        while let Some((event, span)) = self.next()? {
            match event {
                Event::StreamStart
                | Event::StreamEnd
                | Event::DocumentStart(_)
                | Event::DocumentEnd
                | Event::Nothing => {}
                event => return Ok(Some((event, span))),
            }
        }
        Ok(None)
    }

    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Fault> {
        self.events.next().transpose().map_err(|error: ScanError| Fault {
            line: error.marker().line(),
            detail: format!("it cannot be read: {}", error.info()),
        })
    }

    /// The next event within a value, which is there: a parser ends what it has begun.
    fn within(&mut self, span: Span) -> Result<(Event<'a>, Span), Fault> {
        self.next()?.ok_or_else(|| fault(span, "it has no end"))
    }

    fn value(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Value, Fault> {
        if depth > MAX_DEPTH {
            return Err(fault(span, "values lie too deep in each other"));
        }
        self.lines.entry(self.at.clone()).or_insert_with(|| span.start.line());
        self.count(1, span)?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = Scalar::parse_from_cow_and_metadata(text, style, tag.as_ref());
                (scalar.and_then(json).ok_or_else(|| fault(span, "this is no value of JSON"))?, anchor)
            }
            Event::SequenceStart(anchor, _) => (self.list(span, depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.object(span, depth)?, anchor),
            Event::Alias(of) => {
                let value =
                    self.anchors.get(&of).cloned().ok_or_else(|| fault(span, "this alias stands for itself"))?;
                self.count(size(&value), span)?;
                (value, 0)
            }
            _ => return Err(fault(span, "it cannot be read")),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }

    fn list(&mut self, span: Span, depth: usize) -> Result<Value, Fault> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.within(span)?;
            if event == Event::SequenceEnd {
                return Ok(Value::Array(items));
            }
            let place = items.len().to_string();
            items.push(self.under(&place, span, |reader| reader.value(event, span, depth + 1))?);
        }
    }

    fn object(&mut self, span: Span, depth: usize) -> Result<Value, Fault> {
        let (mut fields, mut taken_over) = (Map::new(), Vec::new());
        loop {
            let (event, at_key) = self.within(span)?;
            let (name, is_plain) = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, style, ..) => (text.into_owned(), style == saphyr_parser::ScalarStyle::Plain),
                _ => return Err(fault(at_key, "a key must be a text")),
            };
            let (event, span) = self.within(at_key)?;
            if fields.contains_key(&name) {
                return Err(fault(at_key, &format!("the key `{name}` is there twice")));
            }
            let value = self.under(&name, at_key, |reader| reader.value(event, span, depth + 1))?;
            match value {
                Value::Object(others) if is_plain && name == "<<" => taken_over.push(others),
                value => drop(fields.insert(name, value)),
            }
        }
        for (name, value) in taken_over.into_iter().flatten() {
            fields.entry(name).or_insert(value);
        }
        Ok(Value::Object(fields))
    }

    /// Reads what is under a name. It is at the line of the name.
    fn under<T>(
        &mut self,
        name: &str,
        span: Span,
        read: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let end = self.at.len();
        self.at.push('/');
        self.at.push_str(&escaped(name));
        self.lines.insert(self.at.clone(), span.start.line());
        let read = read(self);
        self.at.truncate(end);
        read
    }

    fn count(&mut self, values: usize, span: Span) -> Result<(), Fault> {
        let left = self.left.checked_sub(values).ok_or_else(|| fault(span, "there are more than 1,000,000 values"))?;
        self.left = left;
        Ok(())
    }
}

fn fault(span: Span, detail: &str) -> Fault {
    Fault { line: span.start.line(), detail: detail.to_owned() }
}

/// How many values there are in one, itself included.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(fields) => fields.values().map(size).sum(),
        _ => 0,
    }
}

fn json(scalar: Scalar<'_>) -> Option<Value> {
    Some(match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(flag) => flag.into(),
        Scalar::Integer(number) => number.into(),
        // JSON has no infinity.
        Scalar::FloatingPoint(number) => Value::Number(Number::from_f64(number.into_inner())?),
        Scalar::String(text) => text.into_owned().into(),
    })
}

fn yaml(value: &Value) -> Yaml<'_> {
    match value {
        Value::Null => Yaml::Value(Scalar::Null),
        Value::Bool(flag) => Yaml::Value(Scalar::Boolean(*flag)),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Yaml::Value(Scalar::Integer(number)),
            None => Yaml::Value(Scalar::FloatingPoint(number.as_f64().unwrap_or_default().into())),
        },
        Value::String(text) => Yaml::Value(Scalar::String(text.into())),
        Value::Array(items) => Yaml::Sequence(items.iter().map(yaml).collect()),
        Value::Object(fields) => {
            let named = fields.iter().map(|(name, value)| (Yaml::Value(Scalar::String(name.into())), yaml(value)));
            Yaml::Mapping(named.collect())
        }
    }
}
