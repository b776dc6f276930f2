//! Work that a repeated call does not do again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::TryStreamExt;
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use moka::future::Cache;
use moka::policy::EvictionPolicy;

/// An answer with as much of its body as is kept.
type Answer = Arc<http::Response<Bytes>>;

/// How many answers are kept unless something else is said.
const ANSWERS: u64 = 1_000;
/// For how long. Naptime waits for an hour at most before it tries again.
const KEEP: Duration = Duration::from_secs(3_600);
/// How much of an answer's body is kept. Naptime reads no more.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Keeps the answers of calls that were answered well, and answers a repeated call with the one of its key.
///
/// Naptime calls **at least once**. The same call comes again if its answer came too late or was lost on its way, or if
/// the worker that made it died. A guard makes that harmless within its bounds:
///
/// - The work runs as a task of its own, to its end, even if the caller goes away. Give it a time limit if it may hang.
/// - A call that comes again **while the first is at work waits** for the first one's answer. A 409 would tell Naptime that
///   the call has failed, while it may well succeed.
/// - An answer of 2xx is kept. Any other answer says that the work is to be tried again, so it is forgotten, and the next
///   call of the key does the work. Calls that waited get that answer as well.
///
/// What it does **not** promise: it remembers in the memory of one process. After a restart, in another process, once the
/// time is over, or when more than its number of answers came since, a repeated call does the work again. Where that must
/// never happen, store the key in your database in the transaction that does the work.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// use naptime_client::target::Guard;
///
/// static CHARGED: AtomicUsize = AtomicUsize::new(0);
///
/// async fn charge() -> String {
///     CHARGED.fetch_add(1, Ordering::SeqCst);
///     "charged".to_owned()
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let guard = Guard::default();
/// for _ in 0..3 {
///     let answer = guard.once("the key of a call", charge()).await;
///     assert_eq!(answer.status(), 200);
/// }
/// assert_eq!(CHARGED.load(Ordering::SeqCst), 1);
/// # }
/// ```
///
/// Clones share what they remember.
#[derive(Clone)]
pub struct Guard {
    kept: Cache<String, Answer>,
}

impl Guard {
    /// Keeps at most so many answers, each for so long. An answer takes as much memory as its body, up to 64 KiB.
    pub fn new(answers: u64, keep: Duration) -> Self {
        // The oldest goes first: the default would rather turn a new one away.
        let cache = Cache::builder().max_capacity(answers).time_to_live(keep).eviction_policy(EvictionPolicy::lru());
        Self { kept: cache.build() }
    }

    /// Does the work and returns its answer, unless a call of this key did it already: then returns that answer. Of a
    /// body the first 64 KiB are sent, as Naptime reads no more.
    ///
    /// Work that panics is answered with 500.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn once<W>(&self, key: &str, work: W) -> Response
    where
        W: Future<Output: IntoResponse> + Send + 'static,
    {
        let (kept, key) = (self.kept.clone(), key.to_owned());
        // The server ends the handler, and this future with it, when the caller goes away.
        let task = tokio::spawn(async move { kept.try_get_with(key, answer(work)).await });
        match task.await {
            Ok(answer) => {
                let answer = answer.unwrap_or_else(|refused| Arc::clone(&refused));
                http::Response::clone(&answer).map(Body::from)
            }
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

impl Default for Guard {
    /// 1,000 answers, each for an hour.
    fn default() -> Self {
        Self::new(ANSWERS, KEEP)
    }
}

impl fmt::Debug for Guard {
    /// Shows no answer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}

/// Does the work. An error is an answer that is not kept.
async fn answer<W>(work: W) -> Result<Answer, Answer>
where
    W: Future<Output: IntoResponse>,
{
    let (mut head, body) = work.await.into_response().into_parts();
    // The body may be cut.
    head.headers.remove(CONTENT_LENGTH);
    let body = beginning(body).await.unwrap_or_else(|_| {
        head.status = StatusCode::INTERNAL_SERVER_ERROR;
        Bytes::new()
    });
    let is_done = head.status.is_success();
    let answer = Arc::new(http::Response::from_parts(head, body));
    if is_done { Ok(answer) } else { Err(answer) }
}

/// As much of a body as is kept.
async fn beginning(body: Body) -> Result<Bytes, axum_core::Error> {
    let (mut parts, mut read) = (body.into_data_stream(), Vec::new());
    while let Some(part) = parts.try_next().await? {
        let room = MAX_BODY_BYTES - read.len();
        read.extend_from_slice(&part[..part.len().min(room)]);
        if read.len() == MAX_BODY_BYTES {
            break;
        }
    }
    Ok(read.into())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    /// Work that ends once it is let, and counts how often it ran.
    #[derive(Clone)]
    struct Work {
        ran: Arc<AtomicUsize>,
        begun: Arc<Semaphore>,
        may_end: Arc<Semaphore>,
    }

    impl Work {
        fn new(permits: usize) -> Self {
            let (begun, may_end) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(permits)));
            Self { ran: Arc::default(), begun, may_end }
        }

        /// Answers with this status and the number of its run.
        async fn run(self, status: u16) -> impl IntoResponse {
            let n = self.ran.fetch_add(1, Ordering::SeqCst) + 1;
            self.begun.add_permits(1);
            self.may_end.acquire().await.expect("open").forget();
            (StatusCode::from_u16(status).expect("a status"), n.to_string())
        }

        async fn has_begun(&self) {
            self.begun.acquire().await.expect("open").forget();
        }
    }

    async fn read(response: Response) -> (u16, String) {
        let status = response.status().as_u16();
        let body = beginning(response.into_body()).await.expect("a body");
        (status, String::from_utf8(body.to_vec()).expect("text"))
    }

    fn said(status: u16, body: &str) -> (u16, String) {
        (status, body.to_owned())
    }

    #[tokio::test]
    async fn a_good_answer_is_kept_and_no_other() {
        let (guard, work) = (Guard::default(), Work::new(9));
        let call = async |key: &str, status: u16| read(guard.once(key, work.clone().run(status)).await).await;
        assert_eq!(call("a", 503).await, said(503, "1"));
        assert_eq!(call("a", 201).await, said(201, "2"));
        assert_eq!(call("a", 200).await, said(201, "2"));
        assert_eq!(call("b", 200).await, said(200, "3"));
    }

    #[tokio::test]
    async fn a_call_that_comes_meanwhile_waits() {
        for status in [200, 500] {
            let (guard, work) = (Guard::default(), Work::new(0));
            let call = || async { read(guard.once("a", work.clone().run(status)).await).await };
            let (first, second, ()) = tokio::join!(call(), call(), async {
                work.has_begun().await;
                work.may_end.add_permits(2);
            });
            assert_eq!((first, second), (said(status, "1"), said(status, "1")));
        }
    }

    #[tokio::test]
    async fn the_work_goes_on_when_the_caller_goes_away() {
        let (guard, work) = (Guard::default(), Work::new(0));
        tokio::select! {
            _ = guard.once("a", work.clone().run(200)) => panic!("nothing lets it end"),
            () = work.has_begun() => {}
        }
        work.may_end.add_permits(1);
        assert_eq!(read(guard.once("a", work.clone().run(200)).await).await, said(200, "1"));
    }

    #[tokio::test]
    async fn work_that_panics_is_done_again() {
        let guard = Guard::default();
        let panics = async {
            if true {
                panic!("on purpose")
            }
        };
        assert_eq!(read(guard.once("a", panics).await).await, said(500, ""));
        assert_eq!(read(guard.once("a", async { "done" }).await).await, said(200, "done"));
    }

    #[tokio::test]
    async fn what_is_kept_is_bounded() {
        let guard = Guard::new(2, KEEP);
        for n in 0..100 {
            guard.once(&n.to_string(), async { vec![b'x'; MAX_BODY_BYTES + 1] }).await;
        }
        guard.kept.run_pending_tasks().await;
        let kept = guard.kept.iter().map(|(_, answer)| answer.body().len());
        assert_eq!(kept.collect::<Vec<_>>(), [MAX_BODY_BYTES; 2]);

        let (guard, work) = (Guard::new(2, Duration::from_millis(1)), Work::new(usize::MAX >> 4));
        while read(guard.once("a", work.clone().run(200)).await).await == said(200, "1") {
            tokio::task::yield_now().await;
        }
    }
}
