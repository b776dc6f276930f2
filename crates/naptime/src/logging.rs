//! Logs: to stdout, for people on a terminal and as JSON elsewhere.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging. `RUST_LOG` says what; by default calls that went well are left out where `quiet`.
pub(crate) fn start(quiet: bool) {
    // The verifier logs each bad certificate as an error of its own; the call's run says it already.
    let default = "info,rustls_platform_verifier=off";
    let default = if quiet { format!("{default},naptime::calls=warn") } else { default.to_owned() };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let logs = tracing_subscriber::fmt().with_env_filter(filter);
    if std::io::stdout().is_terminal() {
        logs.with_target(false).init();
    } else {
        logs.json().flatten_event(true).init();
    }
}
