//! The commands that stay: `up`, `web`, `worker`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context;
use naptime_alerts::Place;
use naptime_core::duration::MIN_PERIOD;
use naptime_core::input::read_new;
use naptime_core::{AllowedNetworks, Change, Edit, JobId, Spec};
use naptime_embed::door::Door;
use naptime_embed::store::StoreSettings;
use naptime_embed::working::Working;
use naptime_events::Consumer;
use naptime_store::{JobQuery, PageRef, Store};
use naptime_worker::Worker;
use serde_json::json;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;
use uuid::Uuid;

use crate::cli::{UpArgs, WebArgs, WorkerArgs};
use crate::descriptors::{self, Need};
use crate::faults::Faults;
use crate::metrics::Told;
use crate::settings::{self, AlertSettings, InputSettings, Listen};
use crate::signals::stop_on_signal;
use crate::telemetry::{Telemetry, TelemetrySettings};
use crate::{logging, metrics, waiting, zones};

/// `naptime up`: web and worker in one process.
pub(crate) fn up(args: &UpArgs) -> anyhow::Result<()> {
    let mut faults = Faults::default();
    let store = settings::store(&args.store, false, &mut faults);
    // One's own machine: what the user can reach, Naptime may call.
    let input = InputSettings::read(&args.input, AllowedNetworks::local(), &mut faults);
    let listen = Listen::read(&args.listen, [127, 0, 0, 1], &mut faults);
    let capacity = settings::capacity(&args.capacity, &mut faults);
    let metrics = settings::metrics(&args.work, &mut faults);
    let need = Need { setting: "WORKER_MAX_CAPACITY", capacity, page: connections(true, metrics) };
    let (capacity, lowered) = descriptors::fit(&need, &mut faults);
    let AlertSettings { place, mailer } = AlertSettings::read(&args.alerts, &mut faults);
    let worker = settings::worker(&args.work, capacity, input.networks.clone(), mailer, &mut faults);
    let events = settings::events(&args.events, &mut faults);
    let logs = logging::filter(false, &mut faults);
    let telemetry = TelemetrySettings::read(&mut faults);
    let web = Web { store, input, listen, worker: Some(worker), metrics, lowered, events, place, demo: args.demo };
    faults.check(web)?.run(logs, telemetry)
}

/// `naptime web`: the web, with a small worker inside.
pub(crate) fn web(args: &WebArgs) -> anyhow::Result<()> {
    let mut faults = Faults::default();
    let store = settings::store(&args.store, true, &mut faults);
    let input = InputSettings::read(&args.input, AllowedNetworks::public_only(), &mut faults);
    let listen = Listen::read(&args.listen, [0, 0, 0, 0], &mut faults);
    let capacity = settings::web_capacity(args.web_worker_max_capacity.as_ref(), &mut faults);
    let metrics = settings::metrics(&args.work, &mut faults).filter(|_| capacity > 0);
    let need = Need { setting: "WEB_WORKER_MAX_CAPACITY", capacity, page: connections(true, metrics) };
    let (capacity, lowered) = descriptors::fit(&need, &mut faults);
    let AlertSettings { place, mailer } = AlertSettings::read(&args.alerts, &mut faults);
    let worker = settings::worker(&args.work, capacity, input.networks.clone(), mailer, &mut faults);
    let events = settings::events(&args.events, &mut faults);
    let logs = logging::filter(true, &mut faults);
    let telemetry = TelemetrySettings::read(&mut faults);
    let worker = Some(worker).filter(|_| capacity > 0);
    let web = Web { store, input, listen, worker, metrics, lowered, events, place, demo: false };
    faults.check(web)?.run(logs, telemetry)
}

/// `naptime worker`: a worker alone.
pub(crate) fn worker(args: &WorkerArgs) -> anyhow::Result<()> {
    let mut faults = Faults::default();
    let store = settings::store(&args.store, true, &mut faults);
    let input = InputSettings::read(&args.input, AllowedNetworks::public_only(), &mut faults);
    let capacity = settings::capacity(&args.capacity, &mut faults);
    let metrics = settings::metrics(&args.work, &mut faults);
    let need = Need { setting: "WORKER_MAX_CAPACITY", capacity, page: connections(false, metrics) };
    let (capacity, lowered) = descriptors::fit(&need, &mut faults);
    let AlertSettings { place, mailer } = AlertSettings::read(&args.alerts, &mut faults);
    let worker = settings::worker(&args.work, capacity, input.networks.clone(), mailer, &mut faults);
    let events = settings::events(&args.events, &mut faults);
    let logs = logging::filter(true, &mut faults);
    let telemetry = TelemetrySettings::read(&mut faults);
    let (store, worker) = faults.check((store, worker))?;
    let telemetry = start_log(logs, telemetry)?;
    zones::choose();
    warn_of(lowered);
    block_on(None, telemetry, async |telemetry| {
        let metrics = metrics::listen(metrics).await?;
        let stop = stop_on_signal()?;
        let Some(opened) = waiting::open(&store, true, metrics.as_ref(), &stop).await? else { return Ok(()) };
        let worker = new_worker(opened.store.clone(), worker, telemetry)?;
        let _told = Told::start(metrics, worker.tally());
        let door = Door::watch(opened.store.clone(), stop.clone()).await;
        let InputSettings { networks, min_period } = input;
        let store = opened.store.clone();
        Working { worker, store, events, place, networks, min_period }.run(&door, &stop).await;
        Ok(())
    })
}

/// A process with a web and maybe a worker.
struct Web {
    store: StoreSettings,
    input: InputSettings,
    listen: Listen,
    worker: Option<naptime_worker::Settings>,
    /// Where the worker's own metrics are read.
    metrics: Option<SocketAddr>,
    /// That its capacity is less than was asked for.
    lowered: Option<String>,
    /// Where the worker takes events from.
    events: Option<Consumer>,
    /// Where alerts lead, and how mail is sent.
    place: Place,
    demo: bool,
}

impl Web {
    fn run(self, logs: EnvFilter, telemetry: Option<TelemetrySettings>) -> anyhow::Result<()> {
        let telemetry = start_log(logs, telemetry)?;
        zones::choose();
        warn_of(self.lowered.as_ref());
        block_on(self.listen.threads, telemetry, async |telemetry| self.serve(telemetry).await)
    }

    async fn serve(self, telemetry: Option<&Telemetry>) -> anyhow::Result<()> {
        let address = SocketAddr::new(self.listen.host, self.listen.port);
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address}; choose another port with PORT"))?;
        let address = reachable(listener.local_addr()?);
        let metrics = metrics::listen(self.metrics).await?;
        let stop = stop_on_signal()?;
        let opened = waiting::open(&self.store, self.worker.is_some(), Some(&listener), &stop).await?;
        let Some(opened) = opened else { return Ok(()) };
        let store = opened.store.clone();
        let door = Door::watch(store.clone(), stop.clone()).await;
        let settings = naptime_web::Settings {
            password: self.listen.password,
            is_guarded: false,
            api_token: self.listen.api_token,
            trusted_proxies: self.listen.trusted_proxies,
            networks: self.input.networks.clone(),
            min_period: self.input.min_period,
            retention: self.store.retention,
            place: self.place.clone(),
            shut: door.receiver(),
        };
        let router = naptime_web::router(store.clone(), settings).await?;
        let serving = naptime_web::serve(listener, router, stop.clone().cancelled_owned());
        tracing::info!("the page is at http://{address}");
        let working = async {
            if self.demo {
                add_demo(store.as_ref(), address).await?;
            }
            if let Some(settings) = self.worker {
                let worker = new_worker(store.clone(), settings, telemetry)?;
                let _told = Told::start(metrics, worker.tally());
                let InputSettings { networks, min_period } = self.input;
                let (events, place) = (self.events, self.place);
                Working { worker, store, events, place, networks, min_period }.run(&door, &stop).await;
            }
            anyhow::Ok(())
        };
        // If the worker cannot start, the web is to end as well.
        let ((), worked) = tokio::join!(serving, async { working.await.inspect_err(|_| stop.cancel()) });
        worked
    }
}

/// Starts the log, and telemetry if it is on.
fn start_log(filter: EnvFilter, telemetry: Option<TelemetrySettings>) -> anyhow::Result<Option<Telemetry>> {
    let telemetry = telemetry.map(Telemetry::start).transpose()?;
    logging::start(filter, telemetry.as_ref().and_then(Telemetry::logs));
    Ok(telemetry)
}

fn new_worker(
    store: Arc<dyn Store>,
    settings: naptime_worker::Settings,
    telemetry: Option<&Telemetry>,
) -> anyhow::Result<Worker> {
    let worker = Worker::new(store, settings)?;
    match telemetry {
        Some(telemetry) => telemetry.follow(worker),
        None => Ok(worker),
    }
}

fn warn_of(line: Option<impl AsRef<str>>) {
    if let Some(line) = line {
        tracing::warn!("{}", line.as_ref());
    }
}

/// The most connections that are accepted.
fn connections(page: bool, metrics: Option<SocketAddr>) -> usize {
    (usize::from(page) + usize::from(metrics.is_some())) * naptime_web::MAX_CONNECTIONS
}

/// The name of the sample endpoint, which it is known by at the next start.
const DEMO: &str = "Demo: Naptime's own health check";

/// Adds the sample endpoint. If it is there from an earlier start, it is pointed at the port of this one.
async fn add_demo(store: &dyn Store, address: SocketAddr) -> anyhow::Result<()> {
    let url = format!("http://{address}/healthz");
    // What is called is Naptime itself, so no setting is asked.
    let networks = address.ip().to_string().parse()?;
    let limits = naptime_core::Limits { networks: &networks, min_period: MIN_PERIOD, now: store.now() };
    let sample = json!({"url": url, "every": "5s", "active": true, "name": DEMO, "tags": ["demo"]});
    let job = read_new(sample, limits, JobId::from(Uuid::now_v7()));
    let job = job.map_err(|faults| anyhow::anyhow!("the sample endpoint cannot be added: {faults:?}"))?;
    let query = JobQuery { q: Some(DEMO.to_owned()), ..JobQuery::default() };
    match store.list(&query, &PageRef::first(1)).await?.items.first() {
        Some(demo) if demo.endpoint == job.spec.endpoint => {}
        Some(demo) => {
            let old = store.get(demo.id).await?;
            let change = Change::to(Spec { endpoint: job.spec.endpoint, ..Spec::clone(&old.spec) });
            store.edit(demo.id, None, Edit::Change(change)).await?;
        }
        None => {
            store.insert(vec![job]).await?;
            tracing::info!("added a sample endpoint: {url}, every 5s");
        }
    }
    Ok(())
}

/// The address under which this machine reaches a listener.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if !ip.is_unspecified() => address,
        IpAddr::V4(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())),
        IpAddr::V6(_) => SocketAddr::from((Ipv6Addr::LOCALHOST, address.port())),
    }
}

fn block_on(
    threads: Option<usize>,
    telemetry: Option<Telemetry>,
    work: impl AsyncFnOnce(Option<&Telemetry>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    let runtime = builder.enable_all().build()?;
    let result = runtime.block_on(work(telemetry.as_ref()));
    // A look-up of the database's or the broker's name must not keep the process from ending.
    runtime.shutdown_background();
    if let Some(telemetry) = telemetry {
        telemetry.end();
    }
    result
}
