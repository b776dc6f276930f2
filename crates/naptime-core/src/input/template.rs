//! The endpoint of a rule as it was sent. Its fields are judged where templates are filled in; here its credentials are
//! put back where they are masked, but only for the host that they were written for.

use serde_json::{Map, Value};

use super::masks::{check_none_kept, host, no_body, unmasked_headers};
use super::pairs_of_headers;
use crate::secret::{self, MASK};
use crate::{Invalid, Template};

/// Reads the endpoint of a rule, of which there may be a `stored` one already. Its headers become pairs, because their
/// names are data, and a store may give the names of fields a meaning of its own.
///
/// # Errors
/// All faults, of which there is at least one, each with the path of its field within the endpoint.
pub(super) fn read(mut sent: Map<String, Value>, stored: Option<&Template>) -> Result<Template, Vec<Invalid>> {
    let mut faults = Vec::new();
    let url = sent.get("url").and_then(Value::as_str).map(str::to_owned);
    let stored_url = stored.and_then(|stored| stored.text("url")).unwrap_or_default();
    let names_another = || host(&pairs(sent.get("headers"))) != host(&pairs(stored.and_then(|it| it.0.get("headers"))));
    let moved =
        stored.is_some() && (url.as_deref().is_some_and(|url| host_of(url) != host_of(stored_url)) || names_another());
    let is_secret = sent.get("secret") == Some(&Value::Bool(true));
    // What was secret is kept only while it stays so.
    let stays = stored.filter(|stored| !moved && (!stored.flag("secret") || is_secret));
    if let Some(url) = url {
        let url = stays.map_or(url.clone(), |stored| secret::unmask_url(&url, stored_url, stored.flag("secret")));
        if secret::has_mask(&url) {
            let detail = "the URL holds ••••, which stands for a value that is not kept; write the value out";
            faults.push(Invalid::new("url", "masked", detail));
        }
        sent.insert("url".to_owned(), url.into());
    }
    if sent.get("body").and_then(Value::as_str) == Some(MASK) {
        match stays.filter(|stored| stored.flag("secret")) {
            Some(stored) => {
                sent.insert("body".to_owned(), stored.0.get("body").cloned().unwrap_or_default());
            }
            None => faults.push(no_body()),
        }
    }
    if sent.contains_key("sign") {
        let detail = "a rule cannot hold keys to sign with, since it is shown; set them at the endpoints";
        faults.push(Invalid::new("sign", "not_here", detail));
    }
    if sent.contains_key("key") {
        let detail = "the key of the endpoint is that of the rule: say it as `job`";
        faults.push(Invalid::new("key", "not_here", detail));
    }
    for (name, value) in &sent {
        if is_too_large(value) {
            let detail = "a number in it is above 2^63 - 1; write it as a text";
            faults.push(Invalid::new(name.clone(), "out_of_range", detail));
        }
    }
    if let Some(headers) = sent.get_mut("headers").filter(|headers| !headers.is_null()) {
        match unmasked(headers.take(), moved, stored) {
            Ok(pairs) => *headers = pairs.into_iter().map(|(name, value)| Value::from(vec![name, value])).collect(),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(Template(sent)) } else { Err(faults) }
}

/// Names and values; none of what cannot be read.
fn pairs(headers: Option<&Value>) -> Vec<(String, String)> {
    headers.and_then(|headers| pairs_of_headers(headers.clone()).ok()).unwrap_or_default()
}

/// Whether a value holds a number that not every store can hold.
fn is_too_large(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_u64() && !number.is_i64(),
        Value::Array(items) => items.iter().any(is_too_large),
        Value::Object(fields) => fields.values().any(is_too_large),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

fn unmasked(sent: Value, moved: bool, stored: Option<&Template>) -> Result<Vec<(String, String)>, Invalid> {
    if moved {
        let pairs = pairs_of_headers(sent)?;
        return check_none_kept(&pairs).map(|()| pairs);
    }
    let stored = stored.and_then(|stored| stored.0.get("headers")).cloned();
    let stored = stored.and_then(|stored| pairs_of_headers(stored).ok()).unwrap_or_default();
    let stored: Vec<(&str, &str)> = stored.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    unmasked_headers(sent, &stored)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template(value: Value) -> Template {
        serde_json::from_value(value).unwrap()
    }

    fn check(stored: &Value, sent: &Value, expect: Result<Value, &[&str]>) {
        let read = read(sent.as_object().unwrap().clone(), Some(&template(stored.clone())));
        let read = read.map(|template| Value::Object(template.0)).map_err(|faults| {
            assert!(faults.iter().all(|fault| fault.code == "masked"), "{faults:?}");
            faults.into_iter().map(|fault| fault.field.into_owned()).collect::<Vec<_>>()
        });
        let expect = expect.map_err(|fields| fields.iter().map(|field| (*field).to_owned()).collect());
        assert_eq!(read, expect, "{sent}, where {stored} is stored");
    }

    #[test]
    fn a_mask_keeps_what_is_stored_for_its_host() {
        let stored = json!({
            "url": "https://a.test/{{ key }}?token=x", "headers": [["Authorization", "Bearer {{ data.token }}"]],
        });
        let sent = |url: &str| json!({"url": url, "headers": {"authorization": "••••", "A": "1"}});
        let kept = json!([["authorization", "Bearer {{ data.token }}"], ["A", "1"]]);
        for (url, expect) in [
            ("https://a.test/", "https://a.test/"),
            ("https://a.test/{{ key }}?b=1&token=••••", "https://a.test/{{ key }}?b=1&token=x"),
        ] {
            check(&stored, &sent(url), Ok(json!({"url": expect, "headers": kept})));
        }
        for url in ["http://a.test/", "https://a.test:8443/", "https://{{ data.host }}/", "https://b.test/a.test/"] {
            check(&stored, &sent(url), Err(&["headers"]));
        }
        check(&stored, &sent("https://b.test/?token=••••"), Err(&["url", "headers"]));
        check(&stored, &json!({"url": "https://a.test/", "headers": "Cookie: ••••"}), Err(&["headers"]));
        let other_site = json!({"url": "https://a.test/", "headers": "Host: b.test\nAuthorization: ••••"});
        check(&stored, &other_site, Err(&["headers"]));
        let other_site = json!({"url": "https://a.test/?token=••••", "headers": {"Host": "{{ data.host }}"}});
        check(&stored, &other_site, Err(&["url"]));
        assert_eq!(host_of("https://{{ a / b }}.test/x"), "https://{{ a / b }}.test");
        assert_eq!(host_of("{{ data.url }}/x?a"), "{{ data.url }}");
    }

    #[test]
    fn what_is_secret_is_kept_while_it_stays_so() {
        let stored = json!({"url": "https://a.test/?a=1", "body": "{{ data.pin }}", "secret": true});
        let sent = |secret: bool| json!({"url": "https://a.test/?a=••••", "body": "••••", "secret": secret});
        check(&stored, &sent(true), Ok(stored.clone()));
        check(&stored, &sent(false), Err(&["url", "body"]));
        check(&json!({"url": "https://a.test/?a=1", "body": "x"}), &json!({"body": "••••"}), Err(&["body"]));
    }
}
