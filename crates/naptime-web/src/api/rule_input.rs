//! A rule as programs send it. Its template is read like an endpoint, but each text is one to be filled in.

use naptime_core::{Action, Draft, Invalid, RawHeaders, RetryTemplate, Rule, SteerTemplate, Template, draft, secret};

use super::input;
use crate::format::excerpt;
use crate::json::{BadJson, Json};
use crate::mask;

/// The most faults collected, as a body may hold very many unknown fields.
const MOST_FAULTS: usize = 50;
/// What goes before the fields of a template.
pub(crate) const TEMPLATE: &str = "then.upsert.";

/// Reads a rule and looks at all of it that can be judged before there is an event. Where it has the mask, it keeps the
/// value of the `stored` one.
///
/// # Errors
/// All faults, of which there is at least one.
pub(crate) fn read(json: Json, stored: Option<&Rule>, limits: draft::Rules<'_>) -> Result<Rule, Vec<Invalid>> {
    let rule = rule(json, stored)?;
    naptime_events::check(&rule, limits)?;
    Ok(rule)
}

/// Reads a file of rules: a list of them, as the API takes and sends them.
///
/// # Errors
/// All faults, of which there is at least one, each at a field such as `3.then.upsert.url`: that of the third rule.
pub fn read_rules(text: &[u8], limits: draft::Rules<'_>) -> Result<Vec<Rule>, Vec<Invalid>> {
    // A file of the operator's own may be as long as a thousand rules are.
    let json = Json::parse_within(text, usize::MAX).map_err(|bad| {
        let (BadJson::Syntax(why) | BadJson::Doubled(why) | BadJson::TooMany(why)) = bad;
        vec![Invalid::new("file", "bad_json", format!("it is not JSON: {why}"))]
    })?;
    let Json::Array(items) = json else {
        return Err(vec![Invalid::new(
            "file",
            "wrong_type",
            format!("it must hold a list of rules, not {}", json.kind()),
        )]);
    };
    let (mut rules, mut faults): (Vec<Rule>, Vec<Invalid>) = (Vec::new(), Vec::new());
    for (number, item) in (1..).zip(items) {
        let mut note = |found: Vec<Invalid>| {
            let placed = |fault: Invalid| Invalid { field: format!("{number}.{}", fault.field).into(), ..fault };
            faults.extend(found.into_iter().map(placed));
        };
        match read(item, None, limits) {
            Err(found) => note(found),
            Ok(rule) if rules.iter().any(|other| other.name == rule.name) => {
                note(vec![Invalid::new("name", "conflict", format!("there is a rule {} before it", rule.name))]);
            }
            Ok(rule) => rules.push(rule),
        }
    }
    if faults.is_empty() { Ok(rules) } else { Err(faults) }
}

fn rule(json: Json, stored: Option<&Rule>) -> Result<Rule, Vec<Invalid>> {
    let Json::Object(fields) = json else {
        let detail = format!("a rule must be an object, not {}", json.kind());
        return Err(vec![Invalid::new("rule", "wrong_type", detail)]);
    };
    let mut rule = Rule {
        name: String::new(),
        event: String::new(),
        job: "{{ key }}".to_owned(),
        then: Action::Delete,
        enabled: true,
    };
    let (mut faults, mut acts) = (Vec::new(), false);
    for (name, value) in fields {
        let read = match name.as_str() {
            "name" => input::string("name", value).map(|text| rule.name = text),
            "event" => input::string("event", value).map(|text| rule.event = text),
            "job" => input::string("job", value).map(|text| rule.job = text),
            "enabled" => match value {
                Json::Bool(enabled) => {
                    rule.enabled = enabled;
                    Ok(())
                }
                other => {
                    let detail = format!("`enabled` must be true or false, not {}", other.kind());
                    Err(Invalid::new("enabled", "wrong_type", detail))
                }
            },
            "then" => {
                acts = true;
                action(value, stored).map(|then| rule.then = then).map_err(|found| faults.extend(found)).ok();
                Ok(())
            }
            // What the API adds when it sends one.
            "rev" | "updated_at" => Ok(()),
            _ => Err(unknown(&name, "a rule")),
        };
        faults.extend(read.err().filter(|_| faults.len() < MOST_FAULTS));
    }
    if !acts {
        faults.push(Invalid::new(
            "then",
            "missing",
            "`then` is missing: {\"upsert\": {…}}, \"delete\" or \"switch_off\"",
        ));
    }
    if faults.is_empty() { Ok(rule) } else { Err(faults) }
}

fn action(value: Json, stored: Option<&Rule>) -> Result<Action, Vec<Invalid>> {
    match value {
        Json::String(text) if text == "delete" => return Ok(Action::Delete),
        Json::String(text) if text == "switch_off" => return Ok(Action::SwitchOff),
        Json::Object(mut fields) if fields.len() == 1 && fields[0].0 == "upsert" => {
            let (_, template_fields) = fields.remove(0);
            return template(template_fields, stored).map(|it| Action::Upsert(Box::new(it)));
        }
        _ => {}
    }
    let detail = "`then` must be {\"upsert\": {…}}, \"delete\" or \"switch_off\"";
    Err(vec![Invalid::new("then", "wrong_type", detail)])
}

fn template(json: Json, stored: Option<&Rule>) -> Result<Template, Vec<Invalid>> {
    let Json::Object(fields) = json else {
        let detail = format!("`upsert` must be an object, not {}", json.kind());
        return Err(vec![Invalid::new("then.upsert", "wrong_type", detail)]);
    };
    let (mut draft, mut faults) = (Draft::default(), Vec::new());
    for (name, value) in fields {
        let read = match (name.as_str(), value) {
            ("retry", Json::Object(fields)) => retry(&mut draft, fields),
            (name, value) => input::field(&mut draft, name, value),
        };
        faults.extend(read.err().filter(|_| faults.len() < MOST_FAULTS));
    }
    let stored = stored.and_then(template_of);
    let moved = draft.url.as_deref().zip(stored).is_some_and(|(url, stored)| host_of(url) != host_of(&stored.url));
    // What was secret is kept only while it stays so.
    let stays = stored.filter(|stored| !moved && (!stored.secret || draft.secret == Some(true)));
    if let (Some(url), Some(stored)) = (&mut draft.url, stays) {
        *url = secret::unmask_url(url, &stored.url, stored.secret);
    }
    if draft.url.as_deref().is_some_and(secret::has_mask) {
        let detail = "the URL holds ••••, which stands for a value that is not kept; write the value out";
        faults.push(Invalid::new("url", "masked", detail));
    }
    if matches!(&draft.body, Some(Some(body)) if body == secret::MASK) {
        match stays.filter(|stored| stored.secret) {
            Some(stored) => draft.body = Some(stored.body.clone()),
            None => faults.push(mask::no_body()),
        }
    }
    let headers = draft.headers.take().map_or(Ok(Vec::new()), RawHeaders::pairs).and_then(|mut pairs| {
        let stored = stored.map_or(&[][..], |stored| &stored.headers);
        if moved {
            mask::check_none_kept(&pairs)?;
        } else {
            mask::unmask_pairs(&mut pairs, stored)?;
        }
        Ok(pairs)
    });
    let headers = headers.unwrap_or_else(|fault| {
        faults.push(fault);
        Vec::new()
    });
    if !faults.is_empty() {
        let placed = |fault: Invalid| Invalid { field: format!("{TEMPLATE}{}", fault.field).into(), ..fault };
        return Err(faults.into_iter().map(placed).collect());
    }
    let steer = draft.steer.flatten().unwrap_or_default();
    Ok(Template {
        url: draft.url.unwrap_or_default(),
        every: draft.every,
        jitter: draft.jitter.flatten(),
        align: draft.align.unwrap_or(false),
        cron: draft.cron,
        random: draft.random,
        window: draft.window.flatten(),
        days: draft.days.flatten().unwrap_or_default(),
        tz: draft.tz.flatten(),
        method: draft.method,
        headers,
        body: draft.body.flatten(),
        secret: draft.secret.unwrap_or(false),
        timeout: draft.timeout,
        sla: draft.sla.flatten(),
        retry: RetryTemplate { attempts: draft.attempts, backoff: draft.backoff, on: draft.on },
        success: draft.success,
        lease: draft.lease,
        steer: SteerTemplate { min: steer.min, max: steer.max },
        name: draft.name.flatten(),
        tags: draft.tags.unwrap_or_default(),
        active: draft.active.unwrap_or(true),
    })
}

/// As that of an endpoint, but the attempts may be a text, to be filled in.
fn retry(draft: &mut Draft, fields: Vec<(String, Json)>) -> Result<(), Invalid> {
    let mut rest = Vec::new();
    for (name, value) in fields {
        match (name.as_str(), value) {
            ("attempts", Json::String(text)) => draft.attempts = Some(text),
            (_, value) => rest.push((name, value)),
        }
    }
    input::field(draft, "retry", Json::Object(rest))
}

fn template_of(rule: &Rule) -> Option<&Template> {
    match &rule.then {
        Action::Upsert(template) => Some(template),
        Action::Delete | Action::SwitchOff => None,
    }
}

/// What of the template of a URL says which host is called: all before its path. The braces of a template may hold
/// slashes.
fn host_of(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let mut depth = 0_i32;
    let end = url[start..].find(|c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth <= 0 && matches!(c, '/' | '?' | '#' | '\\')
    });
    &url[..end.map_or(url.len(), |end| start + end)]
}

fn unknown(name: &str, of: &str) -> Invalid {
    let shown = excerpt(name, 60);
    Invalid::new(shown.clone(), "unknown_field", format!("`{shown}` is not a field of {of}"))
}

#[cfg(test)]
mod tests {
    use naptime_core::AllowedNetworks;
    use naptime_core::duration::MIN_PERIOD;

    use super::*;

    fn read_text(text: &str, stored: Option<&Rule>) -> Result<Rule, Vec<Invalid>> {
        let networks = AllowedNetworks::public_only();
        read(
            Json::parse(text.as_bytes()).unwrap(),
            stored,
            draft::Rules { networks: &networks, min_period: MIN_PERIOD },
        )
    }

    fn upsert(fields: &str) -> String {
        format!(
            r#"{{"name": "a", "event": "e", "then": {{"upsert": {{"url": "https://a.test/", "every": "5m", {fields}}}}}}}"#
        )
    }

    #[test]
    fn a_rule_is_read_as_it_is_sent() {
        let text = upsert(
            r#""headers": {"A": "{{ key }}"}, "retry": {"attempts": "{{ data.n }}", "on": [503, "timeout"]}, "timeout": 5000,
            "days": null, "steer": {"min": "1s", "max": "1h"}, "tags": ["x"], "body": "{{ data|tojson }}""#,
        );
        let rule = read_text(&text, None).unwrap();
        assert!(rule.enabled && rule.job == "{{ key }}");
        let Action::Upsert(template) = &rule.then else { panic!("{rule:?}") };
        assert_eq!(template.headers, [("A".to_owned(), "{{ key }}".to_owned())]);
        assert_eq!(template.retry.attempts.as_deref(), Some("{{ data.n }}"));
        assert_eq!((template.retry.on.as_deref(), template.timeout.as_deref()), (Some("503, timeout"), Some("5000")));
        assert!(template.active);
        let sent = serde_json::to_string(&rule).unwrap();
        assert_eq!(read_text(&sent, None).unwrap(), rule, "what is sent can be sent back: {sent}");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |text: &str, field: &str, code: &str| {
            let faults = read_text(text, None).unwrap_err();
            assert_eq!((&*faults[0].field, faults[0].code), (field, code), "{text}");
        };
        check("[]", "rule", "wrong_type");
        check(r#"{"name": "a", "event": "e"}"#, "then", "missing");
        check(r#"{"name": "a", "event": "e", "then": "forget"}"#, "then", "wrong_type");
        check(r#"{"name": "a", "event": "e", "then": {"upsert": {}, "delete": {}}}"#, "then", "wrong_type");
        check(r#"{"name": "a", "event": "e", "then": {"upsert": []}}"#, "then.upsert", "wrong_type");
        check(r#"{"name": "a", "event": "e", "then": {"upsert": {"every": "5m"}}}"#, "then.upsert.url", "missing");
        check(r#"{"name": 1, "event": "e", "then": "delete"}"#, "name", "wrong_type");
        check(r#"{"name": "a", "event": "e", "then": "delete", "enabled": 1}"#, "enabled", "wrong_type");
        check(r#"{"name": "a", "event": "e", "then": "delete", "enable": true}"#, "enable", "unknown_field");
        check(r#"{"name": "a", "then": "delete"}"#, "event", "empty");
        check(&upsert(r#""evry": "5m""#), "then.upsert.evry", "unknown_field");
        check(&upsert(r#""retry": {"attempts": true}"#), "then.upsert.retry", "wrong_type");
        check(&upsert(r#""body": "{{ data.""#), "then.upsert.body", "bad_template");
        check(&upsert(r#""headers": {"Cookie": "••••"}"#), "then.upsert.headers", "masked");
    }

    #[test]
    fn a_mask_keeps_what_is_stored() {
        let stored = read_text(&upsert(r#""headers": {"Authorization": "Bearer {{ data.token }}"}"#), None).unwrap();
        let sent = upsert(r#""headers": {"authorization": "••••", "A": "1"}"#);
        let rule = read_text(&sent, Some(&stored)).unwrap();
        assert_eq!(template_of(&rule).unwrap().headers[0].1, "Bearer {{ data.token }}");
        for url in ["http://a.test/", "https://a.test:8443/", "https://{{ data.host }}/", "https://b.test/a.test/"] {
            let faults = read_text(&sent.replace("https://a.test/", url), Some(&stored)).unwrap_err();
            assert_eq!((&*faults[0].field, faults[0].code), ("then.upsert.headers", "masked"), "{url}");
        }
        let elsewhere = sent.replace("https://a.test/", "https://a.test/{{ key }}?token=x");
        let stored = read_text(&elsewhere, Some(&stored)).unwrap();
        let rule = read_text(&elsewhere.replace("token=x", "b=1&token=••••"), Some(&stored)).unwrap();
        assert_eq!(template_of(&rule).unwrap().url, "https://a.test/{{ key }}?b=1&token=x");
        assert_eq!(host_of("https://{{ a / b }}.test/x"), "https://{{ a / b }}.test");
        assert_eq!(host_of("{{ data.url }}/x?a"), "{{ data.url }}");
    }

    #[test]
    fn a_file_is_read_as_a_whole() {
        let networks = AllowedNetworks::public_only();
        let limits = draft::Rules { networks: &networks, min_period: MIN_PERIOD };
        let one = r#"{"name": "a", "event": "e", "then": "delete"}"#;
        assert_eq!(read_rules(format!("[{one}]").as_bytes(), limits).unwrap().len(), 1);
        assert_eq!(read_rules(format!("\u{feff}[{one}]").as_bytes(), limits).unwrap().len(), 1, "as saved on Windows");
        let faults = |text: &str| {
            let faults = read_rules(text.as_bytes(), limits).unwrap_err();
            faults.into_iter().map(|fault| fault.field.into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(faults("{}"), ["file"]);
        assert_eq!(faults("["), ["file"]);
        assert_eq!(faults(&format!("[{one}, {{}}, {one}]")), ["2.then", "3.name"]);
    }
}
