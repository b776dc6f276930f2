//! What an answer must say for its call to have ended well, beside its status.
//!
//! Conditions are written one to a line, as people say them:
//!
//! ```text
//! body contains "paid"
//! header content-type contains json
//! json $.status is ok
//! took at most 5s
//! certificate lasts 14d
//! ```

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use http::{HeaderMap, HeaderName};
use regex::RegexBuilder;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Number, Value};
use serde_json_path::JsonPath;
use utoipa::ToSchema;

use crate::request::excerpt;
use crate::secret::shown_header;
use crate::{Invalid, duration};

/// The most conditions of one job.
pub const MAX_CONDITIONS: usize = 10;
/// The longest condition, in characters.
pub const MAX_CONDITION: usize = 500;
/// The most memory that a regular expression may take, in bytes. It bounds the time to build it, and to look for it.
const MAX_REGEX: usize = 256 * 1024;
/// What multiplies the work of a path, each with how often it may be there: to look through all that is below, filters, and
/// several selectors side by side.
const MULTIPLIERS: [(&str, usize); 4] = [("..", 2), ("?", 3), (",", 3), ("$", 1)];
/// The functions of JSONPath, which are not taken: some look through all for each of all.
const FUNCTIONS: [&str; 5] = ["count(", "length(", "match(", "search(", "value("];
/// How much of what was found is told, in characters.
const TOLD: usize = 60;

/// Conditions, all of which an answer must meet.
#[derive(Clone, Debug, Default, PartialEq, Eq, ToSchema)]
#[schema(value_type = Vec<String>)]
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
    Certificate,
}

/// What it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Contains(String),
    Lacks(String),
    Matches(String),
    Exists,
    Is(Value),
    IsNot(Value),
    Compares(Relation, Number),
    AtMost(Duration),
    Lasts(Duration),
}

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
    /// How its body is compressed, if it is: nobody asked for that, and no body is inflated.
    pub encoding: Option<&'a str>,
    /// How long the call took, to the end of the answer.
    pub took: Duration,
    /// How long the target's certificate is still valid; none where there is none.
    pub certificate: Option<Duration>,
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
            Subject::Certificate => match (&self.test, answered.certificate) {
                (Test::Lasts(least), Some(left)) if left < *least => {
                    Some(format!("it ends in {}", duration::show(Duration::from_secs(left.as_secs()))))
                }
                (_, Some(_)) => None,
                (_, None) => Some("there is none".to_owned()),
            },
            Subject::Body => self.found_in_body(answered),
            Subject::Header(name) => {
                let mut values = answered.headers.get_all(name).iter().peekable();
                if values.peek().is_none() {
                    let is_met = matches!(self.test, Test::Lacks(_) | Test::IsNot(_));
                    return (!is_met).then(|| "there is none".to_owned());
                }
                let test = Prepared::of(&self.test);
                let mut texts = values.map(|value| String::from_utf8_lossy(value.as_bytes()));
                let bad = texts.find(|value| !test.holds(value))?;
                Some(format!("it is {}", excerpt(&shown_header(name.as_str(), &bad), TOLD)))
            }
            Subject::Json(path) => self.found_in_json(path, answered),
        }
    }

    fn found_in_body(&self, answered: Answered<'_>) -> Option<String> {
        if let Some(why) = answered.unreadable() {
            return Some(why);
        }
        let body = String::from_utf8_lossy(answered.body);
        let is_met = Prepared::of(&self.test).holds(&body);
        let found = match &self.test {
            // What was not read may have it.
            Test::Lacks(_) if is_met && !answered.whole => return Some(TOO_LONG.to_owned()),
            _ if is_met => return None,
            Test::Contains(_) => "it is not in the body".to_owned(),
            Test::Lacks(_) => "it is in the body".to_owned(),
            Test::Matches(_) => "the body does not match".to_owned(),
            _ => format!("the body is {}", excerpt(body.trim(), TOLD)),
        };
        Some(if answered.whole { found } else { format!("{found} as far as it was read") })
    }

    fn found_in_json(&self, path: &str, answered: Answered<'_>) -> Option<String> {
        // It was parsed as it was read.
        let path = JsonPath::parse(path).ok()?;
        if let Some(why) = answered.unreadable() {
            return Some(why);
        }
        if !answered.whole {
            return Some(TOO_LONG.to_owned());
        }
        let bytes = answered.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(answered.body);
        let Ok(body) = serde_json::from_slice::<Value>(bytes) else {
            return Some("the answer is no JSON".to_owned());
        };
        let nodes = path.query(&body);
        if nodes.is_empty() {
            return Some("there is nothing there".to_owned());
        }
        let test = Prepared::of(&self.test);
        let bad = nodes.iter().find(|node| !test.holds_of(node))?;
        Some(format!("it is {}", excerpt(&bad.to_string(), TOLD)))
    }
}

const TOO_LONG: &str = "the answer is too long to be read whole";

impl Answered<'_> {
    /// Why its body cannot be looked at, if it cannot.
    fn unreadable(&self) -> Option<String> {
        let encoding = self.encoding.filter(|_| !self.body.is_empty())?;
        Some(format!("the body is encoded as {}", excerpt(encoding, TOLD)))
    }
}

/// A test, ready for many texts.
struct Prepared<'a> {
    test: &'a Test,
    regex: Option<regex::Regex>,
}

impl<'a> Prepared<'a> {
    fn of(test: &'a Test) -> Self {
        // It was built before, as the condition was read.
        let regex = if let Test::Matches(pattern) = test { regex(pattern).ok() } else { None };
        Self { test, regex }
    }

    /// Whether a text is as wanted.
    fn holds(&self, text: &str) -> bool {
        match self.test {
            Test::Contains(part) => text.contains(part.as_str()),
            Test::Lacks(part) => !text.contains(part.as_str()),
            Test::Matches(_) => self.regex.as_ref().is_some_and(|regex| regex.is_match(text)),
            Test::Is(value) => word(value) == text.trim(),
            Test::IsNot(value) => word(value) != text.trim(),
            // Only of what JSON holds, and of times.
            Test::Exists | Test::Compares(..) | Test::AtMost(_) | Test::Lasts(_) => true,
        }
    }

    /// Whether a value is as wanted.
    fn holds_of(&self, value: &Value) -> bool {
        match self.test {
            Test::Is(wanted) => is_same(value, wanted),
            Test::IsNot(wanted) => !is_same(value, wanted),
            Test::Compares(relation, than) => {
                let order = if let Value::Number(number) = value { compare(number, than) } else { None };
                order.is_some_and(|order| relation.holds(order))
            }
            Test::Exists => true,
            _ => self.holds(&word(value)),
        }
    }
}

impl Relation {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Above => order.is_gt(),
            Self::AtLeast => order.is_ge(),
            Self::Below => order.is_lt(),
            Self::AtMost => order.is_le(),
        }
    }
}

/// Whole numbers are compared exactly, others as fractions.
fn compare(one: &Number, other: &Number) -> Option<Ordering> {
    let whole = |number: &Number| number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
    match (whole(one), whole(other)) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

/// Numbers are the same however they are written.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => compare(one, other) == Some(Ordering::Equal),
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
                let words: Vec<&str> = rest.split_whitespace().collect();
                let most = match words.as_slice() {
                    ["at", "most", most @ ..] => most.join(" "),
                    _ => return Err(fault("unknown_test", "write: took at most 5s")),
                };
                let most = duration::parse("expect", &most).map_err(|why| fault("not_a_duration", &why.detail))?;
                if most.is_zero() {
                    return Err(fault("out_of_range", "no call takes no time"));
                }
                (Subject::Took, Test::AtMost(most))
            }
            "certificate" => {
                let Some(least) = rest.strip_prefix("lasts ") else {
                    return Err(fault("unknown_test", "write: certificate lasts 14d"));
                };
                let least = duration::parse("expect", least).map_err(|why| fault("not_a_duration", &why.detail))?;
                (Subject::Certificate, Test::Lasts(least))
            }
            _ => {
                let detail =
                    "a condition begins with body, header, json, took or certificate, like: body contains paid";
                return Err(fault("unknown_condition", detail));
            }
        };
        Ok(Self { text: line.to_owned(), of, test })
    }
}

/// What a text must be.
fn text_test(rest: &str) -> Result<Test, String> {
    let (verb, text) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let (verb, text) = (verb.to_ascii_lowercase(), text.trim());
    let part = |text: &str| match unquoted(text) {
        part if text.is_empty() || (part.is_empty() && verb != "is") => {
            Err(format!("say what it {verb}, like: {verb} paid"))
        }
        part => Ok(part),
    };
    match verb.as_str() {
        "contains" => Ok(Test::Contains(part(text)?)),
        "lacks" => Ok(Test::Lacks(part(text)?)),
        "matches" => {
            let pattern = part(text)?;
            regex(&pattern).map_err(|why| format!("it is no regular expression: {}", first_line(&why)))?;
            Ok(Test::Matches(pattern))
        }
        "is" => {
            match text.strip_prefix("not").filter(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace)) {
                Some(rest) => Ok(Test::IsNot(Value::String(part(rest.trim())?))),
                None => Ok(Test::Is(Value::String(part(text)?))),
            }
        }
        "" => Err("say what it contains, lacks, matches, is or is not".to_owned()),
        verb => Err(format!("`{}` is no test; there are contains, lacks, matches, is and is not", excerpt(verb, TOLD))),
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
    if let Some(path) = rest.strip_suffix(" exists").map(str::trim)
        && JsonPath::parse(path).is_ok()
    {
        return Ok((subject(path)?, Test::Exists));
    }
    let places = || rest.char_indices().filter(|(_, c)| *c == ' ').map(|(at, _)| at);
    let operator_at = |at: usize| OPERATORS.into_iter().find(|(operator, _)| rest[at..].starts_with(operator));
    for at in places() {
        let path = rest[..at].trim();
        if let Some((operator, make)) = operator_at(at)
            && JsonPath::parse(path).is_ok()
        {
            let text = rest[at + operator.len()..].trim();
            return Ok((subject(path)?, make(text)?));
        }
    }
    let path = places().find(|at| operator_at(*at).is_some()).map_or(rest, |at| &rest[..at]).trim();
    match JsonPath::parse(path) {
        Err(why) if path.starts_with('$') => {
            Err(format!("`{}` is no JSONPath: {why}; behind one stands {TESTS}", excerpt(path, TOLD)))
        }
        _ => Err(format!("write a JSONPath and what it finds, like json $.status is ok; behind it stands {TESTS}")),
    }
}

const TESTS: &str = "exists, is, is not, contains, lacks, matches, >, >=, < or <=";

/// What a path finds, if to look for it is not too much work.
fn subject(path: &str) -> Result<Subject, String> {
    if let Some(function) = FUNCTIONS.into_iter().find(|function| path.contains(function)) {
        return Err(format!("functions are not taken in paths, such as {function}...)"));
    }
    match MULTIPLIERS.into_iter().find(|(part, most)| path.matches(part).count() > *most) {
        Some((part, most)) => Err(format!("a path may have `{part}` {most} times at most")),
        None => Ok(Subject::Json(path.to_owned())),
    }
}

/// A value of JSON; what is none is a text.
fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

fn number(text: &str) -> Result<Number, String> {
    serde_json::from_str(text).map_err(|_| format!("`{}` is not a number", excerpt(text, TOLD)))
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
