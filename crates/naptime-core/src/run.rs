//! The record of one claim.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::{JobId, Skipped, Time, Token, WorkerId};

/// The longest message kept of an answer, in characters.
pub const MAX_MESSAGE: usize = 200;

/// The record of one claim: who called what occurrence when, and how it ended. Or the record of a gap: occurrences that
/// were not called.
///
/// A run is identified by token and job: a batch of claims shares its token. Whoever records it first is right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The claim's token.
    pub token: Token,
    /// The job.
    pub job: JobId,
    /// The worker that called.
    pub worker: WorkerId,
    /// The occurrence that was called; for a manual call, when it was asked for.
    pub due: Time,
    /// When the call left; for a lost claim, when it was claimed.
    pub started: Time,
    /// When the call ended; for a lost claim, when it was found lost.
    pub finished: Time,
    /// How it ended.
    pub outcome: Outcome,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The first two lines of the answer, or what went wrong, and a note of ours; at most [`MAX_MESSAGE`] characters.
    pub message: String,
    /// The number of the attempt at this occurrence, from 1.
    pub attempt: u32,
    /// Whether a person asked for it ("call now").
    pub manual: bool,
    /// If it tells of occurrences that were not called: how many, from `due` on, and why. Then `started` and `finished`
    /// are when that was found, and `attempt` is 0.
    pub skipped: Option<Skipped>,
}

impl Run {
    /// How late the call left: started - due.
    pub fn start_lag(&self) -> std::time::Duration {
        self.started.since(self.due)
    }

    /// Adds a note of ours as the last line of the message, which is shortened for it.
    pub fn add_note(&mut self, note: &str) {
        self.message = with_note(&self.message, note);
    }

    /// How long the call took.
    pub fn took(&self) -> std::time::Duration {
        self.finished.since(self.started)
    }
}

/// A message with a note as its last line, which is never cut: the message is shortened for it.
pub fn with_note(message: &str, note: &str) -> String {
    let room = MAX_MESSAGE.saturating_sub(note.chars().count() + 1);
    let kept: String = message.chars().take(room).collect();
    if kept.is_empty() { note.to_owned() } else { format!("{kept}\n{note}") }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The target answered with a status that means success (any 2xx, unless the job says otherwise), and said what the job
    /// expects.
    Ok,
    /// The target answered with another status, but for redirects, or did not say what the job expects.
    Failed,
    /// The target answered with a redirect (301, 302, 303, 307 or 308). Redirects are not followed.
    RedirectNotFollowed,
    /// The answer was not complete within the timeout.
    Timeout,
    /// The target's machine refused the connection.
    ConnectionRefused,
    /// The connection was cut before the answer was complete.
    ConnectionReset,
    /// No connection could be made for another reason.
    ConnectionFailed,
    /// The host's name has no address.
    DnsNotFound,
    /// The encrypted connection could not be agreed on, or the certificate is not valid.
    Tls,
    /// The address is in a network that may not be called.
    BlockedAddress,
    /// What came back is not HTTP.
    InvalidResponse,
    /// The worker was stopped, or could no longer hold its claim, before the answer was complete.
    Interrupted,
    /// The worker was gone before it could say how the call ended, or whether it left.
    Lost,
    /// Nothing was called: it tells of occurrences that were skipped.
    Skipped,
    /// One that this version does not know: a later one has written it. It is shown by its name.
    Unknown(&'static str),
}

impl Outcome {
    /// All that this version writes.
    pub const ALL: [Outcome; 14] = [
        Self::Ok,
        Self::Failed,
        Self::RedirectNotFollowed,
        Self::Timeout,
        Self::ConnectionRefused,
        Self::ConnectionReset,
        Self::ConnectionFailed,
        Self::DnsNotFound,
        Self::Tls,
        Self::BlockedAddress,
        Self::InvalidResponse,
        Self::Interrupted,
        Self::Lost,
        Self::Skipped,
    ];

    /// All that a worker counts: how a call may end that it made.
    pub fn counted() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|outcome| !matches!(outcome, Self::Lost | Self::Skipped))
    }

    /// The outcome as it is stored and sent: `connection_refused`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::RedirectNotFollowed => "redirect_not_followed",
            Self::Timeout => "timeout",
            Self::ConnectionRefused => "connection_refused",
            Self::ConnectionReset => "connection_reset",
            Self::ConnectionFailed => "connection_failed",
            Self::DnsNotFound => "dns_not_found",
            Self::Tls => "tls",
            Self::BlockedAddress => "blocked_address",
            Self::InvalidResponse => "invalid_response",
            Self::Interrupted => "interrupted",
            Self::Lost => "lost",
            Self::Skipped => "skipped",
            Self::Unknown(name) => name,
        }
    }

    /// Whether it says something of the target: a call that was cut or lost here says nothing of it.
    pub fn is_targets(self) -> bool {
        !matches!(self, Self::Interrupted | Self::Lost | Self::Skipped | Self::Unknown(_))
    }

    /// The outcome that is stored by this name.
    pub fn stored(name: &str) -> Self {
        let known = Self::ALL.into_iter().find(|outcome| outcome.as_str() == name);
        known.unwrap_or_else(|| Self::Unknown(lasting(name)))
    }
}

impl ToSchema for Outcome {}

impl PartialSchema for Outcome {
    fn schema() -> RefOr<Schema> {
        let description = "How a run ended. A later version may write others.";
        let schema = Object::builder().schema_type(Type::String).description(Some(description));
        schema.examples(Self::ALL.map(Self::as_str)).into()
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Outcome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|name| Self::stored(&name))
    }
}

/// The same text for as long as the program runs. Each is kept once, and they are few: the names that later versions
/// have for outcomes.
fn lasting(name: &str) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(&known) = names.get(name) {
        return known;
    }
    let name: &'static str = Box::leak(name.into());
    names.insert(name);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_of_a_later_version_is_read_and_written_as_it_is() {
        for known in Outcome::ALL {
            assert_eq!(Outcome::stored(known.as_str()), known);
        }
        let later: Outcome = serde_json::from_str(r#""teapot""#).expect("it is read");
        assert_eq!((later, later.as_str()), (Outcome::stored("teapot"), "teapot"));
        assert_eq!(serde_json::to_string(&later).expect("it is written"), r#""teapot""#);
        assert!(!Outcome::ALL.contains(&later) && !later.is_targets());
    }

    #[test]
    fn a_note_is_kept_whole_whatever_the_answer_says() {
        assert_eq!(with_note("hello", "(note)"), "hello\n(note)");
        assert_eq!(with_note("", "(note)"), "(note)");
        assert_eq!(with_note(&"x".repeat(300), "(note)"), format!("{}\n(note)", "x".repeat(MAX_MESSAGE - 7)));
    }
}
