//! `naptime add`: add an endpoint.

use std::io::Write;

use naptime_core::input::read_new;
use naptime_core::{JobId, NewJob};
use naptime_store::Added;
use uuid::Uuid;

use crate::cli::AddArgs;
use crate::commands::{add_faults, block_on, call_fields, check_timeout, put};
use crate::faults::Faults;
use crate::settings::{InputSettings, StoreSettings};
use crate::store;

/// `naptime add`.
pub(crate) fn add(args: &AddArgs) -> anyhow::Result<()> {
    let mut faults = Faults::default();
    let store = StoreSettings::read(&args.store, false, &mut faults);
    let input = InputSettings::read_for(&store, &args.input, &mut faults);
    let job = read_job(args, &input, &mut faults);
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
fn read_job(args: &AddArgs, input: &InputSettings, faults: &mut Faults) -> Option<NewJob> {
    let mut fields = call_fields(&args.url, &args.call);
    fields.extend(args.timing.fields());
    fields.extend(args.sla.fields());
    put(&mut fields, "late", args.late.as_deref());
    put(&mut fields, "catch_up", args.catch_up.as_deref());
    put(&mut fields, "failing_after", args.failing_after.as_deref());
    if !args.sign.is_empty() {
        fields.insert("sign".to_owned(), args.sign.clone().into());
    }
    put(&mut fields, "timeout", args.timeout.as_deref());
    fields.insert("active".to_owned(), args.activate.into());
    let read = read_new(fields.into(), input.limits(), JobId::from(Uuid::now_v7()));
    read.map_err(|invalid| add_faults(faults, invalid)).ok()
}
