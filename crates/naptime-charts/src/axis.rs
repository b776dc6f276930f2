//! Axes: how far they go, and where their marks are.

/// An axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    from: f64,
    to: f64,
    logarithmic: bool,
    /// Its marks.
    pub ticks: Vec<Tick>,
}

/// A mark of an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Where it is.
    pub at: f64,
    /// What stands beside it.
    pub label: String,
    /// Whether it is a moment, in seconds since 1970, whose label depends on the time zone. It is drawn with its moment
    /// (`data-at`) and its step in seconds (`data-step`), so that a script can label it for a zone.
    pub step: Option<u64>,
}

const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;

/// The steps of a time axis, in seconds.
const TIME_STEPS: [u64; 20] = [
    1,
    2,
    5,
    10,
    15,
    30,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
];
/// The most marks of a time axis. A label takes about a seventh of the width.
const MAX_TIME_TICKS: f64 = 6.0;

impl Axis {
    /// An axis from 0 to `top`, with these marks and their labels. `top` is above 0.
    pub fn linear(top: f64, ticks: impl IntoIterator<Item = (f64, String)>) -> Self {
        Self { from: 0.0, to: top, logarithmic: false, ticks: plain(ticks) }
    }

    /// An axis by powers, from `from` to `to`, which are above 0.
    pub fn logarithmic(from: f64, to: f64, ticks: impl IntoIterator<Item = (f64, String)>) -> Self {
        Self { from, to, logarithmic: true, ticks: plain(ticks) }
    }

    /// An axis of time, in seconds since 1970, with marks on round times of UTC. `label` writes the mark of a moment, from
    /// the step between marks. Without a length it is a minute long.
    pub fn time(from: f64, to: f64, label: impl Fn(i64, u64) -> String) -> Self {
        let to = if to - from < 1.0 { from + 60.0 } else { to };
        let enough = |step: &u64| (to - from) / *step as f64 <= MAX_TIME_TICKS;
        let step = TIME_STEPS.into_iter().find(enough).unwrap_or(28 * DAY);
        let first = (from / step as f64).ceil() as i64;
        let last = (to / step as f64).floor() as i64;
        let tick = |number: i64| {
            let at = number * i64::try_from(step).unwrap_or(1);
            Tick { at: at as f64, label: label(at, step), step: Some(step) }
        };
        Self { from, to, logarithmic: false, ticks: (first..=last).map(tick).collect() }
    }

    /// Where a value is, from 0 at the beginning to 1 at the end. What is beyond an end is put there.
    pub fn place(&self, value: f64) -> f64 {
        let value = value.clamp(self.from, self.to);
        if self.logarithmic {
            (value / self.from).log10() / (self.to / self.from).log10()
        } else {
            (value - self.from) / (self.to - self.from)
        }
    }
}

fn plain(ticks: impl IntoIterator<Item = (f64, String)>) -> Vec<Tick> {
    ticks.into_iter().map(|(at, label)| Tick { at, label, step: None }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 03:04 of a day.
    const AT: f64 = (20_000 * DAY + 3 * HOUR + 4 * MINUTE) as f64;

    /// The marks, in steps from the first, which is so many seconds after the beginning.
    fn marks(length: f64) -> (f64, u64, usize) {
        let ticks = Axis::time(AT, AT + length, |at, _| at.to_string()).ticks;
        let step = ticks[0].step.expect("a moment");
        assert!(ticks.windows(2).all(|pair| pair[1].at - pair[0].at == step as f64));
        assert!(ticks.iter().all(|tick| tick.at % step as f64 == 0.0 && tick.label == tick.at.to_string()));
        (ticks[0].at - AT, step, ticks.len())
    }

    #[test]
    fn marks_of_time_are_round_and_few() {
        assert_eq!(marks(60.0), (0.0, 10, 7));
        assert_eq!(marks(3_600.0), (360.0, 600, 6));
        assert_eq!(marks(86_400.0), (3.0 * 3_600.0 - 240.0, 21_600, 4));
        assert_eq!(marks(0.0), marks(60.0));
        assert!(marks(400.0 * 86_400.0).2 <= 15);
    }

    #[test]
    fn values_find_their_place() {
        let check = |axis: &Axis, value, expect: f64| assert!((axis.place(value) - expect).abs() < 1e-9, "{value}");
        let linear = Axis::linear(1_000.0, []);
        check(&linear, 250.0, 0.25);
        check(&linear, 2_000.0, 1.0);
        let powers = Axis::logarithmic(0.1, 10.0, []);
        check(&powers, 1.0, 0.5);
        check(&powers, 0.0, 0.0);
        check(&Axis::time(AT, AT, |_, _| String::new()), AT, 0.0);
    }
}
