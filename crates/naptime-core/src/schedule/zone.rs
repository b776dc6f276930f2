//! Time zones, and what becomes of local times when the clocks change.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use jiff::Zoned;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::Tzdb;
use crate::{Invalid, Time};

/// A time zone of the IANA database. Cheap to clone.
#[derive(Clone)]
pub struct Zone(TimeZone);

/// Zones that people take for those of a place, where the clocks change; and what these are.
const WITHOUT_SUMMER_TIME: [(&str, &str); 3] = [
    ("EST", "EST has no summer time: it is 5 hours behind UTC all year. Where clocks change, write America/New_York."),
    ("MST", "MST has no summer time: it is 7 hours behind UTC all year. Where clocks change, write America/Denver."),
    ("HST", "HST has no summer time: it is 10 hours behind UTC all year, as Hawaii is."),
];

/// A time in which the clocks of a zone are not changed.
#[derive(Clone, Copy)]
pub(super) struct Stretch {
    /// How many seconds they are ahead of UTC.
    pub(super) offset: i64,
    /// The moment when they are changed next, in seconds since 1970; `i64::MAX` if they never are.
    pub(super) end: i64,
}

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(TimeZone::UTC);

    /// Reads a name like `Europe/Berlin`; upper and lower case are the same.
    ///
    /// # Errors
    /// At `tz`, if there is no zone of that name.
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        let zone = Tzdb::current().zones.get(name.trim()).ok();
        zone.filter(|zone| zone.iana_name().is_some()).map(Self).ok_or_else(|| {
            let name = crate::request::excerpt(name, 40);
            let detail = format!("`{name}` is not a known time zone; write it like Europe/Berlin or UTC");
            Invalid::new("tz", "unknown_zone", detail)
        })
    }

    /// Its name, like `Europe/Berlin`.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// What whoever chose the zone of this name may not know of it.
    pub fn note(name: &str) -> Option<&'static str> {
        WITHOUT_SUMMER_TIME.iter().find(|(known, _)| *known == name).map(|(_, note)| *note)
    }

    /// The moment as a clock and a calendar in this zone show it, to the second: `Mon 2026-01-05 09:00:00 CET`. Where the
    /// zone has no abbreviation, there is the offset.
    pub fn show(&self, at: Time) -> String {
        self.clock(at).map_or_else(|| at.to_string(), |clock| clock.strftime("%a %Y-%m-%d %H:%M:%S %Z").to_string())
    }

    /// The moment as it is typed in this zone: `2026-01-05 09:00:00+01:00`. With the offset, it means one moment also when
    /// clocks are put back.
    pub fn write(&self, at: Time) -> String {
        self.clock(at).map_or_else(|| at.to_string(), |clock| clock.strftime("%Y-%m-%d %H:%M:%S%.f%:z").to_string())
    }

    /// The moment as a clock in this zone shows it; none outside the years -9999 to 9999.
    pub(crate) fn clock(&self, at: Time) -> Option<Zoned> {
        Some(Timestamp::from_millisecond(at.millis()).ok()?.to_zoned(self.0.clone()))
    }

    /// The stretch without a change of the clocks that holds a moment, in seconds since 1970; none outside the years
    /// -9999 to 9999.
    pub(super) fn stretch(&self, at: i64) -> Option<Stretch> {
        let at = Timestamp::from_second(at).ok()?;
        let end = self.0.following(at).next().map_or(i64::MAX, |change| change.timestamp().as_second());
        Some(Stretch { offset: self.offset(at), end })
    }

    /// What the clocks would have shown at their last change, up to and including `at`, without it: all local times
    /// before that had come. In seconds, as if the zone were UTC; none if they were never changed.
    pub(super) fn shown_before(&self, at: i64) -> Option<i64> {
        let later = Timestamp::from_second(at.checked_add(1)?).ok()?;
        let change = self.0.preceding(later).next()?.timestamp().as_second();
        Some(change + self.offset(Timestamp::from_second(change - 1).ok()?))
    }

    fn offset(&self, at: Timestamp) -> i64 {
        self.0.to_offset(at).seconds().into()
    }

    /// The moment that is meant by a local time: the first of two. A local time that clocks leave out as they are put
    /// forward is later by as much as they are. None outside the years -9999 to 9999.
    pub(crate) fn moment(&self, wall: DateTime) -> Option<Time> {
        self.0.to_ambiguous_timestamp(wall).compatible().ok().map(Time::from)
    }

    /// The first moment that a clock in this zone shows `wall`. If it never does, because the clocks are put forward
    /// over it, the moment that they are.
    pub(super) fn first(&self, wall: DateTime) -> Option<Time> {
        let ambiguous = self.0.to_ambiguous_timestamp(wall);
        if let AmbiguousOffset::Gap { before, .. } = ambiguous.offset() {
            // With the old offset it is within the length of the gap after the change.
            let later = before.to_timestamp(wall).ok()? + Duration::from_millis(1);
            return self.0.preceding(later).next().map(|change| time(change.timestamp()));
        }
        ambiguous.earlier().ok().map(time)
    }

    /// The last moment that a clock in this zone shows `wall`; as [`Zone::first`] if there are not two.
    pub(super) fn last(&self, wall: DateTime) -> Option<Time> {
        match self.0.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Fold { after, .. } => after.to_timestamp(wall).ok().map(time),
            _ => self.first(wall),
        }
    }
}

pub(super) fn time(timestamp: Timestamp) -> Time {
    Time::from_millis(timestamp.as_millisecond())
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(zone: &str, wall: &str, first: &str, last: &str) {
        let (zone, wall) = (Zone::parse(zone).expect("a zone"), wall.parse().expect("a local time"));
        assert_eq!(zone.first(wall), first.parse().ok(), "first {wall} in {zone}");
        assert_eq!(zone.last(wall), last.parse().ok(), "last {wall} in {zone}");
    }

    #[test]
    fn local_times_across_changes_of_the_clock() {
        check("Europe/Berlin", "2026-03-29T01:59:59.999", "2026-03-29T00:59:59.999Z", "2026-03-29T00:59:59.999Z");
        // 02:00 to 03:00 does not exist.
        check("Europe/Berlin", "2026-03-29T02:00:00", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z");
        check("Europe/Berlin", "2026-03-29T02:59:59.999", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z");
        check("Europe/Berlin", "2026-03-29T03:00:00", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z");
        // 02:00 to 03:00 comes twice.
        check("Europe/Berlin", "2026-10-25T02:30:00", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z");
        check("Europe/Berlin", "2026-10-25T03:00:00", "2026-10-25T02:00:00Z", "2026-10-25T02:00:00Z");
        // Half an hour.
        check("Australia/Lord_Howe", "2026-10-04T02:10:00", "2026-10-03T15:30:00Z", "2026-10-03T15:30:00Z");
        check("Australia/Lord_Howe", "2026-04-05T01:40:00", "2026-04-04T14:40:00Z", "2026-04-04T15:10:00Z");
        check("Asia/Kolkata", "2026-10-25T02:30:00", "2026-10-24T21:00:00Z", "2026-10-24T21:00:00Z");
    }

    #[test]
    fn times_are_shown_as_the_zone_tells_them() {
        let check = |zone: &str, at: &str, expect: &str| {
            assert_eq!(Zone::parse(zone).expect("a zone").show(at.parse().expect("a time")), expect);
        };
        check("UTC", "2026-01-05T09:00:00.999Z", "Mon 2026-01-05 09:00:00 UTC");
        check("Europe/Berlin", "2026-07-05T22:00:00.000Z", "Mon 2026-07-06 00:00:00 CEST");
        check("America/Sao_Paulo", "2026-01-05T02:00:00.000Z", "Sun 2026-01-04 23:00:00 -03");
    }

    #[test]
    fn zones_have_names() {
        assert_eq!(Zone::parse(" europe/berlin ").map(|zone| zone.to_string()).as_deref(), Ok("Europe/Berlin"));
        assert_eq!(Zone::parse("UTC"), Ok(Zone::UTC));
        for unknown in ["", "Europe/Foobar", "+02:00", "../etc/passwd", "Etc/Unknown", "CET-1CEST"] {
            let invalid = Zone::parse(unknown).expect_err(unknown);
            assert_eq!((&*invalid.field, invalid.code), ("tz", "unknown_zone"), "{unknown}");
        }
    }
}
