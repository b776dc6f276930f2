//! Texts as people write them, and whatever JSON can be.

use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn texts_numbers_and_flags_are_told_apart_as_in_yaml_1_2() {
    let text = "a: 5m\nb: 0 9 * * *\nc: 12:30\nd: no\ne: true\nf: 5000\ng: 1.5\nh: ~\ni:\nj: '5'\nk: |\n  x\n  y\nl: 2026-12-25\n";
    let expected = json!({
        "a": "5m", "b": "0 9 * * *", "c": "12:30", "d": "no", "e": true, "f": 5000, "g": 1.5, "h": null, "i": null,
        "j": "5", "k": "x\ny\n", "l": "2026-12-25",
    });
    assert_eq!(read(text).unwrap().value, expected);
    assert_eq!(read("{\"a\": [1, \"x\\u00e4\"], \"b\": {}}").unwrap().value, json!({"a": [1, "xä"], "b": {}}));
    assert_eq!(read("# nothing\n").unwrap().value, Value::Null);
}

#[test]
fn each_document_of_a_text_is_read() {
    let text = "---\non:\n  a: &a [0 9 * * *, 09:00]\n  b: *a\n---\n'1': x\n2: y\n";
    let list = json!(["0 9 * * *", "09:00"]);
    assert_eq!(documents(text), Ok(vec![json!({"on": {"a": list, "b": list}}), json!({"1": "x", "2": "y"})]));
    assert_eq!(documents("# nothing\n"), Ok(vec![]));
    assert_eq!(documents("a: 1\n---\nb: 1\nb: 2\n").unwrap_err().line, 4);
}

#[test]
fn each_value_has_its_line() {
    let text = "project: shop\nendpoints:\n  a/b:\n    url: https://a.test/\n    retry:\n      attempts: 3\n    tags:\n      - x\n      - y\n";
    let lines = read(text).unwrap().lines;
    let line = |pointer: &str| lines.get(pointer).copied();
    assert_eq!([line("/project"), line("/endpoints"), line("/endpoints/a~1b")], [Some(1), Some(2), Some(3)]);
    assert_eq!([line("/endpoints/a~1b/retry/attempts"), line("/endpoints/a~1b/tags/1")], [Some(6), Some(9)]);
}

#[test]
fn what_aliases_stand_for_is_taken_over() {
    let text = "base: &base {every: 5m, timeout: 5s}\na:\n  <<: *base\n  every: 1h\nb: *base\n";
    let value = read(text).unwrap().value;
    assert_eq!(value["a"], json!({"every": "1h", "timeout": "5s"}));
    assert_eq!(value["b"], json!({"every": "5m", "timeout": "5s"}));
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..10 {
        let of = format!("*a{}, ", n - 1).repeat(10);
        laughs.push_str(&format!("a{n}: &a{n} [{of}]\n"));
    }
    assert!(read(&laughs).unwrap_err().detail.contains("1,000,000"));
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    let check = |text: &str, line: usize, detail: &str| {
        let fault = read(text).unwrap_err();
        assert!(fault.line == line && fault.detail.contains(detail), "{text}: {fault:?}");
    };
    check("a: 1\nb: 2\na: 3\n", 3, "twice");
    check("a: 1\n---\nb: 2\n", 3, "one document");
    check("a: 1\nb: [1\n", 3, "cannot be read");
    check("a: .inf\n", 1, "no value of JSON");
    check("[a]: 1\n", 1, "a key");
    check(&format!("a: {}", "[".repeat(200)), 1, "");
}

fn values() -> impl Strategy<Value = Value> {
    let texts = prop_oneof![
        "\\PC{0,12}",
        prop::sample::select(vec![
            "0o17",
            "0x1f",
            "~",
            "null",
            "yes",
            "1e3",
            ".5",
            "- a",
            "a: b",
            "a #b",
            " a ",
            "",
            "x\n\ny\n",
            "${A}",
            "<<",
            "*/5 * * * *"
        ])
        .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!(1.5)),
        texts.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((texts.clone(), inner), 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(value in values()) {
        let text = write(&value);
        prop_assert_eq!(read(&text).map(|read| read.value), Ok(value), "{}", text);
    }

    #[test]
    fn nothing_typed_panics(text in "[-a:\\[\\]{}&*#|>'\"~!,? \n\t]{0,40}") {
        let _ = read(&text);
    }
}
