//! What is put right after the store's clock was wrong.

use std::time::Duration;

use async_trait::async_trait;

use crate::{Clock, Result};

/// What a store does about a clock that was set back. What a worker gets.
#[async_trait]
pub trait Repairs: Clock {
    /// If the store's clock was set back, since the last look or while nobody looked: plans anew what is further ahead
    /// than it can be, as [`Job::after_set_back`](naptime_core::Job::after_set_back) says, and ends passes and
    /// heartbeats that would last too long. None if it was not, which costs next to nothing.
    ///
    /// Runs, figures and breaches that lie ahead are seen to by [`History::purge`](crate::History::purge): should the
    /// clock be wrong now, and soon be right, they are left as they are.
    async fn follow_clock(&self) -> Result<Option<SetBack>>;
}

/// A clock that was set back, and what was done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetBack {
    /// By how much, at least; zero if that is not known.
    pub by: Duration,
    /// The jobs that were planned anew or whose records were moved back.
    pub jobs: u64,
}
