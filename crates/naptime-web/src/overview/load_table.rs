//! What the charts of the overview show, as a table: the newest step first.

use maud::{Markup, html};
use naptime_core::Time;
use naptime_core::load::{Figures, Point};

use super::page::{heard, rate};
use super::span::Span;
use crate::kit::format;
use crate::kit::scale::Measure;

/// A row for each step.
pub(super) fn table(points: &[Point], span: Span, now: Time) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Table of the load" {
            table {
                thead {
                    tr {
                        th scope="col" { "From" }
                        th.number scope="col" { "Calls per second" }
                        th.number scope="col" { "Errors" }
                        th.number scope="col" { "Start lag p50" }
                        th.number scope="col" { "p99" }
                        th.number scope="col" { "Request time p50" }
                        th.number scope="col" { "p99" }
                        th.number scope="col" { "Capacity used" }
                        th.number scope="col" { "Workers" }
                    }
                }
                tbody { @for point in points.iter().rev() { (row(point, span, now)) } }
            }
        }
    }
}

fn row(point: &Point, span: Span, now: Time) -> Markup {
    let all = &point.all;
    let measured = |text: String| if heard(point) { text } else { "–".to_owned() };
    let rate = rate(point, span.width(), now).map(|rate| Measure::Rate.show(rate));
    html! {
        tr {
            th scope="row" { (format::clock(now, Time::from_millis(point.at))) }
            td.number { (rate.unwrap_or("–".to_owned())) }
            td.number { (measured(format::count(all.errors))) }
            @for ms in [all.lag.percentile(0.5), all.lag.percentile(0.99), all.took.percentile(0.5), all.took.percentile(0.99)] {
                td.number { (format::bound(ms)) }
            }
            td.number { (Figures::used(all).map_or("–".to_owned(), format::percent)) }
            td.number { (measured(point.workers.len().to_string())) }
        }
    }
}
