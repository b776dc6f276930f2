//! Sessions of people who are logged in.
//!
//! A store learns neither the password nor what is in a cookie: a session's id is a keyed hash of its cookie, and the key
//! follows from the password and the salt kept here. So who reads the database cannot log in, and cannot try passwords
//! against it.

use std::time::Duration;

use async_trait::async_trait;
use naptime_core::Time;

use crate::Result;

/// How long a session lasts.
pub const SESSION_LENGTH: Duration = Duration::from_secs(14 * 24 * 3600);
/// The most sessions that are kept. Older ones end when a further one begins.
pub const MAX_SESSIONS: usize = 1_000;
/// The store's clock may have been set back by this much since a session began. A session from further ahead began by a
/// clock that was wrong, and would last too long.
const MAX_CLOCK_STEP: Duration = Duration::from_secs(3600);

/// What passwords are hashed with.
pub type Salt = [u8; 16];

/// The id of a session: the hash of its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(pub [u8; 32]);

/// Who is logged in. What the web gets.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// The salt of this store. If there is none yet, `new` becomes it; of several at the same time, one does, and all
    /// get that one. It never changes afterwards.
    async fn salt(&self, new: Salt) -> Result<Salt>;

    /// Begins a session, and removes sessions that have ended or are beyond [`MAX_SESSIONS`].
    async fn begin_session(&self, id: SessionId) -> Result<()>;

    /// Whether this session has begun and not ended.
    async fn has_session(&self, id: SessionId) -> Result<bool>;

    /// Ends a session, if there is one of this id.
    async fn end_session(&self, id: SessionId) -> Result<()>;
}

/// The times at which sessions began that last at `now`: after the first, and not after the second.
pub fn began_within(now: Time) -> (Time, Time) {
    (now - SESSION_LENGTH, now + MAX_CLOCK_STEP)
}
