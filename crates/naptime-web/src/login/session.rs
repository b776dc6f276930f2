//! The cookie of who is logged in: a random secret, of which the store has a keyed hash. So a cookie of another
//! deployment, or of another password, is not found; and a session ends for all when it is removed from the store.

use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use http::HeaderMap;
use naptime_store::sessions::{SESSION_LENGTH, SessionId};

use super::password::Key;
use crate::http::client::came_by_https;

/// The name of the cookie where the browser speaks https. Browsers take a cookie of this prefix from this host alone, by
/// https, for all paths; so no other host of its domain can plant one.
const HTTPS_NAME: &str = "__Host-naptime_session";
const HTTP_NAME: &str = "naptime_session";

/// The sessions that these headers carry. Usually there is one at most; a browser on this machine may send one of each
/// name.
pub(super) fn ids(key: &Key, headers: &HeaderMap) -> Vec<SessionId> {
    let jar = CookieJar::from_headers(headers);
    let names = if came_by_https(headers) { &[HTTPS_NAME][..] } else { &[HTTPS_NAME, HTTP_NAME] };
    let secrets = names.iter().filter_map(|name| jar.get(name)?.value().as_bytes().try_into().ok());
    secrets.map(|secret| SessionId(key.hash(secret))).collect()
}

/// A new session, and the cookie of it.
pub(super) fn begin(key: &Key, headers: &HeaderMap) -> (SessionId, CookieJar) {
    let random: [u8; 32] = rand::random();
    let text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let secret = text.as_bytes().try_into().expect("two digits for each of 32 bytes");
    let id = SessionId(key.hash(secret));
    let https = came_by_https(headers);
    let cookie = Cookie::build((if https { HTTPS_NAME } else { HTTP_NAME }, text))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(https)
        .max_age(SESSION_LENGTH.try_into().unwrap_or_default());
    (id, CookieJar::new().add(cookie))
}

/// Takes the cookies of sessions from the browser.
pub(super) fn forget(headers: &HeaderMap) -> CookieJar {
    let jar = CookieJar::from_headers(headers);
    // Browsers take one with that prefix only so.
    let jar = jar.remove(Cookie::build(HTTPS_NAME).path("/").secure(true));
    jar.remove(Cookie::build(HTTP_NAME).path("/"))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use http::{HeaderValue, header};

    use super::*;
    use crate::Secret;
    use crate::login::password::Password;

    async fn key() -> Key {
        Password::new(&Secret::new("open sesame, please"), [1; 16]).await.key().clone()
    }

    fn with(name: &'static str, value: &str) -> HeaderMap {
        [(http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())].into_iter().collect()
    }

    fn set_cookie(jar: CookieJar) -> String {
        (jar, ()).into_response().headers()[header::SET_COOKIE].to_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn a_cookie_is_the_session_it_was_made_for() {
        let key = key().await;
        let (id, jar) = begin(&key, &HeaderMap::new());
        let set = set_cookie(jar);
        let cookie = set.split(';').next().unwrap();
        assert_eq!(ids(&key, &with("cookie", cookie)), [id]);
        let (another, _) = begin(&key, &HeaderMap::new());
        assert_ne!(id, another);
        let cut = &cookie[..cookie.len() - 1];
        for wrong in ["", "naptime_session=", cut, &format!("{cookie}0"), &cookie.replace("naptime", "other")] {
            assert_eq!(ids(&key, &with("cookie", wrong)), [], "{wrong}");
        }
    }

    #[tokio::test]
    async fn the_cookie_is_kept_from_scripts_other_sites_and_plain_http() {
        let key = key().await;
        let https = with("x-forwarded-proto", "https");
        let (id, jar) = begin(&key, &https);
        let set = set_cookie(jar);
        for part in ["__Host-naptime_session=", "HttpOnly", "SameSite=Lax", "Secure", "Path=/", "Max-Age=1209600"] {
            assert!(set.contains(part), "{part} in {set}");
        }
        assert!(!set.contains("Domain"), "{set}");
        let plain = set_cookie(begin(&key, &HeaderMap::new()).1);
        assert!(plain.starts_with("naptime_session=") && !plain.contains("Secure"), "{plain}");

        // Another host of the domain can plant a cookie without the prefix.
        let cookie = set.split(';').next().unwrap();
        const PROTO: header::HeaderName = header::HeaderName::from_static("x-forwarded-proto");
        let read = |cookie: &str, https: bool| {
            let mut headers = with("cookie", cookie);
            headers.extend(https.then(|| (Some(PROTO), HeaderValue::from_static("https"))));
            ids(&key, &headers)
        };
        let planted = cookie.replace("__Host-", "");
        assert_eq!(read(cookie, true), [id]);
        assert_eq!(read(&planted, true), []);
        assert_eq!(read(&format!("{planted}; {cookie}"), true), [id]);
        assert_eq!(read(&planted, false), [id]);
    }
}
