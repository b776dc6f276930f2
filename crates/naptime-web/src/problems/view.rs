//! What needs somebody, on the overview: the worst first, each with its cause and what may be done.

use maud::{Markup, html};
use naptime_alerts::Kept;
use naptime_core::Time;
use naptime_core::problem::{Found, Kind, Problem, Report, Severity, Whose};

use crate::alerts::lengths;
use crate::endpoints::url;
use crate::kit::format;
use crate::pools::{href, link};

/// The most problems that are listed.
const MAX_LISTED: usize = 20;

/// The class that colours a problem.
pub(crate) fn tone(severity: Severity) -> &'static str {
    match severity {
        Severity::Bad => "bad",
        Severity::Warn => "warn",
    }
}

/// The list of what was found. Nothing if there is none.
pub(crate) fn list(found: &Found, kept: &Kept, now: Time) -> Markup {
    let listed = found.problems.iter().take(MAX_LISTED);
    let more = found.total.saturating_sub(listed.len() as u64);
    html! {
        @if !found.problems.is_empty() {
            ul.problems {
                @for problem in listed { (row(problem, kept, now)) }
            }
            @if kept.receivers.is_empty() {
                p.note { "Nobody is told of this. " a href="/alerts" { "Tell somebody" } "." }
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

fn row(problem: &Problem, kept: &Kept, now: Time) -> Markup {
    let kind = &problem.kind;
    let report = Report::from(problem);
    let open = kept.book.open.get(&report.id);
    let known = open.and_then(|open| open.acknowledged_at);
    let muted = kept.muted_until(&report, now);
    html! {
        li.problem.(tone(kind.severity())) {
            div.what {
                p.whose { (whose(problem)) " " span class={ "pill " (tone(kind.severity())) } { (word(kind)) } }
                p.cause {
                    (kind.cause())
                    @if let Some(remedy) = kind.remedy() { " " (remedy) }
                    @if let Some(since) = problem.since { " " span.dim { "Began " (format::time(now, since)) "." } }
                }
                @if let Some(message) = &problem.message { p.message { code { (message) } } }
                @if let Some(at) = known { p.note { "Acknowledged " (format::time(now, at)) "." } }
                @if let Some(until) = muted {
                    p.note { "Muted: ends " (format::time(now, until)) ". " a href="/alerts" { "Unmute" } }
                }
            }
            div.actions {
                (actions(problem))
                @if let (Some(_), None) = (open, known) {
                    form method="post" action="/alerts/acknowledge" {
                        input type="hidden" name="id" value=(report.id);
                        button title="It is not told again while it lasts" { "Acknowledge" }
                    }
                }
                @if muted.is_none() && !kept.receivers.is_empty() { (mute(problem)) }
            }
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
        Kind::AlertsFailed { .. } => "Alerts",
        _ => "Workers",
    }
}

/// A kind in a word or two: `pool down`.
fn word(kind: &Kind) -> String {
    kind.as_str().replace('_', " ")
}

/// Says for how long nothing is to be told of it.
fn mute(problem: &Problem) -> Markup {
    let (field, value) = match &problem.of {
        Whose::Fleet => return Markup::default(),
        Whose::Pool(pool) => ("pool", pool.to_string()),
        Whose::Endpoint { id, .. } => ("endpoint", id.to_string()),
    };
    html! {
        details.muting {
            summary.button { "Mute" }
            form method="post" action="/alerts/mutes" {
                input type="hidden" name=(field) value=(value);
                (lengths())
                button { "Mute" }
            }
        }
    }
}

fn actions(problem: &Problem) -> Markup {
    html! {
        @match (&problem.of, &problem.kind) {
            (Whose::Endpoint { id, .. }, _) => {
                form method="post" action={ "/endpoints/" (id) "/call" } { button { "Call now" } }
                a.button href={ "/endpoints/" (id) } { "Open" }
            }
            (Whose::Pool(pool), _) => { a.button href=(href(pool)) { "Open" } }
            (_, Kind::AlertsFailed { receiver, .. }) => {
                a.button href={ "/jobs?tag=to-" (receiver) } { "Show" }
                a.button href={ "/alerts/receivers/" (receiver) } { "Edit" }
            }
            (_, Kind::JobsFailed { .. }) => { a.button href="/jobs?state=failed" { "Show" } }
            _ => {}
        }
    }
}
