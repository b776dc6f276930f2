//! OpenTelemetry: what a collector is told of calls, and that calls don't mind how it fares.

use std::collections::BTreeMap;

use naptime_tests::collector::{attribute, id};
use naptime_tests::naptime::Start;
use naptime_tests::port::free_port;
use naptime_tests::sqlite::File;
use naptime_tests::target::{Answer, Call, Target};
use naptime_tests::{Collector, Naptime, eventually};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde_json::json;

use super::web::{SOON, Web};

/// The ids of trace and span that a call told its target.
fn ids(call: &Call) -> (String, String) {
    let parts: Vec<&str> = call.header("traceparent").unwrap().split('-').collect();
    let [version, trace, span, flags] = parts[..] else { panic!("{parts:?}") };
    assert_eq!((version, trace.len(), span.len(), flags), ("00", 32, 16, "01"));
    (trace.to_owned(), span.to_owned())
}

fn told<'a, const N: usize>(span: &Span, names: [&'a str; N]) -> [(&'a str, String); N] {
    names.map(|name| (name, attribute(&span.attributes, name).unwrap_or_default()))
}

/// The counts of a metric, by the value of its label, or of a histogram.
fn counts(collector: &Collector, name: &str, label: &str) -> BTreeMap<String, u64> {
    let metric = collector.metrics().into_iter().find(|metric| metric.name == name);
    match metric.and_then(|metric| metric.data) {
        Some(Data::Sum(sum)) => sum
            .data_points
            .iter()
            .map(|it| {
                let Some(Number::AsInt(count)) = it.value else { panic!("{it:?}") };
                (attribute(&it.attributes, label).unwrap(), u64::try_from(count).unwrap())
            })
            .collect(),
        Some(Data::Histogram(histogram)) => histogram.data_points.iter().map(|it| (String::new(), it.count)).collect(),
        other => panic!("{name}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_collector_is_told_of_each_call_that_the_target_saw() {
    let (file, target, collector) = (File::fresh(), Target::start().await, Collector::start().await);
    target.on("/fails", Answer::status(503));
    let start = collector.told_by(Naptime::up(&file)).env("OTEL_SERVICE_NAME", "calls");
    let start = start.env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.instance.id=one");
    // What sends writes lines of its own at this level.
    let start = start.env("RUST_LOG", "info,hyper=trace,hyper_util=trace,reqwest=trace");
    let web = Web::start(start.env("OTEL_EXPORTER_OTLP_HEADERS", "x-key=open%20sesame")).await;
    let fails = target.url("/fails?token=open-sesame");
    web.add(json!({"url": fails, "every": "1s", "active": true, "name": "Fails", "retry": {"attempts": 1}})).await;
    let own = json!({"traceparent": "00-mine-mine-01"});
    web.add(json!({"url": target.url("/own"), "every": "1s", "active": true, "headers": own})).await;
    let both = |calls: &[Call]| ["/fails", "/own"].iter().all(|path| calls.iter().any(|it| it.path() == *path));
    target.wait_for(SOON, "a call of each", both).await;

    // The span and the line of the log are parts of the trace that the target was told of.
    let (trace, span) = ids(&target.calls("/fails")[0]);
    let of_call = eventually(SOON, "the call's span", async || {
        collector.spans().into_iter().find(|it| id(&it.trace_id) == trace)
    })
    .await;
    assert_eq!((id(&of_call.span_id), &*of_call.name, of_call.kind), (span, "call", SpanKind::Client as i32));
    assert!(of_call.parent_span_id.is_empty(), "it is the first of its trace");
    let url = target.url("/fails?token=••••");
    let expect = [
        ("url.full", &*url),
        ("http.request.method", "GET"),
        ("http.response.status_code", "503"),
        ("error.type", "503"),
        ("server.address", "127.0.0.1"),
        ("naptime.endpoint.name", "Fails"),
        ("naptime.outcome", "failed"),
        ("naptime.attempt", "1"),
    ];
    assert_eq!(told(&of_call, expect.map(|(name, _)| name)), expect.map(|(name, value)| (name, value.to_owned())));
    assert_eq!(of_call.status.as_ref().map(|status| status.code), Some(StatusCode::Error as i32));
    let line = eventually(SOON, "the call's line of the log", async || {
        collector.logs().into_iter().find(|it| id(&it.trace_id) == trace)
    })
    .await;
    assert_eq!((line.severity_text.as_str(), id(&line.span_id)), ("WARN", id(&of_call.span_id)));
    let pool = target.url("");
    assert_eq!(attribute(&line.attributes, "pool").as_deref(), Some(&*pool));
    // A trace of one's own is left alone.
    assert_eq!(target.calls("/own")[0].header("traceparent"), Some("00-mine-mine-01"));

    let from = collector.resource_spans().remove(0).resource.unwrap().attributes;
    let from =
        ["service.name", "service.instance.id", "deployment.environment.name"].map(|name| attribute(&from, name));
    assert_eq!(from.map(Option::unwrap), ["calls", "one", "test"]);
    for request in collector.requests() {
        assert_eq!(request.header("x-key"), Some("open sesame"), "{}", request.uri);
        assert!(!String::from_utf8_lossy(&request.body).contains("open-sesame"), "a secret in {}", request.uri);
    }

    // What was not sent yet is sent at the end: nothing is left out, and nothing counted twice.
    web.naptime.sigterm();
    assert!(web.naptime.wait_exit(SOON).await.success());
    let (seen, failed) = (target.count(), target.calls("/fails").len() as u64);
    assert_eq!(collector.spans().len(), seen);
    let calls = counts(&collector, "naptime.worker.calls", "outcome");
    assert_eq!((calls["ok"], calls["failed"], calls["timeout"]), (seen as u64 - failed, failed, 0));
    for histogram in ["naptime.worker.call", "naptime.worker.start_lag"] {
        assert_eq!(counts(&collector, histogram, "")[""], seen as u64, "{histogram}");
    }
    let lines = collector.logs();
    let of_calls = lines.iter().filter(|it| !it.trace_id.is_empty()).count();
    assert_eq!(of_calls, seen);
    assert!(lines.len() < seen + 50, "what sends lines makes no lines that are sent: {}", lines.len());
}

/// Calls `target` as `start` says, until it was called a few times, and stops.
async fn call_a_few_times(start: Start, target: &Target) -> Naptime {
    let web = Web::start(start).await;
    web.add(json!({"url": target.url("/"), "every": "1s", "active": true})).await;
    target.wait_for(SOON, "calls", |calls| calls.len() >= 3).await;
    web.naptime.sigterm();
    assert!(web.naptime.wait_exit(SOON).await.success());
    web.naptime
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_on_without_a_collector() {
    let (file, target, hangs) = (File::fresh(), Target::start().await, Target::start().await);
    hangs.on("/v1/traces", Answer::never());
    let collector = Collector::start().await;
    let start = collector.told_by(Naptime::up(&file));
    // Nobody listens there, and spans go where nobody answers.
    let start = start.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://127.0.0.1:{}", free_port()));
    let start = start.env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", hangs.url("/v1/traces"));
    let stopped = call_a_few_times(start, &target).await;
    assert!(hangs.count() > 0, "spans were sent");
    ids(&target.calls("/")[0]);
    let output = stopped.output();
    assert_eq!(output.matches("telemetry does not reach its collector").count(), 1, "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_when_it_is_off() {
    let (file, target, collector) = (File::fresh(), Target::start().await, Collector::start().await);
    let start = collector.told_by(Naptime::up(&file)).env("OTEL_SDK_DISABLED", "true");
    call_a_few_times(start, &target).await;
    assert_eq!(collector.requests().len(), 0);
    assert!(target.all_calls().iter().all(|call| call.header("traceparent").is_none()));
}
