//! Which events one stream tells: those of its kinds that its filter lets through.

use std::collections::HashSet;

use naptime_core::problem::Report;
use naptime_core::{Invalid, JobId};
use naptime_store::latest::RunQuery;

use super::event::{Event, Kind, Payload};
use crate::app::App;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::runs::Filter;

/// The parameters of a stream: those of the list of runs, but for the times.
pub(super) const PARAMETERS: [&str; 7] = ["kinds", "outcome", "job", "q", "pool", "tag", "worker"];

/// The kinds and the filter of one stream.
pub(super) struct Subscription {
    kinds: Vec<Kind>,
    filter: Filter,
    runs: RunQuery,
    matching: Matching,
}

impl Subscription {
    /// As a query says it.
    ///
    /// # Errors
    /// At the parameter that cannot be read, the store's, and if too many endpoints match.
    pub(super) async fn read(app: &App, query: &Query) -> Result<Self, Problem> {
        query.check(&PARAMETERS)?;
        let (kinds, filter) = (kinds(query)?, Filter::read(query)?);
        let mut runs = filter.resolve::<Problem>(app).await?;
        let jobs = runs.jobs.take().map(HashSet::from_iter);
        Ok(Self { kinds, filter, runs, matching: Matching { jobs, ..Matching::default() } })
    }

    /// The kinds that the tail has to follow. A filter of endpoints has to know of new ones, even if no edit is told.
    pub(super) fn follows(&self) -> Vec<Kind> {
        let is_followed = |kind: &Kind| self.tells(*kind) || (*kind == Kind::Endpoints && self.filter.is_by_endpoint());
        Kind::ALL.into_iter().filter(is_followed).collect()
    }

    pub(super) fn tells(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Whether the filter lets a problem through.
    pub(super) fn fits_problem(&self, report: &Report) -> bool {
        self.filter.fits_problem(report)
    }

    /// Whether an event is told that has this number among those of its kind.
    ///
    /// # Errors
    /// If endpoints have changed: the store's, and if too many match by now.
    pub(super) async fn fits(&mut self, app: &App, number: u64, event: &Event) -> Result<bool, Problem> {
        match &event.payload {
            Payload::Problem(report) => Ok(self.fits_problem(report)),
            Payload::Run(run) => {
                if !self.runs.fits(run) {
                    return Ok(false);
                }
                self.look_up(app).await?;
                Ok(self.matching.has(run.job))
            }
            Payload::Endpoint(id) => {
                self.matching.edited(number);
                if !self.tells(Kind::Endpoints) {
                    return Ok(false);
                }
                self.look_up(app).await?;
                Ok(self.matching.tells_edit(*id))
            }
        }
    }

    /// Edits are missing, so any endpoints may match by now.
    pub(super) fn look_up_anew(&mut self) {
        self.matching.is_stale = true;
    }

    /// Looks the endpoints up that match, if edits may have changed that.
    async fn look_up(&mut self, app: &App) -> Result<(), Problem> {
        if self.matching.is_stale && self.filter.is_by_endpoint() {
            // Before the store is asked: all edits that the tail has found until now are seen by the store's answer.
            let known_until = app.tail.kept().rings[Kind::Endpoints as usize].next();
            let jobs = self.filter.resolve::<Problem>(app).await?.jobs;
            self.matching.replace(jobs.map(HashSet::from_iter), known_until);
            if !self.tells(Kind::Endpoints) {
                self.matching.left.clear();
            }
        }
        Ok(())
    }
}

/// The endpoints that match a filter, as the store said last. A bulk edit is thousands of events, and one question.
#[derive(Debug, Default)]
struct Matching {
    /// None if all match.
    jobs: Option<HashSet<JobId>>,
    /// Endpoints that match no more, or are deleted, until the edit is told that did it.
    left: HashSet<JobId>,
    /// The store has been asked after the edits before this number.
    known_until: u64,
    is_stale: bool,
}

impl Matching {
    /// An edit has been found, and has this number.
    fn edited(&mut self, number: u64) {
        self.is_stale |= number >= self.known_until;
    }

    fn replace(&mut self, jobs: Option<HashSet<JobId>>, known_until: u64) {
        let before = std::mem::replace(&mut self.jobs, jobs);
        self.left.extend(before.into_iter().flatten());
        let jobs = self.jobs.as_ref();
        self.left.retain(|id| jobs.is_some_and(|jobs| !jobs.contains(id)));
        (self.known_until, self.is_stale) = (known_until, false);
    }

    fn has(&self, id: JobId) -> bool {
        self.jobs.as_ref().is_none_or(|jobs| jobs.contains(&id))
    }

    /// Whether an edit is told of an endpoint that matches, or did match before the edit.
    fn tells_edit(&mut self, id: JobId) -> bool {
        self.left.remove(&id) || self.has(id)
    }
}

fn kinds(query: &Query) -> Result<Vec<Kind>, Invalid> {
    let Some(text) = query.get("kinds") else { return Ok(Kind::ALL.into()) };
    let kind = |word: &str| {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == word.trim()).ok_or_else(|| {
            let detail = "`kinds` are one or several of runs, problems and endpoints, with commas between";
            Invalid::new("kinds", "unknown_word", detail)
        })
    };
    text.split(',').map(kind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs(ids: &[u128]) -> Option<HashSet<JobId>> {
        Some(ids.iter().map(|id| uuid::Uuid::from_u128(*id).into()).collect())
    }

    #[test]
    fn a_bulk_edit_asks_the_store_once() {
        let mut matching = Matching { jobs: jobs(&[1, 2]), ..Matching::default() };
        let mut told = Vec::new();
        let mut asked = 0;
        // One and two leave, three comes, and four has nothing to do with it.
        for (number, id) in [(5, 1), (6, 2), (7, 3), (8, 4), (9, 1)] {
            matching.edited(number);
            if matching.is_stale {
                matching.replace(jobs(&[3]), 10);
                asked += 1;
            }
            told.extend(matching.tells_edit(uuid::Uuid::from_u128(id).into()).then_some(number));
        }
        assert_eq!((asked, told), (1, vec![5, 6, 7]));
        // The store did not know of what was found later.
        matching.edited(10);
        assert!(matching.is_stale);
    }

    #[test]
    fn kinds_are_one_or_several() {
        let read = |query: &str| kinds(&Query::parse(Some(query))).map_err(|fault| fault.code);
        assert_eq!(read(""), Ok(Kind::ALL.into()));
        assert_eq!(read("kinds=problems,+runs"), Ok(vec![Kind::Problems, Kind::Runs]));
        assert_eq!(read("kinds=pools"), Err("unknown_word"));
    }
}
