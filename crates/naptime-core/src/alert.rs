//! Whom to tell of a problem: once when it opens, once when it gets worse, and once when it ends.
//!
//! A **receiver** is somewhere that alerts are sent to, with what it wants to hear of. What was told is kept in a [`Book`]
//! for as long as a problem lasts, so that whoever looks next, in this process or another, goes on from there. The alerts
//! that were decided on are in it as well until they are known to be sent.

mod book;
mod mute;
mod receiver;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid, Variant, Version};
use xxhash_rust::xxh3::xxh3_128;

pub use self::book::{Book, Open};
pub use self::mute::{MAX_MUTES, MAX_NOTE, Mute, Muted};
pub(crate) use self::receiver::shown_url;
pub use self::receiver::{EVENTS_URL, MAX_RECEIVERS, Only, Quiet, Receiver, TELEGRAM_URL, To};
use crate::Time;
use crate::problem::Report;

/// What is told of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// It is there.
    Opened,
    /// It matters more than what was told.
    Worse,
    /// It is still there.
    Lasts,
    /// It is over.
    Ended,
}

impl Event {
    /// The event as it is sent: `opened`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Worse => "worse",
            Self::Lasts => "lasts",
            Self::Ended => "ended",
        }
    }
}

/// What is to be told to one receiver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Its id, which stays the same however often it is tried to send it.
    pub id: Uuid,
    /// When it was decided on.
    pub at: Time,
    /// The name of the receiver.
    pub receiver: String,
    /// What is told: one thing, or too many for an alert each, the worst first.
    pub says: Vec<Told>,
}

/// One thing that is told of one problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// What.
    pub event: Event,
    /// Of which problem.
    pub report: Report,
    /// When it opened, by what this receiver was told.
    pub opened_at: Time,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// The last alert of the problem to this receiver, if it was of nothing else. If that is still on its way, it is out of
    /// date, and must not come after this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Uuid>,
}

impl Alert {
    /// An alert decided on at `now`. A receiver gets no two that begin with the same thing of the same problem at the same
    /// time, so these make the id.
    fn new(receiver: &str, says: Vec<Told>, now: Time) -> Self {
        let first = says.first().map(|told| format!("{} {}", told.report.id, told.event.as_str())).unwrap_or_default();
        let mut builder = Builder::from_u128(xxh3_128(format!("{receiver} {} {first}", now.millis()).as_bytes()));
        builder.set_version(Version::Custom);
        builder.set_variant(Variant::RFC4122);
        Self { id: builder.into_uuid(), at: now, receiver: receiver.to_owned(), says }
    }
}
