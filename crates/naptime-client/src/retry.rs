//! Whether a refused request is sent again, and when.

use std::time::Duration;

use reqwest::Method;

use crate::error::ProblemDocument;

/// The shortest pause. `Retry-After` counts whole seconds, and may say 0.
const SHORTEST: Duration = Duration::from_millis(200);
/// The codes of a 503 that was given before anything was done.
const NOTHING_DONE: [&str; 2] = ["busy", "not_writable"];

/// How long to wait before the request is sent again; none if it is not.
///
/// Only what says `Retry-After` is tried again. A `POST` that got as far as the database may have had its effect though
/// the answer is 503, so it is sent again only if the code says that it did not.
pub(crate) fn pause(method: &Method, problem: &ProblemDocument) -> Option<Duration> {
    let again = match problem.status {
        429 => true,
        503 => method != Method::POST || NOTHING_DONE.contains(&&*problem.code),
        _ => false,
    };
    problem.retry_after.filter(|_| again).map(|wait| wait.max(SHORTEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_had_no_effect_is_sent_again() {
        let check = |method: Method, status: u16, code: &str, retry_after: Option<u64>, expect: Option<u64>| {
            let json = format!(r#"{{"status": {status}, "code": "{code}", "detail": ""}}"#);
            let problem: ProblemDocument = serde_json::from_str(&json).unwrap();
            let problem = ProblemDocument { retry_after: retry_after.map(Duration::from_secs), ..problem };
            assert_eq!(pause(&method, &problem), expect.map(Duration::from_millis), "{method} {status} {code}");
        };
        check(Method::GET, 503, "unavailable", Some(5), Some(5_000));
        check(Method::DELETE, 503, "unavailable", Some(5), Some(5_000));
        check(Method::POST, 503, "unavailable", Some(5), None);
        check(Method::POST, 503, "busy", Some(0), Some(200));
        check(Method::POST, 429, "too_many_attempts", Some(2), Some(2_000));
        check(Method::GET, 503, "unavailable", None, None);
        check(Method::GET, 500, "internal", Some(5), None);
        check(Method::GET, 409, "stale", Some(5), None);
    }
}
