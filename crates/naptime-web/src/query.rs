//! The query of a URL.

use axum::extract::{FromRequestParts, RawPathParams};
use http::HeaderMap;
use http::request::Parts;
use naptime_core::{Invalid, JobId, Rev};
use url::form_urlencoded;

use crate::format::excerpt;
use crate::pages::PageError;
use crate::problem::Problem;

/// The most bytes to search for. No URL is longer, and MongoDB answers much longer patterns with an error.
const LONGEST: usize = 2_048;

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
        Ok(text)
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
