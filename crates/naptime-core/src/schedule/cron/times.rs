//! The times of the day that a pattern names.

use super::set::Set;

/// Seconds, minutes and hours: all their combinations are times of the day. None of the sets is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) seconds: Set,
    pub(super) minutes: Set,
    pub(super) hours: Set,
}

impl Times {
    /// How many there are in a day.
    pub(super) fn count(&self) -> u64 {
        u64::from(self.hours.count() * self.minutes.count() * self.seconds.count())
    }

    /// The first one that is not before the second `from` of the day, in seconds since midnight.
    pub(super) fn from(&self, from: u32) -> Option<u32> {
        let (hour, minute, second) = (from / 3600, from / 60 % 60, from % 60);
        let (first_minute, first_second) = (self.minutes.from(0)?, self.seconds.from(0)?);
        let time = |hour, minute, second| Some(hour * 3600 + minute * 60 + second);
        if self.hours.has(hour) {
            if self.minutes.has(minute)
                && let Some(second) = self.seconds.from(second)
            {
                return time(hour, minute, second);
            }
            if let Some(minute) = self.minutes.from(minute + 1) {
                return time(hour, minute, first_second);
            }
        }
        time(self.hours.from(hour + 1)?, first_minute, first_second)
    }

    /// How many there are before the second `until` of the day.
    pub(super) fn before(&self, until: u32) -> u64 {
        let (hour, minute, second) = (until / 3600, until / 60 % 60, until % 60);
        let (minutes, seconds) = (self.minutes.count(), self.seconds.count());
        let mut count = self.hours.below(hour) * minutes * seconds;
        if self.hours.has(hour) {
            count += self.minutes.below(minute) * seconds;
            if self.minutes.has(minute) {
                count += self.seconds.below(second);
            }
        }
        count.into()
    }
}
