//! The form of a rule, as texts by the names that the fields have in the API: what is shown and what was typed.

use std::collections::BTreeMap;

use naptime_core::input::{DURATIONS, pairs_of_headers};
use naptime_core::{Action, Invalid, Rev, Rule, Template};
use serde_json::{Map, Value};

use super::api::masked;
use super::form;
use super::input::TEMPLATE;
use crate::kit::controls::Held;
use crate::kit::labels;
use crate::kit::texts::normal;

/// The fields of the template that are texts, by their paths.
const TEXTS: [&str; 35] = [
    "url",
    "every",
    "jitter",
    "cron",
    "random",
    "window",
    "days",
    "tz",
    "from",
    "until",
    "except",
    "pause.until",
    "pause.note",
    "method",
    "headers",
    "body",
    "timeout",
    "success",
    "sla.every",
    "sla.within",
    "sla.days",
    "sla.tz",
    "retry.attempts",
    "retry.backoff",
    "retry.on",
    "failing_after",
    "keep",
    "expect",
    "late",
    "catch_up",
    "steer.min",
    "steer.max",
    "lease",
    "name",
    "tags",
];
/// Those that hold several things, one on each line.
const LISTS: [&str; 2] = ["days", "tags"];
/// Those that are boxes, apart from `active`, which a rule has unless it says otherwise.
const FLAGS: [&str; 2] = ["align", "secret"];
/// The field that only tries a rule.
pub(super) const TRY: &str = "try";

/// What the form holds.
#[derive(Clone, Debug)]
pub(super) struct RuleFields {
    /// Texts, by their names. A box that is not ticked has none.
    texts: BTreeMap<String, String>,
    /// The revision that was shown; none of a new rule.
    pub(super) rev: Option<Rev>,
}

impl RuleFields {
    /// The form of a new rule.
    pub(super) fn blank() -> Self {
        let mut fields = Self { texts: BTreeMap::new(), rev: None };
        fields.set("job", "{{ key }}");
        fields.set("do", "upsert");
        fields.set("sample", &sample("user.created"));
        fields.tick("enabled", true);
        fields.tick("then.upsert.active", true);
        fields
    }

    /// The form of a rule that exists.
    pub(super) fn of(rule: &Rule, rev: Rev) -> Self {
        let rule = masked(rule.clone());
        let mut fields = Self { rev: Some(rev), ..Self::blank() };
        fields.tick("enabled", rule.enabled);
        let sample = sample(&rule.event);
        for (name, text) in [("name", &rule.name), ("event", &rule.event), ("job", &rule.job), ("sample", &sample)] {
            fields.set(name, text);
        }
        match &rule.then {
            Action::Upsert(template) => fields.show(template),
            Action::Delete => fields.set("do", "delete"),
            Action::SwitchOff => fields.set("do", "switch_off"),
        }
        fields
    }

    fn show(&mut self, template: &Template) {
        for path in TEXTS {
            let text = at(&template.0, path).map(|value| shown(path, value)).unwrap_or_default();
            self.texts.insert(format!("{TEMPLATE}{path}"), text);
        }
        self.tick("then.upsert.active", template.0.get("active") != Some(&Value::Bool(false)));
        for path in FLAGS {
            self.tick(&format!("{TEMPLATE}{path}"), template.flag(path));
        }
    }

    /// The form as it was sent. A box that is not ticked is not sent at all.
    pub(super) fn sent(fields: &[(String, String)]) -> Self {
        let texts: BTreeMap<String, String> = fields.iter().map(|(name, text)| (name.clone(), normal(text))).collect();
        let rev = texts.get("rev").and_then(|rev| rev.parse().ok()).map(Rev);
        Self { texts, rev }
    }

    /// What is done: `upsert`, `delete` or `switch_off`.
    pub(super) fn act(&self) -> &str {
        self.text("do")
    }

    /// Whether it was sent with this button, or with this box ticked.
    pub(super) fn has(&self, name: &str) -> bool {
        self.texts.contains_key(name)
    }

    fn set(&mut self, name: &str, text: &str) {
        self.texts.insert(name.to_owned(), text.to_owned());
    }

    fn tick(&mut self, name: &str, is_ticked: bool) {
        if is_ticked {
            self.set(name, "true");
        } else {
            self.texts.remove(name);
        }
    }

    /// Faults in the words of the form.
    pub(super) fn worded(&self, faults: Vec<Invalid>) -> Vec<Invalid> {
        let worded = |fault: Invalid| {
            let field = fault.field.clone();
            let path = field.strip_prefix(TEMPLATE).unwrap_or(&field).to_owned();
            let worded = labels::worded(Invalid { field: path.into(), ..fault }, self.text(&field));
            Invalid { field, ..worded }
        };
        faults.into_iter().map(worded).collect()
    }

    /// Takes another name.
    pub(super) fn rename(&mut self, name: &str) {
        self.set("name", name);
    }

    /// Whether anything of these fields of the template was said.
    pub(super) fn says(&self, names: &[&str]) -> bool {
        names.iter().any(|name| !self.text(name).trim().is_empty())
    }

    /// The rule as the API takes it. What was not typed anew stays as it is in the `stored` one, which may be written in
    /// ways that no form has.
    pub(super) fn json(&self, stored: Option<&Rule>) -> Value {
        let stored = stored.map(|stored| masked(stored.clone()));
        let then = match self.act() {
            "upsert" => {
                let template = self.template(stored.as_ref().and_then(Rule::template));
                Value::Object([("upsert".to_owned(), Value::Object(template))].into_iter().collect())
            }
            other => other.into(),
        };
        let texts = ["name", "event", "job"].map(|name| (name.to_owned(), self.text(name).into()));
        let rest = [("then".to_owned(), then), ("enabled".to_owned(), self.has("enabled").into())];
        Value::Object(texts.into_iter().chain(rest).collect())
    }

    /// What was left blank is left out.
    fn template(&self, stored: Option<&Template>) -> Map<String, Value> {
        let mut fields = Map::new();
        for path in TEXTS {
            let text = self.text(&format!("{TEMPLATE}{path}"));
            let before = stored.and_then(|stored| at(&stored.0, path));
            let value = match before {
                Some(before) if shown(path, before) == text => before.clone(),
                _ if text.trim().is_empty() => continue,
                _ => typed(path, text),
            };
            match path.split_once('.') {
                None => fields.insert(path.to_owned(), value),
                Some((of, part)) => {
                    let of = fields.entry(of).or_insert_with(|| Value::Object(Map::new()));
                    of.as_object_mut().and_then(|of| of.insert(part.to_owned(), value))
                }
            };
        }
        for path in FLAGS.into_iter().filter(|path| self.has(&format!("{TEMPLATE}{path}"))) {
            fields.insert(path.to_owned(), true.into());
        }
        fields.insert("active".to_owned(), self.has("then.upsert.active").into());
        // Around the clock it is a text alone.
        if let Some(Value::Object(sla)) = fields.get("sla")
            && let (1, Some(every)) = (sla.len(), sla.get("every").cloned())
        {
            fields.insert("sla".to_owned(), every);
        }
        fields
    }
}

impl Held for RuleFields {
    fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }

    fn label<'a>(&self, name: &'a str) -> &'a str {
        form::label(name)
    }

    fn anchor<'a>(&self, name: &'a str) -> &'a str {
        form::anchor(name)
    }
}

/// The value at a path: `retry.attempts`.
fn at<'a>(fields: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    match path.split_once('.') {
        None => fields.get(path),
        Some((of, part)) => match fields.get(of)? {
            Value::Object(parts) => parts.get(part),
            every => Some(every).filter(|_| path == "sla.every"),
        },
    }
}

/// What is shown of the value at a path.
pub(super) fn shown(path: &str, value: &Value) -> String {
    match value {
        value if path == "headers" => {
            let pairs = pairs_of_headers(value.clone()).unwrap_or_default();
            pairs.into_iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("\n")
        }
        Value::String(text) => normal(text),
        Value::Number(number) if DURATIONS.contains(&path) => format!("{number}ms"),
        Value::Number(number) => number.to_string(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| shown("", item)).collect();
            items.join(if LISTS.contains(&path) { "\n" } else { ", " })
        }
        Value::Null | Value::Bool(_) | Value::Object(_) => String::new(),
    }
}

/// What was typed for the value at a path, as the API takes it.
fn typed(path: &str, text: &str) -> Value {
    if LISTS.contains(&path) {
        return text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    }
    text.into()
}

/// An event of this name to begin with.
pub(super) fn sample(event: &str) -> String {
    let event = serde_json::Value::from(event);
    format!("{{\n  \"event\": {event},\n  \"key\": \"user-123\",\n  \"data\": {{}}\n}}")
}

#[cfg(test)]
mod tests {
    use naptime_core::duration::MIN_PERIOD;
    use naptime_core::{AllowedNetworks, Limits, Time};
    use serde_json::json;

    use super::*;
    use crate::rules::input;

    fn read(sent: Value, stored: Option<&Rule>) -> Rule {
        let networks = AllowedNetworks::public_only();
        input::read(sent, stored, Limits { networks: &networks, min_period: MIN_PERIOD, now: Time::from_millis(0) })
            .unwrap()
    }

    /// The form of a rule as a browser sends it back.
    fn sent_back(rule: &Rule) -> RuleFields {
        let pairs: Vec<(String, String)> = RuleFields::of(rule, Rev(1)).texts.into_iter().collect();
        RuleFields::sent(&pairs)
    }

    #[test]
    fn a_form_sent_back_as_it_was_changes_nothing() {
        let random = json!({
            "url": "https://a.test/{{ key }}", "random": "1h", "window": "09:00-17:00", "days": ["mon-wed", "sun"],
            "tz": "Europe/Berlin", "method": "post", "headers": {"Cookie": "a", "X-A": "{{ data.a }}:b"},
            "body": "a\nb", "timeout": "5s", "success": "200, 404", "lease": "20s", "name": "{{ key }}",
            "retry": {"attempts": "{{ data.n }}", "on": "503"}, "steer": {"min": "1s", "max": "1h"},
            "sla": "9d", "tags": ["one, two", "{{ key }}"], "active": false,
        });
        let every = json!({
            "url": "https://a.test/", "every": 60_000, "timeout": 5_000, "success": [200, "404"], "days": null,
            "retry": {"attempts": 3, "backoff": 1_000, "on": [503, "timeout"]}, "tags": "a, b", "active": true,
            "sla": {"every": "{{ data.sla }}", "within": "9-17", "days": ["mon", "fri"], "tz": "Europe/Berlin"},
        });
        for template in [random, every] {
            let sent =
                json!({"name": "a", "event": "e", "job": "x{{ key }}", "enabled": false, "then": {"upsert": template}});
            let rule = read(sent, None);
            let back = sent_back(&rule);
            assert!(!back.text("then.upsert.headers").contains("Cookie: a"), "credentials are not shown");
            assert_eq!(read(back.json(Some(&rule)), Some(&rule)), rule);
            for act in ["delete", "switch_off"] {
                let mut form = back.clone();
                form.set("do", act);
                let other = read(form.json(None), None);
                assert_eq!(RuleFields::of(&other, Rev(1)).act(), act);
            }
        }
    }

    #[test]
    fn what_is_typed_takes_the_place_of_what_was_shown() {
        let template = json!({"url": "https://a.test/", "every": 60_000, "timeout": 5_000, "retry": {"on": [503]}});
        let rule = read(json!({"name": "a", "event": "e", "then": {"upsert": template}}), None);
        let mut form = sent_back(&rule);
        assert_eq!(form.text("then.upsert.every"), "60000ms", "a number says its unit");
        let typed =
            [("every", "2m"), ("timeout", ""), ("retry.attempts", "2"), ("tags", "a\n\n b"), ("headers", "A: b:c")];
        for (path, text) in typed {
            form.set(&format!("{TEMPLATE}{path}"), text);
        }
        let expect = json!({
            "url": "https://a.test/", "every": "2m", "retry": {"on": [503], "attempts": "2"}, "tags": ["a", "b"],
            "headers": [["A", "b:c"]], "active": true,
        });
        let changed = read(form.json(Some(&rule)), Some(&rule));
        assert_eq!(Value::Object(changed.template().unwrap().0.clone()), expect);
    }
}
