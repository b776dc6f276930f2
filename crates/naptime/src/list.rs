//! `naptime list`: the endpoints, one to a line.

use std::io::Write;

use naptime_store::{JobQuery, JobSummary, PageRef, Unreadable};

use crate::cli::ListArgs;
use crate::commands::block_on;
use crate::faults::Faults;
use crate::settings::StoreSettings;
use crate::store;

/// How many endpoints are asked for at once.
const PAGE: usize = 500;

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
            for Unreadable { id, why } in &found.unreadable {
                eprintln!("naptime: this version cannot read endpoint {id}: {why}");
            }
            page.cursor = found.next;
            if page.cursor.is_none() {
                return Ok(());
            }
        }
    })
}

/// One line: id, state, method, URL, schedule, last outcome, name.
fn print(out: &mut impl Write, job: &JobSummary) -> std::io::Result<()> {
    let state = if job.active { "on " } else { "off" };
    let last = job.last.as_ref().map_or("not called yet", |last| last.outcome.as_str());
    let every = job.schedule.describe();
    write!(out, "{}  {state}  {:<7} {}  {every}  {last}", job.id, job.method, job.endpoint)?;
    writeln!(out, "{}{}", if job.name.is_empty() { "" } else { "  " }, job.name)
}
