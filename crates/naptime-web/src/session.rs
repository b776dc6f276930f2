//! Who is logged in: a signed cookie that says until when. Nothing is kept on the server, so any web process that knows
//! the password knows the session, and a new password ends all of them.

use std::time::Duration;

use axum_extra::extract::SignedCookieJar;
use axum_extra::extract::cookie::{Cookie, Key, SameSite};
use http::HeaderMap;
use naptime_core::Time;

use crate::Secret;

const NAME: &str = "naptime_session";
/// How long a login lasts.
const LASTS: Duration = Duration::from_secs(14 * 24 * 3600);

/// Makes and checks session cookies.
pub(crate) struct Sessions(Key);

impl Sessions {
    /// Sessions of those who know the password.
    pub(crate) fn new(password: &Secret) -> Self {
        Self(Key::from(&password.derive("naptime session cookie v1")))
    }

    /// Whether the request carries a session that is valid at `now`.
    pub(crate) fn valid(&self, headers: &HeaderMap, now: Time) -> bool {
        // The cookie's signature covers its value only, and nothing else is ever signed with this key.
        let jar = SignedCookieJar::from_headers(headers, self.0.clone());
        let until = jar.get(NAME).and_then(|cookie| cookie.value().parse().ok()).map(Time::from_millis);
        // One that outlasts every session was not made here.
        until.is_some_and(|until| until > now && until <= now + LASTS + Duration::from_secs(3600))
    }

    /// The cookie of a session that begins at `now`.
    pub(crate) fn begin(&self, headers: &HeaderMap, now: Time) -> SignedCookieJar {
        let until = now + LASTS;
        let cookie = Cookie::build((NAME, until.millis().to_string()))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(came_by_https(headers))
            .max_age(LASTS.try_into().unwrap_or_default());
        self.empty().add(cookie)
    }

    /// The cookie that ends a session in the browser.
    pub(crate) fn end(&self, headers: &HeaderMap) -> SignedCookieJar {
        let jar = SignedCookieJar::from_headers(headers, self.0.clone());
        jar.remove(Cookie::build(NAME).path("/"))
    }

    fn empty(&self) -> SignedCookieJar {
        SignedCookieJar::new(self.0.clone())
    }
}

/// Whether the browser speaks https, be it to the proxy before us. A forged header makes the cookie stricter only.
fn came_by_https(headers: &HeaderMap) -> bool {
    let proto = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok()).unwrap_or("");
    proto.split(',').next().is_some_and(|first| first.trim().eq_ignore_ascii_case("https"))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use http::{HeaderValue, header};

    use super::*;

    fn set_cookie(sessions: &Sessions, now: Time, proto: &'static str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-proto", HeaderValue::from_static(proto));
        let response = (sessions.begin(&headers, now), ()).into_response();
        response.headers()[header::SET_COOKIE].to_str().unwrap().to_owned()
    }

    fn valid(sessions: &Sessions, cookie: &str, now: Time) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_str(cookie).unwrap());
        sessions.valid(&headers, now)
    }

    #[test]
    fn a_session_lasts_two_weeks_and_cannot_be_forged() {
        let (sessions, now) = (Sessions::new(&Secret::new("a")), Time::from_millis(1_800_000_000_000));
        let set = set_cookie(&sessions, now, "http");
        let cookie = set.split(';').next().unwrap();
        assert!(valid(&sessions, cookie, now));
        assert!(valid(&sessions, cookie, now + LASTS - Duration::from_secs(1)));
        assert!(!valid(&sessions, cookie, now + LASTS));
        assert!(!valid(&Sessions::new(&Secret::new("b")), cookie, now), "another password, another key");
        assert!(!valid(&sessions, &cookie.replace("180", "190"), now), "a changed value");
        assert!(!valid(&sessions, "naptime_session=1900000000000", now), "an unsigned value");
    }

    #[test]
    fn the_cookie_is_kept_from_scripts_other_sites_and_plain_http() {
        let sessions = Sessions::new(&Secret::new("a"));
        let set = set_cookie(&sessions, Time::from_millis(0), "https");
        for attribute in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/", "Max-Age=1209600"] {
            assert!(set.contains(attribute), "{attribute} in {set}");
        }
        assert!(!set_cookie(&sessions, Time::from_millis(0), "http").contains("Secure"));
    }
}
