//! What is done to many one-off jobs at once: asked first, with their number, and said afterwards.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use maud::{Markup, html};
use naptime_core::{Invalid, JobId, Stage};
use naptime_store::{Error, MAX_COUNTED, QueuedQuery, Treatment};

use super::api::treat_all;
use super::filter::{self, pairs};
use super::treatment::{EACH, label, verb};
use crate::app::{App, Shared};
use crate::http::query::Query;
use crate::kit::address::address;
use crate::kit::confirm::Question;
use crate::kit::layout::{Layout, Tab};
use crate::kit::{PageError, format, many};

/// Which jobs are meant.
enum Which {
    /// Those of these ids.
    Picked(Vec<JobId>),
    /// All on a list that the treatment is meant for.
    All { listed: QueuedQuery, meant: QueuedQuery },
}

impl Which {
    fn read(query: &Query, treatment: Treatment) -> Result<Self, PageError> {
        let picked = query.ids()?;
        if !picked.is_empty() {
            return Ok(Self::Picked(picked));
        }
        let listed = filter::read(query)?;
        if listed == QueuedQuery::default() && query.get("all") != Some("true") {
            // Nothing said must not mean all of them.
            return Err(Invalid::new("all", "says_nothing", "it is not said which jobs are meant").into());
        }
        let meant = QueuedQuery { stages: meant(&listed.stages, treatment), ..listed.clone() };
        if meant.stages.is_empty() {
            let detail =
                "Jobs that failed or are done can be called again, and jobs that are not over can be cancelled.";
            return Err(PageError::new(StatusCode::BAD_REQUEST, "Not for these jobs", detail));
        }
        Ok(Self::All { listed, meant })
    }

    /// The number of those that this changes, in words: `2 jobs`.
    async fn counted(&self, app: &App, treatment: Treatment) -> Result<String, PageError> {
        let count = match self {
            Self::All { meant, .. } => app.store.count_queued(meant).await?,
            Self::Picked(ids) => {
                let mut count = 0;
                for id in ids {
                    match app.store.get(*id).await {
                        Ok(job) => count += u64::from(job.stage().is_some_and(|stage| treatment.suits(stage))),
                        Err(Error::NotFound) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                count
            }
        };
        let counted = format::counted(count, "job");
        Ok(if count >= MAX_COUNTED { format!("{counted} or more") } else { counted })
    }

    /// The address at which it is done.
    fn address(&self, treatment: Treatment) -> String {
        let path = format!("/jobs/bulk/{}", verb(treatment));
        match self {
            Self::Picked(ids) => address(&path, ids.iter().map(|id| ("id", id.to_string()))),
            Self::All { listed, .. } => address(&path, said(listed)),
        }
    }

    /// The list that it was come from, which says what was done.
    fn back(&self, done: Option<(Treatment, u64)>) -> String {
        let done = done.map(|(treatment, count)| [("done", verb(treatment).to_owned()), ("count", count.to_string())]);
        let listed = match self {
            Self::Picked(_) => None,
            Self::All { listed, .. } => Some(listed),
        };
        address("/jobs", listed.into_iter().flat_map(pairs).chain(done.into_iter().flatten()))
    }
}

/// Leads from the button to the question.
pub(super) async fn choose(query: Query) -> Result<Redirect, PageError> {
    let treatment = read(query.get("action").unwrap_or_default())?;
    Ok(Redirect::to(&Which::read(&query, treatment)?.address(treatment)))
}

pub(super) async fn confirm(
    State(app): State<Shared>,
    Path(action): Path<String>,
    query: Query,
) -> Result<Markup, PageError> {
    let treatment = read(&action)?;
    let which = Which::read(&query, treatment)?;
    let heading = format!("{} {}?", label(treatment), which.counted(&app, treatment).await?);
    let (action, back) = (which.address(treatment), which.back(None));
    let question = Question {
        heading: &heading,
        about: html! {
            @if let Which::All { meant, .. } = &which { (those(meant)) }
            p {
                @match treatment {
                    Treatment::Retry => "Each is called now, with all its attempts. Those that are not over are passed over.",
                    Treatment::Cancel => {
                        "They are not called any more. Calls under way go on, and are recorded. Those that are over are \
                         passed over."
                    }
                }
            }
        },
        action: Some(&action),
        fields: html! {},
        yes: label(treatment),
        danger: treatment == Treatment::Cancel,
        no: "Leave them",
        back: &back,
    };
    Ok(Layout::new(&app, Tab::Jobs, label(treatment)).page(&question.ask()))
}

pub(super) async fn act(
    State(app): State<Shared>,
    Path(action): Path<String>,
    query: Query,
) -> Result<Response, PageError> {
    let treatment = read(&action)?;
    let which = Which::read(&query, treatment)?;
    let (count, more) = match &which {
        Which::All { meant, .. } => treat_all(&app, meant, treatment).await?,
        Which::Picked(ids) => {
            let ids: Vec<_> = ids.iter().map(|id| (*id, None)).collect();
            (app.store.treat_each(&ids, treatment).await?, false)
        }
    };
    if !more {
        return Ok(Redirect::to(&which.back(Some((treatment, count)))).into_response());
    }
    let body = many::so_far(&done(treatment, count), &which.address(treatment), html! {}, &which.back(None));
    Ok(Layout::new(&app, Tab::Jobs, label(treatment)).page(&body).into_response())
}

/// The buttons for a list, if anything can be done about what is on it.
pub(super) fn buttons(jobs: &QueuedQuery) -> Markup {
    let suits = |treatment: &Treatment| !meant(&jobs.stages, *treatment).is_empty();
    let action = |treatment| (verb(treatment), label(treatment), treatment == Treatment::Cancel);
    let mut actions = EACH.into_iter().filter(suits).map(action).peekable();
    html! {
        @if actions.peek().is_some() { (many::buttons("/jobs/bulk", said(jobs), actions)) }
    }
}

/// What was done, as the address of the list says after it.
pub(super) fn notice(query: &Query) -> Option<String> {
    Some(done(read(query.get("done")?).ok()?, query.get("count")?.parse().ok()?))
}

/// What a list is filtered by, or that all are meant.
fn said(jobs: &QueuedQuery) -> impl Iterator<Item = (&'static str, String)> {
    let all = (*jobs == QueuedQuery::default()).then(|| ("all", "true".to_owned()));
    pairs(jobs).chain(all)
}

/// The stages of the jobs that are meant, on a list of these stages. On a list of all stages, to retry is meant for those
/// that failed: nothing is wrong with those that are done.
fn meant(listed: &[Stage], treatment: Treatment) -> Vec<Stage> {
    let of = match (listed, treatment) {
        ([], Treatment::Retry) => &[Stage::Failed][..],
        ([], Treatment::Cancel) => &Stage::ALL,
        (listed, _) => listed,
    };
    of.iter().copied().filter(|stage| treatment.suits(*stage)).collect()
}

fn read(action: &str) -> Result<Treatment, Invalid> {
    EACH.into_iter().find(|treatment| verb(*treatment) == action).ok_or_else(|| {
        let detail = format!("the action is one of {}", EACH.map(verb).join(", "));
        Invalid::new("action", "unknown_action", detail)
    })
}

/// Those that are meant, in words.
fn those(jobs: &QueuedQuery) -> Markup {
    let states: Vec<&str> = jobs.stages.iter().map(|stage| stage.as_str()).collect();
    html! {
        p { "Those that are " strong { (states.join(" or ")) } "." }
        @if let Some(q) = &jobs.q { p { "Whose URL, name or tags hold each word of " strong { (q) } "." } }
        @if let Some(tag) = &jobs.tag { p { "With the tag " strong { (tag) } "." } }
        @if let Some(pool) = &jobs.pool { p { "Of the pool " strong { (pool) } "." } }
    }
}

/// After it was done to so many.
fn done(treatment: Treatment, count: u64) -> String {
    let counted = format::counted(count, "job");
    match treatment {
        Treatment::Retry => format!("{counted} called again."),
        Treatment::Cancel => format!("{counted} cancelled."),
    }
}
