//! From names to addresses that may be called.
//!
//! The check stands between the names and the connections, so the addresses checked are the addresses connected to: a
//! name cannot change its mind in between.
//!
//! A name that nobody answers for costs its own endpoints only: nothing is shared by look-ups of different names, and a
//! look-up ends with the last call that waits for it, so there are never more of them than calls under way.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use naptime_core::AllowedNetworks;
use tokio::time::Instant;

use super::fault::LocalFault;
use super::name_servers::{Files, Found, Limits, Missing, NameServers, Stamp};

/// The most names whose addresses are kept. Of more, those used least recently are forgotten.
const MAX_NAMES: usize = 10_000;

/// How long look-ups take and answers are kept.
#[derive(Clone, Copy, Debug)]
struct Times {
    limits: Limits,
    /// How long it is kept that a name has no address, or that nobody could say.
    negative: Duration,
    /// How long an answer is used beyond its time if nobody can say anything newer.
    stale: Duration,
    /// How long a call waits for something newer, if there is such an answer.
    patience: Duration,
    /// How often the files of the configuration are looked at.
    reread: Duration,
}

const TIMES: Times = Times {
    limits: Limits { lookup: Duration::from_secs(10), question: Duration::from_millis(2_500) },
    negative: Duration::from_secs(5),
    stale: Duration::from_secs(300),
    patience: Duration::from_millis(1_500),
    reread: Duration::from_secs(2),
};

/// Why a host cannot be called.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum LookupError {
    /// It has no address that may be called.
    #[error("{host} is in a network that may not be called")]
    Blocked {
        /// The name or address.
        host: String,
    },
    /// It has no address, or nobody could say.
    #[error("{host}: {reason}")]
    NotFound {
        /// The name.
        host: String,
        /// What is known.
        reason: String,
    },
    /// This machine could not ask.
    #[error(transparent)]
    Local(#[from] LocalFault),
}

/// Looks names up as the system does, and leaves out what may not be called. A clone shares what is known.
#[derive(Clone)]
pub(super) struct Resolver {
    networks: Arc<AllowedNetworks>,
    names: Arc<Names>,
}

impl Resolver {
    /// A resolver by the configuration of this machine.
    pub(super) fn new(networks: Arc<AllowedNetworks>) -> Self {
        Self::with(networks, Files::default(), TIMES)
    }

    fn with(networks: Arc<AllowedNetworks>, files: Files, times: Times) -> Self {
        Self { networks, names: Arc::new(Names { files, times, book: Mutex::default() }) }
    }

    /// The addresses of a host that may be called, at least one, in the order in which to try them.
    pub(super) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, LookupError> {
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse();
        let mut addresses = match literal {
            Ok(ip) => vec![ip],
            Err(_) => Names::find(&self.names, host).await.map_err(|missing| missing.explain(host))?,
        };
        addresses.retain(|&ip| self.networks.permits(ip));
        if addresses.is_empty() {
            return Err(LookupError::Blocked {
                host: literal.map_or_else(|_| host.to_owned(), |ip: IpAddr| ip.to_string()),
            });
        }
        Ok(addresses)
    }
}

impl Missing {
    fn explain(self, host: &str) -> LookupError {
        let reason = match self {
            Self::None { no_name: true, .. } => "there is no such name".to_owned(),
            Self::None { no_name: false, .. } => "the name has no address".to_owned(),
            Self::Unknown(reason) => reason,
            Self::Local(fault) => return fault.into(),
        };
        LookupError::NotFound { host: host.to_owned(), reason }
    }
}

type Lookup = BoxFuture<'static, Result<Vec<IpAddr>, Missing>>;

/// What is known of names.
struct Names {
    files: Files,
    times: Times,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    servers: Option<(Arc<NameServers>, Stamp)>,
    /// When the files were last looked at.
    looked: Option<Instant>,
    entries: HashMap<String, Entry>,
}

/// What is known of a name.
struct Entry {
    used: Instant,
    /// The last addresses, and until when they are good.
    known: Option<(Vec<IpAddr>, Instant)>,
    /// Why the last look-up found none, and until when that is good.
    missing: Option<(Missing, Instant)>,
    /// The look-up under way.
    running: Option<WeakShared<Lookup>>,
}

/// What an entry gives at once.
enum Now {
    End(Result<Vec<IpAddr>, Missing>),
    /// To be waited for, with an answer to fall back on.
    Wait(Shared<Lookup>, Option<Vec<IpAddr>>),
}

impl Names {
    async fn find(names: &Arc<Self>, host: &str) -> Result<Vec<IpAddr>, Missing> {
        let (lookup, stale) = match Self::begin(names, host)? {
            Now::End(end) => return end,
            Now::Wait(lookup, None) => return lookup.await,
            Now::Wait(lookup, Some(stale)) => (lookup, stale),
        };
        match tokio::time::timeout(names.times.patience, lookup).await {
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(none @ Missing::None { .. })) => Err(none),
            Ok(Err(Missing::Unknown(_) | Missing::Local(_))) => Ok(stale),
            Err(_) => {
                // The next calls don't wait again so soon.
                if let Some(entry) = names.lock().entries.get_mut(host) {
                    entry.missing = Some((Missing::no_answer(), Instant::now() + names.times.negative));
                }
                Ok(stale)
            }
        }
    }

    /// What is known, or a look-up to wait for: the one under way, or a new one.
    fn begin(names: &Arc<Self>, host: &str) -> Result<Now, Missing> {
        let mut book = names.lock();
        let servers = book.servers(names).map_err(Missing::Local)?;
        let now = Instant::now();
        book.make_room();
        let entry = book.entries.entry(host.to_owned()).or_insert_with(|| Entry::new(now));
        entry.used = now;
        if let Some((addresses, until)) = &entry.known
            && now < *until
        {
            return Ok(Now::End(Ok(addresses.clone())));
        }
        let stale = entry.known.as_ref().filter(|(_, until)| now < *until + names.times.stale);
        let stale = stale.map(|(addresses, _)| addresses.clone());
        if let Some((missing, until)) = &entry.missing
            && now < *until
        {
            return Ok(Now::End(stale.ok_or_else(|| missing.clone())));
        }
        let running = entry.running.as_ref().and_then(WeakShared::upgrade);
        let lookup = running.unwrap_or_else(|| {
            let (names, host) = (Arc::clone(names), host.to_owned());
            let lookup = async move {
                let found = servers.find(&host).await;
                names.note(&host, &servers, &found);
                found.map(|found| found.addresses)
            };
            let lookup = lookup.boxed().shared();
            entry.running = lookup.downgrade();
            lookup
        });
        Ok(Now::Wait(lookup, stale))
    }

    /// Notes what came of a look-up.
    fn note(&self, host: &str, servers: &Arc<NameServers>, found: &Result<Found, Missing>) {
        let mut book = self.lock();
        // What others said is no longer true after a change of the configuration.
        if !book.servers.as_ref().is_some_and(|(current, _)| Arc::ptr_eq(current, servers)) {
            return;
        }
        let Some(entry) = book.entries.get_mut(host) else { return };
        let now = Instant::now();
        entry.running = None;
        entry.missing = None;
        match found {
            Ok(found) => entry.known = Some((found.addresses.clone(), now + found.ttl)),
            Err(none @ Missing::None { ttl, .. }) => {
                entry.known = None;
                let keep = ttl.unwrap_or(self.times.negative).min(self.times.negative);
                entry.missing = Some((none.clone(), now + keep));
            }
            Err(unknown @ Missing::Unknown(_)) => entry.missing = Some((unknown.clone(), now + self.times.negative)),
            Err(Missing::Local(_)) => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn new(now: Instant) -> Self {
        Self { used: now, known: None, missing: None, running: None }
    }
}

impl Book {
    /// The servers by the files as they are now. If these have changed, all that is known is forgotten: it may be
    /// another network.
    fn servers(&mut self, names: &Names) -> Result<Arc<NameServers>, LocalFault> {
        let looked_lately = self.looked.is_some_and(|looked| looked.elapsed() < names.times.reread);
        if let Some((servers, _)) = &self.servers
            && looked_lately
        {
            return Ok(servers.clone());
        }
        self.looked = Some(Instant::now());
        let stamp = names.files.stamp();
        if let Some((servers, read)) = &self.servers
            && *read == stamp
        {
            return Ok(servers.clone());
        }
        match (NameServers::read(&names.files, names.times.limits), &self.servers) {
            (Ok(servers), _) => {
                let servers = Arc::new(servers);
                self.servers = Some((servers.clone(), stamp));
                self.entries.clear();
                Ok(servers)
            }
            (Err(_), Some((servers, _))) => Ok(servers.clone()),
            (Err(fault), None) => Err(fault),
        }
    }

    /// Forgets the half that was used least recently, if there is no room for one more.
    fn make_room(&mut self) {
        if self.entries.len() < MAX_NAMES {
            return;
        }
        let mut used: Vec<Instant> = self.entries.values().map(|entry| entry.used).collect();
        let (_, median, _) = used.select_nth_unstable(MAX_NAMES / 2);
        let median = *median;
        self.entries.retain(|_, entry| entry.used > median);
    }
}

#[cfg(test)]
mod tests;
