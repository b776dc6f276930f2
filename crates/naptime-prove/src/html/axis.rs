//! The axes of a report, with marks at round numbers.

use naptime_charts::Axis;

use crate::format::{count, millis, rate};

/// An axis of calls per second, up to at least `max`.
pub(super) fn calls(max: f64) -> Axis {
    let step = round(max.max(1.0) / 4.0);
    let marks = (0..=4).map(|number| f64::from(number) * step);
    Axis::linear(4.0 * step, marks.map(|it| (it, rate(it))))
}

/// An axis of lags in milliseconds, which differ by orders of magnitude: by powers of ten, from a tenth of a millisecond
/// to at least `max`.
pub(super) fn lag(max: f64) -> Axis {
    let decades = max.clamp(10.0, 1e7).log10().ceil() as i32;
    let label = |ms: f64| if ms < 1e3 { millis(ms) } else { format!("{} s", rate(ms / 1e3)) };
    let marks = (-1..=decades).map(|decade| 10f64.powi(decade));
    Axis::logarithmic(0.1, 10f64.powi(decades), marks.map(|ms| (ms, label(ms))))
}

/// An axis of seconds from the beginning.
pub(super) fn seconds(length: usize) -> Axis {
    let length = length.max(1);
    let steps = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400, 28_800];
    let step = steps.into_iter().find(|step| length / step <= 6).unwrap_or(length);
    let label = |second: usize| if step >= 60 { format!("{} min", second / 60) } else { format!("{second} s") };
    Axis::linear(length as f64, (0..=length).step_by(step).map(|second| (second as f64, label(second))))
}

/// An axis of these numbers of workers.
pub(super) fn workers(numbers: &[usize]) -> Axis {
    let most = numbers.iter().copied().max().unwrap_or(1);
    Axis::linear(most as f64 * 1.05, numbers.iter().map(|number| (*number as f64, count(*number))))
}

/// The smallest round number that is not below `least`.
fn round(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    // The margin is for what multiplying with fractions leaves behind.
    let enough = |round: &f64| round * power >= least * 0.999_999;
    [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0].into_iter().find(enough).unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> String {
        axis.ticks.iter().map(|tick| tick.label.as_str()).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn marks_are_round_and_hold_all_values() {
        assert_eq!(labels(&calls(9_800.0)), "0, 2,500, 5,000, 7,500, 10,000");
        assert_eq!(labels(&calls(0.0)), "0, 0.25, 0.5, 0.75, 1");
        assert_eq!(labels(&calls(1_000.0)), "0, 250, 500, 750, 1,000");
        assert_eq!(labels(&lag(15_100.0)), "0.1 ms, 1 ms, 10 ms, 100 ms, 1 s, 10 s, 100 s");
        assert_eq!(labels(&lag(0.0)), "0.1 ms, 1 ms, 10 ms");
        assert_eq!(labels(&seconds(30)), "0 s, 5 s, 10 s, 15 s, 20 s, 25 s, 30 s");
        assert_eq!(labels(&seconds(600)), "0 min, 2 min, 4 min, 6 min, 8 min, 10 min");
        assert_eq!(labels(&workers(&[1, 2, 4])), "1, 2, 4");
    }
}
