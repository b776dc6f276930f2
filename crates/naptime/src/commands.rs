//! The commands that do one thing and end: `add`, `list`.

use std::io::Write;

use naptime_core::{AllowedNetworks, Draft, JobId, NewJob, RawHeaders};
use naptime_store::{Added, JobQuery, JobSummary, PageRef};
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
        for job in opened.store.insert(job.into_iter().collect()).await?.into_iter().map(Added::into_job) {
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

/// The job as the arguments say, and whatever is wrong with any of them as a fault.
fn read_job(args: &AddArgs, rules: &Rules, faults: &mut Faults) -> Option<NewJob> {
    let draft = Draft {
        url: Some(args.url.clone()),
        every: args.every.clone(),
        jitter: args.jitter.clone().map(Some),
        cron: args.cron.clone(),
        random: args.random.clone(),
        window: args.window.clone().map(Some),
        days: args.days.clone().map(|days| Some(vec![days])),
        tz: args.tz.clone().map(Some),
        sla: args.sla.clone().map(Some),
        method: args.method.clone(),
        headers: Some(RawHeaders::Lines(args.header.join("\n"))),
        body: Some(args.body.clone()),
        timeout: args.timeout.clone(),
        active: Some(args.activate),
        name: Some(args.name.clone()),
        tags: Some(args.tag.clone()),
        ..Draft::default()
    };
    let rules = naptime_core::Rules { networks: &rules.networks, min_period: rules.min_period };
    let read = draft.create(rules, JobId::from(Uuid::now_v7()));
    read.map_err(|invalid| invalid.into_iter().for_each(|fault| faults.add(argument(&fault.field), fault.detail))).ok()
}

/// The argument of a field.
fn argument(field: &str) -> &'static str {
    match field {
        "url" => "URL",
        "every" => "--every",
        "jitter" => "--jitter",
        "cron" => "--cron",
        "random" => "--random",
        "window" => "--window",
        "days" => "--days",
        "tz" => "--tz",
        "sla" => "--sla",
        "method" => "--method",
        "headers" => "--header",
        "body" => "--body",
        "timeout" => "--timeout",
        "name" => "--name",
        _ => "--tag",
    }
}

pub(crate) fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?.block_on(work)
}
