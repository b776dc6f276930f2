//! Credentials that a target repeats in its answer.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

use super::{MASK, SCHEMES, decoded_parameter, is_secret, masked_parameter, split_query};
use crate::{Endpoint, Request};

/// The shortest credential that is looked for in answers, in characters. What is shorter is found in any text.
const MIN_REDACTED: usize = 6;
/// The longest credential, in bytes, that is looked for in other spellings than its own.
const MAX_RESPELLED: usize = 4 * 1024;
/// So many characters of a credential in a row are taken for a part of it.
const REDACTED_RUN: usize = 8;

/// What a target answered, with the mask in place of the credentials that it was sent, and of longer parts of them.
pub fn redact<'a>(text: &'a str, endpoint: &Endpoint, request: &Request) -> Cow<'a, str> {
    // Most answers say nothing, or next to nothing.
    if text.chars().nth(MIN_REDACTED - 1).is_none() {
        return text.into();
    }
    Secrets::of(endpoint, request).redact(text)
}

/// The credentials that a call sends, in each spelling in which a target may repeat them, without capitals.
#[derive(Debug, Default)]
struct Secrets(Vec<String>);

impl Secrets {
    /// Those of a call: in its headers and its query, and the whole body if it is secret.
    fn of(endpoint: &Endpoint, request: &Request) -> Self {
        let mut found = Self::default();
        for (name, value) in request.headers.iter().filter(|(name, value)| is_secret(name, value)) {
            found.add_header(name, value.trim());
        }
        let (_, query, _) = split_query(endpoint.channel().as_str());
        for parameter in query.unwrap_or_default().split('&').filter(|it| masked_parameter(it, request.secret) != *it) {
            let raw = parameter.split_once('=').map_or(parameter, |(_, value)| value);
            found.add(raw);
            let (name, value) = decoded_parameter(parameter).unwrap_or_default();
            found.add(if value.is_empty() { &name } else { &value });
        }
        if request.secret_path {
            found.add(endpoint.channel().as_str());
        }
        if let Some(body) = request.body.as_deref().filter(|_| request.secret) {
            found.add(body);
            if body.len() <= MAX_RESPELLED {
                form_urlencoded::parse(body.as_bytes()).for_each(|(_, value)| found.add(&value));
            }
        }
        found
    }

    fn add_header(&mut self, name: &str, value: &str) {
        if name.eq_ignore_ascii_case("cookie") {
            value.split(';').for_each(|cookie| self.add(cookie.split_once('=').map_or(cookie, |(_, value)| value)));
            return;
        }
        match value.split_once(' ') {
            Some((scheme, rest)) if SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)) => {
                self.add(rest);
                let decoded = STANDARD.decode(rest.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                if let Some(decoded) = decoded.filter(|_| scheme.eq_ignore_ascii_case("basic")) {
                    self.add(decoded.split_once(':').map_or("", |(_, password)| password));
                    self.add(&decoded);
                }
            }
            _ => self.add(value),
        }
    }

    fn add(&mut self, value: &str) {
        let value = value.trim();
        if value.chars().nth(MIN_REDACTED - 1).is_none() {
            return;
        }
        for spelling in spellings(value) {
            let spelling = spelling.to_ascii_lowercase();
            if !self.0.contains(&spelling) {
                self.0.push(spelling);
            }
        }
    }

    /// The text with the mask in place of the credentials in it and of longer parts of them, such as the first half of
    /// a token that is cut off.
    fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.0.is_empty() || text.is_empty() {
            return text.into();
        }
        let chars: Vec<char> = text.chars().collect();
        let small: Vec<char> = chars.iter().map(char::to_ascii_lowercase).collect();
        let mut hidden = vec![false; chars.len()];
        let places = |length| {
            let mut places: HashMap<&[char], Vec<usize>> = HashMap::new();
            for (at, run) in small.windows(length).enumerate() {
                places.entry(run).or_default().push(at);
            }
            places
        };
        let mut by_length: Vec<_> = (MIN_REDACTED..=REDACTED_RUN).map(places).collect();
        for secret in &self.0 {
            let length = secret.chars().count().clamp(MIN_REDACTED, REDACTED_RUN);
            let places = &mut by_length[length - MIN_REDACTED];
            // The text is short, and a secret body may be long: it is gone through once, a run at a time.
            let mut run = VecDeque::with_capacity(length);
            for c in secret.chars() {
                if run.len() == length {
                    run.pop_front();
                }
                run.push_back(c);
                // Once hidden, a run need not be looked for again, however often it comes in the credential.
                for at in places.remove(&*run.make_contiguous()).into_iter().flatten() {
                    hidden[at..at + length].fill(true);
                }
            }
        }
        if !hidden.contains(&true) {
            return text.into();
        }
        let mut shown = String::with_capacity(text.len());
        let mut masked = false;
        for (c, hidden) in chars.into_iter().zip(hidden) {
            match (hidden, masked) {
                (true, false) => shown.push_str(MASK),
                (true, true) => {}
                (false, _) => shown.push(c),
            }
            masked = hidden;
        }
        shown.into()
    }
}

/// A value, and how it looks in a URL, a form, JSON, HTML, base64 and hexadecimal digits.
fn spellings(value: &str) -> Vec<String> {
    let mut all = vec![value.to_owned()];
    if value.len() <= MAX_RESPELLED {
        let form: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
        let json = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let html = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        all.extend([
            form.replace('+', "%20"),
            form,
            json.replace('/', "\\/"),
            json,
            html.replace('"', "&quot;").replace('\'', "&#39;"),
            html,
            STANDARD.encode(value),
            in_base64_after(value, 1),
            in_base64_after(value, 2),
            value.bytes().map(|byte| format!("{byte:02x}")).collect(),
        ]);
    }
    all
}

/// What base64 makes of a value after so many other bytes, but for the characters that it shares with these.
fn in_base64_after(value: &str, bytes: usize) -> String {
    let mut all = vec![0; bytes];
    all.extend_from_slice(value.as_bytes());
    // A character is of six bits.
    STANDARD.encode(all).chars().skip((bytes * 8).div_ceil(6)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Headers;

    #[test]
    fn what_a_target_repeats_is_redacted() {
        let check = |header: (&str, &str), query: &str, text: &str, expect: &str| {
            let endpoint = Endpoint::parse(&format!("https://a.test/{query}")).expect("a URL");
            let headers = Headers::new(vec![(header.0.to_owned(), header.1.to_owned())]).expect("headers");
            let request = Request { headers, ..Request::default() };
            assert_eq!(redact(text, &endpoint, &request), expect, "{header:?}");
        };
        let bearer = ("Authorization", "Bearer abcdef-123456-ghijkl");
        check(bearer, "", "bad token: Bearer abcdef-123456-ghijkl!", "bad token: Bearer ••••!");
        check(bearer, "", "{\"got\":\"abcdef-123456\"}", "{\"got\":\"••••\"}");
        check(bearer, "", "abcdef is too short to tell, Bearer too", "abcdef is too short to tell, Bearer too");
        check(("Authorization", "Basic bWU6bXktcGFzcw=="), "", "me:my-pass my-pass bWU6bXktcGFzcw==", "•••• •••• ••••");
        check(("Cookie", "a=b; sid=s3cr3t"), "", "no session s3cr3t, a=b", "no session ••••, a=b");
        check(("X-A", "plain-value"), "", "plain-value", "plain-value");
        check(("X-A", "1"), "?sig=a%2Fb%2Fc%2Fd", "a/b/c/d and a%2Fb%2Fc%2Fd", "•••• and ••••");
        let odd = ("X-Api-Key", "p@ss/w+rd\"<1>&");
        for spelled in [
            "p@ss\\/w+rd\\\"<1>&",
            "p@ss/w+rd\\\"<1>&",
            "p%40ss%2Fw%2Brd%22%3C1%3E%26",
            "p%40ss%2fw%2brd%22%3c1%3e%26",
            "p@ss/w+rd&quot;&lt;1&gt;&amp;",
            "P@SS/W+RD\"<1>&",
            "cEBzcy93K3JkIjwxPiY=",
            "704073732f772b7264223c313e26",
        ] {
            check(odd, "", &format!("no {spelled} here"), "no •••• here");
        }
        check(("X-Api-Key", "two words!"), "", "two+words%21 two%20words%21", "•••• ••••");
    }
}
