//! The figures of this process's worker, as OTLP has them. They are those of its [own metrics](crate::metrics): nothing is
//! counted a second time.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use naptime_core::{Histogram, Outcome, Time};
use naptime_web::OwnFigures;
use naptime_worker::Tally;
use opentelemetry::{KeyValue, Value};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, MetricExporter, WithHttpConfig};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram as Buckets, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource as Source;
use opentelemetry_proto::transform::common::tonic::Attributes;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::data::ResourceMetrics as Collected;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use prost::Message;

use super::sender::Sender;
use crate::clock::wall_clock;
use crate::metrics::own_figures;

/// Sends figures.
pub(super) struct Figures(MetricExporter);

impl Figures {
    pub(super) fn new(sender: Sender, tally: Tally, resource: &Resource) -> Result<Self, ExporterBuildError> {
        let source = Source { attributes: attributes(resource), ..Source::default() };
        let filled = Filled { sender, tally, source, since: wall_clock() };
        Ok(Self(MetricExporter::builder().with_http().with_http_client(filled).build()?))
    }

    /// Sends them again and again.
    pub(super) async fn send_every(&self, interval: Duration) {
        loop {
            tokio::time::sleep(interval).await;
            self.send().await;
        }
    }

    /// Sends them as they are now.
    pub(super) async fn send(&self) {
        // The sender has told what is wrong, and the next figures make up for these.
        let _ = self.0.export(&Collected::default()).await;
    }
}

/// Puts the figures in the place of what the SDK collected, which is nothing: it takes no histogram that was counted
/// elsewhere. Address, headers and retries are those of the SDK's exporter.
struct Filled {
    sender: Sender,
    tally: Tally,
    source: Source,
    since: Time,
}

#[async_trait]
impl HttpClient for Filled {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let over = Stretch { since: self.since, now: wall_clock() };
        let scope = InstrumentationScope { name: "naptime".to_owned(), ..InstrumentationScope::default() };
        let metrics = metrics(&own_figures(&self.tally), over);
        let of_scope = ScopeMetrics { scope: Some(scope), metrics, schema_url: String::new() };
        let of_worker = ResourceMetrics {
            resource: Some(self.source.clone()),
            scope_metrics: vec![of_scope],
            schema_url: String::new(),
        };
        let figures = ExportMetricsServiceRequest { resource_metrics: vec![of_worker] };
        self.sender.send_bytes(request.map(|_| figures.encode_to_vec().into())).await
    }
}

impl fmt::Debug for Filled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filled").finish_non_exhaustive()
    }
}

fn attributes(resource: &Resource) -> Vec<opentelemetry_proto::tonic::common::v1::KeyValue> {
    let pairs = resource.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    Attributes::from(pairs).0
}

/// What figures are of: the time since the worker was made.
#[derive(Clone, Copy)]
struct Stretch {
    since: Time,
    now: Time,
}

/// The metrics of `docs/opentelemetry.md`. Where Prometheus takes them, they get the names of `docs/metrics.md`.
fn metrics(own: &OwnFigures, over: Stretch) -> Vec<Metric> {
    let OwnFigures { worker, figures, held, capacity } = own;
    let gauge = |label, value: u64| Data::Gauge(Gauge { data_points: vec![over.number(label, value)] });
    let calls = Outcome::counted().map(|outcome| {
        let count = figures.outcomes.get(&outcome).copied().unwrap_or(0);
        over.number(Some(("outcome", outcome.as_str().into())), count)
    });
    let calls = Sum { data_points: calls.collect(), aggregation_temporality: CUMULATIVE, is_monotonic: true };
    let info = gauge(Some(("name", worker.name().into())), 1);
    vec![
        metric("naptime.worker.info", "", "1, with the name of this worker.", info),
        metric("naptime.worker.capacity", "{call}", "The most calls at once.", gauge(None, (*capacity).into())),
        metric("naptime.worker.held", "{call}", "Slots in use.", gauge(None, (*held).into())),
        metric("naptime.worker.calls", "{call}", "Calls made.", Data::Sum(calls)),
        metric("naptime.worker.call", "s", "How long calls took.", over.histogram(&figures.took, figures.took_ms)),
        metric(
            "naptime.worker.start_lag",
            "s",
            "How late first calls left.",
            over.histogram(&figures.lag, figures.lag_ms),
        ),
    ]
}

const CUMULATIVE: i32 = AggregationTemporality::Cumulative as i32;

fn metric(name: &str, unit: &str, description: &str, data: Data) -> Metric {
    let [name, unit, description] = [name, unit, description].map(str::to_owned);
    Metric { name, unit, description, data: Some(data), ..Metric::default() }
}

impl Stretch {
    fn number(self, label: Option<(&'static str, Value)>, value: u64) -> NumberDataPoint {
        NumberDataPoint {
            attributes: Attributes::from(label.map(|(name, value)| KeyValue::new(name, value))).0,
            start_time_unix_nano: nanos(self.since),
            time_unix_nano: nanos(self.now),
            value: Some(Number::AsInt(i64::try_from(value).unwrap_or(i64::MAX))),
            ..NumberDataPoint::default()
        }
    }

    /// A histogram of milliseconds, told in seconds, and their sum.
    fn histogram(self, counted: &Histogram, sum_ms: u64) -> Data {
        let (mut below, count) = (0, counted.count());
        let (explicit_bounds, mut bucket_counts): (Vec<f64>, Vec<u64>) = counted
            .cumulative()
            .map(|(bound, up_to)| (seconds(bound), up_to - std::mem::replace(&mut below, up_to)))
            .unzip();
        // What is above the last bound.
        bucket_counts.push(count - below);
        let point = HistogramDataPoint {
            start_time_unix_nano: nanos(self.since),
            time_unix_nano: nanos(self.now),
            count,
            sum: Some(seconds(sum_ms)),
            bucket_counts,
            explicit_bounds,
            ..HistogramDataPoint::default()
        };
        Data::Histogram(Buckets { data_points: vec![point], aggregation_temporality: CUMULATIVE })
    }
}

fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}

fn nanos(time: Time) -> u64 {
    u64::try_from(time.millis()).unwrap_or(0).saturating_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_count_what_lies_between_their_bounds() {
        let mut counted = Histogram::default();
        [0, 1, 1, 9, 20_000_000].into_iter().for_each(|ms| counted.record(Duration::from_millis(ms)));
        let over = Stretch { since: Time::from_millis(1), now: Time::from_millis(2) };
        let Data::Histogram(histogram) = over.histogram(&counted, 20_000_011) else { panic!("a histogram") };
        let point = &histogram.data_points[0];
        assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (1_000_000, 2_000_000));
        assert_eq!((point.count, point.sum), (5, Some(20_000.011)));
        // One more than bounds, as OTLP has it.
        assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
        let bounds = point.explicit_bounds.iter().copied().chain([f64::INFINITY]);
        let filled: Vec<(f64, u64)> =
            bounds.zip(point.bucket_counts.iter().copied()).filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [(0.0, 1), (0.001, 2), (0.01, 1), (f64::INFINITY, 1)]);
    }
}
