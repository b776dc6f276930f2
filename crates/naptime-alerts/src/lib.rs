//! Alerts: problems are looked for, and whoever asked for it is told.
//!
//! An alert is a one-off job of Naptime itself, in the same queue as all others: claimed, called, tried again and
//! recorded like them. One worker at a time looks for problems and adds those jobs ([`Watch`]). If there are two for a
//! moment, one gives way; what a worker was killed over, the next one adds under the same id, which is once.
//!
//! The same worker has the calls of pools held back whose hosts are down.

#![warn(missing_docs)]

mod hosts;
mod kept;
mod look;
mod render;
mod settings;
mod watch;
mod words;

pub use hosts::Hosts;
pub use kept::{Kept, Numbered};
pub use look::{Known, look};
pub use render::{TAG, test};
pub use settings::{Stored, acknowledge, add_mute, delete_mute, delete_receiver, put_receiver, settings};
pub use watch::Watch;

/// Where this Naptime is, and how it sends mail.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The URL of its pages, without a `/` at the end (`NAPTIME_URL`).
    pub url: Option<String>,
    /// The server that takes its mail (`SMTP_URL`), without user and password.
    pub mail: Option<naptime_core::Pool>,
}
