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
    let job = read_job(args, &rules).map_err(|invalid| faults.add(argument(invalid.field), invalid.detail)).ok();
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

fn read_job(args: &AddArgs, rules: &Rules) -> Result<NewJob, Invalid> {
    duration::parse_within("every", &args.every, rules.min_period, MAX_PERIOD)?;
    let mut job = new_job(&args.url, &args.every)?;
    rules.networks.check(&job.spec.endpoint)?;
    let request = &mut job.spec.request;
    if let Some(method) = &args.method {
        request.method = method.parse::<Method>()?;
    }
    request.headers = Headers::parse_lines(&args.header.join("\n"))?;
    if let Some(body) = &args.body {
        Request::check_body(body)?;
        request.body = Some(body.clone());
    }
    if let Some(timeout) = &args.timeout {
        request.timeout = duration::parse_within("timeout", timeout, MIN_TIMEOUT, MAX_TIMEOUT)?;
    }
    if let Some(name) = &args.name {
        Spec::check_name(name)?;
        job.spec.name.clone_from(name);
    }
    Spec::check_tags(&args.tag)?;
    job.spec.tags.clone_from(&args.tag);
    job.active = args.activate;
    Ok(job)
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
