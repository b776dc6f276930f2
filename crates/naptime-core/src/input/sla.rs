//! The SLA, and whether a schedule can keep it.

use std::time::Duration;

use super::fields::Fields;
use crate::duration::{self, MAX_PERIOD};
use crate::{Days, Hours, Schedule, Sla, Spec, Time, Windows, Zone};

/// The shortest SLA.
const MIN_SLA: Duration = Duration::from_secs(1);
/// The occurrences that tell how far apart those of a cron pattern or a random schedule are.
const SAMPLE: usize = 100;
/// How often the longest gap is looked for.
const MAX_PROBED: usize = 100_000;
const MILLISECOND: Duration = Duration::from_millis(1);
const YEAR: Duration = Duration::from_secs(366 * 86_400);
/// From when they are taken: a Monday.
const SAMPLED_FROM: Time = Time::from_millis(1_767_571_200_000);

/// Reads the SLA: a duration, or an object if it holds within hours. A zone that is not said is that of the schedule.
pub(super) fn sla(fields: &mut Fields, schedule: Option<&Schedule>, old: Option<Sla>) -> Option<Sla> {
    let said = if fields.has_object("sla") {
        let expected = "a duration, or an object of `every`, `within`, `days` and `tz`";
        fields.within("sla", expected, |fields| within_hours(fields, schedule, old.as_ref()))
    } else {
        fields.duration("sla", MIN_SLA, MAX_PERIOD).map(Sla::from)
    };
    said.some().or(old, None)
}

fn within_hours(fields: &mut Fields, schedule: Option<&Schedule>, old: Option<&Sla>) -> Option<Sla> {
    let old_hours = old.and_then(Sla::hours);
    let every = fields.duration("sla.every", MIN_SLA, MAX_PERIOD).value().or(old.map(Sla::every));
    if every.is_none() && !fields.is_faulty("sla.every") {
        fields.fault("sla.every", "missing", "how often it is to be called well is missing; write it like 15m");
    }
    let zone_said = fields.says("sla.tz");
    let windows = fields.parsed("sla.within", str::parse::<Windows>).some();
    let windows = windows.or(old_hours.and_then(|hours| hours.windows.clone()), None);
    let list = |list: Vec<String>| Days::parse_list(list.iter().map(String::as_str));
    let days = fields.list("sla.days", "weekdays", list).or(old_hours.map_or(Days::ALL, |hours| hours.days), Days::ALL);
    let default_zone =
        || schedule.and_then(Schedule::zone).and_then(|name| Zone::parse(name).ok()).unwrap_or(Zone::UTC);
    let old_zone = old_hours.map_or_else(default_zone, |hours| hours.zone.clone());
    let zone = fields.parsed("sla.tz", Zone::parse).or(old_zone, default_zone());
    let hours = Hours { windows, days, zone };
    if fields.is_faulty("sla") {
        return None;
    }
    if zone_said && hours.is_always() {
        fields.fault("sla.tz", "conflict", "a time zone goes with hours or days, and none are said");
    }
    let sla = Sla::within(every?, hours);
    fields.note(sla)
}

/// An SLA shorter than the longest gap between two calls could not be met.
pub(super) fn check(fields: &mut Fields, new: &Spec, old: Option<&Spec>) {
    let Some(sla) = &new.sla else { return };
    let is_sla_changed = old.is_none_or(|old| old.sla != new.sla);
    // What was promised before stops no other change.
    if !is_sla_changed && old.is_some_and(|old| old.schedule == new.schedule) {
        return;
    }
    let gap = longest_gap(&new.schedule, sla);
    if gap <= sla.every() {
        return;
    }
    let within = sla.hours().map(|hours| format!("within {hours}, ")).unwrap_or_default();
    let (gap, sla) = (duration::show(gap), duration::show(sla.every()));
    if is_sla_changed {
        let detail = format!("{within}calls can be {gap} apart, so an SLA of {sla} could not be met");
        fields.fault("sla", "shorter_than_period", detail);
    } else {
        let detail = format!("{within}calls can be {gap} apart, which the SLA of {sla} does not allow; change both");
        let same_kind = old.is_some_and(|old| old.schedule.base() == new.schedule.base());
        let field = if same_kind { "except" } else { new.schedule.kind() };
        fields.fault(field, "longer_than_sla", detail);
    }
}

/// How far apart occurrences are in the hours of the SLA, at most, if that is longer than the SLA.
fn longest_gap(schedule: &Schedule, sla: &Sla) -> Duration {
    // A pause suspends the promise.
    let schedule = schedule.resumed();
    let mut search = Search { schedule: &schedule, longest: sla.every(), probes: MAX_PROBED };
    if let Some(hours) = sla.hours() {
        search.hours_of_a_year(hours);
        return search.longest;
    }
    let base = schedule.base();
    let gap = schedule.longest_gap().unwrap_or_else(|| {
        let mut search = Search { schedule: base, ..search };
        search.year();
        gaps(base).1.max(search.longest)
    });
    gap.max(schedule.longest_exception())
}

/// A search for the longest gap between occurrences, in full seconds.
struct Search<'a> {
    schedule: &'a Schedule,
    /// The longest so far. What is shorter is not looked for.
    longest: Duration,
    /// How often it may still be looked for. Of an SLA under five minutes not all of a year is looked at, but of one of
    /// six seconds still a week.
    probes: usize,
}

impl Search<'_> {
    /// The gaps of a year.
    fn year(&mut self) {
        if let Some(first) = self.schedule.first(SAMPLED_FROM) {
            self.stretch(first, first + YEAR, None);
        }
    }

    /// The gaps within the hours of a year.
    fn hours_of_a_year(&mut self, hours: &Hours) {
        let Some(first) = self.schedule.first(SAMPLED_FROM) else { return };
        let mut at = first;
        while let Some((open, close)) = hours.stretch(at).filter(|(open, _)| *open < first + YEAR) {
            let open = open.max(first);
            match self.schedule.first(open - MILLISECOND) {
                Some(next) if next < close => self.stretch(open, close, Some(close)),
                // Where all of the hours have no call, nothing is promised if they are too short for it.
                Some(next) if close.since(open) >= self.longest => self.longest = next.since(open),
                Some(_) => {}
                None => break,
            }
            at = close;
        }
    }

    /// The gaps that end after `at` and begin before `until`. None is longer than up to `close`.
    fn stretch(&mut self, mut at: Time, until: Time, close: Option<Time>) {
        while at < until && self.probes > 0 {
            self.probes -= 1;
            // Whichever gap from here on is longer, the first of them ends at the first occurrence beyond it.
            let Some(next) = self.schedule.first(at + self.longest) else { return };
            let end = close.map_or(next, |close| close.min(next));
            let before_end = self.schedule.first(end - self.longest - MILLISECOND);
            if before_end.is_none_or(|before| before >= end) {
                let last = self.schedule.last_between(at, end).unwrap_or(at);
                self.longest = self.longest.max(Duration::from_secs(end.since(last).as_secs()));
            }
            at = next;
        }
    }
}

/// How far apart occurrences are, at least and at most, in full seconds. Those of a sample are taken for all.
pub(super) fn gaps(schedule: &Schedule) -> (Duration, Duration) {
    let times = schedule.upcoming(SAMPLED_FROM, SAMPLE);
    let apart = |pair: &[Time]| Duration::from_secs(pair[1].since(pair[0]).as_secs());
    let apart: Vec<Duration> = times.windows(2).map(apart).collect();
    let of = |gap: Option<&Duration>| gap.copied().unwrap_or_default();
    (of(apart.iter().min()), of(apart.iter().max()))
}
