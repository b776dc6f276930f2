//! What a target may change of its own schedule, by its answers. The only way in which a worker edits a job.

use async_trait::async_trait;
use naptime_core::{JobId, Rev, Steered};

use crate::{Jobs, Result};

/// Edits in the name of a target. What a worker gets.
#[async_trait]
pub trait Steering: Send + Sync {
    /// Changes the schedule of a job as its target asked, if the job still has the revision that the target was called
    /// under: an edit made meanwhile outweighs the answer.
    ///
    /// # Errors
    /// As [`Jobs::edit`].
    async fn steer(&self, id: JobId, expect: Rev, steered: Steered) -> Result<()>;
}

#[async_trait]
impl<T: Jobs> Steering for T {
    async fn steer(&self, id: JobId, expect: Rev, steered: Steered) -> Result<()> {
        self.edit(id, Some(expect), steered.into()).await.map(drop)
    }
}
