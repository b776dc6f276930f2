//! Slows a worker down while its machine cannot make calls: it has run out of file descriptors, ports or memory.
//!
//! What could not be called is given back and is due at once, so without a pause it would be claimed, fail and be given
//! back without end. After a fault nothing is claimed for a second, then half as much at a time as when it came, and
//! from then on more with every second.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::call::LocalFault;

/// How long nothing is claimed after a fault.
const PAUSE: Duration = Duration::from_secs(1);
/// How long it takes until all slots are in use again.
const RECOVERY: Duration = Duration::from_secs(30);

/// How much of a worker's capacity its machine can bear.
#[derive(Debug)]
pub(crate) struct Strain {
    capacity: u32,
    state: Mutex<Option<Strained>>,
}

#[derive(Clone, Copy, Debug)]
struct Strained {
    fault: LocalFault,
    /// The end of the pause.
    from: Instant,
    /// How many slots may be in use then.
    slots: u32,
}

impl Strain {
    /// None, of a worker with so many slots.
    pub(crate) fn new(capacity: u32) -> Self {
        Self { capacity, state: Mutex::default() }
    }

    /// Notes that a call could not be made, while so many claims were held. The first fault is logged.
    pub(crate) fn note(&self, fault: LocalFault, held: u32) {
        self.note_at(fault, held, Instant::now());
    }

    /// How many slots may be in use; none: all. That it is over is logged.
    pub(crate) fn slots(&self) -> Option<u32> {
        self.slots_at(Instant::now())
    }

    /// What is wrong, for people.
    pub(crate) fn trouble(&self) -> Option<String> {
        let slots = self.slots()?;
        let strained = (*self.lock())?;
        Some(format!("{}: at most {slots} of {} calls at a time", strained.fault, self.capacity))
    }

    fn note_at(&self, fault: LocalFault, held: u32, now: Instant) {
        let mut state = self.lock();
        let before = match *state {
            // Many calls fail at the same moment, for the same reason.
            Some(strained) if now < strained.from => return,
            Some(strained) => self.slots_of(strained, now),
            None => {
                tracing::warn!("calls cannot be made from here: {fault}; they are given back, and made more slowly");
                self.capacity
            }
        };
        *state = Some(Strained { fault, from: now + PAUSE, slots: (held.min(before) / 2).max(1) });
    }

    fn slots_at(&self, now: Instant) -> Option<u32> {
        let mut state = self.lock();
        let slots = self.slots_of((*state)?, now);
        if slots < self.capacity {
            return Some(slots);
        }
        *state = None;
        tracing::info!("calls can be made from here again");
        None
    }

    fn slots_of(&self, strained: Strained, now: Instant) -> u32 {
        let Some(since) = now.checked_duration_since(strained.from) else { return 0 };
        let regained = f64::from(self.capacity) * since.as_secs_f64() / RECOVERY.as_secs_f64();
        // A float becomes the nearest integer there is.
        strained.slots.saturating_add(regained as u32).min(self.capacity)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Strained>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_fault_stops_claims_then_halves_them_and_they_come_back() {
        let strain = Strain::new(90);
        assert_eq!((strain.slots(), strain.trouble()), (None, None));
        let mut now = Instant::now();
        for held in [80, 79, 1] {
            strain.note_at(LocalFault::NoDescriptors, held, now);
        }
        assert_eq!(strain.slots_at(now), Some(0), "one fault counts, not each of a burst");
        let trouble = "no file descriptors are left: at most 0 of 90 calls at a time";
        assert_eq!(strain.trouble().as_deref(), Some(trouble));
        now += SECOND;
        assert_eq!(strain.slots_at(now), Some(40));
        now += SECOND;
        assert_eq!(strain.slots_at(now), Some(43));
        // While it lasts, one at a time and one a second.
        for _ in 0..10 {
            strain.note_at(LocalFault::NoDescriptors, 1, now);
            assert_eq!(strain.slots_at(now), Some(0));
            now += SECOND;
            assert_eq!(strain.slots_at(now), Some(1));
        }
        assert_eq!(strain.slots_at(now + RECOVERY), None);
        assert_eq!(strain.trouble(), None);
    }
}
