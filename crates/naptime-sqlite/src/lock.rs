//! The one process that works, and the one that moves everything elsewhere.

use std::fs::{File, TryLockError};
use std::path::PathBuf;

use naptime_store::Error;

use crate::{SqliteStore, gates, private, queue, workers};

/// The right to be the process that works on a file. It ends when this is dropped, or with the process, however that
/// ends.
#[derive(Debug)]
pub struct WorkerLock {
    _file: File,
    /// How many claims an earlier process left behind. They can be claimed at once.
    pub released: usize,
}

/// Why a process may not have a file to itself. The text is for the person who started the program.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process works on it.
    #[error(
        "another process already works on {}; stop it first, or set MONGODB_URI to work from several processes",
        path.display()
    )]
    Taken {
        /// The database.
        path: PathBuf,
    },
    /// Another process moves everything out of it.
    #[error("another `naptime move` is at work on {}", path.display())]
    Moving {
        /// The database.
        path: PathBuf,
    },
    /// The lock file cannot be created or locked.
    #[error("cannot lock {}: {reason}", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The lock file belongs to another user, who could hold it as long as they like.
    #[error("the lock file {} belongs to another user; remove it, or use another file", path.display())]
    Foreign {
        /// The lock file.
        path: PathBuf,
    },
    /// The claims of an earlier process could not be released.
    #[error(transparent)]
    Store(#[from] Error),
}

/// The right to be the process that moves everything out of a file. It ends as [`WorkerLock`] does.
#[derive(Debug)]
pub struct MoveLock {
    _file: File,
}

impl SqliteStore {
    /// Makes this process the one that works: an exclusive lock on the file `<path>.lock`. Whoever held it before is provably
    /// gone, so what it had claimed can be claimed at once, and its workers count as dead.
    ///
    /// Claims are exclusive without this lock as well. It is what makes it safe not to wait for the leases.
    ///
    /// # Errors
    /// If another process holds the lock, or the file is somebody else's.
    pub async fn lock_for_worker(&self) -> Result<WorkerLock, LockError> {
        let file = self.lock("lock")?.ok_or_else(|| LockError::Taken { path: self.inner.path.clone() })?;
        let released = self
            .write(|connection, now| {
                workers::all_left(connection)?;
                gates::free_all(connection)?;
                queue::release_all(connection, now)
            })
            .await?;
        Ok(WorkerLock { _file: file, released })
    }

    /// Makes this process the one that moves everything elsewhere: an exclusive lock on the file `<path>.moving`.
    ///
    /// # Errors
    /// If another process holds the lock, or the file is somebody else's.
    pub fn lock_for_move(&self) -> Result<MoveLock, LockError> {
        let file = self.lock("moving")?.ok_or_else(|| LockError::Moving { path: self.inner.path.clone() })?;
        Ok(MoveLock { _file: file })
    }

    /// Locks a file beside the database, which the system ends when the process does; none if another process has it. No
    /// other user can open that file, and so hold the lock.
    fn lock(&self, suffix: &str) -> Result<Option<File>, LockError> {
        let mut name = self.inner.path.as_os_str().to_owned();
        name.push(".");
        name.push(suffix);
        let path = PathBuf::from(name);
        let io = |error: std::io::Error| LockError::Io { path: path.clone(), reason: error.to_string() };
        let file = private::open(&path).map_err(io)?;
        if !private::is_own(&file).map_err(io)? {
            return Err(LockError::Foreign { path });
        }
        private::narrow_open(&file, &path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(io(error)),
        }
    }
}
