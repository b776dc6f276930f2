//! Handlers: a call of `job://report` is a call of the function of that name in this process.
//!
//! A handler answers as a target does, so what a job says of statuses, conditions and retries holds for it as well: it
//! did well with 200, failed with 503, or failed for good (and if it panicked) with 500. A call without its handler ends
//! as one without a connection.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderMap, StatusCode};
use naptime_core::expect::Answered;
use naptime_core::secret::redact;
use naptime_core::{Headers, Invalid, Method, Outcome, Time};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Answer, Call, RetryAfter, answer, outcome, unmet};

/// The handlers of a process, by their names. Clones share them.
#[derive(Clone, Default)]
pub struct Handlers(BTreeMap<String, Handler>);

type Handler = Arc<dyn Fn(HandlerCall) -> BoxFuture<'static, Result<String, Failure>> + Send + Sync>;

/// A call, as its handler gets it.
#[derive(Clone)]
pub struct HandlerCall {
    /// The occurrence, or when the call was asked for.
    pub due: Time,
    /// Which attempt at its occurrence it is, from 1 on.
    pub attempt: u32,
    /// The same for every attempt at one occurrence, and for no other. An occurrence may be called twice, if a worker dies
    /// in the middle of a call.
    pub idempotency_key: String,
    /// The method of the job.
    pub method: Method,
    /// What follows the name in the URL, with its leading `/`: of `job://report/daily?from=1` it is `/daily?from=1`.
    pub path: String,
    /// The headers of the job, and of its pool.
    pub headers: Headers,
    /// The span of the call as W3C Trace Context writes it, if calls are traced: the parent of what the handler does.
    pub traceparent: Option<String>,
    /// The body of the job.
    pub body: Option<String>,
    /// When the job's timeout is over. The handler's future is dropped then.
    pub deadline: Instant,
    /// Cancelled as soon as the call is over, however it ended: at its deadline, because the process stops, or because the
    /// worker lost its claim. For work that goes on outside of the handler's future, such as on another thread.
    pub cancelled: CancellationToken,
}

/// Without headers, body and query, which may hold secrets.
impl fmt::Debug for HandlerCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut call = f.debug_struct("HandlerCall");
        call.field("due", &self.due).field("attempt", &self.attempt).field("path", &self.path.split('?').next());
        call.field("idempotency_key", &self.idempotency_key).finish_non_exhaustive()
    }
}

/// Why a handler did not do what it was called for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    status: StatusCode,
    message: String,
    retry_after: Option<Duration>,
}

impl Handlers {
    /// Adds a handler. An earlier one of this name is replaced.
    ///
    /// # Errors
    /// At `handler`, if the name cannot be that of one.
    pub fn add<F, Called, Said>(&mut self, name: &str, handler: F) -> Result<(), Invalid>
    where
        F: Fn(HandlerCall) -> Called + Send + Sync + 'static,
        Called: Future<Output = Result<Said, Failure>> + Send + 'static,
        Said: Into<String>,
    {
        let read = naptime_core::Pool::parse(&format!("job://{name}"));
        if !read.is_ok_and(|pool| pool.as_str().strip_prefix("job://") == Some(name)) {
            let detail = format!("`{name}` is no name of a handler: up to 63 of a-z, 0-9, `-`, `_` and `.`");
            return Err(Invalid::new("handler", "bad_name", detail));
        }
        let handler: Handler = Arc::new(move |call| handler(call).map(|said| said.map(Into::into)).boxed());
        self.0.insert(name.to_owned(), handler);
        Ok(())
    }

    /// Calls a handler, within the timeout of its request.
    pub(super) async fn call(&self, name: &str, call: Call<'_>) -> Answer {
        let Some(handler) = self.0.get(name) else {
            let message = format!("no handler `{name}` in this worker");
            return ended(Outcome::ConnectionFailed, None, message);
        };
        let (begun, timeout) = (Instant::now(), call.request.timeout);
        let cancelled = CancellationToken::new();
        // Also when the call is aborted, which drops this future.
        let _over = cancelled.clone().drop_guard();
        let told = HandlerCall {
            due: call.headers.due,
            attempt: call.attempt,
            idempotency_key: call.headers.idempotency_key.clone(),
            method: call.request.method,
            path: call.endpoint.channel().as_str().to_owned(),
            headers: call.request.headers.clone(),
            traceparent: call.headers.traceparent.clone(),
            body: call.request.body.clone(),
            deadline: begun + timeout,
            cancelled,
        };
        // It may panic before it has a future.
        let said = AssertUnwindSafe(async { handler(told).await }).catch_unwind();
        let said = match tokio::time::timeout(timeout, said).await {
            Ok(said) => said.unwrap_or_else(|panic| Err(Failure::of_panic(&*panic))),
            Err(_) => {
                let message = format!("no answer within {}", naptime_core::duration::show(timeout));
                return ended(Outcome::Timeout, None, message);
            }
        };
        let (status, text, pause) = match said {
            Ok(text) => (StatusCode::OK, text, None),
            Err(Failure { status, message, retry_after }) => (status, message, retry_after),
        };
        let (mut outcome, headers) = (outcome(status, call.success), HeaderMap::new());
        let mut message = answer::message(outcome, status, &headers, text.as_bytes());
        if outcome == Outcome::Ok && !call.expect.is_empty() {
            let (body, took) = (text.as_bytes(), begun.elapsed());
            let answered = Answered { body, whole: true, headers: &headers, encoding: None, took, certificate: None };
            if let Some(unmet) = unmet(call.expect, answered).await {
                (outcome, message) = (Outcome::Failed, format!("{unmet}\n{message}"));
            }
        }
        // A handler may repeat what it was told in confidence.
        let message = redact(&message, call.endpoint, call.request).into_owned();
        let retry_after = pause.map(RetryAfter::For);
        Answer { retry_after, ..ended(outcome, Some(status.as_u16()), message) }
    }
}

impl Failure {
    /// A failure that may pass: the call is tried again, as the job says of 503.
    pub fn new(message: impl fmt::Display) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, message: message.to_string(), retry_after: None }
    }

    /// A failure that another attempt would not mend: the call is tried again only if the job says so of 500.
    pub fn for_good(message: impl fmt::Display) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, ..Self::new(message) }
    }

    /// The same, with the shortest pause before the next attempt (`Retry-After`).
    #[must_use]
    pub fn retry_after(self, pause: Duration) -> Self {
        Self { retry_after: Some(pause), ..self }
    }

    fn of_panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Self::for_good(format_args!("the handler panicked: {}", text.unwrap_or("it did not say why")))
    }
}

/// So that `?` works in handlers: a failure that may pass.
impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let causes = std::iter::successors(error.source(), |cause| cause.source());
        Self::new(causes.fold(error.to_string(), |said, cause| format!("{said}: {cause}")))
    }
}

fn ended(outcome: Outcome, status: Option<u16>, message: String) -> Answer {
    let message = answer::clip(&message);
    Answer { outcome, status, message, retry_after: None, every: None, transcript: None }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests;
