//! What an app says of the Naptime in it. A setting is called as its environment variable is (`docs/settings.md`), without
//! `NAPTIME_`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use naptime_core::Invalid;
use naptime_worker::CallTracer;
use naptime_worker::call::{Failure, HandlerCall, Handlers};

use crate::limits;
use crate::running::{self, CannotStart, Running};
use crate::store::Backend;

/// A Naptime that is not started yet.
///
/// Values are looked at when it is started, so that all faults are told at once.
#[must_use = "it does nothing before it is started"]
pub struct Naptime {
    pub(crate) backend: Backend,
    pub(crate) mount: String,
    pub(crate) handlers: Handlers,
    pub(crate) tracer: Option<Arc<dyn CallTracer>>,
    pub(crate) worker_max_capacity: u32,
    pub(crate) worker_sleep_time: Duration,
    pub(crate) password: Option<String>,
    pub(crate) is_guarded: bool,
    pub(crate) api_token: Option<String>,
    pub(crate) trust_proxy: u32,
    pub(crate) allow_networks: Option<String>,
    pub(crate) min_period: Duration,
    pub(crate) retention: Duration,
    pub(crate) env: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) smtp_url: Option<String>,
    pub(crate) smtp_from: Option<String>,
    pub(crate) amqp_url: Option<String>,
    pub(crate) events_queue: String,
    /// What was found wrong so far.
    pub(crate) faults: Vec<Invalid>,
}

impl Naptime {
    /// On an embedded file, which is made if it isn't there. Only one process may work on a file.
    pub fn embedded(path: impl Into<PathBuf>) -> Self {
        Self::on(Backend::File(path.into()))
    }

    /// On a MongoDB, by its URI. Any number of apps, and of processes of the program `naptime`, may work on one.
    pub fn mongodb(uri: impl Into<String>) -> Self {
        Self::on(Backend::Mongo(uri.into()))
    }

    fn on(backend: Backend) -> Self {
        Self {
            backend,
            mount: String::new(),
            handlers: Handlers::default(),
            tracer: None,
            worker_max_capacity: limits::DEFAULT_CAPACITY,
            worker_sleep_time: limits::DEFAULT_SLEEP,
            password: None,
            is_guarded: false,
            api_token: None,
            trust_proxy: 0,
            allow_networks: None,
            min_period: naptime_core::duration::MIN_PERIOD,
            retention: limits::DEFAULT_RETENTION,
            env: None,
            url: None,
            smtp_url: None,
            smtp_from: None,
            amqp_url: None,
            events_queue: "naptime.events".to_owned(),
            faults: Vec::new(),
        }
    }

    /// The path that pages and API are under, such as `/naptime`. Without it they are at `/`, for a router of its own.
    pub fn mount(self, path: impl Into<String>) -> Self {
        Self { mount: path.into(), ..self }
    }

    /// A function to be called in place of a URL: calls of `job://name` are calls of it. A name has up to 63 of `a-z`,
    /// `0-9`, `-`, `_` and `.`.
    ///
    /// What it returns is recorded as an answer with status 200; a [`Failure`] (a type that is `std::error::Error` becomes
    /// one by `?`, others by [`Failure::new`]) as one with 503, and a panic as one with 500. When the job's timeout is over, its future is dropped. It runs among the
    /// app's own tasks, so it must not block.
    pub fn handler<F, Called, Said>(mut self, name: &str, handler: F) -> Self
    where
        F: Fn(HandlerCall) -> Called + Send + Sync + 'static,
        Called: Future<Output = Result<Said, Failure>> + Send + 'static,
        Said: Into<String>,
    {
        if let Err(fault) = self.handlers.add(name, handler) {
            self.faults.push(fault);
        }
        self
    }

    /// What makes a span of each call, with the app's own OpenTelemetry or another library. A target is told of the span by
    /// the header `traceparent`, a handler by [`HandlerCall::traceparent`]. Without it, calls are not traced.
    pub fn traced(self, tracer: Arc<dyn CallTracer>) -> Self {
        Self { tracer: Some(tracer), ..self }
    }

    /// Begins to work and to answer.
    ///
    /// # Errors
    /// If a setting cannot be used, or the store is not there: unlike the program, this does not wait for it.
    pub async fn start(self) -> Result<Running, CannotStart> {
        running::start(self).await
    }

    /// The most calls at once, 1 to 10,000; 100 by default. A call by HTTP takes up to two file descriptors of the process.
    pub fn worker_max_capacity(self, calls: u32) -> Self {
        Self { worker_max_capacity: calls, ..self }
    }

    /// The longest sleep between looks for work, 1 ms to 1 s; 250 ms by default.
    pub fn worker_sleep_time(self, sleep: Duration) -> Self {
        Self { worker_sleep_time: sleep, ..self }
    }

    /// The password of the pages, of 12 characters at least. Without one, and without [`guarded`](Self::guarded), only
    /// this machine is answered.
    pub fn password(self, password: impl Into<String>) -> Self {
        Self { password: Some(password.into()), ..self }
    }

    /// The app's own login stands before the router and lets nobody in who may not edit endpoints, so Naptime asks for no
    /// password.
    pub fn guarded(self) -> Self {
        Self { is_guarded: true, ..self }
    }

    /// A bearer token for the API, of 24 characters at least.
    pub fn api_token(self, token: impl Into<String>) -> Self {
        Self { api_token: Some(token.into()), ..self }
    }

    /// How many proxies in a row add the client's address to `X-Forwarded-For`.
    pub fn trust_proxy(self, proxies: u32) -> Self {
        Self { trust_proxy: proxies, ..self }
    }

    /// The networks that may be called beside the public internet, such as `10.0.0.0/8,127.0.0.1`; none by default.
    pub fn allow_networks(self, networks: impl Into<String>) -> Self {
        Self { allow_networks: Some(networks.into()), ..self }
    }

    /// The shortest period that may be chosen, down to 100 ms; 1 s by default.
    pub fn min_period(self, period: Duration) -> Self {
        Self { min_period: period, ..self }
    }

    /// How long runs and deleted endpoints are kept; 7 days by default.
    pub fn retention(self, retention: Duration) -> Self {
        Self { retention, ..self }
    }

    /// The environment, such as `production`: a MongoDB database remembers the first one, and others are refused.
    pub fn env(self, name: impl Into<String>) -> Self {
        Self { env: Some(name.into()), ..self }
    }

    /// Where the pages are, for the links in alerts: `https://app.example.com/naptime`.
    pub fn url(self, url: impl Into<String>) -> Self {
        Self { url: Some(url.into()), ..self }
    }

    /// The server that takes mail, such as `smtp://user:password@mail.example.com:587`.
    pub fn smtp_url(self, url: impl Into<String>) -> Self {
        Self { smtp_url: Some(url.into()), ..self }
    }

    /// Whom mail is from; by default the user of [`smtp_url`](Self::smtp_url).
    pub fn smtp_from(self, address: impl Into<String>) -> Self {
        Self { smtp_from: Some(address.into()), ..self }
    }

    /// The message broker that events come from.
    pub fn amqp_url(self, url: impl Into<String>) -> Self {
        Self { amqp_url: Some(url.into()), ..self }
    }

    /// The queue that events come from; `naptime.events` by default.
    pub fn events_queue(self, name: impl Into<String>) -> Self {
        Self { events_queue: name.into(), ..self }
    }
}
