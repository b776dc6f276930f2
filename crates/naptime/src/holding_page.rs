//! Has the web answer while it waits for its database.

use std::os::fd::AsFd;

use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Answers on a listener until it is dropped. The listener goes on.
pub(crate) struct HoldingPage(#[expect(dead_code, reason = "it ends the page when it is dropped")] DropGuard);

impl HoldingPage {
    /// Answers what comes in on `listener`; none if the system allows no second handle on it.
    pub(crate) fn serve(listener: &TcpListener) -> Option<Self> {
        let handle = listener.as_fd().try_clone_to_owned().and_then(|fd| TcpListener::from_std(fd.into()));
        let listener = handle.inspect_err(|error| tracing::warn!(%error, "nothing is answered meanwhile")).ok()?;
        let over = CancellationToken::new();
        tokio::spawn(naptime_web::serve(listener, naptime_web::holding_router(), over.clone().cancelled_owned()));
        Some(Self(over.drop_guard()))
    }
}
