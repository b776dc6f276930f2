//! How many renderings run at once. Each takes a processor and some MiB for a moment, so that as many as there are events
//! would take both from the calls that are due.

use std::sync::LazyLock;
use std::thread::available_parallelism;

use tokio::sync::Semaphore;

/// The permits of this process: one processor is always left to everything else, if there is more than one.
static PERMITS: LazyLock<Semaphore> = LazyLock::new(|| {
    let processors = available_parallelism().map_or(1, usize::from);
    Semaphore::new(processors.saturating_sub(1).max(1))
});

/// A rendering that did not come to its end, as it panicked.
#[derive(Debug)]
pub(crate) struct Panicked;

/// Renders on a thread that nobody waits for, once there is a permit.
pub(crate) async fn run<T: Send + 'static>(render: impl FnOnce() -> T + Send + 'static) -> Result<T, Panicked> {
    run_with(&PERMITS, render).await
}

async fn run_with<T: Send + 'static>(
    permits: &'static Semaphore,
    render: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Panicked> {
    // Nothing closes the semaphore.
    let permit = permits.acquire().await.map_err(|_| Panicked)?;
    let render = move || {
        // Whoever asked may be gone by now, while the rendering still runs.
        let _permit = permit;
        render()
    };
    tokio::task::spawn_blocking(render).await.map_err(|_| Panicked)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use futures::future::join_all;

    use super::*;

    #[tokio::test]
    async fn no_more_renderings_run_at_once_than_there_are_permits() {
        static TWO: Semaphore = Semaphore::const_new(2);
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let render = |_| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            run_with(&TWO, move || {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::yield_now();
                now.fetch_sub(1, Ordering::SeqCst);
            })
        };
        assert!(join_all((0..100).map(render)).await.iter().all(Result::is_ok));
        assert!(most.load(Ordering::SeqCst) <= 2, "{most:?} at once");
        assert_eq!(TWO.available_permits(), 2);
    }

    #[tokio::test]
    async fn a_rendering_keeps_its_permit_when_nobody_waits_for_it_any_more() {
        static ONE: Semaphore = Semaphore::const_new(1);
        let (end, ended) = mpsc::channel::<()>();
        let (begin, begun) = tokio::sync::oneshot::channel();
        let asked = tokio::spawn(run_with(&ONE, move || {
            begin.send(()).unwrap();
            let _ = ended.recv();
        }));
        begun.await.unwrap();
        asked.abort();
        assert!(asked.await.unwrap_err().is_cancelled());
        assert_eq!(ONE.available_permits(), 0);
        drop(end);
        run_with(&ONE, || ()).await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_gives_the_permit_back() {
        static ONE: Semaphore = Semaphore::const_new(1);
        assert!(run_with(&ONE, || panic!("a rendering that panics")).await.is_err());
        run_with(&ONE, || ()).await.unwrap();
    }
}
