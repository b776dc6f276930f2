//! OpenTelemetry: a span for each call, the figures of this process's worker, and the log, sent to a collector by OTLP over
//! HTTP. It is on if `OTEL_EXPORTER_OTLP_ENDPOINT` is set; otherwise nothing here is made.
//!
//! Spans and lines go into bounded queues of the SDK, which threads of its own empty. While the collector is slow or away,
//! what does not fit is lost, and no call waits.

mod calls;
mod figures;
mod sender;
mod settings;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use naptime_worker::Worker;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{LogExporter, SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Runtime;
use uuid::Uuid;

use calls::Calls;
use figures::Figures;
use sender::Sender;
pub(crate) use settings::TelemetrySettings;

/// How long the rest may take to be sent at the end. A worker takes 28 s to stop at most, and platforms kill after 30 s.
const FAREWELL: Duration = Duration::from_millis(1_500);

/// Sends telemetry, until [`end`](Self::end).
pub(crate) struct Telemetry {
    /// What requests to the collector run on, beside what calls run on.
    runtime: Runtime,
    sender: Sender,
    resource: Resource,
    spans: Option<SdkTracerProvider>,
    logs: Option<SdkLoggerProvider>,
    /// How often figures are sent, if they are.
    interval: Option<Duration>,
    figures: OnceLock<Arc<Figures>>,
}

impl Telemetry {
    /// Starts what sends. Nothing is sent yet.
    ///
    /// # Errors
    /// If one of the variables that only the SDK reads cannot be read, or the HTTP client cannot be set up.
    pub(crate) fn start(settings: TelemetrySettings) -> anyhow::Result<Self> {
        let TelemetrySettings { service, spans, logs, interval, client } = settings;
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).thread_name("telemetry").enable_all().build()?;
        let sender = Sender::new(runtime.handle().clone(), client)?;
        let resource = resource(service);
        let spans = spans.then(|| {
            let exporter = SpanExporter::builder().with_http().with_http_client(sender.clone()).build()?;
            let provider = SdkTracerProvider::builder().with_resource(resource.clone());
            anyhow::Ok(provider.with_batch_exporter(exporter).build())
        });
        let logs = logs.then(|| {
            let exporter = LogExporter::builder().with_http().with_http_client(sender.clone()).build()?;
            let provider = SdkLoggerProvider::builder().with_resource(resource.clone());
            anyhow::Ok(provider.with_batch_exporter(exporter).build())
        });
        let (spans, logs) = (spans.transpose().context(CANNOT)?, logs.transpose().context(CANNOT)?);
        Ok(Self { runtime, sender, resource, spans, logs, interval, figures: OnceLock::new() })
    }

    /// Where the log goes, if it is sent.
    pub(crate) fn logs(&self) -> Option<&SdkLoggerProvider> {
        self.logs.as_ref()
    }

    /// Traces the calls of the process's worker, and sends its figures.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub(crate) fn follow(&self, worker: Worker) -> anyhow::Result<Worker> {
        if let Some(interval) = self.interval {
            let figures = Figures::new(self.sender.clone(), worker.tally(), &self.resource).context(CANNOT)?;
            let figures = self.figures.get_or_init(|| Arc::new(figures)).clone();
            self.runtime.spawn(async move { figures.send_every(interval).await });
        }
        let calls = self.spans.as_ref().map(|spans| Arc::new(Calls::new(spans.tracer("naptime"))) as Arc<_>);
        Ok(worker.traced(calls))
    }

    /// Sends the rest, as far as the time allows. Not to be called by a task.
    pub(crate) fn end(self) {
        let Self { runtime, spans, logs, figures, .. } = self;
        // What cannot be sent has been told of by the sender.
        std::thread::scope(|scope| {
            scope.spawn(|| spans.map(|spans| spans.shutdown_with_timeout(FAREWELL)));
            scope.spawn(|| logs.map(|logs| logs.shutdown_with_timeout(FAREWELL)));
            if let Some(figures) = figures.get() {
                let _ = runtime.block_on(async { tokio::time::timeout(FAREWELL, figures.send()).await });
            }
        });
        runtime.shutdown_background();
    }
}

const CANNOT: &str = "OpenTelemetry cannot be set up";

/// What telemetry is from. `OTEL_RESOURCE_ATTRIBUTES` comes before what is known here.
fn resource(service: Option<String>) -> Resource {
    let known = [
        KeyValue::new("service.name", "naptime"),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", Uuid::new_v4().to_string()),
        KeyValue::new("host.name", naptime_embed::working::host_name()),
    ];
    let resource = Resource::builder_empty()
        .with_attributes(known)
        .with_detectors(&[Box::new(TelemetryResourceDetector), Box::new(EnvResourceDetector::new())]);
    match service {
        Some(service) => resource.with_service_name(service).build(),
        None => resource.build(),
    }
}
