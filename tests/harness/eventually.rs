//! Waiting for a condition that gives no signal of its own.

use std::time::{Duration, Instant};

const BETWEEN: Duration = Duration::from_millis(20);

/// Asks until the answer is `Some`. Panics with `what` if that takes longer than `timeout`.
///
/// A question that hangs counts as not answered.
pub async fn eventually<T>(timeout: Duration, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + timeout;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left, ask()).await {
            Ok(Some(answer)) => return answer,
            Ok(None) if Instant::now() < end => tokio::time::sleep(BETWEEN).await,
            _ => panic!("not within {timeout:?}: {what}"),
        }
    }
}
