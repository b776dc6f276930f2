//! What was done, said once on the page that follows.
//!
//! A form that was sent leads to a page. The word for what was done travels in a cookie, so that addresses stay as they
//! are, and whoever loads the page again is not told again.

use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use http::{Method, StatusCode};
use maud::{Markup, html};

const NAME: &str = "naptime_done";
/// The page that says it is loaded at once.
const LASTS: Duration = Duration::from_secs(20);

/// What is said of forms that were sent to an address that ends so.
const WORDS: [(&str, &str); 12] = [
    ("new", "Added."),
    ("edit", "Saved."),
    ("switch", "Switched."),
    ("call", "It is called now."),
    ("delete", "Deleted."),
    ("restore", "Restored. It is switched off."),
    ("resume", "The pause is over."),
    ("retry", "It is called again."),
    ("cancel", "Cancelled."),
    ("mutes", "Muted."),
    ("acknowledge", "Acknowledged."),
    ("test", "A test is on its way."),
];

tokio::task_local! {
    static SAID: &'static str;
}

/// Says on a page what the form before it did.
pub(crate) async fn tell(jar: CookieJar, request: Request, next: Next) -> Response {
    if request.method() != Method::GET {
        let path = request.uri().path();
        // What is done to many says itself to how many.
        let word = path.rsplit('/').next().filter(|_| !path.contains("/bulk/")).and_then(known);
        let response = next.run(request).await;
        let Some((word, _)) = word.filter(|_| response.status() == StatusCode::SEE_OTHER) else { return response };
        let cookie = Cookie::build((NAME, word))
            .path("/")
            .max_age(LASTS.try_into().unwrap_or_default())
            .http_only(true)
            .same_site(SameSite::Lax);
        return (CookieJar::new().add(cookie), response).into_response();
    }
    let Some((_, text)) = jar.get(NAME).and_then(|cookie| known(cookie.value())) else {
        return next.run(request).await;
    };
    let response = SAID.scope(text, next.run(request)).await;
    (jar.remove(Cookie::build(NAME).path("/")), response).into_response()
}

fn known(word: &str) -> Option<(&'static str, &'static str)> {
    WORDS.into_iter().find(|(known, _)| *known == word)
}

/// What is to be said on this page, if anything.
pub(super) fn said() -> Markup {
    html! {
        @if let Ok(text) = SAID.try_with(|text| *text) { div.notice.good role="status" { p { (text) } } }
    }
}
