//! One endpoint: how it is set up, where it stands, what happened.

use axum::extract::State;
use maud::{Markup, html};
use naptime_core::recent::FAILING_AFTER;
use naptime_core::state::LEASE;
use naptime_core::{Applied, CatchUp, Job, Pause, PoolSettings, Statuses, Time, duration};
use naptime_store::PageRef;
use url::form_urlencoded;

use super::changes;
use super::facts;
use super::list::url;
use super::timing;
use crate::app::{App, Shared};
use crate::as_code::written::{self, Credentials};
use crate::http::query::{PageId, Query};
use crate::kit::address::after;
use crate::kit::layout::{Layout, Tab, linked_tile, live, older, tile, unreadable};
use crate::kit::{PageError, format, status, worker};
use crate::pools;
use crate::runs;
use crate::sla;

/// The runs that the charts show.
const CHARTED: usize = 500;
/// The runs on one page.
const ON_A_PAGE: usize = 50;

pub(super) async fn show(State(app): State<Shared>, PageId(id): PageId, query: Query) -> Result<Markup, PageError> {
    let cursor = query.get("cursor").map(str::to_owned);
    let page = PageRef { limit: ON_A_PAGE, cursor: cursor.clone() };
    // Older pages of the history are for reading on, so they have no charts.
    let charted = PageRef::first(if cursor.is_none() { CHARTED } else { 1 });
    let (job, recent, page) =
        tokio::try_join!(app.endpoint(id), app.store.runs(id, &charted), app.store.runs(id, &page))?;
    let pool = app.store.pool_settings(std::slice::from_ref(job.spec.endpoint.pool())).await?.pop();
    let pool_off = pool.as_ref().is_some_and(|pool| !pool.active);
    let sla = if cursor.is_none() {
        sla::part(&app, &job).await?
    } else {
        html! {}
    };
    let now = app.now();
    let title = if job.spec.name.is_empty() { job.spec.shown_endpoint().to_string() } else { job.spec.name.clone() };
    // Only the newest runs follow on what is to come.
    let shows_coming = cursor.is_none() && !pool_off;
    let coming = timing::upcoming(&job).into_iter().filter(|at| shows_coming && *at > now).collect::<Vec<_>>();
    let here = format!("/endpoints/{id}");
    let history = html! {
        section.runs-part aria-labelledby="runs" {
            h2 #runs { "Runs" }
            // The links with the list, or else they would leave out what has come meanwhile.
            (live("runs", &html! {
                (unreadable(&page.unreadable))
                (runs::table(&page.items, &coming, now))
                (older("Pages of runs", cursor.is_some(), page.next.as_deref(), |cursor| after(&here, cursor) + "#runs"))
            }))
            p.note { "Runs are kept for " (duration::show(app.settings.retention)) "." }
        }
    };
    let body = html! {
        (heading(&job, pool_off))
        @if let Some(deleted) = job.deleted_at { (deleted_notice(&app, &job, deleted)) }
        (live("pool", &html! { @if pool_off && job.deleted_at.is_none() { (pool_notice(&job)) } }))
        (live("pause", &html! { @if let Some(pause) = pause(&job, now) { (pause_notice(&job, pause)) } }))
        div.detail {
            section.state aria-label="State" {
                (live("state", &html! { (state(&job, now)) (counters(&job, now)) }))
            }
            @if cursor.is_none() {
                section.load aria-labelledby="latest" {
                    h2.hidden #latest { "Latest runs" }
                    (live("charts", &runs::charts(&recent.items, now)))
                }
            }
            (sla)
            section.set-up aria-label="Set-up" { (configuration(&job, pool.as_ref(), now)) }
            (changes::part(&job.changes, now))
            (history)
        }
    };
    Ok(Layout::new(&app, Tab::Endpoints, &title).in_zone(job.spec.schedule.zone()).page(&body))
}

fn heading(job: &Job, pool_off: bool) -> Markup {
    let id = job.id;
    html! {
        div.head {
            div.title {
                h1 { @if job.spec.name.is_empty() { (url(&job.spec.shown_endpoint())) } @else { (job.spec.name) } }
                @if !job.spec.name.is_empty() {
                    p.where { span.method { (job.spec.request.method) } " " (url(&job.spec.shown_endpoint())) }
                }
            }
            @if job.deleted_at.is_none() {
                div.actions {
                    (status::switch(id, job.active, &format!("/endpoints/{id}")))
                    (live("call", &html! {
                        form method="post" action={ "/endpoints/" (id) "/call" } {
                            button disabled[pool_off] title=[pool_off.then_some("Its pool is switched off.")] { "Call now" }
                        }
                    }))
                    a.button href={ "/endpoints/" (id) "/edit" } { "Edit" }
                    a.button href={ "/endpoints/new?like=" (id) } { "Duplicate" }
                    a.button.danger href={ "/endpoints/" (id) "/delete" } { "Delete" }
                }
            }
        }
    }
}

fn pool_notice(job: &Job) -> Markup {
    html! {
        div.notice.warn {
            p {
                strong { "Its pool is switched off." }
                " Nothing of " (pools::link(job.spec.endpoint.pool())) " is called until that is on again."
            }
        }
    }
}

/// The pause that lasts, of an endpoint that is switched on.
fn pause(job: &Job, now: Time) -> Option<&Pause> {
    job.spec.schedule.bounds().filter(|_| job.active)?.pause_at(now)
}

fn pause_notice(job: &Job, pause: &Pause) -> Markup {
    html! {
        div.notice.warn {
            p {
                strong {
                    @match pause.until {
                        // As it was typed, and as the schedule tells it.
                        Some(until) => { "Paused until " (timing::zone(&job.spec.schedule).show(until)) "." }
                        None => "Paused until somebody resumes it.",
                    }
                }
                @if !pause.note.is_empty() { " " (pause.note) }
            }
            form method="post" action={ "/endpoints/" (job.id) "/resume" } { button { "Resume" } }
        }
    }
}

fn deleted_notice(app: &App, job: &Job, deleted: Time) -> Markup {
    html! {
        div.notice.warn {
            p {
                strong { "Deleted " (format::time(app.now(), deleted)) "." }
                " It is not called any more. Its history stays viewable for " (duration::show(app.settings.retention)) "."
            }
            form method="post" action={ "/endpoints/" (job.id) "/restore" } { button { "Restore" } }
        }
    }
}

fn state(job: &Job, now: Time) -> Markup {
    let state = &job.state;
    html! {
        dl.facts {
            dt { "Schedule" }
            dd { (job.spec.schedule.describe_at(now)) }
            dt { "Next call" }
            dd {
                @match (job.active, state.due) {
                    (_, Some(due)) => { (status::next(now, due)) " " span.dim { "at " (format::clock(now, due)) } },
                    (false, None) => span.dim { "none, it is switched off" },
                    (true, None) if pause(job, now).is_some() => span.dim { "none, it is paused" },
                    (true, None) => @match job.spec.schedule.bounds().and_then(|bounds| bounds.until) {
                        Some(until) => span.dim { "none, it was called until " (format::clock(now, until)) },
                        None => span.dim { "none" },
                    },
                }
                @if let Some(asked) = state.asked_at { " " span.pill.busy { "call asked for " (format::time(now, asked)) } }
            }
            @if let Some(lock) = state.lock().filter(|lock| lock.at <= now) {
                dt { "Held by" }
                dd {
                    (worker::named(lock.worker)) " since " (format::time(now, lock.since))
                    @if job.attempts() > 1 { ", attempt " (job.attempts()) }
                }
            } @else if job.attempts() > 0 && state.lock().is_none() {
                dt { "Attempts" }
                dd {
                    (job.attempts()) " of " (job.spec.retry.attempts)
                    @if let Some(at) = state.claim_at() { ", the next " (format::time(now, at)) }
                }
            }
            @if !state.recent.is_empty() {
                dt { "Last " (state.recent.len()) }
                dd { (status::strip(&state.recent, job.trouble())) }
            }
            @let day = state.last_day.figures(now);
            @if day.calls > 0 {
                dt { "Last 24 hours" }
                dd {
                    (format::count(day.ok)) " of " (format::counted(day.calls, "call")) " ended well: "
                    (status::day(&day))
                }
            }
            @if let (Some(due), waiting @ 1..) = (state.due, job.passed_over(now)) {
                dt { "Overdue" }
                dd {
                    "since " (format::clock(now, due)) "; " (format::counted(waiting, "further occurrence"))
                    " passed meanwhile, and will not be called"
                }
            }
            dt { "Last run" }
            dd {
                @if let Some(last) = &state.last {
                    (status::last(now, last))
                    @if !last.message.is_empty() { " " span.message { (last.message) } }
                } @else { span.dim { "not called yet" } }
            }
            @if let Some(sla) = &job.spec.sla {
                dt { "SLA" }
                dd { "a good call at least every " (sla) " " (status::sla(now, sla, state.watch.as_ref(), state.last_ok)) }
            }
        }
    }
}

fn counters(job: &Job, now: Time) -> Markup {
    let counters = job.state.counters;
    // Those that pass while the present one waits to be called are not written down before that is.
    let missed_by_now = counters.missed + job.passed_over(now);
    let well = (counters.runs > 0).then(|| counters.ok as f64 / counters.runs as f64);
    let missed = match counters.late {
        0 => "occurrences not called".to_owned(),
        late => format!("occurrences not called, {} of them too late", format::count(late)),
    };
    html! {
        dl.tiles {
            (tile("Settled", &format::count(counters.settled), "occurrences called"))
            (linked_tile("Missed", &format::count(missed_by_now), &missed,
                &format!("/runs?job={}&outcome=skipped", job.id)))
            (tile("Runs", &format::count(counters.runs), "all attempts"))
            (linked_tile("Ended well", &well.map_or("–".to_owned(), format::percent), "",
                &format!("/runs?job={}&outcome=bad", job.id)))
        }
    }
}

/// The project of the file that was applied, and what was changed since.
fn project(applied: &Applied, job: &Job) -> Markup {
    let fields = written::endpoint(&job.spec, job.active, Credentials::Whole);
    let changed = applied.changed(&fields);
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("project", &applied.project).finish();
    html! {
        a href={ "/endpoints?" (query) } { (applied.project) }
        @if !changed.is_empty() { ", changed since its file was applied: " (changed.join(", ")) }
    }
}

fn configuration(job: &Job, pool: Option<&PoolSettings>, now: Time) -> Markup {
    let spec = &job.spec;
    html! {
        dl.facts {
            (facts::request(spec, pool))
            dt { "Timeout" } dd { (duration::show(spec.request.timeout)) }
            dt { "Retries" }
            dd {
                "up to " (format::counted(spec.retry.attempts, "attempt"))
                @if spec.retry.attempts > 1 {
                    ", after " (spec.retry.on) "; the second after " (duration::show(spec.retry.backoff))
                    @if spec.retry.attempts > 2 { ", each further one after twice as long" }
                }
            }
            @if spec.failing_after != FAILING_AFTER {
                dt { "Failing after" } dd { (format::counted(spec.failing_after, "occurrence")) " in a row" }
            }
            @if !spec.keep.is_default() { dt { "Answers kept" } dd { (spec.keep) } }
            @if spec.success != Statuses::success() { dt { "Ends well with" } dd { (spec.success) } }
            @if !spec.expect.is_empty() {
                dt { "Expects" } dd { ul.plain { @for line in spec.expect.lines() { li { (line) } } } }
            }
            @if spec.lease != LEASE { dt { "Lease" } dd { (duration::show(spec.lease)) } }
            @if let Some(late) = spec.misfire.late { dt { "Late by" } dd { "at most " (duration::show(late)) ", else skipped" } }
            @if spec.misfire.catch_up != CatchUp::LATEST {
                dt { "Catches up" }
                dd {
                    @if spec.misfire.catch_up == CatchUp::ALL { "all calls missed" } @else {
                        "up to " (spec.misfire.catch_up) " calls missed"
                    }
                }
            }
            @if let Some(steer) = spec.steer {
                dt { "Its target" }
                dd { "may set the period, from " (duration::show(steer.min)) " to " (duration::show(steer.max)) }
            }
            (facts::tags(spec))
            @if let Some(key) = &spec.key { dt { "Key" } dd { code { (key) } } }
            @if let Some(applied) = &spec.applied { dt { "Project" } dd { (project(applied, job)) } }
            dt { "Added" } dd { (format::time(now, job.created_at)) }
            dt { "Edited" } dd { (format::time(now, job.updated_at)) ", revision " (job.rev.0) }
            dt { "Id" } dd { code { (job.id) } }
        }
        (runs::as_curl(Some(&job.spec)))
    }
}
