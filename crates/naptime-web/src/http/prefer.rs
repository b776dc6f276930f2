//! `Prefer: return=minimal` (RFC 7240): whoever changes a thing and does not want to read all of it is told its id and
//! revision alone.

use axum::Json;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const MINIMAL: &str = "return=minimal";

/// What is left of an answer. A handler puts it beside what it answers, as an extension.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct Minimal {
    pub(crate) id: Uuid,
    pub(crate) rev: i64,
}

/// Cuts answers to changes that want it short.
pub(crate) async fn minimal(request: Request, next: Next) -> Response {
    let is_wanted = request.method() != Method::GET && is_wanted(request.headers());
    let mut response = next.run(request).await;
    let Some(minimal) = response.extensions_mut().remove::<Minimal>().filter(|_| is_wanted) else { return response };
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(PREFERENCE_APPLIED, HeaderValue::from_static(MINIMAL));
    let body = Json(minimal).into_response().into_body();
    Response::from_parts(parts, body)
}

/// Whether it is among the preferences, which come in several headers or with commas between.
fn is_wanted(headers: &HeaderMap) -> bool {
    let texts = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    let mut preferences = texts.flat_map(|text| text.split([',', ';'])).map(str::trim);
    preferences.any(|preference| preference.replace(['"', ' '], "").eq_ignore_ascii_case(MINIMAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_of_several_preferences() {
        let check = |values: &[&'static str], expect: bool| {
            let values = values.iter().map(|value| (PREFER, HeaderValue::from_static(value)));
            assert_eq!(is_wanted(&values.collect()), expect);
        };
        check(&[], false);
        check(&["return=minimal"], true);
        check(&["respond-async, Return=\"minimal\"; x=y"], true);
        check(&["respond-async", "return = minimal"], true);
        check(&["return=representation"], false);
        check(&["minimal"], false);
    }
}
