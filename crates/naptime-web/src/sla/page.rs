//! Whether the SLAs are met: all together, what is in breach now, and what was.

use axum::extract::State;
use maud::{Markup, html};
use naptime_core::{Job, Lookback, Standing, Time, duration};
use naptime_store::{Breached, Page, PageRef};

use super::recent::Stood;
use super::view::{day, shares, table};
use crate::app::{App, Shared};
use crate::http::query::{PageId, Query};
use crate::kit::PageError;
use crate::kit::address::address;
use crate::kit::format;
use crate::kit::layout::{self, Layout, Tab, live, unreadable};

/// The breaches on one page.
const ON_A_PAGE: usize = 50;
/// The breaches on an endpoint's page, and those that its bar of a day may show.
const ON_DETAIL: usize = 10;
const IN_A_DAY: usize = 500;

/// `/sla`.
pub(super) async fn show(State(app): State<Shared>, query: Query) -> Result<Markup, PageError> {
    let page = |name| PageRef { limit: ON_A_PAGE, cursor: query.get(name).map(str::to_owned) };
    let (lasting, ended) = (page("lasting"), page("ended"));
    let (stood, lasting_page, ended_page) = tokio::try_join!(
        app.recent.standing(&app.store),
        app.store.in_breach(&lasting),
        app.store.breaches(None, &ended)
    )?;
    let now = app.now();
    let body = html! {
        (live("summary", &summary(&app, &stood, &lasting, &lasting_page, now)))
        @if stood.standing.endpoints > 0 || !ended_page.items.is_empty() {
            section aria-labelledby="lasting" {
                h2 #lasting { "In breach now" }
                @let list = html! {
                    (unreadable(&lasting_page.unreadable))
                    @if lasting_page.items.is_empty() { p.empty { "None." } }
                    @else { (table(&lasting_page.items, true, now)) }
                };
                (live("lasting", &list))
                (pager("lasting", &lasting, lasting_page.next.as_deref(), "/sla"))
            }
            section aria-labelledby="ended" {
                h2 #ended { "Breaches that have ended" }
                @let list = html! {
                    @if ended_page.items.is_empty() { p.empty { "None in the last " (duration::show(app.settings.retention)) "." } }
                    @else { (table(&ended_page.items, true, now)) }
                };
                (live("ended", &list))
                (pager("ended", &ended, ended_page.next.as_deref(), "/sla"))
                p.note { "Breaches are kept for " (duration::show(app.settings.retention)) "." }
            }
        }
    };
    Ok(Layout::new(&app, Tab::Sla, "SLA").page(&body))
}

/// The breaches of one endpoint that have ended.
pub(super) async fn of_endpoint(
    State(app): State<Shared>,
    PageId(id): PageId,
    query: Query,
) -> Result<Markup, PageError> {
    let page = PageRef { limit: ON_A_PAGE, cursor: query.get("ended").map(str::to_owned) };
    let (job, found) = tokio::try_join!(app.endpoint(id), app.store.breaches(Some(id), &page))?;
    let name = if job.spec.name.is_empty() { job.spec.shown_endpoint().to_string() } else { job.spec.name.clone() };
    let here = format!("/endpoints/{id}/breaches");
    let body = html! {
        div.head { h1 { "Breaches of the SLA" } a.button href={ "/endpoints/" (id) } { "To the endpoint" } }
        p.where { (name) }
        @if found.items.is_empty() { p.empty { "None." } } @else { (table(&found.items, false, app.now())) }
        (pager("ended", &page, found.next.as_deref(), &here))
    };
    Ok(Layout::new(&app, Tab::Endpoints, "Breaches of the SLA").page(&body))
}

fn pager(name: &str, page: &PageRef, next: Option<&str>, here: &str) -> Markup {
    let of = format!("Pages of breaches that {}", if name == "lasting" { "last" } else { "have ended" });
    layout::named_pager(&of, page.cursor.is_some(), next, |cursor| address(here, cursor.map(|cursor| (name, cursor))))
}

fn summary(app: &App, stood: &Stood, page: &PageRef, lasting: &Page<Breached>, now: Time) -> Markup {
    let standing = &stood.standing;
    let breached = stood.breached(page, lasting);
    let endpoints = standing.endpoints.max(breached);
    let (tone, sentence) = match (endpoints, breached) {
        (0, _) => ("calm", "No endpoint has an SLA".to_owned()),
        (1, 0) => ("good", "Met: the one endpoint with an SLA is within it".to_owned()),
        (all, 0) => ("good", format!("Met: all {} endpoints with an SLA are within it", format::count(all))),
        (all, some) => {
            ("bad", format!("Not met: {} of {} in breach", format::count(some), format::counted(all, "endpoint")))
        }
    };
    html! {
        div class={ "headline " (tone) } {
            h1 { (sentence) }
            @if endpoints == 0 {
                p {
                    "An SLA is a promise: a good call at least every so often, such as " code { "5m" } ". Set one where an "
                    "endpoint is added or edited; it runs from when the endpoint is switched on."
                }
                a.button href="/endpoints" { "To the endpoints" }
            } @else if let Some(worst) = lasting.items.first().filter(|_| page.cursor.is_none()) {
                p { "The longest of these breaches has lasted " (format::took(worst.breach.lasted(now))) " so far." }
            } @else if breached == 0 {
                p { "No gap between good calls is longer now than was promised." }
            }
        }
        @if endpoints > 0 { (shares(standing, app.settings.retention)) }
        @if now.since(stood.at).as_secs() > 0 { p.note { "Figures as of " (format::time(now, stood.at)) "." } }
    }
}

/// The overview's line of it; nothing without any SLA.
pub(crate) fn overview_tile(standing: &Standing) -> Markup {
    let value = match standing.breached {
        0 => "met".to_owned(),
        some => format!("{} in breach", format::count(some)),
    };
    let hour = standing.share(Lookback::Hour).map_or("–".to_owned(), format::percent);
    html! {
        @if standing.endpoints > 0 {
            div.tile {
                dt { "SLA" }
                dd { strong { a href="/sla" { (value) } } span.note { "last hour " (hour) } }
            }
        }
    }
}

/// How one endpoint stands: its part of its page. Nothing if it has no SLA and never broke one.
pub(crate) async fn part(app: &App, job: &Job) -> naptime_store::Result<Markup> {
    let page = PageRef::first(IN_A_DAY);
    let (standing, lasting, found) =
        tokio::try_join!(app.store.standing_of(job), app.lasting_breach(job), app.store.breaches(Some(job.id), &page))?;
    if standing.is_none() && found.items.is_empty() {
        return Ok(html! {});
    }
    let now = app.now();
    let ended = found.items.iter().map(|breached| breached.breach.clone());
    let breaches: Vec<_> = lasting.clone().into_iter().chain(ended).collect();
    let lasting = lasting.map(|breach| Breached { breach, job: None });
    let listed: Vec<_> = lasting.into_iter().chain(found.items).collect();
    let body = html! {
        @if let Some(standing) = &standing { (shares(standing, app.settings.retention)) }
        @if let Some(watch) = &job.state.watch { (day(watch, &breaches, now)) }
        @if listed.is_empty() { p.note { "No breach in the last " (duration::show(app.settings.retention)) "." } }
        @else { (table(&listed[..listed.len().min(ON_DETAIL)], false, now)) }
        @if listed.len() > ON_DETAIL {
            p { a href={ "/endpoints/" (job.id) "/breaches" } { "All breaches" } }
        }
    };
    Ok(html! {
        section.sla-part aria-labelledby="sla" {
            h2 #sla { "SLA" }
            (live("sla", &body))
        }
    })
}
