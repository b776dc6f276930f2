//! What people set: receivers, mutes, and that they know of a problem.

use naptime_core::alert::{MAX_MUTES, MAX_RECEIVERS, Mute, Receiver};
use naptime_core::{Invalid, Rev, Stage};
use naptime_store::{Error, Expect, PageRef, QueuedQuery, Result, Treatment, WebStore};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::kept::{BOOK, Kept, MUTE, Numbered, RECEIVER};
use crate::render::tag_of;

/// How many alerts are cancelled at once.
const PAGE: usize = 200;
/// How often a change is tried anew when another came between.
const MAX_TRIES: usize = 20;

/// What became of a receiver that was to be stored.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// It is new.
    New(Numbered<Receiver>),
    /// It was there before.
    Changed(Numbered<Receiver>),
    /// There are as many as there may be.
    TooMany,
    /// It cannot be read.
    Invalid(Vec<Invalid>),
}

/// All that alerts go by.
///
/// # Errors
/// Those of the store.
pub async fn settings(store: &dyn WebStore) -> Result<Kept> {
    Ok(Kept::of(store.records().await?))
}

/// Stores a receiver in place of the one of its name; `read` makes it of what is there.
///
/// # Errors
/// [`Error::Stale`] and [`Error::NotFound`], if what is there is not as expected.
pub async fn put_receiver(
    store: &dyn WebStore,
    name: &str,
    expect: Expect,
    read: impl Fn(Option<&Receiver>) -> std::result::Result<Receiver, Vec<Invalid>>,
) -> Result<Stored> {
    for _ in 0..MAX_TRIES {
        let kept = settings(store).await?;
        let before = kept.receivers.get(name);
        let rev = kept.revs.get(&id(RECEIVER, name)).copied();
        match (expect, rev) {
            (Expect::Rev(_), None) => return Err(Error::NotFound),
            (Expect::Rev(expected), Some(rev)) if expected != rev => return Err(Error::Stale(rev)),
            (Expect::Nothing, Some(rev)) => return Err(Error::Stale(rev)),
            _ => {}
        }
        let value = match read(before.map(|before| &before.value)) {
            Ok(value) => value,
            Err(faults) => return Ok(Stored::Invalid(faults)),
        };
        match before {
            Some(before) if before.value == value => return Ok(Stored::Changed(before.clone())),
            None if kept.receivers.len() >= MAX_RECEIVERS => return Ok(Stored::TooMany),
            _ => {}
        }
        if let Some(new) = store.put_record(&id(RECEIVER, name), rev, json(&value)?).await? {
            if before.is_some_and(|before| before.value.added_at != value.added_at) {
                cancel_all(store, name).await?;
            }
            let stored = Numbered { value, rev: new };
            return Ok(if rev.is_some() { Stored::Changed(stored) } else { Stored::New(stored) });
        }
    }
    Err(contended())
}

/// Deletes a receiver. It is not told of the end of what it was told of.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Stale`].
pub async fn delete_receiver(store: &dyn WebStore, name: &str, expect: Option<Rev>) -> Result<()> {
    remove(store, &id(RECEIVER, name), expect).await?;
    cancel_all(store, name).await
}

/// Cancels the alerts to a receiver that have not arrived yet: it is gone, or somewhere else.
async fn cancel_all(store: &dyn WebStore, name: &str) -> Result<()> {
    let stages = vec![Stage::Waiting, Stage::Running, Stage::Retrying];
    let query = QueuedQuery { stages, q: None, pool: None, tag: Some(tag_of(name)) };
    let mut page = PageRef::first(PAGE);
    loop {
        page.cursor = store.treat_all(&query, Treatment::Cancel, &page).await?.next;
        if page.cursor.is_none() {
            return Ok(());
        }
    }
}

/// Mutes, and removes mutes that are over. Returns the id; none if as many last as there may be.
///
/// # Errors
/// Those of the store.
pub async fn add_mute(store: &dyn WebStore, mute: &Mute) -> Result<Option<String>> {
    let (kept, now) = (settings(store).await?, store.now());
    let (over, lasting): (Vec<_>, Vec<_>) = kept.mutes.iter().partition(|(_, mute)| mute.value.until <= now);
    for (id, mute) in over {
        store.remove_record(&self::id(MUTE, id), mute.rev).await?;
    }
    if lasting.len() >= MAX_MUTES {
        return Ok(None);
    }
    let name = Uuid::now_v7().to_string();
    store.put_record(&id(MUTE, &name), None, json(mute)?).await?;
    Ok(Some(name))
}

/// Ends a mute.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn delete_mute(store: &dyn WebStore, name: &str) -> Result<()> {
    remove(store, &id(MUTE, name), None).await
}

/// Notes that somebody knows of a problem, so that it is not told again while it lasts.
///
/// # Errors
/// [`Error::NotFound`] if it is not open.
pub async fn acknowledge(store: &dyn WebStore, problem: &str) -> Result<()> {
    for _ in 0..MAX_TRIES {
        let mut kept = settings(store).await?;
        let open = kept.book.open.get_mut(problem).filter(|open| open.gone_at.is_none()).ok_or(Error::NotFound)?;
        if open.acknowledged_at.is_some() {
            return Ok(());
        }
        open.acknowledged_at = Some(store.now());
        if store.put_record(BOOK, kept.revs.get(BOOK).copied(), json(&kept.book)?).await?.is_some() {
            return Ok(());
        }
    }
    Err(contended())
}

async fn remove(store: &dyn WebStore, id: &str, expect: Option<Rev>) -> Result<()> {
    for _ in 0..MAX_TRIES {
        let kept = settings(store).await?;
        let rev = *kept.revs.get(id).ok_or(Error::NotFound)?;
        if expect.is_some_and(|expect| expect != rev) {
            return Err(Error::Stale(rev));
        }
        if store.remove_record(id, rev).await? {
            return Ok(());
        }
    }
    Err(contended())
}

pub(crate) fn id(sort: &str, name: &str) -> String {
    format!("{sort}{name}")
}

pub(crate) fn json(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| Error::Corrupt(error.to_string()))
}

fn contended() -> Error {
    Error::Unavailable(format!("it was changed {MAX_TRIES} times while this change was tried"))
}
