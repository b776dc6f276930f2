//! Runs of all jobs, in the order of their ends, the latest first.
//!
//! A rare kind of run is searched for from the newest run backwards, and one page looks at no more than
//! [`MAX_SEARCHED`] runs. So a page may have less than was asked for, or nothing, and still tell where to go on. The runs of
//! one job are found by themselves.

use naptime_core::{JobId, Outcome, Run, Time, WorkerId};
use uuid::Uuid;

use crate::{Page, PageRef, Position, Result, Unreadable};

/// The most runs that are looked through for one page.
pub const MAX_SEARCHED: u64 = 50_000;

/// The most runs that may end in the same millisecond and still be listed without a gap.
pub const MAX_TIES: usize = 1_000;

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
    /// Not well. What was not called did not end.
    Badly,
    /// In any way that a worker has seen: all but lost claims and what was not called. These are the calls of the figures.
    Called,
    /// So.
    As(Outcome),
}

impl RunQuery {
    /// The job, if it is of one only.
    pub fn one_job(&self) -> Option<JobId> {
        self.jobs.as_ref().and_then(|jobs| if let [job] = jobs.as_slice() { Some(*job) } else { None })
    }

    /// Whether many runs may lie between those it finds.
    pub fn is_sparse(&self) -> bool {
        let is_filtered = self.how.is_some() || self.worker.is_some() || self.jobs.is_some();
        is_filtered && self.one_job().is_none()
    }

    /// Whether a run is one of these.
    pub fn fits(&self, run: &Run) -> bool {
        let is_so = |how: How| match how {
            How::Badly => !matches!(run.outcome, Outcome::Ok | Outcome::Skipped),
            How::Called => !matches!(run.outcome, Outcome::Lost | Outcome::Skipped),
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
    /// The most rows to read, of those that match.
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
        Ok(Self { last, limit: page.limit.saturating_add(MAX_TIES) })
    }
}

/// What a store has read of a [`Stretch`].
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The runs that match, the last to end first: all of the stretch, or as many as it asks for.
    pub runs: Vec<Run>,
    /// Those that cannot be read.
    pub unreadable: Vec<Unreadable>,
    /// No run that ended then or earlier was looked at.
    pub edge: Option<Time>,
}

impl Found {
    /// The page of these.
    ///
    /// # Errors
    /// [`Error::BadCursor`](crate::Error::BadCursor).
    pub fn page(self, stretch: Stretch, page: &PageRef) -> Result<Page<Run>> {
        let Self { mut runs, unreadable, edge } = self;
        let after = page.after()?.map(|after| (after.at, after.id));
        // More may follow what was read.
        let is_full = runs.len() + unreadable.len() >= stretch.limit;
        let last = runs.last().map(|run| run.finished).filter(|_| is_full);
        runs.retain(|run| after.is_none_or(|after| place(run) < after));
        runs.sort_by_key(|run| std::cmp::Reverse(place(run)));
        let mut page = Page::of(runs, page, |run| {
            let (at, id) = place(run);
            Position { at, id }.write()
        });
        if page.next.is_none() {
            // Behind the last one that was read, if all that was read is from before this page.
            let behind = |last: Time| if page.items.is_empty() { Time::from_millis(last.millis() - 1) } else { last };
            let at = last.map(behind).or(edge);
            let id = page.items.last().filter(|_| last.is_some()).map_or(Uuid::max(), |run| place(run).1);
            page.next = at.map(|at| Position { at, id }.write());
        }
        page.unreadable = unreadable;
        Ok(page)
    }
}

/// The place of a run. The runs of a batch share its token, and those of a job its id; both together are a run's own.
fn place(run: &Run) -> (Time, Uuid) {
    (run.finished, Uuid::from_u128(run.token.uuid().as_u128() ^ run.job.uuid().as_u128()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(n: u128, finished: i64) -> Run {
        let at = Time::from_millis(finished);
        Run {
            token: Uuid::from_u128(n).into(),
            job: Uuid::from_u128(0).into(),
            worker: Uuid::nil().into(),
            due: at,
            started: at,
            finished: at,
            outcome: Outcome::Ok,
            status: None,
            message: String::new(),
            attempt: 1,
            manual: false,
            skipped: None,
        }
    }

    /// All runs by pages of two, from a store that reads no more than `limit` rows at a time and looks at no more than
    /// `searched` of them.
    fn all(runs: &[Run], limit: usize, searched: usize) -> Vec<u128> {
        let (mut page, mut listed) = (PageRef::first(2), Vec::new());
        for _ in 0..100 {
            let stretch = Stretch { limit, ..Stretch::of(&RunQuery::default(), &page).unwrap() };
            let there: Vec<Run> = runs.iter().filter(|run| run.finished <= stretch.last).cloned().collect();
            let edge = there.get(searched).map(|run| run.finished);
            let seen = there.into_iter().filter(|run| edge.is_none_or(|edge| run.finished > edge));
            let found = Found { runs: seen.take(limit).collect(), edge, ..Found::default() };
            let read = found.page(stretch, &page).unwrap();
            listed.extend(read.items.iter().map(|run| run.token.uuid().as_u128()));
            page.cursor = read.next;
            if page.cursor.is_none() {
                return listed;
            }
        }
        panic!("it does not end: {listed:?}");
    }

    #[test]
    fn pages_have_neither_gap_nor_repeat() {
        let ends = [9, 9, 9, 7, 7, 6, 5, 5, 5, 5, 2, 1];
        let runs: Vec<Run> = (1..).zip(ends).map(|(n, end)| run(n, end)).collect();
        for (limit, searched) in [(99, 99), (6, 99), (99, 5), (6, 5), (5, 99)] {
            let mut listed = all(&runs, limit, searched);
            listed.sort_unstable();
            assert_eq!(listed, (1..=12).collect::<Vec<_>>(), "{limit} {searched}");
        }
        // More in a millisecond than are read lose some, and the rest all the same is found.
        let listed = all(&runs, 3, 99);
        assert!(listed.contains(&12) && listed.contains(&11), "{listed:?}");
    }
}
