//! The history of an endpoint: its charts and its table.

use std::time::Duration;

use maud::{Markup, html};
use naptime_core::{Outcome, Run, Skipped, Time, WorkerId};

use crate::kit::charts::{Chart, Form, Line};
use crate::kit::format;
use crate::kit::scale::Measure;
use crate::kit::{status, worker};

/// The outcomes in the strip.
const STRIP: usize = 100;

/// Start lag and request time of the latest runs, given newest first, and how they ended.
pub(crate) fn charts(runs: &[Run], now: Time) -> Markup {
    // What was lost or not called says nothing of lag or time.
    let is_told = |run: &&Run| !matches!(run.outcome, Outcome::Lost | Outcome::Skipped);
    let mut told: Vec<&Run> = runs.iter().filter(is_told).collect();
    told.sort_by_key(|run| run.started);
    // A further attempt is late on purpose.
    let first: Vec<&Run> = told.iter().copied().filter(|run| run.attempt <= 1).collect();
    html! {
        div.charts {
            (chart("Start lag", "--p50", &first, Run::start_lag))
            (chart("Request time", "--p99", &told, Run::took))
            (strip(runs, now))
        }
    }
}

fn chart(title: &str, colour: &str, runs: &[&Run], value: fn(&Run) -> Duration) -> Markup {
    let at: Vec<f64> = runs.iter().map(|run| run.started.millis() as f64 / 1000.0).collect();
    let values = runs.iter().map(|run| Some(value(run).as_millis() as f64)).collect();
    let lines = vec![Line::new("", colour, values)];
    Chart { title, measure: Measure::Millis, form: Form::Line, at: &at, lines, empty: "Not called yet." }.figure()
}

/// The latest outcomes, oldest first: one mark each.
fn strip(runs: &[Run], now: Time) -> Markup {
    let shown: Vec<&Run> = runs.iter().filter(|run| run.skipped.is_none()).take(STRIP).collect();
    let bad = shown.iter().filter(|run| run.outcome != Outcome::Ok).count();
    html! {
        figure.chart.strip {
            figcaption {
                h3 { "Outcomes" }
                @if !shown.is_empty() {
                    span.note { (format::counted(shown.len() as u64, "run")) ", " (bad) " not ok" }
                }
            }
            @if shown.is_empty() { p.empty { "Not called yet." } } @else {
                ol {
                    @for run in shown.iter().rev() {
                        li class=(format::tone(run.outcome))
                            title={ (format::outcome(run.outcome)) ", " (format::relative(now, run.started)) } {
                            span.hidden { (format::outcome(run.outcome)) }
                        }
                    }
                }
            }
        }
    }
}

/// The runs of one page, newest first, below the calls to come.
pub(crate) fn table(runs: &[Run], coming: &[Time], now: Time) -> Markup {
    if runs.is_empty() && coming.is_empty() {
        return html! { p.empty { "No runs yet." } };
    }
    html! {
        table.cards.runs {
            thead {
                tr {
                    th scope="col" { "Due" }
                    (ending_heads())
                }
            }
            tbody {
                @for at in coming.iter().rev() {
                    tr.gone {
                        th scope="row" { (format::clock(now, *at)) }
                        td colspan="6" { "to come " (format::time(now, *at)) }
                    }
                }
                @for run in runs {
                    tr {
                        th scope="row" {
                            a href=(link(run)) { (format::clock(now, run.due)) }
                            @if run.manual { " " span.pill.calm title="Somebody asked for this call" { "manual" } }
                        }
                        (ending(run, runs, now))
                    }
                }
            }
        }
    }
}

/// The address of the page of a run.
pub(crate) fn link(run: &Run) -> String {
    format!("/runs/{}/{}", run.job, run.token)
}

/// The heads of the columns that [`ending`] fills.
pub(crate) fn ending_heads() -> Markup {
    html! {
        th.number scope="col" { "Start lag" }
        th.number scope="col" { "Took" }
        th scope="col" { "Outcome" }
        th scope="col" { "Message" }
        th.number scope="col" { "Attempt" }
        th scope="col" { "Worker" }
    }
}

/// The cells that say how a run ended, which is on a page with these.
pub(crate) fn ending(run: &Run, page: &[Run], now: Time) -> Markup {
    if let Some(skipped) = run.skipped {
        return html! {
            td.number data-label="Start lag" { "–" }
            td.number data-label="Took" { "–" }
            td data-label="Outcome" { a href=(link(run)) { (status::outcome(run.outcome, None)) } }
            td.message data-label="Message" { (gap(run, skipped, now)) }
            td.number data-label="Attempt" { "–" }
            td data-label="Worker" { @if run.worker == WorkerId::NOBODY { "–" } @else { (worker::named(run.worker)) } }
        };
    }
    html! {
        td.number data-label="Start lag" {
            // A further attempt is late on purpose.
            @if run.attempt <= 1 { (format::took(run.start_lag())) }
            @else if let Some(pause) = pause(run, page) { span.dim { (format::took(pause)) " pause" } }
            @else { "–" }
        }
        td.number data-label="Took" { (format::took(run.took())) }
        td data-label="Outcome" {
            a href=(link(run)) { (status::outcome(run.outcome, run.status)) }
        }
        td.message data-label="Message" { (run.message) }
        td.number data-label="Attempt" { (run.attempt) }
        td data-label="Worker" { (worker::named(run.worker)) }
    }
}

/// How long after the attempt before it this one was made, if that is on the page.
fn pause(run: &Run, page: &[Run]) -> Option<Duration> {
    let before = |other: &&Run| (other.job, other.due, other.attempt + 1) == (run.job, run.due, run.attempt);
    page.iter().find(before).map(|before| run.started.since(before.finished))
}

/// How many occurrences were not called, until when, and why.
pub(super) fn gap(run: &Run, skipped: Skipped, now: Time) -> Markup {
    html! {
        (format::counted(skipped.count, "occurrence")) " by " (format::clock(now, run.finished)) ": " (skipped.reason)
    }
}
