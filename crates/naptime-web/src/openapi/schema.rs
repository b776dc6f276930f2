//! Schemas in words: what a value may be.

use maud::{Markup, html};
use serde_json::Value;

use super::page::{fields, items, prose, text};

/// A type with all there is to it.
pub(super) fn whole(schema: &Value) -> Markup {
    html! {
        @if let Some(about) = schema["description"].as_str() { @for line in about.lines().filter(|line| !line.is_empty()) { p { (prose(line)) } } }
        @if has_fields(schema) { (table(schema)) } @else { p { (kind(schema)) } }
    }
}

/// What a value may be, in a few words.
pub(super) fn kind(schema: &Value) -> Markup {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return html! { a href={ "#type-" (name) } { (name) } };
    }
    for (composed, between) in [("anyOf", " or "), ("oneOf", " or "), ("allOf", " with ")] {
        if schema[composed].is_array() {
            return html! {
                @for (at, part) in items(&schema[composed]).enumerate() { @if at > 0 { (between) } (kind(part)) }
            };
        }
    }
    if schema["enum"].is_array() {
        return html! { @for (at, value) in items(&schema["enum"]).enumerate() { @if at > 0 { ", " } code { (value) } } };
    }
    let names: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        several => items(several).map(text).collect(),
    };
    html! {
        @for (at, name) in names.iter().enumerate() {
            @if at > 0 { " or " }
            @match *name {
                "array" => { "list" @if !schema["items"].is_null() && schema["items"] != false { " of " (kind(&schema["items"])) } }
                "object" if has_fields(schema) => (table(schema)),
                other => (other),
            }
        }
        @if names.is_empty() { "anything" }
        @if let Some(format) = schema["format"].as_str().filter(|format| format.contains('-') || *format == "uuid") { " (" (format) ")" }
    }
}

fn has_fields(schema: &Value) -> bool {
    schema["properties"].is_object() || items(&schema["allOf"]).any(has_fields)
}

/// The fields of an object, those included that it takes over from others.
fn table(schema: &Value) -> Markup {
    html! {
        @for part in items(&schema["allOf"]).filter(|part| !has_fields(part)) { p { "All of " (kind(part)) ", and:" } }
        @for part in items(&schema["allOf"]).filter(|part| has_fields(part)) { (table(part)) }
        @if schema["properties"].is_object() {
            div.scroll {
                table {
                    thead { tr { th { "Field" } th { "Is" } th { "Means" } } }
                    tbody {
                        @for (name, field) in fields(&schema["properties"]) {
                            tr {
                                td {
                                    code { (name) }
                                    @if items(&schema["required"]).any(|required| required == name) { " (always)" }
                                }
                                td { (kind(field)) }
                                td { (prose(text(&field["description"]))) }
                            }
                        }
                    }
                }
            }
        }
    }
}
