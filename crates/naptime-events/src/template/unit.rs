//! Tests of what templates come to, and of the bounds on their work and memory.

use serde_json::{Value as Json, json};

use super::*;

fn event() -> Event {
    let data = json!({"token": "a b&c", "said": "\"hi\"\n", "count": 3, "items": [1, 2], "none": null});
    Event { event: "twitter.linked".into(), key: "user-1".into(), data }
}

fn rendered(field: &'static str, source: &str) -> Result<String, Invalid> {
    let mut work = Work::new(Work::deadline());
    render(field, source, &values(&event()), &mut work).map(|pieces| crate::body::plain(&pieces))
}

#[test]
fn values_are_filled_in() {
    let check_render = |source: &str, expect: &str| {
        assert_eq!(check("body", source), Ok(()), "{source}");
        assert_eq!(rendered("body", source).as_deref(), Ok(expect), "{source}");
    };
    check_render("{{ event }} {{ key }} {{ data.count }}", "twitter.linked user-1 3");
    check_render("/t?q={{ data.token|urlencode }}", "/t?q=a%20b%26c");
    check_render(r#"{"said": {{ data.said|tojson }}}"#, r#"{"said": "\"hi\"\n"}"#);
    check_render("<{{ data.token }}>", "<a b&c>");
    check_render("{% for i in data.items %}{{ i }};{% endfor %}", "1;2;");
    check_render("{{ data.other|default('5m') }}", "5m");
    check_render("{{ '5m' if data.other is defined }}", "");
    check_render("{{ range(3)|join(',') }}", "0,1,2");
    check_render("{{ true }} {{ data.none }} {{ data.items }} {{ [1.5, 'a'] }}", r#"true null [1,2] [1.5,"a"]"#);
    check_render(
        "{{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 10 }} {{ 1 + 1.5 }}",
        "3 -4 2 3.5 1024 2.5",
    );
    check_render("{{ data.token[:2]|upper ~ data.items[-1] }}", "A 2");
    check_render("{{ data.items|sum }} {{ data.items|reverse|join('-') }} {{ data.items|length }}", "3 2-1 2");
    check_render(
        "{% for k, v in {'a': 1}|items if v > 0 %}{{ loop.index }}{{ k }}{{ v }}{% else %}-{% endfor %}",
        "1a1",
    );
    check_render("{% set a = 'x' %}{{ a|replace('x', 'yy')|title }}", "Yy");
    check_render("{{ 'a' in 'abc' and 3 in [1, 2] or key is startingwith('user') }}", "true");
    check_render("{{ 1 < 2 <= 2 }} {{ 3 not in [1] }} {{ key is not none }}", "true true true");
    check_render("{{ '12'|int + 1 }} {{ 2.567|round(2) }} {{ [{'a': 1}]|map(attribute='a')|first }}", "13 2.57 1");
}

#[test]
fn what_does_not_render_says_why() {
    let fails = |source: &str, why: &str| {
        assert_eq!(check("url", source), Ok(()), "{source}");
        let fault = rendered("url", source).expect_err(source);
        assert_eq!((&*fault.field, fault.code), ("url", "does_not_render"), "{source}");
        assert!(fault.detail.contains(why), "{source}: {}", fault.detail);
    };
    fails("{{ data.tokn }}", "undefined value; the event has no `data.tokn`");
    for hole in
        ["|urlencode", "|tojson", "|upper", "|string", "|trim", "|first", "|length", "|list", "|join(',')", " ~ 'a'"]
    {
        fails(&format!("{{{{ data.tokn{hole} }}}}"), "");
    }
    for hole in ["|urlencode", "|tojson"] {
        fails(&format!("{{{{ data.tokn{hole} }}}}"), "no `data.tokn`");
    }
    fails("{{ 'a' ~ data.tokn }}", "no `data.tokn`");
    fails("{% for a in data.tokn %}{% endfor %}", "no `data.tokn`");
    fails("{{ data.a.b }}", "no `data.a`");
    fails("{{ data.token + 1 }}", "unsupported types");
    fails("{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}", "more work");
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
    bad("{{ data.token", "a `{{` is not closed by `}}`");
    bad("{{ key ", "a `{{` is not closed by `}}`");
    bad("{{ key }", "a `{{` is not closed by `}}`");
    bad("{{ key }}\n{% if key ", "a `{%` is not closed by `%}` (line 2)");
    bad("{% if key %}", "unexpected end of input");
    bad("{% if %}", "unexpected");
    bad("{{ dta.token }}", "`dta`");
    bad("{{ key|shout }}", "shout");
    bad("{{ key is loud }}", "loud");
    bad("{{ now() }}", "`now`");
    bad("{% include 'other' %}", "include");
    bad("{{ ' '|indent(1) }}", "indent");
    bad("{{ data.all|batch(3) }}", "`batch`");
    bad("{{ data.all()|list }}", "`all`");
    bad("{% if false %}{{ key|shout }}{% endif %}", "shout");
    bad("{% filter upper %}{% endfilter %}", "`{% filter %}`");
    bad("{% for a in data.all recursive %}{{ loop(a) }}{% endfor %}", "recursive");
    bad("{{ range(*data.all) }}", "unpacked");
    bad("{% for a in data.all %}{% endfor %}{{ a }}", "`a`");
    assert_eq!(check("url", &"x".repeat(work::MAX_BYTES + 1)).unwrap_err().code, "too_long");
}

/// Each of these took all memory, or minutes.
#[test]
fn no_template_takes_more_than_it_may() {
    let data = json!({"text": "x".repeat(1_000), "list": (0..1_000).collect::<Vec<_>>()});
    let values = values(&Event { data, ..event() });
    let doubled = "{% set x = x ~ x %}".repeat(50);
    let doubled_list = "{% set x = [x, x] %}".repeat(50);
    let nested: String = (0..30).map(|n| format!("{{% for a{} in [[a{n}, a{n}]] %}}", n + 1)).collect();
    for source in [
        "{{ 'x' * 1000000000 }}".to_owned(),
        "{{ 'x' * 1000000000 * 1000000000 }}".to_owned(),
        "{% if 'x' * 1000000000 %}{% endif %}".to_owned(),
        "{{ (data.text * 200)|replace('x', 'y' * 1000)|length }}".to_owned(),
        "{{ (data.text * 200)|replace('', 'yyy')|length }}".to_owned(),
        "{{ data.list|join(data.text)|length }}".to_owned(),
        "{{ range(1000000000)|list|length }}".to_owned(),
        "{{ range(0, 9223372036854775807)|sum }}".to_owned(),
        format!("{{% set x = data.text %}}{doubled}{{{{ x|length }}}}"),
        format!("{{% set x = data.text %}}{{% for a in data.list %}}{doubled}{{% endfor %}}"),
        format!("{{% set x = data.list %}}{doubled_list}{{{{ x|tojson|length }}}}"),
        format!("{{% set x = data.list %}}{doubled_list}{{{{ x == x }}}}"),
        format!("{{% set a0 = data.text %}}{nested}{{{{ a30|length }}}}{}", "{% endfor %}".repeat(30)),
        "{% for a in data.list %}{{ (data.text * 200)|upper|length }}{% endfor %}".to_owned(),
        "{% for a in data.list %}{% for b in data.list %}{{ a == data.list }}{% endfor %}{% endfor %}".to_owned(),
        "{% for a in data.list %}{{ data.list|sort|unique|reverse|first }}{% endfor %}".to_owned(),
        "{% for a in data.list %}{{ (data.text * 200).split('x')|length }}{% endfor %}".to_owned(),
        "{{ 2 ** 100000000 }}".to_owned(),
    ] {
        let started = tokio::time::Instant::now();
        let mut work = Work::new(Work::deadline());
        let _ = check("body", &source);
        let fault = render("body", &source, &values, &mut work).expect_err(&source);
        assert_eq!(fault.code, "does_not_render", "{source}");
        // Seconds, where it was minutes or memory without end.
        assert!(started.elapsed().as_secs() < 20, "{source}: {:?}", started.elapsed());
    }
}

fn peak(source: &str, data: Json) -> (Result<String, Invalid>, usize) {
    let (values, mut work) = (values(&Event { data, ..event() }), Work::new(Work::deadline()));
    let rendered = render("body", source, &values, &mut work).map(|pieces| crate::body::plain(&pieces));
    (rendered, work.peak)
}

/// Each of these made a list of all characters, for each loop anew.
#[test]
fn a_loop_holds_one_item_at_a_time() {
    let nested: String = (0..15).map(|n| format!("{{% for a{n} in data.s %}}")).collect();
    for source in [
        format!("{nested}{}", "{% endfor %}".repeat(15)),
        "{% for c in data.s %}{% if c == ',' %};{% endif %}{% endfor %}".to_owned(),
        "{{ data.s|first }}{{ data.s|last }}".to_owned(),
    ] {
        let (_, held) = peak(&source, json!({"s": "x".repeat(250_000)}));
        assert!(held < 16 * 1024, "{source}: {held}");
    }
}

#[test]
fn what_a_template_holds_is_bounded() {
    let letters = |count: usize| json!({"s": "x,".repeat(count / 2)});
    for source in ["{{ data.s|list|length }}", "{{ data.s|sort|length }}", "{{ data.s|split(',')|length }}"] {
        let (fault, _) = peak(source, letters(250_000));
        let detail = fault.unwrap_err().detail;
        assert!(detail.contains("would hold more than 6 MiB"), "{source}: {detail}");
        assert!(peak(source, letters(10_000)).0.is_ok(), "{source}");
    }
    // Lists are charged with all that they take, and kept ones are charged as long as they are kept.
    let kept: String = (0..9).map(|n| format!("{{% set a{n} = data.s|list %}}")).collect();
    let detail = peak(&kept, letters(10_000)).0.unwrap_err().detail;
    assert!(detail.contains("would hold more"), "{detail}");
    let (rendered, held) = peak("{{ data.s|list|length }}", letters(10_000));
    assert_eq!(rendered.as_deref(), Ok("10000"));
    assert!(held > 10_000 * (size_of::<Value>() + 16), "{held}");
}

#[test]
fn what_a_round_or_a_statement_held_is_given_back() {
    let data = json!({"s": "x,".repeat(2_000)});
    let once = peak("{{ data.s|split(',')|length }}", data.clone()).1;
    for each in ["{{ data.s|split(',')|length }}", "{% set x = data.s|split(',') %}", "{% if data.s|list %}{% endif %}"]
    {
        let (rendered, held) = peak(&format!("{{% for a in range(50) %}}{each}{{% endfor %}}"), data.clone());
        assert!(rendered.is_ok(), "{each}: {rendered:?}");
        assert!(held < once * 2, "{each}: {held}, once {once}");
    }
}

/// Each piece took the place of two texts.
#[test]
fn what_comes_out_is_held_in_few_pieces() {
    let source = "{% for c in data.s %}a{% if c %}b{% endif %}{% endfor %}";
    let (rendered, held) = peak(source, json!({"s": "x".repeat(20_000)}));
    assert_eq!(rendered.unwrap().len(), 40_000);
    assert!(held < 64 * 1024, "{held}");
    let source = "{% for c in data.s %}{{ c }}{% endfor %}";
    let (rendered, held) = peak(source, json!({"s": "x".repeat(20_000)}));
    assert_eq!(rendered.unwrap().len(), 20_000);
    assert!((20_000 * size_of::<Piece>()..4 * 1024 * 1024).contains(&held), "{held}");
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
        let fault = rendered("body", &of(10_000)).unwrap_err();
        assert_eq!(fault.code, "does_not_render", "{middle}");
        // As deep as it may be. It need not be right.
        for times in (0..=syntax::MAX_TOKENS).rev().step_by(5) {
            if syntax::is_small(&of(times)) {
                let _ = check("body", &of(times));
                let _ = rendered("body", &of(times));
                break;
            }
        }
    }
    let long = "{{ key }} ".repeat(syntax::MAX_TOKENS / 3) + &"x".repeat(10_000);
    assert_eq!(check("body", &long), Ok(()));
}
