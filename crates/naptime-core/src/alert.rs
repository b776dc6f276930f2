//! Whom to tell of a problem: once when it opens, once when it gets worse, and once when it ends.
//!
//! A **receiver** is somewhere that alerts are sent to, with what it wants to hear of. What was told is kept with the
//! problem for as long as it lasts ([`Open`]), so that whoever looks next, in this process or another, goes on from there.
//! An alert's id follows from the problem, the receiver and the event. So an alert that was sent and not noted is sent
//! under the same id again, which is once.

mod book;
mod mute;
mod receiver;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid, Variant, Version};
use xxhash_rust::xxh3::xxh3_128;

pub use self::book::{Book, Open, Sent, Told};
pub use self::mute::{MAX_NOTE, Mute, Muted};
pub(crate) use self::receiver::shown_url;
pub use self::receiver::{EVENTS_URL, MAX_RECEIVERS, Only, Quiet, Receiver, TELEGRAM_URL, To};

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
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// The name of the receiver.
    pub receiver: String,
    /// What is told.
    pub says: Says,
}

/// What an alert says.
#[derive(Clone, Debug, PartialEq)]
pub enum Says {
    /// One thing of one problem.
    One(Event, Open),
    /// Too many things for one alert each.
    Many(Vec<(Event, Open)>),
}

impl Alert {
    /// The id of the alert: the same for the same receiver and the same events.
    pub fn id(&self) -> Uuid {
        let mut text = self.receiver.clone();
        let events: &[(Event, Open)] = match &self.says {
            Says::One(event, open) => &[(*event, open.clone())],
            Says::Many(events) => events,
        };
        for (event, open) in events {
            let told = open.told.get(&self.receiver).map_or(0, |told| told.times);
            text.push_str(&format!("\n{} {} {} {told}", open.report.id, open.opened_at.millis(), event.as_str()));
        }
        let mut builder = Builder::from_u128(xxh3_128(text.as_bytes()));
        builder.set_version(Version::Custom);
        builder.set_variant(Variant::RFC4122);
        builder.into_uuid()
    }
}
