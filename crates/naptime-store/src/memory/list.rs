//! Lists of jobs, and pages of what is listed by time. Each page reads all there is.

use std::sync::Arc;

use naptime_core::{Job, Time};
use uuid::Uuid;

use super::states;
use super::table::JobTable;
use crate::{
    Edited, JobCount, JobQuery, JobSummary, Page, PageRef, Position, QueuedQuery, Result, Sort, SortBy, TextPosition,
    words,
};

/// A page of the endpoints that match.
pub(super) fn endpoints(jobs: &JobTable, query: &JobQuery, page: &PageRef, now: Time) -> Result<Page<JobSummary>> {
    let filter = Filter::new(&query.q, &query.pool, &query.tag);
    let fits = |job: &&Arc<Job>| {
        job.stage().is_none()
            && job.deleted_at.is_some() == query.deleted
            && query.url.as_ref().is_none_or(|url| *url == job.spec.endpoint)
            && query
                .project
                .as_ref()
                .is_none_or(|project| Some(project) == job.spec.applied.as_ref().map(|it| &it.project))
            && query.active.is_none_or(|active| active == job.active)
            && query.schedule.is_none_or(|kind| kind.as_str() == job.spec.schedule.kind())
            && query.outcome.is_none_or(|ended| job.state.last.as_ref().is_some_and(|last| ended.fits(last.outcome)))
            && query.state.is_none_or(|state| !query.deleted && states::since(state, job, jobs, now).is_some())
            && filter.fits(job)
    };
    let found = jobs.all().filter(fits);
    if query.deleted {
        let placed = found.filter_map(|job| Some(((job.deleted_at?, job.id.uuid()), job)));
        return Ok(newest_first(placed, page)?.map(summary));
    }
    match query.order() {
        Some(Sort { by, descending }) => {
            let text = |job: &Job| match by {
                SortBy::Name => job.spec.name.clone(),
                _ => job.spec.search_text(),
            };
            let placed = found.map(|job| (TextPosition { text: text(job), id: job.id.uuid() }, job));
            let from = page.beside().0.map(TextPosition::read).transpose()?;
            Ok(both_ways(placed, descending, from, page, TextPosition::write))
        }
        None => {
            let since = |job| query.state.and_then(|state| states::since(state, job, jobs, now));
            let placed = found.filter_map(|job| Some(((since(job)?, job.id.uuid()), job)));
            let from = page.beside().0.map(Position::read).transpose()?.map(|from| (from.at, from.id));
            Ok(both_ways(placed, false, from, page, |(at, id)| Position { at: *at, id: *id }.write()))
        }
    }
}

/// A page of these, by their places, next to the place that it begins at.
fn both_ways<'a, P: Ord>(
    placed: impl Iterator<Item = (P, &'a Arc<Job>)>,
    descending: bool,
    from: Option<P>,
    page: &PageRef,
    write: impl Fn(&P) -> String,
) -> Page<JobSummary> {
    let falls = descending != page.beside().1;
    let follows = |place: &P| from.as_ref().is_none_or(|from| if falls { place < from } else { place > from });
    let mut found: Vec<_> = placed.filter(|(place, _)| follows(place)).collect();
    found.sort_by(|(one, _), (other, _)| if falls { other.cmp(one) } else { one.cmp(other) });
    Page::of_both(found, page, |(place, _)| write(place)).map(|(_, job)| summary(job))
}

/// A page of the one-off jobs that match.
pub(super) fn queued(jobs: &JobTable, query: &QueuedQuery, page: &PageRef) -> Result<Page<JobSummary>> {
    let placed = all_queued(jobs, query).map(|job| ((job.created_at, job.id.uuid()), job));
    let from = page.beside().0.map(Position::read).transpose()?.map(|from| (from.at, from.id));
    Ok(both_ways(placed, true, from, page, |(at, id)| Position { at: *at, id: *id }.write()))
}

/// The last edits of endpoints, the latest first.
pub(super) fn last_edits(jobs: &JobTable, from: Time, limit: usize) -> Vec<Edited> {
    let is_wanted = |job: &&Arc<Job>| job.stage().is_none() && job.updated_at >= from;
    let edit =
        |job: &Arc<Job>| Edited { id: job.id, rev: job.rev, at: job.updated_at, deleted: job.deleted_at.is_some() };
    let mut edits: Vec<Edited> = jobs.all().filter(is_wanted).map(edit).collect();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.at));
    edits.truncate(limit);
    edits
}

/// The one-off jobs that match.
pub(super) fn all_queued<'a>(jobs: &'a JobTable, query: &'a QueuedQuery) -> impl Iterator<Item = &'a Arc<Job>> {
    let filter = Filter::new(&query.q, &query.pool, &query.tag);
    let is_wanted = |stage| query.stages.is_empty() || query.stages.contains(&stage);
    jobs.all().filter(move |job| job.stage().is_some_and(is_wanted) && filter.fits(job))
}

/// How many of these are endpoints that are not deleted.
pub(super) fn count<'a>(jobs: impl Iterator<Item = &'a Arc<Job>>) -> JobCount {
    let mut count = JobCount::default();
    for job in jobs.filter(|job| job.stage().is_none() && job.deleted_at.is_none()) {
        count.total += 1;
        count.active += u64::from(job.active);
    }
    count
}

/// A page of items, the last first, by their places: a time, and an id that sets apart items of the same time.
pub(super) fn newest_first<T>(placed: impl Iterator<Item = ((Time, Uuid), T)>, page: &PageRef) -> Result<Page<T>> {
    let after = page.after()?.map(|after| (after.at, after.id));
    let mut found: Vec<_> = placed.filter(|(place, _)| after.is_none_or(|after| *place < after)).collect();
    found.sort_by_key(|(place, _)| std::cmp::Reverse(*place));
    Ok(Page::of(found, page, |((at, id), _)| Position { at: *at, id: *id }.write()).map(|(_, item)| item))
}

/// What both lists are filtered by.
struct Filter<'a> {
    words: Vec<String>,
    pool: Option<&'a str>,
    tag: Option<&'a str>,
}

impl<'a> Filter<'a> {
    fn new(q: &Option<String>, pool: &'a Option<String>, tag: &'a Option<String>) -> Self {
        Self { words: words(q.as_deref()), pool: pool.as_deref(), tag: tag.as_deref() }
    }

    fn fits(&self, job: &Job) -> bool {
        self.pool.is_none_or(|pool| pool == job.spec.endpoint.pool().as_str())
            && self.tag.is_none_or(|tag| job.spec.tags.iter().any(|it| it == tag))
            && (self.words.is_empty() || {
                let text = job.spec.search_text();
                self.words.iter().all(|word| text.contains(word))
            })
    }
}

pub(super) fn summary(job: &Arc<Job>) -> JobSummary {
    Job::clone(job).into()
}
