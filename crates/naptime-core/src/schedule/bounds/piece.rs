//! Time, cut where exceptions begin and end.

use crate::Time;
use crate::schedule::{Exceptions, Zone};

/// A time through which an exception holds, or none does.
pub(super) struct Piece {
    pub(super) is_excepted: bool,
    /// The first moment after it. What holds then may be the same.
    pub(super) end: Time,
}

const MILLIS_PER_MINUTE: i64 = 60_000;

impl Piece {
    /// The rest of the piece that a moment is in; none outside the calendar.
    pub(super) fn at(except: &Exceptions, zone: &Zone, at: Time) -> Option<Self> {
        let stretch = zone.stretch(at.millis().div_euclid(1000))?;
        let offset = stretch.offset * 1000;
        let minute = (at.millis() + offset).div_euclid(MILLIS_PER_MINUTE);
        let held = except.end(minute);
        let end = held.or_else(|| except.start_after(minute));
        let end = end.map_or(i64::MAX, |end| end * MILLIS_PER_MINUTE - offset);
        // What the clock shows is another time after a change.
        let end = Time::from_millis(end.min(stretch.end.saturating_mul(1000)));
        Some(Self { is_excepted: held.is_some(), end })
    }
}
