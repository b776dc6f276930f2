//! What is true of all endpoints of a pool: whether they are called at all, their default headers, how their connections
//! are made, and how many calls may be in flight and leave in a second, across all workers.
//!
//! A pool is there as soon as an endpoint of it is. What a pool never had changed is as [`PoolSettings::new`] says.

mod down;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::job::uuid_newtype;
use crate::request::MAX_TIMEOUT;
use crate::state::LEASE;
use crate::{Endpoint, Headers, Invalid, Pool, Rev, Time, Transport, duration};

pub use self::down::{CallLimits, Down, PROBE_EVERY, Sign};

/// The highest limit of calls in flight, and of calls per second.
pub const MAX_LIMIT: u32 = 1000;

/// How long a pass for a call in flight lasts, unless it is extended.
pub const PASS_LEASE: Duration = LEASE;

/// What is true of all endpoints of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolSettings {
    /// The pool.
    #[serde(with = "text")]
    pub pool: Pool,
    /// Whether its endpoints are called. If not, none is, whatever it says of itself.
    pub active: bool,
    /// Headers for all its calls. A job's own header of the same name wins.
    pub headers: Headers,
    /// The most calls in flight, across all workers.
    pub max_in_flight: Option<u32>,
    /// The most calls that leave within any second, across all workers.
    pub max_per_second: Option<u32>,
    /// The longest timeout of its jobs, where that is more than [`MAX_TIMEOUT`].
    #[serde(default)]
    pub max_timeout: Option<Duration>,
    /// How connections to it are made.
    #[serde(default)]
    pub transport: Transport,
    /// Whether its calls are held back while its host is down, but for a probe now and then.
    #[serde(default = "yes")]
    pub probe: bool,
    /// That its host is down, or has just come back. Not a setting: Naptime notes it by itself.
    #[serde(default)]
    pub down: Option<Down>,
    /// Raised by every change that people make.
    pub rev: Rev,
    /// When it was last changed.
    pub updated_at: Time,
}

/// A change of a pool's settings: what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // The fields are those of `PoolSettings`.
pub struct PoolChange {
    pub active: Option<bool>,
    pub headers: Option<Headers>,
    pub max_in_flight: Option<Option<u32>>,
    pub max_per_second: Option<Option<u32>>,
    pub max_timeout: Option<Option<Duration>>,
    pub transport: Option<Transport>,
    pub probe: Option<bool>,
}

uuid_newtype! {
    /// The right to make one call to a pool that has limits.
    PassId
}

/// A pass, and the pool it is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pass {
    /// The pool.
    pub pool: Pool,
    /// The pass.
    pub id: PassId,
}

impl Pool {
    /// Reads a pool: scheme, host and maybe port, and nothing after them but a `/`.
    ///
    /// # Errors
    /// At `pool`, if it is none.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let endpoint = Endpoint::parse(text).map_err(|fault| Invalid { field: "pool".into(), ..fault })?;
        // A query or fragment that is there but empty, and a path of dots, are dropped by the time it is an endpoint.
        let bare = !text.trim_matches(' ').trim_end_matches('/').contains(['?', '#']);
        if endpoint.channel().as_str() != "/" || !bare {
            return Err(Invalid::new("pool", "has_path", "a pool is scheme and host, like https://example.com"));
        }
        Ok(endpoint.pool().clone())
    }
}

impl PoolSettings {
    /// A pool as it is when its first endpoint is added, at `now`: on, and with nothing set.
    pub fn new(pool: Pool, now: Time) -> Self {
        Self {
            pool,
            active: true,
            headers: Headers::default(),
            max_in_flight: None,
            max_per_second: None,
            max_timeout: None,
            transport: Transport::default(),
            probe: true,
            down: None,
            rev: Rev(1),
            updated_at: now,
        }
    }

    /// Whether its jobs are kept from being claimed like all others: it is switched off, has a limit, or its host is down.
    pub fn is_gated(&self) -> bool {
        !self.active || self.max_in_flight.is_some() || self.max_per_second.is_some() || self.down.is_some()
    }

    /// Whether workers need not know of it, since it is as it was when it was added.
    pub fn is_plain(&self) -> bool {
        !self.is_gated() && self.headers.is_empty() && self.max_timeout.is_none() && self.transport.is_default()
    }

    /// The longest timeout of its jobs.
    pub fn timeout_limit(&self) -> Duration {
        self.max_timeout.unwrap_or(MAX_TIMEOUT)
    }

    /// Makes a change at `now`. Returns whether it changed anything.
    pub fn change(&mut self, change: PoolChange, now: Time) -> bool {
        let probe = change.probe.unwrap_or(self.probe);
        let after = Self {
            active: change.active.unwrap_or(self.active),
            headers: change.headers.unwrap_or_else(|| self.headers.clone()),
            max_in_flight: change.max_in_flight.unwrap_or(self.max_in_flight),
            max_per_second: change.max_per_second.unwrap_or(self.max_per_second),
            max_timeout: change.max_timeout.unwrap_or(self.max_timeout),
            transport: change.transport.unwrap_or_else(|| self.transport.clone()),
            probe,
            down: self.down.filter(|_| probe),
            ..self.clone()
        };
        if after == *self {
            return false;
        }
        *self = Self { rev: Rev(self.rev.0 + 1), updated_at: now, ..after };
        true
    }
}

fn yes() -> bool {
    true
}

/// The fault of a timeout that is longer than its `pool` allows.
pub fn too_long(pool: &Pool, timeout: Duration, limit: Duration) -> Invalid {
    let (timeout, limit) = (duration::show(timeout), duration::show(limit));
    let detail =
        format!("{timeout} is too long; {pool} allows {limit}, unless the longest timeout of its pool is raised");
    Invalid::new("timeout", "out_of_range", detail)
}

/// A pool as its text.
mod text {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::Pool;

    pub(super) fn serialize<S: Serializer>(pool: &Pool, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(pool.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Pool, D::Error> {
        let text = String::deserialize(deserializer)?;
        Pool::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_pool_and_nothing_more() {
        let check = |text: &str, expect: Result<&str, &str>| {
            let read = Pool::parse(text);
            let read = read.as_ref().map(Pool::as_str).map_err(|fault| fault.code);
            assert_eq!(read, expect, "{text}");
        };
        check("https://Foobar.net", Ok("https://foobar.net"));
        check("https://foobar.net/", Ok("https://foobar.net"));
        check("http://127.0.0.1:8080", Ok("http://127.0.0.1:8080"));
        check("http://a.b.c.example:80", Ok("http://a.b.c.example"));
        check("https://foobar.net/x", Err("has_path"));
        check("https://foobar.net?x", Err("has_path"));
        check("https://foobar.net/?", Err("has_path"));
        check("https://foobar.net#x", Err("has_path"));
        check("foobar.net", Err("no_scheme"));
        check("", Err("empty"));
        assert!(Pool::parse("").is_err_and(|fault| fault.field == "pool"));
    }

    #[test]
    fn a_change_that_changes_nothing_is_none() {
        let [then, now] = [1, 2].map(Time::from_millis);
        let mut pool = PoolSettings::new(Pool::parse("https://foobar.net").expect("a pool"), then);
        assert!(!pool.is_gated());
        assert!(!pool.change(PoolChange::default(), now));
        assert!(!pool.change(PoolChange { active: Some(true), max_in_flight: Some(None), ..Default::default() }, now));
        assert_eq!((pool.rev, pool.updated_at), (Rev(1), then));
        assert!(pool.change(PoolChange { max_per_second: Some(Some(3)), ..Default::default() }, now));
        assert_eq!((pool.rev, pool.updated_at, pool.max_per_second), (Rev(2), now, Some(3)));
        assert!(pool.is_gated());
        assert!(pool.change(PoolChange { max_per_second: Some(None), ..Default::default() }, now));
        assert!(!pool.is_gated());
        assert!(pool.change(PoolChange { active: Some(false), ..Default::default() }, now));
        assert!(pool.is_gated() && !pool.is_plain());
        assert!(pool.change(PoolChange { active: Some(true), ..Default::default() }, now));
        assert!(pool.is_plain());
    }

    #[test]
    fn what_differs_is_known_without_a_gate() {
        let pool = || PoolSettings::new(Pool::parse("https://foobar.net").expect("a pool"), Time::from_millis(1));
        let transport = Transport { http1_only: true, ..Transport::default() };
        let headers = Headers::new(vec![("User-Agent".into(), "mine".into())]).expect("a header");
        for change in [
            PoolChange { transport: Some(transport), ..Default::default() },
            PoolChange { max_timeout: Some(Some(crate::request::MAX_POOL_TIMEOUT)), ..Default::default() },
            PoolChange { headers: Some(headers), ..Default::default() },
        ] {
            let mut pool = pool();
            assert!(pool.is_plain() && pool.change(change, Time::from_millis(2)));
            assert!(!pool.is_plain() && !pool.is_gated(), "{pool:?}");
        }
    }
}
