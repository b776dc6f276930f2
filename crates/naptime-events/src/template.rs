//! Texts with places to fill in: Jinja's language without files, and with bounds on time and size.

use std::io;

use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde, StringInput, Value};
use minijinja::{AutoEscape, Environment, ErrorKind, State, UndefinedBehavior, context, filters};
use naptime_core::Invalid;

use crate::event::Event;

/// The most bytes of a template, and of what comes out of it.
const MAX_BYTES: usize = 256 * 1024;

/// The most steps of one rendering, so that no loop keeps a worker busy.
const FUEL: u64 = 100_000;

/// The most words and signs within the braces of a template. Compiling goes as deep as an expression is long, so that a
/// long enough one would overflow the stack and end the process.
const MAX_TOKENS: usize = 500;

/// What templates may name.
const KNOWN: [&str; 3] = ["event", "key", "data"];

/// Templates that ask for what isn't there fail, as a call with a hole in its URL would be worse.
pub(crate) fn render(field: &'static str, source: &str, values: &Value) -> Result<String, Invalid> {
    let failed = |detail: String| Invalid::new(field, "does_not_render", detail);
    check_size(source).map_err(failed)?;
    let environment = environment(UndefinedBehavior::Strict);
    let template = environment.template_from_str(source).map_err(|error| failed(explained(&error)))?;
    let mut out = Bounded(Vec::new());
    match template.render_captured_to(values.clone(), &mut out) {
        Ok(_) => Ok(String::from_utf8_lossy(&out.0).into_owned()),
        Err(error) if error.kind() == ErrorKind::WriteFailure => {
            Err(failed(format!("what comes out is longer than {MAX_BYTES} bytes")))
        }
        Err(error) if error.kind() == ErrorKind::UndefinedError => {
            let mut missing: Vec<String> = template.undeclared_variables(true).into_iter().collect();
            missing.retain(|path| is_missing(values, path));
            missing.sort();
            let missing = missing.join("`, `");
            Err(failed(format!("{}; the event has no `{missing}`", explained(&error))))
        }
        Err(error) => Err(failed(explained(&error))),
    }
}

/// Whether there is nothing at this path, such as `data.user.name`.
fn is_missing(values: &Value, path: &str) -> bool {
    let at = path.split('.').try_fold(values.clone(), |value, name| value.get_attr(name).ok());
    at.is_none_or(|value| value.is_undefined())
}

/// What can be said of a template before there is an event: its syntax, its names and its filters.
pub(crate) fn check(field: &'static str, source: &str) -> Result<(), Invalid> {
    if source.len() > MAX_BYTES {
        return Err(Invalid::new(field, "too_long", format!("`{field}` has at most {MAX_BYTES} bytes")));
    }
    check_size(source).map_err(|detail| Invalid::new(field, "too_long", detail))?;
    let bad = |detail: String| Invalid::new(field, "bad_template", detail);
    let environment = environment(UndefinedBehavior::Chainable);
    let template = environment.template_from_str(source).map_err(|error| bad(explained(&error)))?;
    let globals: Vec<&str> = environment.globals().map(|(name, _)| name).collect();
    let unknown = template.undeclared_variables(false).into_iter().find(|name| {
        let name = name.as_str();
        !KNOWN.contains(&name) && !globals.contains(&name)
    });
    if let Some(name) = unknown {
        return Err(bad(format!("there is no `{name}`; a template may use `event`, `key` and `data`")));
    }
    // Filters are looked up only when they are used. Without data everything else may fail here and be right later.
    let tried = template.render_captured_to(context! { event => "", key => "", data => context! {} }, io::sink());
    match tried.map_err(|error| (error.kind(), explained(&error))) {
        Err((ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction, detail)) => {
            Err(bad(detail))
        }
        _ => Ok(()),
    }
}

/// Whether it can be compiled without harm. What is no template at all is found by the compiler.
fn check_size(source: &str) -> Result<(), String> {
    let tokens = tokenize(source, false, SyntaxConfig::default()).map_while(Result::ok);
    let within = tokens.filter(|(token, _)| !matches!(token, Token::TemplateData(_)));
    if within.take(MAX_TOKENS + 1).count() > MAX_TOKENS {
        return Err(format!("a template has at most {MAX_TOKENS} words and signs within its braces"));
    }
    Ok(())
}

/// What an event gives to templates.
pub(crate) fn values(event: &Event) -> Value {
    context! { event => &event.event, key => &event.key, data => Value::from(Serde(&event.data)) }
}

fn environment(undefined: UndefinedBehavior) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(undefined);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    // These would take what isn't there for nothing.
    environment.add_filter("urlencode", |value: &Value| there(value).and_then(filters::urlencode));
    environment.add_filter("tojson", |value: &Value, indent: Option<Value>, args: Kwargs| {
        there(value).and_then(|value| filters::tojson(value, indent, args))
    });
    environment.add_filter("string", |value: &Value| there(value).map(ToString::to_string));
    environment.add_filter(
        "join",
        |state: &mut State, value: &Value, joiner: Option<StringInput<'_>>, args: Kwargs| {
            there(value).and_then(|value| filters::join(state, value, joiner, None, args))
        },
    );
    for name in ["e", "escape", "pprint", "groupby", "chain", "zip"] {
        environment.remove_filter(name);
    }
    // These make much out of little in one step, past all bounds.
    environment.remove_global("namespace");
    environment.remove_filter("indent");
    environment.remove_filter("format");
    environment
}

fn there(value: &Value) -> Result<&Value, minijinja::Error> {
    if value.is_undefined() { Err(ErrorKind::UndefinedError.into()) } else { Ok(value) }
}

fn explained(error: &minijinja::Error) -> String {
    let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    match error.line() {
        Some(line) if line > 1 => format!("{what} (line {line})"),
        _ => what,
    }
}

/// A buffer with an end.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event() -> Event {
        let data = json!({"token": "a b&c", "said": "\"hi\"\n", "count": 3, "items": [1, 2], "none": null});
        Event { event: "twitter.linked".into(), key: "user-1".into(), data }
    }

    #[test]
    fn values_are_filled_in() {
        let check_render = |source: &str, expect: &str| {
            assert_eq!(check("body", source), Ok(()), "{source}");
            assert_eq!(render("body", source, &values(&event())).as_deref(), Ok(expect), "{source}");
        };
        check_render("{{ event }} {{ key }} {{ data.count }}", "twitter.linked user-1 3");
        check_render("/t?q={{ data.token|urlencode }}", "/t?q=a%20b%26c");
        check_render(r#"{"said": {{ data.said|tojson }}}"#, r#"{"said": "\"hi\"\n"}"#);
        check_render("<{{ data.token }}>", "<a b&c>");
        check_render("{% for i in data.items %}{{ i }};{% endfor %}", "1;2;");
        check_render("{{ data.other|default('5m') }}", "5m");
        check_render("{{ '5m' if data.other is defined }}", "");
        check_render("{{ range(3)|join(',') }}", "0,1,2");
    }

    #[test]
    fn what_does_not_render_says_why() {
        let fails = |source: &str, why: &str| {
            assert_eq!(check("url", source), Ok(()), "{source}");
            let rendered = render("url", source, &values(&event()));
            let fault = rendered.expect_err(source);
            assert_eq!((&*fault.field, fault.code), ("url", "does_not_render"), "{source}");
            assert!(fault.detail.contains(why), "{source}: {}", fault.detail);
        };
        fails("{{ data.tokn }}", "undefined value; the event has no `data.tokn`");
        for hole in [
            "|urlencode",
            "|tojson",
            "|upper",
            "|string",
            "|trim",
            "|first",
            "|length",
            "|list",
            "|join(',')",
            " ~ 'a'",
        ] {
            fails(&format!("{{{{ data.tokn{hole} }}}}"), "");
        }
        for hole in ["|urlencode", "|tojson"] {
            fails(&format!("{{{{ data.tokn{hole} }}}}"), "no `data.tokn`");
        }
        fails("{{ 'a' ~ data.tokn }}", "no `data.tokn`");
        fails("{% for a in data.tokn %}{% endfor %}", "no `data.tokn`");
        fails("{{ data.a.b }}", "undefined");
        fails("{{ data.token + 1 }}", "unsupported types");
        fails("{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}", "fuel");
        fails("{{ 'x' * 300000 }}", "longer than");
        fails("{% for a in range(1000) %}{{ 'x' * 300 }}{% endfor %}", "longer than");
    }

    #[test]
    fn bad_templates_are_found_before_there_is_an_event() {
        let bad = |source: &str, why: &str| {
            let fault = check("url", source).unwrap_err();
            assert_eq!((&*fault.field, fault.code), ("url", "bad_template"), "{source}");
            assert!(fault.detail.contains(why), "{source}: {}", fault.detail);
        };
        bad("{{ data.token", "unexpected end");
        bad("{% if %}", "unexpected");
        bad("{{ dta.token }}", "`dta`");
        bad("{{ key|shout }}", "shout");
        bad("{{ key is loud }}", "loud");
        bad("{{ now() }}", "`now`");
        bad("{% include 'other' %}", "include");
        bad("{{ ' '|indent(1) }}", "indent");
        assert_eq!(check("url", &"x".repeat(MAX_BYTES + 1)).unwrap_err().code, "too_long");
    }

    /// Each of these once overflowed the stack.
    #[test]
    fn no_template_is_deeper_than_the_stack() {
        let deep = [
            ("{{ ", "-", "1 }}"),
            ("{{ ", "not ", "1 }}"),
            ("{{ ((((((((((((((((((((((((((((((((((((((((", "-", "1)))))))))))))))))))))))))))))))))))))))) }}"),
            ("{{ ", "[-", "1 }}"),
            ("{{ ", "1 if 1 else ", "1 }}"),
            ("{{ 1", "+1", " }}"),
            ("{{ 1", "**2", " }}"),
            ("{{ 1", " and 1", " }}"),
            ("{{ 1", " is defined", " }}"),
            ("{{ data", "[0]", " }}"),
            ("{{ data", ".a", " }}"),
            ("{{ data", "()", " }}"),
            ("{{ data", "|upper", " }}"),
            ("{% if 1 %}", "{% elif 1 %}", "{% endif %}"),
            ("{% set ", "(", "a = 1 %}"),
            ("{% filter upper", "|upper", " %}{% endfilter %}"),
        ];
        for (start, middle, end) in deep {
            let of = |times: usize| format!("{start}{}{end}", middle.repeat(times));
            let fault = check("body", &of(10_000)).unwrap_err();
            assert_eq!((fault.code, &*fault.field), ("too_long", "body"), "{middle}");
            let fault = render("body", &of(10_000), &values(&event())).unwrap_err();
            assert_eq!(fault.code, "does_not_render", "{middle}");
            // As deep as it may be. It need not be right.
            for times in (0..=MAX_TOKENS).rev().step_by(5) {
                if check_size(&of(times)).is_ok() {
                    let _ = check("body", &of(times));
                    let _ = render("body", &of(times), &values(&event()));
                    break;
                }
            }
        }
        let long = "{{ key }} ".repeat(MAX_TOKENS / 3) + &"x".repeat(10_000);
        assert_eq!(check("body", &long), Ok(()));
    }
}
