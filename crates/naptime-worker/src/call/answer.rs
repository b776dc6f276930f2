//! What is kept of an answer.

use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION};
use naptime_core::run::MAX_MESSAGE;
use naptime_core::{Endpoint, Outcome};
use url::Url;

use super::page;

/// The lines of the body that are kept.
const LINES: usize = 2;

/// The first lines of the body that say something, of an HTML page its title; for a failure without any, its status.
pub(super) fn message(outcome: Outcome, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> String {
    if let Some(encoding) = encoding(headers).filter(|_| !body.is_empty()) {
        return format!("(a body encoded as {encoding})");
    }
    let body = String::from_utf8_lossy(body);
    let said = if page::is_html(text(headers, CONTENT_TYPE), &body) {
        page::first_text(&body, LINES)
    } else {
        let lines = body.split(['\n', '\r']).map(|line| line.trim_matches(is_blank)).filter(|line| !line.is_empty());
        lines.take(LINES).collect::<Vec<_>>().join("\n")
    };
    if said.is_empty() && outcome != Outcome::Ok {
        return format!("the target answered {status}");
    }
    said
}

/// The compression of the body. We asked for none: a body that has one all the same is never inflated, so there is no line
/// to show.
pub(super) fn encoding(headers: &HeaderMap) -> Option<&str> {
    text(headers, CONTENT_ENCODING)
        .filter(|encoding| !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity"))
}

/// Where the answer points to: without user, query and fragment, where secrets may be.
pub(super) fn redirect_message(status: StatusCode, headers: &HeaderMap, called: &Endpoint) -> String {
    let called = Url::parse(&called.to_string()).ok();
    let target = text(headers, LOCATION).and_then(|location| called?.join(location).ok()).map(|mut target| {
        target.set_query(None);
        target.set_fragment(None);
        // These fail only for URLs that cannot have a user.
        let _ = target.set_username("");
        let _ = target.set_password(None);
        target
    });
    match target {
        Some(target) => format!("{}: redirected to {target}", status.as_u16()),
        None => format!("the target answered {status}"),
    }
}

/// The period asked for with a 2xx status, as it was written.
pub(super) fn every(status: StatusCode, headers: &HeaderMap) -> Option<String> {
    let value = headers.get("naptime-every").filter(|_| status.is_success())?;
    // What cannot be read is for whoever looks at the job's limits to say.
    Some(String::from_utf8_lossy(value.as_bytes()).trim().to_owned())
}

/// At most [`MAX_MESSAGE`] characters of `text`, none of which does anything but show or end a line.
pub(super) fn clip(text: &str) -> String {
    let harmless = |c: char| match c {
        '\n' => '\n',
        '\t' => ' ',
        // Control characters, line separators, and those that turn the direction of the text around them.
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            char::REPLACEMENT_CHARACTER
        }
        c => c,
    };
    text.chars().take(MAX_MESSAGE).map(harmless).collect()
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// White space, and the mark that some files begin with.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{feff}'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        list.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_message_is_the_first_two_lines_that_say_something() {
        fn check(status: u16, body: &[u8], expect: &str) {
            let status = StatusCode::from_u16(status).unwrap();
            let outcome = if status.is_success() { Outcome::Ok } else { Outcome::Failed };
            assert_eq!(clip(&message(outcome, status, &HeaderMap::new(), body)), expect);
        }
        check(200, b"", "");
        check(200, b"one\ntwo\nthree", "one\ntwo");
        check(200, b"\r\n \t one\t1 \r\n\r\n  two\r\n", "one 1\ntwo");
        check(
            200,
            format!("{}\n{}", "a".repeat(150), "b".repeat(150)).as_bytes(),
            &format!("{}\n{}", "a".repeat(150), "b".repeat(49)),
        );
        check(200, b"\xef\xbb\xbfone", "one");
        check(200, b"caf\xe9 \x1b[31mred\x00", "caf\u{fffd} \u{fffd}[31mred\u{fffd}");
        check(200, "left \u{202e}thgir".as_bytes(), "left \u{fffd}thgir");
        check(200, "ä".repeat(300).as_bytes(), &"ä".repeat(200));
        check(500, b"no disk", "no disk");
        check(503, b" \n", "the target answered 503 Service Unavailable");
        check(599, b"", "the target answered 599 <unknown status code>");
        let bare = |outcome, status| message(outcome, status, &HeaderMap::new(), b"");
        assert_eq!(bare(Outcome::Ok, StatusCode::NOT_FOUND), "", "where that is what was hoped for");
        assert_eq!(bare(Outcome::Failed, StatusCode::OK), "the target answered 200 OK");
    }

    #[test]
    fn a_compressed_body_is_named_not_shown() {
        let gzip = headers(&[("content-encoding", "gzip")]);
        assert_eq!(message(Outcome::Ok, StatusCode::OK, &gzip, b"\x1f\x8b\x08"), "(a body encoded as gzip)");
        assert_eq!(message(Outcome::Ok, StatusCode::OK, &gzip, b""), "");
        for none in ["identity", ""] {
            let headers = headers(&[("content-encoding", none)]);
            assert_eq!(message(Outcome::Ok, StatusCode::OK, &headers, b"hi"), "hi");
        }
    }

    #[test]
    fn a_redirect_names_its_target_without_secrets() {
        fn check(location: &'static str, expect: &str) {
            let called = Endpoint::parse("https://foobar.net/a/b?key=1").unwrap();
            let list = [("location", location)];
            let headers = if location.is_empty() { HeaderMap::new() } else { headers(&list) };
            assert_eq!(redirect_message(StatusCode::FOUND, &headers, &called), expect);
        }
        check("/login?token=secret#x", "302: redirected to https://foobar.net/login");
        check("c", "302: redirected to https://foobar.net/a/c");
        check("http://me:secret@other.net/", "302: redirected to http://other.net/");
        check("http://[", "the target answered 302 Found");
        check("", "the target answered 302 Found");
    }

    #[test]
    fn of_a_page_its_title_is_the_message() {
        let html = headers(&[("content-type", "text/html; charset=utf-8")]);
        let check = |body: &str, expect: &str| {
            let status = StatusCode::BAD_GATEWAY;
            assert_eq!(clip(&message(Outcome::Failed, status, &html, body.as_bytes())), expect, "{body}");
        };
        check("<html>\n<head><title>Upstream &#x202e; away</title>", "Upstream \u{fffd} away");
        check("<h1>Oops</h1>\n<p>Try later</p>\n<p>Bye</p>", "Oops\nTry later");
        check("<html><body></body></html>", "the target answered 502 Bad Gateway");
        check("no markup\nat all", "no markup\nat all");
    }

    #[test]
    fn a_period_is_asked_for_with_success_only() {
        fn check(status: u16, list: &[(&'static str, &'static str)], expect: Option<&str>) {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(every(status, &headers(list)).as_deref(), expect, "{list:?}");
        }
        check(200, &[("naptime-every", " 2m ")], Some("2m"));
        check(204, &[("naptime-every", "soon")], Some("soon"));
        check(200, &[], None);
        check(302, &[("naptime-every", "2m")], None);
        check(500, &[("naptime-every", "2m")], None);
    }
}
