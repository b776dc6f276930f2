//! Pages of lists, and where they end.

use naptime_core::Time;
use uuid::Uuid;

use crate::{Error, Result};

/// Which page of a list: the next `limit` items after `cursor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRef {
    /// The most items.
    pub limit: usize,
    /// Where the page before this one ended; none for the first.
    pub cursor: Option<String>,
}

impl PageRef {
    /// The first `limit` items.
    pub fn first(limit: usize) -> Self {
        Self { limit, cursor: None }
    }

    /// How many items to look for: one more than the page holds, to know whether there is a next one.
    pub fn probe(&self) -> i64 {
        i64::try_from(self.limit).unwrap_or(i64::MAX).saturating_add(1)
    }

    /// Where the page before this one ended in a list by time; none for the first.
    ///
    /// # Errors
    /// [`Error::BadCursor`].
    pub fn after(&self) -> Result<Option<Position>> {
        self.cursor.as_deref().map(Position::read).transpose()
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The cursor of the next page; none if this is the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The page of what was found by [`PageRef::probe`]. `cursor` tells where it ends, from its last item.
    pub fn of(mut found: Vec<T>, page: &PageRef, cursor: impl FnOnce(&T) -> String) -> Self {
        let more = found.len() > page.limit;
        found.truncate(page.limit);
        let next = found.last().filter(|_| more).map(cursor);
        Self { items: found, next }
    }

    /// The page with each of its items made another.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next: self.next }
    }
}

/// An item's place in a list by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// What the list is sorted by.
    pub at: Time,
    /// What sets those of the same time apart.
    pub id: Uuid,
}

impl Position {
    /// As a cursor: `<milliseconds>.<id>`.
    pub fn write(&self) -> String {
        format!("{}.{}", self.at.millis(), self.id)
    }

    fn read(cursor: &str) -> Result<Self> {
        let (at, id) = cursor.split_once('.').ok_or(Error::BadCursor)?;
        let at = at.parse().map_err(|_| Error::BadCursor)?;
        let id = Uuid::try_parse(id).map_err(|_| Error::BadCursor)?;
        Ok(Self { at: Time::from_millis(at), id })
    }
}
