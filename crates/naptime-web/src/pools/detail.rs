//! One pool: its limits and headers, and its endpoints.

use std::collections::HashMap;

use axum::extract::State;
use maud::{Markup, html};
use naptime_core::pool::{Down, PROBE_EVERY};
use naptime_core::{PoolSettings, Time, duration, pem};
use naptime_store::{EndpointState, JobQuery, PageRef, PoolSummary};

use super::list::of_pool;
use super::name::PagePool;
use super::view::{href, switch};
use crate::app::Shared;
use crate::as_code::said::{Drift, Projects};
use crate::endpoints;
use crate::http::query::Query;
use crate::kit::PageError;
use crate::kit::address::{address, after};
use crate::kit::format;
use crate::kit::layout::{Layout, Tab, linked_tile, live, pager, unreadable};
use crate::kit::mask;

/// The endpoints on one page.
const ON_A_PAGE: usize = 50;

pub(super) async fn show(
    State(app): State<Shared>,
    PagePool(pool): PagePool,
    query: Query,
) -> Result<Markup, PageError> {
    let cursor = query.get("cursor").map(str::to_owned);
    let found = app.store.pool(&pool).await.map_err(of_pool)?;
    let jobs = JobQuery { pool: Some(pool.to_string()), ..JobQuery::default() };
    let page = app.store.list(&jobs, &PageRef { limit: ON_A_PAGE, cursor: cursor.clone() }).await?;
    let in_flight = match found.settings.max_in_flight {
        Some(_) => Some(app.store.in_flight(&pool).await?),
        None => None,
    };
    let projects = Projects::load(&app).await?.pool(&found.settings);
    let (now, href) = (app.now(), href(&pool));
    let here = after(&href, cursor.as_deref());
    let of_pool = |path| address(path, [("pool", pool.as_str())]);
    let table = html! {
        (unreadable(&page.unreadable))
        @if page.items.is_empty() {
            p.empty { @if cursor.is_some() { "There are no more." } @else { "It has no endpoints." } }
        } @else {
            // That the pool is off or limited need not be said at each.
            (endpoints::table(&page.items, &jobs, &here, now, &HashMap::new(), false))
        }
    };
    let body = html! {
        div.head {
            div.title { h1 { span.url { (pool) } } }
            div.actions {
                (switch(&found.settings, &here))
                a.button href={ (href) "/edit" } { "Edit" }
                @if found.endpoints.total == 0 { a.button.danger href={ (href) "/delete" } { "Delete" } }
            }
        }
        div.detail {
            section.state aria-label="State" { (live("state", &state(&found, in_flight, now))) }
            section.set-up aria-label="Set-up" { (live("set-up", &configuration(&found.settings, &projects, now))) }
            section.runs-part aria-labelledby="endpoints" {
                div.head {
                    h2 #endpoints { "Endpoints" }
                    div.actions {
                        a href=(of_pool("/endpoints")) { "Search in them" }
                        a href=(of_pool("/jobs")) { "One-off jobs" }
                    }
                }
                (live("endpoints", &table))
                (pager(cursor.is_some(), page.next.as_deref(), |cursor| after(&href, cursor)))
            }
        }
    };
    Ok(Layout::new(&app, Tab::Pools, pool.as_str()).page(&body))
}

fn state(found: &PoolSummary, in_flight: Option<u32>, now: Time) -> Markup {
    let PoolSummary { settings, endpoints } = found;
    let limit = |limit: Option<u32>| match limit {
        Some(limit) => html! { "at most " strong { (format::count(limit)) } " across all workers" },
        None => html! { span.dim { "not limited" } },
    };
    let of_pool = Some(settings.pool.to_string());
    let list = |state| {
        let jobs = JobQuery { pool: of_pool.clone(), state, ..JobQuery::default() };
        endpoints::link("/endpoints", &jobs, None)
    };
    html! {
        @if !settings.active {
            div.notice.warn {
                p {
                    strong { "This pool is switched off." }
                    " Nothing of it is called, whatever its endpoints say. One-off jobs wait until it is on again."
                }
            }
        } @else if let Some(down) = settings.down {
            (down_notice(down, now))
        }
        dl.facts {
            dt { "Calls in flight" }
            dd {
                (limit(settings.max_in_flight))
                @if let Some(now) = in_flight { "; " strong { (format::count(now)) } " now" }
            }
            dt { "Calls per second" } dd { (limit(settings.max_per_second)) }
        }
        dl.tiles {
            (linked_tile("Endpoints", &format::count(endpoints.total), "", &list(None)))
            (linked_tile("Switched on", &format::count(endpoints.active), "", &list(Some(EndpointState::On))))
        }
    }
}

fn down_notice(down: Down, now: Time) -> Markup {
    html! {
        @if down.is_probing() {
            div.notice.warn {
                p {
                    strong { "Its host is down" } ", since " (format::time(now, down.since)) ". One call every "
                    (duration::show(PROBE_EVERY)) " tries whether it is back. All others, and one-off jobs, wait for that."
                }
            }
        } @else {
            div.notice.good {
                p {
                    strong { "Its host answers again." } " " (format::counted(u64::from(down.rate), "call"))
                    " a second may leave by now, and soon all."
                }
            }
        }
    }
}

fn configuration(settings: &PoolSettings, projects: &[Drift], now: Time) -> Markup {
    let transport = &settings.transport;
    html! {
        dl.facts {
            dt { "Default headers" }
            dd {
                @if settings.headers.is_empty() { span.dim { "none" } } @else {
                    pre { @for (name, value) in mask::masked(&settings.headers) { (name) ": " (value) "\n" } }
                }
            }
            dt { "Connection" }
            dd {
                @if transport.http1_only { "HTTP/1.1 only" } @else { "HTTP/2 where the host offers it" }
                ", calls of at most " (duration::show(settings.timeout_limit()))
            }
            dt { "While its host is down" }
            dd { @if settings.probe { "its calls wait, but for probes" } @else { "it is called as ever" } }
            @if let Some(ca) = &transport.extra_ca {
                dt { "Trusted here" }
                dd { (format::counted(pem::count_certificates(ca) as u64, "certificate")) " besides the machine's" }
            }
            @if transport.client_cert.is_some() { dt { "Client certificate" } dd { "set" } }
            @for Drift { project, fields } in projects {
                dt { "Project" }
                dd {
                    (project)
                    @if !fields.is_empty() { ", changed since its file was applied: " (fields.join(", ")) }
                }
            }
            dt { @if settings.rev.0 == 1 { "Added" } @else { "Changed" } }
            dd { (format::time(now, settings.updated_at)) ", revision " (settings.rev.0) }
        }
    }
}
