//! What the tasks of a worker run on.

use std::time::Duration;

use async_io::Timer;
use futures::FutureExt;
use futures::future::BoxFuture;
use uuid::Uuid;

/// What the tasks of a worker run on. In the program that is [`Tokio`]; the simulator has one of its own, which can stop
/// and freeze a worker, and which gives the same ids again.
pub trait Runtime: Send + Sync + 'static {
    /// Runs a task beside all others.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// A fresh id. Later ids are mostly greater, which keeps indexes compact.
    fn id(&self) -> Uuid;

    /// Waits for so long, for calls that are to leave at their time. By default by the time of tokio, which tests and the
    /// simulator move.
    fn wait(&self, duration: Duration) -> BoxFuture<'static, ()> {
        tokio::time::sleep(duration).boxed()
    }
}

/// Tokio's runtime, random ids that begin with the time, and timers that are exact to a fraction of a millisecond.
#[derive(Clone, Copy, Debug)]
pub struct Tokio;

impl Runtime for Tokio {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }

    fn id(&self) -> Uuid {
        Uuid::now_v7()
    }

    /// Not by a timer of tokio, which rounds up to whole milliseconds, and again as it waits: one too many on average.
    fn wait(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Timer::after(duration).map(drop).boxed()
    }
}
