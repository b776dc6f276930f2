//! The list of pools.

use axum::extract::State;
use http::StatusCode;
use maud::{Markup, html};
use naptime_store::{Error, PageRef, PoolSummary};

use super::view::{limits, link, switch};
use crate::app::Shared;
use crate::http::query::Query;
use crate::kit::layout::{Layout, Tab, live, unreadable};
use crate::kit::{PageError, address, format};

/// The pools on one page.
const ON_A_PAGE: usize = 50;

pub(super) async fn show(State(app): State<Shared>, query: Query) -> Result<Markup, PageError> {
    let q = query.filter("q")?.map(str::trim).filter(|q| !q.is_empty());
    let cursor = query.get("cursor").map(str::to_owned);
    let page = app.store.pools(q, &PageRef { limit: ON_A_PAGE, cursor: cursor.clone() }).await?;
    let here = address(q, cursor.as_deref());
    let table = html! {
        (unreadable(&page.unreadable))
        @if page.items.is_empty() {
            p.empty {
                @if q.is_some() { "No pool matches. " a href="/pools" { "Show all" } }
                @else if cursor.is_some() { "There are no more. " a href="/pools" { "To the first page" } }
                @else { "No pools yet. " a href="/endpoints/new" { "Add an endpoint" } ", and its pool is here." }
            }
        } @else {
            (table(&page.items, &here))
        }
    };
    let body = html! {
        div.head {
            div.title {
                h1 { "Pools" }
                p.note { "A pool is a scheme and a host. What is set here holds for all that is called there." }
            }
        }
        form.filters role="search" action="/pools" {
            label { "Search" input type="search" name="q" value=(q.unwrap_or("")) placeholder="Host"; }
            button { "Filter" }
            @if q.is_some() { a href="/pools" { "Show all" } }
        }
        (live("pools", &table))
        nav.pager aria-label="Pages" {
            @if cursor.is_some() { a.button href=(address(q, None)) { "First page" } }
            @if let Some(next) = &page.next { a.button href=(address(q, Some(next))) rel="next" { "Next page" } }
        }
    };
    Ok(Layout::new(&app, Tab::Pools, "Pools").page(&body))
}

fn table(items: &[PoolSummary], here: &str) -> Markup {
    html! {
        table.cards.pools {
            thead {
                tr {
                    th scope="col" { "Active" }
                    th scope="col" { "Pool" }
                    th.number scope="col" { "Endpoints" }
                    th.number scope="col" { "Switched on" }
                    th scope="col" { "Limits" }
                    th scope="col" { "Default headers" }
                }
            }
            tbody {
                @for PoolSummary { settings, endpoints } in items {
                    tr.off[!settings.active] {
                        td.onoff { (switch(settings, here)) }
                        th.where scope="row" {
                            (link(&settings.pool))
                            @if settings.down.is_some() { " " span.pill.warn { "down" } }
                        }
                        td.number data-label="Endpoints" { (format::count(endpoints.total)) }
                        td.number data-label="Switched on" { (format::count(endpoints.active)) }
                        @let limits = limits(settings);
                        td.none[limits.is_none()] data-label="Limits" {
                            @match limits { Some(limits) => (limits), None => span.dim { "–" } }
                        }
                        @let headers = settings.headers.iter().count();
                        td.none[headers == 0] data-label="Default headers" {
                            @if headers > 0 { (format::count(headers as u64)) } @else { span.dim { "–" } }
                        }
                    }
                }
            }
        }
    }
}

/// The address of a page of the list.
fn address(q: Option<&str>, cursor: Option<&str>) -> String {
    let said = [("q", q), ("cursor", cursor)].into_iter().filter_map(|(name, value)| Some((name, value?)));
    address::address("/pools", said)
}

/// The store's error, about a pool.
pub(super) fn of_pool(error: Error) -> PageError {
    match error {
        Error::NotFound => PageError::no_pool(),
        Error::Stale(_) => PageError::new(
            StatusCode::CONFLICT,
            "Changed meanwhile",
            "Somebody else has changed this pool. Look at it again, then decide.",
        ),
        other => other.into(),
    }
}
