//! What needs somebody, on the overview: the worst first, each with its cause and what may be done.

use maud::{Markup, html};
use naptime_core::Time;
use naptime_core::problem::{Found, Kind, Problem, Severity, Whose};

use super::endpoints::url;
use super::pool_view::{href, link};
use crate::format;

/// The most problems that are listed.
const MAX_LISTED: usize = 20;

/// The class that colours a problem.
pub(super) fn tone(severity: Severity) -> &'static str {
    match severity {
        Severity::Bad => "bad",
        Severity::Warn => "warn",
    }
}

/// The list of what was found. Nothing if there is none.
pub(super) fn list(found: &Found, now: Time) -> Markup {
    let listed = found.problems.iter().take(MAX_LISTED);
    let more = found.total.saturating_sub(listed.len() as u64);
    html! {
        @if !found.problems.is_empty() {
            ul.problems {
                @for problem in listed { (row(problem, now)) }
            }
            @if more > 0 {
                p.note {
                    (format::count(more)) " more: "
                    a href="/endpoints?state=failing" { "endpoints that fail" } ", "
                    a href="/sla" { "in breach" } ", "
                    a href="/endpoints?state=flapping" { "that fail now and then" } "."
                }
            }
        }
    }
}

fn row(problem: &Problem, now: Time) -> Markup {
    let kind = &problem.kind;
    html! {
        li.problem.(tone(kind.severity())) {
            div.what {
                p.whose { (whose(problem)) " " span class={ "pill " (tone(kind.severity())) } { (word(kind)) } }
                p.cause {
                    (kind.cause())
                    @if let Some(remedy) = kind.remedy() { " " (remedy) }
                    @if let Some(since) = problem.since { " " span.dim { "Since " (format::time(now, since)) "." } }
                }
                @if let Some(message) = &problem.message { p.message { code { (message) } } }
            }
            (actions(problem))
        }
    }
}

fn whose(problem: &Problem) -> Markup {
    html! {
        @match &problem.of {
            Whose::Fleet => { strong { (fleet(&problem.kind)) } }
            Whose::Pool(pool) => { (link(pool)) }
            Whose::Endpoint { id, endpoint, name } => {
                a href={ "/endpoints/" (id) } {
                    @if name.is_empty() { strong { (url(endpoint)) } } @else { strong { (name) } }
                }
                @if !name.is_empty() { " " span.dim { (url(endpoint)) } }
            }
        }
    }
}

/// What a problem of all is about.
fn fleet(kind: &Kind) -> &'static str {
    match kind {
        Kind::Database { .. } => "Database",
        Kind::JobsFailed { .. } => "One-off jobs",
        _ => "Workers",
    }
}

/// A kind in a word or two: `pool down`.
fn word(kind: &Kind) -> String {
    kind.as_str().replace('_', " ")
}

fn actions(problem: &Problem) -> Markup {
    html! {
        @match (&problem.of, &problem.kind) {
            (Whose::Endpoint { id, .. }, Kind::Failing { .. } | Kind::Breach { .. } | Kind::Flapping { .. }) => {
                div.actions {
                    form method="post" action={ "/endpoints/" (id) "/call" } { button { "Call now" } }
                    a.button href={ "/endpoints/" (id) } { "Open" }
                }
            }
            (Whose::Pool(pool), _) => { div.actions { a.button href=(href(pool)) { "Open" } } }
            (_, Kind::JobsFailed { .. }) => {
                div.actions { a.button href="/jobs?state=failed" { "Show" } }
            }
            _ => {}
        }
    }
}
