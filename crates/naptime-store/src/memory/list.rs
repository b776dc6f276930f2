//! Lists of jobs, and pages of what is listed by time. Each page reads all there is.

use std::sync::Arc;

use naptime_core::{Job, JobId, Time, Trouble};
use uuid::Uuid;

use super::table::JobTable;
use crate::{Error, JobCount, JobQuery, JobSummary, Page, PageRef, Position, QueuedQuery, Result};

/// A page of the endpoints that match.
pub(super) fn endpoints(jobs: &JobTable, query: &JobQuery, page: &PageRef) -> Result<Page<JobSummary>> {
    let filter = Filter::new(&query.q, &query.pool, &query.tag);
    let fits = |job: &&Arc<Job>| {
        job.stage().is_none()
            && job.deleted_at.is_some() == query.deleted
            && query.url.as_ref().is_none_or(|url| *url == job.spec.endpoint)
            && query.active.is_none_or(|active| active == job.active)
            && filter.fits(job)
    };
    let found = jobs.all().filter(fits);
    if let Some(trouble) = query.trouble {
        return in_trouble(found, trouble, page);
    }
    if query.deleted {
        let placed = found.filter_map(|job| Some(((job.deleted_at?, job.id.uuid()), job)));
        return Ok(newest_first(placed, page)?.map(summary));
    }
    let after = page.cursor.as_deref().map(read_cursor).transpose()?;
    let mut found: Vec<_> = found.map(|job| ((job.spec.search_text(), job.id), job)).collect();
    found.retain(|(place, _)| after.as_ref().is_none_or(|after| place > after));
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(Page::of(found, page, |((search, id), _)| format!("{id}~{search}")).map(|(_, job)| summary(job)))
}

/// A page of those of these that are in this trouble, those that are so for longest first.
fn in_trouble<'a>(
    jobs: impl Iterator<Item = &'a Arc<Job>>,
    trouble: Trouble,
    page: &PageRef,
) -> Result<Page<JobSummary>> {
    let after = page.after()?.map(|after| (after.at, after.id));
    let since = |job: &Job| job.trouble().filter(|(it, _)| *it == trouble).map(|(_, since)| since);
    let mut found: Vec<_> = jobs.filter_map(|job| Some(((since(job)?, job.id.uuid()), job))).collect();
    found.retain(|(place, _)| after.is_none_or(|after| *place > after));
    found.sort_by_key(|(place, _)| *place);
    Ok(Page::of(found, page, |((at, id), _)| Position { at: *at, id: *id }.write()).map(|(_, job)| summary(job)))
}

/// A page of the one-off jobs that match.
pub(super) fn queued(jobs: &JobTable, query: &QueuedQuery, page: &PageRef) -> Result<Page<JobSummary>> {
    let filter = Filter::new(&query.q, &query.pool, &query.tag);
    let is_wanted = |stage| query.stages.is_empty() || query.stages.contains(&stage);
    let found = jobs.all().filter(|job| job.stage().is_some_and(is_wanted) && filter.fits(job));
    Ok(newest_first(found.map(|job| ((job.created_at, job.id.uuid()), job)), page)?.map(summary))
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
    /// In lower case.
    q: Option<String>,
    pool: Option<&'a str>,
    tag: Option<&'a str>,
}

impl<'a> Filter<'a> {
    fn new(q: &Option<String>, pool: &'a Option<String>, tag: &'a Option<String>) -> Self {
        Self { q: q.as_ref().map(|q| q.to_lowercase()), pool: pool.as_deref(), tag: tag.as_deref() }
    }

    fn fits(&self, job: &Job) -> bool {
        self.pool.is_none_or(|pool| pool == job.spec.endpoint.pool().as_str())
            && self.tag.is_none_or(|tag| job.spec.tags.iter().any(|it| it == tag))
            && self.q.as_ref().is_none_or(|q| job.spec.search_text().contains(q))
    }
}

pub(super) fn summary(job: &Arc<Job>) -> JobSummary {
    Job::clone(job).into()
}

/// A cursor is the id and the search text of the last job seen.
fn read_cursor(cursor: &str) -> Result<(String, JobId)> {
    let (id, search) = cursor.split_once('~').ok_or(Error::BadCursor)?;
    Ok((search.to_owned(), id.parse().map_err(|_| Error::BadCursor)?))
}
