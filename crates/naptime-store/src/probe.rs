//! Whether the store takes writes, and whether it is set up as it should be.

use async_trait::async_trait;
use naptime_core::Check;

use crate::Result;

/// Whether the store takes writes, and whether it is set up as it should be. What the web gets.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Writes a few bytes, or tells why a write was refused a moment ago. It costs what a write costs, so whoever asks
    /// often keeps the answer.
    ///
    /// # Errors
    /// [`Error::Refused`](crate::Error::Refused), with the cause; [`Error::Unavailable`](crate::Error::Unavailable).
    async fn probe(&self) -> Result<()>;

    /// Looks at the database as somebody who runs it would: what it is, what it can do, how fast it is, how much room it
    /// has. It costs a few dozen requests. What cannot be looked at is a check that says so.
    async fn examine(&self) -> Vec<Check>;
}
