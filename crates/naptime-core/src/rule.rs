//! Rules: on this event, do that to the job of this key.
//!
//! Here is what a rule says. How its templates are filled in belongs to whoever receives events.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::input::DURATIONS;

/// What happens on an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What it is called: `[a-z0-9-]{1,60}`.
    pub name: String,
    /// The event it waits for, by its whole name.
    pub event: String,
    /// The key of the job it acts on, as a template. Two rules of the same event may keep two jobs for one key.
    pub job: String,
    /// What is done.
    pub then: Action,
    /// Whether it acts.
    pub enabled: bool,
}

/// What is done to a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is made, or changed if it is there.
    Upsert(Template),
    /// It is deleted.
    Delete,
    /// It is switched off.
    SwitchOff,
}

/// The endpoint of an [`Action::Upsert`], as the JSON object that was given: every text in it is a template, and what
/// comes out is read like input to the API. A text that comes out blank counts as left out.
///
/// A rule is somebody's word that the endpoint be called, so `active` is true unless it says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub struct Template(pub Map<String, Value>);

impl Rule {
    /// The endpoint that is made or changed; none if the rule does something else.
    pub fn template(&self) -> Option<&Template> {
        match &self.then {
            Action::Upsert(template) => Some(template),
            Action::Delete | Action::SwitchOff => None,
        }
    }
}

impl Template {
    /// All its texts, each with the path of its field.
    pub fn texts(&self) -> Vec<(String, &str)> {
        let mut texts = Vec::new();
        for (name, value) in &self.0 {
            add_texts(name, value, &mut texts);
        }
        texts
    }

    /// The text of a field, if it is one.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// Whether a field is `true`.
    pub fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }
}

/// Adds the texts of a value: those of a list have the path of the list, for a list is told as a whole.
fn add_texts<'a>(path: &str, value: &'a Value, texts: &mut Vec<(String, &'a str)>) {
    match value {
        Value::String(text) => texts.push((path.to_owned(), text)),
        Value::Array(items) => items.iter().for_each(|item| add_texts(path, item, texts)),
        Value::Object(fields) if path == "headers" => {
            texts.extend(fields.keys().map(|name| (path.to_owned(), name.as_str())));
            fields.values().for_each(|value| add_texts(path, value, texts));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| add_texts(&format!("{path}.{name}"), value, texts));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Map::deserialize(deserializer)?;
        for (name, value) in &mut fields {
            match value {
                Value::Object(parts) => {
                    parts.iter_mut().for_each(|(part, value)| with_unit(&format!("{name}.{part}"), value));
                }
                value => with_unit(name, value),
            }
        }
        Ok(Self(fields))
    }
}

/// The version before stored a number of milliseconds as a text without a unit, which input refuses by now.
fn with_unit(path: &str, value: &mut Value) {
    if let Value::String(text) = value
        && DURATIONS.contains(&path)
        && text.trim().bytes().all(|byte| byte.is_ascii_digit())
        // Blank is nothing, and input takes 0 as it is.
        && text.trim().bytes().any(|byte| byte != b'0')
    {
        *text = format!("{}ms", text.trim());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn milliseconds_that_the_version_before_stored_are_read() {
        let stored = json!({
            "url": "https://a.test/", "every": "300000", "timeout": "{{ data.timeout }}", "name": "5",
            "retry": {"attempts": "3", "backoff": "1500"}, "jitter": "0", "lease": " ", "steer": {"min": "30s", "max": "3600000"}, "active": true,
        });
        let Template(read) = serde_json::from_value(stored).expect("readable");
        let expect = json!({
            "url": "https://a.test/", "every": "300000ms", "timeout": "{{ data.timeout }}", "name": "5",
            "retry": {"attempts": "3", "backoff": "1500ms"}, "jitter": "0", "lease": " ", "steer": {"min": "30s", "max": "3600000ms"}, "active": true,
        });
        assert_eq!(Value::Object(read), expect);
    }

    #[test]
    fn texts_are_found_with_the_paths_of_their_fields() {
        let template =
            json!({"url": "u", "headers": {"A": "1"}, "retry": {"on": [503, "x"]}, "tags": ["t"], "active": true});
        let template: Template = serde_json::from_value(template).expect("readable");
        let texts = template.texts();
        let expect = [("url", "u"), ("headers", "A"), ("headers", "1"), ("retry.on", "x"), ("tags", "t")];
        assert_eq!(texts, expect.map(|(path, text)| (path.to_owned(), text)));
    }
}
