//! What an answer must say for its call to have ended well, beside its status.
//!
//! Conditions are written one to a line, as people say them:
//!
//! ```text
//! body contains "paid"
//! header content-type contains json
//! json $.status is ok
//! took at most 5s
//! ```

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use http::{HeaderMap, HeaderName};
use regex::RegexBuilder;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::request::excerpt;
use crate::{Invalid, duration};

/// The most conditions of one job.
pub const MAX_CONDITIONS: usize = 10;
/// The longest condition, in characters.
pub const MAX_CONDITION: usize = 500;
/// The most memory that a regular expression may take, in bytes.
const MAX_REGEX: usize = 1024 * 1024;
/// How often a path may look through all that is below: each time multiplies the work.
const MAX_DESCENTS: usize = 2;
/// How much of what was found is told, in characters.
const TOLD: usize = 60;

/// Conditions, all of which an answer must meet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expect(Vec<Condition>);

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    /// As it was written.
    text: String,
    of: Subject,
    test: Test,
}

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject {
    Body,
    Header(HeaderName),
    /// What a JSONPath finds in the body.
    Json(String),
    Took,
}

/// What it must be.
#[derive(Clone, Debug, PartialEq)]
enum Test {
    Contains(String),
    Lacks(String),
    Matches(String),
    Exists,
    Is(Value),
    IsNot(Value),
    Compares(Relation, f64),
    AtMost(Duration),
}

// No number here is NaN: JSON and durations have none.
impl Eq for Test {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// An answer, as conditions look at it.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// The beginning of its body.
    pub body: &'a [u8],
    /// Whether that is all of it.
    pub whole: bool,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// How long the call took, to the end of the answer.
    pub took: Duration,
}

impl Expect {
    /// Whether there is no condition.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The conditions as they were written.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|condition| condition.text.as_str())
    }

    /// Conditions, one to a line. What is blank is none.
    ///
    /// # Errors
    /// At `expect`, naming the condition.
    pub fn read<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Self, Invalid> {
        let read = lines.map(str::trim).filter(|line| !line.is_empty()).map(str::parse);
        let conditions = read.collect::<Result<Vec<Condition>, Invalid>>()?;
        if conditions.len() > MAX_CONDITIONS {
            return Err(Invalid::new("expect", "too_many", format!("there are more than {MAX_CONDITIONS} conditions")));
        }
        Ok(Self(conditions))
    }

    /// The first condition that an answer does not meet, with what was found instead.
    pub fn unmet(&self, answered: Answered<'_>) -> Option<String> {
        self.0.iter().find_map(|condition| {
            let found = condition.found(answered)?;
            Some(format!("expected: {}; {found}", condition.text))
        })
    }
}

impl Condition {
    /// What was found, if it is not what is wanted.
    fn found(&self, answered: Answered<'_>) -> Option<String> {
        match &self.of {
            Subject::Took => match self.test {
                Test::AtMost(most) if answered.took > most => {
                    Some(format!("it took {}", duration::show(Duration::from_millis(ms(answered.took)))))
                }
                _ => None,
            },
            Subject::Body => {
                let body = String::from_utf8_lossy(answered.body);
                let beyond = if answered.whole { "" } else { " (in the beginning that was read)" };
                (!self.test.holds(&body)).then(|| format!("it does not{beyond}"))
            }
            Subject::Header(name) => {
                let mut values = answered.headers.get_all(name).iter().peekable();
                if values.peek().is_none() {
                    let is_met = matches!(self.test, Test::Lacks(_) | Test::IsNot(_));
                    return (!is_met).then(|| "there is none".to_owned());
                }
                let texts = values.map(|value| String::from_utf8_lossy(value.as_bytes()));
                let bad = texts.into_iter().find(|value| !self.test.holds(value));
                bad.map(|value| format!("it is {}", excerpt(&value, TOLD)))
            }
            Subject::Json(path) => self.found_in_json(path, answered),
        }
    }

    fn found_in_json(&self, path: &str, answered: Answered<'_>) -> Option<String> {
        // It was parsed as it was read.
        let path = JsonPath::parse(path).ok()?;
        if !answered.whole {
            return Some("the answer is too long to be read whole".to_owned());
        }
        let Ok(body) = serde_json::from_slice::<Value>(answered.body) else {
            return Some("the answer is no JSON".to_owned());
        };
        let nodes = path.query(&body);
        if nodes.is_empty() {
            return Some("there is nothing there".to_owned());
        }
        let bad = nodes.iter().find(|node| !self.test.holds_of(node))?;
        Some(format!("it is {}", excerpt(&bad.to_string(), TOLD)))
    }
}

impl Test {
    /// Whether a text is as wanted.
    fn holds(&self, text: &str) -> bool {
        match self {
            Self::Contains(part) => text.contains(part.as_str()),
            Self::Lacks(part) => !text.contains(part.as_str()),
            Self::Matches(pattern) => regex(pattern).is_ok_and(|regex| regex.is_match(text)),
            Self::Is(value) => word(value) == text.trim(),
            Self::IsNot(value) => word(value) != text.trim(),
            Self::Exists => true,
            Self::Compares(relation, than) => {
                text.trim().parse().is_ok_and(|number: f64| relation.holds(number, *than))
            }
            Self::AtMost(_) => true,
        }
    }

    /// Whether a value is as wanted.
    fn holds_of(&self, value: &Value) -> bool {
        match self {
            Self::Is(wanted) => is_same(value, wanted),
            Self::IsNot(wanted) => !is_same(value, wanted),
            Self::Compares(relation, than) => value.as_f64().is_some_and(|number| relation.holds(number, *than)),
            Self::Exists => true,
            other => other.holds(&word(value)),
        }
    }
}

impl Relation {
    fn holds(self, number: f64, than: f64) -> bool {
        match self {
            Self::Above => number > than,
            Self::AtLeast => number >= than,
            Self::Below => number < than,
            Self::AtMost => number <= than,
        }
    }
}

/// Numbers are the same however they are written.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        _ => one == other,
    }
}

/// A value as a text: a string without its quotes.
fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn regex(pattern: &str) -> Result<regex::Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(MAX_REGEX).build()
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl FromStr for Condition {
    type Err = Invalid;

    /// Reads one condition. The fault is at `expect`.
    fn from_str(line: &str) -> Result<Self, Invalid> {
        let shown = excerpt(line, TOLD);
        let fault = |code, detail: &str| Invalid::new("expect", code, format!("`{shown}`: {detail}"));
        if line.chars().count() > MAX_CONDITION {
            return Err(fault("too_long", &format!("a condition may be up to {MAX_CONDITION} characters long")));
        }
        if line.chars().any(char::is_control) {
            return Err(fault("control_character", "a condition is one line of text"));
        }
        let (subject, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let (of, test) = match subject.to_ascii_lowercase().as_str() {
            "body" => (Subject::Body, text_test(rest).map_err(|why| fault("unknown_test", &why))?),
            "header" => {
                let (name, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
                    return Err(fault("unknown_test", "name the header: header content-type contains json"));
                };
                let test = text_test(rest.trim()).map_err(|why| fault("unknown_test", &why))?;
                (Subject::Header(name), test)
            }
            "json" => json_test(rest).map_err(|why| fault("unknown_test", &why))?,
            "took" => {
                let most =
                    rest.strip_prefix("at most ").ok_or_else(|| fault("unknown_test", "write: took at most 5s"))?;
                let most =
                    duration::parse("expect", most.trim()).map_err(|why| fault("not_a_duration", &why.detail))?;
                (Subject::Took, Test::AtMost(most))
            }
            _ => {
                let detail = "a condition begins with body, header, json or took, like: body contains paid";
                return Err(fault("unknown_condition", detail));
            }
        };
        Ok(Self { text: line.to_owned(), of, test })
    }
}

/// What a text must be.
fn text_test(rest: &str) -> Result<Test, String> {
    let (verb, text) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let text = text.trim();
    let missing = || format!("say what it {verb}, like: {verb} paid");
    let part = || Some(unquoted(text)).filter(|text| !text.is_empty()).ok_or_else(missing);
    match verb {
        "contains" => Ok(Test::Contains(part()?)),
        "lacks" => Ok(Test::Lacks(part()?)),
        "matches" => {
            let pattern = part()?;
            regex(&pattern).map_err(|why| format!("it is no regular expression: {}", first_line(&why)))?;
            Ok(Test::Matches(pattern))
        }
        "is" => match text.strip_prefix("not ") {
            Some(text) if !text.trim().is_empty() => Ok(Test::IsNot(Value::String(unquoted(text.trim())))),
            _ => Ok(Test::Is(Value::String(part()?))),
        },
        _ => Err("there are contains, lacks, matches, is and is not".to_owned()),
    }
}

/// The operators of JSON, each with what it makes of the text after it. Longer ones come before those that they begin
/// with.
type Make = fn(&str) -> Result<Test, String>;
const OPERATORS: [(&str, Make); 9] = [
    (" is not ", |text| Ok(Test::IsNot(value(text)))),
    (" is ", |text| Ok(Test::Is(value(text)))),
    (" contains ", |text| Ok(Test::Contains(unquoted(text)))),
    (" lacks ", |text| Ok(Test::Lacks(unquoted(text)))),
    (" matches ", |text| text_test(&format!("matches {text}"))),
    (" >= ", |text| number(text).map(|than| Test::Compares(Relation::AtLeast, than))),
    (" <= ", |text| number(text).map(|than| Test::Compares(Relation::AtMost, than))),
    (" > ", |text| number(text).map(|than| Test::Compares(Relation::Above, than))),
    (" < ", |text| number(text).map(|than| Test::Compares(Relation::Below, than))),
];

/// A path and what it must find. A path may hold blanks and operators of its own, in filters: so the first operator
/// before which a whole path ends is the one that counts.
fn json_test(rest: &str) -> Result<(Subject, Test), String> {
    if rest.matches("..").count() > MAX_DESCENTS {
        return Err(format!("a path may look through all that is below (..) at most {MAX_DESCENTS} times"));
    }
    if let Some(path) = rest.strip_suffix(" exists").map(str::trim)
        && JsonPath::parse(path).is_ok()
    {
        return Ok((Subject::Json(path.to_owned()), Test::Exists));
    }
    let places = rest.char_indices().filter(|(_, c)| *c == ' ').map(|(at, _)| at);
    for at in places {
        let path = rest[..at].trim();
        let operator = OPERATORS.into_iter().find(|(operator, _)| rest[at..].starts_with(operator));
        if let Some((operator, make)) = operator
            && JsonPath::parse(path).is_ok()
        {
            let text = rest[at + operator.len()..].trim();
            if text.is_empty() {
                break;
            }
            return Ok((Subject::Json(path.to_owned()), make(text)?));
        }
    }
    Err("write a JSONPath and what is there, like: json $.status is ok, json $.count >= 3, or json $.id exists"
        .to_owned())
}

/// A value of JSON; what is none is a text.
fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

fn number(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| format!("`{}` is not a number", excerpt(text, TOLD)))
}

/// A text in quotes, as JSON writes them, may begin or end with blanks.
fn unquoted(text: &str) -> String {
    match serde_json::from_str(text) {
        Ok(Value::String(text)) => text,
        _ => text.to_owned(),
    }
}

fn first_line(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
        other => other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().collect::<Vec<_>>().join("\n"))
    }
}

impl Serialize for Expect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.lines())
    }
}

impl<'de> Deserialize<'de> for Expect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let lines = Vec::<String>::deserialize(deserializer)?;
        Self::read(lines.iter().map(String::as_str)).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unmet(condition: &str, body: &str) -> Option<String> {
        let headers = [("content-type", "application/json"), ("x-count", "3")];
        let headers = headers.map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        let headers = HeaderMap::from_iter(headers);
        let took = Duration::from_millis(1_500);
        let answered = Answered { body: body.as_bytes(), whole: true, headers: &headers, took };
        Expect::read(condition.lines()).expect(condition).unmet(answered)
    }

    #[test]
    fn an_answer_meets_what_it_says() {
        let body =
            r#"{"status": "ok", "count": 3, "items": [{"price": 5, "id": "a b"}, {"price": 9, "id": "c is d"}]}"#;
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
            ("body contains paid", "it does not"),
            ("body lacks error", "it does not"),
            ("body matches ^ok", "it does not"),
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
        assert_eq!(both, Some("expected: body contains 7; it does not".into()));
    }

    #[test]
    fn of_a_long_answer_the_beginning_is_read() {
        let answered = Answered { body: b"{\"a\"", whole: false, headers: &HeaderMap::new(), took: Duration::ZERO };
        let unmet = |line: &str| Expect::read(std::iter::once(line)).unwrap().unmet(answered);
        assert_eq!(unmet("body contains a"), None);
        assert!(unmet("body contains b").unwrap().ends_with("it does not (in the beginning that was read)"));
        assert!(unmet("json $.a exists").unwrap().ends_with("the answer is too long to be read whole"));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let fault = |line: &str| Expect::read(line.lines()).map(drop).map_err(|fault| (fault.code, fault.detail));
        for (line, code, detail) in [
            ("says ok", "unknown_condition", "begins with body, header, json or took"),
            ("body", "unknown_test", "there are contains, lacks, matches"),
            ("body has paid", "unknown_test", "there are contains, lacks, matches"),
            ("body contains", "unknown_test", "say what it contains"),
            ("body matches (", "unknown_test", "it is no regular expression: unclosed group"),
            ("body matches \\w{999}{999}", "unknown_test", "it is no regular expression"),
            ("header", "unknown_test", "name the header"),
            ("header a:b is c", "unknown_test", "name the header"),
            ("json status is ok", "unknown_test", "write a JSONPath"),
            ("json $.count > many", "unknown_test", "`many` is not a number"),
            ("json $.count is", "unknown_test", "write a JSONPath"),
            ("json $..a..b..c exists", "unknown_test", "at most 2 times"),
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
}
