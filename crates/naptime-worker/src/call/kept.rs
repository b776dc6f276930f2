//! Connections kept for further calls.
//!
//! | a connection is not used for another call | because |
//! |---|---|
//! | if nothing was sent on it for 1.5 s | servers close idle connections, and a request may cross that on its way |
//! | if it is 5 minutes old | names move to other machines |
//! | if a call on it timed out or was cut | its target may hang without closing it |
//! | if a ping on it was not answered (HTTP/2) | likewise |
//! | if the target says so (`Connection: close`, GOAWAY) | |

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use naptime_core::answer::Phases;
use rustls::ClientConfig;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::time::Instant;
use tokio::time::timeout;

use super::connection::{Connection, Connector, New};
use super::fault::NoAnswer;
use super::http1::Http1;
use super::http2::Http2;
use super::outgoing::Origin;
use super::timing::Timing;

/// The connections of one transport, by origin.
pub(super) struct Kept {
    tls: Arc<ClientConfig>,
    timing: Timing,
    shelves: Mutex<Shelves>,
}

/// A connection for one call.
pub(super) struct Taken {
    pub(super) connection: Connection,
    born: Instant,
}

#[derive(Default)]
struct Shelves {
    by_origin: HashMap<String, Shelf>,
    /// Whether a task looks for what is there for too long.
    sweeping: bool,
}

/// The connections to one origin.
#[derive(Default)]
struct Shelf {
    idle: Vec<Idle>,
    shared: Vec<Http2>,
    /// When the origin last agreed on HTTP/2. While that is known, one connection at a time is opened, for all who need
    /// one.
    spoke_http2: Option<Instant>,
    /// Somebody opens a connection for all.
    opening: bool,
    /// Told when a shared connection was added, or will not be.
    news: Arc<Notify>,
}

struct Idle {
    connection: Http1,
    born: Instant,
    since: Instant,
}

/// What there is for a call.
enum Found {
    Taken(Taken),
    /// Nothing, and nobody else's would help: open one.
    Open,
    /// Nothing: open one, though somebody else's may be there first.
    Race(OwnedNotified),
    /// Nothing: open one for all. If that takes long, somebody else's may be there first.
    Lead(OwnedNotified),
    /// Somebody opens one for all.
    Wait(OwnedNotified),
}

impl Kept {
    pub(super) fn new(tls: Arc<ClientConfig>, timing: Timing) -> Self {
        Self { tls, timing, shelves: Mutex::default() }
    }

    /// A connection to `origin`. `fresh`: none of those that wait for a call, since one of them turned out to be closed.
    /// `phases` says what opening one took, as far as it came.
    pub(super) async fn take(
        self: &Arc<Self>,
        origin: Origin<'_>,
        connector: &Connector,
        fresh: bool,
        phases: &mut Phases,
    ) -> Result<Taken, NoAnswer> {
        loop {
            let (news, mut lead) = match self.find(origin, fresh) {
                Found::Taken(taken) => return Ok(taken),
                Found::Open => (None, None),
                Found::Race(news) => (Some(Box::pin(news)), None),
                Found::Lead(news) => (Some(Box::pin(news)), Some(Lead { kept: self, origin, failed: false })),
                Found::Wait(news) => {
                    let mut news = Box::pin(news);
                    if timeout(self.timing.shared_open, news.as_mut()).await.is_ok() {
                        continue;
                    }
                    // Whoever opens one for all may have come upon a machine that hangs.
                    (Some(news), None)
                }
            };
            // Boxed, since a call that finds a connection has no use for the room that this takes.
            let open = Box::pin(connector.open(origin, &self.tls, phases));
            let opened = match news {
                None => Some(open.await),
                Some(news) => tokio::select! {
                    opened = open => Some(opened),
                    () = news => None,
                },
            };
            let Some(opened) = opened else {
                *phases = Phases::default();
                continue;
            };
            if let Some(lead) = &mut lead {
                lead.failed = !matches!(opened, Ok(New::Http2(_)));
            }
            // Kept before the others are told, which the end of the lead does.
            if let Some(taken) = self.add(origin, opened?) {
                return Ok(taken);
            }
        }
    }

    /// Keeps a connection whose call is over. `whole`: the answer was read to its end.
    pub(super) fn give_back(self: &Arc<Self>, origin: Origin<'_>, taken: Taken, whole: bool) {
        match taken.connection {
            Connection::Http2(stream) => stream.went_well(),
            Connection::Http1(connection) if whole && connection.is_open() => {
                let idle = Idle { connection, born: taken.born, since: Instant::now() };
                if idle.is_fresh(idle.since, self.timing) {
                    self.shelf(&mut self.lock(), origin).idle.push(idle);
                }
            }
            Connection::Http1(_) => {}
        }
    }

    /// Whether there is no connection.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().by_origin.values().all(Shelf::is_empty)
    }

    fn find(self: &Arc<Self>, origin: Origin<'_>, fresh: bool) -> Found {
        let now = Instant::now();
        let mut shelves = self.lock();
        let shelf = match shelves.by_origin.get_mut(origin.text) {
            Some(shelf) => shelf,
            None if origin.secure => self.shelf(&mut shelves, origin),
            None => return Found::Open,
        };
        if let Some(taken) = shelf.take(now, self.timing, fresh) {
            return Found::Taken(taken);
        }
        if !origin.secure {
            return Found::Open;
        }
        let news = Arc::clone(&shelf.news).notified_owned();
        if shelf.spoke_http2.is_none() {
            Found::Race(news)
        } else if shelf.opening {
            Found::Wait(news)
        } else {
            shelf.opening = true;
            Found::Lead(news)
        }
    }

    /// Keeps a new connection as far as others may use it too, and takes it for a call.
    fn add(self: &Arc<Self>, origin: Origin<'_>, new: New) -> Option<Taken> {
        let now = Instant::now();
        match new {
            New::Http1(connection) => Some(Taken { connection: Connection::Http1(connection), born: now }),
            New::Http2(connection) => {
                let stream = connection.stream();
                let mut shelves = self.lock();
                let shelf = self.shelf(&mut shelves, origin);
                shelf.spoke_http2 = Some(now);
                shelf.shared.push(connection);
                shelf.news.notify_waiters();
                stream.map(|stream| Taken { connection: Connection::Http2(stream), born: now })
            }
        }
    }

    /// The shelf of an origin. Whoever makes one sees to it that somebody looks after it.
    fn shelf<'a>(self: &Arc<Self>, shelves: &'a mut Shelves, origin: Origin<'_>) -> &'a mut Shelf {
        if !shelves.sweeping {
            shelves.sweeping = true;
            let (kept, every) = (Arc::downgrade(self), self.timing.max_idle);
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(every).await;
                    match kept.upgrade() {
                        Some(kept) if kept.sweep() => {}
                        _ => return,
                    }
                }
            });
        }
        if !shelves.by_origin.contains_key(origin.text) {
            shelves.by_origin.insert(origin.text.to_owned(), Shelf::default());
        }
        shelves.by_origin.get_mut(origin.text).expect("inserted if it was not there")
    }

    /// Closes what is there for too long. False: there is nothing left to look after.
    fn sweep(&self) -> bool {
        let now = Instant::now();
        let mut shelves = self.lock();
        shelves.by_origin.retain(|_, shelf| {
            shelf.idle.retain(|idle| idle.is_fresh(now, self.timing));
            shelf.shared.retain(|connection| is_fresh(connection, now, self.timing));
            let remembered = shelf.spoke_http2.is_some_and(|since| now - since < self.timing.max_age);
            !shelf.is_empty() || shelf.opening || remembered
        });
        shelves.sweeping = !shelves.by_origin.is_empty();
        shelves.sweeping
    }

    fn lock(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn is_empty(&self) -> bool {
        self.idle.is_empty() && self.shared.is_empty()
    }

    /// The connection used last, unless it is to be `fresh`, or a stream on a shared one.
    fn take(&mut self, now: Instant, timing: Timing, fresh: bool) -> Option<Taken> {
        let mut index = if fresh { 0 } else { self.idle.len() };
        while let Some(last) = index.checked_sub(1) {
            index = last;
            let idle = &self.idle[index];
            if !idle.is_fresh(now, timing) {
                self.idle.remove(index);
            } else if idle.connection.is_ready() {
                let idle = self.idle.remove(index);
                return Some(Taken { connection: Connection::Http1(idle.connection), born: idle.born });
            }
        }
        self.shared.retain(|connection| is_fresh(connection, now, timing));
        let (stream, born) = self.shared.iter().find_map(|it| Some((it.stream()?, it.born())))?;
        Some(Taken { connection: Connection::Http2(stream), born })
    }
}

impl Idle {
    fn is_fresh(&self, now: Instant, timing: Timing) -> bool {
        self.connection.is_open() && timing.allows(now - self.born, now - self.since)
    }
}

fn is_fresh(connection: &Http2, now: Instant, timing: Timing) -> bool {
    connection.is_open() && timing.allows(now - connection.born(), connection.idle(now))
}

/// Opens a connection for all. However that ends, the others hear of it.
struct Lead<'a> {
    kept: &'a Kept,
    origin: Origin<'a>,
    failed: bool,
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        if let Some(shelf) = self.kept.lock().by_origin.get_mut(self.origin.text) {
            shelf.opening = false;
            if self.failed {
                // Then each tries for itself, rather than one after the other.
                shelf.spoke_http2 = None;
            }
            shelf.news.notify_waiters();
        }
    }
}
