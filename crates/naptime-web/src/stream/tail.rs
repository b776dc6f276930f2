//! The tail of this process: reads what is new from the store once a second while anybody listens, and keeps it for all
//! who do. So the store pays neither for each of them nor for what nobody wants to know.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use naptime_core::Time;
use naptime_core::problem::Report;
use naptime_store::latest::RunQuery;
use naptime_store::{Edited, PageRef, Result};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::changes::changes;
use super::event::{Event, Kind, key_of_edit, key_of_run};
use super::ring::{MAX_KEPT, Ring};
use crate::app::{App, Shared};

/// The pause between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// One look in so many reads far back.
const DEEP_EVERY: u32 = 30;
/// One look in so many looks for problems.
const PROBLEMS_EVERY: u32 = 2;
/// How far ahead of our time runs are read: the store's time is known as a lower bound only.
const READ_AHEAD: Duration = Duration::from_secs(10);
/// The runs that are read at a time.
const RUNS_PER_PAGE: usize = 2_000;
/// The most edits that one look reads.
const MAX_EDITS: usize = 5_000;
/// How long a kind is followed for nobody, so that who was cut off finds all of it.
const LINGER: Duration = Duration::from_secs(60);
/// How long to wait for the first look.
const FIRST_LOOK: Duration = Duration::from_secs(10);
/// The most streams at a time. Each takes one of the web's connections for as long as it lasts.
const MAX_STREAMS: usize = 64;

/// The recent events of this process, and all who wait for more.
#[derive(Debug)]
pub(crate) struct Tail {
    /// Tells this process from others, and from itself before it was started anew.
    pub(super) process: Uuid,
    kept: Mutex<Kept>,
    /// Changes with every look.
    looks: watch::Sender<u32>,
    /// Asks for a look now.
    hurry: Notify,
    places: Arc<Semaphore>,
}

/// The recent events, and how many listen to each kind.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// By [`Kind`].
    pub(super) rings: [Ring<Arc<Event>>; 3],
    /// The problems of the last look.
    pub(super) open: Vec<Arc<Report>>,
    listeners: HashMap<usize, Listeners>,
    /// The task that looks, until nobody listens any more.
    task: Option<JoinHandle<()>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Listeners {
    count: usize,
    /// When the last one left.
    left: Option<Instant>,
}

/// One of the streams for which the tail looks, until it is dropped.
pub(super) struct Listener {
    app: Shared,
    kinds: Vec<Kind>,
    looks: watch::Receiver<u32>,
    _place: OwnedSemaphorePermit,
}

/// Why no stream can be opened now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// As many are open as may be.
    TooMany,
    /// The store does not answer.
    NoAnswer,
}

impl Default for Tail {
    fn default() -> Self {
        Self {
            process: Uuid::new_v4(),
            kept: Mutex::default(),
            looks: watch::Sender::new(0),
            hurry: Notify::new(),
            places: Arc::new(Semaphore::new(MAX_STREAMS)),
        }
    }
}

impl Tail {
    pub(super) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// What is to be looked at. If it is nothing, the tail ends.
    fn followed(&mut self) -> Vec<Kind> {
        let Self { rings, listeners, .. } = self;
        let is_wanted = |it: &Listeners| it.count > 0 || it.left.is_some_and(|left| left.elapsed() < LINGER);
        listeners.retain(|_, it| is_wanted(it));
        for (kind, ring) in rings.iter_mut().enumerate() {
            if !listeners.contains_key(&kind) {
                ring.forget();
            }
        }
        if self.listeners.is_empty() {
            self.task = None;
        }
        Kind::ALL.into_iter().filter(|kind| self.listeners.contains_key(&(*kind as usize))).collect()
    }

    /// Whether a task looks. One that has panicked does not any more.
    fn is_looked_after(&self) -> bool {
        self.task.as_ref().is_some_and(|task| !task.is_finished())
    }

    fn ring(&mut self, kind: Kind) -> &mut Ring<Arc<Event>> {
        &mut self.rings[kind as usize]
    }
}

impl Listener {
    /// Listens to these kinds, once they are looked at.
    pub(super) async fn new(app: &Shared, kinds: Vec<Kind>) -> std::result::Result<Self, Refusal> {
        let place = app.tail.places.clone().try_acquire_owned().map_err(|_| Refusal::TooMany)?;
        let looks = app.tail.looks.subscribe();
        let mut listener = {
            let mut kept = app.tail.kept();
            for kind in &kinds {
                kept.listeners.entry(*kind as usize).or_default().count += 1;
            }
            if !kept.is_looked_after() {
                kept.task = Some(tokio::spawn(follow(app.clone())));
            }
            Self { app: app.clone(), kinds, looks, _place: place }
        };
        timeout(FIRST_LOOK, listener.first_look()).await.map_err(|_| Refusal::NoAnswer)?;
        Ok(listener)
    }

    async fn first_look(&mut self) {
        if !self.is_followed() {
            self.app.tail.hurry.notify_one();
        }
        while !self.is_followed() {
            self.looked().await;
        }
    }

    fn is_followed(&self) -> bool {
        let kept = self.app.tail.kept();
        self.kinds.iter().all(|kind| kept.rings[*kind as usize].looked().is_some())
    }

    /// Waits for the next look.
    pub(super) async fn looked(&mut self) {
        // The other end is in `app`.
        let _ = self.looks.changed().await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut kept = self.app.tail.kept();
        for kind in &self.kinds {
            let it = kept.listeners.entry(*kind as usize).or_default();
            it.count = it.count.saturating_sub(1);
            it.left = Some(Instant::now());
        }
    }
}

/// Looks for as long as anybody listens, and a while longer.
async fn follow(app: Shared) {
    let mut is_failing = false;
    for n in 0u32.. {
        let kinds = app.tail.kept().followed();
        if kinds.is_empty() {
            return;
        }
        let looked = look(&app, &kinds, n).await;
        if let Err(error) = &looked
            && !is_failing
        {
            tracing::warn!(%error, "streams stand still: the store cannot be read; trying on");
        }
        is_failing = looked.is_err();
        app.tail.looks.send_modify(|looks| *looks = looks.wrapping_add(1));
        tokio::select! {
            () = sleep(LOOK_EVERY) => {}
            () = app.tail.hurry.notified() => {}
        }
    }
}

/// Runs first, then edits: of an endpoint that is new, the runs that were read are told after it was added.
async fn look(app: &App, kinds: &[Kind], n: u32) -> Result<()> {
    let is_deep = n.is_multiple_of(DEEP_EVERY);
    let wants = |kind| kinds.contains(&kind);
    let runs = if wants(Kind::Runs) { Some(read_runs(app, is_deep).await?) } else { None };
    let edits = if wants(Kind::Endpoints) { Some(read_edits(app, is_deep).await?) } else { None };
    let edits = edits.map(|read| read.of(|it| (it.at, key_of_edit(&it), Arc::new(Event::endpoint(&it)))));
    let runs = runs.map(|read| read.of(|it| (it.finished, key_of_run(&it), Arc::new(Event::run(it)))));
    {
        let mut kept = app.tail.kept();
        for (kind, read) in [(Kind::Endpoints, edits), (Kind::Runs, runs)] {
            if let Some(Read { now, from, is_cut, rows }) = read {
                kept.ring(kind).take(now, from, is_cut, rows);
            }
        }
    }
    let is_new = app.tail.kept().ring(Kind::Problems).looked().is_none();
    if wants(Kind::Problems) && (is_new || n.is_multiple_of(PROBLEMS_EVERY)) {
        look_for_problems(app).await?;
    }
    Ok(())
}

/// What a look has read that was not known.
struct Read<T> {
    now: Time,
    from: Time,
    is_cut: bool,
    rows: Vec<T>,
}

impl<T> Read<T> {
    fn of<U>(self, row: impl Fn(T) -> U) -> Read<U> {
        let Self { now, from, is_cut, rows } = self;
        Read { now, from, is_cut, rows: rows.into_iter().map(row).collect() }
    }
}

async fn read_runs(app: &App, is_deep: bool) -> Result<Read<naptime_core::Run>> {
    let now = app.now();
    let from = app.tail.kept().ring(Kind::Runs).look_from(now, is_deep);
    let query = RunQuery { from: Some(from), until: Some(now + READ_AHEAD), ..RunQuery::default() };
    let (mut page, mut rows) = (PageRef::first(RUNS_PER_PAGE), Vec::new());
    loop {
        let read = app.store.all_runs(&query, &page).await?;
        let mut kept = app.tail.kept();
        let ring = kept.ring(Kind::Runs);
        rows.extend(read.items.into_iter().filter(|run| !ring.knows(key_of_run(run))));
        page.cursor = read.next;
        let is_cut = page.cursor.is_some() && rows.len() >= MAX_KEPT;
        if is_cut || page.cursor.is_none() {
            return Ok(Read { now, from, is_cut, rows });
        }
    }
}

async fn read_edits(app: &App, is_deep: bool) -> Result<Read<Edited>> {
    let now = app.now();
    let from = app.tail.kept().ring(Kind::Endpoints).look_from(now, is_deep);
    let mut rows = app.store.last_edits(from, MAX_EDITS).await?;
    let kept = app.tail.kept();
    let ring = &kept.rings[Kind::Endpoints as usize];
    // Where it ends before what is known already, nothing is missing.
    let is_cut = rows.len() >= MAX_EDITS && rows.last().is_some_and(|last| !ring.knows(key_of_edit(last)));
    rows.retain(|edited| !ring.knows(key_of_edit(edited)));
    Ok(Read { now, from, is_cut, rows })
}

async fn look_for_problems(app: &App) -> Result<()> {
    let look = app.watcher.look(app).await?;
    let open: Vec<Arc<Report>> = look.found.problems.iter().map(|problem| Arc::new(problem.into())).collect();
    let mut kept = app.tail.kept();
    // What was found for the first time may have been there for long.
    let is_first = kept.ring(Kind::Problems).looked().is_none();
    let news = if is_first { Vec::new() } else { changes(&kept.open, &open) };
    let news = news.into_iter().map(|(change, report)| Arc::new(Event::problem(change, look.at, report)));
    kept.ring(Kind::Problems).add(look.at, news);
    kept.open = open;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn panics() {
        panic!("on purpose")
    }

    #[tokio::test]
    async fn a_task_that_has_panicked_is_replaced() {
        let mut kept = Kept { task: Some(tokio::spawn(std::future::pending())), ..Kept::default() };
        assert!(kept.is_looked_after());
        kept.task = Some(tokio::spawn(panics()));
        while kept.is_looked_after() {
            tokio::task::yield_now().await;
        }
        kept.task = Some(tokio::spawn(std::future::pending()));
        assert!(kept.followed().is_empty() && !kept.is_looked_after(), "it ends with the last who listens");
    }
}
