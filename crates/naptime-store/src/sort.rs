//! What lists of endpoints are sorted by.
//!
//! A store has an index in the order of what people write: that costs something with each edit. In the order of what calls
//! change (the next call and the last, and how late and how well those of a day were) it has none, since each claim and each
//! settle would have to look after it. So those that match are read and sorted here, up to [`MAX_SORTED`]: the few that fail, those of
//! a tag, but not all.

use std::fmt;
use std::str::FromStr;

use naptime_core::{Invalid, Time};

use crate::{JobQuery, JobSummary, Jobs, Page, PageRef, Position, Result};

/// The most endpoints that are sorted by what calls change.
pub const MAX_SORTED: usize = 2_000;
/// How many are read at a time.
const READ_AT_ONCE: usize = 500;

/// What a list is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub by: SortBy,
    /// Whether the last comes first.
    pub descending: bool,
}

/// What endpoints are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortBy {
    /// The URL, in lower case.
    Url,
    /// The name, byte by byte. Those without one come first.
    Name,
    /// When they are next due. Those that are not come last.
    Next,
    /// When the last call ended. Those that were not called come first.
    Last,
    /// How late the calls of the last day left, but for one in a hundred. Those that were not called come first.
    Lag,
    /// The share of the calls of the last day that ended well. Those that were not called come last.
    Success,
}

impl SortBy {
    /// All of them.
    pub const ALL: [SortBy; 6] = [Self::Url, Self::Name, Self::Next, Self::Last, Self::Lag, Self::Success];

    /// As it is sent: `url`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Name => "name",
            Self::Next => "next",
            Self::Last => "last",
            Self::Lag => "lag",
            Self::Success => "success",
        }
    }

    /// Whether stores have an index in this order.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Url | Self::Name)
    }

    /// The place of an endpoint, if not by a text.
    fn figure(self, job: &JobSummary, now: Time) -> i64 {
        let day = || job.last_day.figures(now);
        match self {
            Self::Url | Self::Name => 0,
            Self::Next => job.due.map_or(i64::MAX, Time::millis),
            Self::Last => job.last.as_ref().map_or(i64::MIN, |last| last.finished.millis()),
            Self::Lag => day().lag_p99().map_or(i64::MIN, |lag| i64::try_from(lag).unwrap_or(i64::MAX)),
            Self::Success => day().success().map_or(i64::MAX, |share| (share * 1e9) as i64),
        }
    }
}

impl Sort {
    /// By the URL, the first first.
    pub const BY_URL: Sort = Sort { by: SortBy::Url, descending: false };
}

/// A page of the endpoints that match, sorted as the query says; none if more match than are sorted so.
///
/// # Errors
/// [`Error::BadCursor`](crate::Error::BadCursor).
pub async fn sorted(
    store: &(impl Jobs + ?Sized),
    query: &JobQuery,
    page: &PageRef,
) -> Result<Option<Page<JobSummary>>> {
    let Some(Sort { by, descending }) = query.sort.filter(|sort| !sort.by.is_text()) else {
        return store.list(query, page).await.map(Some);
    };
    let (from, back) = page.beside();
    let from = from.map(Position::read).transpose()?.map(|from| (from.at, from.id));
    let falls = descending != back;
    let now = store.now();
    let (mut found, mut unreadable) = (Vec::new(), Vec::new());
    let mut next = PageRef::first(READ_AT_ONCE);
    loop {
        let read = store.list(query, &next).await?;
        unreadable.extend(read.unreadable);
        let placed = read.items.into_iter().map(|job| ((Time::from_millis(by.figure(&job, now)), job.id.uuid()), job));
        found.extend(placed);
        if found.len() > MAX_SORTED {
            return Ok(None);
        }
        next.cursor = read.next;
        if next.cursor.is_none() {
            break;
        }
    }
    found.retain(|(place, _)| from.is_none_or(|from| if falls { *place < from } else { *place > from }));
    found.sort_by(|(one, _), (other, _)| if falls { other.cmp(one) } else { one.cmp(other) });
    let sorted = Page::of_both(found, page, |((at, id), _)| Position { at: *at, id: *id }.write());
    Ok(Some(Page { unreadable, ..sorted.map(|(_, job)| job) }))
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.descending { "-" } else { "" }, self.by.as_str())
    }
}

impl FromStr for Sort {
    type Err = Invalid;

    fn from_str(text: &str) -> std::result::Result<Self, Invalid> {
        let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let by = SortBy::ALL.into_iter().find(|by| by.as_str() == name).ok_or_else(|| {
            let all = SortBy::ALL.map(SortBy::as_str).join(", ");
            Invalid::new("sort", "unknown_sort", format!("`sort` is one of {all}, with a - before it the other way"))
        })?;
        Ok(Self { by, descending })
    }
}
