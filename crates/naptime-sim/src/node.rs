//! The process of a worker: its tasks run until it is killed, and stand still while it is frozen.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures::future::BoxFuture;
use naptime_worker::Runtime;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::random;

/// The process of a worker. Clones are handles on the same one.
#[derive(Clone)]
pub(crate) struct Node(Arc<Mutex<Process>>);

struct Process {
    tasks: JoinSet<()>,
    is_frozen: bool,
    /// The tasks that had something to do while it was frozen.
    woken: Vec<Waker>,
    seed: u64,
    /// How many ids it has made.
    ids: u64,
}

impl Node {
    /// A process that runs. The ids that it makes follow from `seed`.
    pub(crate) fn start(seed: u64) -> Self {
        let process = Process { tasks: JoinSet::new(), is_frozen: false, woken: Vec::new(), seed, ids: 0 };
        Self(Arc::new(Mutex::new(process)))
    }

    /// Ends it without a word.
    pub(crate) fn kill(&self) {
        // Whatever the tasks drop may reach for the process, so they are not dropped while it is locked.
        let mut tasks = std::mem::take(&mut self.lock().tasks);
        tasks.abort_all();
        tasks.detach_all();
    }

    /// Stops it where it stands, as `SIGSTOP` does. Time goes on.
    pub(crate) fn freeze(&self) {
        self.lock().is_frozen = true;
    }

    /// Lets it go on after that.
    pub(crate) fn thaw(&self) {
        let woken = {
            let mut process = self.lock();
            process.is_frozen = false;
            std::mem::take(&mut process.woken)
        };
        woken.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, Process> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runtime for Node {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        let mut process = self.lock();
        while process.tasks.try_join_next().is_some() {}
        process.tasks.spawn(Task { node: self.clone(), task });
    }

    fn id(&self) -> Uuid {
        let mut process = self.lock();
        process.ids += 1;
        random::id(&[process.seed, process.ids])
    }
}

/// A task of a process.
struct Task {
    node: Node,
    task: BoxFuture<'static, ()>,
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        {
            let mut process = self.node.lock();
            if process.is_frozen {
                process.woken.push(context.waker().clone());
                return Poll::Pending;
            }
        }
        self.task.as_mut().poll(context)
    }
}
