//! One one-off job: how it stands, how it is set up, and the log of its attempts.

use axum::extract::{Path, State};
use http::StatusCode;
use maud::{Markup, html};
use naptime_core::{Job, JobId, Lock, PoolSettings, Run, Schedule, Stage, Time, duration};
use naptime_store::{Error, PageRef};

use super::list::pill;
use super::treatment::buttons;
use super::view::under_way;
use crate::app::Shared;
use crate::endpoints::facts;
use crate::endpoints::url;
use crate::http::query::Query;
use crate::kit::address::after;
use crate::kit::layout::{Layout, Tab, live, older, unreadable};
use crate::kit::{PageError, format, status, worker};
use crate::pools::mark;
use crate::runs;

/// The attempts on one page.
const ON_A_PAGE: usize = 50;

pub(super) async fn show(State(app): State<Shared>, Path(id): Path<String>, query: Query) -> Result<Markup, PageError> {
    let id = read_id(&id)?;
    let cursor = query.get("cursor").map(str::to_owned);
    let job = app.one_off(id).await.map_err(of_job)?;
    let page = app.store.runs(id, &PageRef { limit: ON_A_PAGE, cursor: cursor.clone() }).await?;
    let pool = app.store.pool_settings(std::slice::from_ref(job.spec.endpoint.pool())).await?.pop();
    let now = app.now();
    let lock = under_way(&job, &page.items, now).filter(|_| cursor.is_none());
    let title = if job.spec.name.is_empty() { job.spec.shown_endpoint().to_string() } else { job.spec.name.clone() };
    let stage = job.stage().unwrap_or(Stage::Waiting);
    let here = format!("/jobs/{id}");
    let body = html! {
        div.head {
            div.title {
                h1 { @if job.spec.name.is_empty() { (url(&job.spec.shown_endpoint())) } @else { (job.spec.name) } }
                @if !job.spec.name.is_empty() {
                    p.where { span.method { (job.spec.request.method) } " " (url(&job.spec.shown_endpoint())) }
                }
            }
            (live("actions", &html! { div.actions { (buttons(id, stage, "")) } }))
        }
        div.detail {
            section.state aria-label="State" { (live("state", &state(&job, stage, now, pool.as_ref()))) }
            section.set-up aria-label="Set-up" { (configuration(&job, pool.as_ref(), now)) }
            section.runs-part aria-labelledby="log" {
                h2 #log { "Log of attempts" }
                (live("log", &html! { (unreadable(&page.unreadable)) (log(&job, lock, &page.items, now)) }))
                (older("Pages of the log", cursor.is_some(), page.next.as_deref(), |cursor| after(&here, cursor) + "#log"))
                p.note { "The log is kept for " (duration::show(app.settings.retention)) "." }
            }
        }
    };
    Ok(Layout::new(&app, Tab::Jobs, &title).page(&body))
}

fn state(job: &Job, stage: Stage, now: Time, pool: Option<&PoolSettings>) -> Markup {
    let state = &job.state;
    html! {
        dl.facts {
            dt { "State" }
            dd { (pill(stage)) @if job.state.due.is_some() { " " (mark(pool)) } }
            @match stage {
                Stage::Waiting | Stage::Retrying => {
                    dt { "Next call" }
                    dd {
                        @if let Some(at) = state.claim_at() {
                            (status::next(now, at)) " " span.dim { "at " (format::clock(now, at)) }
                        }
                    }
                },
                Stage::Cancelled => {
                    dt { "Cancelled" }
                    dd { @if let Some(at) = job.deleted_at { (format::time(now, at)) } }
                },
                Stage::Done | Stage::Failed => {
                    dt { "Ended" }
                    dd { @if let Some(at) = state.ended_at { (format::time(now, at)) } }
                },
                Stage::Running => {},
            }
            @if let Some(lock) = state.lock() {
                dt { "Held by" }
                dd { (worker::named(lock.worker)) " since " (format::time(now, lock.since)) }
            }
            @if job.attempts() > 0 {
                dt { "Attempt" }
                dd { (job.attempts()) " of " (job.spec.retry.attempts) }
            } @else if state.ended_at.is_some() {
                dt { "Attempts" }
                dd { (format::count(state.counters.runs)) " of " (job.spec.retry.attempts) }
            }
            dt { "Last outcome" }
            dd {
                @if let Some(last) = &state.last {
                    (status::last(now, last))
                    @if !last.message.is_empty() { " " span.message { (last.message) } }
                } @else { span.dim { "none yet" } }
            }
        }
    }
}

fn configuration(job: &Job, pool: Option<&PoolSettings>, now: Time) -> Markup {
    let spec = &job.spec;
    html! {
        dl.facts {
            (facts::request(spec, pool))
            @if let Schedule::Once { at } = spec.schedule { dt { "Call at" } dd { (format::clock(now, at)) } }
            dt { "Timeout" } dd { (duration::show(spec.request.timeout)) }
            dt { "Ends well with" } dd { (spec.success) }
            @if !spec.keep.is_default() { dt { "Answers kept" } dd { (spec.keep) } }
            @if !spec.expect.is_empty() {
                dt { "Expects" } dd { ul.plain { @for line in spec.expect.lines() { li { (line) } } } }
            }
            dt { "Attempts" }
            dd {
                "up to " (spec.retry.attempts)
                @if spec.retry.attempts > 1 {
                    ", after " (spec.retry.on) "; the second after " (duration::show(spec.retry.backoff))
                }
            }
            @if let Some(key) = &spec.key { dt { "Key" } dd { code { (key) } } }
            (facts::tags(spec))
            dt { "Added" } dd { (format::time(now, job.created_at)) }
            dt { "Id" } dd { code { (job.id) } }
        }
    }
}

/// The attempts, newest first: when each began and ended, and how.
fn log(job: &Job, lock: Option<&Lock>, runs: &[Run], now: Time) -> Markup {
    if runs.is_empty() && lock.is_none() {
        return html! { p.empty { "Not called yet." } };
    }
    html! {
        table.cards.runs {
            thead {
                tr {
                    th scope="col" { "Started" }
                    th scope="col" { "Ended" }
                    (runs::ending_heads())
                }
            }
            tbody {
                @if let Some(lock) = lock {
                    tr {
                        th scope="row" { (format::clock(now, lock.at)) }
                        td data-label="Ended" { span.dim { "not yet" } }
                        td.number data-label="Start lag" { (format::took(lock.at.since(lock.due.unwrap_or(lock.at)))) }
                        td.number data-label="Took" { span.dim { "–" } }
                        td data-label="Outcome" { span.pill.busy { "calling" } }
                        td.message.none data-label="Message" {}
                        td.number data-label="Attempt" { (job.attempts()) }
                        td data-label="Worker" { (worker::named(lock.worker)) }
                    }
                }
                @for run in runs {
                    tr {
                        th scope="row" { a href=(runs::link(run)) { (format::clock(now, run.started)) } }
                        td data-label="Ended" { (format::clock(now, run.finished)) }
                        (runs::ending(run, runs, now))
                    }
                }
            }
        }
    }
}

/// The id in the address of a page.
pub(super) fn read_id(id: &str) -> Result<JobId, PageError> {
    id.parse().map_err(|_| of_job(Error::NotFound))
}

/// The store's error, about a one-off job.
pub(super) fn of_job(error: Error) -> PageError {
    match error {
        Error::NotFound => {
            let text = "There is no one-off job of this id. It may have ended long ago, or the address was cut short.";
            PageError::new(StatusCode::NOT_FOUND, "No such job", text)
        }
        Error::Deleted => {
            let text = "This job has been cancelled. What is still wanted has to be asked for again.";
            PageError::new(StatusCode::CONFLICT, "It is cancelled", text)
        }
        other => other.into(),
    }
}
