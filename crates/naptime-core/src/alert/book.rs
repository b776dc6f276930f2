//! Which problems are open, who was told of them, and who is to be told next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Alert, Event, Mute, Receiver, Says};
use crate::Time;
use crate::problem::{Report, Severity};

/// The most alerts that a receiver gets in a minute one by one. What is more comes as one.
const MAX_IN_A_MINUTE: usize = 20;
const MINUTE: Duration = Duration::from_secs(60);

/// All that is known of alerts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Book {
    /// The problems that are open, and those that are over and of which somebody has still to be told so, by their ids.
    pub open: BTreeMap<String, Open>,
    /// What was sent to each receiver, by their names.
    pub sent: BTreeMap<String, Sent>,
}

/// A problem from when it was found until all who were told of it know that it is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Open {
    /// The problem, as it was when it was opened, or got worse.
    pub report: Report,
    /// When it was found.
    pub opened_at: Time,
    /// Since when it is not found any more. It may come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_at: Option<Time>,
    /// Whether it was not found only because a worse problem hides it, the last time that somebody looked.
    #[serde(skip)]
    hidden: bool,
    /// When somebody said that they know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<Time>,
    /// Who was told, by the names of receivers.
    #[serde(default)]
    pub told: BTreeMap<String, Told>,
}

/// What a receiver was told of a problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// When last.
    pub at: Time,
    /// How much it was said to matter, at most.
    pub severity: Severity,
    /// How often.
    pub times: u32,
}

/// What was sent to a receiver in the last minute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// When alerts were.
    pub at: Vec<Time>,
    /// When the last was that stood for many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub many_at: Option<Time>,
}

impl Open {
    /// Whether it is over.
    pub fn is_over(&self, now: Time) -> bool {
        self.gone_at.is_some_and(|gone| now.since(gone) >= self.report.settles())
    }

    /// What there is to tell a receiver, if anything.
    fn event(&self, receiver: &Receiver, mutes: &[Mute], now: Time) -> Option<Event> {
        if self.hidden || !receiver.active || receiver.quiet.as_ref().is_some_and(|quiet| quiet.holds(now)) {
            return None;
        }
        let Some(told) = self.told.get(&receiver.name) else {
            let is_ripe = now.since(self.opened_at) >= self.report.settles().max(receiver.after);
            let is_told = self.gone_at.is_none() && is_ripe && receiver.only.takes(&self.report);
            return (is_told && !is_muted(&self.report, mutes, now)).then_some(Event::Opened);
        };
        if self.is_over(now) {
            return Some(Event::Ended);
        }
        if self.gone_at.is_some() || is_muted(&self.report, mutes, now) {
            return None;
        }
        if self.report.severity < told.severity {
            return Some(Event::Worse);
        }
        let again = receiver.repeat.filter(|_| self.acknowledged_at.is_none());
        again.filter(|every| now.since(told.at) >= *every).map(|_| Event::Lasts)
    }
}

fn is_muted(report: &Report, mutes: &[Mute], now: Time) -> bool {
    mutes.iter().any(|mute| mute.holds(report, now))
}

impl Book {
    /// Takes note of the problems found at `now`. Returns the ids of those of which that changes what is to be kept.
    pub fn note(&mut self, found: &[Report], now: Time) -> BTreeSet<String> {
        let mut changed = BTreeSet::new();
        for report in found {
            match self.open.get_mut(&report.id) {
                Some(open) => {
                    if open.gone_at.take().is_some() || report.severity < open.report.severity {
                        changed.insert(report.id.clone());
                    }
                    open.report = report.clone();
                }
                None => {
                    let (report, told) = (report.clone(), BTreeMap::new());
                    changed.insert(report.id.clone());
                    let id = report.id.clone();
                    let open =
                        Open { report, opened_at: now, gone_at: None, hidden: false, acknowledged_at: None, told };
                    self.open.insert(id, open);
                }
            }
        }
        let there: BTreeSet<&str> = found.iter().map(|report| &*report.id).collect();
        for (id, open) in &mut self.open {
            let is_there = there.contains(&**id);
            open.hidden = !is_there && open.gone_at.is_none() && is_hidden(&open.report, found);
            if open.gone_at.is_none() && !is_there && !open.hidden {
                open.gone_at = Some(now);
                changed.insert(id.clone());
            }
        }
        changed
    }

    /// The alerts that are to be sent at `now`.
    pub fn alerts(&mut self, receivers: &[Receiver], mutes: &[Mute], now: Time) -> Vec<Alert> {
        let mut alerts = Vec::new();
        for receiver in receivers {
            let events: Vec<(Event, Open)> =
                self.open.values().filter_map(|open| Some((open.event(receiver, mutes, now)?, open.clone()))).collect();
            let sent = self.sent.entry(receiver.name.clone()).or_default();
            sent.at.retain(|at| now.since(*at) < MINUTE);
            let name = || receiver.name.clone();
            if receiver.to.takes_one_by_one() || sent.at.len() + events.len() <= MAX_IN_A_MINUTE {
                let one = |(event, open)| Alert { receiver: name(), says: Says::One(event, open) };
                alerts.extend(events.into_iter().map(one));
            } else if sent.many_at.is_none_or(|at| now.since(at) >= MINUTE) {
                alerts.push(Alert { receiver: name(), says: Says::Many(events) });
            }
        }
        alerts
    }

    /// Takes note of an alert that was sent at `now`.
    pub fn note_sent(&mut self, alert: &Alert, now: Time) {
        let sent = self.sent.entry(alert.receiver.clone()).or_default();
        let events: &[(Event, Open)] = match &alert.says {
            Says::One(event, open) => {
                sent.at.push(now);
                &[(*event, open.clone())]
            }
            Says::Many(events) => {
                sent.many_at = Some(now);
                events
            }
        };
        for (event, said) in events {
            let Some(open) = self.open.get_mut(&said.report.id) else { continue };
            if *event == Event::Ended {
                open.told.remove(&alert.receiver);
                continue;
            }
            let severity = said.report.severity;
            let told = open.told.entry(alert.receiver.clone()).or_insert(Told { at: now, severity, times: 0 });
            *told = Told { at: now, severity: told.severity.min(severity), times: told.times + 1 };
        }
    }

    /// The problems that are over, and of which nobody has to be told so any more.
    pub fn done(&self, receivers: &[Receiver], now: Time) -> Vec<String> {
        let waits = |open: &Open| receivers.iter().any(|it| it.active && open.told.contains_key(&it.name));
        self.open.iter().filter(|(_, open)| open.is_over(now) && !waits(open)).map(|(id, _)| id.clone()).collect()
    }
}

/// Whether a problem that is not found may well be there: a worse one hides it.
fn is_hidden(report: &Report, found: &[Report]) -> bool {
    found.iter().any(|other| match &*other.kind {
        "pool_down" => report.endpoint.is_some() && other.pool == report.pool,
        "no_worker" | "database" => true,
        _ => false,
    })
}
