//! Time cut into slots, and the moment that each has in the spans of time that are allowed.

use std::ops::Range;

use crate::Time;
use crate::schedule::hours::Span;

/// Slots of one length, numbered from 0 at the origin.
///
/// Where spans are passed, they are in order and do not overlap.
#[derive(Clone, Copy)]
pub(super) struct Slots {
    /// In milliseconds, as all that is here.
    pub(super) origin: i64,
    pub(super) period: i64,
}

impl Slots {
    /// The number of the slot that `at` is in.
    pub(super) fn number(self, at: i64) -> i64 {
        (at - self.origin).div_euclid(self.period)
    }

    /// Where a slot starts.
    pub(super) fn start(self, slot: i64) -> i64 {
        self.origin + slot * self.period
    }

    /// How many of the slots with these numbers hold a part of a span. It takes the time of a walk over the spans, however
    /// many slots there are in each.
    pub(super) fn count(self, spans: impl IntoIterator<Item = Span>, numbers: Range<i64>) -> i64 {
        let (mut count, mut next) = (0, numbers.start);
        for (start, end) in spans {
            let first = self.number(start).max(next);
            next = (self.number(end - 1) + 1).min(numbers.end).max(next);
            count += (next - first).max(0);
        }
        count
    }

    /// The first slot after this one that holds a part of a span.
    pub(super) fn after(self, slot: i64, spans: impl IntoIterator<Item = Span>) -> Option<i64> {
        let from = self.start(slot + 1);
        let (start, _) = spans.into_iter().find(|(_, end)| *end > from)?;
        Some(self.number(start.max(from)))
    }

    /// The moment of a slot; none if it holds no part of a span.
    pub(super) fn moment(self, slot: i64, spans: &[Span], draw: impl FnOnce(i64) -> i64) -> Option<Time> {
        let (start, end) = (self.start(slot), self.start(slot + 1));
        moment(spans.iter().map(|span| (span.0.max(start), span.1.min(end))), draw)
    }
}

/// A moment in the spans, which are left out if they end before they start. `draw` gives a number below the length of
/// all together.
pub(super) fn moment(spans: impl Iterator<Item = Span> + Clone, draw: impl FnOnce(i64) -> i64) -> Option<Time> {
    let spans = spans.filter(|(start, end)| start < end);
    let length: i64 = spans.clone().map(|(start, end)| end - start).sum();
    let mut offset = if length > 0 { draw(length) } else { return None };
    for (start, end) in spans {
        if offset < end - start {
            return Some(Time::from_millis(start + offset));
        }
        offset -= end - start;
    }
    None
}
