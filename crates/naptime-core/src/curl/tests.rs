use super::*;

fn read(command: &str) -> Curl {
    Curl::read(command).unwrap_or_else(|fault| panic!("{command}: {}", fault.detail))
}

fn headers(curl: &Curl) -> Vec<String> {
    curl.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect()
}

#[test]
fn a_command_is_read_as_curl_reads_it() {
    let plain = read("curl https://example.com/a");
    assert_eq!((plain.url.as_str(), plain.method, plain.body.as_deref()), ("https://example.com/a", Method::Get, None));
    let post = read("$ curl -sSfX PUT 'https://example.com/a?b=c' \\\n  -H 'Accept: text/plain' -m 2.5");
    assert_eq!((post.method, post.timeout), (Method::Put, Some(Duration::from_millis(2_500))));
    assert_eq!(headers(&post), ["Accept: text/plain"]);
    let form = read("curl example.com -d a=1 --data-urlencode 'b=c d' -u me:secret");
    assert_eq!(
        (form.url.as_str(), form.method, form.body.as_deref()),
        ("http://example.com", Method::Post, Some("a=1&b=c+d"))
    );
    let basic = "Authorization: Basic bWU6c2VjcmV0";
    assert_eq!(headers(&form), [basic, "Content-Type: application/x-www-form-urlencoded"]);
    let json = read(r#"/usr/bin/curl --json '{"a": "it'\''s"}' https://example.com"#);
    assert_eq!(json.body.as_deref(), Some(r#"{"a": "it's"}"#));
    assert_eq!(headers(&json), ["Content-Type: application/json", "Accept: application/json"]);
    assert_eq!(read("curl -G https://example.com/?a=1 -d b=2").url, "https://example.com/?a=1&b=2");
    assert_eq!(read("curl -I https://example.com").method, Method::Head);
    assert_eq!(
        headers(&read("curl https://example.com -H 'X-Empty;' -H Expect: -b sid=1")),
        ["X-Empty: ", "Cookie: sid=1"]
    );
}

#[test]
fn what_means_nothing_here_is_told() {
    let curl = read("curl -L -o page.html -D /dev/null --retry 3 https://example.com >> /var/log/cron.log 2>&1");
    let expect = ["-L (redirects are not followed)", "-o page.html", "what follows `>>`"];
    assert_eq!((curl.left_out, curl.retries), (expect.map(str::to_owned).to_vec(), Some(3)));
}

#[test]
fn what_cannot_be_done_is_refused_by_name() {
    for (command, code, detail) in [
        ("wget https://example.com", "no_curl", "begins with `wget`"),
        ("", "no_curl", "begins with ``"),
        ("curl", "no_url", "names no address"),
        ("curl 'https://example.com", "open_quote", "not closed"),
        ("curl https://a.test https://b.test", "several", "`https://b.test`"),
        ("curl https://a.test -d @file", "file", "`-d @file` reads a file"),
        ("curl https://a.test -b jar", "file", "`-b` reads a file"),
        ("curl https://a.test -F a=b", "unsupported", "`-F`: files cannot be sent"),
        ("curl https://a.test --proxy p", "unsupported", "`--proxy`"),
        ("curl https://a.test --nonsense", "unknown_option", "`--nonsense`"),
        ("curl https://a.test -sQ", "unknown_option", "`-Q`"),
        ("curl https://a.test -X", "no_value", "`-X` has no value"),
        ("curl https://a.test -X FETCH", "unknown_method", "FETCH"),
        ("curl https://a.test -m soon", "not_a_number", "`-m soon`"),
        ("curl https://a.test -m 0", "not_a_number", "`-m 0`"),
        ("curl https://a.test -H nothing", "no_header", "`nothing` is no header"),
        ("curl https://a.test -d $'\\xff'", "bad_escape", "no character"),
        ("curl https://a.test --digest", "unsupported", "only the basic one"),
        ("curl https://a.test --retry often", "not_a_number", "`--retry often`"),
    ] {
        let fault = Curl::read(command).expect_err(command);
        assert!(fault.code == code && fault.detail.contains(detail), "{command}: {} {}", fault.code, fault.detail);
        assert_eq!(fault.field, "curl");
    }
}
