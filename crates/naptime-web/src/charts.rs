//! Charts, drawn on the server as SVG. `charts-rs` draws; the page's style sheet colours, so that one drawing serves
//! light and dark.

use std::collections::BTreeMap;

use charts_rs::{AxisType, Color, LineChart, LineStep, Series, Symbol};
use maud::{Markup, PreEscaped, html};

use crate::scale::{Measure, STEPS, Scale};

/// The size that is drawn. It is about that of the screen, phones included, so that texts keep their size.
const WIDTH: f32 = 380.0;
const HEIGHT: f32 = 176.0;

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

/// How values are drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As lines.
    Lines,
    /// As lines with the area below filled.
    Area,
    /// As an outline of bars: a value holds for its whole step.
    Steps,
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

    /// The values that a line does not show, for want of a neighbour.
    fn lonely(&self) -> Vec<Option<f64>> {
        let there = |index: Option<usize>| index.is_some_and(|index| matches!(self.values.get(index), Some(Some(_))));
        let lonely = |index: usize| !there(index.checked_sub(1)) && !there(Some(index + 1));
        self.values.iter().enumerate().map(|(index, value)| value.filter(|_| lonely(index))).collect()
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
                (PreEscaped(self.svg()))
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

    fn svg(&self) -> String {
        let scale = self.measure.scale(self.lines.iter().map(Line::max).fold(0.0, f64::max));
        let palette = Palette::of(&self.lines);
        let series = |index: usize, values: &[Option<f64>], dots: bool| {
            let height = |value: &Option<f64>| value.map(|value| (value * scale.factor) as f32);
            let mut series = Series::new_nullable(String::new(), values.iter().map(height).collect());
            series.index = Some(index);
            series.step = (self.form == Form::Steps).then_some(LineStep::Middle);
            let colour = palette.colours.get(&index).copied();
            series.symbol = Some(if dots { Symbol::Circle(1.8, colour) } else { Symbol::None });
            series
        };
        let mut all = Vec::new();
        for (index, line) in self.lines.iter().enumerate() {
            all.push(series(index, &line.values, line.is_sparse()));
            // Dots for all would bury the line where there are hundreds.
            let lonely = line.lonely();
            if !line.is_sparse() && lonely.iter().any(Option::is_some) {
                all.push(series(index, &lonely, true));
            }
        }
        if all.is_empty() {
            // Without any, there would be no marks at the axis.
            all.push(Series::new_nullable(String::new(), vec![None; self.at.len()]));
        }
        let mut chart = LineChart::new_with_theme(all, Vec::new(), "light");
        self.set(&mut chart, scale, &palette);
        match chart.svg() {
            Ok(svg) => palette.coloured(&svg, &self.summary()),
            Err(error) => {
                tracing::error!(%error, chart = self.title, "a chart could not be drawn");
                String::new()
            }
        }
    }

    fn set(&self, chart: &mut LineChart, scale: Scale, palette: &Palette) {
        (chart.width, chart.height) = (WIDTH, HEIGHT);
        chart.margin = (2.0, 8.0, 12.0, 2.0).into();
        chart.background_color = Color::transparent();
        // Title and key are HTML.
        chart.legend.show = Some(false);
        chart.grid.stroke_color = GRID;
        chart.x_axis.kind = AxisType::Time;
        chart.x_axis.values = self.at.to_vec();
        chart.x_axis.height = 24.0;
        chart.x_axis.stroke_color = AXIS;
        chart.x_axis.font.color = TEXT;
        chart.x_axis.font.size = 11.0;
        if let (Some(&first), Some(&last)) = (self.at.first(), self.at.last()) {
            // A single moment would have no width.
            chart.x_axis.max = (last - first < 1.0).then_some(first + 60.0);
        }
        chart.series.colors = palette.colours.values().copied().collect();
        chart.series.stroke_width = 1.6;
        chart.series.symbol = Some(Symbol::None);
        chart.series.fill = self.form != Form::Lines;
        chart.series.fill_opacity = Some(if self.form == Form::Steps { 0.3 } else { 0.16 });
        for axis in &mut chart.y_axis_configs {
            axis.min = Some(0.0);
            axis.max = Some(scale.top as f32);
            axis.split_number = STEPS;
            axis.formatter = Some(format!("{{c}}{}", scale.unit));
            axis.font.color = TEXT;
            axis.font.size = 11.0;
        }
    }
}

/// A spot of a colour.
pub(crate) fn swatch(colour: &str) -> Markup {
    html! {
        svg.swatch viewBox="0 0 10 10" aria-hidden="true" {
            rect width="10" height="10" rx="3" fill={ "var(" (colour) ")" } {}
        }
    }
}

// Colours that nothing else has, to be replaced by those of the style sheet.
const GRID: Color = marker(1);
const AXIS: Color = marker(2);
const TEXT: Color = marker(3);
const FIRST_SERIES: u8 = 16;

const fn marker(number: u8) -> Color {
    Color { r: 0xa1, g: 0xb2, b: number, a: 0xff }
}

/// Which marker stands for which colour of the style sheet.
struct Palette {
    colours: BTreeMap<usize, Color>,
    names: Vec<(String, String)>,
}

impl Palette {
    fn of(lines: &[Line]) -> Self {
        let marker_of = |index: usize| marker(FIRST_SERIES.saturating_add(u8::try_from(index).unwrap_or(u8::MAX)));
        let fixed = [(GRID, "--grid"), (AXIS, "--axis"), (TEXT, "--chart-text")];
        let fixed = fixed.map(|(colour, name)| (colour.hex(), name.to_owned()));
        let series = lines.iter().enumerate().map(|(index, line)| (marker_of(index).hex(), line.colour.clone()));
        Self {
            colours: (0..lines.len()).map(|index| (index, marker_of(index))).collect(),
            names: fixed.into_iter().chain(series).collect(),
        }
    }

    /// The drawing in the style sheet's colours and font, and sized by it.
    fn coloured(&self, svg: &str, summary: &str) -> String {
        let label = html! { (summary) }.into_string();
        let opening = format!("<svg width=\"{WIDTH}\" height=\"{HEIGHT}\"");
        let mut svg = svg
            .replacen(&opening, &format!("<svg class=\"plot\" role=\"img\" aria-label=\"{label}\""), 1)
            .replace(" font-family=\"Roboto\"", "");
        for (marker, name) in &self.names {
            svg = svg.replace(&format!("\"{marker}\""), &format!("\"var({name})\""));
        }
        svg
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
        for form in [Form::Lines, Form::Area, Form::Steps] {
            let figure = draw(form, (0..60).map(|n| (n % 7 != 0).then_some(f64::from(n))).collect());
            for bad in ["style", "<script", "NaN", "inf", "#", "font-family", "Infinity"] {
                assert!(!figure.contains(bad), "{bad} in {figure}");
            }
            assert!(figure.contains("var(--p50)") && figure.contains("var(--grid)"), "{figure}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_drawn_and_is_said() {
        for form in [Form::Lines, Form::Area, Form::Steps] {
            for values in [vec![], vec![None; 60], vec![Some(f64::NAN), Some(f64::INFINITY)]] {
                let figure = draw(form, values);
                assert!(figure.contains("Nothing yet.") && !figure.contains("NaN"), "{figure}");
            }
        }
    }

    #[test]
    fn a_value_alone_is_a_dot() {
        let figure = draw(Form::Lines, vec![None, Some(5.0), None]);
        assert!(figure.contains("<circle"), "{figure}");
        // The rest of a long line goes without.
        let mut values = vec![Some(5.0); 100];
        values.extend([None, Some(7.0), None]);
        let figure = draw(Form::Lines, values);
        assert_eq!(figure.matches("<circle").count(), 1, "{figure}");
    }
}
