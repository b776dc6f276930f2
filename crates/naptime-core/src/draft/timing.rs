//! When it is called: one of three kinds, each with fields of its own.
//!
//! What is not said stays, the zone even if the kind changes. The same timing again is the same schedule, on its grid.

use std::time::Duration;

use super::{Draft, Reader};
use crate::duration::{self, MAX_PERIOD};
use crate::{Change, Cron, Days, Invalid, Random, Schedule, Time, Windows, Zone};

/// The occurrences that tell how far apart those of a cron pattern or a random schedule are.
const SAMPLE: usize = 100;
/// From when they are taken: a Monday.
const SAMPLED_FROM: Time = Time::from_millis(1_767_571_200_000);

const KINDS: [&str; 3] = ["every", "cron", "random"];

impl Reader<'_> {
    /// The schedule that the draft says; none if it says nothing of it, or something wrong.
    pub(super) fn schedule(&mut self, draft: &Draft) -> Option<Schedule> {
        let said = [draft.every.is_some(), draft.cron.is_some(), draft.random.is_some()];
        let mut named = KINDS.into_iter().zip(said).filter(|(_, said)| *said).map(|(kind, _)| kind);
        let first = named.next();
        for other in named {
            let detail = format!("there is `{}` too; say one of them", first.unwrap_or_default());
            self.faults.push(Invalid::new(other, "conflict", detail));
        }
        if first.is_none() && self.old.is_none() {
            self.missing(
                &KINDS,
                "when to call it is missing: say `every` (like 10s, 5m or 1h 30m), `cron` or `random`",
            );
            return None;
        }
        let kind = first.or(self.old.map(|old| old.schedule.kind())).unwrap_or_default();
        let parts: [(&'static str, bool, &[&str]); 5] = [
            ("align", draft.align == Some(true), &["every"]),
            ("jitter", draft.jitter.as_ref().is_some_and(Option::is_some), &["every"]),
            ("window", draft.window.as_ref().is_some_and(Option::is_some), &["random"]),
            ("days", draft.days.as_ref().is_some_and(Option::is_some), &["random"]),
            ("tz", draft.tz.as_ref().is_some_and(Option::is_some), &["cron", "random"]),
        ];
        for (part, _, kinds) in parts.iter().filter(|(_, said, kinds)| *said && !kinds.contains(&kind)) {
            let detail = format!("`{part}` goes with `{}`, not with `{kind}`", kinds.join("` and `"));
            self.faults.push(Invalid::new(*part, "conflict", detail));
        }
        let parts = [&draft.jitter, &draft.window, &draft.tz].map(Option::is_some).into_iter();
        let parts = parts.chain([draft.align.is_some(), draft.days.is_some()]).any(|said| said);
        match kind {
            _ if first.is_none() && !parts => None,
            "every" => self.every(draft),
            "cron" => self.cron(draft),
            "random" => self.random(draft),
            _ => None,
        }
    }

    fn every(&mut self, draft: &Draft) -> Option<Schedule> {
        let old = match self.old.map(|old| &old.schedule) {
            Some(Schedule::Every { period, anchor, jitter }) => Some((*period, *anchor, *jitter)),
            _ => None,
        };
        let old_jitter = old.and_then(|(.., jitter)| jitter).map_or(Duration::ZERO, |jitter| jitter.within);
        let old_align = self.old.is_some_and(|old| old.schedule.is_aligned());
        let align = draft.align.unwrap_or(old_align);
        let period = match &draft.every {
            Some(text) => self.note(duration::parse_within("every", text, self.rules.min_period, MAX_PERIOD)),
            None => old.map(|(period, ..)| period),
        };
        let jitter = match &draft.jitter {
            Some(Some(text)) => self.note(duration::parse("jitter", text)),
            Some(None) => Some(Duration::ZERO),
            None => Some(old_jitter),
        };
        let (period, jitter) = (period?, jitter?);
        let bare = match old {
            // The same period keeps its grid.
            Some((same, anchor, _)) if same == period && align == old_align => {
                Schedule::Every { period, anchor, jitter: None }
            }
            _ if align => Schedule::aligned(period),
            _ => Schedule::every(period, self.id),
        };
        let jittered = bare.with_jitter(jitter, self.id).map_err(|fault| match draft.jitter {
            Some(_) => fault,
            None => Invalid::new("every", fault.code, format!("the jitter of {}; change both", fault.detail)),
        });
        self.note(jittered)
    }

    fn cron(&mut self, draft: &Draft) -> Option<Schedule> {
        let zone = self.zone(draft);
        let old = match self.old.map(|old| &old.schedule) {
            Some(Schedule::Cron(old)) => Some(old),
            _ => None,
        };
        let text = draft.cron.as_deref().or(old.map(Cron::text))?;
        let seed = old.and_then(Cron::seed).unwrap_or(self.id.hash());
        let cron = self.note(Cron::parse(text, zone.clone().unwrap_or(Zone::UTC), seed));
        if let Some(cron) = cron.as_ref().filter(|_| draft.cron.is_some()) {
            self.cron_often(cron.text(), seed);
        }
        let (zone, cron) = (zone?, cron?);
        if matches!(draft.tz, Some(Some(_))) && *cron.zone() != zone {
            let detail = format!("the pattern is in {} already; say one of them", cron.zone());
            self.faults.push(Invalid::new("tz", "conflict", detail));
        }
        Some(Schedule::Cron(cron))
    }

    /// A pattern may come no more often than the shortest period allows.
    fn cron_often(&mut self, text: &str, seed: u64) {
        // In UTC no change of the clock comes between.
        let Ok(cron) = Cron::parse(text, Zone::UTC, seed) else { return };
        let (closest, _) = gaps(&Schedule::Cron(cron));
        if closest < self.rules.min_period {
            let (closest, min) = (duration::show(closest), duration::show(self.rules.min_period));
            let detail = format!("it comes {closest} after the time before; the shortest period is {min}");
            self.faults.push(Invalid::new("cron", "too_often", detail));
        }
    }

    fn random(&mut self, draft: &Draft) -> Option<Schedule> {
        let old = match self.old.map(|old| &old.schedule) {
            Some(Schedule::Random(random)) => Some(random),
            _ => None,
        };
        let period = match &draft.random {
            Some(text) => self.note(duration::parse_within("random", text, self.rules.min_period, MAX_PERIOD)),
            None => old.map(Random::period),
        };
        let windows = match &draft.window {
            Some(text) => self.note(text.as_deref().map(str::parse::<Windows>).transpose()),
            None => Some(old.and_then(Random::windows).cloned()),
        };
        let days = match &draft.days {
            Some(Some(items)) => self.note(Days::parse_list(items.iter().map(String::as_str))),
            Some(None) => Some(Days::ALL),
            None => Some(old.map_or(Days::ALL, Random::days)),
        };
        let zone = self.zone(draft);
        let seed = old.map_or(self.id.hash(), Random::seed);
        self.note(Random::new(period?, windows?, days?, zone?, seed)).map(Schedule::Random)
    }

    /// The zone that is said, or else the one there is already, or else UTC.
    fn zone(&mut self, draft: &Draft) -> Option<Zone> {
        match &draft.tz {
            Some(Some(name)) => self.note(Zone::parse(name)),
            Some(None) => Some(Zone::UTC),
            None => {
                let name = self.old.and_then(|old| old.schedule.zone());
                Some(name.and_then(|name| Zone::parse(name).ok()).unwrap_or(Zone::UTC))
            }
        }
    }

    /// An SLA shorter than the longest gap between two calls could not be met.
    pub(super) fn sla_and_schedule(&mut self, change: &Change) {
        let old = self.old;
        let changed = change.schedule.as_ref().is_some_and(|new| old.is_none_or(|old| old.schedule != *new))
            || change.sla.is_some_and(|new| old.is_none_or(|old| old.sla != new));
        let schedule = change.schedule.as_ref().or(old.map(|old| &old.schedule));
        let (Some(schedule), Some(sla)) = (schedule, change.sla.unwrap_or(old.and_then(|old| old.sla))) else {
            return;
        };
        let gap = if changed { schedule.longest_gap().unwrap_or_else(|| gaps(schedule).1) } else { Duration::ZERO };
        if sla >= gap {
            return;
        }
        let (gap, sla) = (duration::show(gap), duration::show(sla));
        self.faults.push(match change.sla {
            Some(_) => Invalid::new(
                "sla",
                "shorter_than_period",
                format!("calls can be {gap} apart, so an SLA of {sla} could not be met"),
            ),
            None => Invalid::new(
                schedule.kind(),
                "longer_than_sla",
                format!("calls can be {gap} apart, which the SLA of {sla} does not allow; change both"),
            ),
        });
    }
}

/// How far apart occurrences are, at least and at most, in full seconds. Those of a sample are taken for all.
fn gaps(schedule: &Schedule) -> (Duration, Duration) {
    let times = schedule.upcoming(SAMPLED_FROM, SAMPLE);
    let apart = |pair: &[Time]| Duration::from_secs(pair[1].since(pair[0]).as_secs());
    let apart: Vec<Duration> = times.windows(2).map(apart).collect();
    let of = |gap: Option<&Duration>| gap.copied().unwrap_or_default();
    (of(apart.iter().min()), of(apart.iter().max()))
}
