//! What the tasks of a worker run on.

use futures::future::BoxFuture;
use uuid::Uuid;

/// What the tasks of a worker run on. In the program that is [`Tokio`]; the simulator has one of its own, which can stop
/// and freeze a worker, and which gives the same ids again.
pub trait Runtime: Send + Sync + 'static {
    /// Runs a task beside all others.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// A fresh id. Later ids are mostly greater, which keeps indexes compact.
    fn id(&self) -> Uuid;
}

/// Tokio's runtime, and random ids that begin with the time.
#[derive(Clone, Copy, Debug)]
pub struct Tokio;

impl Runtime for Tokio {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }

    fn id(&self) -> Uuid {
        Uuid::now_v7()
    }
}
