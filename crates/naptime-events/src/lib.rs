//! Events from elsewhere, and what the rules make of them.
//!
//! An [`Event`] comes from a message queue ([`amqp`]) or over HTTP. A [`Rule`](naptime_core::Rule) names the event it
//! waits for and what then happens: a job is made or changed after a template, deleted or switched off. What a template
//! comes to is read like what a person has typed ([`naptime_core::input`]); [`apply`] carries it out.

#![warn(missing_docs)]

pub mod amqp;
pub mod apply;
mod body;
mod check;
mod dead;
mod event;
mod numbers;
mod place;
mod queue;
mod render;
mod renders;
mod suspicion;
mod template;

pub use amqp::{Consumer, Handled, Handler};
pub use apply::{Applier, Did, Done, Failed};
pub use check::check;
pub use event::{Event, MAX_BYTES};
