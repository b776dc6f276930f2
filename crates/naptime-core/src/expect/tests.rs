use super::*;

fn unmet(condition: &str, body: &str) -> Option<String> {
    let headers = [
        ("content-type", "application/json"),
        ("x-count", "3"),
        ("set-cookie", "id=17"),
        ("location", "/login?token=a"),
    ];
    let headers = headers.map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
    let headers = HeaderMap::from_iter(headers);
    let took = Duration::from_millis(1_500);
    let certificate = Some(Duration::from_secs(10 * 86_400 + 5));
    let answered =
        Answered { body: body.as_bytes(), whole: true, headers: &headers, encoding: None, took, certificate };
    Expect::read(condition.lines()).expect(condition).unmet(answered)
}

#[test]
fn an_answer_meets_what_it_says() {
    let body = r#"{"status": "ok", "count": 3, "large": 9007199254740993, "empty": "", "items": [{"price": 5, "id": "a b"}, {"price": 9, "id": "c is d"}]}"#;
    for met in [
        "body contains \"status\": \"ok\"",
        "body contains ok",
        "body contains \" 3\"",
        "body lacks error",
        r#"body matches "count": \d+"#,
        "body matches (?i)STATUS",
        "header content-type contains json",
        "header Content-Type is application/json",
        "header x-count is 3",
        "header x-count is not 4",
        "header x-other lacks a",
        "json $.status is ok",
        "json $.status is \"ok\"",
        "json $.status is not failed",
        "json $.status matches ^o.$",
        "json $.count is 3.0",
        "json $.large is 9007199254740993",
        "json $.large is not 9007199254740992",
        "json $.large > 9007199254740992",
        "BODY Contains ok",
        "took  at  most  2s",
        "header x-count is not \"\"",
        "json $.empty is \"\"",
        "json $.count >= 3",
        "json $.count < 3.5",
        "json $.items[*].price > 4",
        "json $.items exists",
        "json $.items[?@.price > 6].id is \"c is d\"",
        "json $.items[?@.id == \"c is d\"].price is 9",
        "json $.items[0] is {\"id\": \"a b\", \"price\": 5}",
        "took at most 2s",
        "",
        "json $.status is ok\n\n  took at most 2s  ",
    ] {
        assert_eq!(unmet(met, body), None, "{met}");
    }
}

#[test]
fn what_is_not_met_is_told_with_what_was_found() {
    let body = r#"{"status": "error", "count": 3, "items": [1, 2]}"#;
    for (condition, found) in [
        ("body contains paid", "it is not in the body"),
        ("body lacks error", "it is in the body"),
        ("body matches ^ok", "the body does not match"),
        ("body is ok", "the body is {\"status\": \"error\", \"count\": 3, \"items\": [1, 2]}"),
        ("header set-cookie lacks id", "it is \u{2022}\u{2022}\u{2022}\u{2022}"),
        ("header location is /", "it is /login?\u{2022}\u{2022}\u{2022}\u{2022}"),
        ("header content-type contains html", "it is application/json"),
        ("header x-other contains a", "there is none"),
        ("json $.status is ok", "it is \"error\""),
        ("json $.count > 3", "it is 3"),
        ("json $.status > 3", "it is \"error\""),
        ("json $.items[*] < 2", "it is 2"),
        ("json $.other exists", "there is nothing there"),
        ("json $.other is not a", "there is nothing there"),
        ("took at most 1s", "it took 1s 500ms"),
    ] {
        assert_eq!(unmet(condition, body), Some(format!("expected: {condition}; {found}")));
    }
    assert_eq!(unmet("json $.a exists", "<html>"), Some("expected: json $.a exists; the answer is no JSON".into()));
    // The first that is not met is told.
    let both = unmet("body contains a\nbody contains 7\nbody contains 8", "a");
    assert_eq!(both, Some("expected: body contains 7; it is not in the body".into()));
}

#[test]
fn of_a_long_answer_the_beginning_is_read() {
    let answered = Answered {
        body: b"{\"a\"",
        whole: false,
        headers: &HeaderMap::new(),
        encoding: None,
        took: Duration::ZERO,
        certificate: None,
    };
    let unmet = |line: &str| Expect::read(std::iter::once(line)).unwrap().unmet(answered);
    assert_eq!(unmet("body contains a"), None);
    assert!(unmet("body contains b").unwrap().ends_with("it is not in the body as far as it was read"));
    let packed = Answered { encoding: Some("gzip"), ..answered };
    let packed = Expect::read("body lacks b".lines()).unwrap().unmet(packed);
    assert!(packed.unwrap().ends_with("the body is encoded as gzip"));
    assert!(unmet("body lacks b").unwrap().ends_with("the answer is too long to be read whole"));
    assert!(unmet("json $.a exists").unwrap().ends_with("the answer is too long to be read whole"));
}

#[test]
fn a_certificate_lasts_as_long_as_it_is_to() {
    assert_eq!(unmet("certificate lasts 10d", ""), None);
    let ends = "expected: certificate lasts 14d; it ends in 10d 5s".to_owned();
    assert_eq!(unmet("certificate lasts 14d", ""), Some(ends));
    let plain = Answered {
        body: b"",
        whole: true,
        headers: &HeaderMap::new(),
        encoding: None,
        took: Duration::ZERO,
        certificate: None,
    };
    let expect = Expect::read("certificate lasts 1s".lines()).unwrap();
    assert_eq!(expect.unmet(plain), Some("expected: certificate lasts 1s; there is none".to_owned()));
}

#[test]
fn what_cannot_be_read_is_named() {
    let fault = |line: &str| Expect::read(line.lines()).map(drop).map_err(|fault| (fault.code, fault.detail));
    for (line, code, detail) in [
        ("says ok", "unknown_condition", "begins with body, header, json, took or certificate"),
        ("certificate ok", "unknown_test", "certificate lasts 14d"),
        ("certificate lasts long", "not_a_duration", "long"),
        ("body", "unknown_test", "say what it contains, lacks, matches"),
        ("body has paid", "unknown_test", "`has` is no test; there are contains, lacks, matches"),
        ("body contains", "unknown_test", "say what it contains"),
        ("body matches (", "unknown_test", "it is no regular expression: unclosed group"),
        ("body matches \\w{999}{999}", "unknown_test", "it is no regular expression"),
        ("header", "unknown_test", "name the header"),
        ("header a:b is c", "unknown_test", "name the header"),
        ("json status is ok", "unknown_test", "write a JSONPath"),
        ("json $.count > many", "unknown_test", "`many` is not a number"),
        ("json $.count is", "unknown_test", "behind one stands exists, is"),
        ("json $.count == 1", "unknown_test", "`$.count == 1` is no JSONPath"),
        ("json $..[ is ok", "unknown_test", "`$..[` is no JSONPath"),
        ("json $..a..b..c exists", "unknown_test", "`..` 2 times at most"),
        ("json $[?@.a == $.b] exists", "unknown_test", "`$` 1 times at most"),
        ("json $[?search(@.a, 'b')] exists", "unknown_test", "functions are not taken"),
        ("json $[0,0,0,0,0] exists", "unknown_test", "`,` 3 times at most"),
        ("body matches (a{1000}){1000}", "unknown_test", "it is too large"),
        ("took at most 0s", "out_of_range", "no call takes no time"),
        ("took 5s", "unknown_test", "took at most 5s"),
        ("took at most soon", "not_a_duration", "soon"),
    ] {
        let (found, said) = fault(line).unwrap_err();
        assert!(
            found == code && said.contains(detail) && said.contains(&excerpt(line, TOLD)),
            "{line}: {found} {said}"
        );
    }
    assert_eq!(fault(&"body contains a\n".repeat(11)).unwrap_err().0, "too_many");
    assert_eq!(fault(&format!("body contains {}", "a".repeat(500))).unwrap_err().0, "too_long");
}

#[test]
fn they_are_stored_as_they_were_written() {
    let expect = Expect::read("  body contains  a \n\ntook at most 5s".lines()).unwrap();
    let stored = serde_json::to_string(&expect).unwrap();
    assert_eq!(stored, r#"["body contains  a","took at most 5s"]"#);
    assert_eq!(serde_json::from_str::<Expect>(&stored).unwrap(), expect);
    assert_eq!(expect.to_string(), "body contains  a\ntook at most 5s");
}
