//! The form of a rule, as texts by the names that the fields have in the API: what is shown and what was typed.

use std::collections::BTreeMap;

use naptime_core::{Action, Rev, Rule, Template};

use crate::api::rule_input::TEMPLATE;
use crate::api::rules::masked;
use crate::json::Json;

/// The fields of the template that hold several things, one on each line.
const LISTS: [&str; 3] = ["headers", "days", "tags"];
/// Those that are parts of an object.
const PARTS: [(&str, &[&str]); 2] = [("retry", &["attempts", "backoff", "on"]), ("steer", &["min", "max"])];
/// All others.
const TEXTS: [&str; 14] = [
    "url", "every", "jitter", "cron", "random", "window", "tz", "method", "body", "timeout", "success", "sla", "lease",
    "name",
];

/// What the form holds.
#[derive(Clone, Debug)]
pub(super) struct RuleFields {
    /// Texts, by their names.
    texts: BTreeMap<String, String>,
    /// What is done: `upsert`, `delete` or `switch_off`.
    pub(super) act: String,
    pub(super) enabled: bool,
    /// Whether the job is switched on by it.
    pub(super) active: bool,
    /// Whether its period is on round times.
    pub(super) align: bool,
    /// Whether its body and query are shown no more.
    pub(super) secret: bool,
    /// The revision that was shown; none of a new rule.
    pub(super) rev: Option<Rev>,
    /// An event to try it with.
    pub(super) sample: String,
    /// Whether it is only to be tried.
    pub(super) trying: bool,
}

impl RuleFields {
    /// The form of a new rule.
    pub(super) fn blank() -> Self {
        let texts = [("job", "{{ key }}")].map(|(name, text)| (name.to_owned(), text.to_owned()));
        Self {
            texts: texts.into(),
            act: "upsert".to_owned(),
            enabled: true,
            active: true,
            align: false,
            secret: false,
            rev: None,
            sample: sample("user.created"),
            trying: false,
        }
    }

    /// The form of a rule that exists.
    pub(super) fn of(rule: &Rule, rev: Rev) -> Self {
        let rule = masked(rule.clone());
        let mut fields = Self { enabled: rule.enabled, rev: Some(rev), sample: sample(&rule.event), ..Self::blank() };
        for (name, text) in [("name", rule.name), ("event", rule.event), ("job", rule.job)] {
            fields.texts.insert(name.to_owned(), text);
        }
        match &rule.then {
            Action::Upsert(template) => fields.show(template),
            Action::Delete => "delete".clone_into(&mut fields.act),
            Action::SwitchOff => "switch_off".clone_into(&mut fields.act),
        }
        fields
    }

    fn show(&mut self, template: &Template) {
        let (retry, steer) = (&template.retry, &template.steer);
        let headers = template.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>();
        let texts = [
            ("url", Some(template.url.clone())),
            ("every", template.every.clone()),
            ("jitter", template.jitter.clone()),
            ("cron", template.cron.clone()),
            ("random", template.random.clone()),
            ("window", template.window.clone()),
            ("days", Some(template.days.join("\n"))),
            ("tz", template.tz.clone()),
            ("method", template.method.clone()),
            ("headers", Some(headers.join("\n"))),
            ("body", template.body.clone()),
            ("timeout", template.timeout.clone()),
            ("success", template.success.clone()),
            ("sla", template.sla.clone()),
            ("retry.attempts", retry.attempts.clone()),
            ("retry.backoff", retry.backoff.clone()),
            ("retry.on", retry.on.clone()),
            ("steer.min", steer.min.clone()),
            ("steer.max", steer.max.clone()),
            ("lease", template.lease.clone()),
            ("name", template.name.clone()),
            ("tags", Some(template.tags.join("\n"))),
        ];
        let shown = texts.into_iter().filter_map(|(name, text)| Some((format!("{TEMPLATE}{name}"), normal(&text?))));
        self.texts.extend(shown);
        (self.active, self.align, self.secret) = (template.active, template.align, template.secret);
    }

    /// The form as it was sent.
    pub(super) fn sent(fields: &[(String, String)]) -> Self {
        let there = |name: &str| fields.iter().any(|(key, _)| key == name);
        let texts: BTreeMap<String, String> = fields.iter().map(|(name, text)| (name.clone(), normal(text))).collect();
        let text = |name: &str| texts.get(name).cloned().unwrap_or_default();
        Self {
            act: text("do"),
            // A box that is not ticked is not sent at all.
            enabled: there("enabled"),
            active: there("then.upsert.active"),
            align: there("then.upsert.align"),
            secret: there("then.upsert.secret"),
            rev: text("rev").parse().ok().map(Rev),
            sample: text("sample"),
            trying: there("try"),
            texts,
        }
    }

    /// A text; blank if there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }

    /// Takes another name.
    pub(super) fn rename(&mut self, name: &str) {
        self.texts.insert("name".to_owned(), name.to_owned());
    }

    /// Whether anything of these fields of the template was said.
    pub(super) fn says(&self, names: &[&str]) -> bool {
        names.iter().any(|name| !self.text(name).trim().is_empty())
    }

    /// The rule as the API takes it.
    pub(super) fn json(&self) -> Json {
        let then = match self.act.as_str() {
            "upsert" => object(vec![("upsert", self.template())]),
            other => Json::String(other.to_owned()),
        };
        let text = |name: &str| Json::String(self.text(name).to_owned());
        object(vec![
            ("name", text("name")),
            ("event", text("event")),
            ("job", text("job")),
            ("then", then),
            ("enabled", Json::Bool(self.enabled)),
        ])
    }

    /// What was left blank is left out.
    fn template(&self) -> Json {
        let said = |name: &str| {
            let text = self.text(&format!("{TEMPLATE}{name}"));
            Some(text.to_owned()).filter(|text| !text.trim().is_empty())
        };
        let flags = [("active", self.active), ("align", self.align), ("secret", self.secret)];
        let mut fields: Vec<_> = flags.map(|(name, flag)| (name, Json::Bool(flag))).into();
        fields.extend(TEXTS.iter().filter_map(|name| Some((*name, Json::String(said(name)?)))));
        for name in LISTS {
            let Some(text) = said(name) else { continue };
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            let item = |line: &str| match line.split_once(':').filter(|_| name == "headers") {
                Some((name, value)) => Json::Array([name, value].map(|it| Json::String(it.trim().to_owned())).to_vec()),
                None => Json::String(line.to_owned()),
            };
            fields.push((name, Json::Array(lines.map(item).collect())));
        }
        for (name, parts) in PARTS {
            let part = |part: &&'static str| Some((*part, Json::String(said(&format!("{name}.{part}"))?)));
            let said: Vec<_> = parts.iter().filter_map(part).collect();
            if !said.is_empty() {
                fields.push((name, object(said)));
            }
        }
        object(fields)
    }
}

fn object(fields: Vec<(&str, Json)>) -> Json {
    Json::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// An event of this name to begin with.
pub(super) fn sample(event: &str) -> String {
    let event = serde_json::Value::from(event);
    format!("{{\n  \"event\": {event},\n  \"key\": \"user-123\",\n  \"data\": {{}}\n}}")
}

/// Browsers send line ends as CRLF, whatever was typed or shown.
fn normal(text: &str) -> String {
    text.replace("\r\n", "\n")
}

#[cfg(test)]
mod tests {
    use naptime_core::duration::MIN_PERIOD;
    use naptime_core::{AllowedNetworks, draft};

    use super::*;
    use crate::api::rule_input;

    #[test]
    fn a_form_sent_back_as_it_was_changes_nothing() {
        let networks = AllowedNetworks::public_only();
        let limits = draft::Rules { networks: &networks, min_period: MIN_PERIOD };
        let text = r#"{"name": "a", "event": "e", "job": "x{{ key }}", "enabled": false, "then": {"upsert": {
            "url": "https://a.test/{{ key }}", "random": "1h", "window": "09:00-17:00", "days": ["mon-wed", "sun"],
            "tz": "Europe/Berlin", "method": "post", "headers": [["Cookie", "a"], ["X-A", "{{ data.a }}:b"]],
            "body": "a\nb", "timeout": "5s", "success": "200, 404", "sla": "9d", "lease": "20s", "name": "{{ key }}",
            "retry": {"attempts": "{{ data.n }}", "on": "503"}, "steer": {"min": "1s", "max": "1h"},
            "tags": ["one, two", "{{ key }}"], "active": false}}}"#;
        let rule = rule_input::read(Json::parse(text.as_bytes()).unwrap(), None, limits).unwrap();
        let shown = RuleFields::of(&rule, Rev(1));
        assert!(!shown.text("then.upsert.headers").contains("Cookie: a"), "credentials are not shown");
        let mut pairs: Vec<(String, String)> = shown.texts.clone().into_iter().collect();
        pairs.push(("do".to_owned(), shown.act.clone()));
        let sent = RuleFields::sent(&pairs);
        assert_eq!(rule_input::read(sent.json(), Some(&rule), limits).unwrap(), rule);
        for act in ["delete", "switch_off"] {
            let json = RuleFields { act: act.to_owned(), ..sent.clone() }.json();
            let other = rule_input::read(json, None, limits).unwrap();
            assert_eq!(RuleFields::of(&other, Rev(1)).act, act);
        }
    }
}
