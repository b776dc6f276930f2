//! The metrics of this process's worker, on a port of their own (`NAPTIME_METRICS`).

use std::net::SocketAddr;

use anyhow::Context;
use naptime_web::OwnFigures;
use naptime_worker::Tally;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Listens where metrics are to be read, if they are.
///
/// # Errors
/// If the port is taken.
pub(crate) async fn listen(address: Option<SocketAddr>) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = address else { return Ok(None) };
    let listener = TcpListener::bind(address).await;
    let listener =
        listener.with_context(|| format!("cannot listen on {address}; set NAPTIME_METRICS to another one"))?;
    tracing::info!("the metrics of this worker are at http://{address}/metrics");
    Ok(Some(listener))
}

/// What a worker has done so far.
pub(crate) fn own_figures(tally: &Tally) -> OwnFigures {
    OwnFigures { worker: tally.worker(), figures: tally.figures(), held: tally.held(), capacity: tally.capacity() }
}

/// Tells what a worker does, until it is dropped.
pub(crate) struct Told(#[expect(dead_code, reason = "it ends that when it is dropped")] DropGuard);

impl Told {
    /// Begins, if there is a listener.
    pub(crate) fn start(listener: Option<TcpListener>, tally: Tally) -> Option<Self> {
        let over = CancellationToken::new();
        let router = naptime_web::worker_router(move || own_figures(&tally));
        tokio::spawn(naptime_web::serve(listener?, router, over.clone().cancelled_owned()));
        Some(Self(over.drop_guard()))
    }
}
