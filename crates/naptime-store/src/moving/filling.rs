//! A store that is filled: from another one, or from a backup.

use async_trait::async_trait;
use naptime_core::{Job, JobId};
use uuid::Uuid;

use super::{HistoryItems, MoveResult, Settings};

/// A store that everything is put into.
///
/// From the announcement until it is opened the store is shut.
#[async_trait]
pub trait Filling: Send + Sync {
    /// Shuts the store for a move or a backup, if it is empty; or finds how far this one is.
    ///
    /// # Errors
    /// [`MoveError::NotEmpty`](super::MoveError::NotEmpty), [`MoveError::OtherMove`](super::MoveError::OtherMove); and
    /// [`MoveError::Elsewhere`](super::MoveError::Elsewhere) or [`MoveError::HandedOver`](super::MoveError::HandedOver) of
    /// one that is left itself.
    async fn announce(&self, id: Uuid, from: &str) -> MoveResult<Arrival>;

    /// Begins to fill the store, or begins anew: what was brought before is removed. Whoever had the store open when it was
    /// announced is to know by now that it is shut. Another process that fills the store with the same finds that it was
    /// taken over: it puts nothing more, and neither opens the store nor empties it.
    ///
    /// # Errors
    /// [`MoveError::NotEmpty`](super::MoveError::NotEmpty), if somebody has added something meanwhile, and then the store is
    /// open again; [`MoveError::NotThere`](super::MoveError::NotThere), [`MoveError::TakenOver`](super::MoveError::TakenOver).
    async fn begin_filling(&self, id: Uuid) -> MoveResult<()>;

    /// Puts jobs as they are, in the place of what was put of them before. None of them can be claimed before the store is
    /// opened. Jobs whose keys others have that were put before are left out, and returned.
    async fn put_jobs(&self, jobs: &[Job]) -> crate::Result<Vec<JobId>>;

    /// Removes jobs that were put; those that are not there are passed over. Their keys are free then.
    async fn remove_jobs(&self, ids: &[JobId]) -> crate::Result<()>;

    /// Puts what there is beside jobs and history. It is called once after [`Filling::begin_filling`].
    async fn put_settings(&self, settings: &Settings) -> crate::Result<()>;

    /// Adds history, but for what is there. A move does so after the store was opened, since that has to wait for no more
    /// than it must; a backup is taken in before.
    async fn put_history(&self, items: HistoryItems) -> crate::Result<()>;

    /// Opens the store. Jobs can be claimed while this goes on. To repeat it does no harm as long as the store remembers
    /// what has filled it.
    ///
    /// # Errors
    /// [`MoveError::NotThere`](super::MoveError::NotThere), [`MoveError::TakenOver`](super::MoveError::TakenOver).
    async fn open_up(&self, id: Uuid) -> MoveResult<()>;

    /// Removes what was brought, and opens the store as the empty one it was. Once it was opened up, or
    /// another process has taken over, this does nothing.
    async fn take_back(&self, id: Uuid) -> crate::Result<()>;
}

/// How far a move or a backup is where it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The store was empty when it was announced. Other processes may not have seen yet that it is shut.
    Announced,
    /// The store holds nothing but what this has brought, and everybody knows that it is shut.
    Filling,
    /// The store is open.
    Open,
}
