//! How often an address may guess a password or a token.
//!
//! Each address is counted by itself. There is no limit for all together: with one, anybody could lock everybody out.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::client::network_of;

/// Failures are counted over this time.
const WINDOW: Duration = Duration::from_secs(60);
/// The most failures that are remembered, some 2 MiB. If there are more within the time, the oldest are forgotten.
const MAX_REMEMBERED: usize = 10_000;

/// The failed attempts of the last minute.
#[derive(Debug)]
pub(crate) struct Throttle {
    /// The most failures of one address.
    max_failures: usize,
    failures: Mutex<Failures>,
}

#[derive(Debug, Default)]
struct Failures {
    /// When each network failed, oldest first. None are empty.
    by_network: HashMap<Option<IpAddr>, VecDeque<Instant>>,
    /// Who failed, in the order of time.
    networks: VecDeque<Option<IpAddr>>,
}

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
    /// Lets an address fail so often within a minute.
    pub(crate) fn new(max_failures: usize) -> Self {
        Self { max_failures, failures: Mutex::default() }
    }

    /// Makes an attempt from `client` at `now`, unless there were too many. Attempts are made one after the other, so that
    /// a thousand at once are counted like a thousand in a row. Clients whose address is not known count as one.
    pub(crate) fn attempt(&self, client: Option<IpAddr>, now: Instant, check: impl FnOnce() -> bool) -> Attempt {
        let network = client.map(network_of);
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.forget_before(now);
        if let Some(since) = failures.by_network.get(&network).filter(|failed| failed.len() >= self.max_failures) {
            let left = since.front().map(|at| WINDOW.saturating_sub(now.saturating_duration_since(*at)));
            return Attempt::TooMany(left.unwrap_or(WINDOW));
        }
        if check() {
            return Attempt::Right;
        }
        failures.add(network, now);
        Attempt::Wrong
    }

    /// Notes that an attempt that seemed right was wrong after all.
    pub(crate) fn failed(&self, client: Option<IpAddr>, now: Instant) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).add(client.map(network_of), now);
    }
}

impl Failures {
    fn add(&mut self, network: Option<IpAddr>, now: Instant) {
        if self.networks.len() >= MAX_REMEMBERED {
            self.forget_oldest();
        }
        self.networks.push_back(network);
        self.by_network.entry(network).or_default().push_back(now);
    }

    fn forget_before(&mut self, now: Instant) {
        let oldest = |all: &Self| all.by_network.get(all.networks.front()?)?.front().copied();
        while oldest(self).is_some_and(|at| now.saturating_duration_since(at) >= WINDOW) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(network) = self.networks.pop_front() else { return };
        if let Some(failed) = self.by_network.get_mut(&network) {
            failed.pop_front();
            if failed.is_empty() {
                self.by_network.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_wrong_guesses_of_an_address_are_enough_for_a_minute() {
        let (throttle, start) = (Throttle::new(5), Instant::now());
        let one: Option<IpAddr> = Some([192, 0, 2, 1].into());
        let two: Option<IpAddr> = Some([192, 0, 2, 2].into());
        for _ in 0..5 {
            assert_eq!(throttle.attempt(one, start, || false), Attempt::Wrong);
        }
        let later = start + Duration::from_secs(10);
        assert_eq!(throttle.attempt(one, later, || true), Attempt::TooMany(Duration::from_secs(50)));
        assert_eq!(throttle.attempt(two, later, || true), Attempt::Right);
        assert_eq!(throttle.attempt(one, start + WINDOW, || true), Attempt::Right);
        throttle.failed(two, later);
        assert_eq!(throttle.failures.lock().unwrap().networks.len(), 1);
    }

    #[test]
    fn addresses_of_one_network_count_as_one() {
        let (throttle, now) = (Throttle::new(2), Instant::now());
        let check = |address: &str, expect: bool| {
            let attempt = throttle.attempt(Some(address.parse().unwrap()), now, || false);
            assert_eq!(attempt == Attempt::Wrong, expect, "{address}: {attempt:?}");
        };
        check("2001:db8::1", true);
        check("2001:db8::2:3:4:5", true);
        check("2001:db8::ffff", false);
        check("2001:db8:0:1::1", true);
        check("192.0.2.1", true);
        check("::ffff:192.0.2.1", true);
        check("192.0.2.1", false);
    }

    #[test]
    fn however_many_addresses_fail_others_get_in_and_memory_is_bounded() {
        let (throttle, now) = (Throttle::new(5), Instant::now());
        for n in 0..50_000_u32 {
            let attempt = throttle.attempt(Some(IpAddr::from(n.to_be_bytes())), now, || false);
            assert_eq!(attempt, Attempt::Wrong);
        }
        let other = Some([192, 0, 2, 1].into());
        assert_eq!(throttle.attempt(other, now, || true), Attempt::Right);
        let remembered = |throttle: &Throttle| {
            let failures = throttle.failures.lock().unwrap();
            let each: usize = failures.by_network.values().map(VecDeque::len).sum();
            assert_eq!(each, failures.networks.len());
            each
        };
        assert_eq!(remembered(&throttle), MAX_REMEMBERED);
        assert_eq!(throttle.attempt(other, now + WINDOW, || true), Attempt::Right);
        assert_eq!(remembered(&throttle), 0);
    }
}
