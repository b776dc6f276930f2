//! What an alert says, in words that every receiver gets.

use std::collections::BTreeMap;
use std::time::Duration;

use naptime_core::alert::{Alert, Event, Told};
use naptime_core::problem::Severity;
use naptime_core::{Time, duration};

/// The most problems that are named in an alert of many.
pub(crate) const MAX_NAMED: usize = 20;

/// What an alert says.
pub(crate) struct Message {
    /// All in one line.
    pub(crate) title: String,
    /// The rest, a line each.
    pub(crate) lines: Vec<String>,
    /// Where to look.
    pub(crate) link: Option<String>,
    pub(crate) tone: Tone,
}

/// How it sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Bad,
    Warn,
    Good,
}

impl Tone {
    /// The colour, as `#rrggbb`.
    pub(crate) fn colour(self) -> &'static str {
        match self {
            Self::Bad => "#c62828",
            Self::Warn => "#b26a00",
            Self::Good => "#2e7d32",
        }
    }
}

impl Message {
    /// What an alert says, with links to the pages at `base`.
    pub(crate) fn of(alert: &Alert, base: Option<&str>) -> Self {
        match &*alert.says {
            [told] => one(told, base, alert.at),
            many => self::many(many, base),
        }
    }

    /// What a test says.
    pub(crate) fn test(base: Option<&str>) -> Self {
        let line = "This is a test. Alerts of Naptime arrive here.".to_owned();
        Self { title: "Naptime: test".to_owned(), lines: vec![line], link: base.map(str::to_owned), tone: Tone::Good }
    }

    /// Lines and link as one text.
    pub(crate) fn text(&self) -> String {
        let lines: Vec<&str> = self.lines.iter().map(String::as_str).chain(self.link.as_deref()).collect();
        lines.join("\n")
    }
}

/// A text of no more than `most` characters.
pub(crate) fn clip(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

/// Where the page of a problem is.
pub(crate) fn link(told: &Told, base: Option<&str>) -> Option<String> {
    let base = base?;
    Some(match &told.report.endpoint {
        Some(endpoint) => format!("{base}/endpoints/{}", endpoint.id),
        None => format!("{base}/"),
    })
}

fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Bad => Tone::Bad,
        Severity::Warn => Tone::Warn,
    }
}

/// A problem in a line: `charge cards: failing`.
fn headline(told: &Told) -> String {
    format!("{}: {}", told.report.title, told.report.kind.replace('_', " "))
}

/// Since when it is there: by what is known of it, or else when it was found.
fn since(told: &Told) -> Time {
    told.report.since.unwrap_or(told.opened_at).min(told.opened_at)
}

/// How long it lasted, or has lasted so far, in whole seconds.
pub(crate) fn lasted(told: &Told, now: Time) -> Duration {
    Duration::from_secs(told.ended_at.unwrap_or(now).since(since(told)).as_secs())
}

fn one(told: &Told, base: Option<&str>, now: Time) -> Message {
    let (event, headline, report) = (told.event, headline(told), &told.report);
    let lasted = duration::show(lasted(told, now));
    let title = match event {
        Event::Opened => headline,
        Event::Worse => format!("Worse: {headline}"),
        Event::Lasts => format!("Still, for {lasted}: {headline}"),
        Event::Ended => format!("Over: {headline}"),
    };
    let mut lines = Vec::new();
    if event == Event::Ended {
        let until = told.ended_at.map(|at| format!(", until {}", at.in_utc())).unwrap_or_default();
        lines.push(format!("It lasted {lasted}{until}."));
    } else {
        lines.push(match &report.remedy {
            Some(remedy) => format!("{} {remedy}", report.cause),
            None => report.cause.clone(),
        });
        lines.extend(report.message.clone());
        lines.push(format!("Since {}.", since(told).in_utc()));
    }
    lines.extend(report.endpoint.as_ref().filter(|it| !it.name.is_empty()).map(|it| it.url.clone()));
    let tone = if event == Event::Ended { Tone::Good } else { tone(report.severity) };
    Message { title, lines, link: link(told, base), tone }
}

fn many(all: &[Told], base: Option<&str>) -> Message {
    let mut counts: BTreeMap<Event, usize> = BTreeMap::new();
    all.iter().for_each(|told| *counts.entry(told.event).or_default() += 1);
    let said: Vec<String> = counts.iter().map(|(event, n)| format!("{n} {}", in_words(*event))).collect();
    let line = |told: &Told| format!("{} ({})", headline(told), in_words(told.event));
    let mut lines: Vec<String> = all.iter().take(MAX_NAMED).map(line).collect();
    if all.len() > MAX_NAMED {
        lines.push(format!("and {} more", all.len() - MAX_NAMED));
    }
    let worst = all.iter().filter(|told| told.event != Event::Ended).map(|told| told.report.severity).min();
    let title = format!("{} problems: {}", all.len(), said.join(", "));
    Message { title, lines, link: base.map(|base| format!("{base}/")), tone: worst.map_or(Tone::Good, tone) }
}

fn in_words(event: Event) -> &'static str {
    match event {
        Event::Opened => "new",
        Event::Worse => "worse",
        Event::Lasts => "lasting",
        Event::Ended => "over",
    }
}
