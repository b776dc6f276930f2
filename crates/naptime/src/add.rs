//! `naptime add`: add an endpoint.

use std::io::Write;

use naptime_core::{Draft, JobId, NewJob};
use naptime_store::Added;
use uuid::Uuid;

use crate::cli::AddArgs;
use crate::commands::{argument, block_on, check_timeout, draft};
use crate::faults::Faults;
use crate::settings::{Rules, StoreSettings};
use crate::store;

/// `naptime add`.
pub(crate) fn add(args: &AddArgs) -> anyhow::Result<()> {
    let mut faults = Faults::default();
    let store = StoreSettings::read(&args.store, false, &mut faults);
    let rules = Rules::read_for(&store, &args.rules, &mut faults);
    let job = read_job(args, &rules, &mut faults);
    let job = faults.check(job)?;
    block_on(async {
        let opened = store::open(&store, false).await?;
        if let Some(new) = &job {
            check_timeout(opened.store.as_ref(), new).await?;
        }
        let mut out = std::io::stdout().lock();
        for job in opened.store.insert(job.into_iter().collect()).await?.into_iter().map(Added::into_job) {
            write!(out, "added {} as {}: {}", job.spec.shown_endpoint(), job.id, job.spec.schedule.describe())?;
            match job.state.due {
                Some(due) => writeln!(out, ", next call {due}")?,
                None => writeln!(out, ", switched off")?,
            }
        }
        Ok(())
    })
}

/// The job as the arguments say, and whatever is wrong with any of them as a fault.
fn read_job(args: &AddArgs, rules: &Rules, faults: &mut Faults) -> Option<NewJob> {
    let draft = Draft {
        every: args.every.clone(),
        jitter: args.jitter.clone().map(Some),
        align: args.align.then_some(true),
        cron: args.cron.clone(),
        random: args.random.clone(),
        window: args.window.clone().map(Some),
        days: args.days.clone().map(|days| Some(vec![days])),
        tz: args.tz.clone().map(Some),
        sla: args.sla.clone().map(Some),
        timeout: args.timeout.clone(),
        active: Some(args.activate),
        ..draft(&args.url, &args.call)
    };
    let read = draft.create(rules.of_drafts(), JobId::from(Uuid::now_v7()));
    read.map_err(|invalid| invalid.into_iter().for_each(|fault| faults.add(argument(&fault.field), fault.detail))).ok()
}
