//! The list of endpoints.

use std::collections::HashMap;

use axum::extract::State;
use maud::{Markup, html};
use naptime_core::{Endpoint, Method, Pool, PoolSettings, Schedule, Time, duration};
use naptime_store::{JobQuery, JobSummary, MAX_SORTED, PageRef, SortBy, sorted};

use super::bulk;
use super::filter;
use super::filter_view::{head, read, search, tabs};
use crate::app::Shared;
use crate::http::query::Query;
use crate::kit::address::address;
use crate::kit::layout::{Layout, Tab, both_ways, live, unreadable};
use crate::kit::{PageError, format, many, status};
use crate::pools::mark;

/// The endpoints on one page.
const ON_A_PAGE: usize = 50;

pub(super) async fn show(State(app): State<Shared>, query: Query) -> Result<Markup, PageError> {
    let jobs = read(&query)?;
    let cursor = query.get("cursor").map(str::to_owned);
    let wanted = PageRef { limit: ON_A_PAGE, cursor: cursor.clone() };
    let (page, counts) = tokio::try_join!(sorted(&*app.store, &jobs, &wanted), app.store.states())?;
    let too_many = page.is_none();
    let page = page.unwrap_or_default();
    let pools = app.pools_of(&page.items).await?;
    let here = link("/endpoints", &jobs, cursor.as_deref());
    let table = html! {
        (unreadable(&page.unreadable))
        @if page.items.is_empty() {
            p.empty {
                @if too_many {
                    "More than " (format::count(MAX_SORTED as u64)) " match, which is too many to sort by that. "
                    "Filter them, or "
                    a href=(link("/endpoints", &JobQuery { sort: None, ..jobs.clone() }, None)) { "sort them as usual" } "."
                }
                @else if cursor.is_some() { "There are no more. " a href=(link("/endpoints", &jobs, None)) { "To the first page" } }
                @else if !jobs.is_all() { "No endpoint matches. " a href="/endpoints" { "Show all" } }
                @else { "No endpoints yet. " a href="/endpoints/new" { "Add one" } " and switch it on to see it called." }
            }
        } @else {
            (table(&page.items, &jobs, &here, app.now(), &pools, true))
        }
    };
    let body = html! {
        div.head {
            h1 { "Endpoints" }
            div.actions {
                a href="/endpoints/deleted" { "Deleted" }
                a.button.primary href="/endpoints/new" { "Add endpoint" }
            }
        }
        @if let Some(done) = bulk::notice(&query) { div.notice.good role="status" { p { (done) } } }
        (live("states", &tabs(&jobs, &counts)))
        (search(&jobs))
        @if !page.items.is_empty() { (bulk::buttons(&jobs)) }
        (live("endpoints", &table))
        (both_ways(page.prev.as_deref(), page.next.as_deref(), |cursor| link("/endpoints", &jobs, cursor)))
    };
    Ok(Layout::new(&app, Tab::Endpoints, "Endpoints").page(&body))
}

/// Endpoints that were found by `jobs`, with a mark where one of these pools holds its calls up. Where they are the whole
/// page, there are `picks` for what is done to many, and heads to sort them by.
pub(crate) fn table(
    items: &[JobSummary],
    jobs: &JobQuery,
    here: &str,
    now: Time,
    pools: &HashMap<Pool, PoolSettings>,
    picks: bool,
) -> Markup {
    html! {
        table.cards.endpoints {
            thead {
                tr {
                    th scope="col" { "Active" }
                    @let head = |by: &[(SortBy, &str)]| head(jobs, by, picks);
                    (head(&[(SortBy::Url, "Endpoint"), (SortBy::Name, "name")]))
                    th scope="col" { "Schedule" }
                    (head(&[(SortBy::Next, "Next call")]))
                    (head(&[(SortBy::Last, "Last outcome"), (SortBy::Lag, "lag"), (SortBy::Success, "success")]))
                    th scope="col" { "SLA" }
                }
            }
            tbody {
                @for job in items {
                    tr.off[!job.active] {
                        td.onoff.picks[picks] {
                            @if picks { (many::pick(job.id, &format!("{} {}", job.name, job.endpoint))) }
                            (status::switch(job.id, job.active, here))
                        }
                        th.where scope="row" {
                            (named(job)) " " (mark(pools.get(job.endpoint.pool())))
                            @for tag in &job.tags { " " (tag_link(jobs, tag)) }
                        }
                        td.when data-label="Schedule" { (schedule(&job.schedule, now)) }
                        td data-label="Next call" {
                            @if job.called_at.is_some_and(|at| at <= now) { span.pill.busy { "calling" } }
                            @else if let Some(due) = job.due { (status::next(now, due)) }
                            @else { span.dim { "–" } }
                        }
                        td data-label="Last" { (last(job, now)) }
                        td.none[job.sla.is_none()] data-label="SLA" {
                            @if let Some(sla) = &job.sla {
                                (status::sla(now, sla, job.watch.as_ref(), job.last_ok))
                                " " span.dim { (duration::show(sla.every())) }
                            } @else { span.dim { "–" } }
                        }
                    }
                }
            }
        }
    }
}

/// The name of an endpoint and what it calls, as a link to its page.
pub(super) fn named(job: &JobSummary) -> Markup {
    html! {
        a href={ "/endpoints/" (job.id) } {
            @if !job.name.is_empty() { span.title { (job.name) } " " }
            (url(&job.endpoint))
        }
        @if job.method != Method::Get { " " span.method { (job.method) } }
    }
}

/// How the last calls went, and those of a day.
fn last(job: &JobSummary, now: Time) -> Markup {
    let day = job.last_day.figures(now);
    html! {
        @if !job.recent.is_empty() || day.calls > 0 {
            div.recently { (status::strip(&job.recent, job.trouble)) " " (status::day(&day)) }
        }
        @if let Some(last) = &job.last { (status::last(now, last)) } @else { span.dim { "not called yet" } }
    }
}

/// A URL with its pool and channel told apart.
pub(crate) fn url(endpoint: &Endpoint) -> Markup {
    html! { span.url { span.pool { (endpoint.pool()) } wbr; span.channel { (endpoint.channel()) } } }
}

/// A schedule in words. A time zone may be broken where it is divided: `America/Argentina/Buenos_Aires`.
fn schedule(schedule: &Schedule, now: Time) -> Markup {
    let text = schedule.describe_at(now);
    let (words, zone) = text.split_at(schedule.zone().and_then(|zone| text.rfind(zone)).unwrap_or(text.len()));
    html! { (words) @for part in zone.split_inclusive('/') { (part) wbr; } }
}

fn tag_link(jobs: &JobQuery, tag: &str) -> Markup {
    let jobs = JobQuery { tag: Some(tag.to_owned()), ..jobs.clone() };
    html! { a.tag href=(link("/endpoints", &jobs, None)) { (tag) } }
}

/// The address of a page of the list.
pub(crate) fn link(path: &str, jobs: &JobQuery, cursor: Option<&str>) -> String {
    address(path, filter::pairs(jobs).chain(cursor.map(|cursor| ("cursor", cursor.to_owned()))))
}
