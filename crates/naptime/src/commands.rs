//! What the commands that do one thing and end have in common.

use std::io::Read;

use anyhow::Context;
use naptime_core::{Draft, NewJob, RawHeaders};
use naptime_store::{Store, TimeoutLimits};

use crate::cli::CallArgs;
use crate::faults::Faults;

/// A draft of what is called and how.
pub(crate) fn draft(url: &str, call: &CallArgs) -> Draft {
    Draft {
        url: Some(url.to_owned()),
        method: call.method.clone(),
        headers: Some(RawHeaders::Lines(call.header.join("\n"))),
        body: Some(call.body.clone()),
        secret: call.secret.then_some(true),
        name: Some(call.name.clone()),
        tags: Some(call.tag.clone()),
        ..Draft::default()
    }
}

/// The argument of a draft's field.
pub(crate) fn argument(field: &str) -> &'static str {
    match field {
        "url" => "URL",
        "every" => "--every",
        "jitter" => "--jitter",
        "align" => "--align",
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
        "at" => "--at",
        "in" => "--in",
        "key" => "--key",
        "name" => "--name",
        _ => "--tag",
    }
}

/// Refuses a job whose timeout is longer than its pool allows, which only the store can tell.
pub(crate) async fn check_timeout(store: &dyn Store, new: &NewJob) -> anyhow::Result<()> {
    let mut faults = Faults::default();
    let (pool, timeout) = (new.spec.endpoint.pool(), new.spec.request.timeout);
    if let Some(fault) = TimeoutLimits::default().fault(store, pool, timeout).await? {
        faults.add(argument(&fault.field), fault.detail);
    }
    Ok(faults.check(())?)
}

/// What a file holds; `-` is standard input.
pub(crate) fn read_file(file: &str) -> anyhow::Result<Vec<u8>> {
    if file != "-" {
        return std::fs::read(file).with_context(|| format!("cannot read {file}"));
    }
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
    Ok(bytes)
}

pub(crate) fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?.block_on(work)
}
