//! A call to a host that was down tells the store that the host answers again, or fails again.

use std::time::Duration;

use naptime_core::pool::{Down, Sign};
use naptime_core::{Pool, Run};

use crate::link::Link;

/// How long telling the store may take. The settle waits for it, and so does its slot.
const TELL_TIMEOUT: Duration = Duration::from_secs(2);

/// Tells the store what `run` shows of the host of `pool`, which was `down` when the pass for its call was taken. Nothing is
/// told that would change nothing. If the store does not answer, the next call tells it.
pub(crate) async fn tell(link: &Link, pool: &Pool, down: Down, run: &Run) {
    let began = run.started;
    let sign = match run.outcome.shows_host_down(run.status) {
        Some(true) => Sign::Failed { began },
        Some(false) => Sign::Answered { began },
        None => return,
    };
    if down.after(sign, run.finished) == Some(down) {
        return;
    }
    match (sign, down.is_probing()) {
        (Sign::Answered { .. }, true) => tracing::info!(%pool, "{pool} answers again"),
        (Sign::Failed { .. }, false) => tracing::warn!(%pool, "{pool} fails again"),
        _ => {}
    }
    match tokio::time::timeout(TELL_TIMEOUT, link.heed(pool, sign)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::debug!(%pool, %error, "cannot tell how {pool} is"),
        Err(_) => tracing::debug!(%pool, "cannot tell how {pool} is: the store does not answer"),
    }
}
