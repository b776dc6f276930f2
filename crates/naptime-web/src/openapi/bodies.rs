//! What bodies of requests may be, made from what their readers ask for.

use naptime_core::duration;
use naptime_core::input::shape::{self, Asked, Kind};
use naptime_core::{Action, Template};
use utoipa::openapi::schema::{AdditionalProperties, AnyOfBuilder, ArrayBuilder, Object, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::words;
use crate::http::body::MAX_LINES;

/// Defines bodies: each with the word for what it is of, its shape, and whether what is required must be there.
macro_rules! bodies {
    ($($(#[$doc:meta])* $name:ident, $of:literal, $shape:path, $whole:literal;)*) => {
        $(
            $(#[$doc])*
            pub(crate) struct $name;

            impl ToSchema for $name {
                fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                    schemas.push((Template::name().into_owned(), Template::schema()));
                }
            }

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    let shape = $shape();
                    let required = if $whole { &shape.required[..] } else { &[] };
                    object($of, &shape.fields, required)
                }
            }
        )*

        /// All shapes there are, each with the word for what it is of.
        #[cfg(test)]
        pub(super) fn all() -> Vec<(&'static str, shape::Shape)> {
            vec![$(($of, $shape())),*]
        }
    };
}

bodies! {
    /// An endpoint as it is added, or put in place of another.
    NewEndpoint, "endpoint", shape::endpoint, true;
    /// What changes of an endpoint.
    EndpointChange, "endpoint", shape::endpoint, false;
    /// A one-off job that is asked for.
    NewJob, "job", shape::job, true;
    /// What changes of a pool.
    PoolChange, "pool", shape::pool, false;
    /// A rule as it is stored.
    NewRule, "rule", shape::rule, true;
    /// A receiver as it is stored.
    NewReceiver, "receiver", shape::receiver, true;
    /// What is to be muted.
    NewMute, "mute", shape::mute, true;
}

/// Defines what is one of these, or a list of them.
macro_rules! one_or_many {
    ($($(#[$doc:meta])* $name:ident of $one:ident;)*) => {
        $(
            $(#[$doc])*
            pub(crate) struct $name;

            impl ToSchema for $name {
                fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                    schemas.push(($one::name().into_owned(), $one::schema()));
                    $one::schemas(schemas);
                }
            }

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    let one = Ref::from_schema_name($one::name());
                    // An element that is wrong is refused alone, whatever it is.
                    let any = Object::builder().schema_type(SchemaType::AnyValue);
                    let many = ArrayBuilder::new().items(any).max_items(Some(MAX_LINES));
                    let many = many.description(Some(format!("A list of `{}`.", $one::name())));
                    AnyOfBuilder::new().item(one).item(many).into()
                }
            }
        )*
    };
}

one_or_many! {
    /// One endpoint or many.
    NewEndpoints of NewEndpoint;
    /// One job or many.
    NewJobs of NewJob;
}

/// What there is to be.
pub(crate) struct NewDocument;

impl ToSchema for NewDocument {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.extend([
            (NewEndpoint::name().into_owned(), NewEndpoint::schema()),
            (PoolChange::name().into_owned(), PoolChange::schema()),
            (NewRule::name().into_owned(), NewRule::schema()),
            (NewReceiver::name().into_owned(), NewReceiver::schema()),
        ]);
        NewRule::schemas(schemas);
    }
}

impl PartialSchema for NewDocument {
    fn schema() -> RefOr<Schema> {
        let things = |of: std::borrow::Cow<'static, str>, about: &str| {
            let thing = AdditionalProperties::RefOr(Ref::from_schema_name(of).into());
            Object::builder().additional_properties(Some(thing)).description(Some(about))
        };
        let project = Object::builder().schema_type(Type::String).min_length(Some(1)).max_length(Some(100));
        let project =
            project.description(Some("Whose endpoints these are: a pruning deletes what is of the same project."));
        Object::builder()
            .additional_properties(Some(AdditionalProperties::FreeForm(false)))
            .property("project", project)
            .property("endpoints", things(NewEndpoint::name(), "Endpoints by their keys."))
            .property("pools", things(PoolChange::name(), "Settings of pools, by scheme and host."))
            .property("rules", things(NewRule::name(), "Rules by their names."))
            .property("receivers", things(NewReceiver::name(), "Receivers by their names."))
            .into()
    }
}

fn object(path: &str, fields: &[Asked], required: &[&str]) -> RefOr<Schema> {
    let known = Object::builder().additional_properties(Some(AdditionalProperties::FreeForm(false)));
    let object = fields.iter().fold(known, |object, field| object.property(field.name, property(path, field)));
    required.iter().fold(object, |object, name| object.required(*name)).into()
}

fn property(of: &str, field: &Asked) -> RefOr<Schema> {
    let path = format!("{of}.{}", field.name);
    let mut kinds = Vec::new();
    add(&field.kind, &path, &mut kinds);
    if field.nullable {
        kinds.push(of_type(Type::Null));
    }
    let mut description = words::describe(&path).to_owned();
    if let Some(bounds) = bounds(&field.kind) {
        description = format!("{description} {bounds}").trim().to_owned();
    }
    let any = kinds.into_iter().fold(AnyOfBuilder::new(), AnyOfBuilder::item::<RefOr<Schema>>);
    any.description(Some(description)).into()
}

/// The bounds of a duration, which no schema says.
fn bounds(kind: &Kind) -> Option<String> {
    match kind {
        Kind::Duration { min, max } => Some(format!("From {} to {}.", duration::show(*min), duration::show(*max))),
        Kind::AnyOf(kinds) => kinds.iter().find_map(bounds),
        _ => None,
    }
}

/// Adds what a field of this kind may be.
fn add(kind: &Kind, path: &str, to: &mut Vec<RefOr<Schema>>) {
    match kind {
        Kind::Text => to.push(of_type(Type::String)),
        Kind::Flag => to.push(of_type(Type::Boolean)),
        Kind::Duration { .. } => to.extend([Type::String, Type::Integer].map(of_type)),
        Kind::Number { min, max } => {
            let number = Object::builder().schema_type(Type::Integer).minimum(Some(*min)).maximum(Some(*max));
            to.extend([number.into(), of_type(Type::String)]);
        }
        Kind::TextOrNumber => to.extend([Type::String, Type::Number].map(of_type)),
        Kind::List => {
            let item = AnyOfBuilder::new().item(of_type(Type::String)).item(of_type(Type::Number));
            to.push(ArrayBuilder::new().items(item).into());
            to.extend([Type::String, Type::Number].map(of_type));
        }
        Kind::Lines => {
            to.push(ArrayBuilder::new().items(of_type(Type::String)).into());
            to.push(of_type(Type::String));
        }
        Kind::Headers => {
            let texts = AdditionalProperties::RefOr(of_type(Type::String));
            to.push(Object::builder().additional_properties(Some(texts)).into());
            let pair = ArrayBuilder::new().items(of_type(Type::String)).min_items(Some(2)).max_items(Some(2));
            to.push(ArrayBuilder::new().items(pair).into());
            to.push(of_type(Type::String));
        }
        Kind::Action => to.push(Action::schema()),
        Kind::Object(fields) => to.push(object(path, fields, &[])),
        Kind::AnyOf(kinds) => kinds.iter().for_each(|kind| add(kind, path, to)),
    }
}

fn of_type(of: Type) -> RefOr<Schema> {
    Object::builder().schema_type(of).into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn paths(of: &str, fields: &[Asked], into: &mut BTreeSet<String>) {
        for field in fields {
            let path = format!("{of}.{}", field.name);
            let mut kinds = vec![&field.kind];
            while let Some(kind) = kinds.pop() {
                match kind {
                    Kind::Object(within) => paths(&path, within, into),
                    Kind::AnyOf(of) => kinds.extend(of),
                    _ => {}
                }
            }
            into.insert(path);
        }
    }

    #[test]
    fn each_field_is_described_and_no_other() {
        let mut read = BTreeSet::new();
        for (of, shape) in all() {
            paths(of, &shape.fields, &mut read);
        }
        let unsaid: Vec<&String> = read.iter().filter(|path| words::describe(path).is_empty()).collect();
        assert!(unsaid.is_empty(), "these are read and not described: {unsaid:?}");
        let unread = words::unused(read.iter().map(String::as_str));
        assert!(unread.is_empty(), "these are described and not read: {unread:?}");
    }
}
