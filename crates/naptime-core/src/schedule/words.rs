//! Schedules in words.

use super::{Bounded, Bounds, Days, Pause, Schedule, Zone};
use crate::Time;
use crate::duration::show;

impl Schedule {
    /// The schedule in words, but for a pause that is over at `now`.
    pub fn describe_at(&self, now: Time) -> String {
        match self.bounds() {
            Some(bounds) if bounds.pause_at(now).is_none() => self.resumed().describe(),
            _ => self.describe(),
        }
    }

    /// The schedule in words: `every 5m`.
    pub fn describe(&self) -> String {
        match self {
            Self::Every { period, jitter, .. } => {
                let every = format!("every {}", show(*period));
                match (jitter, self.is_aligned()) {
                    (None, false) => every,
                    (None, true) => every + ", on round times",
                    (Some(jitter), false) => format!("{every}, within {}", show(jitter.within)),
                    (Some(jitter), true) => format!("{every}, within {} after round times", show(jitter.within)),
                }
            }
            Self::Cron(cron) => format!("cron {cron}"),
            Self::Random(random) => {
                let mut words = format!("at random once in each {}", show(random.period()));
                if let Some(windows) = random.windows() {
                    words += &format!(", {windows}");
                }
                if random.days() != Days::ALL {
                    words += &format!(", {}", random.days());
                }
                words + &format!(" ({})", random.zone())
            }
            Self::Once { at } => format!("once at {at}"),
            Self::Bounded(bounded) => bounded.describe(),
        }
    }
}

impl Bounded {
    fn describe(&self) -> String {
        let Bounds { from, until, except, pause, zone } = self.bounds();
        let mut words = self.base().describe();
        for (name, at) in [("from", from), ("until", until)] {
            if let Some(at) = at {
                words += &format!(", {name} {}", show_time(zone, *at));
            }
        }
        if !except.is_empty() {
            words += &format!(", except {except}");
            if self.base().zone().is_none() && *zone != Zone::UTC {
                words += &format!(" ({zone})");
            }
        }
        if let Some(Pause { until, note }) = pause {
            words += ", paused";
            if let Some(until) = until {
                words += &format!(" until {}", show_time(zone, *until));
            }
            if !note.is_empty() {
                words += &format!(" ({note})");
            }
        }
        words
    }
}

/// To the minute, unless it has seconds.
fn show_time(zone: &Zone, at: Time) -> String {
    let clock = zone.clock(at);
    let format = if at.millis() % 60_000 == 0 { "%Y-%m-%d %H:%M %Z" } else { "%Y-%m-%d %H:%M:%S%.f %Z" };
    clock.map_or_else(|| at.to_string(), |clock| clock.strftime(format).to_string())
}
