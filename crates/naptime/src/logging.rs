//! Logs: to stdout, for people on a terminal and as JSON elsewhere.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

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

/// Starts logging.
pub(crate) fn start(filter: EnvFilter) {
    let logs = tracing_subscriber::fmt().with_env_filter(filter);
    if std::io::stdout().is_terminal() {
        logs.with_target(false).init();
    } else {
        logs.json().flatten_event(true).init();
    }
}
