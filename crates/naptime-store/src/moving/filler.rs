//! Who fills a store.

use std::sync::{Mutex, PoisonError};

use naptime_core::Time;
use uuid::Uuid;

use crate::{Error, Result};

/// The filling that a handle on a store has announced or begun: its id, and when it began, as the store has it.
///
/// The same backup may be imported twice at once. Whoever begins later takes over: the store then has a later time, by
/// which the other one finds that nothing is left to do for it.
#[derive(Debug, Default)]
pub struct Filler(Mutex<Option<(Uuid, Time)>>);

impl Filler {
    /// Notes what this handle has announced or begun.
    pub fn note(&self, id: Uuid, since: Time) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((id, since));
    }

    /// Fails unless the filling that the store has is the one of this handle.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn check(&self, found: Option<(Uuid, Time)>) -> Result<()> {
        if found.is_some() && found == self.noted() {
            return Ok(());
        }
        Err(Error::Unavailable("another process has taken over this import, or taken it back".to_owned()))
    }

    /// Whether this handle may end the filling that the store has: its own one, or one that another process began and that
    /// this one only goes on with.
    pub fn may_end(&self, id: Uuid, since: Time) -> bool {
        self.noted().is_none_or(|noted| noted.0 != id || noted == (id, since))
    }

    fn noted(&self) -> Option<(Uuid, Time)> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_begins_later_takes_over() {
        let (first, second, new) = (Filler::default(), Filler::default(), Filler::default());
        let (id, [earlier, later]) = (Uuid::from_u128(1), [1, 2].map(Time::from_millis));
        first.note(id, earlier);
        assert!(first.check(Some((id, earlier))).is_ok());
        second.note(id, later);
        assert!(first.check(Some((id, later))).is_err() && !first.may_end(id, later));
        assert!(second.check(Some((id, later))).is_ok() && second.may_end(id, later));
        assert!(second.check(None).is_err() && second.check(Some((Uuid::from_u128(2), later))).is_err());
        assert!(new.check(Some((id, later))).is_err() && new.may_end(id, later), "it goes on with what others began");
    }
}
