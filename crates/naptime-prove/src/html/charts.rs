//! Which charts there are: calls per second by the number of workers, and each leg over time.

use maud::{Markup, html};
use naptime_charts::Form;

use super::axis;
use super::chart::{Chart, Line, Mark};
use crate::format::{millis, rate};
use crate::rows::{self, column};
use crate::{Disturbance, Disturbed, Leg, Options, Second};

/// The fewest seconds that are worth a chart.
const FEWEST: usize = 5;

/// Calls per second by the number of workers, for each load; empty without several numbers.
pub(super) fn scaling(loads: &[&[Leg]]) -> Vec<Markup> {
    loads.iter().filter(|legs| legs.len() > 1).map(|legs| curve(legs)).collect()
}

fn curve(legs: &[Leg]) -> Markup {
    let mut points: Vec<(usize, f64)> = legs.iter().map(|leg| (leg.workers, leg.verdict.calls_per_second)).collect();
    points.sort_by_key(|(workers, _)| *workers);
    let numbers: Vec<usize> = points.iter().map(|(workers, _)| *workers).collect();
    let most = points.iter().map(|(_, calls)| *calls).fold(0.0, f64::max);
    let due = due(&legs[0]);
    let title = if legs[0].backlog.is_some() { "Backlog, calls per second" } else { "Calls per second" };
    let line = Line {
        name: "called".to_owned(),
        figure: rate(most),
        class: "calls",
        form: Form::Line,
        dots: true,
        values: points.into_iter().map(|(workers, calls)| (workers as f64, calls)).collect(),
    };
    Chart {
        title: format!("{title}, by workers"),
        wide: true,
        x: axis::workers(&numbers),
        y: axis::calls(due.iter().map(|(_, due)| *due).fold(most, f64::max)),
        lines: vec![line],
        levels: due.into_iter().collect(),
        marks: Vec::new(),
    }
    .figure()
}

/// What is due, which is a ceiling to what can be called; none of a backlog.
fn due(leg: &Leg) -> Option<(String, f64)> {
    leg.offered.map(|due| (format!("due {}", rate(due)), due))
}

/// The legs of one load over time: how late calls were, and how many there were.
pub(super) fn over_time(options: &Options, legs: &[Leg]) -> Markup {
    let legs: Vec<&Leg> = legs.iter().filter(|leg| leg.seconds.len() >= FEWEST).collect();
    let seconds = || legs.iter().flat_map(|leg| &leg.seconds);
    // The same axes for all, so that they can be compared.
    let latest = seconds().map(|second| second.max_ms).filter(|ms| ms.is_finite()).fold(0.0, f64::max);
    let most = seconds().map(|second| second.calls as f64).fold(0.0, f64::max);
    let wide = legs.len() <= 2;
    let lags: Vec<Markup> = legs.iter().map(|leg| lag(leg, wide, latest).figure()).collect();
    let calls: Vec<Markup> = legs.iter().map(|leg| calls(leg, wide, most).figure()).collect();
    html! {
        @if let Some(leg) = legs.first() { h3 { (rows::load(options, leg)) } }
        @if legs.len() == 1 {
            div.charts.two { @for figure in lags.iter().chain(&calls) { (figure) } }
        } @else if !legs.is_empty() {
            div.charts.two[wide] { @for figure in &lags { (figure) } }
            div.charts.two[wide] { @for figure in &calls { (figure) } }
        }
    }
}

fn lag(leg: &Leg, wide: bool, latest: f64) -> Chart {
    let over = leg.verdict.lag;
    let line = |name: &str, figure, of: fn(&Second) -> f64| {
        let values = leg.seconds.iter().enumerate().map(|(number, second)| (number as f64 + 0.5, of(second)));
        (name.to_owned(), millis(figure), values.collect::<Vec<_>>())
    };
    let lines = [
        (line("p50", over.p50_ms, |second| second.p50_ms), "p50"),
        (line("p99", over.p99_ms, |second| second.p99_ms), "p99"),
        (line("max", over.max_ms, |second| second.max_ms), "most"),
    ];
    let line = |((name, figure, values), class)| Line { name, figure, class, form: Form::Line, dots: false, values };
    Chart {
        title: format!("Start lag, {}", column(leg)),
        wide,
        x: axis::seconds(leg.seconds.len()),
        y: axis::lag(latest),
        lines: lines.into_iter().map(line).collect(),
        levels: Vec::new(),
        marks: marks(leg),
    }
}

fn calls(leg: &Leg, wide: bool, most: f64) -> Chart {
    let values: Vec<f64> = leg.seconds.iter().map(|second| second.calls as f64).collect();
    // From end to end, so that the area is that of the whole time.
    let first = values.first().map(|value| (0.0, *value));
    let last = values.last().map(|value| (values.len() as f64, *value));
    let middle = values.iter().enumerate().map(|(number, value)| (number as f64 + 0.5, *value));
    let line = Line {
        name: "on average".to_owned(),
        figure: rate(leg.verdict.calls_per_second),
        class: "calls",
        form: Form::Area,
        dots: false,
        values: first.into_iter().chain(middle).chain(last).collect(),
    };
    Chart {
        title: format!("Calls per second, {}", column(leg)),
        wide,
        x: axis::seconds(leg.seconds.len()),
        y: axis::calls(most.max(leg.offered.unwrap_or(0.0))),
        lines: vec![line],
        levels: due(leg).into_iter().collect(),
        marks: marks(leg),
    }
}

fn marks(leg: &Leg) -> Vec<Mark> {
    let end = leg.seconds.len() as f64;
    let mark = |it: &Disturbance| {
        let (name, class) = match it.kind {
            Disturbed::Killed => ("kill", "kill"),
            Disturbed::Stopped => ("restart", "stop"),
        };
        Mark { name, class, at: it.after_ms as f64 / 1e3 }
    };
    let mut marks: Vec<Mark> =
        leg.disturbances.iter().map(mark).filter(|mark| (0.0..=end).contains(&mark.at)).collect();
    marks.sort_by_key(|mark| mark.name);
    marks
}
