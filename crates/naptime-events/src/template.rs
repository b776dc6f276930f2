//! Texts with places to fill in: a small part of Jinja's language, with bounds on time and size that hold whatever the
//! template says and the event holds.
//!
//! A template is parsed by the library, judged by `syntax.rs`, and evaluated by `eval.rs` into pieces. What becomes of the
//! values among them depends on where they go (see `place.rs`).

mod args;
mod encode;
mod eval;
mod filters;
mod items;
mod operators;
mod syntax;
mod tests;
mod value;
mod work;

use std::collections::BTreeMap;

use minijinja::machinery::ast::Stmt;
use naptime_core::Invalid;

pub(crate) use encode::percent;
pub(crate) use eval::Piece;
pub(crate) use value::{Form, Value};
pub(crate) use work::Work;

use crate::event::Event;

/// What templates may name.
pub(crate) type Values = BTreeMap<String, Value>;

/// The pieces of what comes out. Templates that ask for what isn't there fail, as a call with a hole in its URL would be
/// worse.
///
/// # Errors
/// `does_not_render` at the field.
pub(crate) fn render(field: &str, source: &str, values: &Values, work: &mut Work) -> Result<Vec<Piece>, Invalid> {
    let failed = |detail: String| Invalid::new(field.to_owned(), "does_not_render", detail);
    let template = syntax::read(source).map_err(|bad| match bad {
        syntax::Bad::TooLong(detail) | syntax::Bad::Template(detail) => failed(detail),
    })?;
    eval::evaluate(&template, values, work).map_err(failed)
}

/// What can be said of a template before there is an event: its syntax, its names and its filters. Nothing is computed.
///
/// # Errors
/// `bad_template` or `too_long` at the field.
pub(crate) fn check(field: &str, source: &str) -> Result<(), Invalid> {
    let (code, detail) = match syntax::read(source) {
        Ok(_) => return Ok(()),
        Err(syntax::Bad::TooLong(detail)) => ("too_long", detail),
        Err(syntax::Bad::Template(detail)) => ("bad_template", detail),
    };
    Err(Invalid::new(field.to_owned(), code, detail))
}

/// What a template without blocks says itself, with nothing where a value goes; nothing at all for one with blocks.
pub(crate) fn literals<'a>(source: &'a str) -> Option<Vec<Option<&'a str>>> {
    let Ok(Stmt::Template(template)) = syntax::read(source) else { return None };
    let part = |part: &Stmt<'a>| match part {
        Stmt::EmitRaw(it) => Some(Some(it.raw)),
        Stmt::EmitExpr(_) => Some(None),
        _ => None,
    };
    template.children.iter().map(part).collect()
}

/// What an event gives to templates.
pub(crate) fn values(event: &Event) -> Values {
    let texts = [("event", &event.event), ("key", &event.key)];
    let texts = texts.into_iter().map(|(name, text)| (name.to_owned(), Value::text(text.as_str())));
    texts.chain([("data".to_owned(), Value::of(&event.data))]).collect()
}

#[cfg(test)]
mod unit;
