//! How often a password may be guessed.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures are counted over this time.
const WINDOW: Duration = Duration::from_secs(60);
/// The most failures of one address.
const MOST_OF_ONE: usize = 5;
/// The most failures of all addresses together, so that many addresses do not help much.
const MOST_OF_ALL: usize = 30;

/// The failed attempts of the last minute. It never holds more than [`MOST_OF_ALL`] of them, since further attempts are
/// not looked at.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<VecDeque<(Instant, Option<IpAddr>)>>);

/// How an attempt went.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// It was right.
    Right,
    /// It was wrong.
    Wrong,
    /// There were too many; the next is looked at after this time.
    TooMany(Duration),
}

impl Throttle {
    /// Makes an attempt from `peer` at `now`, unless there were too many. Attempts are made one after the other, so that
    /// a thousand at once are counted like a thousand in a row.
    pub(crate) fn attempt(&self, peer: Option<IpAddr>, now: Instant, check: impl FnOnce() -> bool) -> Attempt {
        let peer = peer.map(network_of);
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while failures.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) >= WINDOW) {
            failures.pop_front();
        }
        let wait = |at: Option<&Instant>| at.map(|at| WINDOW.saturating_sub(now.saturating_duration_since(*at)));
        let of_one: Vec<&Instant> = failures.iter().filter(|(_, whose)| *whose == peer).map(|(at, _)| at).collect();
        if of_one.len() >= MOST_OF_ONE {
            return Attempt::TooMany(wait(of_one.first().copied()).unwrap_or(WINDOW));
        }
        if failures.len() >= MOST_OF_ALL {
            return Attempt::TooMany(wait(failures.front().map(|(at, _)| at)).unwrap_or(WINDOW));
        }
        if check() {
            return Attempt::Right;
        }
        failures.push_back((now, peer));
        Attempt::Wrong
    }
}

/// The network that an address stands for: whoever has one IPv6 address mostly has the other 2^64 of its network.
fn network_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_wrong_guesses_of_an_address_are_enough_for_a_minute() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        let one: Option<IpAddr> = Some([192, 0, 2, 1].into());
        let two: Option<IpAddr> = Some([192, 0, 2, 2].into());
        for _ in 0..5 {
            assert_eq!(throttle.attempt(one, start, || false), Attempt::Wrong);
        }
        let later = start + Duration::from_secs(10);
        assert_eq!(throttle.attempt(one, later, || true), Attempt::TooMany(Duration::from_secs(50)));
        assert_eq!(throttle.attempt(two, later, || true), Attempt::Right);
        assert_eq!(throttle.attempt(one, start + WINDOW, || true), Attempt::Right);
    }

    #[test]
    fn many_addresses_do_not_help_much() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        let mut looked_at = 0;
        for n in 0..200u8 {
            throttle.attempt(Some([192, 0, 2, n].into()), now, || {
                looked_at += 1;
                false
            });
        }
        assert_eq!(looked_at, MOST_OF_ALL);
    }
}
