//! How calls leave a worker.

use async_trait::async_trait;

use super::{Answer, Call, Caller, LocalFault};

/// How calls leave a worker. In the program that is [`Caller`]; in the simulator they reach a target that is none.
#[async_trait]
pub trait Outbound: Send + Sync + 'static {
    /// As [`Caller::call`].
    ///
    /// # Errors
    /// As [`Caller::call`].
    async fn call(&self, call: Call<'_>) -> Result<Answer, LocalFault>;
}

#[async_trait]
impl Outbound for Caller {
    async fn call(&self, call: Call<'_>) -> Result<Answer, LocalFault> {
        Caller::call(self, call).await
    }
}
