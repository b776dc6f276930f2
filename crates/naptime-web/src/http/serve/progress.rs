//! How far a connection is, so that it is known whether it waits for its peer, and since when.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

/// Counts the phases of all connections, so that they can be put in order.
static PHASES: AtomicU64 = AtomicU64::new(0);

/// The progress of one connection, told by its stream and its requests.
#[derive(Debug)]
pub(super) struct Progress {
    /// When its present phase began, by the count of all phases: it was accepted, a request began, or one was answered.
    since: AtomicU64,
    /// Whether any request has arrived.
    is_used: AtomicBool,
    /// Whether a request has arrived and is not wholly answered.
    in_request: AtomicBool,
    /// Whether a handler waits for more of a body.
    awaits_body: AtomicBool,
    /// Whether the peer takes nothing of what it is sent.
    write_blocked: AtomicBool,
    /// Whether a body was left that nobody read to its end.
    body_left: AtomicBool,
    evicted: Notify,
}

impl Progress {
    /// A connection that was accepted now.
    pub(super) fn accepted() -> Self {
        Self {
            since: AtomicU64::new(next_phase()),
            is_used: AtomicBool::new(false),
            in_request: AtomicBool::new(false),
            awaits_body: AtomicBool::new(false),
            write_blocked: AtomicBool::new(false),
            body_left: AtomicBool::new(false),
            evicted: Notify::new(),
        }
    }

    /// A request has arrived, up to its body.
    pub(super) fn request_begins(&self, has_body: bool) {
        self.body_left.store(has_body, Ordering::Relaxed);
        self.is_used.store(true, Ordering::Relaxed);
        self.in_request.store(true, Ordering::Relaxed);
        self.since.store(next_phase(), Ordering::Relaxed);
    }

    /// Whether any request has arrived.
    pub(super) fn is_used(&self) -> bool {
        self.is_used.load(Ordering::Relaxed)
    }

    /// All of the answer is handed to the connection.
    pub(super) fn request_ends(&self) {
        self.in_request.store(false, Ordering::Relaxed);
        self.since.store(next_phase(), Ordering::Relaxed);
    }

    pub(super) fn awaits_body(&self, awaits: bool) {
        self.awaits_body.store(awaits, Ordering::Relaxed);
    }

    /// The body of the request was read to its end.
    pub(super) fn body_read(&self) {
        self.body_left.store(false, Ordering::Relaxed);
    }

    /// Whether the last request had a body that was not read to its end.
    pub(super) fn body_left(&self) -> bool {
        self.body_left.load(Ordering::Relaxed)
    }

    pub(super) fn write_blocked(&self, blocked: bool) {
        self.write_blocked.store(blocked, Ordering::Relaxed);
    }

    /// Whether the peer must do something before this connection goes on. Otherwise a handler is at work for it.
    pub(super) fn waits(&self) -> bool {
        let at_work = self.in_request.load(Ordering::Relaxed);
        !at_work || self.awaits_body.load(Ordering::Relaxed) || self.write_blocked.load(Ordering::Relaxed)
    }

    /// The beginning of its phase: the lower, the longer ago.
    pub(super) fn since(&self) -> u64 {
        self.since.load(Ordering::Relaxed)
    }

    /// Has the connection closed, to make room.
    pub(super) fn evict(&self) {
        self.evicted.notify_one();
    }

    /// Ends when the connection is to be closed to make room.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }
}

fn next_phase() -> u64 {
    PHASES.fetch_add(1, Ordering::Relaxed)
}
