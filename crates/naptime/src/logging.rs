//! Logs: to stdout, for people on a terminal and as JSON elsewhere, and to OpenTelemetry if that is on.

use std::io::{self, IsTerminal};

use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::faults::{Faults, given};

/// What is logged: `RUST_LOG`; by default calls that went well are left out where `quiet`.
pub(crate) fn filter(quiet: bool, faults: &mut Faults) -> EnvFilter {
    // The verifier logs each bad certificate as an error of its own; the call's run says it already. So does the client
    // of the message broker with what our line says once.
    let default = "info,rustls_platform_verifier=off,lapin=off";
    let default = if quiet { format!("{default},naptime::calls=warn") } else { default.to_owned() };
    let set = std::env::var("RUST_LOG").ok();
    let Some(text) = given(set.as_ref()) else { return EnvFilter::new(default) };
    EnvFilter::builder().parse(text).unwrap_or_else(|error| {
        faults.add("RUST_LOG", format!("`{text}` is not a log filter, such as info: {error}"));
        EnvFilter::new(default)
    })
}

/// Starts logging, and sends the same to `sent`.
pub(crate) fn start(filter: EnvFilter, sent: Option<&SdkLoggerProvider>) {
    let lines = if std::io::stdout().is_terminal() {
        fmt::layer().with_target(false).boxed()
    } else {
        fmt::layer().json().flatten_event(true).boxed()
    };
    let sent = sent.map(|provider| OpenTelemetryTracingBridge::new(provider).with_filter(without_senders()));
    tracing_subscriber::registry().with(filter).with(lines).with(sent).init();
}

/// Starts logging warnings and errors on stderr, for commands whose results go to stdout.
pub(crate) fn start_on_stderr() {
    fmt().with_writer(io::stderr).with_ansi(false).with_target(false).with_max_level(LevelFilter::WARN).init();
}

/// All but the lines of what sends: each line sent would make further lines, which are sent.
fn without_senders() -> Targets {
    let senders = ["h2", "hyper", "opentelemetry", "reqwest", "rustls"].map(|target| (target, LevelFilter::OFF));
    Targets::new().with_default(LevelFilter::TRACE).with_targets(senders)
}
