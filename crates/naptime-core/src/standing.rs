//! How one endpoint, or all together, stand to their SLAs: over an hour, a day, a week, and for as long as runs are
//! kept.
//!
//! The share of time within the SLA is 1 - breached / promised. Both are sums over endpoints. Of what lasts, they follow
//! from the state of the jobs; of what has ended (a breach, or a promise that was withdrawn), a store keeps sums by the
//! minute, ten minutes and hour. A window begins where such a stretch does, so no stretch is ever counted in part.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::sla::ms;
use crate::{Job, Tier, Time};

/// How far back one looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lookback {
    /// One hour.
    Hour,
    /// One day.
    Day,
    /// One week.
    Week,
    /// As long as runs are kept.
    Retention,
}

impl Lookback {
    /// All of them, the shortest first.
    pub const ALL: [Lookback; 4] = [Self::Hour, Self::Day, Self::Week, Self::Retention];

    /// The window as it is sent: `hour`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Retention => "retention",
        }
    }

    /// The stretches that what has ended is summed by.
    pub fn tier(self) -> Tier {
        match self {
            Self::Hour => Tier::Minute,
            Self::Day => Tier::TenMinutes,
            Self::Week | Self::Retention => Tier::Hour,
        }
    }

    /// When it begins, seen from `now`: never earlier than what is kept.
    pub fn start(self, now: Time, retention: Duration) -> Time {
        let back = match self {
            Self::Hour => Duration::from_secs(3600),
            Self::Day => Duration::from_secs(86_400),
            Self::Week => Duration::from_secs(7 * 86_400),
            Self::Retention => retention,
        };
        (now - back.min(retention)).floor(self.tier().width())
    }

    /// When each window begins.
    pub fn starts(now: Time, retention: Duration) -> [Time; 4] {
        Self::ALL.map(|window| window.start(now, retention))
    }

    /// The earliest time that sums of this tier are kept of; none if none are.
    pub fn kept(tier: Tier, now: Time, retention: Duration) -> Option<Time> {
        let of_tier = Self::ALL.into_iter().filter(|window| window.tier() == tier);
        of_tier.map(|window| window.start(now, retention)).min()
    }
}

/// Times of all endpoints together, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Under a promise.
    pub promised_ms: u64,
    /// Of that, in breach.
    pub breached_ms: u64,
}

/// What has ended: the times of a promise, or of a breach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A promise, from when it ran to when it was withdrawn.
    Promise(Time, Time),
    /// A breach.
    Breach(Time, Time),
}

/// What these add to the sums that a store keeps: an amount for each stretch that they touch and that is still looked
/// at.
pub fn sums(ended: &[Ended], now: Time, retention: Duration) -> BTreeMap<(Tier, Time), Amount> {
    let mut sums: BTreeMap<_, Amount> = BTreeMap::new();
    for (ended, tier) in ended.iter().flat_map(|ended| Tier::ALL.map(|tier| (ended, tier))) {
        let (Ended::Promise(from, to) | Ended::Breach(from, to)) = *ended;
        let Some(kept) = Lookback::kept(tier, now, retention) else { continue };
        let mut from = from.max(kept);
        while from < to {
            let at = from.floor(tier.width());
            let end = to.min(at + tier.width());
            let sum = sums.entry((tier, at)).or_default();
            match ended {
                Ended::Promise(..) => sum.promised_ms += ms(end.since(from)),
                Ended::Breach(..) => sum.breached_ms += ms(end.since(from)),
            }
            from = end;
        }
    }
    sums
}

/// How one endpoint, or all together, stand to their SLAs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The endpoints with a promise that runs.
    pub endpoints: u64,
    /// Those of them that are in breach.
    pub breached: u64,
    /// Over each of [`Lookback::ALL`].
    pub amounts: [Amount; 4],
    /// The longest gap between successful calls under a promise that runs, one that lasts included, in milliseconds.
    pub longest_ms: u64,
}

impl Standing {
    /// One endpoint's, by its present promise; none without one. `ended_ms`: the time of its breaches that have ended,
    /// over each window.
    pub fn of(job: &Job, ended_ms: [u64; 4], now: Time, retention: Duration) -> Option<Self> {
        let (watch, sla) = (job.state.watch?, job.spec.sla.as_ref()?);
        let lasts = |from: Time, start: Time| ms(now.since(from.max(start)));
        let starts = Lookback::starts(now, retention);
        let amount = |(start, ended_ms): (Time, u64)| Amount {
            promised_ms: lasts(watch.since, start),
            breached_ms: ended_ms + lasts(watch.deadline, start),
        };
        let [hour, day, week, all] = starts;
        let [h, d, w, a] = ended_ms;
        Some(Self {
            endpoints: 1,
            breached: watch.is_broken(now).into(),
            amounts: [(hour, h), (day, d), (week, w), (all, a)].map(amount),
            longest_ms: watch.longest_ms(sla, now),
        })
    }

    /// Whether no endpoint is in breach.
    pub fn is_met(&self) -> bool {
        self.breached == 0
    }

    /// The share of the promised time that was within the SLA, from 0 to 1; none if nothing was promised.
    pub fn share(&self, window: Lookback) -> Option<f64> {
        let index = Lookback::ALL.iter().position(|it| *it == window)?;
        let Amount { promised_ms, breached_ms } = *self.amounts.get(index)?;
        (promised_ms > 0).then(|| 1.0 - breached_ms.min(promised_ms) as f64 / promised_ms as f64)
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Standing) {
        self.endpoints += other.endpoints;
        self.breached += other.breached;
        for (amount, more) in self.amounts.iter_mut().zip(other.amounts) {
            amount.promised_ms += more.promised_ms;
            amount.breached_ms += more.breached_ms;
        }
        self.longest_ms = self.longest_ms.max(other.longest_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn windows_begin_where_a_stretch_does() {
        let now: Time = "2026-01-09T03:04:05.006Z".parse().expect("a time");
        let check = |retention, expect: [&str; 4]| {
            let starts = Lookback::starts(now, retention).map(|start| start.to_string());
            assert_eq!(starts, expect.map(|time| format!("2026-01-{time}:00.000Z")));
        };
        check(7 * DAY, ["09T02:04", "08T03:00", "02T03:00", "02T03:00"]);
        check(8 * DAY, ["09T02:04", "08T03:00", "02T03:00", "01T03:00"]);
        // No further back than anything is kept.
        check(DAY / 12, ["09T02:04", "09T01:00", "09T01:00", "09T01:00"]);
    }

    proptest! {
        /// However a breach lies, the sums of a window's stretches hold exactly its part within the window.
        #[test]
        fn sums_hold_what_lies_within_each_window(
            ended in prop::collection::vec((0u64..9 * 86_400_000, 0u64..9 * 86_400_000), 1..5), days in 1u32..9,
        ) {
            let now = Time::from_millis(1_800_000_000_123);
            let retention = DAY * days;
            let ended: Vec<Ended> = ended
                .iter()
                .map(|&(a, b)| [a.max(b), a.min(b)].map(|ago| now - Duration::from_millis(ago)))
                .map(|[from, to]| Ended::Breach(from, to))
                .collect();
            let sums = sums(&ended, now, retention);
            for window in Lookback::ALL {
                let start = window.start(now, retention);
                let rows = sums.iter().filter(|((tier, at), _)| *tier == window.tier() && *at >= start);
                let summed: u64 = rows.map(|(_, amount)| amount.breached_ms).sum();
                let exact: u64 = ended.iter().map(|it| match it {
                    Ended::Breach(from, to) | Ended::Promise(from, to) => ms(to.since((*from).max(start))),
                }).sum();
                prop_assert_eq!(summed, exact, "{:?}", window);
            }
        }
    }
}
