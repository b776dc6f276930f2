//! A rule and an event make an act on a job.

use naptime_core::{Action, Draft, Invalid, RawHeaders, RawLimits, Rule, Template};

use crate::event::{Event, MAX_KEY, check_text};
use crate::place;
use crate::template::{self, Piece, Values, Work};

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
    let (values, work) = (Values::new(), Work::new(Work::deadline()));
    let mut renderer = Renderer { values: &values, work, faults: Vec::new() };
    let draft = renderer.draft(job);
    if renderer.faults.is_empty() { Ok(draft) } else { Err(renderer.faults) }
}

struct Renderer<'a> {
    values: &'a Values,
    work: Work,
    faults: Vec<Invalid>,
}

impl Renderer<'_> {
    /// What comes out, in pieces; nothing if it fails, and the fault is noted.
    fn pieces(&mut self, field: &'static str, source: &str) -> Vec<Piece> {
        template::render(field, source, self.values, &mut self.work).unwrap_or_else(|fault| {
            self.faults.push(fault);
            Vec::new()
        })
    }

    fn render(&mut self, field: &'static str, source: &str) -> String {
        place::plain(&self.pieces(field, source))
    }

    fn url(&mut self, source: &str) -> String {
        let pieces = self.pieces("url", source);
        place::url(&pieces).unwrap_or_else(|detail| {
            self.faults.push(Invalid::new("url", "does_not_render", detail));
            String::new()
        })
    }

    fn body(&mut self, source: Option<&String>, headers: &[(String, String)]) -> Option<String> {
        let pieces = self.pieces("body", source?);
        let content_type = headers.iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("content-type"));
        Some(place::body(&pieces, content_type.map(|(_, value)| value.as_str()))).filter(|text| !text.trim().is_empty())
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
        let url = self.url(&job.url);
        let body = self.body(job.body.as_ref(), &headers);
        Draft {
            url: Some(url),
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
            body: Some(body),
            secret: Some(job.secret),
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
        of_event(&rule("{{ key }}", then), &event())
    }

    fn of_event(rule: &Rule, event: &Event) -> Result<Act, Vec<Invalid>> {
        all(vec![rule.clone()], event).remove(0).1
    }

    /// The URL of a rule for an event of this key, as it is called.
    fn called(url: &str, key: &str) -> Result<String, String> {
        let event = Event { key: key.into(), ..event() };
        let act = of_event(&rule("k", &json!({"upsert": {"url": url, "every": "1s"}})), &event);
        let act = act.map_err(|faults| faults[0].detail.clone())?;
        let What::Upsert(draft) = act.what else { panic!("{act:?}") };
        Ok(naptime_core::Endpoint::parse(&draft.url.unwrap()).map_err(|fault| fault.detail)?.to_string())
    }

    #[test]
    fn a_value_fills_one_segment_of_a_path() {
        let url = "https://example.com/poll/{{ key }}";
        for (key, expect) in [
            ("user-123", "user-123"),
            ("user#1", "user%231"),
            ("user#2", "user%232"),
            ("a/../../admin/delete", "a%2F..%2F..%2Fadmin%2Fdelete"),
            ("a?role=admin", "a%3Frole%3Dadmin"),
            ("..\\admin", "..%5Cadmin"),
            ("%2e%2e", "%252e%252e"),
            ("..;x", "..%3Bx"),
            ("ä b", "%C3%A4%20b"),
            ("...", "..."),
        ] {
            assert_eq!(called(url, key), Ok(format!("https://example.com/poll/{expect}")), "{key}");
            // Whoever has encoded it before gets the same.
            assert_eq!(called("https://example.com/poll/{{ key|urlencode }}", key), called(url, key), "{key}");
            assert_eq!(called("https://example.com/poll/{{ key }}/x", key).unwrap().matches('/').count(), 5, "{key}");
        }
        for key in [".", ".."] {
            for url in [url, "https://example.com/{{ key }}/x", "https://example.com/{{ key|urlencode }}?a=b"] {
                let fault = called(url, key).unwrap_err();
                assert!(fault.contains(&format!("the segment `{key}`")), "{fault}");
            }
        }
        assert!(called("https://example.com/.{{ key }}", ".").is_err(), "with the text before it");
        assert!(called("https://example.com/a/{{ data.none|default('') }}/b", "a").is_err(), "an empty one is none");
    }

    #[test]
    fn a_path_may_be_several_segments_where_the_rule_says_so() {
        let url = "https://example.com/files/{{ key|path }}";
        assert_eq!(called(url, "a/b?c#d"), Ok("https://example.com/files/a/b%3Fc%23d".into()));
        assert_eq!(called("https://example.com{{ key|path }}", "/a/b"), Ok("https://example.com/a/b".into()));
        for key in ["a/../b", "..", "./a", "a/.."] {
            assert!(called(url, key).is_err(), "{key}");
        }
        for key in [".evil.test/a", "evil", "@evil.test/", ""] {
            let called = called("https://example.com{{ key|path }}", key);
            assert!(called.is_err(), "{key}: {called:?}");
        }
    }

    #[test]
    fn a_value_is_one_value_of_a_query() {
        for url in ["https://example.com/?u={{ key }}&n=1", "https://example.com/?u={{ key|urlencode }}&n=1"] {
            assert_eq!(called(url, "a&b=c+d#e"), Ok("https://example.com/?u=a%26b%3Dc%2Bd%23e&n=1".into()), "{url}");
        }
        assert_eq!(
            called("https://example.com/?{{ {'a': key}|urlencode }}", "x&y"),
            Ok("https://example.com/?a=x%26y".into())
        );
    }

    #[test]
    fn a_value_does_not_change_the_host_but_where_it_is_the_url() {
        assert_eq!(called("https://{{ key }}.example.com/a", "eu-1"), Ok("https://eu-1.example.com/a".into()));
        assert_eq!(called("https://{{ key }}/a", "example.com:8080"), Ok("https://example.com:8080/a".into()));
        for key in ["evil.test/", "evil.test#", "a@evil.test", "evil.test\\", "%65", "", "evil.test?"] {
            for url in ["https://{{ key }}/a", "https://{{ key|urlencode }}/a"] {
                let called = called(url, key);
                assert!(called.is_err(), "{key}: {called:?}");
            }
        }
        assert!(called("{{ key }}://example.com/", "https://evil.test/?").is_err());
        assert_eq!(called("{{ key }}", "https://a.test/b/c?d=e"), Ok("https://a.test/b/c?d=e".into()));
        assert_eq!(
            called("{{ key }}/poll?u={{ key }}", "https://a.test/b").unwrap(),
            "https://a.test/b/poll?u=https%3A%2F%2Fa.test%2Fb"
        );
        assert!(called("{{ key }}/poll", "https://a.test/?").is_err(), "the path would be in the query");
    }

    #[test]
    fn in_a_body_of_json_values_are_json() {
        let body = |body: &str, headers: &Value| {
            let data = json!({"yes": true, "none": null, "n": 1.5, "text": "a\"b\n", "list": [1, null], "form": "a&b"});
            let event = Event { data, ..event() };
            let then = json!({"upsert": {"url": "https://a.test/", "every": "1s", "body": body, "headers": headers}});
            let What::Upsert(draft) = of_event(&rule("k", &then), &event).unwrap().what else { panic!("an upsert") };
            draft.body.flatten().unwrap()
        };
        let template = r#"{"a": {{ data.yes }}, "b": {{ data.none }}, "c": {{ data.text }}, "d": "<{{ data.text }}>",
            "e": {{ data.list }}, "f": "{{ data.n }}", "g": "\"{{ data.yes }}", "h": {{ data.text|tojson }}}"#;
        let expect = json!({"a": true, "b": null, "c": "a\"b\n", "d": "<a\"b\n>", "e": [1, null], "f": "1.5",
            "g": "\"true", "h": "a\"b\n"});
        for headers in [json!([]), json!([["content-type", "application/json; charset=utf-8"]])] {
            assert_eq!(serde_json::from_str::<Value>(&body(template, &headers)).unwrap(), expect);
        }
        assert_eq!(body("{{ data.yes }}", &json!([["Content-Type", "application/json"]])), "true");
        assert_eq!(body("{{ data|tojson }}", &json!([])), body("{{ data }}", &json!([])));
        assert_eq!(body("[{{ data.yes }}] {{ data.text }}", &json!([])), "[true] a\"b\n", "no JSON");
        let form = json!([["Content-Type", "application/x-www-form-urlencoded"]]);
        assert_eq!(body("a={{ data.form }}&b={{ data.form|urlencode }}", &form), "a=a%26b&b=a%26b");
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
        let rendered = |job: &str| of_event(&rule(job, &json!("delete")), &event());
        assert_eq!(rendered("{{ key }}/timeline").unwrap().job, "user-123/timeline");
        let code = |job: &str| rendered(job).unwrap_err()[0].code;
        assert_eq!(code("{{ data.user }}"), "does_not_render");
        assert_eq!(code("{{ '' }}"), "empty");
        assert_eq!(code("{{ 'x' * 201 }}"), "too_long");
    }
}
