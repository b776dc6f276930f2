//! How an endpoint is called: method, headers, body, timeout.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use http::uri::Authority;
use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Endpoint, Invalid, SigningKeys};

/// The longest body that is sent, in bytes.
pub const MAX_BODY: usize = 256 * 1024;
/// The most headers of one's own.
pub const MAX_HEADERS: usize = 50;
/// The most bytes of all names and values together.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;
/// The shortest timeout.
pub const MIN_TIMEOUT: Duration = Duration::from_millis(1);
/// The longest timeout, unless the pool allows longer ones.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(300);
/// The longest timeout that a pool may allow.
pub const MAX_POOL_TIMEOUT: Duration = Duration::from_secs(3600);
/// The timeout of a recurring job that names none.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Headers of one's own, beside those Naptime sends.
    pub headers: Headers,
    /// The body, at most [`MAX_BODY`] bytes.
    pub body: Option<String>,
    /// The longest a call may take, from the connection to the last byte of the answer.
    #[serde(with = "crate::duration::text")]
    pub timeout: Duration,
    /// Whether the body and all values of the query are shown no more than credentials are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
    /// Whether the path of its URL is a credential, as that of a webhook is to which alerts go.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret_path: bool,
    /// The keys that it is signed with.
    #[serde(default, skip_serializing_if = "SigningKeys::is_empty")]
    pub sign: SigningKeys,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            method: Method::Get,
            headers: Headers::default(),
            body: None,
            timeout: DEFAULT_TIMEOUT,
            secret: false,
            secret_path: false,
            sign: SigningKeys::default(),
        }
    }
}

impl Request {
    /// The bytes that holding this request takes: headers and body. The byte budget of a worker counts them.
    pub fn size(&self) -> usize {
        self.headers.size() + self.body.as_ref().map_or(0, String::len)
    }

    /// The URL that this goes to, as it is shown: not to be called.
    pub fn shown(&self, endpoint: &Endpoint) -> Endpoint {
        if self.secret_path { endpoint.bare() } else { endpoint.masked(self.secret) }
    }

    /// Checks a body.
    ///
    /// # Errors
    /// At `body`, if it is too long.
    pub fn check_body(body: &str) -> Result<(), Invalid> {
        if body.len() > MAX_BODY {
            return Err(Invalid::new("body", "too_long", "the body is longer than 256 KiB"));
        }
        Ok(())
    }
}

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs)] // They are the words of RFC 9110.
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

impl Method {
    /// All of them, in the order in which a form offers them.
    pub const ALL: [Method; 7] =
        [Self::Get, Self::Post, Self::Put, Self::Patch, Self::Delete, Self::Head, Self::Options];

    /// The method as it is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Method {
    type Err = Invalid;

    /// Reads a method in upper or lower case.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|method| method.as_str().eq_ignore_ascii_case(text.trim())).ok_or_else(|| {
            let text = excerpt(text, 40);
            let detail = format!("`{text}` is not a method; it may be GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS");
            Invalid::new("method", "unknown_method", detail)
        })
    }
}

/// Headers of one's own, checked: names and values that can be sent, none that Naptime or the connection owns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(String, String)>")]
pub struct Headers(Vec<(String, String)>);

/// Headers that belong to the connection or to Naptime, so that setting them would break or forge a call.
const RESERVED: [&str; 11] = [
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "proxy-connection",
    "idempotency-key",
    "naptime-due",
];

impl Headers {
    /// Checks a list of headers.
    ///
    /// # Errors
    /// At `headers`, naming the header.
    pub fn new(list: Vec<(String, String)>) -> Result<Self, Invalid> {
        let invalid = |code, detail: String| Err(Invalid::new("headers", code, detail));
        if list.len() > MAX_HEADERS {
            return invalid("too_many", format!("there are more than {MAX_HEADERS} headers"));
        }
        let mut hosts = 0;
        for (name, value) in &list {
            let shown = excerpt(name, 60);
            if HeaderName::from_bytes(name.as_bytes()).is_err() {
                return invalid("bad_name", format!("`{shown}` is not a header name"));
            }
            if HeaderValue::from_str(value).is_err() {
                return invalid("bad_value", format!("the value of {shown} holds characters that cannot be sent"));
            }
            if name.eq_ignore_ascii_case("host") {
                hosts += 1;
                if hosts > 1 || !is_host(value) {
                    let detail =
                        "Host may be given once, as the name of a host, with or without a port: example.com:8080";
                    return invalid("bad_host", detail.to_owned());
                }
            }
            if RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
                return invalid("reserved", format!("{shown} is set by Naptime and cannot be overridden"));
            }
        }
        let headers = Self(list);
        if headers.size() > MAX_HEADER_BYTES {
            return invalid("too_long", "the headers are longer than 16 KiB together".to_owned());
        }
        Ok(headers)
    }

    /// Splits headers as a form has them, `Name: value` on each line, into names and values, for [`Headers::new`].
    ///
    /// # Errors
    /// At `headers`, naming a line without a colon.
    pub fn split_lines(text: &str) -> Result<Vec<(String, String)>, Invalid> {
        let lines = text.split('\n').map(|line| line.trim_matches([' ', '\t', '\r'])).filter(|line| !line.is_empty());
        let split = |line: &str| match line.split_once(':') {
            Some((name, value)) => Ok((name.trim_end().to_owned(), value.trim_start().to_owned())),
            None => Err(Invalid::new(
                "headers",
                "bad_line",
                format!("`{}` is not a header; write it like Accept: text/plain", excerpt(line, 60)),
            )),
        };
        lines.map(split).collect()
    }

    /// Name and value of each header, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// These, and those of `defaults` whose names are not among them.
    pub fn with_defaults(&self, defaults: &Headers) -> Headers {
        let own = |name: &str| self.0.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        let missing = defaults.0.iter().filter(|(name, _)| !own(name));
        Self(self.0.iter().chain(missing).cloned().collect())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn size(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len()).sum()
    }
}

/// Whether a `Host` can be this: a host and maybe a port, without a user. A comma is how some programs join two.
pub fn is_host(value: &str) -> bool {
    // What `Authority` takes beyond that: a user, several hosts, and a port that is none.
    value.parse::<Authority>().is_ok_and(|host| {
        let has_port =
            value.ends_with(']') || !value[host.host().len()..].starts_with(':') || host.port_u16().is_some();
        host.as_str() == value && !host.host().is_empty() && has_port
    }) && !value.contains(['@', ','])
}

impl TryFrom<Vec<(String, String)>> for Headers {
    type Error = Invalid;
    fn try_from(list: Vec<(String, String)>) -> Result<Self, Invalid> {
        Self::new(list)
    }
}

/// The first `max` characters of what somebody sent, for quoting in a message: control characters shown as escapes.
pub(crate) fn excerpt(text: &str, max: usize) -> String {
    let shown: String = text
        .chars()
        .take(max)
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect();
    if text.chars().nth(max).is_some() { shown + "…" } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(list: &[(&str, &str)], expect: Option<&str>) {
        let list = list.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        assert_eq!(Headers::new(list).err().map(|e| e.code), expect);
    }

    #[test]
    fn refuses_headers_that_would_break_or_forge_a_call() {
        check(&[("X-A", "1"), ("x-a", "2")], None);
        check(&[("X-A", "1\r\nX-B: 2")], Some("bad_value"));
        check(&[("X-A\r\n", "1")], Some("bad_name"));
        check(&[("", "1")], Some("bad_name"));
        check(&[("hOST", "x")], None);
        check(&[("Host", "foobar.net:8080"), ("host", "foobar.net")], Some("bad_host"));
        for value in ["", " ", "a b", "a/b", "me@foobar.net", "http://foobar.net", ":80", "a:b", "a?b", "a,b:1"] {
            check(&[("Host", value)], Some("bad_host"));
        }
        for value in ["foobar.net", "foobar.net:8080", "[::1]:80", "127.0.0.1", "under_score"] {
            check(&[("Host", value)], None);
        }
        check(&[("Content-Length", "1")], Some("reserved"));
        check(&[("Transfer-Encoding", "chunked")], Some("reserved"));
        check(&[("Idempotency-Key", "x")], Some("reserved"));
        check(&[("X-A", "1"); 50], None);
        check(&[("X-A", "1"); 51], Some("too_many"));
        check(&[("X-A", &"x".repeat(20_000))], Some("too_long"));
    }

    #[test]
    fn a_header_of_ones_own_wins_over_the_default() {
        let headers = |text| Headers::split_lines(text).and_then(Headers::new).expect("headers");
        let own = headers("x-a: own\nX-B: own");
        let with = own.with_defaults(&headers("X-A: default\nX-C: 1\nX-C: 2"));
        assert_eq!(with, headers("x-a: own\nX-B: own\nX-C: 1\nX-C: 2"));
    }

    #[test]
    fn reads_lines_as_a_form_has_them() {
        let pairs = Headers::split_lines("Accept: text/plain\r\n\r\n X-Time : 12:30\n").expect("two headers");
        let headers = Headers::new(pairs).expect("two headers");
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("Accept", "text/plain"), ("X-Time", "12:30")]);
        assert_eq!(Headers::split_lines("Accept").err().map(|e| e.code), Some("bad_line"));
    }
}
