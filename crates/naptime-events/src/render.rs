//! A rule and an event make an act on a job.

use naptime_core::input::pairs_of_headers;
use naptime_core::{Action, Invalid, Rule, Template};
use serde_json::{Map, Value};

use crate::event::{Event, MAX_KEY, check_text};
use crate::template::{self, Piece, Values, Work};
use crate::{body, place};

/// What a rule makes of an event.
#[derive(Clone, Debug)]
pub(crate) struct Act {
    /// The key of the job.
    pub(crate) job: String,
    /// What is done to it.
    pub(crate) what: What,
}

/// What is done to a job.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// It is made from these fields of the API, or set to them.
    Upsert(Value),
    /// It is deleted.
    Delete,
    /// It is switched off.
    SwitchOff,
}

/// What each rule makes of an event, or why it makes nothing.
pub(crate) type Rendered = Vec<(Rule, Result<Act, Vec<Invalid>>)>;

/// Fills in the templates of rules. It computes, so it is not for a thread that others wait for.
pub(crate) fn all(rules: Vec<Rule>, event: &Event) -> Rendered {
    let (values, until) = (template::values(event), Work::deadline());
    rules
        .into_iter()
        .map(|rule| {
            let act = render(&rule, &values, Work::new(until));
            (rule, act)
        })
        .collect()
}

/// Fills in the templates of a rule.
///
/// # Errors
/// `does_not_render` at each field whose template asks for what the event doesn't have, takes too much work or makes
/// too much; and a key at `job` that is none.
fn render(rule: &Rule, values: &Values, work: Work) -> Result<Act, Vec<Invalid>> {
    let mut renderer = Renderer { values, work, faults: Vec::new() };
    let job = renderer.render("job", &rule.job);
    if let Err(fault) = check_text("job", &job, MAX_KEY)
        && renderer.faults.is_empty()
    {
        renderer.faults.push(fault);
    }
    let what = match &rule.then {
        Action::Upsert(template) => What::Upsert(renderer.endpoint(template)),
        Action::Delete => What::Delete,
        Action::SwitchOff => What::SwitchOff,
    };
    if renderer.faults.is_empty() { Ok(Act { job, what }) } else { Err(renderer.faults) }
}

/// What a template comes to that needs no event.
///
/// # Errors
/// At each field that does need one.
pub(crate) fn without_event(template: &Template) -> Result<Value, Vec<Invalid>> {
    let (values, work) = (Values::new(), Work::new(Work::deadline()));
    let mut renderer = Renderer { values: &values, work, faults: Vec::new() };
    let endpoint = renderer.endpoint(template);
    if renderer.faults.is_empty() { Ok(endpoint) } else { Err(renderer.faults) }
}

/// What can be said of the type of a body before there is an event.
///
/// # Errors
/// `bad_template` at the body if nothing says what it is, whatever the event.
pub(crate) fn check_body(template: &Template) -> Result<(), Invalid> {
    let may_be_typed =
        |(name, _): &(String, String)| is_content_type(name) || ["{{", "{%"].iter().any(|open| name.contains(open));
    match template.text("body") {
        Some(source) if !pairs(template)?.iter().any(may_be_typed) => {
            let Some(literals) = template::literals(source) else { return Ok(()) };
            body::check_untyped(&literals).map_err(|detail| Invalid::new("body", "bad_template", detail))
        }
        _ => Ok(()),
    }
}

/// The templates of names and values.
fn pairs(template: &Template) -> Result<Vec<(String, String)>, Invalid> {
    match template.0.get("headers") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(headers) => pairs_of_headers(headers.clone()),
    }
}

fn is_content_type(header: &str) -> bool {
    header.trim().eq_ignore_ascii_case("content-type")
}

struct Renderer<'a> {
    values: &'a Values,
    work: Work,
    faults: Vec<Invalid>,
}

impl Renderer<'_> {
    /// The fields of the API that a template comes to.
    fn endpoint(&mut self, template: &Template) -> Value {
        let headers = self.headers(template);
        let mut endpoint = Map::new();
        for (name, source) in &template.0 {
            let made = match (name.as_str(), source) {
                ("url", Value::String(source)) => unless_blank(self.url(source)),
                ("body", Value::String(source)) => self.body(source, &headers),
                ("headers", source) if !source.is_null() => {
                    Some(headers.iter().map(|(name, value)| Value::from(vec![name.as_str(), value])).collect())
                }
                (name, source) => self.value(name, source),
            };
            endpoint.extend(made.map(|made| (name.clone(), made)));
        }
        // A rule is somebody's word that the endpoint be called.
        if endpoint.get("active").is_none_or(Value::is_null) {
            endpoint.insert("active".to_owned(), Value::Bool(true));
        }
        Value::Object(endpoint)
    }

    /// Names and values, which may be blank.
    fn headers(&mut self, template: &Template) -> Vec<(String, String)> {
        let pairs = pairs(template).unwrap_or_else(|fault| {
            self.faults.push(fault);
            Vec::new()
        });
        let mut render = |source: String| self.render("headers", &source);
        pairs.into_iter().map(|(name, value)| (render(name), render(value))).collect()
    }

    fn url(&mut self, source: &str) -> String {
        let pieces = self.pieces("url", source);
        place::url(&pieces).unwrap_or_else(|detail| {
            self.faults.push(Invalid::new("url", "does_not_render", detail));
            String::new()
        })
    }

    fn body(&mut self, source: &str, headers: &[(String, String)]) -> Option<Value> {
        let pieces = self.pieces("body", source);
        let mut types = headers.iter().filter(|(name, _)| is_content_type(name)).map(|(_, value)| value.as_str());
        let text = body::body(&pieces, types.find(|value| !value.trim().is_empty())).unwrap_or_else(|detail| {
            self.faults.push(Invalid::new("body", "does_not_render", detail));
            String::new()
        });
        unless_blank(text)
    }

    /// What the value at this path comes to. A text that comes out blank is left out, and so is a list or an object of
    /// which nothing else is left.
    fn value(&mut self, path: &str, source: &Value) -> Option<Value> {
        match source {
            Value::String(source) => unless_blank(self.render(path, source)),
            Value::Array(items) => {
                let made: Vec<Value> = items.iter().filter_map(|item| self.value(path, item)).collect();
                (!made.is_empty() || items.is_empty()).then_some(Value::Array(made))
            }
            Value::Object(fields) => {
                let field = |(name, source): (&String, &Value)| {
                    Some((name.clone(), self.value(&format!("{path}.{name}"), source)?))
                };
                let made: Map<String, Value> = fields.iter().filter_map(field).collect();
                (!made.is_empty() || fields.is_empty()).then_some(Value::Object(made))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Some(source.clone()),
        }
    }

    fn render(&mut self, path: &str, source: &str) -> String {
        body::plain(&self.pieces(path, source))
    }

    /// What comes out, in pieces; nothing if it fails, and the fault is noted.
    fn pieces(&mut self, path: &str, source: &str) -> Vec<Piece> {
        template::render(path, source, self.values, &mut self.work).unwrap_or_else(|fault| {
            self.faults.push(fault);
            Vec::new()
        })
    }
}

fn unless_blank(text: String) -> Option<Value> {
    Some(text).filter(|text| !text.trim().is_empty()).map(Value::String)
}

#[cfg(test)]
mod tests;
