//! Sessions of people who are logged in.

use std::collections::BTreeMap;

use async_trait::async_trait;
use naptime_core::Time;

use super::MemoryStore;
use crate::Result;
use crate::sessions::{MAX_SESSIONS, Salt, SessionId, Sessions, began_within};

#[derive(Default)]
pub(super) struct SessionTable {
    salt: Option<Salt>,
    /// When each session began.
    began: BTreeMap<[u8; 32], Time>,
}

#[async_trait]
impl Sessions for MemoryStore {
    async fn salt(&self, new: Salt) -> Result<Salt> {
        Ok(self.with(|state, _| *state.sessions.salt.get_or_insert(new)))
    }

    async fn begin_session(&self, id: SessionId) -> Result<()> {
        self.with(|state, now| {
            let began = &mut state.sessions.began;
            began.retain(|_, at| lasts(*at, now));
            while began.len() >= MAX_SESSIONS
                && let Some((_, oldest)) = began.iter().map(|(id, at)| (*at, *id)).min()
            {
                began.remove(&oldest);
            }
            began.insert(id.0, now);
        });
        Ok(())
    }

    async fn has_session(&self, id: SessionId) -> Result<bool> {
        Ok(self.with(|state, now| state.sessions.began.get(&id.0).is_some_and(|at| lasts(*at, now))))
    }

    async fn end_session(&self, id: SessionId) -> Result<()> {
        self.with(|state, _| state.sessions.began.remove(&id.0));
        Ok(())
    }
}

/// Whether a session that began at `began` lasts at `now`.
fn lasts(began: Time, now: Time) -> bool {
    let (after, until) = began_within(now);
    after < began && began <= until
}
