//! Where a call goes: pool + channel = endpoint.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::{Host, Url};

use crate::{Invalid, secret};

/// The longest URL, in bytes.
pub const MAX_URL: usize = 2048;
/// The longest name of a handler, in bytes: that of a label of a host.
const MAX_HANDLER: usize = 63;
/// What the pools of handlers begin with.
const HANDLERS: &str = "job://";
const CALLABLE_SCHEMES: &str = "only http:// and https:// URLs can be called, and handlers by job://";

/// Scheme + host [+ port]: `https://foobar.net`. The port is left out where it is the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pool(String);

/// Path and query under a pool, with its leading `/`: `/cohort-new.json?day=1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel(String);

/// The URL that is called: pool + channel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    pool: Pool,
    channel: Channel,
}

impl Pool {
    /// The pool as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Channel {
    /// The channel as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Endpoint {
    /// Reads a URL: `http` or `https`, with a host, without user and password, at most [`MAX_URL`] bytes. Or `job`, with the
    /// name of a handler in the worker's own process: `job://report/daily?from=1`. Or, for an alert, a mail server and an
    /// address there: `smtp://mail.example.com/ops@example.com`, which input refuses.
    ///
    /// It is normalised as browsers do: the host in lower case and punycode, `127.1` as `127.0.0.1`. A fragment is
    /// dropped, since it never leaves the client.
    ///
    /// # Errors
    /// At `url`, if it is none of that.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let invalid = |code, detail: &str| Err(Invalid::new("url", code, detail));
        let text = text.trim_matches(' ');
        if text.is_empty() {
            return invalid("empty", "the URL is missing; it looks like https://example.com/path");
        }
        if text.len() > MAX_URL {
            return invalid("too_long", "the URL is longer than 2,048 bytes");
        }
        // The URL standard drops tabs and newlines silently; a URL that holds any was mistyped.
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return invalid(
                "bad_character",
                "the URL holds a space or a control character; write them as %20 and so on",
            );
        }
        if secret::has_mask(text) {
            return invalid(
                "masked",
                "the URL holds ••••, which stands for a value that is not shown; write the value out",
            );
        }
        let Some((scheme, rest)) = text.split_once(':') else {
            return invalid("no_scheme", "the URL has no scheme; it starts with http:// or https://");
        };
        if is_mail_scheme(scheme) {
            return mail(text);
        }
        if scheme.eq_ignore_ascii_case("job") {
            return of_handler(text);
        }
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            // `foobar.net:8080/x` has no scheme either, though a parser takes the host for one.
            return if scheme.contains('.') || rest.starts_with(|c: char| c.is_ascii_digit()) {
                invalid("no_scheme", "the URL has no scheme; it starts with http:// or https://")
            } else {
                invalid("bad_scheme", CALLABLE_SCHEMES)
            };
        }
        if !rest.starts_with("//") {
            return invalid("no_host", "the URL has no host; it looks like https://example.com/path");
        }
        let mut url = Url::parse(text)
            .map_err(|error| Invalid::new("url", code_of(error), format!("the URL cannot be read: {error}")))?;
        if !url.username().is_empty() || url.password().is_some() || authority(rest).contains('@') {
            return invalid("userinfo", "the URL holds a user or password; send an Authorization header instead");
        }
        if url.port() == Some(0) {
            return invalid("bad_port", "the port is 0; it may be from 1 to 65535");
        }
        url.set_fragment(None);
        let pool = url.origin().ascii_serialization();
        // The URL standard allows hosts that no HTTP client can send, such as "`".
        if pool.parse::<http::Uri>().is_err() {
            return invalid("bad_host", "the host holds characters that cannot be sent");
        }
        let channel = url[url::Position::BeforePath..].to_owned();
        if pool.len() + channel.len() > MAX_URL {
            return invalid("too_long", "the URL is longer than 2,048 bytes once it is encoded");
        }
        Ok(Self { pool: Pool(pool), channel: Channel(channel) })
    }

    /// Reads a URL as people give it, of what is called by HTTP alone.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and if it is that of a mail server or of a handler.
    pub fn parse_http(text: &str) -> Result<Self, Invalid> {
        let endpoint = Self::parse(text)?;
        if endpoint.is_http() {
            Ok(endpoint)
        } else {
            Err(Invalid::new("url", "bad_scheme", "only http:// and https:// URLs can be used here"))
        }
    }

    /// Reads a URL as people give it, of what is called by HTTP or is a handler.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and if it is that of a mail server.
    pub fn parse_callable(text: &str) -> Result<Self, Invalid> {
        let endpoint = Self::parse(text)?;
        if endpoint.is_mail() { Err(Invalid::new("url", "bad_scheme", CALLABLE_SCHEMES)) } else { Ok(endpoint) }
    }

    /// The pool it belongs to.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The channel under the pool.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Whether it is called by HTTP.
    pub fn is_http(&self) -> bool {
        !self.is_mail() && self.handler().is_none()
    }

    /// The name of the handler that is called, if that is in the worker's own process.
    pub fn handler(&self) -> Option<&str> {
        self.pool.0.strip_prefix(HANDLERS)
    }

    /// Whether it is an address of a mail server, and not one that is called by HTTP.
    pub fn is_mail(&self) -> bool {
        self.pool.0.split_once(':').is_some_and(|(scheme, _)| is_mail_scheme(scheme))
    }

    /// The endpoint as it is shown if its whole path is a credential. It is not to be called.
    pub fn bare(&self) -> Self {
        Self { pool: self.pool.clone(), channel: Channel(format!("/{}", secret::MASK)) }
    }

    /// The endpoint as it is shown, with a mask in place of the credentials in its query, or of `all` values in it. It is
    /// not to be called.
    pub fn masked(&self, all: bool) -> Self {
        Self { pool: self.pool.clone(), channel: Channel(secret::mask_url(&self.channel.0, all)) }
    }

    /// The address, if the host is one and not a name.
    pub fn literal_ip(&self) -> Option<IpAddr> {
        match Url::parse(self.pool.as_str()).ok()?.host()? {
            Host::Domain(_) => None,
            Host::Ipv4(ip) => Some(ip.into()),
            Host::Ipv6(ip) => Some(ip.into()),
        }
    }

    /// Whether the host is a name of this machine itself (RFC 6761).
    pub fn is_localhost(&self) -> bool {
        let host = Url::parse(self.pool.as_str())
            .ok()
            .and_then(|url| url.host_str().map(|host| host.trim_end_matches('.').to_owned()));
        host.is_some_and(|host| host == "localhost" || host.ends_with(".localhost"))
    }
}

fn is_mail_scheme(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("smtp") || scheme.eq_ignore_ascii_case("smtps")
}

/// Reads a mail server, and an address there.
fn mail(text: &str) -> Result<Endpoint, Invalid> {
    let invalid = || Invalid::new("url", "bad_host", "a mail server looks like smtp://mail.example.com:587");
    let url = Url::parse(text).map_err(|_| invalid())?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(invalid)?;
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(invalid());
    }
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let pool = Pool(format!("{}://{}{port}", url.scheme(), host.to_ascii_lowercase()));
    let path = if url.path().is_empty() { "/" } else { url.path() };
    if pool.0.parse::<http::Uri>().is_err() {
        return Err(invalid());
    }
    Ok(Endpoint { pool, channel: Channel(path.to_owned()) })
}

/// Reads the name of a handler, and what it is told behind that.
fn of_handler(text: &str) -> Result<Endpoint, Invalid> {
    let invalid = |code, detail: &str| Err(Invalid::new("url", code, detail));
    let shape = "a handler's URL looks like job://name, with up to 63 letters, digits, `-`, `_` and `.` in the name";
    let Ok(mut url) = Url::parse(text) else { return invalid("bad_host", shape) };
    // A name of dots would be another path in the address of its pool's page.
    let is_plain = |name: &str| {
        name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) && name.bytes().any(|b| b != b'.')
    };
    let name = url.host_str().filter(|name| (1..=MAX_HANDLER).contains(&name.len()) && is_plain(name));
    let Some(name) = name.map(str::to_ascii_lowercase) else { return invalid("bad_host", shape) };
    if !url.username().is_empty() || url.password().is_some() || url.port().is_some() {
        return invalid("bad_host", shape);
    }
    url.set_fragment(None);
    let channel = &url[url::Position::BeforePath..];
    let channel = if channel.starts_with('/') { channel.to_owned() } else { format!("/{channel}") };
    if HANDLERS.len() + name.len() + channel.len() > MAX_URL {
        return invalid("too_long", "the URL is longer than 2,048 bytes once it is encoded");
    }
    Ok(Endpoint { pool: Pool(format!("{HANDLERS}{name}")), channel: Channel(channel) })
}

/// What stands between `//` and the path.
fn authority(rest: &str) -> &str {
    let rest = rest.trim_start_matches(['/', '\\']);
    &rest[..rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len())]
}

fn code_of(error: url::ParseError) -> &'static str {
    match error {
        url::ParseError::EmptyHost => "no_host",
        url::ParseError::InvalidPort => "bad_port",
        _ => "bad_host",
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.pool, self.channel)
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expect: Result<(&str, &str), &str>) {
        let read = Endpoint::parse(text);
        let read = read.as_ref().map(|e| (e.pool.as_str(), e.channel.as_str())).map_err(|e| e.code);
        assert_eq!(read, expect, "{text:?}");
    }

    #[test]
    fn splits_a_url_into_pool_and_channel() {
        check("https://foobar.net/cohort-new.json", Ok(("https://foobar.net", "/cohort-new.json")));
        check("https://foobar.net", Ok(("https://foobar.net", "/")));
        check(" http://Foo.NET:8080/a?b=c#d ", Ok(("http://foo.net:8080", "/a?b=c")));
        check("https://foobar.net:443/?q", Ok(("https://foobar.net", "/?q")));
        check("http://[::1]:8080/", Ok(("http://[::1]:8080", "/")));
        check("http://bücher.example/ü", Ok(("http://xn--bcher-kva.example", "/%C3%BC")));
        check("http://127.1/", Ok(("http://127.0.0.1", "/")));
        check("http://2130706433/", Ok(("http://127.0.0.1", "/")));
        check("http://h/a@b", Ok(("http://h", "/a@b")));
    }

    #[test]
    fn a_mail_server_is_a_pool_of_addresses() {
        check("smtp://Mail.test:2525/ops@a.test", Ok(("smtp://mail.test:2525", "/ops@a.test")));
        check("smtps://mail.test", Ok(("smtps://mail.test", "/")));
        check("smtp://user:word@mail.test/ops@a.test", Err("bad_host"));
        check("smtp:", Err("bad_host"));
        let again = Endpoint::parse("smtp://mail.test/ops@a.test").unwrap();
        assert_eq!((again.is_mail(), Endpoint::parse(&again.to_string())), (true, Ok(again)));
        assert_eq!(Pool::parse("smtp://mail.test:25").unwrap().as_str(), "smtp://mail.test:25");
        assert!(!Endpoint::parse("https://smtp.test/").unwrap().is_mail());
        assert_eq!(Endpoint::parse_http("smtp://mail.test/ops@a.test").unwrap_err().code, "bad_scheme");
    }

    #[test]
    fn a_handler_is_a_pool_of_its_own() {
        check("job://hello", Ok(("job://hello", "/")));
        check("JOB://Hello_World.v2/", Ok(("job://hello_world.v2", "/")));
        check("job://report/daily?from=1#x", Ok(("job://report", "/daily?from=1")));
        check("job://report?from=1", Ok(("job://report", "/?from=1")));
        for bad in [
            "job:",
            "job:hello",
            "job://",
            "job:///x",
            "job://a:1",
            "job://me@a",
            "job://me:word@a",
            "job://bü",
            "job://.",
            "job://..",
        ] {
            check(bad, Err("bad_host"));
        }
        check(&format!("job://{}", "a".repeat(64)), Err("bad_host"));
        let read = Endpoint::parse_callable("job://hello").unwrap();
        assert_eq!((read.handler(), read.is_http(), read.is_mail()), (Some("hello"), false, false));
        assert_eq!(Endpoint::parse(&read.to_string()), Ok(read));
        assert_eq!(Pool::parse("job://hello").unwrap().as_str(), "job://hello");
        assert_eq!(Endpoint::parse_http("job://hello").unwrap_err().code, "bad_scheme");
        assert_eq!(Endpoint::parse_callable("smtp://mail.test/ops@a.test").unwrap_err().code, "bad_scheme");
        let web = Endpoint::parse("https://job.test/").unwrap();
        assert_eq!((web.handler(), web.is_http()), (None, true));
    }

    #[test]
    fn refuses_what_cannot_be_called() {
        check("", Err("empty"));
        check("foobar.net/x", Err("no_scheme"));
        check("foobar.net:8080/x", Err("no_scheme"));
        check("localhost:8080/x", Err("no_scheme"));
        check("//foobar.net", Err("no_scheme"));
        check("ftp://foobar.net/", Err("bad_scheme"));
        check("file:///etc/passwd", Err("bad_scheme"));
        check("javascript:alert(1)", Err("bad_scheme"));
        check("http:foobar.net", Err("no_host"));
        check("http://", Err("no_host"));
        check("http://user:pass@foobar.net/", Err("userinfo"));
        check("http://@foobar.net/", Err("userinfo"));
        check("http://foobar.net/?token=••••", Err("masked"));
        check("http://foobar.net/?token=%e2%80%a2%E2%80%A2%E2%80%A2%e2%80%a2", Err("masked"));
        check("http://foobar.net:0/", Err("bad_port"));
        check("http://foobar.net:65536/", Err("bad_port"));
        check("http://foo bar.net/", Err("bad_character"));
        check("http://foobar.net/a b", Err("bad_character"));
        check("http://foobar.net/\0", Err("bad_character"));
        check("http://foobar.net/\nx", Err("bad_character"));
        check("http://xn--a-ä.example/", Err("bad_host"));
        check("http://256.1.1.1/", Err("bad_host"));
        check("http://`/", Err("bad_host"));
        check(&format!("http://foobar.net/{}", "a".repeat(2048)), Err("too_long"));
    }

    proptest! {
        #[test]
        fn nothing_typed_panics(text in ".*") {
            let _ = Endpoint::parse(&text);
        }

        #[test]
        fn what_is_read_reads_the_same_again(text in "https?://[a-zA-Z0-9.:/?#@%\\[\\]_-]{1,40}") {
            if let Ok(endpoint) = Endpoint::parse(&text) {
                prop_assert_eq!(Endpoint::parse(&endpoint.to_string()), Ok(endpoint));
            }
        }
    }
}
