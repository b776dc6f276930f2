//! The runs of all jobs, the latest first.

use std::collections::{HashMap, HashSet};

use axum::extract::State;
use futures::{StreamExt, TryStreamExt, stream};
use maud::{Markup, html};
use naptime_core::{Job, JobId, Outcome, Run, Time};
use naptime_store::{Error, PageRef};

use super::filter::{BAD, CALLED, Filter, PARAMETERS};
use crate::app::{App, Shared};
use crate::endpoints::url;
use crate::http::query::Query;
use crate::kit::address::address;
use crate::kit::layout::{Layout, Tab, live, pager, unreadable};
use crate::kit::{PageError, format};
use crate::runs;

/// The runs on one page.
const ON_A_PAGE: usize = 50;
/// The jobs that are read at the same time.
const AT_ONCE: usize = 16;

pub(super) async fn show(State(app): State<Shared>, query: Query) -> Result<Markup, PageError> {
    let wanted = Filter::read(&query)?.resolve::<PageError>(&app).await?;
    let cursor = query.get("cursor").map(str::to_owned);
    let page = PageRef { limit: ON_A_PAGE, cursor: cursor.clone() };
    let page = app.store.all_runs(&wanted, &page).await?;
    let jobs = jobs_of(&app, &page.items).await?;
    let now = app.now();
    let table = html! {
        (unreadable(&page.unreadable))
        @if page.items.is_empty() {
            p.empty {
                @match (&page.next, cursor.is_some(), is_filtered(&query)) {
                    (Some(_), ..) => "None of the runs looked through so far matches; earlier ones are on the next page.",
                    (None, true, _) => "There are no more.",
                    (None, false, true) => { "No run matches. " a href="/runs" { "Show all" } },
                    (None, false, false) => "Nothing was called yet.",
                }
            }
        } @else { (table(&page.items, &jobs, now)) }
        // With the list, or else the next page would leave out what has come meanwhile.
        (pager(cursor.is_some(), page.next.as_deref(), |cursor| link(&query, "outcome", query.get("outcome"), cursor)))
    };
    let body = html! {
        div.head { h1 { "Runs" } }
        (outcomes(&query))
        (filters(&query))
        // What comes later is for reading on, and stays as it is.
        @if cursor.is_none() { (live("runs", &table)) } @else { (table) }
        p.note { "Runs are kept for " (naptime_core::duration::show(app.settings.retention)) "." }
    };
    Ok(Layout::new(&app, Tab::Runs, "Runs").page(&body))
}

/// The jobs of these runs, as far as they are still there.
async fn jobs_of(app: &App, runs: &[Run]) -> Result<HashMap<JobId, Job>, Error> {
    let ids: HashSet<JobId> = runs.iter().map(|run| run.job).collect();
    let get = |id| async move {
        match app.store.get(id).await {
            Ok(job) => Ok(Some((id, job))),
            Err(Error::NotFound | Error::Corrupt(_)) => Ok(None),
            Err(error) => Err(error),
        }
    };
    let found: Vec<_> = stream::iter(ids.into_iter().map(get)).buffered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// What most look for. The rest of a filter stays as it is.
fn outcomes(query: &Query) -> Markup {
    let here = query.get("outcome");
    let tab = |name: &str, outcome: Option<&str>| {
        html! { a href=(link(query, "outcome", outcome, None)) aria-current=[(here == outcome).then_some("page")] { (name) } }
    };
    html! {
        nav.stages aria-label="Outcome" {
            (tab("All", None))
            (tab("Not ok", Some(BAD)))
            (tab("Ok", Some(Outcome::Ok.as_str())))
            (tab("Not called", Some(Outcome::Skipped.as_str())))
        }
    }
}

fn filters(query: &Query) -> Markup {
    let value = |name| query.get(name).unwrap_or_default();
    let chosen = value("outcome");
    html! {
        form.filters role="search" action="/runs" {
            label { "Endpoint" input type="search" name="q" value=(value("q")) placeholder="Words of URL, name or tags"; }
            label {
                "Outcome"
                select name="outcome" {
                    option value="" selected[chosen.is_empty()] { "any" }
                    option value=(CALLED) selected[chosen == CALLED] { "called" }
                    option value=(BAD) selected[chosen == BAD] { "not ok" }
                    @for outcome in Outcome::ALL {
                        option value=(outcome.as_str()) selected[chosen == outcome.as_str()] { (format::outcome(outcome)) }
                    }
                }
            }
            label { "Tag" input name="tag" value=(value("tag")) size="10"; }
            label { "Pool" input name="pool" value=(value("pool")) placeholder="https://example.com"; }
            label { "Ended before" input name="until" value=(value("until")) placeholder="2030-01-31 09:00" size="16"; }
            // Where a link has said more than most look for.
            @for (name, label) in [("job", "Job"), ("worker", "Worker"), ("from", "Ended after")] {
                @if let Some(value) = query.get(name) { label { (label) input name=(name) value=(value); } }
            }
            button { "Filter" }
            @if is_filtered(query) { a href="/runs" { "Show all" } }
        }
    }
}

fn is_filtered(query: &Query) -> bool {
    PARAMETERS.iter().any(|name| query.get(name).is_some())
}

fn table(items: &[Run], jobs: &HashMap<JobId, Job>, now: Time) -> Markup {
    html! {
        table.cards.runs {
            thead {
                tr {
                    th scope="col" { "Ended" }
                    th scope="col" { "Job" }
                    (runs::ending_heads())
                }
            }
            tbody {
                @for run in items {
                    tr {
                        th scope="row" {
                            a href=(runs::link(run)) { (format::clock(now, run.finished)) }
                            @if run.manual { " " span.pill.calm title="Somebody asked for this call" { "manual" } }
                        }
                        td data-label="Job" { (of(run, jobs.get(&run.job))) }
                        (runs::ending(run, items, now))
                    }
                }
            }
        }
    }
}

fn of(run: &Run, job: Option<&Job>) -> Markup {
    html! {
        @match job {
            None => code { (run.job) },
            Some(job) => {
                @let path = if job.stage().is_some() { "/jobs/" } else { "/endpoints/" };
                a href={ (path) (job.id) } {
                    @if job.spec.name.is_empty() { (url(&job.spec.shown_endpoint())) } @else { (job.spec.name) }
                }
            },
        }
    }
}

/// The address of a page of the list, with one parameter set to another value.
fn link(query: &Query, name: &str, value: Option<&str>, cursor: Option<&str>) -> String {
    let of = |known| if known == name { value } else { query.get(known) };
    let filters = PARAMETERS.into_iter().filter_map(|known| Some((known, of(known)?)));
    address("/runs", filters.chain(cursor.map(|cursor| ("cursor", cursor))))
}
