//! A collector of OpenTelemetry: a server that takes OTLP over HTTP and keeps what it is sent.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message;

use crate::naptime::Start;
use crate::target::{Answer, Call, Target};

/// A collector on a free port of 127.0.0.1.
#[derive(Debug)]
pub struct Collector(Target);

impl Collector {
    /// Starts it.
    pub async fn start() -> Self {
        let target = Target::start().await;
        for path in ["/v1/traces", "/v1/logs", "/v1/metrics"] {
            // An empty message says that all was taken.
            target.on(path, Answer::status(200));
        }
        Self(target)
    }

    /// The program, told to send everything here soon rather than in batches.
    pub fn told_by(&self, start: Start) -> Start {
        start
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", self.0.url(""))
            .env("OTEL_BSP_SCHEDULE_DELAY", "100")
            .env("OTEL_BLRP_SCHEDULE_DELAY", "100")
            .env("OTEL_METRIC_EXPORT_INTERVAL", "100")
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Call> {
        self.0.all_calls()
    }

    /// The spans so far, with what they are from.
    pub fn resource_spans(&self) -> Vec<ResourceSpans> {
        self.read("/v1/traces", |body| ExportTraceServiceRequest::decode(body).map(|it| it.resource_spans))
    }

    /// The spans so far.
    pub fn spans(&self) -> Vec<Span> {
        let scopes = self.resource_spans().into_iter().flat_map(|it| it.scope_spans);
        scopes.flat_map(|it| it.spans).collect()
    }

    /// The lines of the log so far.
    pub fn logs(&self) -> Vec<LogRecord> {
        let logs = self.read("/v1/logs", |body| ExportLogsServiceRequest::decode(body).map(|it| it.resource_logs));
        logs.into_iter().flat_map(|it| it.scope_logs).flat_map(|it| it.log_records).collect()
    }

    /// The newest value of each metric.
    pub fn metrics(&self) -> Vec<Metric> {
        let read = |body: &[u8]| ExportMetricsServiceRequest::decode(body).map(|it| it.resource_metrics);
        let newest: Option<ResourceMetrics> = self.read("/v1/metrics", read).pop();
        newest.into_iter().flat_map(|it| it.scope_metrics).flat_map(|it| it.metrics).collect()
    }

    fn read<T>(&self, path: &str, read: impl Fn(&[u8]) -> Result<Vec<T>, prost::DecodeError>) -> Vec<T> {
        self.0.calls(path).iter().flat_map(|call| read(&call.body).unwrap()).collect()
    }
}

/// The value of an attribute as text, or nothing.
pub fn attribute(attributes: &[KeyValue], name: &str) -> Option<String> {
    let value = attributes.iter().find(|it| it.key == name)?.value.clone()?.value?;
    Some(match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(is) => is.to_string(),
        other => format!("{other:?}"),
    })
}

/// An id of 16 or 8 bytes as `traceparent` has it.
pub fn id(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
