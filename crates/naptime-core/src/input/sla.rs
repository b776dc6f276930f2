//! The SLA, and whether a schedule can keep it.

use std::time::Duration;

use super::fields::{Fields, wrong_type};
use super::shape::Kind;
use crate::duration::{self, MAX_PERIOD};
use crate::{Bounds, Days, Hours, Schedule, Sla, Spec, Time, Windows, Zone};

/// The shortest SLA.
const MIN_SLA: Duration = Duration::from_secs(1);

/// Reads the SLA: a duration, or an object if it holds within hours. Hours without a zone are by that of the schedule.
pub(super) fn sla(fields: &mut Fields, schedule: Option<&Schedule>, old: Option<Sla>) -> Option<Sla> {
    let said = if fields.has_object("sla") {
        fields.within("sla", "an object", |fields| within_hours(fields, schedule, old.as_ref()))
    } else if fields.says("sla") && !fields.has_text_or_number("sla") {
        let expected = "a duration like \"5m\", or an object of `every`, `within`, `days` and `tz`";
        fields.read("sla", Kind::Text, |value| Err(wrong_type("sla", expected, &value)))
    } else {
        fields.duration("sla", MIN_SLA, MAX_PERIOD).map(Sla::from)
    };
    said.some().or(old, None)
}

fn within_hours(fields: &mut Fields, schedule: Option<&Schedule>, old: Option<&Sla>) -> Option<Sla> {
    let old_hours = old.and_then(Sla::hours);
    let every = fields.duration("sla.every", MIN_SLA, MAX_PERIOD).some().or(old.map(Sla::every), None);
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
pub(super) fn check(fields: &mut Fields, new: &Spec, old: Option<&Spec>, now: Time) {
    let Some(sla) = &new.sla else { return };
    let is_sla_changed = old.is_none_or(|old| old.sla != new.sla);
    // What was promised before stops no other change, and a pause suspends it.
    if !is_sla_changed && old.is_some_and(|old| old.schedule.resumed() == new.schedule.resumed()) {
        return;
    }
    let gap = new.schedule.longest_gap(sla.hours(), sla.every(), now);
    if gap <= sla.every() {
        return;
    }
    let shown = duration::show(gap);
    let gap = match sla.hours() {
        None => format!("calls can be {shown} apart"),
        Some(hours) if hours.shortest_stretch().is_some_and(|shortest| gap > shortest) => {
            format!("within {hours}, there can be no call at all (calls can be {shown} apart)")
        }
        Some(hours) => format!("within {hours}, calls can be {shown} apart"),
    };
    let sla = duration::show(sla.every());
    if is_sla_changed {
        fields.fault("sla", "shorter_than_period", format!("{gap}, so an SLA of {sla} could not be met"));
    } else {
        let detail = format!("{gap}, which the SLA of {sla} does not allow; change both");
        fields.fault(changed(new, old), "longer_than_sla", detail);
    }
}

/// The field of the schedule that was changed.
fn changed(new: &Spec, old: Option<&Spec>) -> &'static str {
    let Some(old) = old.filter(|old| old.schedule.base() == new.schedule.base()) else { return new.schedule.kind() };
    let bounds = |spec: &Spec| spec.schedule.bounds().cloned().unwrap_or_else(Bounds::none);
    let (old, new) = (bounds(old), bounds(new));
    if old.except != new.except {
        "except"
    } else if old.zone != new.zone {
        "tz"
    } else {
        "from"
    }
}
