//! `naptime enqueue`: have something called once.

use std::io::Write;

use naptime_core::input::{Once, read_once};
use naptime_core::retry::MAX_ATTEMPTS;
use naptime_core::{JobId, Limits, Time};
use naptime_store::{Added, Store};
use serde_json::json;
use uuid::Uuid;

use crate::cli::EnqueueArgs;
use crate::commands::{add_faults, block_on, call_fields, check_timeout, put, wall_clock};
use crate::faults::Faults;
use crate::settings::{InputSettings, StoreSettings};
use crate::store;

/// `naptime enqueue`.
pub(crate) fn enqueue(args: &EnqueueArgs) -> anyhow::Result<()> {
    let mut faults = Faults::default();
    let store = StoreSettings::read(&args.store, false, &mut faults);
    let input = InputSettings::read_for(&store, &args.input, &mut faults);
    // Read once with this machine's time, so that all faults are told before anything opens.
    let read = |now: Time, faults: &mut Faults| read_job(args, &input, now, faults);
    read(wall_clock(), &mut faults);
    let () = faults.check(())?;
    block_on(async {
        let opened = store::open(&store, false).await?;
        let mut faults = Faults::default();
        let once = read(opened.store.now(), &mut faults);
        let Some(Once { new, past }) = faults.check(once)? else { return Ok(()) };
        check_timeout(opened.store.as_ref(), &new).await?;
        print(opened.store.as_ref(), new, past).await
    })
}

async fn print(store: &dyn Store, new: naptime_core::NewJob, past: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for added in store.insert(vec![new]).await? {
        let is_new = matches!(added, Added::New(_));
        let job = added.into_job();
        let stage = job.stage().map_or("", |stage| stage.as_str());
        match (is_new, past, job.state.due) {
            (false, ..) => writeln!(out, "there is a job of this key already, {}: {stage}", job.id)?,
            (true, true, _) => {
                writeln!(
                    out,
                    "enqueued {} as {}: --at is over, so it is called now",
                    job.spec.shown_endpoint(),
                    job.id
                )?;
            }
            (true, false, Some(due)) => {
                writeln!(out, "enqueued {} as {}: call at {due}", job.spec.shown_endpoint(), job.id)?;
            }
            (true, false, None) => writeln!(out, "enqueued {} as {}", job.spec.shown_endpoint(), job.id)?,
        }
        writeln!(out, "its log is at /jobs/{0} on the page, and at /api/jobs/{0}/runs", job.id)?;
    }
    Ok(())
}

/// The job as the arguments say, and whatever is wrong with any of them as a fault.
fn read_job(args: &EnqueueArgs, input: &InputSettings, now: Time, faults: &mut Faults) -> Option<Once> {
    let mut fields = call_fields(&args.url, &args.call);
    for (name, text) in
        [("timeout", &args.timeout), ("at", &args.at), ("tz", &args.tz), ("in", &args.after), ("key", &args.key)]
    {
        put(&mut fields, name, text.as_deref());
    }
    match args.retries.as_ref().map(|text| text.trim().parse::<u32>()) {
        // One attempt more than retries.
        Some(Ok(retries)) if retries < MAX_ATTEMPTS => {
            fields.insert("retry".to_owned(), json!({"attempts": retries + 1}));
        }
        Some(_) => faults.add("--retries", format!("the retries may be from 0 to {}", MAX_ATTEMPTS - 1)),
        None => {}
    }
    let read = read_once(fields.into(), Limits { now, ..input.limits() }, JobId::from(Uuid::now_v7()));
    read.map_err(|invalid| add_faults(faults, invalid)).ok()
}
