//! The web under a path of another app.
//!
//! Everything else here takes itself to be at `/`, and one place knows better, as a proxy would: on the way in, axum takes
//! the path off; on the way out, it is put before the addresses in `Location` and in pages.
//!
//! In a page, an address is the value of an attribute that holds one, and such a value begins with `="/`. No text that
//! somebody typed can look like it: `maud` writes each `"` that is not part of a template as `&quot;`. Scripts know no
//! addresses: they go by those in the page. Cookies are for the whole host, as browsers want it of the `__Host-` ones.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use tokio_util::sync::CancellationToken;

use super::serve::Ending;

/// The attributes that hold addresses of this server.
const ATTRIBUTES: [&str; 5] = ["href", "src", "action", "formaction", "data-preview"];
/// Where the API describes itself.
const DOCUMENT: &str = "/api/openapi.json";

/// Where the web is, and until when.
#[derive(Clone)]
struct Mount {
    /// Such as `/naptime`; empty for `/`.
    base: Arc<str>,
    /// What its streams end with.
    ending: CancellationToken,
}

/// The web as a part of another app: under the path `base`, such as `/naptime`, or at `/` if that is empty. Whoever serves
/// it has each of its streams end with `ending`; no other answer takes long.
///
/// Its pages are not compressed: the app may compress what it sends.
///
/// # Panics
/// If `base` is neither empty nor a path of plain segments without a `/` at its end.
pub fn mounted(web: Router, base: &str, ending: CancellationToken) -> Router {
    let mount = Mount { base: base.into(), ending };
    let web = web.layer(from_fn_with_state(mount, answer));
    // As a service, so that `base` itself, with and without a `/` at its end, is the first page.
    if base.is_empty() { web } else { Router::new().nest_service(base, web) }
}

async fn answer(State(Mount { base, ending }): State<Mount>, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(Ending(ending));
    if base.is_empty() {
        return next.run(request).await;
    }
    let is_document = request.uri().path() == DOCUMENT;
    // What is compressed cannot be looked through.
    request.headers_mut().remove(header::ACCEPT_ENCODING);
    let mut response = next.run(request).await;
    // It would hold for the whole host, which is the app's.
    response.headers_mut().remove(header::STRICT_TRANSPORT_SECURITY);
    if let Some(location) = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok())
        && location.starts_with('/')
        && let Ok(location) = HeaderValue::try_from(format!("{base}{location}"))
    {
        response.headers_mut().insert(header::LOCATION, location);
    }
    let kind = response.headers().get(header::CONTENT_TYPE);
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html")) {
        rewritten(response, |page| page_under(&base, page)).await
    } else if is_document && response.status() == StatusCode::OK {
        rewritten(response, |document| document_under(&base, document)).await
    } else {
        response
    }
}

/// An answer with another body.
async fn rewritten(response: Response, rewrite: impl FnOnce(&str) -> String) -> Response {
    let (mut parts, body) = response.into_parts();
    // It is a text that was made here and is in memory already.
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(rewrite(&String::from_utf8_lossy(&body))))
}

/// A page with its addresses under `base`.
fn page_under(base: &str, page: &str) -> String {
    let mut under = String::with_capacity(page.len() + page.len() / 8);
    let mut rest = page;
    while let Some(at) = rest.find("=\"/") {
        let (before, name) = rest[..at].rsplit_once(' ').unwrap_or(("", &rest[..at]));
        under.push_str(&rest[..at + 2]);
        if !before.is_empty() && ATTRIBUTES.contains(&name) {
            under.push_str(base);
        }
        rest = &rest[at + 2..];
    }
    under.push_str(rest);
    under
}

/// The description of the API, with where that is: its paths are relative to it.
fn document_under(base: &str, document: &str) -> String {
    match document.strip_prefix('{') {
        Some(rest) => format!("{{\"servers\":[{{\"url\":\"{base}\"}}],{rest}"),
        None => document.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use axum::response::Redirect;
    use axum::routing::get;
    use hyper::service::Service;
    use hyper_util::service::TowerToHyperService;
    use maud::html;

    use super::*;
    use crate::openapi;

    fn check(page: maud::Markup, expect: &str) {
        assert_eq!(page_under("/naptime", &page.into_string()), expect);
    }

    #[test]
    fn addresses_of_links_forms_and_files_are_led_under_the_path() {
        check(html! { a.x href="/" { "/" } }, r#"<a class="x" href="/naptime/">/</a>"#);
        check(
            html! { form method="post" action="/a" { button formaction="/b" data-preview="/c" {} img src="/d"; } },
            concat!(
                r#"<form method="post" action="/naptime/a"><button formaction="/naptime/b" data-preview="/naptime/c">"#,
                r#"</button><img src="/naptime/d"></form>"#
            ),
        );
        check(
            html! { a href="#main" { "x" } a href="https://a.test/" {} },
            r##"<a href="#main">x</a><a href="https://a.test/"></a>"##,
        );
    }

    #[test]
    fn what_somebody_typed_stays_as_it_is() {
        let typed = " href=\"/x\"";
        check(html! { p title=(typed) { (typed) } }, "<p title=\" href=&quot;/x&quot;\"> href=&quot;/x&quot;</p>");
        check(html! { input name="next" value="/endpoints"; }, r#"<input name="next" value="/endpoints">"#);
    }

    #[tokio::test]
    async fn requests_come_without_the_path_and_redirects_leave_with_it() {
        let web = Router::new()
            .route("/", get(async || "first"))
            .route("/there", get(async |request: Request| request.uri().to_string()))
            .route("/away", get(async || Redirect::to("/there?x=1")));
        let app = mounted(web, "/a/b", CancellationToken::new()).route("/", get(async || "another's"));
        let ask = async |path: &str| {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let response = TowerToHyperService::new(app.clone()).call(request).await.unwrap();
            let location = response.headers().get(header::LOCATION).map(|value| value.to_str().unwrap().to_owned());
            let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
            (String::from_utf8(body.to_vec()).unwrap(), location)
        };
        assert_eq!(ask("/").await.0, "another's");
        assert_eq!((ask("/a/b").await.0, ask("/a/b/").await.0), ("first".to_owned(), "first".to_owned()));
        assert_eq!(ask("/a/b/there?x=1").await.0, "/there?x=1");
        assert_eq!(ask("/a/b/away").await.1.as_deref(), Some("/a/b/there?x=1"));
    }

    #[test]
    fn the_document_says_where_the_api_is() {
        let document: serde_json::Value = serde_json::from_str(&document_under("/naptime", &openapi::JSON)).unwrap();
        assert_eq!(document["servers"][0]["url"], "/naptime");
        assert_eq!(document["openapi"], serde_json::from_str::<serde_json::Value>(&openapi::JSON).unwrap()["openapi"]);
        assert!(!openapi::JSON.contains("\"servers\":"), "it would be there twice");
    }
}
