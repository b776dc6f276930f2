//! The store on MongoDB: any number of web and worker processes, coordinated by one database.
//!
//! What a claim, a settle or an edit does is decided in `naptime_core`. A claim is written here once more as an update
//! pipeline, which the server carries out atomically and by its own clock (`$$NOW`); the conformance suite holds both to
//! the same results. Settles and edits are computed from the job as it was read, and written if it still is so.
//!
//! | collection | holds | indexes |
//! |---|---|---|
//! | `jobs` | what people write: a configuration per job | `schema` has those of lists |
//! | `due` | what workers write: the due work of each job | `{gate, partition, claim_at, _id, size, pool}` for the peek, and few others |
//! | `answers` | what was answered to some of those claims | `{job, at}`, `{at}` |
//! | `runs` | one document per claim that was called | `{job, started, _id}`, `{finished}` |
//! | `load` | figures per second, minute, ten minutes and hour, and worker; and one document of their total | `{tier, at}` |
//! | `workers` | heartbeats | |
//! | `pools` | one document per pool, with the passes taken from it | `{known}` |
//! | `probe` | two documents, written to see whether the database takes writes, and can do what a claim needs | |
//! | `rules` | one document per rule | `{event}` |
//! | `begun_events` | events that came again and are being handled | `{at}`, which expires them |
//! | `breaches` | breaches of SLAs that have ended | `{job, to, _id.from}`, `{to, job}` |
//! | `sla` | sums of promised and breached time that has ended, per minute, ten minutes and hour | `{tier, at}` |
//! | `schema` | one document: the version of this layout | |
//! | `environment` | at most one document: the environment of the processes that work on this database | |
//! | `login` | one document: the salt of the password | |
//! | `arrival` | at most one document: the move that fills, or has filled, this database | |
//! | `records` | one document per receiver of alerts, mute, and problem that is open | |
//! | `sessions` | one document per person who is logged in, at most 1,000 | |
//!
//! Nothing is acknowledged before a majority of the database's members has it.

mod answers;
mod arriving;
mod begun;
mod breaches;
mod capability;
mod claim;
mod clock;
mod command;
mod contents;
mod deleted;
mod document;
mod edit;
mod environment;
mod examine;
mod gates;
mod history;
mod insert;
mod jobs;
mod joined;
mod list;
mod lost;
mod open;
mod orphans;
mod pipeline;
mod plan;
mod pools;
mod probe;
mod purge;
mod queue;
mod queued;
mod records;
mod refusal;
mod repairs;
mod rules;
mod runs;
mod schema;
mod sessions;
mod settle;
mod sla;
mod states;
mod troubles;
mod wakes;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::time::Duration;

use mongodb::bson::Document;
use mongodb::options::{
    ClientOptions, ConnectionString, HostInfo, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern,
};
use mongodb::{Client, Collection, Database};
use naptime_core::Time;
use naptime_store::moving::Filler;
use naptime_store::{Clock, Configs, Result};

use crate::clock::ServerClock;

pub use capability::Capability;
pub use open::OpenError;
pub use orphans::Orphans;

/// The database of a connection string that names none.
const DEFAULT_DATABASE: &str = "naptime";
/// How long one operation may take before its outcome is unknown.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(5);

/// A handle on the store. Clones share connections and clock.
#[derive(Clone)]
pub struct MongoStore {
    db: Database,
    jobs: Collection<Document>,
    due: Collection<Document>,
    configs: Configs,
    filler: Arc<Filler>,
    runs: Collection<Document>,
    load: Collection<Document>,
    workers: Collection<Document>,
    pools: Collection<Document>,
    breaches: Collection<Document>,
    rules: Collection<Document>,
    begun_events: Collection<Document>,
    login: Collection<Document>,
    records: Collection<Document>,
    sessions: Collection<Document>,
    clock: Arc<ServerClock>,
    doubtful: Arc<claim::Doubtful>,
    settled: Arc<AtomicI64>,
    seen: Arc<repairs::Seen>,
    orphans: Arc<Orphans>,
    wakes: Arc<wakes::Wakes>,
    /// Whether more was due within sight, the last time, than was wanted.
    dense: Arc<AtomicBool>,
    retention: Duration,
}

/// What a store is opened with.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long runs and deleted jobs are kept.
    pub retention: Duration,
    /// Milliseconds added to the server's clock wherever it is read, so that tests need not wait for a lease to end.
    /// Zero in production.
    pub clock_offset: Arc<AtomicI64>,
    /// The environment of this process, if it has one. A database is for processes of one environment.
    pub environment: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { retention: Duration::from_secs(7 * 86_400), clock_offset: Arc::default(), environment: None }
    }
}

impl MongoStore {
    /// [`MongoStore::connect`], for those who don't ask why it failed.
    ///
    /// # Errors
    /// [`naptime_store::Error::Unavailable`] for most of what [`OpenError`] tells apart.
    pub async fn open(uri: &str, options: Options) -> Result<Self> {
        Self::connect(uri, options).await.map_err(OpenError::into_store)
    }

    /// Connects, checks that the database can keep what Naptime promises and is of this environment, and makes the
    /// indexes.
    ///
    /// The database is the one the URI names, or `naptime`.
    ///
    /// # Errors
    /// If the URI cannot be read, nobody answers within five seconds, or the server or its database is not for us.
    pub async fn connect(uri: &str, options: Options) -> std::result::Result<Self, OpenError> {
        let mut client = ClientOptions::parse(uri).await?;
        client.app_name.get_or_insert_with(|| "naptime".to_owned());
        client.driver_info = Some(orphans::driver_info());
        // Elections are told at once, whatever this is.
        client.heartbeat_freq.get_or_insert(Duration::from_secs(5));
        client.server_selection_timeout.get_or_insert(Duration::from_secs(3));
        client.connect_timeout.get_or_insert(Duration::from_secs(3));
        client.max_pool_size.get_or_insert(32);
        client.retry_writes.get_or_insert(true);
        // Overrides what the URI says: the promises hold only so.
        client.write_concern = Some(WriteConcern::majority());
        client.read_concern = Some(ReadConcern::local());
        client.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        let name = client.default_database.clone().unwrap_or_else(|| DEFAULT_DATABASE.to_owned());
        let client = Client::with_options(client)?;
        let db = client.database(&name);
        let clock = Arc::new(ServerClock::new(options.clock_offset));
        let store = Self {
            jobs: db.collection("jobs"),
            due: db.collection("due"),
            configs: Configs::default(),
            filler: Arc::default(),
            runs: db.collection("runs"),
            load: db.collection("load"),
            workers: db.collection("workers"),
            pools: db.collection("pools"),
            breaches: db.collection("breaches"),
            rules: db.collection("rules"),
            begun_events: db.collection("begun_events"),
            login: db.collection("login"),
            records: db.collection("records"),
            sessions: db.collection("sessions"),
            db,
            clock,
            doubtful: Arc::default(),
            settled: Arc::default(),
            seen: Arc::default(),
            orphans: Arc::new(Orphans::of(client)),
            wakes: Arc::default(),
            dense: Arc::default(),
            retention: options.retention,
        };
        store.check_replica_set().await?;
        store.check_capabilities().await?;
        store.join_environment(options.environment.as_deref()).await?;
        store.clock.keep_reading(&store.db).await?;
        let version = store.check_version().await?;
        store.make_collections().await?;
        store.orphans.ending(store.make_indexes()).await?;
        store.orphans.ending(store.upgrade(version)).await?;
        Ok(store)
    }
}

/// Whether `uri` can be read as a connection string. Why not is not told: the driver's words may hold the password.
pub fn is_readable(uri: &str) -> bool {
    ConnectionString::parse(uri).is_ok()
}

/// The servers and the database of a connection string that can be read, for people: without credentials and options.
pub fn shown(uri: &str) -> String {
    let Ok(parsed) = ConnectionString::parse(uri) else { return "a MongoDB".to_owned() };
    let hosts = match &parsed.host_info {
        HostInfo::HostIdentifiers(hosts) => hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        HostInfo::DnsRecord(name) => name.clone(),
        _ => String::new(),
    };
    format!("mongodb://{hosts}/{}", parsed.default_database.as_deref().unwrap_or(DEFAULT_DATABASE))
}

impl Clock for MongoStore {
    fn now(&self) -> Time {
        self.clock.now()
    }

    fn until(&self, at: Time) -> Duration {
        self.clock.until(at)
    }
}
