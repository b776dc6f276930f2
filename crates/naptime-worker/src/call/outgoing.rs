//! A request as it is sent.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Uri, uri};
use http_body_util::Full;
use naptime_core::{Endpoint, Method, Outcome, Request};

use super::CallHeaders;
use super::fault::Fault;

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin<'a> {
    /// The pool as text, by which connections are kept.
    pub(super) text: &'a str,
    pub(super) secure: bool,
    /// `example.com:8080`, as `Host` says it.
    pub(super) authority: &'a str,
    /// A name, or an address without brackets.
    pub(super) host: &'a str,
    pub(super) port: u16,
}

/// A request, to be written in either version of HTTP, more than once if need be.
pub(super) struct Outgoing<'a> {
    pub(super) origin: Origin<'a>,
    pub(super) endpoint: &'a Endpoint,
    pub(super) request: &'a Request,
    pub(super) own: &'a CallHeaders,
    pub(super) user_agent: &'a HeaderValue,
}

impl<'a> Origin<'a> {
    pub(super) fn of(endpoint: &'a Endpoint) -> Result<Self, Fault> {
        let text = endpoint.pool().as_str();
        let (secure, authority) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(authority), _) => (true, authority),
            (None, Some(authority)) => (false, authority),
            (None, None) => return Err(unsendable("URL")),
        };
        // The colons of an IPv6 address are within brackets.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let port = match port {
            Some(port) => port.parse().map_err(|_| unsendable("URL"))?,
            None if secure => 443,
            None => 80,
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Ok(Self { text, secure, authority, host, port })
    }
}

impl Outgoing<'_> {
    /// The request on a connection of HTTP/1.1.
    pub(super) fn for_http1(&self) -> Result<http::Request<Full<Bytes>>, Fault> {
        let mut headers = self.headers()?;
        if !headers.contains_key(HOST) {
            headers.insert(HOST, HeaderValue::from_str(self.origin.authority).map_err(|_| unsendable("host"))?);
        }
        let uri = self.endpoint.channel().as_str().parse().map_err(|_| unsendable("URL"))?;
        let mut request = http::Request::new(Full::new(self.body()));
        self.finish(&mut request, uri, headers);
        Ok(request)
    }

    /// The request on a stream of HTTP/2, and its body.
    pub(super) fn for_http2(&self) -> Result<(http::Request<()>, Bytes), Fault> {
        let mut headers = self.headers()?;
        let host = headers.remove(HOST);
        let authority = host.as_ref().map_or(self.origin.authority.as_bytes(), HeaderValue::as_bytes);
        let uri = Uri::builder()
            .scheme(if self.origin.secure { uri::Scheme::HTTPS } else { uri::Scheme::HTTP })
            .authority(authority)
            .path_and_query(self.endpoint.channel().as_str())
            .build()
            .map_err(|_| unsendable("URL"))?;
        let mut request = http::Request::new(());
        self.finish(&mut request, uri, headers);
        *request.version_mut() = http::Version::HTTP_2;
        Ok((request, self.body()))
    }

    fn finish<B>(&self, request: &mut http::Request<B>, uri: Uri, headers: HeaderMap) {
        *request.method_mut() = method(self.request.method);
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
    }

    fn body(&self) -> Bytes {
        self.request.body.as_ref().map_or_else(Bytes::new, |body| Bytes::copy_from_slice(body.as_bytes()))
    }

    pub(super) fn headers(&self) -> Result<HeaderMap, Fault> {
        let mut headers = HeaderMap::with_capacity(8);
        for (name, value) in self.request.headers.iter() {
            let name = name.parse::<HeaderName>().map_err(|_| unsendable("headers"))?;
            headers.append(name, HeaderValue::from_str(value).map_err(|_| unsendable("headers"))?);
        }
        headers.entry(USER_AGENT).or_insert_with(|| self.user_agent.clone());
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        let key = HeaderValue::from_str(&self.own.idempotency_key).map_err(|_| unsendable("idempotency key"))?;
        let due = HeaderValue::from_str(&self.own.due.to_string()).map_err(|_| unsendable("due time"))?;
        headers.insert(HeaderName::from_static("naptime-due"), due);
        if let Some(signature) = &self.own.signature {
            let value = HeaderValue::from_str(&signature.value).map_err(|_| unsendable("signature"))?;
            headers.insert(HeaderName::from_static("webhook-id"), key.clone());
            headers.insert(HeaderName::from_static("webhook-timestamp"), signature.timestamp.into());
            headers.insert(HeaderName::from_static("webhook-signature"), value);
        }
        headers.insert(HeaderName::from_static("idempotency-key"), key);
        if let Some(parent) = &self.own.traceparent {
            let parent = HeaderValue::from_str(parent).map_err(|_| unsendable("trace"))?;
            headers.entry(HeaderName::from_static("traceparent")).or_insert(parent);
        }
        let length = self.request.body.as_ref().map_or(0, String::len);
        // Load balancers answer 411 to a POST that doesn't say that it has no body (RFC 9110, section 8.6).
        if length > 0 || matches!(self.request.method, Method::Post | Method::Put | Method::Patch) {
            headers.insert(CONTENT_LENGTH, length.into());
        }
        Ok(headers)
    }
}

fn method(method: Method) -> http::Method {
    match method {
        Method::Get => http::Method::GET,
        Method::Head => http::Method::HEAD,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
        Method::Patch => http::Method::PATCH,
        Method::Delete => http::Method::DELETE,
        Method::Options => http::Method::OPTIONS,
    }
}

fn unsendable(what: &str) -> Fault {
    Fault::new(Outcome::ConnectionFailed, format!("the {what} cannot be sent"))
}

#[cfg(test)]
mod tests {
    use naptime_core::{Headers, Time};

    use super::*;

    #[test]
    fn a_trace_of_ones_own_comes_before_that_of_the_call() {
        fn check(own: &[&str], traceparent: Option<&str>, expect: &[&str]) {
            let endpoint = Endpoint::parse("http://example.com/").unwrap();
            let own = own.iter().map(|value| ("Traceparent".to_owned(), (*value).to_owned()));
            let request = Request { headers: Headers::new(own.collect()).unwrap(), ..Request::default() };
            let traceparent = traceparent.map(str::to_owned);
            let due = Time::from_millis(0);
            let call = CallHeaders { idempotency_key: "job-0".to_owned(), due, signature: None, traceparent };
            let outgoing = Outgoing {
                origin: Origin::of(&endpoint).unwrap(),
                endpoint: &endpoint,
                request: &request,
                own: &call,
                user_agent: &HeaderValue::from_static("Naptime"),
            };
            let headers = outgoing.headers().unwrap();
            let sent: Vec<&str> = headers.get_all("traceparent").iter().map(|value| value.to_str().unwrap()).collect();
            assert_eq!(sent, expect);
        }
        check(&[], None, &[]);
        check(&[], Some("00-a-b-01"), &["00-a-b-01"]);
        check(&["mine"], Some("00-a-b-01"), &["mine"]);
        check(&["mine"], None, &["mine"]);
    }

    #[test]
    fn an_origin_is_read_off_the_pool() {
        fn check(url: &str, expect: (bool, &str, &str, u16)) {
            let endpoint = Endpoint::parse(url).unwrap();
            let origin = Origin::of(&endpoint).unwrap();
            assert_eq!((origin.secure, origin.authority, origin.host, origin.port), expect, "{url}");
        }
        check("http://example.com/x", (false, "example.com", "example.com", 80));
        check("https://example.com:443/x", (true, "example.com", "example.com", 443));
        check("https://example.com:8443", (true, "example.com:8443", "example.com", 8443));
        check("http://127.1:81/", (false, "127.0.0.1:81", "127.0.0.1", 81));
        check("http://[::1]/", (false, "[::1]", "::1", 80));
        check("https://[::1]:81/", (true, "[::1]:81", "::1", 81));
    }
}
