//! A span for each call, in the words of OpenTelemetry's semantic conventions for HTTP clients, and in Naptime's own.

use naptime_core::{Job, Outcome, Run};
use naptime_worker::{CallSpan, CallTracer};
use opentelemetry::trace::{Span as _, SpanKind, Status, TraceContextExt, TraceFlags, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, Span};
use url::Url;

/// Makes a span of each call.
pub(super) struct Calls(SdkTracer);

struct Call(Span);

impl Calls {
    pub(super) fn new(tracer: SdkTracer) -> Self {
        Self(tracer)
    }
}

impl CallTracer for Calls {
    fn begin(&self) -> Box<dyn CallSpan> {
        let span = self.0.span_builder("call").with_kind(SpanKind::Client);
        // A call is the beginning of its trace.
        Box::new(Call(self.0.build_with_context(span, &Context::new())))
    }
}

impl CallSpan for Call {
    fn parent(&self) -> String {
        let span = self.0.span_context();
        let flags = (span.trace_flags() & TraceFlags::SAMPLED).to_u8();
        format!("00-{}-{}-{flags:02x}", span.trace_id(), span.span_id())
    }

    fn log(&self, write: &dyn Fn()) {
        let _in_span = Context::new().with_remote_span_context(self.0.span_context().clone()).attach();
        write();
    }

    fn end(mut self: Box<Self>, job: &Job, run: Option<&Run>) {
        let span = &mut self.0;
        if span.is_recording() {
            span.set_attributes(of_job(job));
            match run {
                Some(run) => {
                    span.set_attributes(of_run(run));
                    if run.outcome != Outcome::Ok {
                        span.set_status(Status::error(run.message.clone()));
                    }
                }
                None => {
                    span.set_attribute(KeyValue::new("error.type", "not_sent"));
                    span.set_status(Status::error("this machine cannot make calls at the moment"));
                }
            }
        }
        span.end();
    }
}

/// What is called.
fn of_job(job: &Job) -> Vec<KeyValue> {
    let (spec, pool) = (&job.spec, job.spec.endpoint.pool());
    let mut attributes = vec![
        KeyValue::new("naptime.endpoint.id", job.id.to_string()),
        KeyValue::new("naptime.pool", pool.as_str().to_owned()),
        KeyValue::new("url.full", spec.shown_endpoint().to_string()),
    ];
    if !spec.name.is_empty() {
        attributes.push(KeyValue::new("naptime.endpoint.name", spec.name.clone()));
    }
    if spec.endpoint.is_http() {
        attributes.push(KeyValue::new("http.request.method", spec.request.method.as_str()));
    }
    // A handler is in this process, and its pool names no server.
    if spec.endpoint.handler().is_none()
        && let Ok(url) = Url::parse(pool.as_str())
    {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        attributes.push(KeyValue::new("server.address", host.to_owned()));
        attributes.extend(url.port_or_known_default().map(|port| KeyValue::new("server.port", i64::from(port))));
    }
    attributes
}

/// What came of it.
fn of_run(run: &Run) -> Vec<KeyValue> {
    let lag = i64::try_from(run.start_lag().as_millis()).unwrap_or(i64::MAX);
    let mut attributes = vec![
        KeyValue::new("naptime.worker", run.worker.name()),
        KeyValue::new("naptime.due", run.due.to_string()),
        KeyValue::new("naptime.manual", run.manual),
        KeyValue::new("naptime.attempt", i64::from(run.attempt)),
        KeyValue::new("naptime.lag_ms", lag),
        KeyValue::new("naptime.outcome", run.outcome.as_str()),
    ];
    if let Some(status) = run.status {
        attributes.push(KeyValue::new("http.response.status_code", i64::from(status)));
    }
    match (run.outcome, run.status) {
        (Outcome::Ok, _) => {}
        // As the conventions have it.
        (Outcome::Failed, Some(status @ 400..)) => attributes.push(KeyValue::new("error.type", status.to_string())),
        (outcome, _) => attributes.push(KeyValue::new("error.type", outcome.as_str())),
    }
    attributes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use naptime_core::{Endpoint, JobId, Method, NewJob, Schedule, Spec, Time, Token, WorkerId};
    use uuid::Uuid;

    use super::*;

    fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
        attributes.into_iter().map(|it| (it.key.to_string(), it.value.to_string())).collect()
    }

    fn job(url: &str, change: impl FnOnce(&mut Spec)) -> Job {
        let id = JobId::from(Uuid::from_u128(1));
        let mut spec = Spec::new(Endpoint::parse(url).unwrap(), Schedule::Once { at: Time::from_millis(0) });
        change(&mut spec);
        NewJob { id, spec, active: true }.into_job(Time::from_millis(0))
    }

    #[test]
    fn what_is_called_is_told_without_its_secrets() {
        let told = texts(of_job(&job("https://foobar.net/x?token=open-sesame&page=2", |spec| {
            spec.name = "Cohort".to_owned();
            spec.request.method = Method::Post;
        })));
        let expect = [
            ("http.request.method", "POST"),
            ("naptime.endpoint.id", "00000000-0000-0000-0000-000000000001"),
            ("naptime.endpoint.name", "Cohort"),
            ("naptime.pool", "https://foobar.net"),
            ("server.address", "foobar.net"),
            ("server.port", "443"),
            ("url.full", "https://foobar.net/x?token=••••&page=2"),
        ];
        assert_eq!(told, expect.map(|(name, value)| (name.to_owned(), value.to_owned())).into());

        let told = texts(of_job(&job("http://[::1]:8080/hook/very-secret", |spec| spec.request.secret_path = true)));
        assert_eq!((&*told["server.address"], &*told["server.port"]), ("::1", "8080"));
        assert!(!told["url.full"].contains("very-secret"), "{told:?}");
        let told = texts(of_job(&job("smtp://mail.example.com/ops@example.com", |_| ())));
        assert_eq!((told.get("http.request.method"), told.get("server.port")), (None, None));
        let told = texts(of_job(&job("job://report/daily", |_| ())));
        assert_eq!((told.get("http.request.method"), told.get("server.address")), (None, None));
        assert_eq!(&*told["url.full"], "job://report/daily");
    }

    #[test]
    fn what_went_wrong_is_told_by_status_or_outcome() {
        fn check(outcome: Outcome, status: Option<u16>, expect: Option<&str>) {
            let at = Time::from_millis(1_767_323_045_006);
            let run = Run {
                token: Token::from(Uuid::nil()),
                job: JobId::from(Uuid::nil()),
                worker: WorkerId::from(Uuid::nil()),
                due: at,
                started: at + Duration::from_millis(7),
                finished: at + Duration::from_millis(9),
                outcome,
                status,
                message: String::new(),
                attempt: 2,
                manual: false,
                skipped: None,
            };
            let told = texts(of_run(&run));
            assert_eq!(told.get("error.type").map(String::as_str), expect, "{outcome:?} {status:?}");
            let status = status.map(|status| status.to_string());
            assert_eq!(told.get("http.response.status_code"), status.as_ref());
            assert_eq!(told["naptime.outcome"], outcome.as_str());
            let rest = ["naptime.due", "naptime.attempt", "naptime.lag_ms", "naptime.manual"].map(|name| &*told[name]);
            assert_eq!(rest, ["2026-01-02T03:04:05.006Z", "2", "7", "false"]);
        }
        check(Outcome::Ok, Some(200), None);
        // Its owner counts it as success.
        check(Outcome::Ok, Some(404), None);
        check(Outcome::Failed, Some(503), Some("503"));
        // It did not say what was expected.
        check(Outcome::Failed, Some(200), Some("failed"));
        check(Outcome::RedirectNotFollowed, Some(302), Some("redirect_not_followed"));
        check(Outcome::Timeout, None, Some("timeout"));
        check(Outcome::Interrupted, None, Some("interrupted"));
    }
}
