//! `naptime enqueue`: have something called once.

use std::io::Write;

use naptime_core::{Draft, JobId, Once, OnceDraft, Time};
use naptime_store::{Added, Store};
use uuid::Uuid;

use crate::cli::EnqueueArgs;
use crate::commands::{argument, block_on, check_timeout, draft};
use crate::faults::Faults;
use crate::settings::{Rules, StoreSettings};
use crate::store;

/// `naptime enqueue`.
pub(crate) fn enqueue(args: &EnqueueArgs) -> anyhow::Result<()> {
    let mut faults = Faults::default();
    let store = StoreSettings::read(&args.store, false, &mut faults);
    let rules = Rules::read_for(&store, &args.rules, &mut faults);
    // Read once with this machine's time, so that all faults are told before anything opens.
    let read = |now: Time, faults: &mut Faults| read_job(args, &rules, now, faults);
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

/// The time by this machine's clock. The store's decides in the end.
#[expect(clippy::disallowed_methods, reason = "there is no store to ask")]
fn wall_clock() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Time::from_millis(i64::try_from(since.as_millis()).unwrap_or(0))
}

/// The job as the arguments say, and whatever is wrong with any of them as a fault.
fn read_job(args: &EnqueueArgs, rules: &Rules, now: Time, faults: &mut Faults) -> Option<Once> {
    // One attempt more than retries. What is no number is told as it was typed.
    let attempts = args.retries.as_ref().map(|text| match text.trim().parse::<u32>() {
        Ok(retries) => retries.saturating_add(1).to_string(),
        Err(_) => text.clone(),
    });
    let draft = Draft { timeout: args.timeout.clone(), attempts, ..draft(&args.url, &args.call) };
    let draft = OnceDraft { draft, at: args.at.clone(), after: args.after.clone(), key: args.key.clone() };
    let read = draft.create(rules.of_drafts(), JobId::from(Uuid::now_v7()), now);
    let told = |fault: naptime_core::Invalid| match &*fault.field {
        "retry" => faults.add("--retries", "the retries may be from 0 to 19"),
        field => faults.add(argument(field), fault.detail),
    };
    read.map_err(|invalid| invalid.into_iter().for_each(told)).ok()
}
