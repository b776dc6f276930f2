//! The queue of one-off jobs, stage by stage.

use std::collections::{BTreeMap, HashMap};

use axum::extract::State;
use maud::{Markup, html};
use naptime_core::{Method, Pool, PoolSettings, Stage, Time};
use naptime_store::{JobSummary, MAX_COUNTED, PageRef, QueuedQuery};

use super::bulk;
use super::filter::{self, link, pairs};
use super::treatment::buttons;
use crate::app::Shared;
use crate::endpoints::url;
use crate::http::query::Query;
use crate::kit::layout::{Layout, Tab, both_ways, live, unreadable};
use crate::kit::{PageError, format, many, status};
use crate::pools::mark;

/// The jobs on one page.
const ON_A_PAGE: usize = 50;

pub(super) async fn show(State(app): State<Shared>, query: Query) -> Result<Markup, PageError> {
    let jobs = filter::read(&query)?;
    let cursor = query.get("cursor").map(str::to_owned);
    let page = PageRef { limit: ON_A_PAGE, cursor: cursor.clone() };
    let total = async {
        // Of all in a state, the tabs tell it.
        if is_filtered(&jobs) { app.store.count_queued(&jobs).await.map(Some) } else { Ok(None) }
    };
    let (page, counts, total) = tokio::try_join!(app.store.queued(&jobs, &page), app.store.stages(), total)?;
    let pools = app.pools_of(&page.items).await?;
    let here = link(&jobs, cursor.as_deref());
    let table = html! {
        (unreadable(&page.unreadable))
        @if let Some(total) = total.filter(|total| *total > 0) {
            p.note { (format::counted(total, "job")) @if total >= MAX_COUNTED { " or more" } " in all." }
        }
        @if page.items.is_empty() { (nothing(&jobs, cursor.is_some(), &counts)) }
        @else { (table(&page.items, &jobs, &here, app.now(), &pools)) }
    };
    let body = html! {
        h1 { "One-off jobs" }
        @if let Some(done) = bulk::notice(&query) { div.notice.good role="status" { p { (done) } } }
        (live("stages", &stages(&jobs, &counts)))
        (search(&jobs))
        @if !page.items.is_empty() { (bulk::buttons(&jobs)) }
        (live("jobs", &table))
        (both_ways(page.prev.as_deref(), page.next.as_deref(), |cursor| link(&jobs, cursor)))
    };
    Ok(Layout::new(&app, Tab::Jobs, "One-off jobs").page(&body))
}

/// The stages with their counts, to choose one. Where a filter restricts further, the numbers would not be those of the
/// lists they lead to, so they are left out.
fn stages(jobs: &QueuedQuery, counts: &BTreeMap<Stage, u64>) -> Markup {
    let all = counts.values().sum();
    let tab = |stages: &[Stage], name: &str, count: u64| {
        let href = link(&QueuedQuery { stages: stages.to_vec(), ..jobs.clone() }, None);
        html! {
            a href=(href) aria-current=[(jobs.stages == stages).then_some("page")] {
                (name) @if !is_filtered(jobs) { " " span.count { (format::count(count)) } }
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
    html! {
        form.filters role="search" action="/jobs" {
            @for (name, value) in pairs(jobs).filter(|(name, _)| *name == "state") {
                input type="hidden" name=(name) value=(value);
            }
            label { "Search" input type="search" name="q" value=(value(&jobs.q)) placeholder="Words of URL, name or tags"; }
            label { "Tag" input name="tag" value=(value(&jobs.tag)) size="10"; }
            label { "Pool" input name="pool" value=(value(&jobs.pool)) placeholder="https://example.com"; }
            button { "Filter" }
            @if is_filtered(jobs) {
                a href=(link(&QueuedQuery { stages: jobs.stages.clone(), ..QueuedQuery::default() }, None)) {
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
            @if later { "There are no more. " a href=(link(jobs, None)) { "To the first page" } }
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
                        td.stage.picks {
                            (many::pick(job.id, &format!("{} {}", job.name, job.endpoint)))
                            @if let Some(stage) = job.stage { (pill(stage)) }
                        }
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
pub(crate) fn pill(stage: Stage) -> Markup {
    let tone = match stage {
        Stage::Waiting | Stage::Cancelled => "calm",
        Stage::Running => "busy",
        Stage::Retrying => "warn",
        Stage::Failed => "bad",
        Stage::Done => "good",
    };
    html! { span class={ "pill " (tone) } { (stage.as_str()) } }
}

fn tag_link(jobs: &QueuedQuery, tag: &str) -> Markup {
    let jobs = QueuedQuery { tag: Some(tag.to_owned()), ..jobs.clone() };
    html! { a.tag href=(link(&jobs, None)) { (tag) } }
}
