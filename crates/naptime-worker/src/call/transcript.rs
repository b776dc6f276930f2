//! What was sent and answered, as it is kept: without the credentials that were sent, and of bounded size.

use std::fmt::Write;

use http::HeaderMap;
use http::response::Parts;
use naptime_core::answer::{Body, MAX_KEPT_BODY, MAX_KEPT_HEAD};
use naptime_core::secret::{MASK, redact, shown_header};
use naptime_core::{Endpoint, Request};

use super::answer;
use super::outgoing::Outgoing;

/// The request's first line and its headers.
pub(super) fn request(outgoing: &Outgoing<'_>) -> String {
    let Outgoing { endpoint, request, .. } = outgoing;
    let mut text = format!("{} {}\n", request.method, request.shown(endpoint));
    // What cannot be sent has no headers either.
    if let Ok(headers) = outgoing.headers() {
        // The key of a call and the ids of its trace look like credentials, and are none.
        add(&mut text, &headers, |name| matches!(name, "idempotency-key" | "traceparent"));
    }
    text
}

/// The answer's status and its headers.
pub(super) fn head(head: &Parts, endpoint: &Endpoint, request: &Request) -> String {
    let mut text = format!("{:?} {}\n", head.version, head.status);
    add(&mut text, &head.headers, |_| false);
    redact(&text, endpoint, request).into_owned()
}

/// The beginning of the answer's body; `whole` if that is all of it.
pub(super) fn body(head: &Parts, bytes: &[u8], whole: bool, endpoint: &Endpoint, request: &Request) -> Body {
    // What is compressed cannot be looked through for credentials.
    match answer::encoding(&head.headers) {
        Some(encoding) if !bytes.is_empty() => Body::Text(format!("(a body encoded as {encoding})")),
        _ => plain_body(bytes, whole, endpoint, request),
    }
}

fn plain_body(bytes: &[u8], whole: bool, endpoint: &Endpoint, request: &Request) -> Body {
    let bytes = &bytes[..bytes.len().min(MAX_KEPT_BODY)];
    match std::str::from_utf8(bytes) {
        Ok(text) => Body::Text(redact(text, endpoint, request).into_owned()),
        // It was cut within a character.
        Err(error) if !whole && error.error_len().is_none() => {
            plain_body(&bytes[..error.valid_up_to()], whole, endpoint, request)
        }
        Err(_) => {
            let text = String::from_utf8_lossy(bytes);
            if redact(&text, endpoint, request) != text {
                return Body::Text(format!("{MASK} (not UTF-8, and it repeats a credential)"));
            }
            let digits = bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut digits, byte| {
                // Writing to a string does not fail.
                let _ = write!(digits, "{byte:02x}");
                digits
            });
            Body::Hex(digits)
        }
    }
}

/// Adds headers, as many as there is room for, each on a line of its own.
fn add(text: &mut String, headers: &HeaderMap, is_plain: impl Fn(&str) -> bool) {
    for (name, value) in headers {
        let name = name.as_str();
        let value = String::from_utf8_lossy(value.as_bytes());
        let value = if is_plain(name) { value } else { shown_header(name, &value).into_owned().into() };
        if text.len() + name.len() + value.len() > MAX_KEPT_HEAD {
            text.push_str("...\n");
            return;
        }
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name}: {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> (Endpoint, Request) {
        let endpoint = Endpoint::parse("https://foobar.net/?token=open-sesame").unwrap();
        (endpoint, Request::default())
    }

    fn read(bytes: &[u8], whole: bool) -> Body {
        let (endpoint, request) = call();
        plain_body(bytes, whole, &endpoint, &request)
    }

    #[test]
    fn a_body_is_text_if_it_can_be() {
        let text = |text: &str| Body::Text(text.to_owned());
        assert_eq!(read("out of p\u{e4}per\n".as_bytes(), true), text("out of p\u{e4}per\n"));
        assert_eq!(read(b"", true), text(""));
        assert_eq!(read(b"\x1f\x8b\x08", true), Body::Hex("1f8b08".to_owned()));
        // Cut within a character, which is no fault of the target's.
        assert_eq!(read(b"p\xc3", false), text("p"));
        assert_eq!(read(b"p\xc3", true), Body::Hex("70c3".to_owned()));
        let long = "\u{e4}".repeat(MAX_KEPT_BODY);
        assert_eq!(read(long.as_bytes(), false), text(&long[..MAX_KEPT_BODY]));
    }

    #[test]
    fn what_was_sent_in_confidence_is_not_kept() {
        assert_eq!(read(b"no open-sesame today", true), Body::Text(format!("no {MASK} today")));
        let Body::Text(said) = read(b"\xff open-sesame", true) else { panic!("not in digits either") };
        assert!(!said.contains("sesame"), "{said}");
    }

    #[test]
    fn headers_are_kept_without_credentials_as_far_as_there_is_room() {
        let (endpoint, request) = call();
        let build = http::Response::builder().status(503).header("Retry-After", "5").header("Set-Cookie", "id=17");
        let (parts, ()) = build.header("X-Note", "open-sesame").body(()).unwrap().into_parts();
        let expect = format!("HTTP/1.1 503 Service Unavailable\nretry-after: 5\nset-cookie: {MASK}\nx-note: {MASK}\n");
        assert_eq!(head(&parts, &endpoint, &request), expect);
        for (location, shown) in
            [("/login?token=secret#x", "/login?••••"), ("https://me:pw@host/", MASK), ("/there", "/there")]
        {
            let (parts, ()) = http::Response::builder().header("Location", location).body(()).unwrap().into_parts();
            assert_eq!(head(&parts, &endpoint, &request), format!("HTTP/1.1 200 OK\nlocation: {shown}\n"));
        }
        let (parts, ()) = http::Response::builder().header("Content-Encoding", "gzip").body(()).unwrap().into_parts();
        let said = Body::Text("(a body encoded as gzip)".to_owned());
        assert_eq!(body(&parts, b"\x1f\x8b", true, &endpoint, &request), said);
        let build = http::Response::builder().header("X-Long", "a".repeat(MAX_KEPT_HEAD)).header("X-Short", "b");
        let (parts, ()) = build.body(()).unwrap().into_parts();
        assert_eq!(head(&parts, &endpoint, &request), "HTTP/1.1 200 OK\n...\n");
    }
}
