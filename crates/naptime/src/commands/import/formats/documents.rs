//! Files of JSON and YAML.

use anyhow::Context;
use serde_json::{Deserializer, Value};

use crate::commands::yaml;

/// The documents of a file: JSON values one after the other, as a CLI prints several things, or YAML.
///
/// # Errors
/// Where it is not JSON, or not YAML.
pub(super) fn read(text: &str) -> anyhow::Result<Vec<Value>> {
    if is_json(text) {
        return Deserializer::from_str(text).into_iter().collect::<Result<_, _>>().context("the file is not JSON");
    }
    yaml::documents(text)
        .map_err(|fault| anyhow::anyhow!("the file is not YAML: line {}: {}", fault.line, fault.detail))
}

/// Whether it can only be JSON.
pub(super) fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

/// The documents, and what is in those that are lists.
pub(super) fn flat(documents: Vec<Value>) -> impl Iterator<Item = Value> {
    documents.into_iter().flat_map(|document| match document {
        Value::Array(items) => items,
        document => vec![document],
    })
}

/// A text of a document, or a number as text; empty if there is none.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

/// A list of a document; empty if there is none.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The names and values of an object of a document.
pub(super) fn pairs(value: &Value) -> impl Iterator<Item = (String, String)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), text(value)))
}
