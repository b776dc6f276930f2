//! The commands that do one thing and end: `add`, `list`.

use std::io::Write;

use naptime_core::duration::{self, MAX_PERIOD};
use naptime_core::request::{MAX_TIMEOUT, MIN_TIMEOUT};
use naptime_core::{
    AllowedNetworks, Endpoint, Headers, Invalid, JobId, Method, NewJob, Request, Retry, Schedule, Spec,
};
use naptime_store::{JobQuery, JobSummary, PageRef};
use uuid::Uuid;

use crate::cli::{AddArgs, ListArgs};
use crate::faults::Faults;
use crate::settings::{Backend, Rules, StoreSettings};
use crate::store;

/// How many endpoints `list` asks for at once.
const PAGE: usize = 500;

/// `naptime add`.
pub(crate) fn add(args: &AddArgs) -> anyhow::Result<()> {
    let mut faults = Faults::default();
    let store = StoreSettings::read(&args.store, false, &mut faults);
    // What the workers of this store will allow, as far as it can be known here.
    let networks = match store.backend {
        Backend::Mongo(_) => AllowedNetworks::public_only(),
        Backend::File(_) => AllowedNetworks::local(),
    };
    let rules = Rules::read(&args.rules, networks, &mut faults);
    let job = read_job(args, &rules, &mut faults);
    let job = faults.check(job)?;
    block_on(async {
        let opened = store::open(&store, false).await?;
        let mut out = std::io::stdout().lock();
        for job in opened.store.insert(job.into_iter().collect()).await? {
            write!(out, "added {} as {}: {}", job.spec.endpoint, job.id, job.spec.schedule.describe())?;
            match job.state.due {
                Some(due) => writeln!(out, ", next call {due}")?,
                None => writeln!(out, ", switched off")?,
            }
        }
        Ok(())
    })
}

/// `naptime list`.
pub(crate) fn list(args: &ListArgs) -> anyhow::Result<()> {
    let mut faults = Faults::default();
    let store = StoreSettings::read(&args.store, false, &mut faults);
    let store = faults.check(store)?;
    block_on(async {
        let opened = store::open(&store, false).await?;
        let query = JobQuery { q: args.text.clone(), ..JobQuery::default() };
        let mut page = PageRef::first(PAGE);
        let mut out = std::io::stdout().lock();
        loop {
            let found = opened.store.list(&query, &page).await?;
            for job in &found.items {
                print(&mut out, job)?;
            }
            page.cursor = found.next;
            if page.cursor.is_none() {
                return Ok(());
            }
        }
    })
}

/// One line: id, state, schedule, method, URL, last outcome, name.
fn print(out: &mut impl Write, job: &JobSummary) -> std::io::Result<()> {
    let state = if job.active { "on " } else { "off" };
    let last = job.last.as_ref().map_or("not called yet", |last| last.outcome.as_str());
    let every = job.schedule.describe();
    write!(out, "{}  {state}  {every:<14}  {:<7} {}  {last}", job.id, job.method, job.endpoint)?;
    writeln!(out, "{}{}", if job.name.is_empty() { "" } else { "  " }, job.name)
}

/// A job that calls `url` every `every`, with the rest as by default.
pub(crate) fn new_job(url: &str, every: &str) -> Result<NewJob, Invalid> {
    let id = JobId::from(Uuid::now_v7());
    let period = duration::parse("every", every)?;
    Ok(NewJob {
        id,
        spec: Spec {
            endpoint: Endpoint::parse(url)?,
            request: Request::default(),
            schedule: Schedule::every(period, id),
            retry: Retry::default(),
            sla: None,
            name: String::new(),
            tags: Vec::new(),
        },
        active: false,
    })
}

/// The job as the arguments say, and whatever is wrong with any of them as a fault.
fn read_job(args: &AddArgs, rules: &Rules, faults: &mut Faults) -> Option<NewJob> {
    let (every, headers, timeout) = (&args.every, args.header.join("\n"), args.timeout.as_deref());
    let endpoint = Endpoint::parse(&args.url).and_then(|endpoint| rules.networks.check(&endpoint).map(|()| endpoint));
    let endpoint = note(faults, endpoint);
    let every = note(faults, duration::parse_within("every", every, rules.min_period, MAX_PERIOD));
    let method = note(faults, args.method.as_deref().map_or(Ok(Method::Get), str::parse));
    let headers = note(faults, Headers::split_lines(&headers).and_then(Headers::new));
    let body = note(faults, args.body.as_deref().map_or(Ok(()), Request::check_body));
    let timeout = timeout.map_or(Ok(Request::default().timeout), |timeout| {
        duration::parse_within("timeout", timeout, MIN_TIMEOUT, MAX_TIMEOUT)
    });
    let timeout = note(faults, timeout);
    let name = note(faults, args.name.as_deref().map_or(Ok(()), Spec::check_name));
    let tags = note(faults, Spec::check_tags(&args.tag));
    body?;
    name?;
    tags?;

    let id = JobId::from(Uuid::now_v7());
    let request = Request { method: method?, headers: headers?, body: args.body.clone(), timeout: timeout? };
    Some(NewJob {
        id,
        spec: Spec {
            endpoint: endpoint?,
            request,
            schedule: Schedule::every(every?, id),
            retry: Retry::default(),
            sla: None,
            name: args.name.clone().unwrap_or_default(),
            tags: args.tag.clone(),
        },
        active: args.activate,
    })
}

/// The value, or a fault at the argument that it is from.
fn note<T>(faults: &mut Faults, read: Result<T, Invalid>) -> Option<T> {
    read.map_err(|invalid| faults.add(argument(invalid.field), invalid.detail)).ok()
}

/// The argument of a field.
fn argument(field: &str) -> &'static str {
    match field {
        "url" => "URL",
        "every" => "--every",
        "method" => "--method",
        "headers" => "--header",
        "body" => "--body",
        "timeout" => "--timeout",
        "name" => "--name",
        _ => "--tag",
    }
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?.block_on(work)
}
