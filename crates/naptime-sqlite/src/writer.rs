//! The one thread that writes.
//!
//! A sync to disk takes far longer than a write, so writes share it: what queued up while the last commit was under way
//! goes into one transaction. Each write has a savepoint, unless it is alone, so that one that fails takes nobody with it,
//! and nobody is answered before the commit.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use naptime_store::{Error, Refusal};
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::fault::{Fault, failure};

/// The most writes in one transaction, so that the first of them is not kept waiting.
const MAX_GROUP: usize = 256;

/// The way to the thread. When it is dropped, what is queued is still written, and the file is left in one piece,
/// without a write-ahead log beside it, unless others have it open.
pub(crate) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Write>>>,
    thread: Option<JoinHandle<()>>,
    refused: Arc<Mutex<Option<Refused>>>,
}

/// The last writes that were refused.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub(crate) at: Instant,
    pub(crate) refusal: Refusal,
    pub(crate) detail: String,
}

impl Writer {
    pub(crate) fn start(mut connection: Connection) -> std::io::Result<Self> {
        let (queue, writes) = mpsc::channel::<Box<dyn Write>>();
        let refused: Arc<Mutex<Option<Refused>>> = Arc::default();
        let last_refused = Arc::clone(&refused);
        let thread = std::thread::Builder::new().name("naptime-sqlite".to_owned()).spawn(move || {
            while let Ok(first) = writes.recv() {
                let mut group = vec![first];
                group.extend(writes.try_iter().take(MAX_GROUP - 1));
                let (outcome, refused) = commit(&mut connection, &mut group);
                if refused.is_some() {
                    *last_refused.lock().unwrap_or_else(PoisonError::into_inner) = refused;
                }
                for write in group {
                    write.answer(&outcome);
                }
            }
        })?;
        Ok(Self { queue: Some(queue), thread: Some(thread), refused })
    }

    /// When and why writes were last refused.
    pub(crate) fn last_refused(&self) -> Option<Refused> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs `work` in a transaction, and returns its result when that is on disk.
    pub(crate) async fn write<T, W>(&self, work: W) -> Result<T, Error>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let gone = || Error::Unavailable("the writing thread is gone".to_owned());
        let (reply, answer) = oneshot::channel();
        let write = Pending { work: Some(work), result: None, reply };
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.send(Box::new(write)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        // The last handle may be dropped by a write, on the thread itself.
        if let Some(thread) = self.thread.take().filter(|thread| thread.thread().id() != std::thread::current().id()) {
            // It has panicked: whoever waited for it was told.
            let _ = thread.join();
        }
    }
}

/// A write with its result type forgotten.
trait Write: Send {
    /// Does it. Returns whether it is to be kept.
    fn run(&mut self, connection: &Connection) -> bool;

    /// Why the database refused it.
    fn refusal(&self) -> Option<(Refusal, String)>;

    /// Answers whoever waits. `outcome` is that of the whole transaction.
    fn answer(self: Box<Self>, outcome: &Result<(), Error>);
}

struct Pending<T, W> {
    work: Option<W>,
    result: Option<Result<T, Error>>,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl<T, W> Write for Pending<T, W>
where
    T: Send,
    W: FnOnce(&Connection) -> Result<T, Fault> + Send,
{
    fn run(&mut self, connection: &Connection) -> bool {
        self.result = self.work.take().map(|work| work(connection).map_err(Error::from));
        matches!(self.result, Some(Ok(_)))
    }

    fn refusal(&self) -> Option<(Refusal, String)> {
        match &self.result {
            Some(Err(Error::Refused { refusal, detail })) => Some((*refusal, detail.clone())),
            _ => None,
        }
    }

    fn answer(self: Box<Self>, outcome: &Result<(), Error>) {
        let result = match (self.result, outcome) {
            (Some(Err(own)), _) => Err(own),
            (_, Err(Error::Refused { refusal, detail })) => {
                Err(Error::Refused { refusal: *refusal, detail: detail.clone() })
            }
            (_, Err(error)) => Err(Error::Unavailable(error.to_string())),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(Error::Unavailable("the write was not run".to_owned())),
        };
        // Nobody waits any more: the write is made all the same.
        let _ = self.reply.send(result);
    }
}

/// Makes the writes of a group. Returns what became of their transaction, and why the database refused one of them, if it
/// did: then it may have ended the transaction by itself, and that is why the others failed too.
fn commit(connection: &mut Connection, group: &mut [Box<dyn Write>]) -> (Result<(), Error>, Option<Refused>) {
    let outcome = run(connection, group).map_err(|error| failure(&error));
    let of_outcome = match &outcome {
        Err(Error::Refused { refusal, detail }) => Some((*refusal, detail.clone())),
        _ => None,
    };
    let Some((refusal, detail)) = group.iter().find_map(|write| write.refusal()).or(of_outcome) else {
        return (outcome, None);
    };
    let refused = Refused { at: Instant::now(), refusal, detail: detail.clone() };
    (outcome.map_err(|_| Error::Refused { refusal, detail }), Some(refused))
}

fn run(connection: &mut Connection, group: &mut [Box<dyn Write>]) -> rusqlite::Result<()> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // One that is alone needs no savepoint, for which SQLite copies all pages that change.
    if let [only] = group {
        return if only.run(&transaction) { transaction.commit() } else { transaction.rollback() };
    }
    for write in group {
        let savepoint = transaction.savepoint()?;
        if write.run(&savepoint) {
            savepoint.commit()?;
        } else {
            savepoint.finish()?;
        }
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Writer {
        let connection = Connection::open_in_memory().expect("a database");
        connection.execute_batch("CREATE TABLE t (n INTEGER UNIQUE)").expect("a table");
        Writer::start(connection).expect("a thread")
    }

    /// Keeps the thread busy until the sender is dropped, so that what is queued meanwhile makes one group.
    fn occupy(writer: &Writer) -> mpsc::Sender<()> {
        let (release, released) = mpsc::channel();
        let write = move |_: &Connection| {
            let _: Result<(), _> = released.recv();
            Ok(())
        };
        let pending = Pending { work: Some(write), result: None, reply: oneshot::channel().0 };
        writer.queue.as_ref().expect("open").send(Box::new(pending)).expect("the thread runs");
        release
    }

    async fn insert(writer: &Writer, n: i64) -> Result<(), Error> {
        writer.write(move |connection| Ok(connection.execute("INSERT INTO t VALUES (?1)", [n]).map(drop)?)).await
    }

    async fn sum(writer: &Writer) -> i64 {
        let sum = |connection: &Connection| Ok(connection.query_row("SELECT sum(n) FROM t", [], |row| row.get(0))?);
        writer.write(sum).await.expect("a sum")
    }

    #[tokio::test]
    async fn a_write_that_fails_takes_no_other_with_it() {
        let writer = start();
        let release = occupy(&writer);
        let fail = writer.write(|connection| -> Result<(), Fault> {
            connection.execute("INSERT INTO t VALUES (100)", [])?;
            Err(Error::NotFound.into())
        });
        let free = async { drop(release) };
        let (a, b, c, d, ()) = tokio::join!(insert(&writer, 1), fail, insert(&writer, 1), insert(&writer, 3), free);
        assert!(a.is_ok() && d.is_ok(), "{a:?} {d:?}");
        assert!(matches!(b, Err(Error::NotFound)), "{b:?}");
        assert!(matches!(c, Err(Error::Unavailable(_))), "{c:?}");
        assert_eq!(sum(&writer).await, 4);
    }

    #[tokio::test]
    async fn a_transaction_that_is_gone_fails_all_its_writes() {
        let writer = start();
        let release = occupy(&writer);
        // As SQLite does by itself when the disk is full.
        let lose = writer.write(|connection| Ok(connection.execute_batch("ROLLBACK")?));
        let free = async { drop(release) };
        let (a, lost, b, ()) = tokio::join!(insert(&writer, 1), lose, insert(&writer, 2), free);
        assert!(a.is_err() && lost.is_err() && b.is_err(), "{a:?} {lost:?} {b:?}");
        insert(&writer, 3).await.expect("the next transaction is a new one");
        assert_eq!(sum(&writer).await, 3);
    }
}
