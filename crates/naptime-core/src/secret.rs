//! What is a credential, and how it is kept from being shown.
//!
//! Credentials are write-only: they are taken, kept and sent, but pages, API, lists and logs show [`MASK`] in their
//! place. A value is one by its name (`Authorization`, `api_key`) or by itself (`Bearer ...`, `ghp_...`, long and
//! random). A target that repeats one in its answer does not bring it to light either: [`redact`].

mod redact;

use std::borrow::Cow;

use url::form_urlencoded;

pub use redact::redact;

/// What is shown in place of a value. It is no value that could be sent, so it is never mistaken for one.
pub const MASK: &str = "••••";
/// One of its characters in a URL that a browser or client has encoded.
const ENCODED_DOT: &str = "%E2%80%A2";

/// A name is one of a credential if a word of it is one of these.
const SECRET_WORDS: [&str; 14] = [
    "auth",
    "authentication",
    "csrf",
    "hmac",
    "otp",
    "pass",
    "pwd",
    "sessid",
    "sessionid",
    "sid",
    "sig",
    "phpsessid",
    "xsrf",
    "bearer",
];
/// Or ends in one of these, as `apikey` does.
const SECRET_ENDINGS: [&str; 13] = [
    "auth",
    "authorization",
    "cookie",
    "credential",
    "jwt",
    "key",
    "passphrase",
    "passwd",
    "password",
    "secret",
    "session",
    "signature",
    "token",
];
/// The first words of values that name how to authenticate.
const SCHEMES: [&str; 9] =
    ["apikey", "aws4-hmac-sha256", "basic", "bearer", "digest", "hawk", "negotiate", "signature", "token"];
/// What keys of well-known services begin with.
const KEY_PREFIXES: [&str; 24] = [
    "AKIA",
    "AIza",
    "ASIA",
    "dop_v1_",
    "eyJ",
    "ghp_",
    "gho_",
    "ghr_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "hf_",
    "npm_",
    "pypi-",
    "rk_",
    "SG.",
    "shpat_",
    "sk-",
    "sk_",
    "whsec_",
    "xapp-",
    "xox",
    "ya29.",
];
/// The shortest value that such a beginning makes a key.
const MIN_KEY: usize = 12;
/// Letters and digits mixed, so many in a row, are not a word that somebody made up. The shortest keys in common use
/// have 20; a UUID has at most 12 in a row, and is more often the name of a thing than its key.
const MIN_RANDOM_RUN: usize = 20;
/// So many with `-` and `_` among them, if capital letters, small letters and digits are mixed: base64url.
const MIN_RANDOM_PART: usize = 24;
/// Whether the value of a header or of a query parameter is hidden.
pub fn is_secret(name: &str, value: &str) -> bool {
    is_secret_name(name) || is_secret_value(value)
}

/// The value of a header of an answer as it is shown: without what is a credential, and without what stands in an address
/// behind its path, where a target that sends people on gives them credentials of its own on their way.
pub fn shown_header<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    let leads_on = ["location", "content-location", "refresh", "link"];
    if is_secret(name, value) {
        return MASK.into();
    }
    if !leads_on.iter().any(|known| name.eq_ignore_ascii_case(known)) {
        return value.into();
    }
    match value.split_once(['?', '#']) {
        // It may name a user.
        _ if value.contains('@') => MASK.into(),
        Some((before, _)) => format!("{before}?{MASK}").into(),
        None => value.into(),
    }
}

/// A URL, or a template of one, as it is shown: without the credentials of its query, or without `all` its values.
pub fn mask_url(url: &str, all: bool) -> String {
    let (before, query, after) = split_query(url);
    let Some(query) = query else { return url.to_owned() };
    let shown: Vec<Cow<'_, str>> = query.split('&').map(|parameter| masked_parameter(parameter, all)).collect();
    format!("{before}?{}{after}", shown.join("&"))
}

/// The URL `sent` with the values of the `stored` one where it has the mask: the first mask of a name stands for its
/// first value, and so on. `all`: as it was shown. A mask that stands for nothing stays, and no URL is read that has one.
pub fn unmask_url(sent: &str, stored: &str, all: bool) -> String {
    let (before, query, after) = split_query(sent);
    let Some(query) = query else { return sent.to_owned() };
    let kept: Vec<&str> = split_query(stored).1.map(|query| query.split('&').collect()).unwrap_or_default();
    let mut seen: Vec<String> = Vec::new();
    let mut restored: Vec<String> = Vec::new();
    for parameter in query.split('&') {
        let shown = decoded_mask(parameter);
        if !shown.contains(MASK) {
            restored.push(parameter.to_owned());
            continue;
        }
        let nth = seen.iter().filter(|other| **other == shown).count();
        let value = kept.iter().filter(|kept| masked_parameter(kept, all) == shown).nth(nth);
        restored.push(value.map_or_else(|| parameter.to_owned(), ToString::to_string));
        seen.push(shown);
    }
    format!("{before}?{}{after}", restored.join("&"))
}

/// Whether a URL holds a mask, as it is or encoded.
pub fn has_mask(url: &str) -> bool {
    decoded_mask(url).contains(MASK)
}

fn decoded_mask(text: &str) -> String {
    if !text.is_ascii() || text.contains('%') {
        return text.replace(ENCODED_DOT, "•").replace(&ENCODED_DOT.to_lowercase(), "•");
    }
    text.to_owned()
}

/// What stands before the query, the query, and what stands after it.
fn split_query(url: &str) -> (&str, Option<&str>, &str) {
    let (url, fragment) = url.split_at(url.find('#').unwrap_or(url.len()));
    match url.split_once('?') {
        Some((before, query)) => (before, Some(query), fragment),
        None => (url, None, fragment),
    }
}

/// A parameter of a query as it is shown.
fn masked_parameter(parameter: &str, all: bool) -> Cow<'_, str> {
    let Some((name, value)) = decoded_parameter(parameter) else { return parameter.into() };
    match parameter.split_once('=') {
        Some((shown, _)) if !value.is_empty() && (all || is_secret(&name, &value)) => format!("{shown}={MASK}").into(),
        None if all || is_secret_value(&name) => MASK.into(),
        _ => parameter.into(),
    }
}

fn decoded_parameter(parameter: &str) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(parameter.as_bytes()).next()
}

fn is_secret_name(name: &str) -> bool {
    let is_secret = |word: &str| {
        let word = word.trim_end_matches(|c: char| c.is_ascii_digit()).to_ascii_lowercase();
        let word = word.strip_suffix('s').filter(|one| one.ends_with(|c: char| c != 's')).unwrap_or(&word);
        SECRET_WORDS.contains(&word) || SECRET_ENDINGS.iter().any(|ending| word.ends_with(ending))
    };
    // `accessTokenValue` has three words, `access_token` two.
    let mut previous = ' ';
    let mut begins = vec![0];
    for (at, c) in name.char_indices() {
        if c.is_uppercase() && previous.is_lowercase() {
            begins.push(at);
        }
        previous = c;
    }
    begins.push(name.len());
    let words = begins.windows(2).flat_map(|ends| name[ends[0]..ends[1]].split(|c: char| !c.is_alphanumeric()));
    words.into_iter().any(is_secret)
}

fn is_secret_value(value: &str) -> bool {
    let value = value.trim();
    let named = value.split_once(' ').is_some_and(|(scheme, rest)| {
        !rest.trim().is_empty() && SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known))
    });
    let is_of_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let is_key = |part: &str| part.len() >= MIN_KEY && KEY_PREFIXES.iter().any(|prefix| part.starts_with(prefix));
    named || value.split(|c| !is_of_part(c)).any(is_key) || is_random(value)
}

fn is_random(value: &str) -> bool {
    let has = |text: &str, kind: fn(&u8) -> bool| text.as_bytes().iter().any(kind);
    let run =
        |run: &str| run.len() >= MIN_RANDOM_RUN && has(run, u8::is_ascii_digit) && has(run, u8::is_ascii_alphabetic);
    let part = |part: &str| {
        let kinds: [fn(&u8) -> bool; 3] = [u8::is_ascii_digit, u8::is_ascii_lowercase, u8::is_ascii_uppercase];
        part.len() >= MIN_RANDOM_PART && kinds.into_iter().all(|kind| has(part, kind))
    };
    value.split(|c: char| !c.is_ascii_alphanumeric()).any(run)
        || value.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').any(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_known_by_their_names() {
        for name in [
            "Authorization",
            "cookie",
            "X-Api-Key",
            "X-Auth-Token",
            "Client-Secret",
            "Proxy-Authorization",
            "X-Passwd",
            "X-Pass",
            "X-JWT",
            "X-Session",
            "X-Session-Id",
            "X-CSRF-Token",
            "X-Csrf",
            "X-Signature",
            "access_token",
            "apikey",
            "api_key",
            "key",
            "sig",
            "token",
            "signature",
            "X-Amz-Signature",
            "accessTokenValue",
            "KEY2",
            "passwords",
            "PHPSESSID",
            "oauth",
            "X-Credentials",
            "secret",
        ] {
            assert!(is_secret(name, "x"), "{name}");
        }
        for name in [
            "Accept",
            "Content-Type",
            "X-Trace",
            "author",
            "keyword",
            "X-Compass",
            "bypass",
            "sign",
            "design",
            "monkeys2b",
            "",
        ] {
            assert!(!is_secret(name, "x"), "{name}");
        }
    }

    #[test]
    fn credentials_are_known_by_themselves() {
        for value in [
            "Bearer x",
            "bearer x",
            "Basic dTpw",
            "Token abc",
            "ghp_0123456789abcdef",
            "sk_live_abcdefgh",
            "xoxb-1234-abcd",
            "AKIAIOSFODNN7EXAMPLE",
            "eyJhbGciOiJIUzI1NiJ9.e30.x",
            "9f86d081884c7d659a2feaa0c55ad015",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLE7KEYab",
            "aB3-dE5_fG7-hI9_jK1-lM3_nO5-",
        ] {
            assert!(is_secret("X-A", value), "{value}");
        }
        for value in [
            "",
            "application/vnd.github.v3+json",
            "text/html,application/xhtml+xml;q=0.9",
            "gzip, deflate, br",
            "Mozilla/5.0 (X11; Linux x86_64)",
            "2026-11-28T04:09:00.123Z",
            "123e4567-e89b-12d3-a456-426614174000",
            "1764302940123456789012",
            "a-report-of-the-year-2026-in-long",
            "Bearer",
            "en-US,en;q=0.9",
            "sk-SK",
        ] {
            assert!(!is_secret("X-A", value), "{value}");
        }
    }

    #[test]
    fn the_query_of_a_url_is_masked_and_written_back() {
        let check = |url: &str, shown: &str| {
            assert_eq!(mask_url(url, false), shown);
            assert_eq!(unmask_url(shown, url, false), url);
            assert_eq!(unmask_url(&shown.replace('•', ENCODED_DOT), url, false), url);
        };
        check("https://a.test/x?token=abc&user=1", "https://a.test/x?token=••••&user=1");
        check("https://a.test/x?a=1&sig=b%2Fc&key=&sig=d", "https://a.test/x?a=1&sig=••••&key=&sig=••••");
        check("https://a.test/x?%74oken=abc#f", "https://a.test/x?%74oken=••••#f");
        check("https://a.test/?9f86d081884c7d659a2feaa0c55ad015", "https://a.test/?••••");
        check("https://a.test/token=abc", "https://a.test/token=abc");
        check("https://a.test/{{ key }}?token={{ data.t }}", "https://a.test/{{ key }}?token=••••");
        let (url, shown) = ("https://a.test/x?a=1&a=2&b=&c", "https://a.test/x?a=••••&a=••••&b=&••••");
        assert_eq!((mask_url(url, true), unmask_url(shown, url, true)), (shown.to_owned(), url.to_owned()));
        assert_eq!(mask_url("https://a.test/x?token=••••", false), "https://a.test/x?token=••••");
        let other = unmask_url("https://a.test/?b=2&token=••••&token=••••", "https://a.test/?token=abc", false);
        assert_eq!(other, "https://a.test/?b=2&token=abc&token=••••");
        assert!(has_mask(&other));
    }
}
