//! The endpoints that were deleted, for as long as they are kept.

use axum::extract::State;
use maud::{Markup, html};
use naptime_core::{Time, duration};
use naptime_store::{JobQuery, JobSummary, PageRef};

use super::list::named;
use crate::app::Shared;
use crate::http::query::Query;
use crate::kit::PageError;
use crate::kit::address::after;
use crate::kit::format;
use crate::kit::layout::{Layout, Tab, pager, unreadable};

/// The endpoints on one page.
const ON_A_PAGE: usize = 50;
const HERE: &str = "/endpoints/deleted";

pub(super) async fn show(State(app): State<Shared>, query: Query) -> Result<Markup, PageError> {
    let cursor = query.get("cursor").map(str::to_owned);
    let jobs = JobQuery { deleted: true, ..JobQuery::default() };
    let page = app.store.list(&jobs, &PageRef { limit: ON_A_PAGE, cursor: cursor.clone() }).await?;
    let (now, kept) = (app.now(), app.settings.retention);
    let body = html! {
        div.head {
            div.title {
                h1 { "Deleted endpoints" }
                p.note { "Each is kept for " (duration::show(kept)) ", with its runs. Restored, it is switched off." }
            }
            a.button href="/endpoints" { "All endpoints" }
        }
        (unreadable(&page.unreadable))
        @if page.items.is_empty() {
            p.empty { @if cursor.is_some() { "There are no more." } @else { "No endpoint has been deleted lately." } }
        } @else {
            table.cards.endpoints.deleted {
                thead {
                    tr {
                        th scope="col" { "Endpoint" }
                        th scope="col" { "Deleted" }
                        th scope="col" { "Can be restored until" }
                        th scope="col" { span.hidden { "Restore" } }
                    }
                }
                tbody { @for job in &page.items { (row(job, now, kept)) } }
            }
        }
        (pager(cursor.is_some(), page.next.as_deref(), |cursor| after(HERE, cursor)))
    };
    Ok(Layout::new(&app, Tab::Endpoints, "Deleted endpoints").page(&body))
}

fn row(job: &JobSummary, now: Time, kept: std::time::Duration) -> Markup {
    // Only deleted ones are listed.
    let deleted = job.deleted_at.unwrap_or(now);
    html! {
        tr {
            th.where scope="row" {
                (named(job))
                @for tag in &job.tags { " " span.tag { (tag) } }
            }
            td data-label="Deleted" { (format::time(now, deleted)) }
            td data-label="Can be restored until" { (format::clock(now, deleted + kept)) }
            td.restore {
                form method="post" action={ "/endpoints/" (job.id) "/restore" } {
                    button aria-label={ "Restore " (job.endpoint) } { "Restore" }
                }
            }
        }
    }
}
