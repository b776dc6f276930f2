//! Pages of lists, and where they end.

use naptime_core::Time;
use uuid::Uuid;

use crate::{Error, Result};

/// What a cursor begins with that leads to the items before a place.
const BACK: char = '<';

/// Which page of a list: the next `limit` items after `cursor`; or, of a list that is read in both directions, those
/// before it.
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

    /// The place that this page lies next to, of a list that is read in both directions, and whether it lies before that.
    pub fn beside(&self) -> (Option<&str>, bool) {
        let Some(cursor) = self.cursor.as_deref() else { return (None, false) };
        cursor.strip_prefix(BACK).map_or((Some(cursor), false), |place| (Some(place), true))
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
    /// The cursor of the page before, of a list that is read in both directions; none if this is the first.
    pub prev: Option<String>,
    /// What is on this page and cannot be read. It is not among the items.
    pub unreadable: Vec<Unreadable>,
}

impl<T> Default for Page<T> {
    /// A page with nothing on it.
    fn default() -> Self {
        Self { items: Vec::new(), next: None, prev: None, unreadable: Vec::new() }
    }
}

/// A row that this version cannot read: a later version wrote it, or somebody by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its identity: of a job or a run the id, of a pool or a rule the name.
    pub id: String,
    /// Why, for whoever looks into the database.
    pub why: String,
}

/// A row as it was read.
pub type Read<T> = std::result::Result<T, Unreadable>;

impl<T> Page<T> {
    /// The page of what was found by [`PageRef::probe`]. `cursor` tells where it ends, from its last item.
    pub fn of(mut found: Vec<T>, page: &PageRef, cursor: impl FnOnce(&T) -> String) -> Self {
        let more = found.len() > page.limit;
        found.truncate(page.limit);
        let next = found.last().filter(|_| more).map(cursor);
        Self { items: found, next, prev: None, unreadable: Vec::new() }
    }

    /// The page of what was found by [`PageRef::probe`] in a list that is read in both directions: from
    /// [`PageRef::beside`] on, in the order in which it was read. `place` tells that of an item.
    pub fn of_both(mut found: Vec<T>, page: &PageRef, place: impl Fn(&T) -> String) -> Self {
        let ((from, back), more) = (page.beside(), found.len() > page.limit);
        found.truncate(page.limit);
        if back {
            found.reverse();
        }
        // Where it was come from, there was something.
        let (is_before, is_after) = if back { (more, true) } else { (from.is_some(), more) };
        let next = found.last().filter(|_| is_after).map(&place);
        let prev = found.first().filter(|_| is_before).map(|first| format!("{BACK}{}", place(first)));
        Self { items: found, next, prev, unreadable: Vec::new() }
    }

    /// The page with each of its items made another.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        let Self { items, next, prev, unreadable } = self;
        Page { items: items.into_iter().map(change).collect(), next, prev, unreadable }
    }
}

impl<T> Page<Read<T>> {
    /// The page with what cannot be read apart.
    pub fn sorted_out(self) -> Page<T> {
        let mut page = Page { items: Vec::new(), next: self.next, prev: self.prev, unreadable: self.unreadable };
        for item in self.items {
            match item {
                Ok(item) => page.items.push(item),
                Err(unreadable) => page.unreadable.push(unreadable),
            }
        }
        page
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

    /// From a cursor.
    ///
    /// # Errors
    /// [`Error::BadCursor`].
    pub fn read(cursor: &str) -> Result<Self> {
        let (at, id) = cursor.split_once('.').ok_or(Error::BadCursor)?;
        let at = at.parse().map_err(|_| Error::BadCursor)?;
        let id = Uuid::try_parse(id).map_err(|_| Error::BadCursor)?;
        Ok(Self { at: Time::from_millis(at), id })
    }
}

/// An item's place in a list by text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TextPosition {
    /// What the list is sorted by.
    pub text: String,
    /// What sets those of the same text apart.
    pub id: Uuid,
}

impl TextPosition {
    /// As a cursor: `<id>~<text>`.
    pub fn write(&self) -> String {
        format!("{}~{}", self.id, self.text)
    }

    /// From a cursor.
    ///
    /// # Errors
    /// [`Error::BadCursor`].
    pub fn read(cursor: &str) -> Result<Self> {
        let (id, text) = cursor.split_once('~').ok_or(Error::BadCursor)?;
        let id = Uuid::try_parse(id).map_err(|_| Error::BadCursor)?;
        Ok(Self { text: text.to_owned(), id })
    }
}
