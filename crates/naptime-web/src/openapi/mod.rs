//! The API described for programs, as OpenAPI 3.1. It is made of what serves the API: the routes and answers are those of
//! the handlers, and the fields of requests are those that their readers ask for.

pub(crate) mod bodies;
pub(crate) mod codes;
mod page;
mod schema;
mod words;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::Router;
use axum::routing::get;
use http::{StatusCode, header};
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Content, HeaderBuilder, InfoBuilder, OpenApi, PathItem, Ref, RefOr, Response, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema, openapi};
use utoipa_axum::router::OpenApiRouter;

use crate::api;
use crate::app::Shared;
use crate::http::prefer::Minimal;
use crate::http::problem::Document;

/// The content type of problem documents.
const PROBLEM: &str = "application/problem+json";

/// What the tags of operations stand for, in the order of the documentation.
const TAGS: [(&str, &str); 8] = [
    ("endpoints", "URLs that are called again and again."),
    ("jobs", "One-off calls."),
    ("runs", "What came of calls."),
    ("pools", "Hosts, with what is true of all their endpoints."),
    ("rules", "What events from elsewhere do to endpoints."),
    ("standing", "How things stand: problems, SLAs, load, workers."),
    ("alerts", "Who is told of problems, and what is muted."),
    ("documents", "All of it as one document that is kept in a file."),
];

/// The documentation for people.
pub(crate) fn pages() -> Router<Shared> {
    Router::new().route("/docs", get(page::show))
}

/// The document, behind the same login as what it describes, so that there is one rule for all of the API.
pub(crate) fn api() -> Router<Shared> {
    Router::new().route("/openapi.json", get(async || ([(header::CONTENT_TYPE, "application/json")], JSON.as_str())))
}

/// How much is answered.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "the field is for the document only")]
struct PreferHeader {
    /// `return=minimal`: of the endpoint or job, only `id` and `rev` are answered.
    #[param(required = false, rename = "Prefer", example = "return=minimal")]
    prefer: String,
}

/// The whole document.
pub(crate) static DOCUMENT: LazyLock<OpenApi> =
    LazyLock::new(|| complete(OpenApiRouter::new().nest("/api", api::routes()).into_openapi()));

/// The document as it is sent.
pub(crate) static JSON: LazyLock<String> = LazyLock::new(|| {
    // A document is texts and lists of them.
    serde_json::to_string(&*DOCUMENT).unwrap_or_default()
});

/// Adds what is true of all operations.
fn complete(mut document: OpenApi) -> OpenApi {
    let about = "Schedules HTTP calls. Durations are texts such as `1h 30m`, times are RFC 3339. Lists come in pages: \
                 `next_cursor` of one is the `cursor` of the next. Errors are problem documents (RFC 9457) with a `code`.";
    document.info = InfoBuilder::new()
        .title("Naptime")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(about))
        .license(Some(openapi::License::new("MIT")))
        .build();
    let tag = |(name, about)| TagBuilder::new().name(name).description(Some(about)).build();
    document.tags = Some(TAGS.map(tag).into());
    let components = document.components.get_or_insert_default();
    components.schemas.insert(Document::name().into_owned(), Document::schema());
    components.schemas.insert(Minimal::name().into_owned(), Minimal::schema());
    let mut schemas = Vec::new();
    Document::schemas(&mut schemas);
    components.schemas.extend(schemas);
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.security_schemes.insert("token".to_owned(), bearer.into());
    // Without a password and a token, nothing is asked for.
    let token = SecurityRequirement::new::<_, [String; 0], String>("token", []);
    document.security = Some(vec![token, SecurityRequirement::default()]);
    let paths = std::mem::take(&mut document.paths.paths);
    document.paths.paths = paths
        .into_iter()
        // A pool may have slashes, which the document has encoded.
        .map(|(path, item)| (path.replace("{*", "{"), item))
        .map(|(path, mut item)| {
            let has_name = path.contains('{');
            operations(&mut item).for_each(|(operation, writes)| answer(operation, has_name, writes));
            (path, item)
        })
        .collect();
    document
}

/// The operations of a path, each with whether it changes anything.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (&mut Operation, bool)> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    let writes = [put, post, delete, patch].into_iter().flatten().map(|operation| (operation, true));
    get.iter_mut().map(|operation| (operation, false)).chain(writes)
}

/// Adds the problems that such an operation may be answered with, and says what the statuses mean.
fn answer(operation: &mut Operation, has_name: bool, writes: bool) {
    let mut problems = vec![400, 401, 403, 429, 500, 503];
    if has_name {
        problems.push(404);
    }
    if writes {
        problems.push(409);
    }
    if operation.request_body.is_some() {
        problems.extend([408, 413, 415, 422]);
    }
    let answers: &mut BTreeMap<_, _> = &mut operation.responses.responses;
    for status in problems {
        answers.entry(status.to_string()).or_insert_with(|| RefOr::T(Response::new("")));
    }
    // Said before anything of ours sees the request, so there is no document.
    let long_head = "The head is too long. There is no body.";
    answers.insert(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.as_str().to_owned(), RefOr::T(Response::new(long_head)));
    let mut is_cut = false;
    for (status, answer) in answers {
        let RefOr::T(answer) = answer else { continue };
        is_cut |= writes && cut(answer);
        let Some(status) = status.parse().ok().and_then(|status| StatusCode::from_u16(status).ok()) else { continue };
        if answer.description.is_empty() {
            answer.description = status.canonical_reason().unwrap_or_default().to_owned();
        }
        let has_document = status != StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        if has_document && (status.is_client_error() || status.is_server_error()) {
            let problem = Ref::from_schema_name(Document::name());
            answer.content.insert(PROBLEM.to_owned(), RefOr::T(Content::new(Some(problem))));
        }
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            let about = "The seconds after which to try again.";
            let header = HeaderBuilder::new().schema(Some(i64::schema())).description(Some(about)).build();
            answer.headers.insert("Retry-After".to_owned(), header.into());
        }
    }
    if is_cut {
        operation
            .parameters
            .get_or_insert_default()
            .extend(PreferHeader::into_params(|| None).into_iter().map(RefOr::T));
    }
}

/// Says of an answer with one endpoint or job that it may be shorter. Returns whether it is one.
fn cut(answer: &mut Response) -> bool {
    let (of, mut found) = (["Endpoint", "Job"].map(Ref::from_schema_name), false);
    for content in answer.content.values_mut() {
        let RefOr::T(Content { schema: Some(schema), .. }) = content else { continue };
        if of.iter().any(|of| *schema == RefOr::Ref(of.clone())) {
            let whole = std::mem::replace(schema, RefOr::T(Schema::default()));
            let minimal = Ref::from_schema_name(Minimal::name());
            *schema = AnyOfBuilder::new().item(whole).item(minimal).into();
            found = true;
        }
    }
    found
}
