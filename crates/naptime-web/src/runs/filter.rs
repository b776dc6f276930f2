//! Which runs of all jobs are listed: how they ended, who called, when, and of which endpoints.

use naptime_core::problem::Report;
use naptime_core::run::Outcome;
use naptime_core::{Invalid, JobId, Zone, read_at};
use naptime_store::latest::{How, RunQuery};
use naptime_store::{Error, JobQuery, PageRef, words};

use crate::App;
use crate::http::query::Query;
use crate::kit::format::excerpt;

/// What a list of runs is filtered by.
pub(super) const PARAMETERS: [&str; 8] = ["outcome", "job", "q", "pool", "tag", "worker", "from", "until"];
/// The word for all that did not end well.
pub(super) const BAD: &str = "bad";
/// The word for all calls that a worker has seen end.
pub(super) const CALLED: &str = "called";

/// The most endpoints whose runs are searched for at a time.
const MAX_JOBS: usize = 1_000;

/// What a list of runs is filtered by.
pub(crate) struct Filter {
    /// Which endpoints; all jobs if it says nothing.
    jobs: JobQuery,
    job: Option<JobId>,
    runs: RunQuery,
}

impl Filter {
    /// As a query says it.
    ///
    /// # Errors
    /// At the parameter that cannot be read.
    pub(crate) fn read(query: &Query) -> Result<Self, Invalid> {
        let text = |name| {
            let text = query.filter(name)?.map(str::trim).filter(|text| !text.is_empty());
            Ok::<_, Invalid>(text.map(str::to_owned))
        };
        let time = |name: &'static str| {
            let read = |text: String| {
                read_at(&text, Some(&Zone::UTC)).map_err(|fault| Invalid::new(name, fault.code, fault.detail))
            };
            text(name)?.map(read).transpose()
        };
        let id = |name: &'static str| {
            let not_an_id = |_| Invalid::new(name, "not_an_id", format!("`{name}` must be a UUID"));
            text(name)?.map(|text| uuid::Uuid::try_parse(&text).map_err(not_an_id)).transpose()
        };
        let jobs = JobQuery { q: text("q")?, pool: text("pool")?, tag: text("tag")?, ..JobQuery::default() };
        let how = text("outcome")?.map(|word| how(&word)).transpose()?;
        let worker = id("worker")?.map(Into::into);
        let (from, until) = (time("from")?, time("until")?);
        let runs = RunQuery { how, worker, jobs: None, from, until };
        Ok(Self { jobs, job: id("job")?.map(Into::into), runs })
    }

    /// Whether it means the endpoints that match, which others may come to do.
    pub(crate) fn is_by_endpoint(&self) -> bool {
        self.jobs != JobQuery::default()
    }

    /// Whether a problem is of the endpoints or the pool that it means.
    pub(crate) fn fits_problem(&self, report: &Report) -> bool {
        let JobQuery { q, pool, tag, .. } = &self.jobs;
        let text = || {
            let endpoint = report.endpoint.iter().flat_map(|endpoint| [&endpoint.url, &endpoint.name]);
            let texts: Vec<&str> = endpoint.chain(&report.tags).map(String::as_str).collect();
            texts.join(" ").to_lowercase()
        };
        self.job.is_none_or(|job| report.endpoint.as_ref().is_some_and(|endpoint| endpoint.id == job))
            && pool.as_ref().is_none_or(|pool| report.pool.as_ref() == Some(pool))
            && tag.as_ref().is_none_or(|tag| report.tags.contains(tag))
            && (q.is_none() || words(q.as_deref()).iter().all(|word| text().contains(word)))
    }

    /// The runs that this means.
    ///
    /// # Errors
    /// The store's, and at `q`, `tag` or `pool` if more than 1,000 endpoints match.
    pub(crate) async fn resolve<E: From<Error> + From<Invalid>>(&self, app: &App) -> Result<RunQuery, E> {
        let jobs = if self.jobs == JobQuery::default() {
            self.job.map(|job| vec![job])
        } else {
            let found = app.store.list(&self.jobs, &PageRef::first(MAX_JOBS)).await?;
            if found.next.is_some() {
                let jobs = &self.jobs;
                let said = [("q", jobs.q.is_some()), ("tag", jobs.tag.is_some()), ("pool", jobs.pool.is_some())];
                let field = said.into_iter().find(|(_, is_said)| *is_said).map_or("q", |(name, _)| name);
                let detail = "more than 1,000 endpoints match; say more narrowly whose runs to list";
                return Err(Invalid::new(field, "too_many", detail).into());
            }
            let found = found.items.into_iter().map(|job| job.id);
            Some(found.filter(|found| self.job.is_none_or(|job| job == *found)).collect())
        };
        Ok(RunQuery { jobs, ..self.runs.clone() })
    }
}

fn how(word: &str) -> Result<How, Invalid> {
    match word {
        BAD => return Ok(How::Badly),
        CALLED => return Ok(How::Called),
        _ => {}
    }
    let known = Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == word);
    known.map(How::As).ok_or_else(|| {
        let all: Vec<&str> = Outcome::ALL.into_iter().map(Outcome::as_str).collect();
        let detail = format!("`{}` is no outcome; there are {BAD}, {CALLED} and {}", excerpt(word, 40), all.join(", "));
        Invalid::new("outcome", "unknown_word", detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_named() {
        let read = |query: &str| Filter::read(&Query::parse(Some(query))).map(|filter| filter.runs);
        let fault = |query: &str| read(query).err().map(|fault| (fault.field, fault.code));
        assert_eq!(read("").unwrap(), RunQuery::default());
        assert_eq!(read("outcome=bad").unwrap().how, Some(How::Badly));
        assert_eq!(read("outcome=called").unwrap().how, Some(How::Called));
        assert_eq!(read("outcome=timeout").unwrap().how, Some(How::As(Outcome::Timeout)));
        assert_eq!(fault("outcome=late"), Some(("outcome".into(), "unknown_word")));
        assert_eq!(fault("worker=otter"), Some(("worker".into(), "not_an_id")));
        assert_eq!(fault("job=7"), Some(("job".into(), "not_an_id")));
        assert_eq!(fault("from=yesterday"), Some(("from".into(), "not_a_time")));
        // As all times on the pages, one without a zone is of UTC.
        for until in ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05", "2026-01-02+03:04:05"] {
            let until = read(&format!("until={until}")).unwrap().until;
            assert_eq!(until, Some("2026-01-02T03:04:05Z".parse().unwrap()));
        }
    }
}
