//! The report as one HTML page: nothing is loaded and no script runs, so it can be kept, mailed and printed.

mod axis;
mod chart;
mod charts;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::format::{count, counted, millis, rate};
use crate::rows::{self, Cell, Table};
use crate::summary::{self, Summary};
use crate::{Leg, Report};

const STYLE: &str = include_str!("html/style.css");

/// The report as one HTML page that stands by itself.
pub fn html(report: &Report) -> String {
    let summary = Summary::of(report);
    let loads: Vec<&[Leg]> = rows::loads(report).collect();
    let scaling = charts::scaling(&loads);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Naptime prove: " (summary.word().to_lowercase()) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    p.about { "Naptime " (report.version) " on " (report.database) ", " (day(&report.at.to_string())) }
                    (verdict(&summary))
                    (tiles(&report.legs))
                    (faults(&report.legs))
                    section {
                        h2 { "What ran" }
                        (ran(report))
                    }
                    section {
                        h2 { "Figures" }
                        @for table in rows::tables(report) { (figures(&table)) }
                    }
                    @if !scaling.is_empty() {
                        section {
                            h2 { "More workers" }
                            div.charts.two { @for figure in &scaling { (figure) } }
                        }
                    }
                    section {
                        h2 { "Over time" }
                        @for legs in &loads { (charts::over_time(&report.options, legs)) }
                    }
                    (words())
                }
            }
        }
    };
    page.into_string()
}

/// `2026-01-02 03:04 UTC` of a time as JSON has it.
fn day(time: &str) -> String {
    format!("{} UTC", time.get(..16).unwrap_or(time).replace('T', " "))
}

fn verdict(summary: &Summary) -> Markup {
    let mut said = summary.verdict.clone();
    if let Some(first) = said.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    html! {
        div class={ "headline " (if summary.holds { "good" } else { "bad" }) } {
            h1 { (summary.word()) }
            p { (said) }
            @for note in &summary.notes { p.note { (note) } }
        }
    }
}

/// What an operator asks for first.
fn tiles(legs: &[Leg]) -> Markup {
    let calls = legs.iter().map(|leg| leg.verdict.calls).sum::<usize>();
    let most = legs.iter().map(|leg| leg.verdict.calls_per_second).reduce(f64::max);
    // A backlog is late by what it is.
    let lags = legs.iter().filter(|leg| leg.backlog.is_none()).map(|leg| leg.verdict.lag.p99_ms);
    let recovery = legs.iter().filter_map(|leg| leg.verdict.recovery).map(|lag| lag.max_ms).reduce(f64::max);
    let kills: usize = legs.iter().map(|leg| leg.verdict.recoveries.len()).sum();
    let tiles = [
        ("calls judged", Some(count(calls))),
        ("most calls/s", most.map(rate)),
        ("start lag, p99", lags.reduce(f64::max).map(millis)),
        ("kills", (kills > 0).then(|| count(kills))),
        ("longest recovery", recovery.map(millis)),
    ];
    html! {
        dl.tiles {
            @for (what, figure) in tiles {
                @if let Some(figure) = figure { div.tile { dt { (what) } dd { (figure) } } }
            }
        }
    }
}

/// The faults in words.
fn faults(legs: &[Leg]) -> Markup {
    let all: Vec<_> = legs.iter().flat_map(|leg| leg.faults().map(move |fault| (leg, fault))).collect();
    html! {
        @if !all.is_empty() {
            section {
                h2 { "What is wrong" }
                ul.faults {
                    @for (leg, fault) in &all {
                        li { b { (fault.code.replace('_', " ")) } " " small { (column_of(leg)) } " " (fault.detail) }
                    }
                }
                p.note { "At most ten of each leg and ten of its books. The figures below count all." }
            }
        }
    }
}

fn column_of(leg: &Leg) -> String {
    let column = rows::column(leg);
    if leg.backlog.is_some() { format!("{column}, backlog") } else { column }
}

/// Machine, database and command.
fn ran(report: &Report) -> Markup {
    let machine = &report.machine;
    let memory = rate(machine.memory_mib as f64 / 1024.0);
    let command = summary::command(&report.options);
    html! {
        dl.ran {
            dt { "Machine" }
            dd { (counted(machine.cores, "core")) ", " (memory) " GiB, " (machine.system) }
            dt { "Database" }
            dd { (report.database) }
            dt { "Command" }
            // Broken between arguments only.
            dd { code { @for (number, part) in command.split(" --").enumerate() {
                @if number > 0 { " " span { "--" (part) } } @else { (part) }
            } } }
        }
    }
}

fn figures(table: &Table) -> Markup {
    let figure = |cell: &Cell| html! { td.number.bad[cell.bad] { (cell.text) } };
    html! {
        h3 { (table.title) @if let [column] = &table.columns[..] { ", " (column) } }
        div.scroll {
            // One column is laid out in several, so that it is no longer than wide.
            table.figures.one[table.columns.len() == 1] {
                thead { tr { td {} @for column in &table.columns { th.number scope="col" { (column) } } } }
                @for rows in &table.groups {
                    tbody {
                        @for row in rows {
                            tr { th scope="row" { (row.label) } @for cell in &row.cells { (figure(cell)) } }
                        }
                    }
                }
            }
        }
    }
}

/// What the words mean, for who was given the page.
fn words() -> Markup {
    let words = [
        ("Start lag", "how much later than due a call arrived at its target."),
        (
            "Early, overlapping",
            "calls that arrived before they were due, or while another of the same endpoint lasted. Without --target-delay calls end at once, so none can be seen to overlap.",
        ),
        (
            "Repeated",
            "a second call of the same occurrence. A killed worker's last calls may be repeated: delivery is at least once.",
        ),
        (
            "Not called",
            "occurrences that were due and that no call came for: most were passed over because it was too late for them, which is counted as missed. Those passed over when it was not too late are skipped without reason.",
        ),
        (
            "Books",
            "what the database says: each call has a run, each claim one run, each occurrence is settled or missed.",
        ),
        ("Recovery", "the time from a kill until what the dead worker held was called again; its lease is 15 s."),
    ];
    html! {
        section.words {
            h2 { "Words" }
            dl { @for (word, meaning) in words { dt { (word) } dd { (meaning) } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::sample;

    use super::*;

    #[test]
    fn the_page_stands_by_itself() {
        for report in [sample::good(), sample::full(), sample::broken()] {
            let page = html(&report);
            for outside in ["http:", "https:", "<script", "url(", "@import", "<img", "<link", "secret", "NaN", "inf"] {
                assert!(!page.contains(outside), "{outside} in {page}");
            }
        }
    }

    #[test]
    fn the_verdict_stands_on_top() {
        let good = html(&sample::good());
        assert!(good.contains("<h1>Holds</h1>") && !good.contains("What is wrong"), "{good}");
        let bad = html(&sample::broken());
        assert!(bad.contains("<h1>Does not hold</h1><p>2 calls early"), "{bad}");
        assert!(bad.contains("/e/996 &lt;b&gt;: last called") && !bad.contains("<b>:"), "{bad}");
    }

    #[test]
    fn each_leg_is_drawn_with_what_was_done_to_it() {
        let page = html(&sample::full());
        // Two charts of each of six legs, two of scaling.
        assert_eq!(page.matches("<figure").count(), 2 * 6 + 2);
        // Two kills and two restarts in both charts of three legs, and once in their keys.
        assert_eq!(page.matches("\"mark kill\"").count(), 2 * 3 * 3);
        assert_eq!(page.matches("\"mark stop\"").count(), 2 * 3 * 3);
        assert_eq!(html(&sample::good()).matches("\"mark").count(), 0);
    }
}
