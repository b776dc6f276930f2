//! The documentation of the API, made from its document: what there is, by what it is about, and the types below.

use std::sync::LazyLock;

use axum::extract::State;
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::schema;
use crate::app::Shared;
use crate::kit::layout::{Layout, Tab};

/// All but the frame, which is the same for everybody.
static BODY: LazyLock<Markup> = LazyLock::new(|| {
    // It is the JSON that was made of the document.
    body(&serde_json::from_str(&super::JSON).unwrap_or_default())
});

pub(super) async fn show(State(app): State<Shared>) -> Markup {
    Layout::new(&app, Tab::None, "API").page(&BODY)
}

fn body(document: &Value) -> Markup {
    let tags: Vec<&Value> = items(&document["tags"]).collect();
    html! {
        h1 { "API" }
        p { (prose(text(&document["info"]["description"]))) }
        p {
            "The same for programs, as OpenAPI 3.1: " a href="/api/openapi.json" { code { "/api/openapi.json" } } ". "
            "With a token, send " code { "Authorization: Bearer …" } "."
        }
        nav aria-label="On this page" {
            ul.plain {
                @for tag in &tags { li { a href={ "#" (text(&tag["name"])) } { (text(&tag["name"])) } ": " (prose(text(&tag["description"]))) } }
                li { a href="#types" { "types" } ": What is sent and answered." }
            }
        }
        @for tag in &tags {
            section aria-labelledby=(text(&tag["name"])) {
                h2 id=(text(&tag["name"])) { (text(&tag["name"])) }
                @for (path, method, operation) in operations(document, text(&tag["name"])) { (described(path, method, operation)) }
            }
        }
        section aria-labelledby="types" {
            h2 #types { "types" }
            @for (name, schema) in fields(&document["components"]["schemas"]) {
                details.described id={ "type-" (name) } {
                    summary { code { (name) } }
                    (schema::whole(schema))
                }
            }
        }
    }
}

/// The operations of a tag, each with its path and method.
fn operations<'a>(document: &'a Value, tag: &str) -> impl Iterator<Item = (&'a str, &'a str, &'a Value)> {
    let all = fields(&document["paths"])
        .flat_map(|(path, item)| fields(item).map(move |(method, operation)| (path, method, operation)));
    all.filter(move |(_, _, operation)| items(&operation["tags"]).any(|found| found == tag))
}

fn described(path: &str, method: &str, operation: &Value) -> Markup {
    let content = &operation["requestBody"]["content"];
    html! {
        details.described id=(text(&operation["operationId"])) {
            summary {
                span.method { (method.to_uppercase()) } " " code { (path) } " "
                span.dim { (prose(text(&operation["summary"]))) }
            }
            @if let Some(more) = operation["description"].as_str() { p { (prose(more)) } }
            @if items(&operation["parameters"]).next().is_some() {
                div.scroll {
                    table {
                        thead { tr { th { "Parameter" } th { "In" } th { "Is" } th { "Means" } } }
                        tbody {
                            @for parameter in items(&operation["parameters"]) {
                                tr {
                                    td { code { (text(&parameter["name"])) } }
                                    td { (text(&parameter["in"])) }
                                    td { (schema::kind(&parameter["schema"])) }
                                    td { (prose(text(&parameter["description"]))) }
                                }
                            }
                        }
                    }
                }
            }
            @for (kind, body) in fields(content) {
                p { "Takes " code { (kind) } ": " (schema::kind(&body["schema"])) }
                @if !body["example"].is_null() { pre { (format!("{:#}", body["example"])) } }
            }
            ul.plain {
                @for (status, answer) in fields(&operation["responses"]) {
                    li {
                        strong { (status) } " " (prose(text(&answer["description"])))
                        @for (_, body) in fields(&answer["content"]) { ": " (schema::kind(&body["schema"])) }
                    }
                }
            }
        }
    }
}

/// A text of the document, in which what stands between backticks is code.
pub(super) fn prose(text: &str) -> Markup {
    html! {
        @for (number, part) in text.split('`').enumerate() {
            @if number % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub(super) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

pub(super) fn fields(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter).map(|(name, value)| (name.as_str(), value))
}
