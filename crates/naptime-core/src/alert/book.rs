//! Which problems are open, who was told of them, and who is to be told next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Alert, Event, Mute, Receiver, Told};
use crate::problem::{Found, Report, Severity};
use crate::{JobId, Time};

/// The most alerts that a receiver gets in a minute one by one. What is more comes as one.
const MAX_IN_A_MINUTE: usize = 20;
const MINUTE: Duration = Duration::from_secs(60);
/// How long it is remembered that a host has come back: until its endpoints have been called.
const RETURN_KEPT: Duration = Duration::from_secs(24 * 3600);
/// How long the end of a problem waits for a receiver that is switched off, or in its quiet hours.
const END_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// All that is known of alerts. Whoever looks reads it, changes it, and writes it back as a whole, if nobody else has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Book {
    /// The problems that are open, and those that are over and of which somebody has still to be told so, by their ids.
    #[serde(default)]
    pub open: BTreeMap<String, Open>,
    /// What was sent to each receiver, by their keys.
    #[serde(default)]
    sent: BTreeMap<String, Sent>,
    /// When hosts that were down came back, by their pools.
    #[serde(default)]
    returned: BTreeMap<String, Time>,
    /// The alerts that were decided on, and of which it is not known yet whether they were sent.
    #[serde(default)]
    pub outbox: Vec<Alert>,
}

/// A problem from when it was found until all who were told of it know that it is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Open {
    /// The problem, as it was last found.
    pub report: Report,
    /// When it was found, or shown again after a worse one had hidden it.
    pub opened_at: Time,
    /// Since when it is not found any more. It may come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_at: Option<Time>,
    /// Whether it is not found only because a worse problem hides it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    hidden: bool,
    /// When somebody said that they know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<Time>,
    /// Who was told and not told yet that it is over, by the keys of receivers.
    #[serde(default)]
    told: BTreeMap<String, Heard>,
}

/// What a receiver was told of a problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Heard {
    /// When last.
    at: Time,
    /// When the problem opened that it was told of.
    opened_at: Time,
    /// How much it was said to matter, at most.
    severity: Severity,
    /// The last alert, if it was of nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alert: Option<Uuid>,
}

/// What was sent to a receiver in the last minute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sent {
    /// When alerts were.
    at: Vec<Time>,
    /// When the last was that stood for many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    many_at: Option<Time>,
}

impl Open {
    /// The names of the receivers that were told of it.
    pub fn told(&self) -> BTreeSet<String> {
        self.told.keys().filter_map(|key| key.split_once('@')).map(|(name, _)| name.to_owned()).collect()
    }

    /// The keys of the receivers that were told of it.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.told.keys()
    }

    /// Whether it is over.
    fn is_over(&self, now: Time) -> bool {
        self.gone_at.is_some_and(|gone| now.since(gone) >= self.report.is_over_after())
    }

    /// What there is to tell a receiver, if anything.
    fn event(&self, receiver: &Receiver, mutes: &[Mute], now: Time) -> Option<Event> {
        if self.hidden || !receiver.active || receiver.quiet.as_ref().is_some_and(|quiet| quiet.holds(now)) {
            return None;
        }
        let told = self.told.get(&receiver.key());
        if self.gone_at.is_some() {
            return told.filter(|_| self.is_over(now)).map(|_| Event::Ended);
        }
        let is_muted = mutes.iter().any(|mute| mute.holds(&self.report, now));
        if is_muted || !receiver.takes(&self.report) {
            return None;
        }
        let Some(told) = told else {
            let is_ripe = now.since(self.opened_at) >= self.report.is_told_after().max(receiver.after);
            return is_ripe.then_some(Event::Opened);
        };
        if self.report.severity < told.severity {
            return Some(Event::Worse);
        }
        let again = receiver.repeat.filter(|_| self.acknowledged_at.is_none());
        again.filter(|every| now.since(told.at) >= *every).map(|_| Event::Lasts)
    }

    /// What a receiver is told of it.
    fn say(&self, event: Event, receiver: &Receiver) -> Told {
        let heard = self.told.get(&receiver.key());
        Told {
            event,
            report: self.report.clone(),
            opened_at: heard.map_or(self.opened_at, |heard| heard.opened_at),
            ended_at: self.gone_at,
            replaces: heard.and_then(|heard| heard.alert),
        }
    }
}

impl Book {
    /// Takes note of the problems found at `now`.
    pub fn note(&mut self, found: &Found, now: Time) {
        self.returned.retain(|_, at| now.since(*at) < RETURN_KEPT);
        let reports: Vec<Report> = found.problems.iter().map(Report::from).collect();
        let there: BTreeSet<&str> = reports.iter().map(|report| &*report.id).collect();
        for report in &reports {
            let hidden = self.is_hidden(report);
            let open = self.open.entry(report.id.clone()).or_insert_with(|| Open::new(report, now));
            // What was over and is there again, or was hidden until now, opens now.
            if open.is_over(now) || (open.hidden && !hidden) {
                (open.opened_at, open.acknowledged_at) = (now, None);
            }
            (open.report, open.gone_at, open.hidden) = (report.clone(), None, hidden);
        }
        for (id, open) in &mut self.open {
            if there.contains(&**id) {
                continue;
            }
            open.hidden = open.gone_at.is_none() && found.hides(open.report.endpoint.as_ref().map(|it| it.id));
            if !open.hidden && open.gone_at.is_none() {
                open.gone_at = Some(now);
                if open.report.kind == "pool_down" {
                    self.returned.extend(open.report.pool.clone().map(|pool| (pool, now)));
                }
            }
        }
    }

    /// Whether an endpoint fails only as its host did when it was called last, which has been told, or come back since.
    fn is_hidden(&self, report: &Report) -> bool {
        let Some(pool) = report.pool.as_ref().filter(|_| report.by_host) else { return false };
        let is_down = self.open.get(&format!("pool:{pool}")).is_some_and(|open| open.gone_at.is_none());
        let has_returned =
            self.returned.get(pool).is_some_and(|at| report.called_at.is_none_or(|called| called <= *at));
        is_down || has_returned
    }

    /// Decides on the alerts that are to be sent at `now`, puts them in the outbox, and takes note that these receivers were
    /// told.
    pub fn decide(&mut self, receivers: &[Receiver], mutes: &[Mute], now: Time) {
        for receiver in receivers {
            let key = receiver.key();
            let sent = self.sent.entry(key.clone()).or_default();
            sent.at.retain(|at| now.since(*at) < MINUTE);
            sent.many_at = sent.many_at.filter(|at| now.since(*at) < MINUTE);
            let events =
                self.open.values().filter_map(|open| Some(open.say(open.event(receiver, mutes, now)?, receiver)));
            let mut events: Vec<Told> = events.collect();
            let alerts: Vec<Vec<Told>> = if receiver.to.takes_one_by_one()
                || (sent.many_at.is_none() && sent.at.len() + events.len() <= MAX_IN_A_MINUTE)
            {
                events.into_iter().map(|told| vec![told]).collect()
            } else if sent.many_at.is_none() {
                events.sort_by_key(|told| (told.event == Event::Ended, told.report.severity));
                vec![events]
            } else {
                // They wait for the minute to end.
                Vec::new()
            };
            for says in alerts {
                let alert = Alert::new(&receiver.name, says, now);
                match alert.says.len() {
                    1 => sent.at.push(now),
                    _ => sent.many_at = Some(now),
                }
                let only = (alert.says.len() == 1).then_some(alert.id);
                for told in &alert.says {
                    let Some(open) = self.open.get_mut(&told.report.id) else { continue };
                    if told.event == Event::Ended {
                        open.told.remove(&key);
                        continue;
                    }
                    let severity = open.told.get(&key).map_or(told.report.severity, |heard| heard.severity);
                    let severity = severity.min(told.report.severity);
                    open.told.insert(key.clone(), Heard { at: now, opened_at: told.opened_at, severity, alert: only });
                }
                self.outbox.push(alert);
            }
        }
    }

    /// Forgets what nobody has to be told any more. `keys` are those of all receivers there are.
    pub fn tidy(&mut self, keys: &BTreeSet<String>, now: Time) {
        self.sent.retain(|key, sent| keys.contains(key) && (!sent.at.is_empty() || sent.many_at.is_some()));
        for open in self.open.values_mut() {
            open.told.retain(|key, _| keys.contains(key));
        }
        self.open.retain(|_, open| {
            let is_long_over = open.gone_at.is_some_and(|gone| now.since(gone) > END_KEPT);
            !open.is_over(now) || (!open.told.is_empty() && !is_long_over)
        });
    }

    /// Whether it has to be written after it was read as `before`: not if only what was said last has changed, which it
    /// does with every call that fails.
    pub fn is_news_after(&self, before: &Self) -> bool {
        let lasting = |book: &Self| {
            let mut book = book.clone();
            for open in book.open.values_mut() {
                (open.report.cause, open.report.message, open.report.called_at) = (String::new(), None, None);
            }
            book
        };
        lasting(self) != lasting(before)
    }

    /// Moves what lies ahead back to `now`: the clock was ahead, and has been set back.
    pub fn move_back(&mut self, now: Time) {
        let times = self.open.values_mut().flat_map(|open| {
            let heard = open.told.values_mut().flat_map(|heard| [&mut heard.at, &mut heard.opened_at]);
            [&mut open.opened_at]
                .into_iter()
                .chain(open.gone_at.as_mut())
                .chain(open.acknowledged_at.as_mut())
                .chain(heard)
        });
        times.for_each(|at| *at = (*at).min(now));
        let sent = self.sent.values_mut().flat_map(|sent| sent.at.iter_mut().chain(sent.many_at.as_mut()));
        sent.chain(self.returned.values_mut()).for_each(|at| *at = (*at).min(now));
    }
}

impl Open {
    fn new(report: &Report, now: Time) -> Self {
        let (report, told) = (report.clone(), BTreeMap::new());
        Self { report, opened_at: now, gone_at: None, hidden: false, acknowledged_at: None, told }
    }
}

impl Found {
    /// Whether a problem that is not among them may be there all the same, because a worse one is told in its place: of
    /// an endpoint, or of anything else.
    fn hides(&self, endpoint: Option<JobId>) -> bool {
        self.is_blind() || endpoint.is_some_and(|id| self.hidden.contains(&id))
    }
}
