//! Runs of all jobs, in the order of their ends, the latest first.
//!
//! What few runs are is searched for in the order of time, and no further in one page than [`SEARCHED`] runs: a page may
//! have less than was asked for, or nothing, and still tell where to go on.

use naptime_core::{JobId, Outcome, Run, Time, WorkerId};
use uuid::Uuid;

use crate::{Page, PageRef, Position, Result, Unreadable};

/// The most runs that are looked through for one page.
pub const SEARCHED: u64 = 50_000;

/// So many runs may end in the same millisecond and still be listed without a gap.
pub const TIES: usize = 1_000;

/// Which runs to list. What is not set does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunQuery {
    /// How they ended.
    pub how: Option<How>,
    /// Who called.
    pub worker: Option<WorkerId>,
    /// Of which jobs.
    pub jobs: Option<Vec<JobId>>,
    /// They ended then or later.
    pub from: Option<Time>,
    /// They ended before that.
    pub until: Option<Time>,
}

/// How runs ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Not well.
    Badly,
    /// So.
    As(Outcome),
}

impl RunQuery {
    /// Whether it leaves out runs that lie between those it finds, so that it may have to look through many.
    pub fn is_sparse(&self) -> bool {
        self.how.is_some() || self.worker.is_some() || self.jobs.is_some()
    }

    /// Whether a run is one of these.
    pub fn fits(&self, run: &Run) -> bool {
        let is_so = |how: How| match how {
            How::Badly => run.outcome != Outcome::Ok,
            How::As(outcome) => run.outcome == outcome,
        };
        self.how.is_none_or(is_so)
            && self.worker.is_none_or(|worker| worker == run.worker)
            && self.jobs.as_ref().is_none_or(|jobs| jobs.contains(&run.job))
            && self.from.is_none_or(|from| run.finished >= from)
            && self.until.is_none_or(|until| run.finished < until)
    }
}

/// Where a page of runs is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// They ended then or earlier.
    pub last: Time,
    /// The most to read, of those that match.
    pub limit: usize,
}

impl Stretch {
    /// Where this page is to be looked for.
    ///
    /// # Errors
    /// [`Error::BadCursor`](crate::Error::BadCursor).
    pub fn of(query: &RunQuery, page: &PageRef) -> Result<Self> {
        let after = page.after()?.map(|after| after.at);
        let until = query.until.map(|until| Time::from_millis(until.millis().saturating_sub(1)));
        let last = after.into_iter().chain(until).min().unwrap_or(Time::from_millis(i64::MAX));
        Ok(Self { last, limit: page.limit.saturating_add(TIES) })
    }
}

/// The page of these runs, which are all that match in its stretch, or as many as it asks for. `edge`: no run that ended
/// then or earlier was looked at.
///
/// # Errors
/// [`Error::BadCursor`](crate::Error::BadCursor).
pub fn page_of(
    mut found: Vec<Run>,
    unreadable: Vec<Unreadable>,
    page: &PageRef,
    edge: Option<Time>,
) -> Result<Page<Run>> {
    let after = page.after()?.map(|after| (after.at, after.id));
    found.retain(|run| after.is_none_or(|after| place(run) < after));
    found.sort_by_key(|run| std::cmp::Reverse(place(run)));
    let mut page = Page::of(found, page, |run| {
        let (at, id) = place(run);
        Position { at, id }.write()
    });
    if let Some(edge) = edge.filter(|_| page.next.is_none()) {
        page.next = Some(Position { at: edge, id: Uuid::max() }.write());
    }
    page.unreadable = unreadable;
    Ok(page)
}

/// The place of a run. The runs of a batch share its token, and those of a job its id; both together are a run's own.
fn place(run: &Run) -> (Time, Uuid) {
    (run.finished, Uuid::from_u128(run.token.uuid().as_u128() ^ run.job.uuid().as_u128()))
}
