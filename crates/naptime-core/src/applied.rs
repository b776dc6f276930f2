//! The mark that a file leaves when it is applied: whose an endpoint is, and what the file said of each thing. So it can
//! be told later which endpoints the file no longer has, and what was changed since.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use xxhash_rust::xxh3::xxh3_64;

use crate::{Invalid, check_line};

/// The longest name of a project, in characters.
pub const MAX_PROJECT: usize = 100;

/// The fields that people set by hand while the rest comes from a file. A file governs them only if it says them.
const BY_HAND: [&str; 2] = ["active", "pause"];

/// What a file said of an endpoint when it was last applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The project of the file.
    pub project: String,
    fields: SaidFields,
}

/// What a file said of a thing when it was last applied: a hash of each field, by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SaidFields(BTreeMap<String, u32>);

impl Applied {
    /// The mark of an endpoint that now has these `fields`, of which the file `said` some.
    pub fn new(project: String, fields: &Map<String, Value>, said: impl Fn(&str) -> bool) -> Self {
        let is_governed = |name: &str| !BY_HAND.contains(&name) || said(name);
        let fields = fields.iter().filter(|(name, _)| is_governed(name));
        Self { project, fields: SaidFields(fields.map(|(name, value)| (name.clone(), hash(value))).collect()) }
    }

    /// Whether a field was changed since, which now has this value; none: its default.
    pub fn is_changed(&self, name: &str, now: Option<&Value>) -> bool {
        if BY_HAND.contains(&name) && !self.fields.0.contains_key(name) {
            return false;
        }
        self.fields.is_changed(name, now)
    }

    /// The fields that were changed since, of an endpoint that now has these.
    pub fn changed<'a>(&'a self, now: &'a Map<String, Value>) -> Vec<&'a str> {
        self.fields.names(now).filter(|name| self.is_changed(name, now.get(*name))).collect()
    }
}

impl SaidFields {
    /// What a file said of a thing by saying all of it, which now has these fields. A field that is not among them has its
    /// default.
    pub fn whole(fields: &Map<String, Value>) -> Self {
        Self(fields.iter().map(|(name, value)| (name.clone(), hash(value))).collect())
    }

    /// What a file said of a thing of which it need not say all: these `names`. One that is not among the fields that it now
    /// has, has its default.
    pub fn part<'a>(fields: &Map<String, Value>, names: impl IntoIterator<Item = &'a str>) -> Self {
        let value = |name: &str| fields.get(name).unwrap_or(&Value::Null);
        Self(names.into_iter().map(|name| (name.to_owned(), hash(value(name)))).collect())
    }

    /// Whether a field of a thing that was said as a whole was changed since, which now has this value; none: its default.
    pub fn is_changed(&self, name: &str, now: Option<&Value>) -> bool {
        self.0.get(name).copied() != now.map(hash)
    }

    /// The same of a thing that was said in part: what the file left out is changed as people like.
    pub fn is_part_changed(&self, name: &str, now: Option<&Value>) -> bool {
        self.0.get(name).is_some_and(|before| *before != hash(now.unwrap_or(&Value::Null)))
    }

    /// The names of all fields that the file said, or that there are now.
    pub fn names<'a>(&'a self, now: &'a Map<String, Value>) -> impl Iterator<Item = &'a str> {
        let gone = self.0.keys().map(String::as_str).filter(|name| !now.contains_key(*name));
        now.keys().map(String::as_str).chain(gone)
    }
}

/// Checks the name of a project.
///
/// # Errors
/// At `project`, if it is blank, too long, or holds control characters.
pub fn check_project(name: &str) -> Result<(), Invalid> {
    if name.trim().is_empty() {
        return Err(Invalid::new("project", "empty", "the name of the project is blank"));
    }
    check_line("project", name, MAX_PROJECT)
}

/// Half of a hash is enough to see that a field is another: nobody gains by making two alike.
#[allow(clippy::cast_possible_truncation, reason = "the lower half is meant")]
fn hash(value: &Value) -> u32 {
    xxh3_64(value.to_string().as_bytes()) as u32
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn what_was_changed_is_told_by_field() {
        let said = fields(json!({"every": "5m", "name": "a", "active": true, "retry": {"attempts": 3}}));
        let applied = Applied::new("shop".to_owned(), &said, |name| said.contains_key(name));
        assert!(applied.changed(&said).is_empty());
        let now = fields(json!({"every": "10m", "active": false, "retry": {"attempts": 3}, "tags": ["x"]}));
        assert_eq!(applied.changed(&now), ["every", "active", "tags", "name"]);
        let stored: Applied = serde_json::from_value(serde_json::to_value(&applied).unwrap()).unwrap();
        assert_eq!(stored, applied);
    }

    #[test]
    fn what_people_set_by_hand_is_theirs_unless_the_file_says_it() {
        let at_first = fields(json!({"every": "5m", "active": false}));
        let applied = Applied::new("shop".to_owned(), &at_first, |name| name == "every");
        let now = fields(json!({"every": "5m", "active": true, "pause": {"note": "the target moves"}}));
        assert!(applied.changed(&now).is_empty());
    }

    #[test]
    fn of_what_a_file_says_in_part_the_rest_is_no_change() {
        let now = fields(json!({"max_in_flight": 3, "headers": {"A": "b"}}));
        let whole = SaidFields::whole(&now);
        // `active` was said to be as it is by default.
        let part = SaidFields::part(&now, ["max_in_flight", "active"]);
        let later = fields(json!({"max_in_flight": 3, "headers": {"A": "c"}, "active": false, "probe": false}));
        let check = |is_changed: &dyn Fn(&str, Option<&Value>) -> bool, expect: &[&str]| {
            assert!(whole.names(&now).all(|name| !is_changed(name, now.get(name))));
            let found: Vec<_> = whole.names(&later).filter(|name| is_changed(name, later.get(*name))).collect();
            assert_eq!(found, expect);
        };
        check(&|name, now| whole.is_changed(name, now), &["headers", "active", "probe"]);
        check(&|name, now| part.is_part_changed(name, now), &["active"]);
        assert!(part.is_part_changed("max_in_flight", None));
    }

    #[test]
    fn a_project_has_a_name() {
        assert!(check_project("shop of bücher").is_ok());
        for bad in ["", " ", "a\nb"] {
            assert!(check_project(bad).is_err(), "{bad:?}");
        }
    }
}
