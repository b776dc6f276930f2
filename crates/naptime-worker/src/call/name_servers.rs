//! Names as this machine knows them: `/etc/hosts` first, then the name servers of `/etc/resolv.conf`.
//!
//! The servers are asked in their order, with the search list, `ndots`, `timeout` and `attempts` of that file, as the C
//! library does it. Unlike there, an unanswered question holds up no thread, and no name is looked up for longer than
//! [`Limits::lookup`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::time::Duration;

use futures::future::{Either, select};
use hickory_resolver::config::{ConnectionConfig, ProtocolConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::udp::UdpClientStream;
use hickory_resolver::net::xfer::DnsExchange;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{ConnectionProvider, Hosts, PoolContext, Resolver, system_conf};
use tokio::time::Instant;

use super::fault::LocalFault;

/// The most addresses kept of one name.
const MAX_ADDRESSES: usize = 32;
/// How long an answer of `/etc/hosts` is good for. A change of the file ends that earlier.
const HOSTS_TTL: Duration = Duration::from_secs(3600);
/// How long an answer of one family (IPv4, IPv6) waits for that of the other.
const OTHER_FAMILY: Duration = Duration::from_millis(500);
/// The most questions open at once on one TCP connection to a name server.
const MAX_TCP_QUESTIONS: usize = 512;

/// How long look-ups may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The longest look-up of a name, with all servers, attempts and search domains. Well below the timeout of a call.
    pub(super) lookup: Duration,
    /// The longest wait for one answer of one server.
    pub(super) question: Duration,
}

/// Where the configuration is read from.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub(super) resolv_conf: PathBuf,
    pub(super) hosts: PathBuf,
    /// The port of the name servers, which the file cannot say.
    pub(super) port: u16,
}

/// Tells versions of the files apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp([Option<(u64, i64, i64, u64)>; 2]);

/// The addresses of a name.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) addresses: Vec<IpAddr>,
    /// How long the servers let them be kept.
    pub(super) ttl: Duration,
}

/// Why a name has no addresses.
#[derive(Clone, Debug)]
pub(super) enum Missing {
    /// It has none: the servers said so.
    None {
        /// Whether there is no such name at all, rather than one without addresses.
        no_name: bool,
        /// How long that may be kept, if the servers said it.
        ttl: Option<Duration>,
    },
    /// No server could say.
    Unknown(String),
    /// It is this machine that could not ask.
    Local(LocalFault),
}

/// The configuration as it was read.
pub(super) struct NameServers {
    hosts: Hosts,
    servers: Vec<Resolver<OneSocket>>,
    /// Why there are no servers.
    no_servers: String,
    search: Vec<Name>,
    ndots: usize,
    attempts: usize,
    limit: Duration,
}

impl Missing {
    /// The servers kept silent.
    pub(super) fn no_answer() -> Self {
        Self::Unknown("the name server did not answer".to_owned())
    }
}

impl Default for Files {
    fn default() -> Self {
        Self { resolv_conf: "/etc/resolv.conf".into(), hosts: "/etc/hosts".into(), port: 53 }
    }
}

impl Files {
    /// The stamp of the files as they are now.
    pub(super) fn stamp(&self) -> Stamp {
        let stamp = |path: &Path| {
            let it = std::fs::metadata(path).ok()?;
            Some((it.ino(), it.mtime(), it.mtime_nsec(), it.len()))
        };
        Stamp([stamp(&self.resolv_conf), stamp(&self.hosts)])
    }
}

impl NameServers {
    /// Reads the configuration. Where there is none, names of `/etc/hosts` are still found.
    ///
    /// # Errors
    /// If this machine cannot open a file at the moment.
    pub(super) fn read(files: &Files, limits: Limits) -> Result<Self, LocalFault> {
        let mut hosts = Hosts::default();
        match std::fs::read(&files.hosts) {
            Ok(text) => {
                // What can be read of it counts.
                let _ = hosts.read_hosts_conf(&text[..]);
            }
            Err(error) => LocalFault::of(&error).map_or(Ok(()), Err)?,
        }
        let mut read = Self {
            hosts,
            servers: Vec::new(),
            no_servers: String::new(),
            search: Vec::new(),
            ndots: 1,
            attempts: 1,
            limit: limits.lookup,
        };
        let file = files.resolv_conf.display();
        let text = match std::fs::read(&files.resolv_conf) {
            Ok(text) => text,
            Err(error) => {
                LocalFault::of(&error).map_or(Ok(()), Err)?;
                read.no_servers = format!("{file} cannot be read: {error}");
                return Ok(read);
            }
        };
        match system_conf::parse_resolv_conf(text) {
            Ok((config, options)) => read.take(&config, options, files.port, limits),
            Err(error) => read.no_servers = format!("{file} cannot be used: {error}"),
        }
        Ok(read)
    }

    fn take(&mut self, config: &ResolverConfig, mut options: ResolverOpts, port: u16, limits: Limits) {
        self.search = match config.search() {
            [] => config.domain().cloned().into_iter().collect(),
            search => search.to_vec(),
        };
        self.ndots = options.ndots;
        // An answer that comes later than that has been cached by the server when it is asked again.
        let timeout = options.timeout.min(limits.question);
        let asked_for = options.timeout.saturating_mul(u32::try_from(options.attempts).unwrap_or(u32::MAX));
        let tries = asked_for.min(limits.lookup).as_millis() / timeout.as_millis().max(1);
        self.attempts = usize::try_from(tries).unwrap_or(usize::MAX).max(1);
        options.timeout = timeout;
        options.attempts = 0;
        // What is cached, and for how long, is for the caller to say.
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        options.num_concurrent_reqs = 1;
        options.max_active_requests = MAX_TCP_QUESTIONS;
        for server in config.name_servers() {
            let mut server = server.clone();
            server.connections.iter_mut().for_each(|connection| connection.port = port);
            // A resolver for each server, so that they are asked in their order and one that fails is passed by.
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
            let provider = OneSocket(TokioRuntimeProvider::default());
            let built = Resolver::builder_with_config(config, provider).with_options(options.clone()).build();
            match built {
                Ok(server) => self.servers.push(server),
                Err(error) => self.no_servers = format!("the name server cannot be used: {error}"),
            }
        }
    }

    /// Looks a name up.
    pub(super) async fn find(&self, host: &str) -> Result<Found, Missing> {
        let Ok(name) = Name::from_ascii(host) else {
            return Err(Missing::None { no_name: true, ttl: None });
        };
        if let Some(found) = self.known(&name) {
            return Ok(found);
        }
        tokio::time::timeout(self.limit, self.search(name)).await.unwrap_or_else(|_| Err(Missing::no_answer()))
    }

    /// What needs no server.
    fn known(&self, name: &Name) -> Option<Found> {
        let listed = |kind| self.hosts.lookup_static_host(&Query::query(name.clone(), kind));
        let listed = [listed(RecordType::AAAA), listed(RecordType::A)];
        let mut addresses: Vec<IpAddr> = listed.iter().flatten().flat_map(addresses).collect();
        if addresses.is_empty() && name.is_localhost() {
            addresses = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        }
        (!addresses.is_empty()).then_some(Found { addresses, ttl: HOSTS_TTL })
    }

    /// Asks for the name, and for it in each search domain. The first that there is counts; one that nobody can say
    /// anything about ends the search, as another might be somebody else's.
    async fn search(&self, name: Name) -> Result<Found, Missing> {
        let mut missing = Missing::None { no_name: true, ttl: None };
        for name in self.candidates(name) {
            match self.ask(name).await {
                Err(Missing::None { no_name, ttl }) => missing = Missing::None { no_name, ttl },
                end => return end,
            }
        }
        Err(missing)
    }

    fn candidates(&self, name: Name) -> Vec<Name> {
        if name.is_fqdn() {
            return vec![name];
        }
        let searched = self.search.iter().filter_map(|domain| name.clone().append_domain(domain).ok());
        let as_it_is_first = usize::from(name.num_labels()) > self.ndots;
        let mut as_it_is = name.clone();
        as_it_is.set_fqdn(true);
        let (before, after) = if as_it_is_first { (Some(as_it_is), None) } else { (None, Some(as_it_is)) };
        before.into_iter().chain(searched).chain(after).collect()
    }

    /// Asks the servers in their order, and again, until one knows.
    async fn ask(&self, name: Name) -> Result<Found, Missing> {
        let mut missing = Missing::Unknown(self.no_servers.clone());
        for _ in 0..self.attempts {
            for server in &self.servers {
                match ask(server, &name).await {
                    Err(Missing::Unknown(why)) => missing = Missing::Unknown(why),
                    end => return end,
                }
            }
        }
        Err(missing)
    }
}

/// Asks one server for the addresses of both families at once.
async fn ask(server: &Resolver<OneSocket>, name: &Name) -> Result<Found, Missing> {
    let ipv6 = pin!(async { read(server.ipv6_lookup(name.clone()).await) });
    let ipv4 = pin!(async { read(server.ipv4_lookup(name.clone()).await) });
    let (first, other) = match select(ipv6, ipv4).await {
        Either::Left((first, other)) => (first, Either::Left(other)),
        Either::Right((first, other)) => (first, Either::Right(other)),
    };
    let second = match &first {
        Err(Missing::None { no_name: true, .. } | Missing::Local(_)) => return first,
        Err(_) => other.await,
        // Some servers never answer to one of the two.
        Ok(_) => match tokio::time::timeout(OTHER_FAMILY, other).await {
            Ok(second) => second,
            Err(_) => return first,
        },
    };
    match (first, second) {
        (Ok(a), Ok(b)) => {
            let (mut first, second) = if a.addresses.iter().any(IpAddr::is_ipv6) { (a, b) } else { (b, a) };
            first.ttl = first.ttl.min(second.ttl);
            first.addresses.extend(second.addresses);
            Ok(first)
        }
        (Ok(found), Err(_)) | (Err(_), Ok(found)) => Ok(found),
        // That one family has no address says nothing of the other.
        (Err(Missing::None { no_name: false, .. }), Err(other)) | (Err(other), Err(_)) => Err(other),
    }
}

fn read(answer: Result<Lookup, NetError>) -> Result<Found, Missing> {
    match answer {
        Ok(lookup) => {
            let addresses: Vec<IpAddr> = addresses(&lookup).take(MAX_ADDRESSES).collect();
            if addresses.is_empty() {
                return Err(Missing::None { no_name: false, ttl: None });
            }
            Ok(Found { addresses, ttl: lookup.valid_until().saturating_duration_since(Instant::now().into_std()) })
        }
        Err(NetError::Dns(DnsError::NoRecordsFound(NoRecords { response_code, negative_ttl, .. })))
            if matches!(response_code, ResponseCode::NXDomain | ResponseCode::NoError) =>
        {
            let ttl = negative_ttl.map(|seconds| Duration::from_secs(seconds.into()));
            Err(Missing::None { no_name: response_code == ResponseCode::NXDomain, ttl })
        }
        Err(NetError::Timeout) => Err(Missing::no_answer()),
        Err(NetError::Dns(DnsError::ResponseCode(code))) => {
            Err(Missing::Unknown(format!("the name server could not say: {code}")))
        }
        Err(NetError::Io(error)) => Err(LocalFault::of(&error)
            .map_or_else(|| Missing::Unknown(format!("the name server cannot be reached: {error}")), Missing::Local)),
        Err(error) => Err(Missing::Unknown(format!("the name server could not be asked: {error}"))),
    }
}

fn addresses(lookup: &Lookup) -> impl Iterator<Item = IpAddr> {
    lookup.answers().iter().filter_map(|record| record.data.ip_addr())
}

/// Asks each question over one UDP socket. What gets no answer is asked again in another attempt, so a name that hangs
/// takes two file descriptors, one for each family, and not two for each time it is asked.
#[derive(Clone)]
struct OneSocket(TokioRuntimeProvider);

impl ConnectionProvider for OneSocket {
    type Conn = DnsExchange<TokioRuntimeProvider>;
    type FutureConn = Pin<Box<dyn Future<Output = Result<Self::Conn, NetError>> + Send>>;
    type RuntimeProvider = TokioRuntimeProvider;

    fn new_connection(
        &self,
        ip: IpAddr,
        config: &ConnectionConfig,
        context: &PoolContext,
    ) -> Result<Self::FutureConn, NetError> {
        let provider = self.0.clone();
        if !matches!(config.protocol, ProtocolConfig::Udp) {
            return provider.new_connection(ip, config, context);
        }
        let stream = UdpClientStream::builder(SocketAddr::new(ip, config.port), provider)
            .with_timeout(Some(context.options.timeout))
            .with_max_retries(1);
        Ok(Box::pin(async { Ok(stream.exchange()) }))
    }

    fn runtime_provider(&self) -> &Self::RuntimeProvider {
        &self.0
    }
}
