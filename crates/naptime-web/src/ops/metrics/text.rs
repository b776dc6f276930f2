//! The text format that Prometheus reads, version 0.0.4.

use std::fmt::Write;

use axum::response::{IntoResponse, Response};
use http::header;
use naptime_core::Histogram;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Metrics as text. Names, labels and their values are words of Naptime's own, in which nothing needs an escape.
#[derive(Default)]
pub(super) struct MetricsText(String);

impl MetricsText {
    /// A value that goes up and down.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help, "gauge");
        self.line(format_args!("{name} {value}"));
    }

    /// Values that go up and down, told apart by a label.
    pub(super) fn gauges<'a>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'a str, u64)>,
    ) {
        self.head(name, help, "gauge");
        self.labelled(name, label, values);
    }

    /// Counts that only grow, told apart by a label.
    pub(super) fn counters<'a>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'a str, u64)>,
    ) {
        self.head(name, help, "counter");
        self.labelled(name, label, values);
    }

    /// A histogram of milliseconds, told in seconds, and their sum.
    pub(super) fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram, sum_ms: u64) {
        self.head(name, help, "histogram");
        for (bound, count) in histogram.cumulative() {
            self.line(format_args!("{name}_bucket{{le=\"{}\"}} {count}", seconds(bound)));
        }
        let count = histogram.count();
        self.line(format_args!("{name}_bucket{{le=\"+Inf\"}} {count}"));
        self.line(format_args!("{name}_sum {}", seconds(sum_ms)));
        self.line(format_args!("{name}_count {count}"));
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn labelled<'a>(&mut self, name: &str, label: &str, values: impl IntoIterator<Item = (&'a str, u64)>) {
        for (value, number) in values {
            self.line(format_args!("{name}{{{label}=\"{value}\"}} {number}"));
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a text cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

impl IntoResponse for MetricsText {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, CONTENT_TYPE)], self.0).into_response()
    }
}

fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn metrics_are_written_as_prometheus_reads_them() {
        let mut text = MetricsText::default();
        text.gauge("a", "One.", 1);
        text.counters("b_total", "Two.", "how", [("ok", 2), ("failed", 0)]);
        let begin = "# HELP a One.\n# TYPE a gauge\na 1\n# HELP b_total Two.\n# TYPE b_total counter\n\
                     b_total{how=\"ok\"} 2\nb_total{how=\"failed\"} 0\n";
        assert_eq!(text.0, begin);

        let (mut text, mut histogram) = (MetricsText::default(), Histogram::default());
        [1, 5, 20_000_000].into_iter().for_each(|ms| histogram.record(Duration::from_millis(ms)));
        text.histogram("c", "Three.", &histogram, 20_000_006);
        for line in [
            "# TYPE c histogram",
            "c_bucket{le=\"0\"} 0",
            "c_bucket{le=\"0.001\"} 1",
            "c_bucket{le=\"0.005\"} 2",
            "c_bucket{le=\"3600\"} 2",
            "c_bucket{le=\"+Inf\"} 3",
            "c_sum 20000.006",
            "c_count 3",
        ] {
            assert!(text.0.lines().any(|it| it == line), "{line} in {}", text.0);
        }
    }
}
