//! A call as a command for a shell.

use naptime_core::{Method, Spec};

use crate::kit::{format, mask};

/// The command that makes the same call, as the job is set up: without the headers of its pool and without a signature.
/// Credentials are masked in it. Mail and handlers have none.
pub(super) fn command(spec: &Spec) -> Option<String> {
    if !spec.endpoint.is_http() {
        return None;
    }
    let request = &spec.request;
    let body = mask::body(request).filter(|_| request.method != Method::Head);
    let mut parts = Vec::new();
    match (request.method, body) {
        (Method::Get, None) => {}
        (Method::Head, _) => parts.push("--head".to_owned()),
        (method, _) => parts.push(format!("--request {method}")),
    }
    let url = spec.shown_endpoint().to_string();
    if url.contains(['[', ']', '{', '}']) {
        // To curl these mean several addresses.
        parts.push("--globoff".to_owned());
    }
    parts.push(quoted(&url));
    parts.extend(mask::masked(&request.headers).iter().map(|(name, value)| {
        // An empty one is written with a semicolon.
        let header = if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") };
        format!("--header {}", quoted(&header))
    }));
    if let Some(body) = body {
        if !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            // Or else curl sends that of a form.
            parts.push("--header 'Content-Type:'".to_owned());
        }
        parts.push(format!("--data-raw {}", quoted(body)));
    }
    parts.push(format!("--max-time {}", request.timeout.as_secs_f64()));
    Some(format!("curl {}", parts.join(" \\\n  ")))
}

/// A word for a shell such as bash. What does something when it is pasted into a terminal, or hides what stands there, is
/// spelled out.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c == '\n' || format::is_harmless(c);
    if text.chars().all(is_plain) {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    let spelled = text.chars().map(|c| match c {
        '\'' | '\\' => format!("\\{c}"),
        c if is_plain(c) => c.to_string(),
        c if c.is_ascii() => format!("\\x{:02x}", u32::from(c)),
        c => format!("\\u{:04x}", u32::from(c)),
    });
    format!("$'{}'", spelled.collect::<String>())
}

#[cfg(test)]
mod tests {
    use naptime_core::{Endpoint, Headers, JobId, Request, Schedule};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_does_something_to_a_terminal_is_spelled_out() {
        assert_eq!(quoted("it's\nfine"), "'it'\\''s\nfine'");
        assert_eq!(quoted("a'\u{1b}[201~\r\0\u{202e}\\"), r"$'a\'\x1b[201~\x0d\x00\u202e\\'");
    }

    #[test]
    fn a_call_is_a_command() {
        let id = JobId::from(Uuid::nil());
        let every = Schedule::every(std::time::Duration::from_secs(60), id);
        let endpoint = Endpoint::parse("https://foobar.net/a?b='c'&token=open-sesame").unwrap();
        let mut spec = Spec::new(endpoint, every);
        assert_eq!(command(&spec).unwrap(), "curl 'https://foobar.net/a?b=%27c%27&token=••••' \\\n  --max-time 30");
        let headers = [("X-One", "it's"), ("Authorization", "Bearer abcdefgh")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        spec.request = Request {
            method: Method::Post,
            headers: Headers::new(headers).unwrap(),
            body: Some("{\"a\": '1'}".to_owned()),
            ..spec.request
        };
        let lines = command(&spec).unwrap();
        let expect = [
            "curl --request POST",
            "'https://foobar.net/a?b=%27c%27&token=••••'",
            r"--header 'X-One: it'\''s'",
            "--header 'Authorization: ••••'",
            "--header 'Content-Type:'",
            r#"--data-raw '{"a": '\''1'\''}'"#,
            "--max-time 30",
        ];
        assert_eq!(lines.split(" \\\n  ").collect::<Vec<_>>(), expect);
        spec.endpoint = Endpoint::parse("https://foobar.net/?ids[]=1").unwrap();
        spec.request = Request { method: Method::Head, headers: Headers::default(), ..spec.request };
        let lines = command(&spec).unwrap();
        assert_eq!(lines, "curl --head \\\n  --globoff \\\n  'https://foobar.net/?ids[]=1' \\\n  --max-time 30");
    }
}
