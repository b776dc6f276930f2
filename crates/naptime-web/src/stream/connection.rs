//! One stream: its place in what the tail keeps, and the events that it tells from there on.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::Event as Sent;
use futures::stream::{self, Stream, StreamExt};
use http::HeaderMap;
use naptime_core::Time;
use tokio::time::{Instant, sleep_until};

use super::event::{EventId, Kind, gap, open_problems};
use super::ring::Gap;
use super::subscription::Subscription;
use super::tail::Listener;
use crate::app::Shared;
use crate::http::problem::Problem;
use crate::http::serve::Ending;

/// How often something is sent, so that no proxy takes the connection for dead. It has an id, so that a stream that was told
/// nothing for long, because nothing fits, is resumed from now.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a browser is to wait before it connects anew.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);
/// The most events of a kind that are looked at before they are sent.
const BATCH: usize = 500;

/// One open stream.
pub(super) struct Connection {
    app: Shared,
    subscription: Subscription,
    listener: Listener,
    /// The headers that carry the session, if the reader was let in by one.
    session: Option<HeaderMap>,
    ending: Ending,
    begun: Time,
    /// By [`Kind`]: the number of the next event.
    next: [u64; 3],
    /// By [`Kind`]: what was found until then has been told.
    found: [Time; 3],
    heartbeat: Instant,
}

impl Connection {
    /// Begins, or goes on where it was. Returns what is to be told first.
    pub(super) fn begin(
        app: Shared,
        subscription: Subscription,
        listener: Listener,
        session: Option<HeaderMap>,
        ending: Ending,
        last: Option<EventId>,
    ) -> (Self, Vec<Sent>) {
        let (mut next, mut found) = ([0; 3], [app.now(); 3]);
        let (mut missing, mut needs_problems) = (Vec::new(), subscription.tells(Kind::Problems));
        for kind in subscription.follows() {
            let kept = app.tail.kept();
            let ring = &kept.rings[kind as usize];
            (next[kind as usize], found[kind as usize]) = (ring.next(), ring.looked().unwrap_or_else(|| app.now()));
            let Some(last) = last else { continue };
            let resumed = ring.resume(last.place(kind, app.tail.process));
            if kind == Kind::Problems {
                // Another process has seen other changes, and the problems that are open say it all.
                needs_problems &= !resumed.exact;
                if !resumed.exact {
                    continue;
                }
            }
            (next[kind as usize], found[kind as usize]) = (resumed.seq, last.found);
            if !resumed.complete && subscription.tells(kind) {
                missing.push((kind, last.found));
            }
        }
        let looked = subscription.follows().into_iter().map(|kind| found[kind as usize]).min();
        let begun = last.map(|last| last.begun).or(looked).unwrap_or_else(|| app.now());
        let heartbeat = Instant::now() + HEARTBEAT;
        let connection = Self { app, subscription, listener, session, ending, begun, next, found, heartbeat };
        let mut first = vec![connection.sent().comment("naptime").retry(RECONNECT_AFTER)];
        first.extend(missing.into_iter().map(|(kind, since)| connection.gap(kind, since)));
        first.extend(needs_problems.then(|| connection.open_problems()));
        (connection, first)
    }

    /// These events, and all that follow.
    pub(super) fn events(self, first: Vec<Sent>) -> impl Stream<Item = Result<Sent, Infallible>> {
        let batches = stream::unfold(self, |mut connection| async move {
            let batch = connection.batch().await?;
            Some((batch, connection))
        });
        stream::iter([first]).chain(batches).flat_map(|batch| stream::iter(batch.into_iter().map(Ok)))
    }

    /// The next events; none if the stream ends. The reader goes on where it was with another stream.
    async fn batch(&mut self) -> Option<Vec<Sent>> {
        loop {
            if self.ending.0.is_cancelled() {
                return None;
            }
            let (told, is_all) = self.read().await.ok()?;
            if !told.is_empty() {
                return Some(told);
            }
            if !is_all {
                continue;
            }
            tokio::select! {
                () = self.ending.0.cancelled() => return None,
                () = self.listener.looked() => {}
                () = sleep_until(self.heartbeat) => {
                    self.heartbeat = Instant::now() + HEARTBEAT;
                    return if self.is_let_in().await { Some(vec![self.sent().comment("")]) } else { None };
                }
            }
        }
    }

    /// The events that have come, and whether there are no more.
    async fn read(&mut self) -> Result<(Vec<Sent>, bool), Problem> {
        let (mut told, mut is_all) = (Vec::new(), true);
        for kind in self.subscription.follows() {
            let at = kind as usize;
            let (read, looked) = {
                let kept = self.app.tail.kept();
                (kept.rings[at].from(self.next[at], BATCH), kept.rings[at].looked())
            };
            let entries = match read {
                Ok(entries) => entries,
                Err(Gap(seq)) => {
                    self.next[at] = seq;
                    is_all = false;
                    if self.subscription.tells(kind) {
                        told.push(self.gap(kind, self.found[at]));
                    }
                    match kind {
                        Kind::Problems => told.push(self.open_problems()),
                        Kind::Endpoints => self.subscription.look_up_anew(),
                        Kind::Runs => {}
                    }
                    continue;
                }
            };
            let is_last = entries.len() < BATCH;
            for entry in entries {
                (self.next[at], self.found[at]) = (entry.seq + 1, entry.found);
                if self.subscription.fits(&self.app, entry.seq, &entry.what).await? {
                    told.push(self.sent().event(entry.what.name()).data(&entry.what.json));
                }
            }
            if let Some(looked) = looked.filter(|_| is_last) {
                self.found[at] = looked;
            }
            is_all &= is_last;
        }
        Ok((told, is_all))
    }

    /// The beginning of an event: where the stream is after it.
    fn sent(&self) -> Sent {
        let found = self.subscription.follows().into_iter().map(|kind| self.found[kind as usize]).min();
        let found = found.unwrap_or_else(|| self.app.now());
        let id = EventId { begun: self.begun, found, process: self.app.tail.process, next: self.next };
        Sent::default().id(id.to_string())
    }

    fn gap(&self, kind: Kind, since: Time) -> Sent {
        self.sent().event("gap").data(gap(kind, since))
    }

    fn open_problems(&self) -> Sent {
        let kept = self.app.tail.kept();
        let at = kept.rings[Kind::Problems as usize].looked().unwrap_or_else(|| self.app.now());
        let open: Vec<_> = kept.open.iter().filter(|report| self.subscription.fits_problem(report)).cloned().collect();
        self.sent().event("problems").data(open_problems(at, &open))
    }

    /// Whether the reader is still let in. A token is good for as long as this process lives.
    async fn is_let_in(&self) -> bool {
        match &self.session {
            Some(headers) => self.app.is_logged_in(headers).await.unwrap_or(true),
            None => true,
        }
    }
}
