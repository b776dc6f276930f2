//! A chart of a report: the drawing with its title and key.

use maud::{Markup, html};
use naptime_charts::{Axis, Form, Plot, Size, plot};

/// The size of a chart that shares its row with others.
const NARROW: Size = Size { width: 380.0, height: 180.0, left: 52.0, below: 22.0 };
/// A wide one is drawn small on a phone, with larger text, which takes more room beside the axes.
const WIDE: Size = Size { width: 560.0, height: 204.0, left: 62.0, below: 26.0 };

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
    /// The name of its colour in the style sheet, without the dashes.
    pub(super) class: &'static str,
    /// How it is drawn.
    pub(super) form: Form,
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
        let lines = self.lines.iter().map(|line| plot::Line {
            name: &line.name,
            paint: paint(line.class),
            form: line.form,
            dots: line.dots,
            values: line.values.clone(),
            shown: None,
        });
        Plot {
            summary: self.summary(),
            size: if self.wide { WIDE } else { NARROW },
            x: &self.x,
            y: &self.y,
            told_at: None,
            lines: lines.collect(),
            levels: self.levels.iter().map(|(_, value)| *value).collect(),
            marks: self.marks.iter().map(|mark| plot::Mark { class: mark.class, at: mark.at }).collect(),
        }
        .draw()
    }
}

fn paint(class: &str) -> String {
    format!("var(--{class})")
}

/// How a line or mark looks, for the key.
fn sample(class: &str) -> Markup {
    html! {
        svg.sample viewBox="0 0 16 10" aria-hidden="true" {
            @match class {
                "level" => line.level x1="1" x2="15" y1="5" y2="5" {},
                "kill" | "stop" => line class={ "mark " (class) } x1="8" x2="8" y1="0" y2="10" {},
                _ => line.line stroke=(paint(class)) x1="1" x2="15" y1="5" y2="5" {},
            }
        }
    }
}
