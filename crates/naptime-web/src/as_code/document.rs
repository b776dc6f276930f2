//! A document as it was sent: its parts by their names, and the places of what is wrong in it.

use naptime_core::alert::MAX_RECEIVERS;
use naptime_core::applied::check_project;
use naptime_core::{Invalid, input};
use naptime_store::rules::MOST_RULES;
use serde_json::{Map, Value};

use super::{MAX_ENDPOINTS, MAX_POOLS};
use crate::kit::format::excerpt;

/// The sections of a document, each an object of things by their names.
const SECTIONS: [&str; 4] = ["endpoints", "pools", "rules", "receivers"];

/// Things by their names, each as the API takes it.
pub(crate) type Section = Map<String, Value>;

/// What there is to be.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Document {
    /// Whose endpoints these are.
    pub(crate) project: Option<String>,
    /// By their keys.
    pub(crate) endpoints: Section,
    pub(crate) pools: Section,
    pub(crate) rules: Section,
    pub(crate) receivers: Section,
    /// Whether there is a section of endpoints, be it an empty one.
    pub(crate) has_endpoints: bool,
}

/// The faults of a document, each at a JSON pointer (RFC 6901).
#[derive(Debug, Default)]
pub(crate) struct Faults {
    all: Vec<Invalid>,
    is_too_large: bool,
}

impl Document {
    /// Reads the sections of a document. What is in them is read by others.
    pub(crate) fn read(sent: Value, faults: &mut Faults) -> Self {
        let mut document = Self::default();
        let Value::Object(fields) = sent else {
            let detail = format!("a document is an object of {}, not {}", SECTIONS.join(", "), input::kind(&sent));
            faults.add(&[], "wrong_type", detail);
            return document;
        };
        for (name, value) in fields {
            let section = match name.as_str() {
                "project" => {
                    document.project = project(value, faults);
                    continue;
                }
                "endpoints" => {
                    document.has_endpoints = !value.is_null();
                    &mut document.endpoints
                }
                "pools" => &mut document.pools,
                "rules" => &mut document.rules,
                "receivers" => &mut document.receivers,
                _ => {
                    let known = SECTIONS.join("`, `");
                    let detail =
                        format!("`{}` is no part of a document; there are `project`, `{known}`", excerpt(&name, 60));
                    faults.add(&[&name], "unknown_field", detail);
                    continue;
                }
            };
            match value {
                Value::Object(things) => *section = things,
                Value::Null => {}
                other => {
                    let detail = format!("`{name}` must be an object, by name, not {}", input::kind(&other));
                    faults.add(&[&name], "wrong_type", detail);
                }
            }
        }
        let bounds = [
            ("endpoints", &document.endpoints, MAX_ENDPOINTS),
            ("pools", &document.pools, MAX_POOLS),
            ("rules", &document.rules, MOST_RULES),
            ("receivers", &document.receivers, MAX_RECEIVERS),
        ];
        for (name, _, max) in bounds.into_iter().filter(|(_, section, max)| section.len() > *max) {
            faults.too_large(name, "too_many", format!("there are more than {max} {name} in one document"));
        }
        document
    }
}

fn project(value: Value, faults: &mut Faults) -> Option<String> {
    let read = match value {
        Value::Null => return None,
        Value::String(name) => check_project(&name).map(|()| name),
        other => {
            let detail = format!("`project` must be a string, not {}", input::kind(&other));
            Err(Invalid::new("project", "wrong_type", detail))
        }
    };
    read.map_err(|fault| faults.within(&[], vec![fault])).ok()
}

impl Faults {
    /// Adds a fault of the thing or field that these names lead to.
    pub(crate) fn add(&mut self, path: &[&str], code: &'static str, detail: impl Into<String>) {
        self.all.push(Invalid::new(pointer(path), code, detail));
    }

    /// Adds a fault of a section that is larger than it may be, so that no more is read.
    pub(crate) fn too_large(&mut self, section: &str, code: &'static str, detail: impl Into<String>) {
        self.add(&[section], code, detail);
        self.is_too_large = true;
    }

    pub(crate) fn is_too_large(&self) -> bool {
        self.is_too_large
    }

    /// Adds the faults that a reader found in the thing that these names lead to.
    pub(crate) fn within(&mut self, path: &[&str], faults: Vec<Invalid>) {
        let placed = |fault: Invalid| {
            let fields = fault.field.split('.').filter(|field| !field.is_empty());
            let path: Vec<&str> = path.iter().copied().chain(fields).collect();
            Invalid { field: pointer(&path).into(), ..fault }
        };
        self.all.extend(faults.into_iter().map(placed));
    }

    /// Takes what was read, or notes what is wrong with the thing that these names lead to.
    pub(crate) fn note<T>(&mut self, path: &[&str], read: Result<T, Vec<Invalid>>) -> Option<T> {
        read.map_err(|faults| self.within(path, faults)).ok()
    }

    pub(crate) fn all(self) -> Vec<Invalid> {
        self.all
    }

    /// # Errors
    /// All faults, if there are any.
    pub(crate) fn check(self) -> Result<(), Vec<Invalid>> {
        if self.all.is_empty() { Ok(()) } else { Err(self.all) }
    }
}

/// A JSON pointer to what these names lead to.
pub(crate) fn pointer(path: &[&str]) -> String {
    path.iter().map(|name| format!("/{}", name.replace('~', "~0").replace('/', "~1"))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(sent: Value) -> Vec<(String, &'static str)> {
        let mut faults = Faults::default();
        Document::read(sent, &mut faults);
        faults.all.into_iter().map(|fault| (fault.field.into_owned(), fault.code)).collect()
    }

    #[test]
    fn sections_are_objects() {
        assert_eq!(faults(json!({"project": "shop", "endpoints": {"a": 1}, "rules": null})), []);
        assert_eq!(faults(json!([])), [(String::new(), "wrong_type")]);
        let bad = json!({"project": 1, "endpoints": [], "alerts/x": {}, "pools": "a"});
        let expected = [
            ("/project", "wrong_type"),
            ("/endpoints", "wrong_type"),
            ("/alerts~1x", "unknown_field"),
            ("/pools", "wrong_type"),
        ];
        assert_eq!(faults(bad), expected.map(|(place, code)| (place.to_owned(), code)));
        assert_eq!(faults(json!({"project": " "})), [("/project".to_owned(), "empty")]);
    }

    #[test]
    fn each_section_has_a_bound() {
        let things = |count: usize| Value::from_iter((0..count).map(|n| (n.to_string(), Value::Null)));
        for (name, max) in
            [("endpoints", MAX_ENDPOINTS), ("pools", MAX_POOLS), ("rules", MOST_RULES), ("receivers", MAX_RECEIVERS)]
        {
            assert_eq!(faults(json!({name: things(max)})), []);
            assert_eq!(faults(json!({name: things(max + 1)})), [(format!("/{name}"), "too_many")]);
        }
    }

    #[test]
    fn a_fault_of_a_reader_is_at_its_place_in_the_document() {
        let mut faults = Faults::default();
        let found = vec![Invalid::new("retry.attempts", "out_of_range", ""), Invalid::new("", "wrong_type", "")];
        faults.within(&["endpoints", "a/b~c"], found);
        let places: Vec<&str> = faults.all.iter().map(|fault| &*fault.field).collect();
        assert_eq!(places, ["/endpoints/a~1b~0c/retry/attempts", "/endpoints/a~1b~0c"]);
    }
}
