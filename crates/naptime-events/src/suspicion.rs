//! Messages that may kill whoever handles them.
//!
//! The broker marks a message that it has sent before. Its consumer may have died over it, so before it is handled once
//! more, that is noted in the store; the note is gone when it was handled. Whoever finds another's note puts the message
//! aside. So a message costs two consumers at most, and one that comes for the first time costs no note.

use std::fmt::Write as _;
use std::time::Duration;

use lapin::message::Delivery;
use naptime_core::Invalid;
use sha2::{Digest, Sha256};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;

use crate::amqp::{CLOSE, Handled, Handler};
use crate::event::Event;

/// The most consumers that may begin with a message. The first of all left no note.
const MAX_NOTED: u32 = 1;

/// Between attempts to take a note back. Shorter than others wait before they ask for it.
const PAUSE: Duration = Duration::from_millis(500);

/// Handles a message, and watches over it if it came before.
pub(crate) struct Suspicious<'a> {
    handler: &'a dyn Handler,
    /// What tells the message from others, if it came before.
    message: Option<String>,
    me: Uuid,
}

impl<'a> Suspicious<'a> {
    pub(crate) fn new(handler: &'a dyn Handler, delivery: &Delivery, me: Uuid) -> Self {
        Self { handler, message: delivery.redelivered.then(|| name(delivery)), me }
    }

    pub(crate) async fn handle(&self, event: &Event) -> Handled {
        let Some(message) = &self.message else { return self.handler.handle(event).await };
        let handled = match self.handler.begin(message, self.me).await {
            Err(reason) => return Handled::Later(reason),
            Ok(consumers) if consumers > MAX_NOTED => {
                let detail = "two workers died while they handled this event";
                Handled::Refused(Invalid::new("event", "worker_died", detail))
            }
            Ok(_) => {
                warn!(event = event.event, "an event is handled again, as whoever had it is gone");
                self.handler.handle(event).await
            }
        };
        if !matches!(handled, Handled::Later(_)) {
            self.end(message).await;
        }
        handled
    }

    /// Notes that the message goes back though nobody died.
    pub(crate) async fn give_back(&self) {
        if let Some(message) = &self.message {
            // The store may be what it waited for.
            let _ = timeout(CLOSE, self.end(message)).await;
        }
    }

    /// The same as soon as the store takes it, or until `stop`. Without the store no other message can be handled either.
    pub(crate) async fn give_back_once_possible(&self, stop: &CancellationToken) {
        let Some(message) = &self.message else { return };
        let noted = async {
            while !self.end(message).await {
                sleep(PAUSE).await;
            }
        };
        stop.run_until_cancelled(noted).await;
    }

    async fn end(&self, message: &str) -> bool {
        match self.handler.end(message).await {
            Ok(()) => true,
            Err(reason) => {
                warn!(reason, "that an event came to its end could not be noted");
                false
            }
        }
    }
}

/// What tells a message from others: a digest of what it says and of its sender's id for it.
fn name(delivery: &Delivery) -> String {
    let mut digest = Sha256::new();
    if let Some(id) = delivery.properties.message_id() {
        digest.update(id.as_str());
    }
    digest.update([0]);
    digest.update(&delivery.data);
    digest.finalize().iter().fold(String::new(), |mut name, byte| {
        // Writing to a string cannot fail.
        let _ = write!(name, "{byte:02x}");
        name
    })
}
