//! What the pieces stand on: jobs, filled stores, a worker under load and what it uses.

use std::time::{Duration, Instant};

use anyhow::Result;
use naptime_core::{Endpoint, JobId, NewJob, Schedule, Spec, Time};
use naptime_mongo::MongoStore;
use naptime_store::Jobs;
use naptime_tests::Naptime;
use naptime_tests::mongo::Database;
use uuid::Uuid;

use crate::judge::Verdict;
use crate::mongod::Mongod;
use crate::target::{Arrival, Target, now_us};
use crate::usage;

/// How many jobs go into a store at once.
const CHUNK: usize = 1_000;
/// From the first call to the beginning of what is judged: connections are made, the first burst is over.
const WARM_UP: Duration = Duration::from_secs(3);
/// After the end of what is judged, for calls that are late.
const AFTER: Duration = Duration::from_secs(1);
/// How long a process may take to end.
const END: Duration = Duration::from_secs(40);

/// An active job that calls `url` by this schedule.
pub(crate) fn job(url: &str, schedule: impl FnOnce(JobId) -> Schedule) -> Result<NewJob> {
    let id = JobId::from(Uuid::now_v7());
    let endpoint = Endpoint::parse(url).map_err(|invalid| anyhow::anyhow!("{url}: {}", invalid.detail))?;
    let spec = Spec::new(endpoint, schedule(id));
    Ok(NewJob { id, spec, active: true })
}

/// Jobs for the endpoints 0 to `count - 1` of the target, each due once in a `period`, at moments spread over it.
pub(crate) fn spread(target: &Target, count: usize, period: Duration) -> Result<Vec<NewJob>> {
    (0..count).map(|endpoint| job(&target.url(endpoint), |id| Schedule::every(period, id))).collect()
}

/// The same, all due at the same moment `at`, and then not for an hour.
pub(crate) fn at_once(target: &Target, count: usize, at: Time) -> Result<Vec<NewJob>> {
    let schedule = Schedule::Every { period: Duration::from_secs(3600), anchor: at, jitter: None };
    (0..count).map(|endpoint| job(&target.url(endpoint), |_| schedule.clone())).collect()
}

/// The schedules of jobs, by endpoint.
pub(crate) fn schedules(jobs: &[NewJob]) -> Vec<Schedule> {
    jobs.iter().map(|job| job.spec.schedule.clone()).collect()
}

/// Adds jobs to a store.
pub(crate) async fn fill(store: &impl Jobs, jobs: Vec<NewJob>) -> Result<()> {
    let mut jobs = jobs.into_iter().peekable();
    while jobs.peek().is_some() {
        store.insert(jobs.by_ref().take(CHUNK).collect()).await?;
    }
    Ok(())
}

/// Adds jobs to a database, through a store that is closed again.
pub(crate) async fn fill_mongo(database: &Database, jobs: Vec<NewJob>) -> Result<()> {
    let store = MongoStore::open(&database.uri, naptime_mongo::Options::default()).await?;
    fill(&store, jobs).await
}

/// The wall clock, which is the clock of both stores here.
pub(crate) fn now() -> Time {
    Time::from_millis(now_us().div_euclid(1000))
}

/// What was used over a stretch of time.
pub(crate) struct Used {
    /// How long it was.
    pub(crate) time: Duration,
    /// The CPU time of each process that was asked about.
    pub(crate) cpu: Vec<Duration>,
    /// The CPU time of strangers: everything on this machine but these processes and this one.
    pub(crate) strangers: Duration,
}

impl Used {
    /// Runs `work`, and measures what these processes use meanwhile.
    pub(crate) async fn during(pids: &[u32], work: impl Future<Output = ()>) -> Result<Self> {
        // This process comes last.
        let known = || pids.iter().copied().chain([std::process::id()]).map(usage::cpu).collect::<Result<Vec<_>>>();
        let (start, before, all_before) = (Instant::now(), known()?, usage::cpu_of_all()?);
        work.await;
        let (time, after, all_after) = (start.elapsed(), known()?, usage::cpu_of_all()?);
        let mut cpu: Vec<Duration> =
            after.iter().zip(before).map(|(after, before)| after.saturating_sub(before)).collect();
        let strangers = all_after.saturating_sub(all_before).saturating_sub(cpu.iter().sum());
        cpu.pop();
        Ok(Self { time, cpu, strangers })
    }

    /// The CPU time of all these processes, in percent of one core.
    pub(crate) fn percent(&self) -> f64 {
        100.0 * self.cpu.iter().sum::<Duration>().as_secs_f64() / self.time.as_secs_f64()
    }

    /// How many cores strangers kept busy, on average. They disturb what is measured.
    pub(crate) fn disturbance(&self) -> f64 {
        self.strangers.as_secs_f64() / self.time.as_secs_f64()
    }
}

/// A load watched for a while.
pub(crate) struct Watched {
    pub(crate) verdict: Verdict,
    /// Calls per second within the window.
    pub(crate) rate: f64,
    /// In the order of the process ids given.
    pub(crate) used: Used,
    /// Of the first process, in MiB.
    pub(crate) rss: f64,
    /// The commands that the database carried out, for each call. Zero without a mongod.
    pub(crate) commands_per_call: f64,
}

impl Watched {
    /// The CPU time of one process for each call, in microseconds.
    pub(crate) fn cpu_per_call(&self, process: usize) -> f64 {
        let calls = self.rate * self.used.time.as_secs_f64();
        self.used.cpu[process].as_secs_f64() * 1e6 / calls
    }
}

/// Lets a started process call for `length` after a warm-up, ends it, and judges what the target saw.
pub(crate) async fn watch(
    target: &Target,
    schedules: &[Schedule],
    naptime: &Naptime,
    mongod: Option<&Mongod>,
    length: Duration,
) -> Result<Watched> {
    let mut pids = vec![naptime.pid()];
    pids.extend(mongod.map(|mongod| mongod.pid));
    target.first_call().await?;
    tokio::time::sleep(WARM_UP).await;
    let from = now();
    let commands = async || match mongod {
        Some(mongod) => mongod.commands().await,
        None => Ok(0),
    };
    let commands_before = commands().await?;
    let used = Used::during(&pids, tokio::time::sleep(length)).await?;
    let commands = commands().await? - commands_before;
    let to = from + length;
    tokio::time::sleep(AFTER).await;
    let rss = usage::peak_rss_mib(naptime.pid())?;
    end(naptime).await?;
    let arrivals = target.take();
    let rate = rate(&arrivals, from, to);
    let commands_per_call = commands as f64 / (rate * used.time.as_secs_f64());
    Ok(Watched { verdict: Verdict::of(&arrivals, schedules, from, to), rate, used, rss, commands_per_call })
}

/// How many calls a second arrived within `from <= arrival < to`.
pub(crate) fn rate(arrivals: &[Arrival], from: Time, to: Time) -> f64 {
    let window = from.millis() * 1000..to.millis() * 1000;
    let calls = arrivals.iter().filter(|call| window.contains(&call.at_us)).count();
    calls as f64 / to.since(from).as_secs_f64()
}

/// Ends a process as a platform would.
pub(crate) async fn end(naptime: &Naptime) -> Result<()> {
    naptime.sigterm();
    let status = naptime.wait_exit(END).await;
    anyhow::ensure!(status.success(), "naptime ended with {status}:\n{}", naptime.output());
    Ok(())
}
