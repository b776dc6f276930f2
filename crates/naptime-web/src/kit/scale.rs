//! The scale of a chart: which unit, and how far the axis goes, so that its marks are round numbers.

use super::format;

/// The number of steps between the marks of a y axis.
pub(crate) const STEPS: usize = 4;

/// What a chart measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Events a second.
    Rate,
    /// Whole numbers of things.
    Count,
    /// Milliseconds.
    Millis,
    /// Shares of a whole, from 0 to 1.
    Share,
}

/// How values become heights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    /// What a value is multiplied with.
    pub(crate) factor: f64,
    /// The unit behind each mark.
    pub(crate) unit: &'static str,
    /// The highest mark, in that unit.
    pub(crate) top: f64,
}

impl Measure {
    /// The scale for values up to `max`.
    pub(crate) fn scale(self, max: f64) -> Scale {
        let (factor, unit, finest) = match self {
            Self::Rate if max <= 0.0 || max >= 1.0 => (1.0, "/s", 0.5),
            Self::Rate if max >= 1.0 / 60.0 => (60.0, "/min", 1.0),
            Self::Rate => (3600.0, "/h", 1.0),
            Self::Count => (1.0, "", 1.0),
            Self::Millis if max <= 800.0 => (1.0, " ms", 1.0),
            Self::Millis if max < 120_000.0 => (1e-3, " s", 0.5),
            Self::Millis if max < 7_200_000.0 => (1.0 / 6e4, " min", 0.5),
            Self::Millis => (1.0 / 3.6e6, " h", 0.5),
            Self::Share => return Scale { factor: 100.0, unit: " %", top: 100.0 },
        };
        Scale { factor, unit, top: step(max * factor / STEPS as f64).max(finest) * STEPS as f64 }
    }

    /// A value as text.
    pub(crate) fn show(self, value: f64) -> String {
        let whole = |value: f64| value.max(0.0).round() as u64;
        match self {
            Self::Rate => {
                let Scale { factor, unit, .. } = self.scale(value);
                let text = format!("{:.1}", value * factor);
                format!("{}{unit}", text.strip_suffix(".0").unwrap_or(&text))
            }
            Self::Count => format::count(whole(value)),
            Self::Millis => format::millis(whole(value)),
            Self::Share => format::percent(value),
        }
    }
}

/// The smallest round number that is not below `least`: 1, 2, 3, 4, 5, 6 or 8 with zeros, and above 10 also 15 and 25.
fn step(least: f64) -> f64 {
    if !least.is_finite() || least <= 0.0 {
        return 0.0;
    }
    let power = 10f64.powf(least.log10().floor());
    // A mark shows one decimal at most, and things are counted in whole numbers.
    let fine = |round: f64| power >= 10.0 || round.fract() == 0.0;
    // The margin is for what multiplying with fractions leaves behind.
    let enough = |round: f64| round * power >= least * 0.999_999;
    let rounds = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    rounds.into_iter().find(|&round| fine(round) && enough(round)).unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(measure: Measure, max: f64, top: f64, unit: &str) {
        let scale = measure.scale(max);
        assert!((scale.top - top).abs() < 1e-6 && scale.unit == unit, "{measure:?} to {max}: {scale:?}");
        let marks = (0..=STEPS).map(|mark| scale.top * mark as f64 / STEPS as f64);
        assert!(marks.map(|mark| mark * 10.0).all(|tenths| (tenths - tenths.round()).abs() < 1e-6), "{scale:?}");
        assert!(scale.top >= max * scale.factor * 0.999, "{scale:?} holds {max}");
    }

    #[test]
    fn marks_are_round_numbers() {
        check(Measure::Rate, 0.0, 2.0, "/s");
        check(Measure::Rate, 1_000.0, 1_000.0, "/s");
        check(Measure::Rate, 3.3, 4.0, "/s");
        check(Measure::Rate, 0.2, 12.0, "/min");
        check(Measure::Rate, 0.001, 4.0, "/h");
        check(Measure::Count, 3.0, 4.0, "");
        check(Measure::Count, 9.0, 12.0, "");
        check(Measure::Count, 90.0, 100.0, "");
        check(Measure::Millis, 0.0, 4.0, " ms");
        check(Measure::Millis, 20.0, 20.0, " ms");
        check(Measure::Millis, 794.0, 800.0, " ms");
        check(Measure::Millis, 1_995.0, 2.0, " s");
        check(Measure::Millis, 5_012.0, 8.0, " s");
        check(Measure::Millis, 3_600_000.0, 60.0, " min");
        check(Measure::Share, 0.1, 100.0, " %");
    }

    #[test]
    fn values_show_their_unit() {
        assert_eq!(Measure::Rate.show(12.34), "12.3/s");
        assert_eq!(Measure::Rate.show(0.2), "12/min");
        assert_eq!(Measure::Millis.show(1_500.0), "1.5 s");
        assert_eq!(Measure::Share.show(0.5), "50 %");
    }
}
