//! A rule and an event make an act on a job.

use minijinja::value::Value;
use naptime_core::{Action, Draft, Invalid, RawHeaders, RawLimits, Rule, Template};

use crate::event::{Event, MAX_KEY, check_text};
use crate::template;

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
    /// It is made from this draft, or changed by it.
    Upsert(Box<Draft>),
    /// It is deleted.
    Delete,
    /// It is switched off.
    SwitchOff,
}

/// Fills in the templates of a rule.
///
/// # Errors
/// `does_not_render` at each field whose template asks for what the event doesn't have, goes on for too long or makes
/// too much; and a key at `job` that is none.
pub(crate) fn render(rule: &Rule, event: &Event) -> Result<Act, Vec<Invalid>> {
    let mut renderer = Renderer { values: template::values(event), faults: Vec::new() };
    let job = renderer.render("job", &rule.job);
    if let Err(fault) = check_text("job", &job, MAX_KEY)
        && renderer.faults.is_empty()
    {
        renderer.faults.push(fault);
    }
    let what = match &rule.then {
        Action::Upsert(template) => What::Upsert(Box::new(renderer.draft(template))),
        Action::Delete => What::Delete,
        Action::SwitchOff => What::SwitchOff,
    };
    if renderer.faults.is_empty() { Ok(Act { job, what }) } else { Err(renderer.faults) }
}

/// The draft of a template that needs no event.
///
/// # Errors
/// At each field that does need one.
pub(crate) fn without_event(job: &Template) -> Result<Draft, Vec<Invalid>> {
    let mut renderer = Renderer { values: Value::UNDEFINED, faults: Vec::new() };
    let draft = renderer.draft(job);
    if renderer.faults.is_empty() { Ok(draft) } else { Err(renderer.faults) }
}

struct Renderer {
    values: Value,
    faults: Vec<Invalid>,
}

impl Renderer {
    /// What comes out; nothing if it fails, and the fault is noted.
    fn render(&mut self, field: &'static str, source: &str) -> String {
        template::render(field, source, &self.values).unwrap_or_else(|fault| {
            self.faults.push(fault);
            String::new()
        })
    }

    /// A text that is given and not blank.
    fn text(&mut self, field: &'static str, source: Option<&String>) -> Option<String> {
        Some(self.render(field, source?)).filter(|text| !text.trim().is_empty())
    }

    /// Those that are not blank.
    fn texts(&mut self, field: &'static str, sources: &[String]) -> Vec<String> {
        sources.iter().filter_map(|source| self.text(field, Some(source))).collect()
    }

    /// The limits, if there is one at least.
    fn limits(&mut self, job: &Template) -> Option<RawLimits> {
        let min = self.text("steer", job.steer.min.as_ref());
        let max = self.text("steer", job.steer.max.as_ref());
        (min.is_some() || max.is_some()).then_some(RawLimits { min, max })
    }

    fn draft(&mut self, job: &Template) -> Draft {
        let headers: Vec<(String, String)> = job
            .headers
            .iter()
            .map(|(name, value)| (self.render("headers", name), self.render("headers", value)))
            .collect();
        Draft {
            url: Some(self.render("url", &job.url)),
            every: self.text("every", job.every.as_ref()),
            jitter: Some(self.text("jitter", job.jitter.as_ref())),
            align: Some(job.align),
            cron: self.text("cron", job.cron.as_ref()),
            random: self.text("random", job.random.as_ref()),
            window: Some(self.text("window", job.window.as_ref())),
            days: Some(Some(self.texts("days", &job.days)).filter(|days| !days.is_empty())),
            tz: Some(self.text("tz", job.tz.as_ref())),
            method: self.text("method", job.method.as_ref()),
            headers: Some(RawHeaders::Pairs(headers)),
            body: Some(self.text("body", job.body.as_ref())),
            timeout: self.text("timeout", job.timeout.as_ref()),
            active: Some(job.active),
            sla: Some(self.text("sla", job.sla.as_ref())),
            attempts: self.text("retry", job.retry.attempts.as_ref()),
            backoff: self.text("retry", job.retry.backoff.as_ref()),
            on: self.text("retry", job.retry.on.as_ref()),
            success: self.text("success", job.success.as_ref()),
            lease: self.text("lease", job.lease.as_ref()),
            steer: Some(self.limits(job)),
            name: Some(self.text("name", job.name.as_ref())),
            tags: Some(self.texts("tags", &job.tags)),
            ..Draft::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event() -> Event {
        let data = json!({"token": "a b", "text": "\"hi\""});
        Event { event: "twitter.linked".into(), key: "user-123".into(), data }
    }

    fn rule(job: &str, then: &Value) -> Rule {
        serde_json::from_value(json!({"name": "r", "event": "e", "job": job, "then": then, "enabled": true})).unwrap()
    }

    fn rendered(then: &Value) -> Result<Act, Vec<Invalid>> {
        render(&rule("{{ key }}", then), &event())
    }

    #[test]
    fn an_upsert_becomes_a_draft() {
        let act = rendered(&json!({"upsert": {
            "url": "https://example.com/poll?token={{ data.token|urlencode }}",
            "every": "30 s",
            "method": "post",
            "headers": [["X-User", "{{ key }}"]],
            "body": "{\"text\": {{ data.text|tojson }}}",
            "timeout": "{{ data.timeout|default('') }}",
            "retry": {"attempts": "{{ 2 + 1 }}"},
            "steer": {"min": "1s", "max": "{{ data.max|default('1h') }}"},
            "tags": ["twitter", "{{ 'vip' if data.vip is defined }}"],
        }}))
        .unwrap();
        assert_eq!(act.job, "user-123");
        let What::Upsert(draft) = act.what else { panic!("{act:?}") };
        assert_eq!(draft.url.as_deref(), Some("https://example.com/poll?token=a%20b"));
        assert_eq!(draft.every.as_deref(), Some("30 s"));
        assert_eq!(draft.body, Some(Some(r#"{"text": "\"hi\""}"#.to_owned())));
        let expect = vec![("X-User".to_owned(), "user-123".to_owned())];
        assert_eq!(draft.headers.unwrap().pairs(), Ok(expect));
        assert_eq!(draft.timeout, None, "blank is left out");
        assert_eq!(draft.tags, Some(vec!["twitter".to_owned()]));
        assert_eq!(draft.active, Some(true));
        assert_eq!((draft.attempts.as_deref(), draft.on), (Some("3"), None));
        let limits = draft.steer.flatten().unwrap();
        assert_eq!((limits.min.as_deref(), limits.max.as_deref()), (Some("1s"), Some("1h")));
    }

    #[test]
    fn all_faults_come_together_each_at_its_field() {
        let faults = rendered(&json!({"upsert": {"url": "{{ data.url }}", "body": "{{ data.body }}"}})).unwrap_err();
        let faults: Vec<(&str, &str)> = faults.iter().map(|fault| (&*fault.field, fault.code)).collect();
        assert_eq!(faults, [("url", "does_not_render"), ("body", "does_not_render")]);
    }

    #[test]
    fn a_rule_acts_on_the_job_it_names() {
        let rendered = |job: &str| render(&rule(job, &json!("delete")), &event());
        assert_eq!(rendered("{{ key }}/timeline").unwrap().job, "user-123/timeline");
        let code = |job: &str| rendered(job).unwrap_err()[0].code;
        assert_eq!(code("{{ data.user }}"), "does_not_render");
        assert_eq!(code("{{ '' }}"), "empty");
        assert_eq!(code("{{ 'x' * 201 }}"), "too_long");
    }
}
