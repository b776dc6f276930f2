//! A Naptime at work in an app, and how it begins and ends.

use naptime_core::Invalid;
use naptime_web::Router;
use naptime_worker::Worker;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::builder::Naptime;
use crate::door::Door;
use crate::settings::Settings;
use crate::store::{self, CannotOpen};
use crate::working::Working;

/// A Naptime at work. When it is dropped, its worker is told to stop, but nobody waits for it: see
/// [`shutdown`](Self::shutdown).
#[must_use = "its worker stops when it is dropped"]
pub struct Running {
    router: Router,
    /// Tells worker and streams to end.
    stop: DropGuard,
    worker: JoinHandle<()>,
}

/// Why a Naptime could not be started.
#[derive(Debug, thiserror::Error)]
pub enum CannotStart {
    /// Settings that cannot be used, each with its name as the field.
    #[error("these settings cannot be used:{}", lines(.0))]
    Settings(Vec<Invalid>),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] CannotOpen),
    /// The store does not answer.
    #[error(transparent)]
    NoAnswer(#[from] naptime_store::Error),
    /// This machine cannot make calls.
    #[error(transparent)]
    NoClient(#[from] naptime_worker::call::SetupError),
}

pub(crate) async fn start(said: Naptime) -> Result<Running, CannotStart> {
    let Settings { store, mount, worker, tracer, events, web } = Settings::read(said).map_err(CannotStart::Settings)?;
    let opened = store::open(&store, true).await?;
    let store = opened.store.clone();
    let stop = CancellationToken::new();
    // If anything below fails, nobody is to go on asking the store.
    let guard = stop.clone().drop_guard();
    let door = Door::watch(store.clone(), stop.clone()).await;
    let (place, networks, min_period) = (web.place.clone(), web.networks.clone(), web.min_period);
    let web = naptime_web::Settings { shut: door.receiver(), ..web };
    let router = naptime_web::router(store.clone(), web).await?;
    let router = naptime_web::mounted(router, &mount, stop.clone());
    let worker = Worker::new(store.clone(), worker)?.traced(tracer);
    let working = Working { worker, store, events, place, networks, min_period };
    let worker = tokio::spawn(async move {
        working.run(&door, &stop).await;
        // Whoever works on the file next may begin now.
        drop(opened);
    });
    Ok(Running { router, stop: guard, worker })
}

impl Running {
    /// Pages, API, `/healthz`, `/readyz` and `/metrics`, under the path that it is mounted at; to be merged into the app's
    /// router. Clones answer for as long as the app serves them, also while it shuts down.
    ///
    /// Wrong passwords are counted by the client's address, so serve the app by
    /// `into_make_service_with_connect_info::<SocketAddr>()`.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Ends it: calls that have not left are given back at once, those under way get 25 s, and what is left after that is
    /// cut, recorded as interrupted, and called again by whoever works on the store next.
    ///
    /// Streams of its API end at once, so that a server that waits for its connections can end after that.
    pub async fn shutdown(self) {
        drop(self.stop);
        if let Err(error) = self.worker.await {
            tracing::error!(%error, "the worker has not ended well");
        }
    }
}

fn lines(faults: &[Invalid]) -> String {
    faults.iter().map(|fault| format!("\n  {fault}")).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use naptime_core::{Job, Run};
    use naptime_worker::call::HandlerCall;
    use naptime_worker::{CallSpan, CallTracer};
    use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
    use tower::ServiceExt;

    use super::*;

    /// How a page is answered under the name of an app that others reach.
    async fn asked(naptime: &Running) -> StatusCode {
        let request = Request::get("/naptime/endpoints").header("host", "app.example.com");
        naptime.router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_has_one_at_a_time_and_a_guarded_one_lets_everybody_in() {
        let folder = tempfile::tempdir().unwrap();
        let here = || Naptime::embedded(folder.path().join("naptime.db")).mount("/naptime");
        let first = here().start().await.unwrap();
        assert_eq!(asked(&first).await, StatusCode::FORBIDDEN, "nobody said who is let in");
        let second = here().start().await.err().unwrap();
        assert!(matches!(second, CannotStart::Store(CannotOpen::Locked(_))), "{second}");
        first.shutdown().await;
        let guarded = here().guarded().api_token("x".repeat(24)).start().await.unwrap();
        assert_eq!(asked(&guarded).await, StatusCode::OK);
        guarded.shutdown().await;
    }

    /// Tells of the spans that have ended: the endpoint, and its answer.
    struct Spans(UnboundedSender<String>);

    struct Span(UnboundedSender<String>);

    impl CallTracer for Spans {
        fn begin(&self) -> Box<dyn CallSpan> {
            Box::new(Span(self.0.clone()))
        }
    }

    impl CallSpan for Span {
        fn parent(&self) -> String {
            "00-trace-span-01".to_owned()
        }

        fn log(&self, write: &dyn Fn()) {
            write();
        }

        fn end(self: Box<Self>, job: &Job, run: Option<&Run>) {
            let answer = run.map(|run| &run.message);
            let _ = self.0.send(format!("{} {answer:?}", job.spec.endpoint));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn calls_are_spans_of_the_app_and_handlers_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let (ended, mut spans) = unbounded_channel();
        let naptime = Naptime::embedded(folder.path().join("naptime.db")).guarded().traced(Arc::new(Spans(ended)));
        let naptime = naptime.handler("report", async |call: HandlerCall| Ok(call.traceparent.unwrap_or_default()));
        let naptime = naptime.start().await.unwrap();
        let post = Request::post("/api/jobs").header("content-type", "application/json");
        let post = post.body(Body::from(r#"{"url": "job://report"}"#)).unwrap();
        assert_eq!(naptime.router().oneshot(post).await.unwrap().status(), StatusCode::ACCEPTED);
        let span = tokio::time::timeout(Duration::from_secs(60), spans.recv()).await.unwrap().unwrap();
        assert_eq!(span, r#"job://report/ Some("00-trace-span-01")"#);
        naptime.shutdown().await;
    }
}
