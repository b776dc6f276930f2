//! The query of a URL.

use axum::extract::{FromRequestParts, RawPathParams};
use http::HeaderMap;
use http::request::Parts;
use naptime_core::{Invalid, JobId, Rev, Spec};
use serde_json::Value;
use url::form_urlencoded;

use super::problem::Problem;
use crate::kit::PageError;
use crate::kit::format::excerpt;

/// The most bytes to search for. No URL is longer, and MongoDB answers much longer patterns with an error.
const LONGEST: usize = 2_048;
/// The most words to search for: each of them is looked for in all that is listed.
const MOST_WORDS: usize = 20;

/// The parameters of a query.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(query: Option<&str>) -> Self {
        Self(form_urlencoded::parse(query.unwrap_or("").as_bytes()).into_owned().collect())
    }

    /// The value of a parameter; none if it is not there or empty, as a form sends what was left blank.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// All values of a parameter, in their order.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The ids of what was picked in a list.
    pub(crate) fn ids(&self) -> Result<Vec<JobId>, Invalid> {
        let not_an_id = |_| Invalid::new("id", "not_an_id", "an id is not a UUID");
        self.all("id").map(|id| id.parse().map_err(not_an_id)).collect()
    }

    /// Checks that every parameter is known and there once.
    pub(crate) fn check(&self, known: &[&'static str]) -> Result<(), Invalid> {
        let mut seen = Vec::new();
        for (key, _) in &self.0 {
            let shown = excerpt(key, 60);
            let Some(name) = known.iter().find(|name| *name == key) else {
                let there = if known.is_empty() { " none".to_owned() } else { format!(": {}", known.join(", ")) };
                let detail = format!("`{shown}` is not a parameter here; there are{there}");
                return Err(Invalid::new(shown, "unknown_parameter", detail));
            };
            if seen.contains(name) {
                return Err(Invalid::new(*name, "duplicate_parameter", format!("`{name}` is there twice")));
            }
            seen.push(*name);
        }
        Ok(())
    }

    /// What a list is filtered by.
    pub(crate) fn filter(&self, name: &'static str) -> Result<Option<&str>, Invalid> {
        let text = self.get(name);
        if text.is_some_and(|text| text.len() > LONGEST) {
            return Err(Invalid::new(name, "too_long", format!("`{name}` may be up to 2,048 bytes long")));
        }
        if name == "q" && text.is_some_and(|text| text.split_whitespace().count() > MOST_WORDS) {
            return Err(Invalid::new(name, "too_many_words", format!("`{name}` may have up to {MOST_WORDS} words")));
        }
        Ok(text)
    }

    /// A parameter that says yes or no.
    pub(crate) fn flag(&self, name: &'static str) -> Result<Option<bool>, Invalid> {
        match self.get(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(Invalid::new(name, "wrong_type", format!("`{name}` must be true or false"))),
        }
    }

    /// The size of a page.
    pub(crate) fn limit(&self, default: usize, most: usize) -> Result<usize, Invalid> {
        let Some(text) = self.get("limit") else { return Ok(default) };
        match text.parse() {
            Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
            _ => Err(Invalid::new("limit", "out_of_range", format!("the limit may be from 1 to {most}"))),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::parse(parts.uri.query()))
    }
}

/// The id in the path of an API request.
pub(crate) struct ApiId(pub(crate) JobId);

/// The id in the path of a page.
pub(crate) struct PageId(pub(crate) JobId);

async fn id_of<S: Send + Sync>(parts: &mut Parts, state: &S) -> Option<JobId> {
    let params = <RawPathParams as FromRequestParts<S>>::from_request_parts(parts, state).await.ok()?;
    params.iter().find(|(name, _)| *name == "id").and_then(|(_, value)| value.parse().ok())
}

impl<S: Send + Sync> FromRequestParts<S> for ApiId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id = id_of(parts, state).await;
        id.map(Self).ok_or_else(|| Problem::bad_request("id", "not_an_id", "the id is not a UUID"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PageId {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, PageError> {
        id_of(parts, state).await.map(Self).ok_or_else(PageError::no_endpoint)
    }
}

/// The key of an endpoint in the path of an API request.
pub(crate) struct ApiKey(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for ApiKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = <RawPathParams as FromRequestParts<S>>::from_request_parts(parts, state).await.ok();
        let key = params.iter().flatten().find(|(name, _)| *name == "key").map(|(_, key)| key.to_owned());
        let not_utf8 = || Problem::bad_request("key", "not_utf8", "the key is not UTF-8");
        let key = key.ok_or_else(not_utf8)?;
        Spec::check_key(&key)?;
        Ok(Self(key))
    }
}

/// What an `Idempotency-Key` header says: the key of what is sent.
pub(crate) struct IdempotencyKey(Option<String>);

/// The header, as faults name it.
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

impl IdempotencyKey {
    /// Says it as the `key` of what was sent, which may say the same itself.
    pub(crate) fn put(&self, sent: &mut Value) -> Result<(), Problem> {
        self.0.as_ref().map_or(Ok(()), |key| put_key(sent, key, "that of `Idempotency-Key`"))
    }

    /// Checks that there is none, where each of many has a key of its own.
    pub(crate) fn check_none(&self) -> Result<(), Problem> {
        match self.0 {
            None => Ok(()),
            Some(_) => {
                let detail = "it is the key of one job; of many, say it as the `key` of each";
                Err(Problem::bad_request(IDEMPOTENCY_KEY, "conflict", detail))
            }
        }
    }

    /// The key.
    pub(crate) fn key(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
        let Some(value) = values.next() else { return Ok(Self(None)) };
        if values.next().is_some() {
            return Err(Problem::bad_request(IDEMPOTENCY_KEY, "duplicate_parameter", "the header is there twice"));
        }
        let not_utf8 = |_| Problem::bad_request(IDEMPOTENCY_KEY, "not_utf8", "the header is not UTF-8");
        let text = std::str::from_utf8(value.as_bytes()).map_err(not_utf8)?.trim();
        // The draft of the standard writes it in quotes; most programs do not.
        let key = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        Spec::check_key(key).map_err(|fault| Invalid { field: IDEMPOTENCY_KEY.into(), ..fault })?;
        Ok(Self(Some(key.to_owned())))
    }
}

/// Says the `key` of what was sent. What is sent may say it too, if it is the same: `whose` names where it is said.
pub(crate) fn put_key(sent: &mut Value, key: &str, whose: &str) -> Result<(), Problem> {
    let Value::Object(fields) = sent else { return Ok(()) };
    match fields.insert("key".to_owned(), key.into()) {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(said)) if said == key => Ok(()),
        Some(Value::String(_)) => {
            let detail = format!("`key` is not {whose}, {}", excerpt(key, 60));
            Err(Problem::invalid(vec![Invalid::new("key", "conflict", detail)]))
        }
        Some(other) => {
            // The reader says what it must be.
            fields.insert("key".to_owned(), other);
            Ok(())
        }
    }
}

/// The revision that an `If-Match` header expects; none if there is no such header or any revision will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IfMatch(pub(crate) Option<Rev>);

impl IfMatch {
    fn parse(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut values = headers.get_all(http::header::IF_MATCH).iter();
        let Some(value) = values.next() else { return Ok(Self(None)) };
        let text = value.to_str().unwrap_or("").trim();
        if text == "*" && values.next().is_none() {
            return Ok(Self(None));
        }
        // A proxy that compresses makes a tag weak; the revision in it is the same.
        let tag = text.strip_prefix("W/").unwrap_or(text);
        let inner = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let digits = inner.filter(|inner| inner.bytes().all(|byte| byte.is_ascii_digit()));
        match digits.and_then(|digits| digits.parse().ok()) {
            Some(rev) if values.next().is_none() => Ok(Self(Some(Rev(rev)))),
            _ => {
                Err(Problem::bad_request("If-Match", "bad_if_match", "If-Match must be the ETag of the endpoint, or *"))
            }
        }
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::parse(&parts.headers)
    }
}

/// Whether an `If-None-Match` header expects that nothing is there. Other values than `*` are for reading.
pub(crate) struct IfNoneMatch(pub(crate) bool);

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match parts.headers.get(http::header::IF_NONE_MATCH) {
            None => Ok(Self(false)),
            Some(value) if value == "*" => Ok(Self(true)),
            Some(_) => {
                let detail = "If-None-Match may be * only: whatever is there, it must not be replaced";
                Err(Problem::bad_request("If-None-Match", "bad_if_none_match", detail))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check(value: &str, expect: Result<Option<i64>, ()>) {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::IF_MATCH, HeaderValue::from_str(value).unwrap());
        let read = IfMatch::parse(&headers).map(|found| found.0.map(|rev| rev.0)).map_err(|_| ());
        assert_eq!(read, expect, "{value:?}");
    }

    #[test]
    fn if_match_is_a_revision() {
        check("\"3\"", Ok(Some(3)));
        check("W/\"3\"", Ok(Some(3)));
        check("*", Ok(None));
        for bad in ["", "3", "\"\"", "\"abc\"", "\"-1\"", "\"1\", \"2\"", "\"99999999999999999999\"", "\"3"] {
            check(bad, Err(()));
        }
    }

    #[test]
    fn unknown_and_doubled_parameters_are_named() {
        let fault = |query: &str| Query::parse(Some(query)).check(&["q", "limit"]).err().map(|f| (f.field, f.code));
        assert_eq!(fault("q=a&limit=1"), None);
        assert_eq!(fault("q=a&qq=1"), Some(("qq".into(), "unknown_parameter")));
        assert_eq!(fault("q=a&q=b"), Some(("q".into(), "duplicate_parameter")));
        let none = Query::parse(Some("x=1")).check(&[]).unwrap_err();
        assert_eq!(none.detail, "`x` is not a parameter here; there are none");
    }

    #[test]
    fn filters_are_no_longer_than_a_url() {
        let code = |bytes| Query::parse(Some(&format!("q={}", "a".repeat(bytes)))).filter("q").err().map(|f| f.code);
        assert_eq!(code(LONGEST), None);
        assert_eq!(code(LONGEST + 1), Some("too_long"));
    }
}
