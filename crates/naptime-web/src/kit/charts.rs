//! Charts over time.

use maud::{Markup, html};
use naptime_charts::{Axis, Plot, Size, plot};
use naptime_core::Time;

pub(crate) use naptime_charts::Form;

use super::scale::{Measure, STEPS};

/// The size that is drawn. It is about that of the screen, phones included, so that texts keep their size.
const SIZE: Size = Size { width: 380.0, height: 176.0, left: 46.0, below: 22.0 };

/// A chart over time.
pub(crate) struct Chart<'a> {
    /// What it shows.
    pub(crate) title: &'a str,
    /// What is measured.
    pub(crate) measure: Measure,
    /// How it is drawn.
    pub(crate) form: Form,
    /// The moments of the values, in seconds since 1970, rising.
    pub(crate) at: &'a [f64],
    /// What is drawn.
    pub(crate) lines: Vec<Line>,
    /// What is said if there is nothing to draw.
    pub(crate) empty: &'a str,
}

/// One series of values.
pub(crate) struct Line {
    /// Its name.
    pub(crate) name: String,
    /// The colour, as the style sheet names it: `--p50`.
    pub(crate) colour: String,
    /// A value for each moment; none where nothing was measured.
    pub(crate) values: Vec<Option<f64>>,
    /// Whether it begins now, and does not end so.
    pub(crate) ahead: bool,
}

impl Line {
    pub(crate) fn new(name: impl Into<String>, colour: impl Into<String>, values: Vec<Option<f64>>) -> Self {
        // What is not a number is not a measurement.
        let values = values.into_iter().map(|value| value.filter(|value| value.is_finite())).collect();
        Self { name: name.into(), colour: colour.into(), values, ahead: false }
    }

    /// The same as a forecast: its first value is that of now.
    pub(crate) fn ahead(self) -> Self {
        Self { ahead: true, ..self }
    }

    fn max(&self) -> f64 {
        self.values.iter().flatten().copied().fold(0.0, f64::max)
    }

    /// The last value; of a forecast the first.
    fn latest(&self) -> Option<f64> {
        if self.ahead {
            return self.values.iter().flatten().next().copied();
        }
        self.values.iter().rev().flatten().next().copied()
    }

    /// The last value, unless it is of a time before the last two: it would be taken for that of now.
    fn current(&self) -> Option<f64> {
        if self.ahead {
            return self.latest();
        }
        self.values.iter().rev().take(2).flatten().next().copied()
    }

    /// Whether there are so few values that each gets a dot.
    fn is_sparse(&self) -> bool {
        self.values.iter().flatten().count() <= 20
    }
}

impl Chart<'_> {
    /// The chart with its title and key.
    pub(crate) fn figure(&self) -> Markup {
        let nothing = self.lines.iter().all(|line| line.latest().is_none());
        html! {
            figure.chart {
                figcaption {
                    h3 { (self.title) }
                    ul.key {
                        @for line in self.lines.iter().filter(|line| line.latest().is_some()) {
                            li {
                                (swatch(&line.colour))
                                @if !line.name.is_empty() { (line.name) " " }
                                @if let Some(value) = line.current() { b { (self.measure.show(value)) } }
                            }
                        }
                    }
                }
                (self.plot())
                @if nothing { p.empty { (self.empty) } }
            }
        }
    }

    /// What the picture says, for those who don't see it.
    fn summary(&self) -> String {
        let line = |line: &Line| {
            let latest = line.latest().map(|value| self.measure.show(value))?;
            let (name, most) = (&line.name, self.measure.show(line.max()));
            let when = if line.ahead { "now" } else { "latest" };
            Some(format!("{name} {when} {latest}, at most {most}").trim().to_owned())
        };
        let lines: Vec<String> = self.lines.iter().filter_map(line).collect();
        let said = if lines.is_empty() { self.empty.to_owned() } else { lines.join("; ") };
        format!("{}: {said}", self.title)
    }

    fn plot(&self) -> Markup {
        let scale = self.measure.scale(self.lines.iter().map(Line::max).fold(0.0, f64::max));
        let mark = |number: usize| {
            let value = scale.top * number as f64 / STEPS as f64;
            (value, format!("{}{}", (value * 10.0).round() / 10.0, scale.unit))
        };
        let y = Axis::linear(scale.top, (0..=STEPS).map(mark));
        let (first, last) = (self.at.first().copied().unwrap_or(0.0), self.at.last().copied().unwrap_or(0.0));
        let mut x = Axis::time(first, last, label);
        if self.at.is_empty() {
            x.ticks.clear();
        }
        let lines = self.lines.iter().map(|line| {
            let height = |value: &Option<f64>| value.map_or(f64::NAN, |value| value * scale.factor);
            let shown = |value: &Option<f64>| value.map_or(String::new(), |value| self.measure.show(value));
            plot::Line {
                name: &line.name,
                paint: format!("var({})", line.colour),
                form: self.form,
                dots: line.is_sparse() && self.form != Form::Steps,
                values: self.at.iter().copied().zip(line.values.iter().map(height)).collect(),
                shown: Some(line.values.iter().map(shown).collect()),
            }
        });
        let lines = lines.collect();
        let (summary, told_at) = (self.summary(), Some(self.at));
        Plot { summary, size: SIZE, x: &x, y: &y, told_at, lines, levels: Vec::new(), marks: Vec::new() }.draw()
    }
}

/// A moment as the mark of an axis whose marks are so many seconds apart, in UTC.
fn label(at: i64, step: u64) -> String {
    let text = Time::from_millis(at.saturating_mul(1000)).to_string();
    let part = match step {
        ..60 => text.get(11..19),
        60..86_400 => text.get(11..16),
        _ => text.get(5..10),
    };
    part.unwrap_or(&text).to_owned()
}

/// A spot of a colour.
pub(crate) fn swatch(colour: &str) -> Markup {
    html! {
        svg.swatch viewBox="0 0 10 10" aria-hidden="true" {
            rect width="10" height="10" rx="3" fill={ "var(" (colour) ")" } {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(form: Form, values: Vec<Option<f64>>) -> String {
        let at: Vec<f64> = (0..values.len()).map(|n| 1_767_323_040.0 + n as f64 * 60.0).collect();
        let lines = vec![Line::new("p50", "--p50", values)];
        let chart = Chart { title: "Lag", measure: Measure::Millis, form, at: &at, lines, empty: "Nothing yet." };
        chart.figure().into_string()
    }

    #[test]
    fn nothing_in_a_drawing_is_refused_by_the_policy_or_left_uncoloured() {
        for form in [Form::Line, Form::Area, Form::Steps] {
            let figure = draw(form, (0..60).map(|n| (n % 7 != 0).then_some(f64::from(n))).collect());
            for bad in ["style", "<script", "NaN", "inf", "#", "font-family", "Infinity"] {
                assert!(!figure.contains(bad), "{bad} in {figure}");
            }
            assert!(figure.contains("var(--p50)") && figure.contains("class=\"grid\""), "{figure}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_drawn_and_is_said() {
        for form in [Form::Line, Form::Area, Form::Steps] {
            for values in [vec![], vec![None; 60], vec![Some(f64::NAN), Some(f64::INFINITY)]] {
                let figure = draw(form, values);
                assert!(figure.contains("Nothing yet.") && !figure.contains("NaN"), "{figure}");
            }
        }
    }

    #[test]
    fn a_value_alone_is_a_dot() {
        let figure = draw(Form::Line, vec![None, Some(5.0), None]);
        assert!(figure.contains("<circle"), "{figure}");
        // The rest of a long line goes without.
        let mut values = vec![Some(5.0); 100];
        values.extend([None, Some(7.0), None]);
        let figure = draw(Form::Line, values);
        assert_eq!(figure.matches("<circle").count(), 1, "{figure}");
    }
}
