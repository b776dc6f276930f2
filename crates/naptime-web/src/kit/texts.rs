//! The fields of a form as texts, by the paths that faults and the API have for them, and the JSON that they come to.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// What a field holds, and so what it is in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A text. One that is blank is `null`, so the field has its default.
    Text,
    /// A text of which blanks are a part.
    Verbatim,
    /// A text that has no default, so whoever reads a blank one says that it is missing.
    Needed,
    /// Boxes of one name, of which any number can be ticked. Its text has commas between them.
    List,
    /// A box. Its text is `true` if it is ticked, else blank.
    Flag,
}

impl Kind {
    /// What a text of this kind is in JSON.
    pub(crate) fn value(self, text: &str) -> Value {
        match self {
            Self::Text if text.trim().is_empty() => Value::Null,
            Self::Verbatim if text.is_empty() => Value::Null,
            Self::Text | Self::Verbatim | Self::Needed => Value::from(text),
            Self::List => items(text).collect(),
            Self::Flag => Value::from(!text.is_empty()),
        }
    }
}

/// Texts by the paths of their fields.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts(BTreeMap<&'static str, String>);

impl Texts {
    /// What a browser sent of these fields. Whatever else it sent is left out.
    pub(crate) fn sent(fields: impl Iterator<Item = (&'static str, Kind)>, pairs: &[(String, String)]) -> Self {
        let text = |(path, kind)| {
            let mut sent = pairs.iter().filter(|(name, _)| name == path).map(|(_, text)| text.as_str());
            let text = match kind {
                Kind::List => sent.collect::<Vec<_>>().join(", "),
                // A box that is not ticked is not sent at all, but a program may say so.
                Kind::Flag => flag(sent.next().is_some_and(|text| !matches!(text, "" | "false"))),
                Kind::Text | Kind::Verbatim | Kind::Needed => normal(sent.next().unwrap_or_default()),
            };
            (path, text)
        };
        Self(fields.map(text).collect())
    }

    /// The text of a field; blank if it has none.
    pub(crate) fn get(&self, path: &str) -> &str {
        self.0.get(path).map_or("", String::as_str)
    }

    pub(crate) fn set(&mut self, path: &'static str, text: String) {
        self.0.insert(path, text);
    }
}

/// The text of a box.
pub(crate) fn flag(is_ticked: bool) -> String {
    if is_ticked { "true".to_owned() } else { String::new() }
}

/// The items of a text with commas between them.
pub(crate) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// Line ends as they are stored. Browsers send CRLF, whatever was typed or shown.
pub(crate) fn normal(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// Puts a value at a path. `retry.attempts` is the field `attempts` of the object `retry`, which is made if need be.
pub(crate) fn put(object: &mut Map<String, Value>, path: &str, value: Value) {
    let Some((outer, rest)) = path.split_once('.') else {
        object.insert(path.to_owned(), value);
        return;
    };
    let inner = object.entry(outer).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(inner) = inner {
        put(inner, rest, value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_of_field_is_sent_and_becomes_json() {
        let fields = [
            ("text", Kind::Text),
            ("in.blank", Kind::Text),
            ("in.verbatim", Kind::Verbatim),
            ("needed", Kind::Needed),
            ("list", Kind::List),
            ("none", Kind::List),
            ("ticked", Kind::Flag),
            ("unticked", Kind::Flag),
            ("off", Kind::Flag),
        ];
        let pairs = [
            ("text", "a\r\nb"),
            ("in.blank", " "),
            ("in.verbatim", " "),
            ("list", "mon"),
            ("list", "tue"),
            ("ticked", "true"),
            ("off", "false"),
            ("unknown", "x"),
        ];
        let pairs = pairs.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let texts = Texts::sent(fields.into_iter(), &pairs);
        let mut object = Map::new();
        for (path, kind) in fields {
            put(&mut object, path, kind.value(texts.get(path)));
        }
        let expect = json!({
            "text": "a\nb", "in": {"blank": null, "verbatim": " "}, "needed": "", "list": ["mon", "tue"], "none": [],
            "ticked": true, "unticked": false, "off": false,
        });
        assert_eq!(Value::Object(object), expect);
    }
}
