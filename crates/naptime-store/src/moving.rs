//! Moving everything from one store to another while it is in use, with no occurrence called twice or missed.
//!
//! What a store holds is read by [`Contents`] and put by [`Filling`]; a backup is written and taken in by the same two.
//!
//! One store is left ([`Leaving`]), and the other one filled ([`Arriving`]). At each moment at most one of the two lets
//! anything be claimed:
//!
//! | [`MoveStage`] of the one that is left | there | where all goes to |
//! |---|---|---|
//! | copying | calls go on | jobs arrive, and cannot be claimed yet |
//! | closed | nothing is claimed any more, and people change nothing; claims that are held are settled | the same |
//! | sealed | nothing is settled any more either, so no job changes | jobs arrive as they are in the end |
//! | handed over | the same, for good | it is opened: jobs can be claimed; then history arrives |
//!
//! Each step may be repeated, so whoever is killed between two of them is followed by somebody who begins anew. Until all
//! is handed over, the move can be taken back.

mod contents;
mod filler;
mod filling;
mod parts;

use std::fmt;

use async_trait::async_trait;
use naptime_core::{Job, Time};
use uuid::Uuid;

use crate::Error;

pub use contents::{Contents, check_records};
pub use filler::Filler;
pub use filling::{Arrival, Filling};
pub use parts::{HistoryCursor, HistoryItems, HistoryPart, Settings};

/// Whether a store takes part in a move. What the web gets.
#[async_trait]
pub trait Moves: Send + Sync {
    /// Why nothing of it is called and nobody may change anything; none: it is open.
    async fn shut(&self) -> crate::Result<Option<Shut>>;
}

/// Why a store is shut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shut {
    /// All is on its way elsewhere, or was moved there.
    Leaving {
        /// The place, for people.
        to: String,
        /// When the store was shut.
        since: Time,
        /// Whether it was handed over: it will not be opened again.
        for_good: bool,
    },
    /// All is on its way here.
    Arriving {
        /// The place it comes from, for people.
        from: String,
        /// When the store was shut.
        since: Time,
    },
}

impl fmt::Display for Shut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaving { to, since, for_good: true } => {
                write!(f, "everything was moved to {to}, and this place was shut at {since}; all goes on there")
            }
            Self::Leaving { to, since, for_good: false } => {
                write!(f, "everything is being moved to {to}, and this place was shut for it at {since}")
            }
            Self::Arriving { from, since } => {
                write!(
                    f,
                    "everything is being moved here from {from}, since {since}; this place opens when that is done"
                )
            }
        }
    }
}

/// A move, as the store that is left remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// What the other store knows it by. It stays the same however often the move is begun anew.
    pub id: Uuid,
    /// How far it is.
    pub stage: MoveStage,
    /// Where to, for people: without credentials.
    pub to: String,
    /// When this stage was reached.
    pub since: Time,
}

/// How far a move is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MoveStage {
    /// It was taken back.
    TakenBack,
    /// Jobs are copied while calls go on.
    Copying,
    /// Nothing is claimed any more; what is held is settled.
    Closed,
    /// Nothing is settled any more either.
    Sealed,
    /// The other store calls.
    HandedOver,
}

/// Why a move does not go on.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// It is over.
    #[error("everything was moved from here to {to} already, at {since}")]
    HandedOver {
        /// Where to.
        to: String,
        /// When.
        since: Time,
    },
    /// A move to another place has begun.
    #[error("a move to {to} has begun; finish that one, or take it back with --undo")]
    Elsewhere {
        /// Where to.
        to: String,
    },
    /// Somebody has taken it back.
    #[error("the move was taken back meanwhile")]
    TakenBack,
    /// Claims are held still.
    #[error("{0} calls are under way again")]
    Held(u64),
    /// The store that is to be filled holds something.
    #[error("the database is not empty: it has {0}; name one that is")]
    NotEmpty(&'static str),
    /// The store that is to be filled is being filled from somewhere else.
    #[error("the database is being filled from {from}; finish that, or name another database")]
    OtherMove {
        /// From where, for people.
        from: String,
    },
    /// What was moved is not where it was moved to.
    #[error("the database does not hold what was moved; name the one that it was moved to")]
    NotThere,
    /// Another process has begun to fill the store with the same.
    #[error("another import has begun to fill the database meanwhile, and goes on")]
    TakenOver,
    /// One of the two stores does not do as it is asked.
    #[error(transparent)]
    Store(#[from] Error),
}

/// The result of a step of a move.
pub type MoveResult<T> = Result<T, MoveError>;

/// A store that everything is moved out of. What `naptime move` gets.
#[async_trait]
pub trait Leaving: Contents {
    /// The move that was begun last, if one ever was.
    async fn last_move(&self) -> crate::Result<Option<Move>>;

    /// Notes that everything is to go to `to`, or finds that this was noted before.
    ///
    /// # Errors
    /// [`MoveError::Elsewhere`], [`MoveError::HandedOver`].
    async fn begin_move(&self, to: &str) -> MoveResult<Move>;

    /// Shuts the store: once this returns, nothing is claimed any more, and nobody but a target, by its answer, changes a
    /// job. Claims that wait for their time count as edited, so they are given back.
    ///
    /// # Errors
    /// [`MoveError::TakenBack`].
    async fn close(&self) -> MoveResult<()>;

    /// The claims whose leases have not run out.
    async fn held(&self) -> crate::Result<Held>;

    /// Has no claim be settled or renewed any more, so that no job changes.
    ///
    /// # Errors
    /// [`MoveError::Held`]; [`MoveError::TakenBack`].
    async fn seal(&self) -> MoveResult<()>;

    /// Leaves the rest to the other store, for good.
    ///
    /// # Errors
    /// [`MoveError::TakenBack`].
    async fn hand_over(&self) -> MoveResult<()>;

    /// Takes the move back: calls go on here.
    ///
    /// # Errors
    /// [`MoveError::HandedOver`].
    async fn take_back(&self) -> MoveResult<()>;
}

/// Claims that are held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// How many there are.
    pub count: u64,
    /// When the last of their leases ends, unless it is renewed.
    pub until: Option<Time>,
}

/// A store that everything is moved into while jobs change where they come from. What `naptime move` gets.
#[async_trait]
pub trait Arriving: Filling {
    /// Puts the due work of jobs whose configuration was put before.
    async fn put_due(&self, jobs: &[Job]) -> crate::Result<()>;
}
