//! When an endpoint is called: one of three kinds, each with fields of its own.
//!
//! Each kind may have bounds (`from`, `until`, `except`, `pause`).
//!
//! What is not said stays, the zone and the bounds even if the kind changes. The same timing again is the same schedule, on its grid.

use std::time::Duration;

use super::Limits;
use super::fields::Fields;
use crate::duration::{self, MAX_PERIOD};
use crate::{Bounds, Cron, Days, Exceptions, Invalid, JobId, Pause, Random, Schedule, Windows, Zone, read_at};

/// The kinds, each a field that names it.
const KINDS: [&str; 3] = ["every", "cron", "random"];
/// The fields that belong to some kinds only.
const PARTS: [(&str, &[&str]); 5] = [
    ("align", &["every"]),
    ("jitter", &["every"]),
    ("window", &["random"]),
    ("days", &["random"]),
    // Of an `every`, only the bounds have a zone.
    ("tz", &["cron", "random", "every"]),
];
/// The fields that go with every kind of timing.
pub const BOUNDS: [&str; 4] = ["from", "until", "except", "pause"];
/// The most characters of the note on a pause.
const MAX_NOTE: usize = 200;

/// The schedule that the fields say, or the one there is already.
pub(super) fn schedule(fields: &mut Fields, limits: Limits<'_>, id: JobId, old: Option<&Schedule>) -> Option<Schedule> {
    let reader = Reader { limits, id, old: old.map(Schedule::base), bounded: old };
    let parts = PARTS.map(|(part, _)| part);
    let is_said = |fields: &Fields, names: &[&str]| names.iter().any(|name| fields.has(name));
    let base = match reader.old {
        Some(old) if !is_said(fields, &KINDS) && !is_said(fields, &parts) => Some(old.clone()),
        _ => reader.base(fields),
    };
    reader.within_bounds(fields, base)
}

struct Reader<'a> {
    limits: Limits<'a>,
    id: JobId,
    /// What there is already, without its bounds; none of a new job.
    old: Option<&'a Schedule>,
    /// The same with its bounds.
    bounded: Option<&'a Schedule>,
}

impl Reader<'_> {
    /// The schedule without its bounds.
    fn base(&self, fields: &mut Fields) -> Option<Schedule> {
        let said: Vec<&str> = KINDS.into_iter().filter(|kind| fields.says(kind)).collect();
        let Some(kind) = said.first().copied().or(self.old.map(Schedule::kind)) else {
            let detail = "when to call it is missing: say `every` (like 10s, 5m or 1h 30m), `cron` or `random`";
            fields.fault("every", "missing", detail);
            for name in KINDS.iter().chain(&PARTS.map(|(part, _)| part)) {
                fields.skip(name);
            }
            return None;
        };
        for other in KINDS.into_iter().filter(|other| *other != kind) {
            if fields.skip(other) {
                fields.fault(other, "conflict", format!("there is `{kind}` too; say one of them"));
            }
        }
        for (part, kinds) in PARTS.into_iter().filter(|(_, kinds)| !kinds.contains(&kind)) {
            // A box that is not ticked says nothing.
            let is_off = part == "align" && fields.is_false(part);
            if fields.skip(part) && !is_off {
                let detail = format!("`{part}` goes with `{}`, not with `{kind}`", kinds.join("` and `"));
                fields.fault(part, "conflict", detail);
            }
        }
        match kind {
            "every" => self.every(fields),
            "cron" => self.cron(fields),
            "random" => self.random(fields),
            _ => self.old.cloned(),
        }
    }

    fn every(&self, fields: &mut Fields) -> Option<Schedule> {
        let old = match self.old {
            Some(Schedule::Every { period, anchor, jitter }) => Some((*period, *anchor, *jitter)),
            _ => None,
        };
        let old_jitter = old.and_then(|(.., jitter)| jitter).map_or(Duration::ZERO, |jitter| jitter.within);
        let old_align = self.old.is_some_and(Schedule::is_aligned);
        let align = fields.flag("align").or(old_align, false);
        let said = fields.says("jitter");
        let period = fields.duration("every", self.limits.min_period, MAX_PERIOD);
        let jitter = fields.duration("jitter", Duration::ZERO, MAX_PERIOD).or(old_jitter, Duration::ZERO);
        let period = period.value().or(old.map(|(period, ..)| period).filter(|_| !fields.is_faulty("every")))?;
        if fields.is_faulty("jitter") {
            return None;
        }
        let bare = match old {
            // The same period keeps its grid.
            Some((same, anchor, _)) if same == period && align == old_align => {
                Schedule::Every { period, anchor, jitter: None }
            }
            _ if align => Schedule::aligned(period),
            _ => Schedule::every(period, self.id),
        };
        let jittered = bare.with_jitter(jitter, self.id).map_err(|fault| {
            if said {
                return fault;
            }
            Invalid::new("every", fault.code, format!("the jitter of {}; change both", fault.detail))
        });
        fields.note(jittered)
    }

    fn cron(&self, fields: &mut Fields) -> Option<Schedule> {
        let old = match self.old {
            Some(Schedule::Cron(old)) => Some(old),
            _ => None,
        };
        let (said, zone_said) = (fields.says("cron"), fields.says("tz"));
        let zone = self.zone(fields);
        let text = fields.text("cron").value().or_else(|| old.map(|old| old.text().to_owned()))?;
        let seed = old.and_then(Cron::seed).unwrap_or(self.id.hash());
        let cron = fields.note(Cron::parse(&text, zone.clone().unwrap_or(Zone::UTC), seed));
        if let Some(cron) = cron.as_ref().filter(|_| said) {
            self.check_often(fields, cron.text(), seed);
        }
        let (zone, cron) = (zone?, cron?);
        if zone_said && *cron.zone() != zone {
            let detail = format!("the pattern is in {} already; say one of them", cron.zone());
            fields.fault("tz", "conflict", detail);
        }
        Some(Schedule::Cron(cron))
    }

    /// A pattern may come no more often than the shortest period allows.
    fn check_often(&self, fields: &mut Fields, text: &str, seed: u64) {
        // In UTC no change of the clock comes between.
        let Ok(cron) = Cron::parse(text, Zone::UTC, seed) else { return };
        let closest = Schedule::Cron(cron).closest();
        if closest < self.limits.min_period {
            let (closest, min) = (duration::show(closest), duration::show(self.limits.min_period));
            let detail = format!("it comes {closest} after the time before; the shortest period is {min}");
            fields.fault("cron", "too_often", detail);
        }
    }

    fn random(&self, fields: &mut Fields) -> Option<Schedule> {
        let old = match self.old {
            Some(Schedule::Random(random)) => Some(random),
            _ => None,
        };
        let period = fields.duration("random", self.limits.min_period, MAX_PERIOD);
        let old_windows = old.and_then(Random::windows).cloned();
        let windows = fields.parsed("window", str::parse::<Windows>).some().or(old_windows, None);
        let list = |list: Vec<String>| Days::parse_list(list.iter().map(String::as_str));
        let days = fields.list("days", "weekdays", list).or(old.map_or(Days::ALL, Random::days), Days::ALL);
        let zone = self.zone(fields);
        if ["random", "window", "days"].iter().any(|name| fields.is_faulty(name)) {
            return None;
        }
        let period = period.value().or(old.map(Random::period))?;
        let seed = old.map_or(self.id.hash(), Random::seed);
        let random = Random::new(period, windows, days, zone?, seed);
        fields.note(random).map(Schedule::Random)
    }

    /// The schedule within the bounds that are said, or else those there are already. If there is no schedule to be had,
    /// they are read for their faults.
    fn within_bounds(&self, fields: &mut Fields, base: Option<Schedule>) -> Option<Schedule> {
        let is_every = base.as_ref().is_some_and(|base| base.kind() == "every");
        let zone_said = is_every && fields.says("tz");
        let zone = match base.as_ref().and_then(Schedule::zone) {
            Some(name) => Zone::parse(name).ok(),
            None => self.zone(fields),
        };
        let old = self.bounded.and_then(Schedule::bounds).cloned().unwrap_or_else(Bounds::none);
        let in_zone = zone.clone().unwrap_or(Zone::UTC);
        let read_time = |text: &str| read_at(text, Some(&in_zone));
        let from = fields.parsed("from", read_time).some().or(old.from, None);
        let until = fields.parsed("until", read_time).some().or(old.until, None);
        let list = |list: Vec<String>| Exceptions::parse_list(list.iter().map(String::as_str));
        let except = fields.list("except", "exceptions", list).or(old.except, Exceptions::default());
        let paused = fields
            .within("pause", "an object of `until` and `note`", |fields| pause(fields, old.pause.clone(), &in_zone));
        let pause = paused.some().or(old.pause, None);
        if BOUNDS.iter().any(|name| fields.is_faulty(name)) {
            return None;
        }
        let bounds = Bounds { from, until, except, pause, zone: zone? };
        if zone_said && bounds.is_none() {
            let detail = "`tz` goes with `cron` and `random`, and with `every` if there is `from`, `until`, `except` or `pause`; the \
                 hours of an SLA have a zone of their own";
            fields.fault("tz", "conflict", detail);
        }
        let base = base?;
        // What was stored before is not judged again.
        if Some(&base) == self.old && self.bounded.is_some_and(|old| old.bounds() == Some(&bounds)) {
            return self.bounded.cloned();
        }
        fields.note(base.within(bounds))
    }

    /// The zone that is said, or else the one there is already, or else UTC.
    fn zone(&self, fields: &mut Fields) -> Option<Zone> {
        let old = || self.bounded.and_then(Schedule::zone).and_then(|name| Zone::parse(name).ok());
        let zone = fields.parsed("tz", Zone::parse).or(old().unwrap_or(Zone::UTC), Zone::UTC);
        Some(zone).filter(|_| !fields.is_faulty("tz"))
    }
}

/// For how long it is paused, and why. A time or a reason is asked for, so that nobody wonders later.
fn pause(fields: &mut Fields, old: Option<Pause>, zone: &Zone) -> Option<Pause> {
    let old = old.unwrap_or(Pause { until: None, note: String::new() });
    let until = fields.parsed("pause.until", |text| read_at(text, Some(zone))).some().or(old.until, None);
    let note = fields.parsed("pause.note", |text| {
        let note = text.trim();
        if note.chars().count() > MAX_NOTE || note.chars().any(char::is_control) {
            let detail = format!("a note is one line of up to {MAX_NOTE} characters");
            return Err(Invalid::new("pause.note", "out_of_range", detail));
        }
        Ok(note.to_owned())
    });
    let note = note.or(old.note, String::new());
    if until.is_none() && note.is_empty() && !fields.is_faulty("pause") {
        fields.fault(
            "pause.until",
            "missing",
            "say until when, or leave a note why it is paused until somebody resumes it",
        );
    }
    Some(Pause { until, note })
}
