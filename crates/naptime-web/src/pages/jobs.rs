//! The queue of one-off jobs, stage by stage.

use std::collections::{BTreeMap, HashMap};

use axum::extract::State;
use http::StatusCode;
use maud::{Markup, html};
use naptime_core::{Method, Pool, PoolSettings, Stage, Time};
use naptime_store::{JobSummary, PageRef, QueuedQuery, Treatment};
use url::form_urlencoded;

use super::PageError;
use super::endpoints::url;
use super::layout::{Layout, Tab, live, pager, unreadable};
use super::pool_view::mark;
use super::status;
use crate::api::jobs::filters;
use crate::app::Shared;
use crate::format;
use crate::query::Query;

/// The jobs on one page.
const ON_A_PAGE: usize = 50;

pub(super) async fn show(State(app): State<Shared>, query: Query) -> Result<Markup, PageError> {
    let jobs = read(&query)?;
    let cursor = query.get("cursor").map(str::to_owned);
    let page = PageRef { limit: ON_A_PAGE, cursor: cursor.clone() };
    let (page, counts) = tokio::try_join!(app.store.queued(&jobs, &page), app.store.stages())?;
    let pools = app.pools_of(&page.items).await?;
    let here = link("/jobs", &jobs, cursor.as_deref());
    let table = html! {
        (unreadable(&page.unreadable))
        @if page.items.is_empty() { (nothing(&jobs, cursor.is_some(), &counts)) }
        @else { (table(&page.items, &jobs, &here, app.now(), &pools)) }
    };
    let body = html! {
        div.head {
            h1 { "One-off jobs" }
            div.actions {
                @for treatment in [Treatment::Retry, Treatment::Cancel] {
                    @if !page.items.is_empty() && jobs.stages.iter().any(|stage| treatment.suits(*stage)) {
                        a.button href=(link(&format!("/jobs/{}", verb(treatment)), &jobs, None)) {
                            (label(treatment)) " all…"
                        }
                    }
                }
            }
        }
        (live("stages", &stages(&jobs, &counts)))
        (search(&jobs))
        (live("jobs", &table))
        (pager(cursor.is_some(), page.next.as_deref(), |cursor| link("/jobs", &jobs, cursor)))
    };
    Ok(Layout::new(&app, Tab::Jobs, "One-off jobs").page(&body))
}

/// What a list is filtered by. What is left blank does not restrict.
pub(super) fn read(query: &Query) -> Result<QueuedQuery, PageError> {
    filters(query).map_err(|fault| {
        let detail = format!("This list cannot be shown: {}.", fault.detail);
        PageError::new(StatusCode::BAD_REQUEST, "Not a list of jobs", detail)
    })
}

/// The stages with their counts, to choose one.
fn stages(jobs: &QueuedQuery, counts: &BTreeMap<Stage, u64>) -> Markup {
    let all = counts.values().sum();
    let tab = |stages: &[Stage], name: &str, count: u64| {
        let href = link("/jobs", &QueuedQuery { stages: stages.to_vec(), ..jobs.clone() }, None);
        html! {
            a href=(href) aria-current=[(jobs.stages == stages).then_some("page")] {
                (name) " " span.count { (format::count(count)) }
            }
        }
    };
    html! {
        nav.stages aria-label="State" {
            (tab(&[], "all", all))
            @for stage in Stage::ALL {
                (tab(&[stage], stage.as_str(), counts.get(&stage).copied().unwrap_or(0)))
            }
        }
    }
}

fn search(jobs: &QueuedQuery) -> Markup {
    let value = |text: &Option<String>| text.clone().unwrap_or_default();
    let states = states(jobs);
    html! {
        form.filters role="search" action="/jobs" {
            @if !states.is_empty() { input type="hidden" name="state" value=(states); }
            label { "Search" input type="search" name="q" value=(value(&jobs.q)) placeholder="URL, name or tag"; }
            label { "Tag" input name="tag" value=(value(&jobs.tag)) size="10"; }
            label { "Pool" input name="pool" value=(value(&jobs.pool)) placeholder="https://example.com"; }
            button { "Filter" }
            @if is_filtered(jobs) {
                a href=(link("/jobs", &QueuedQuery { stages: jobs.stages.clone(), ..QueuedQuery::default() }, None)) {
                    "Show all"
                }
            }
        }
    }
}

fn is_filtered(jobs: &QueuedQuery) -> bool {
    jobs.q.is_some() || jobs.tag.is_some() || jobs.pool.is_some()
}

fn nothing(jobs: &QueuedQuery, later: bool, counts: &BTreeMap<Stage, u64>) -> Markup {
    html! {
        p.empty {
            @if later { "There are no more. " a href=(link("/jobs", jobs, None)) { "To the first page" } }
            @else if is_filtered(jobs) { "No job matches." }
            @else if counts.values().all(|count| *count == 0) {
                "Nothing has been asked for yet. Ask with " code { "naptime enqueue URL" } " or "
                code { "POST /api/jobs" } "."
            }
            @else { "There is none." }
        }
    }
}

fn table(
    items: &[JobSummary],
    jobs: &QueuedQuery,
    here: &str,
    now: Time,
    pools: &HashMap<Pool, PoolSettings>,
) -> Markup {
    html! {
        table.cards.jobs {
            thead {
                tr {
                    th scope="col" { "State" }
                    th scope="col" { "Job" }
                    th scope="col" { "Added" }
                    th scope="col" { "Call" }
                    th.number scope="col" { "Attempt" }
                    th scope="col" { "Last outcome" }
                    th scope="col" { span.hidden { "What to do" } }
                }
            }
            tbody {
                @for job in items {
                    tr {
                        td.stage { @if let Some(stage) = job.stage { (pill(stage)) } }
                        th.where scope="row" {
                            a href={ "/jobs/" (job.id) } { (url(&job.endpoint)) }
                            @if job.method != Method::Get { " " span.method { (job.method) } }
                            " " (mark(pools.get(job.endpoint.pool())))
                            @if !job.name.is_empty() || !job.tags.is_empty() {
                                span.name {
                                    (job.name)
                                    @for tag in &job.tags { " " (tag_link(jobs, tag)) }
                                }
                            }
                        }
                        td data-label="Added" { (format::time(now, job.created_at)) }
                        td data-label="Call" { (call(job, now)) }
                        td.number.none[job.attempt == 0 && job.runs == 0] data-label="Attempt" { (tried(job)) }
                        td.none[job.last.is_none()] data-label="Last" {
                            @if let Some(last) = &job.last { (status::last(now, last)) } @else { span.dim { "–" } }
                        }
                        td.act { @if let Some(stage) = job.stage { (buttons(job.id, stage, here)) } }
                    }
                }
            }
        }
    }
}

/// When it is, or was, called.
fn call(job: &JobSummary, now: Time) -> Markup {
    html! {
        @match job.stage {
            Some(Stage::Waiting | Stage::Retrying) => @if let Some(at) = job.claim_at { (status::next(now, at)) },
            Some(Stage::Running) => "now",
            Some(Stage::Cancelled) => @if let Some(at) = job.deleted_at { "cancelled " (format::time(now, at)) },
            _ => @if let Some(at) = job.ended_at { "ended " (format::time(now, at)) },
        }
    }
}

fn tried(job: &JobSummary) -> Markup {
    html! {
        // Once it has ended, its runs are what it took.
        @let tried = if job.ended_at.is_some() { job.runs } else { u64::from(job.attempt) };
        @if tried > 0 { (format::count(tried)) " of " (job.attempts) } @else { span.dim { "–" } }
    }
}

/// A stage, in its colour.
pub(super) fn pill(stage: Stage) -> Markup {
    let tone = match stage {
        Stage::Waiting | Stage::Cancelled => "calm",
        Stage::Running => "busy",
        Stage::Retrying => "warn",
        Stage::Failed => "bad",
        Stage::Done => "good",
    };
    html! { span class={ "pill " (tone) } { (stage.as_str()) } }
}

/// What can be done about a job in this stage. The buttons lead back to `back`.
pub(super) fn buttons(id: naptime_core::JobId, stage: Stage, back: &str) -> Markup {
    html! {
        @for treatment in [Treatment::Retry, Treatment::Cancel] {
            @if treatment.suits(stage) {
                form method="post" action={ "/jobs/" (id) "/" (verb(treatment)) } {
                    input type="hidden" name="back" value=(back);
                    button.danger[treatment == Treatment::Cancel] {
                        @if stage == Stage::Done { "Call again" } @else { (label(treatment)) }
                    }
                }
            }
        }
    }
}

/// The treatment in addresses.
pub(super) fn verb(treatment: Treatment) -> &'static str {
    match treatment {
        Treatment::Retry => "retry",
        Treatment::Cancel => "cancel",
    }
}

/// The treatment on buttons.
pub(super) fn label(treatment: Treatment) -> &'static str {
    match treatment {
        Treatment::Retry => "Retry",
        Treatment::Cancel => "Cancel",
    }
}

fn tag_link(jobs: &QueuedQuery, tag: &str) -> Markup {
    let jobs = QueuedQuery { tag: Some(tag.to_owned()), ..jobs.clone() };
    html! { a.tag href=(link("/jobs", &jobs, None)) { (tag) } }
}

/// The stages of a list as an address has them.
fn states(jobs: &QueuedQuery) -> String {
    jobs.stages.iter().map(|stage| stage.as_str()).collect::<Vec<_>>().join(",")
}

/// The address of a page about these jobs.
pub(super) fn link(path: &str, jobs: &QueuedQuery, cursor: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let states = Some(states(jobs)).filter(|states| !states.is_empty());
    for (name, value) in [("state", &states), ("q", &jobs.q), ("tag", &jobs.tag), ("pool", &jobs.pool)] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    if let Some(cursor) = cursor {
        query.append_pair("cursor", cursor);
    }
    match query.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}
