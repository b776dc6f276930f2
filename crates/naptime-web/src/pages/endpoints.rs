//! The list of endpoints.

use std::collections::{BTreeMap, HashMap};

use axum::extract::State;
use http::StatusCode;
use maud::{Markup, html};
use naptime_core::{Endpoint, Invalid, Method, Pool, PoolSettings, Schedule, Time, Trouble, duration};
use naptime_store::{JobCount, JobQuery, JobSummary, PageRef};
use url::form_urlencoded;

use super::layout::{Layout, Tab, live, pager, unreadable};
use super::pool_view::mark;
use super::status;
use super::{PageError, bulk};
use crate::app::Shared;
use crate::format;
use crate::query::Query;

/// The endpoints on one page.
const ON_A_PAGE: usize = 50;

pub(super) async fn show(State(app): State<Shared>, query: Query) -> Result<Markup, PageError> {
    let jobs = read(&query)?;
    let cursor = query.get("cursor").map(str::to_owned);
    let wanted = PageRef { limit: ON_A_PAGE, cursor: cursor.clone() };
    let (page, count, troubles) =
        tokio::try_join!(app.store.list(&jobs, &wanted), app.store.count(), app.store.troubles())?;
    let pools = app.pools_of(&page.items).await?;
    let here = link("/endpoints", &jobs, cursor.as_deref());
    let filtered = jobs != JobQuery::default();
    let table = html! {
        (unreadable(&page.unreadable))
        @if page.items.is_empty() {
            p.empty {
                @if filtered { "No endpoint matches. " a href="/endpoints" { "Show all" } }
                @else if cursor.is_some() { "There are no more. " a href="/endpoints" { "To the first page" } }
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
        (live("states", &states(&jobs, count, &troubles)))
        (filters(&jobs))
        @if !page.items.is_empty() { (bulk::buttons(&jobs)) }
        (live("endpoints", &table))
        (pager(cursor.is_some(), page.next.as_deref(), |cursor| link("/endpoints", &jobs, cursor)))
    };
    Ok(Layout::new(&app, Tab::Endpoints, "Endpoints").page(&body))
}

/// What the list is filtered by.
pub(super) fn read(query: &Query) -> Result<JobQuery, PageError> {
    let text = |name| match query.filter(name) {
        Ok(text) => Ok(text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)),
        Err(_) => {
            let detail = "What to search for may be up to 2,048 bytes long.";
            Err(PageError::new(StatusCode::BAD_REQUEST, "Too long to search for", detail))
        }
    };
    let not_a_flag = |_| Invalid::new("active", "wrong_type", "`active` must be true or false");
    let active = query.get("active").map(|text| text.parse().map_err(not_a_flag)).transpose()?;
    let trouble = query.get("state").map(str::parse).transpose()?;
    Ok(JobQuery { q: text("q")?, pool: text("pool")?, tag: text("tag")?, active, trouble, ..JobQuery::default() })
}

/// What most look for, each with how many there are of all endpoints. The rest of a filter stays as it is.
fn states(jobs: &JobQuery, count: JobCount, troubles: &BTreeMap<Trouble, u64>) -> Markup {
    let tab = |name: &str, active: Option<bool>, trouble: Option<Trouble>, count: u64| {
        let is_here = (jobs.active, jobs.trouble) == (active, trouble);
        let link = link("/endpoints", &JobQuery { active, trouble, ..jobs.clone() }, None);
        html! {
            a href=(link) aria-current=[is_here.then_some("page")] { (name) " " span.count { (format::count(count)) } }
        }
    };
    let of = |trouble| troubles.get(&trouble).copied().unwrap_or(0);
    html! {
        nav.stages aria-label="State" {
            (tab("All", None, None, count.total))
            (tab("Failing", None, Some(Trouble::Failing), of(Trouble::Failing)))
            (tab("Flapping", None, Some(Trouble::Flapping), of(Trouble::Flapping)))
            (tab("On", Some(true), None, count.active))
            (tab("Off", Some(false), None, count.total - count.active))
        }
    }
}

fn filters(jobs: &JobQuery) -> Markup {
    let value = |text: &Option<String>| text.clone().unwrap_or_default();
    html! {
        form.filters role="search" action="/endpoints" {
            label { "Search" input type="search" name="q" value=(value(&jobs.q)) placeholder="URL, name or tag"; }
            @if let Some(active) = jobs.active { input type="hidden" name="active" value=(active); }
            @if let Some(trouble) = jobs.trouble { input type="hidden" name="state" value=(trouble.as_str()); }
            label { "Tag" input name="tag" value=(value(&jobs.tag)) size="10"; }
            label { "Pool" input name="pool" value=(value(&jobs.pool)) placeholder="https://example.com"; }
            button { "Filter" }
            @if *jobs != JobQuery::default() { a href="/endpoints" { "Show all" } }
        }
    }
}

/// Endpoints that were found by `jobs`, with a mark where one of these pools holds its calls up, and `picks` for what is
/// done to many.
pub(super) fn table(
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
                    th scope="col" { "Endpoint" }
                    th scope="col" { "Name" }
                    th scope="col" { "Schedule" }
                    th scope="col" { "Next call" }
                    th scope="col" { "Last outcome" }
                    th scope="col" { "SLA" }
                }
            }
            tbody {
                @for job in items {
                    tr.off[!job.active] {
                        td.onoff.picks[picks] {
                            @if picks {
                                input type="checkbox" form="bulk" name="id" value=(job.id)
                                    aria-label={ "Pick " (job.name) " " (job.endpoint) };
                            }
                            (status::switch(job.id, job.active, here))
                        }
                        th.where scope="row" {
                            a href={ "/endpoints/" (job.id) } { (url(&job.endpoint)) }
                            @if job.method != Method::Get { " " span.method { (job.method) } }
                            " " (mark(pools.get(job.endpoint.pool())))
                        }
                        td.name.none[job.name.is_empty() && job.tags.is_empty()] data-label="Name" {
                            @if !job.name.is_empty() { (job.name) " " }
                            @for tag in &job.tags { (tag_link(jobs, tag)) " " }
                        }
                        td.when data-label="Schedule" { (schedule(&job.schedule, now)) }
                        td data-label="Next call" {
                            @if job.called_at.is_some_and(|at| at <= now) { span.pill.busy { "calling" } }
                            @else if let Some(due) = job.due { (status::next(now, due)) }
                            @else { span.dim { "–" } }
                        }
                        td data-label="Last" {
                            @if !job.recent.is_empty() { div { (status::strip(&job.recent, job.trouble)) } }
                            @if let Some(last) = &job.last { (status::last(now, last)) }
                            @else { span.dim { "not called yet" } }
                        }
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

/// A URL with its pool and channel told apart.
pub(super) fn url(endpoint: &Endpoint) -> Markup {
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
pub(super) fn link(path: &str, jobs: &JobQuery, cursor: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let active = jobs.active.map(|active| active.to_string());
    let trouble = jobs.trouble.map(|trouble| trouble.as_str().to_owned());
    let parts = [("q", &jobs.q), ("active", &active), ("state", &trouble), ("tag", &jobs.tag), ("pool", &jobs.pool)];
    for (name, value) in parts {
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
