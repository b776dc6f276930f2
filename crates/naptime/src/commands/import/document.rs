//! What was found, as a file: `naptime.yaml`, the same as JSON, or the crontab without what was taken over.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::found::{Found, Place};

/// The document that `naptime apply` takes, in whose texts `${NAME}` is a variable.
pub(super) fn of(found: &Found, project: Option<&str>) -> Value {
    let mut document = Map::new();
    document.extend(project.map(|project| ("project".to_owned(), project.into())));
    let endpoints: Map<String, Value> =
        found.taken.iter().map(|taken| (taken.key.clone(), taken.fields.clone().into())).collect();
    document.insert("endpoints".to_owned(), endpoints.into());
    document.into()
}

pub(super) fn json(document: &Value) -> String {
    format!("{document:#}\n")
}

/// A crontab in which the lines that were taken over are comments.
pub(super) fn crontab(text: &str, found: &Found) -> String {
    let keys: HashMap<usize, &str> = found
        .taken
        .iter()
        .filter_map(|taken| match taken.place {
            Place::Line(line) => Some((line, taken.key.as_str())),
            Place::Named(_) => None,
        })
        .collect();
    let lines = (1..).zip(text.lines()).map(|(number, line)| match keys.get(&number) {
        Some(key) => format!("# Naptime calls it now, as {key}: {line}\n"),
        None => format!("{line}\n"),
    });
    lines.collect()
}
