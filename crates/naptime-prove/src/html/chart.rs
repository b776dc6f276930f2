//! Draws a chart as SVG. The style sheet colours it, so that one drawing serves light, dark and paper.

use maud::{Markup, html};

use super::axis::Axis;

/// Room for what is at the very end.
const RIGHT: f64 = 14.0;
const TOP: f64 = 12.0;

/// A chart.
pub(super) struct Chart {
    /// What it shows.
    pub(super) title: String,
    /// Whether it has half of the page or more.
    pub(super) wide: bool,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Line>,
    /// What is to be compared with: dashed lines across.
    pub(super) levels: Vec<(String, f64)>,
    /// What happened: lines from top to bottom.
    pub(super) marks: Vec<Mark>,
}

/// One series of values.
pub(super) struct Line {
    /// Its name.
    pub(super) name: String,
    /// The figure that says most of it.
    pub(super) figure: String,
    /// The class that the style sheet colours.
    pub(super) class: &'static str,
    /// Whether the area below is filled.
    pub(super) filled: bool,
    /// Whether each value has a dot.
    pub(super) dots: bool,
    /// Places with their values, which are not finite where there is none.
    pub(super) values: Vec<(f64, f64)>,
}

/// Something that happened.
pub(super) struct Mark {
    /// What, for the key.
    pub(super) name: &'static str,
    /// The class that the style sheet draws.
    pub(super) class: &'static str,
    /// When.
    pub(super) at: f64,
}

impl Chart {
    /// The chart with its title and key.
    pub(super) fn figure(&self) -> Markup {
        let mut happened: Vec<&Mark> = Vec::new();
        for mark in &self.marks {
            if happened.iter().all(|other| other.name != mark.name) {
                happened.push(mark);
            }
        }
        html! {
            figure.chart.wide[self.wide] {
                figcaption {
                    h3 { (self.title) }
                    ul.key {
                        @for line in &self.lines {
                            li { (sample(line.class)) (line.name) " " b { (line.figure) } }
                        }
                        @for (name, _) in &self.levels { li { (sample("level")) (name) } }
                        @for mark in happened { li { (sample(mark.class)) (mark.name) } }
                    }
                }
                (self.plot())
            }
        }
    }

    /// What the picture says, for those who don't see it.
    fn summary(&self) -> String {
        let lines = self.lines.iter().map(|line| format!("{} {}", line.name, line.figure));
        let levels = self.levels.iter().map(|(name, _)| name.clone());
        format!("{}: {}", self.title, lines.chain(levels).collect::<Vec<_>>().join("; "))
    }

    fn plot(&self) -> Markup {
        // A wide one is drawn small on a phone, with larger text, which takes more room beside the axes.
        let (width, height, left, below) =
            if self.wide { (560.0, 204.0, 62.0, 26.0) } else { (380.0, 180.0, 52.0, 22.0) };
        let (right, bottom) = (width - RIGHT, height - below);
        let x = |value: f64| left + self.x.place(value) * (right - left);
        let y = |value: f64| bottom - self.y.place(value) * (bottom - TOP);
        html! {
            svg.plot viewBox={ "0 0 " (width) " " (height) } role="img" aria-label=(self.summary()) {
                @for (value, label) in &self.y.marks {
                    @let at = px(y(*value));
                    line.grid x1=(left) x2=(right) y1=(at) y2=(at) {}
                    text.y x=(left - 6.0) y=(at) { (label) }
                }
                line.axis x1=(left) x2=(right) y1=(bottom) y2=(bottom) {}
                @for (value, label) in &self.x.marks {
                    @let at = px(x(*value));
                    line.axis x1=(at) x2=(at) y1=(bottom) y2=(bottom + 4.0) {}
                    text.x x=(at) y=(height - 5.0) { (label) }
                }
                @for mark in &self.marks {
                    @let at = px(x(mark.at));
                    line class={ "mark " (mark.class) } x1=(at) x2=(at) y1=(TOP - 6.0) y2=(bottom) {}
                }
                @for (_, value) in &self.levels {
                    @let at = px(y(*value));
                    line.level x1=(left) x2=(right) y1=(at) y2=(at) {}
                }
                // The first is the most important, so it is drawn last.
                @for line in self.lines.iter().rev() {
                    @for run in runs(&line.values) {
                        @let points = run.iter().map(|(at, value)| (x(*at), y(*value))).collect::<Vec<_>>();
                        @if let [(at, value)] = points[..] {
                            circle class={ "dot " (line.class) } cx=(px(at)) cy=(px(value)) r="2" {}
                        } @else {
                            @if line.filled { path class={ "area " (line.class) } d=(area(&points, bottom)) {} }
                            path class={ "line " (line.class) } d=(path(&points)) {}
                        }
                        @if line.dots {
                            @for (at, value) in points {
                                circle class={ "dot " (line.class) } cx=(px(at)) cy=(px(value)) r="3" {}
                            }
                        }
                    }
                }
            }
        }
    }
}

/// How a line or mark looks, for the key.
fn sample(class: &str) -> Markup {
    let kind = match class {
        "level" => "level",
        "kill" | "stop" => "mark",
        _ => "line",
    };
    html! {
        svg.sample viewBox="0 0 16 10" aria-hidden="true" {
            @if kind == "mark" {
                line class={ "mark " (class) } x1="8" x2="8" y1="0" y2="10" {}
            } @else {
                line class={ (kind) " " (class) } x1="1" x2="15" y1="5" y2="5" {}
            }
        }
    }
}

/// The values in runs without a gap.
fn runs(values: &[(f64, f64)]) -> Vec<&[(f64, f64)]> {
    values.split(|(_, value)| !value.is_finite()).filter(|run| !run.is_empty()).collect()
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
