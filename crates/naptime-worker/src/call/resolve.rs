//! From names to addresses that may be called.
//!
//! The check stands here, so the addresses checked are the addresses connected to: a name cannot change its mind in
//! between.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use naptime_core::AllowedNetworks;
use tokio::sync::Semaphore;

/// The most names that are looked up at once. Each takes a thread for as long as the system's resolver likes, and there
/// is no way to stop one; what cannot be looked up in time must not take the threads of everything else.
const MAX_LOOKUPS: usize = 32;

/// The host has no address that may be called.
#[derive(Debug, thiserror::Error)]
#[error("{host} is in a network that may not be called")]
pub(super) struct Blocked {
    /// The name or address.
    pub(super) host: String,
}

/// The name has no address, or nobody could say: the system's resolver does not tell the two apart reliably.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{host}: {reason}")]
pub(super) struct NotFound {
    host: String,
    reason: String,
}

/// There is no address to call.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) enum LookupError {
    Blocked(Blocked),
    NotFound(NotFound),
}

/// Looks names up as the system does, and leaves out what may not be called.
pub(super) struct Resolver {
    networks: Arc<AllowedNetworks>,
    lookups: Lookups,
}

impl Resolver {
    pub(super) fn new(networks: Arc<AllowedNetworks>) -> Self {
        // The port does not matter: whoever connects puts in its own.
        Self { networks, lookups: Lookups::new(|host| Ok((host, 0).to_socket_addrs()?.collect())) }
    }

    /// The addresses of `host` that may be called; at least one.
    pub(super) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, LookupError> {
        let found = self.lookups.find(host).await.map_err(LookupError::NotFound)?;
        let found: Vec<IpAddr> = found.iter().map(SocketAddr::ip).filter(|ip| self.networks.permits(*ip)).collect();
        if found.is_empty() {
            return Err(LookupError::Blocked(Blocked { host: host.to_owned() }));
        }
        Ok(found)
    }
}

/// A lookup that blocks, as the system's does.
type Blocking = dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync;
type Lookup = Shared<BoxFuture<'static, Result<Vec<SocketAddr>, NotFound>>>;

/// The lookups under way. Whoever needs a name that is being looked up waits for that, so one name that hangs never
/// takes more than one thread, however often it is called.
struct Lookups {
    system: Arc<Blocking>,
    threads: Arc<Semaphore>,
    running: Arc<Mutex<HashMap<String, Lookup>>>,
}

impl Lookups {
    /// Looks up with `system`, which blocks.
    fn new(system: impl Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static) -> Self {
        let threads = Arc::new(Semaphore::new(MAX_LOOKUPS));
        Self { system: Arc::new(system), threads, running: Arc::default() }
    }

    fn find(&self, host: &str) -> Lookup {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lookup) = running.get(host) {
            return lookup.clone();
        }
        let (system, threads, list) = (Arc::clone(&self.system), Arc::clone(&self.threads), Arc::clone(&self.running));
        let name = host.to_owned();
        // A task of its own: it ends, and leaves the list, even if all who wait for it have given up.
        let task = tokio::spawn(async move {
            // The semaphore is never closed. The permit goes with the thread.
            let permit = threads.acquire_owned().await;
            let asked = name.clone();
            let end = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                system(&asked)
            });
            let end = end.await.unwrap_or_else(|error| Err(error.into()));
            list.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
            end.map_err(|error| not_found(name, &error))
        });
        let name = host.to_owned();
        let lookup = task.map(|end| end.unwrap_or_else(|error| Err(not_found(name, &error)))).boxed().shared();
        running.insert(host.to_owned(), lookup.clone());
        lookup
    }
}

fn not_found(host: String, error: &dyn std::error::Error) -> NotFound {
    NotFound { host, reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn names_that_hang_take_few_threads_and_each_only_one() {
        // What starts is told; it hangs until the test lets go.
        let (started, mut starts) = tokio::sync::mpsc::unbounded_channel();
        let (let_go, held) = mpsc::channel::<()>();
        let held = Mutex::new(held);
        let lookups = Lookups::new(move |host| {
            let _ = started.send(host.to_owned());
            let _ = held.lock().unwrap().recv();
            Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0))])
        });
        let waiting: Vec<Lookup> = (0..200).map(|number| lookups.find(&format!("host-{}", number % 100))).collect();
        let mut seen = Vec::new();
        for _ in 0..MAX_LOOKUPS {
            seen.push(starts.recv().await.unwrap());
        }
        tokio::task::yield_now().await;
        assert!(starts.try_recv().is_err(), "more than {MAX_LOOKUPS} at once");
        drop(let_go);
        for lookup in waiting {
            assert_eq!(lookup.await.unwrap().len(), 1);
        }
        while let Ok(name) = starts.try_recv() {
            seen.push(name);
        }
        assert_eq!(seen.len(), 100, "one lookup for all who wait for a name");
        assert!(lookups.running.lock().unwrap().is_empty());
    }
}
