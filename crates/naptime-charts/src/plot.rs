//! The drawing itself.

use std::ops::RangeInclusive;

use maud::{Markup, html};

use crate::axis::Axis;

/// Room for what is at the very end.
const RIGHT: f64 = 14.0;
const TOP: f64 = 12.0;
/// The room that a label of a time of day takes.
const LABEL: f64 = 40.0;

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Plot<'a> {
    /// What the picture says, for those who don't see it.
    pub summary: String,
    /// How large it is.
    pub size: Size,
    /// From left to right.
    pub x: &'a Axis,
    /// From the bottom to the top.
    pub y: &'a Axis,
    /// The places that all series have their values at, if a script is to tell what these are. Moments are in seconds since
    /// 1970.
    pub told_at: Option<&'a [f64]>,
    /// The series. The first is the most important, and lies above the others.
    pub lines: Vec<Line<'a>>,
    /// What is to be compared with: dashed lines across.
    pub levels: Vec<f64>,
    /// What happened: lines from top to bottom.
    pub marks: Vec<Mark<'a>>,
}

/// The size of a drawing, in its own pixels. A style sheet scales it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// All of it.
    pub width: f64,
    /// All of it.
    pub height: f64,
    /// The room beside the y axis for its labels.
    pub left: f64,
    /// The room below the x axis for its labels.
    pub below: f64,
}

/// One series of values.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its colour, such as `var(--calls)`.
    pub paint: String,
    /// How it is drawn.
    pub form: Form,
    /// Whether each value has a dot.
    pub dots: bool,
    /// Places with their values, in the order of their places. A value that is not finite is not there.
    pub values: Vec<(f64, f64)>,
    /// The values as text, one for each place of [`Plot::told_at`], for a script to tell.
    pub shown: Option<Vec<String>>,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As a line.
    Line,
    /// As a line with the area below filled.
    Area,
    /// As an outline of bars with the area below filled: a value holds halfway to the ones beside it.
    Steps,
}

/// Something that happened.
#[derive(Clone, Copy, Debug)]
pub struct Mark<'a> {
    /// The class that the style sheet draws, beside `mark`.
    pub class: &'a str,
    /// When.
    pub at: f64,
}

impl Plot<'_> {
    /// The SVG.
    pub fn draw(&self) -> Markup {
        let Size { width, height, left, below } = self.size;
        let (right, bottom) = (width - RIGHT, height - below);
        let x = |value: f64| left + self.x.place(value) * (right - left);
        let y = |value: f64| bottom - self.y.place(value) * (bottom - TOP);
        html! {
            svg.plot viewBox={ "0 0 " (width) " " (height) } role="img" aria-label=(self.summary)
                data-at=[self.told(|at| at)] data-x=[self.told(|at| px(x(at)))] tabindex=[self.told_at.map(|_| "0")] {
                @for tick in &self.y.ticks {
                    @let at = px(y(tick.at));
                    line.grid x1=(left) x2=(right) y1=(at) y2=(at) {}
                    text.y x=(left - 6.0) y=(at) { (tick.label) }
                }
                line.axis x1=(left) x2=(right) y1=(bottom) y2=(bottom) {}
                @for tick in &self.x.ticks {
                    @let at = px(x(tick.at));
                    line.axis x1=(at) x2=(at) y1=(bottom) y2=(bottom + 4.0) {}
                    // A label in the middle of its mark would be cut off there.
                    @let last = width - at < LABEL / 2.0;
                    text.x.last[last] x=(if last { width } else { at }) y=(height - 5.0) data-at=[tick.step.map(|_| tick.at)] data-step=[tick.step] { (tick.label) }
                }
                @for mark in &self.marks {
                    @let at = px(x(mark.at));
                    line class={ "mark " (mark.class) } x1=(at) x2=(at) y1=(TOP - 6.0) y2=(bottom) {}
                }
                @for level in &self.levels {
                    @let at = px(y(*level));
                    line.level x1=(left) x2=(right) y1=(at) y2=(at) {}
                }
                @for line in self.lines.iter().rev() {
                    g data-name=[line.shown.is_some().then_some(line.name)] data-shown=[line.shown()] {
                        @for run in runs(&line.values) {
                            @let points = run.iter().map(|(at, value)| (x(*at), y(*value))).collect::<Vec<_>>();
                            (drawn(line, &points, left..=right, bottom))
                        }
                    }
                }
            }
        }
    }
}

impl Plot<'_> {
    fn told(&self, what: impl Fn(f64) -> f64) -> Option<String> {
        let told = |at: &[f64]| at.iter().map(|at| what(*at).to_string()).collect::<Vec<_>>().join(";");
        self.told_at.filter(|at| !at.is_empty()).map(told)
    }
}

impl Line<'_> {
    fn shown(&self) -> Option<String> {
        self.shown.as_ref().map(|shown| shown.join(";"))
    }
}

/// One stretch of a series without a gap, within the axis.
fn drawn(line: &Line<'_>, points: &[(f64, f64)], axis: RangeInclusive<f64>, bottom: f64) -> Markup {
    let outline = if line.form == Form::Steps { steps(points, axis) } else { points.to_vec() };
    let alone = points.len() == 1 && line.form != Form::Steps;
    html! {
        @if alone {
            circle.dot fill=(line.paint) cx=(px(points[0].0)) cy=(px(points[0].1)) r="2" {}
        } @else {
            @if line.form != Form::Line { path.area fill=(line.paint) d=(area(&outline, bottom)) {} }
            path.line stroke=(line.paint) d=(path(&outline)) {}
        }
        @if line.dots && !alone {
            @for (at, value) in points { circle.dot fill=(line.paint) cx=(px(*at)) cy=(px(*value)) r="2" {} }
        }
    }
}

/// The values in runs without a gap.
fn runs(values: &[(f64, f64)]) -> Vec<&[(f64, f64)]> {
    values.split(|(_, value)| !value.is_finite()).filter(|run| !run.is_empty()).collect()
}

/// The outline of bars that meet halfway between the points; the first and the last are cut off at the ends of the axis.
fn steps(points: &[(f64, f64)], axis: RangeInclusive<f64>) -> Vec<(f64, f64)> {
    // What is alone is as wide as it can be seen.
    let half = match points {
        [(first, _), (second, _), ..] => (second - first) / 2.0,
        _ => 1.0,
    };
    let mut outline = Vec::with_capacity(2 * points.len());
    for (index, (at, value)) in points.iter().enumerate() {
        let before = index.checked_sub(1).map_or(at - half, |before| (points[before].0 + at) / 2.0);
        let after = points.get(index + 1).map_or(at + half, |(after, _)| (at + after) / 2.0);
        outline.extend([before, after].map(|at| (at.clamp(*axis.start(), *axis.end()), *value)));
    }
    outline
}

fn path(points: &[(f64, f64)]) -> String {
    let steps: Vec<String> = points.iter().map(|(x, y)| format!("{} {}", px(*x), px(*y))).collect();
    format!("M{}", steps.join("L"))
}

/// The area between a line and the axis.
fn area(points: &[(f64, f64)], bottom: f64) -> String {
    let (Some((first, _)), Some((last, _))) = (points.first(), points.last()) else { return String::new() };
    format!("{}L{} {}L{} {}Z", path(points), px(*last), px(bottom), px(*first), px(bottom))
}

/// A tenth of a pixel is fine enough.
fn px(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(form: Form, values: &[f64]) -> String {
        let values: Vec<(f64, f64)> = values.iter().enumerate().map(|(n, value)| (n as f64, *value)).collect();
        let (x, y) = (
            Axis::linear(10.0, [(5.0, "five".to_owned()), (10.0, "ten".to_owned())]),
            Axis::linear(4.0, [(4.0, "4".to_owned())]),
        );
        let line = Line { name: "p50", paint: "var(--p50)".to_owned(), form, dots: false, values, shown: None };
        let size = Size { width: 120.0, height: 100.0, left: 6.0, below: 8.0 };
        let (levels, marks) = (Vec::new(), Vec::new());
        let told_at = None;
        Plot { summary: "Lag".to_owned(), size, x: &x, y: &y, told_at, lines: vec![line], levels, marks }
            .draw()
            .into_string()
    }

    #[test]
    fn a_series_is_drawn_within_its_axes() {
        let svg = draw(Form::Line, &[0.0, 4.0, 9.0]);
        assert!(svg.contains("d=\"M6 92L16 12L26 12\""), "{svg}");
        assert!(svg.contains("stroke=\"var(--p50)\"") && svg.contains(">five<"), "{svg}");
        assert!(svg.contains("class=\"x last\" x=\"120\""), "it is not cut off: {svg}");
        let svg = draw(Form::Area, &[0.0, 4.0]);
        assert!(svg.contains("d=\"M6 92L16 12L16 92L6 92Z\""), "{svg}");
        let svg = draw(Form::Steps, &[4.0, 0.0, 0.0]);
        assert!(svg.contains("d=\"M6 12L11 12L11 92L21 92L21 92L31 92\""), "{svg}");
        let svg = draw(Form::Steps, &[0.0; 11]);
        assert!(svg.contains("L101 92L106 92\""), "{svg}");
    }

    #[test]
    fn what_is_not_there_is_a_gap_and_what_is_alone_a_dot() {
        let svg = draw(Form::Line, &[1.0, 1.0, f64::NAN, 2.0, f64::INFINITY, 3.0, 3.0]);
        assert_eq!((svg.matches("<path").count(), svg.matches("<circle").count()), (2, 1), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert_eq!(draw(Form::Area, &[]).matches("<path").count(), 0);
    }
}
