//! Whether the store takes writes.

use async_trait::async_trait;

use crate::Result;

/// Whether the store takes writes. What the web gets.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Writes a few bytes, or tells why a write was refused a moment ago. It costs what a write costs, so whoever asks
    /// often keeps the answer.
    ///
    /// # Errors
    /// [`Error::Refused`](crate::Error::Refused), with the cause; [`Error::Unavailable`](crate::Error::Unavailable).
    async fn probe(&self) -> Result<()>;
}
