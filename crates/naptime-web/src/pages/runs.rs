//! The history of an endpoint: its charts and its table.

use std::time::Duration;

use maud::{Markup, html};
use naptime_core::{Outcome, Run, Time};

use super::{status, worker};
use crate::charts::{Chart, Form, Line};
use crate::format;
use crate::scale::Measure;

/// The outcomes in the strip.
const STRIP: usize = 100;

/// Start lag and request time of the latest runs, given newest first, and how they ended.
pub(super) fn charts(runs: &[Run], now: Time) -> Markup {
    // A run that was lost says nothing of lag or time.
    let mut told: Vec<&Run> = runs.iter().filter(|run| run.outcome != Outcome::Lost).collect();
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
    Chart { title, measure: Measure::Millis, form: Form::Lines, at: &at, lines, empty: "Not called yet." }.figure()
}

/// The latest outcomes, oldest first: one mark each.
fn strip(runs: &[Run], now: Time) -> Markup {
    let shown = &runs[..runs.len().min(STRIP)];
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

/// The runs of one page, newest first.
pub(super) fn table(runs: &[Run], now: Time) -> Markup {
    if runs.is_empty() {
        return html! { p.empty { "No runs yet." } };
    }
    html! {
        table.cards.runs {
            thead {
                tr {
                    th scope="col" { "Due" }
                    th.number scope="col" { "Start lag" }
                    (ending_heads())
                }
            }
            tbody {
                @for run in runs {
                    tr {
                        th scope="row" {
                            a href=(link(run)) { (format::clock(now, run.due)) }
                            @if run.manual { " " span.pill.calm title="Somebody asked for this call" { "manual" } }
                        }
                        td.number data-label="Start lag" { (format::took(run.start_lag())) }
                        (ending(run))
                    }
                }
            }
        }
    }
}

/// The address of the page of a run.
pub(super) fn link(run: &Run) -> String {
    format!("/runs/{}/{}", run.job, run.token)
}

/// The heads of the columns that [`ending`] fills.
pub(super) fn ending_heads() -> Markup {
    html! {
        th.number scope="col" { "Took" }
        th scope="col" { "Outcome" }
        th scope="col" { "Message" }
        th.number scope="col" { "Attempt" }
        th scope="col" { "Worker" }
    }
}

/// The cells that say how a run ended.
pub(super) fn ending(run: &Run) -> Markup {
    html! {
        td.number data-label="Took" { (format::took(run.took())) }
        td data-label="Outcome" {
            a href=(link(run)) { (status::outcome(run.outcome, run.status)) }
        }
        td.message data-label="Message" { (run.message) }
        td.number data-label="Attempt" { (run.attempt) }
        td data-label="Worker" { (worker::named(run.worker)) }
    }
}
