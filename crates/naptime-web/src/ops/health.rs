//! Whether the store takes writes, and if not, why.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use naptime_store::{Error, WebStore};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long an answer is good for. To look costs a write.
const GOOD_FOR: Duration = Duration::from_secs(5);
/// The longest the store may take to write while it counts as one that takes writes.
const MAX_WRITE: Duration = Duration::from_secs(2);

/// When it was looked, and what was wrong.
type Look = (Instant, Option<Cow<'static, str>>);

/// The last answer: what is wrong, in words that follow "because"; none if nothing is. Locked by the one that looks.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<Option<Look>>);

impl Health {
    /// Why the store takes no writes; none if it does. Looks at most every five seconds, whoever asks.
    pub(crate) async fn fault(&self, store: &Arc<dyn WebStore>) -> Option<Cow<'static, str>> {
        let mut last = self.0.lock().await;
        if let Some((_, fault)) = last.as_ref().filter(|(at, _)| at.elapsed() < GOOD_FOR) {
            return fault.clone();
        }
        let store = store.clone();
        // In a task of its own, so that an operation of the driver is never dropped half way.
        let probing = tokio::spawn(async move { store.probe().await });
        let fault = match tokio::time::timeout(MAX_WRITE, probing).await {
            Ok(Ok(Ok(()))) => None,
            Ok(Ok(Err(error))) => {
                tracing::warn!(%error, "the store takes no writes");
                Some(in_words(&error))
            }
            Ok(Err(_)) | Err(_) => Some("the database does not take writes in time".into()),
        };
        *last = Some((Instant::now(), fault.clone()));
        fault
    }
}

fn in_words(error: &Error) -> Cow<'static, str> {
    match error {
        Error::Refused { refusal, .. } => refusal.to_string().into(),
        _ => "the database does not take writes".into(),
    }
}
