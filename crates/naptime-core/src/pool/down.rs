//! A pool whose host is down: how many of its calls are let through until the host answers again. This is a circuit
//! breaker: no state is closed, probing is open, returning is half-open.
//!
//! ```text
//!             its endpoints fail by their host             a call is answered
//!   no state ─────────────────────────────────▶ probing ───────────────────────▶ returning
//!      ▲                                          │ ▲                            │  │  ▲ │
//!      │       they no longer do: edited, deleted │ │   a call fails by the host │  │  └─┘ answered: twice the rate
//!      ├──────────────────────────────────────────┘ └────────────────────────────┘  │
//!      └─────────────────────────────────────────────────────────────────────────────┘
//!                       the rate exceeds any limit, or it has lasted for half a minute
//! ```
//!
//! What people set of the pool is not touched, and wins: the stricter limit counts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{MAX_LIMIT, PoolSettings};
use crate::{Outcome, Time};

/// How often a call goes to a pool whose host is down. A call that hangs keeps no other back, or nobody would find that
/// the host answers again until it has timed out.
pub const PROBE_EVERY: Duration = Duration::from_secs(5);

/// How long a host that answers again may take to get all its calls back: where few are due, the rate does not grow.
const RETURN_WITHIN: Duration = Duration::from_secs(30);

/// That the host of a pool is down, or has just come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Down {
    /// Since when its calls are held back.
    pub since: Time,
    /// When the host was first seen to answer again, or to fail again.
    pub turned_at: Time,
    /// How many calls per second are let through by now; 0: one in [`PROBE_EVERY`].
    pub rate: u32,
}

/// What tells whether the host of a pool is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Its endpoints fail because of their host.
    Down,
    /// The host answered a call.
    Answered {
        /// When the call began.
        began: Time,
    },
    /// A call failed because of the host.
    Failed {
        /// When the call began.
        began: Time,
    },
    /// There is nothing to hold back any more.
    Over,
}

/// How many calls of a pool may be in flight, and begin within a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallLimits {
    /// The most calls in flight.
    pub in_flight: Option<u32>,
    /// The most calls that begin within a second, or within [`PROBE_EVERY`] while the host is probed.
    pub starts: Option<u32>,
}

impl PoolSettings {
    /// Takes note of a sign at `now`. Returns whether it changed anything. It is no change by people, so the revision stays.
    pub fn heed(&mut self, sign: Sign, now: Time) -> bool {
        let after = match self.down {
            Some(down) => down.after(sign, now),
            None if sign == Sign::Down && self.probe && self.active => {
                Some(Down { since: now, turned_at: now, rate: 0 })
            }
            None => None,
        };
        std::mem::replace(&mut self.down, after) != after
    }

    /// The limits that hold now: those that people set, and what a host that is down is spared.
    pub fn call_limits(&self) -> CallLimits {
        let spared = self.down.map(|down| down.rate.max(1));
        CallLimits { in_flight: self.max_in_flight, starts: self.max_per_second.into_iter().chain(spared).min() }
    }
}

impl Down {
    /// Whether nothing but probes is let through.
    pub fn is_probing(&self) -> bool {
        self.rate == 0
    }

    /// Whether the host has answered for so long that nothing need be held back any more.
    pub fn is_over(&self, now: Time) -> bool {
        // Seen to turn in the future, it was seen by a clock that was wrong.
        !self.is_probing() && (now.since(self.turned_at) >= RETURN_WITHIN || self.turned_at > now)
    }

    /// What is left of it after a sign at `now`; none if it is over.
    pub fn after(self, sign: Sign, now: Time) -> Option<Self> {
        match sign {
            Sign::Over => None,
            Sign::Down => Some(self),
            // What began before the host was seen to turn says nothing of how it is since.
            Sign::Answered { began } | Sign::Failed { began } if began < self.turned_at && self.turned_at <= now => {
                Some(self)
            }
            Sign::Failed { .. } if self.is_probing() => Some(self),
            Sign::Failed { .. } => Some(Self { turned_at: now, rate: 0, ..self }),
            Sign::Answered { .. } if self.is_probing() => Some(Self { turned_at: now, rate: 1, ..self }),
            Sign::Answered { .. } => {
                // Not faster than twice in a second, however many are answered.
                let rate = self.rate.saturating_mul(2);
                let earliest = self.turned_at + Duration::from_secs(rate.ilog2().into());
                match rate {
                    _ if now < earliest => Some(self),
                    ..=MAX_LIMIT => Some(Self { rate, ..self }),
                    _ => None,
                }
            }
        }
    }
}

impl Outcome {
    /// Whether a call that ended so shows that its host is down: it cannot be reached, does not answer, or says that it is
    /// unavailable. None if it shows neither.
    pub fn shows_host_down(self, status: Option<u16>) -> Option<bool> {
        match self {
            Self::Timeout
            | Self::ConnectionRefused
            | Self::ConnectionReset
            | Self::ConnectionFailed
            | Self::DnsNotFound => Some(true),
            // Not called, or cut by ourselves.
            Self::BlockedAddress | Self::Interrupted | Self::Lost | Self::Skipped | Self::Unknown(_) => None,
            _ => Some(status == Some(503)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Pool, PoolChange};

    const NOW: Time = Time::from_millis(1_800_000_000_000);
    const MS: Duration = Duration::from_millis(1);

    fn pool() -> PoolSettings {
        PoolSettings::new(Pool::parse("https://foobar.net").expect("a pool"), NOW - Duration::from_secs(60))
    }

    fn down() -> PoolSettings {
        let mut pool = pool();
        assert!(pool.heed(Sign::Down, NOW));
        pool
    }

    fn answered(began: Time) -> Sign {
        Sign::Answered { began }
    }

    fn failed(began: Time) -> Sign {
        Sign::Failed { began }
    }

    #[test]
    fn probes_are_let_through() {
        let mut pool = down();
        assert!(pool.is_gated() && !pool.is_plain());
        assert_eq!(pool.call_limits(), CallLimits { in_flight: None, starts: Some(1) });
        assert_eq!(pool.rev, self::pool().rev, "nobody edited it");
        let at = NOW + Duration::from_secs(5);
        for sign in [Sign::Down, failed(at), answered(NOW - MS)] {
            assert!(!pool.heed(sign, at), "{sign:?}");
        }
        assert!(pool.heed(Sign::Over, at) && !pool.is_gated());
    }

    #[test]
    fn calls_come_back_at_a_growing_rate() {
        let mut pool = down();
        let mut rates = Vec::new();
        let mut at = NOW + Duration::from_secs(5);
        // An answer every 100 ms.
        while pool.down.is_some() {
            pool.heed(answered(at), at);
            rates.push(pool.call_limits());
            at = at + 100 * MS;
        }
        let starts: Vec<Option<u32>> = rates.iter().step_by(10).map(|limits| limits.starts).collect();
        let expect: Vec<Option<u32>> = (0..10).map(|n| Some(1 << n)).chain([None]).collect();
        assert_eq!(starts, expect, "twice as many each second");
        assert!(rates.iter().all(|limits| limits.in_flight.is_none()));
        assert_eq!(at.since(NOW), Duration::from_secs(15) + 100 * MS);
    }

    #[test]
    fn a_call_that_fails_puts_it_back_to_probes() {
        let mut pool = down();
        let back = NOW + Duration::from_secs(5);
        assert!(pool.heed(answered(back), back));
        assert!(!pool.heed(failed(back - MS), back + MS), "it began before the host was back");
        let fails = back + Duration::from_secs(2);
        assert!(pool.heed(failed(back + MS), fails));
        assert_eq!(pool.down, Some(Down { since: NOW, turned_at: fails, rate: 0 }));
        assert!(!pool.heed(answered(fails - MS), fails + MS), "it began before the host failed again");
    }

    #[test]
    fn where_little_is_due_it_is_over_after_a_while() {
        let mut pool = down();
        let at = |seconds| NOW + Duration::from_secs(seconds);
        let is_over = |pool: &PoolSettings, now| pool.down.is_some_and(|down| down.is_over(now));
        assert!(!is_over(&pool, at(3600)), "it is down for as long as it is");
        assert!(pool.heed(answered(at(10)), at(10)));
        assert_eq!([39, 40].map(|seconds| is_over(&pool, at(seconds))), [false, true]);
        assert!(is_over(&pool, at(9)), "a clock that was wrong holds nothing back");
        // Nor does it make a sign count as one from before.
        assert!(pool.heed(failed(at(5)), at(5)));
    }

    #[test]
    fn what_people_set_wins() {
        let mut limited = down();
        limited.change(PoolChange { max_per_second: Some(Some(3)), ..PoolChange::default() }, NOW);
        assert_eq!(limited.call_limits().starts, Some(1));
        limited.heed(answered(NOW), NOW);
        limited.down.as_mut().expect("it is coming back").rate = 512;
        assert_eq!(limited.call_limits(), CallLimits { in_flight: None, starts: Some(3) });

        let mut unprobed = down();
        assert!(unprobed.change(PoolChange { probe: Some(false), ..PoolChange::default() }, NOW));
        assert!(!unprobed.is_gated() && !unprobed.heed(Sign::Down, NOW));
        let mut off = pool();
        off.change(PoolChange { active: Some(false), ..PoolChange::default() }, NOW);
        assert!(!off.heed(Sign::Down, NOW), "nothing of it is called anyway");
        assert!(!pool().heed(answered(NOW), NOW) && !pool().heed(failed(NOW), NOW), "one that is not down");
    }

    #[test]
    fn what_shows_that_a_host_is_down() {
        use Outcome::*;
        for outcome in [Timeout, ConnectionRefused, ConnectionReset, ConnectionFailed, DnsNotFound] {
            assert_eq!(outcome.shows_host_down(None), Some(true));
        }
        assert_eq!(Failed.shows_host_down(Some(503)), Some(true));
        for answered in [Ok, Failed, RedirectNotFollowed, Tls, InvalidResponse] {
            assert_eq!(answered.shows_host_down(Some(500)), Some(false));
        }
        assert_eq!([Interrupted, Lost, BlockedAddress].map(|it| it.shows_host_down(None)), [None; 3]);
    }
}
