//! A few connections that only read, beside the writer and each other.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use naptime_store::Error;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::fault::Fault;
use crate::schema;

/// The most reads at once.
const MAX_READERS: usize = 4;

/// The connections, opened when first needed and kept.
pub(crate) struct Readers {
    path: PathBuf,
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, permits: Arc::new(Semaphore::new(MAX_READERS)), idle: Arc::default() }
    }

    /// Runs `work` on a connection, away from the runtime's threads.
    pub(crate) async fn read<T, W>(&self, work: W) -> Result<T, Error>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let unavailable = |error: &dyn std::fmt::Display| Error::Unavailable(error.to_string());
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|error| unavailable(&error))?;
        let (path, idle) = (self.path.clone(), Arc::clone(&self.idle));
        // Boxed, because the runtime's code for a task is compiled anew for every type of one.
        let read: Box<dyn FnOnce() -> Result<T, Fault> + Send> = Box::new(move || {
            // Moved in, so that it is held for as long as the read runs, even if nobody waits for it any more.
            let _permit = permit;
            let pop = || idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match pop() {
                Some(connection) => connection,
                None => schema::open_for_reading(&path)?,
            };
            let result = work(&connection);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            result
        });
        tokio::task::spawn_blocking(read).await.map_err(|error| unavailable(&error))?.map_err(Error::from)
    }
}
