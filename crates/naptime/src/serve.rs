//! The commands that stay: `up`, `web`, `worker`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use naptime_alerts::{Place, Watch};
use naptime_core::duration::MIN_PERIOD;
use naptime_core::input::read_new;
use naptime_core::{AllowedNetworks, Change, Edit, JobId, Spec};
use naptime_events::{Applier, Consumer};
use naptime_store::{JobQuery, PageRef, Store};
use naptime_worker::Worker;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use uuid::Uuid;

use crate::cli::{UpArgs, WebArgs, WorkerArgs};
use crate::descriptors::{self, Need};
use crate::faults::Faults;
use crate::settings::{self, AlertSettings, InputSettings, Listen, StoreSettings};
use crate::{logging, waiting, zones};

/// `naptime up`: web and worker in one process.
pub(crate) fn up(args: &UpArgs) -> anyhow::Result<()> {
    let mut faults = Faults::default();
    let store = StoreSettings::read(&args.store, false, &mut faults);
    // One's own machine: what the user can reach, Naptime may call.
    let input = InputSettings::read(&args.input, AllowedNetworks::local(), &mut faults);
    let listen = Listen::read(&args.listen, [127, 0, 0, 1], &mut faults);
    let capacity = settings::capacity(&args.capacity, &mut faults);
    let need = Need { setting: "WORKER_MAX_CAPACITY", capacity, page: naptime_web::MAX_CONNECTIONS };
    let (capacity, lowered) = descriptors::fit(&need, &mut faults);
    let AlertSettings { place, mailer } = AlertSettings::read(&args.alerts, &mut faults);
    let worker = settings::worker(&args.work, capacity, input.networks.clone(), mailer, &mut faults);
    let events = settings::events(&args.events, &mut faults);
    let logs = logging::filter(false, &mut faults);
    let web = Web { store, input, listen, worker: Some(worker), lowered, events, place, demo: args.demo };
    faults.check(web)?.run(logs)
}

/// `naptime web`: the web, with a small worker inside.
pub(crate) fn web(args: &WebArgs) -> anyhow::Result<()> {
    let mut faults = Faults::default();
    let store = StoreSettings::read(&args.store, true, &mut faults);
    let input = InputSettings::read(&args.input, AllowedNetworks::public_only(), &mut faults);
    let listen = Listen::read(&args.listen, [0, 0, 0, 0], &mut faults);
    let capacity = settings::web_capacity(args.web_worker_max_capacity.as_ref(), &mut faults);
    let need = Need { setting: "WEB_WORKER_MAX_CAPACITY", capacity, page: naptime_web::MAX_CONNECTIONS };
    let (capacity, lowered) = descriptors::fit(&need, &mut faults);
    let AlertSettings { place, mailer } = AlertSettings::read(&args.alerts, &mut faults);
    let worker = settings::worker(&args.work, capacity, input.networks.clone(), mailer, &mut faults);
    let events = settings::events(&args.events, &mut faults);
    let logs = logging::filter(true, &mut faults);
    let worker = Some(worker).filter(|_| capacity > 0);
    let web = Web { store, input, listen, worker, lowered, events, place, demo: false };
    faults.check(web)?.run(logs)
}

/// `naptime worker`: a worker alone.
pub(crate) fn worker(args: &WorkerArgs) -> anyhow::Result<()> {
    let mut faults = Faults::default();
    let store = StoreSettings::read(&args.store, true, &mut faults);
    let input = InputSettings::read(&args.input, AllowedNetworks::public_only(), &mut faults);
    let capacity = settings::capacity(&args.capacity, &mut faults);
    let need = Need { setting: "WORKER_MAX_CAPACITY", capacity, page: 0 };
    let (capacity, lowered) = descriptors::fit(&need, &mut faults);
    let AlertSettings { place, mailer } = AlertSettings::read(&args.alerts, &mut faults);
    let worker = settings::worker(&args.work, capacity, input.networks.clone(), mailer, &mut faults);
    let events = settings::events(&args.events, &mut faults);
    let logs = logging::filter(true, &mut faults);
    let (store, worker) = faults.check((store, worker))?;
    logging::start(logs);
    zones::choose();
    warn_of(lowered);
    block_on(None, async {
        let stop = stop_on_signal()?;
        let Some(opened) = waiting::open(&store, true, None, &stop).await? else { return Ok(()) };
        let worker = Worker::new(opened.store.clone(), worker)?;
        work(worker, events.as_ref(), opened.store, place, input, &stop).await;
        Ok(())
    })
}

/// A process with a web and maybe a worker.
struct Web {
    store: StoreSettings,
    input: InputSettings,
    listen: Listen,
    worker: Option<naptime_worker::Settings>,
    /// That its capacity is less than was asked for.
    lowered: Option<String>,
    /// Where the worker takes events from.
    events: Option<Consumer>,
    /// Where alerts lead, and how mail is sent.
    place: Place,
    demo: bool,
}

impl Web {
    fn run(self, logs: EnvFilter) -> anyhow::Result<()> {
        logging::start(logs);
        zones::choose();
        warn_of(self.lowered.as_ref());
        block_on(self.listen.threads, self.serve())
    }

    async fn serve(self) -> anyhow::Result<()> {
        let address = SocketAddr::new(self.listen.host, self.listen.port);
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address}; choose another port with PORT"))?;
        let address = reachable(listener.local_addr()?);
        let stop = stop_on_signal()?;
        let opened = waiting::open(&self.store, self.worker.is_some(), Some(&listener), &stop).await?;
        let Some(opened) = opened else { return Ok(()) };
        let store = opened.store.clone();
        let settings = naptime_web::Settings {
            password: self.listen.password,
            api_token: self.listen.api_token,
            trusted_proxies: self.listen.trusted_proxies,
            networks: self.input.networks.clone(),
            min_period: self.input.min_period,
            retention: self.store.retention,
            metrics: Some(record_metrics()?),
            place: self.place.clone(),
        };
        let router = naptime_web::router(store.clone(), settings).await?;
        let serving = naptime_web::serve(listener, router, stop.clone().cancelled_owned());
        tracing::info!("the page is at http://{address}");
        let working = async {
            if self.demo {
                add_demo(store.as_ref(), address).await?;
            }
            if let Some(settings) = self.worker {
                let worker = Worker::new(store.clone(), settings)?;
                work(worker, self.events.as_ref(), store, self.place, self.input, &stop).await;
            }
            anyhow::Ok(())
        };
        // If the worker cannot start, the web is to end as well.
        let ((), worked) = tokio::join!(serving, async { working.await.inspect_err(|_| stop.cancel()) });
        worked
    }
}

fn warn_of(line: Option<impl AsRef<str>>) {
    if let Some(line) = line {
        tracing::warn!("{}", line.as_ref());
    }
}

/// Works until `stop`: calls, applies events, and tells of problems.
async fn work(
    worker: Worker,
    events: Option<&Consumer>,
    store: Arc<dyn Store>,
    place: Place,
    input: InputSettings,
    stop: &CancellationToken,
) {
    let turn = worker.turn();
    let watch = Watch::new(store.clone(), place, move || turn.is_mine());
    tokio::join!(worker.run(stop.clone()), watch.run(stop), consume(events, store, input, stop));
}

/// Applies the events of a broker, if there is one, until `stop`.
async fn consume(events: Option<&Consumer>, store: Arc<dyn Store>, input: InputSettings, stop: &CancellationToken) {
    if let Some(events) = events {
        events.run(&Applier::new(store, input.networks, input.min_period), stop).await;
    }
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

fn block_on(threads: Option<usize>, work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    let runtime = builder.enable_all().build()?;
    let result = runtime.block_on(work);
    // A look-up of the database's or the broker's name must not keep the process from ending.
    runtime.shutdown_background();
    result
}

/// Cancelled by SIGTERM, Ctrl-C, or SIGHUP when the terminal is closed.
pub(crate) fn stop_on_signal() -> std::io::Result<CancellationToken> {
    let mut term = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Under nohup it is to be ignored, and listening would end that.
    let mut hangup = if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) };
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
            Some(_) = async { hangup.as_mut()?.recv().await } => {}
        }
        stopping.cancel();
        // Who asks again does not want to wait for the calls under way.
        interrupt.recv().await;
        std::process::exit(130);
    });
    Ok(stop)
}

/// Whether this process was started with SIGHUP ignored.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // The first bit is signal 1.
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// Records this process's metrics, for `/metrics`.
fn record_metrics() -> anyhow::Result<PrometheusHandle> {
    let seconds = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
    let builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &seconds)?;
    let handle = builder.install_recorder()?;
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}
