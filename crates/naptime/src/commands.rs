//! What the commands that do one thing and end have in common.

use std::io::Read;

use anyhow::Context;
use naptime_core::{Invalid, NewJob, Time};
use naptime_store::{Store, TimeoutLimits};
use serde_json::{Map, Value};

use crate::cli::{CallArgs, SlaArgs, TimingArgs};
use crate::faults::Faults;

/// What is called and how, as fields of the API.
pub(crate) fn call_fields(url: &str, call: &CallArgs) -> Map<String, Value> {
    let mut fields = Map::new();
    put(&mut fields, "url", Some(url));
    put(&mut fields, "method", call.method.as_deref());
    put(&mut fields, "body", call.body.as_deref());
    put(&mut fields, "name", call.name.as_deref());
    fields.insert("headers".to_owned(), call.header.join("\n").into());
    fields.insert("secret".to_owned(), call.secret.into());
    fields.insert("tags".to_owned(), call.tag.clone().into());
    fields.insert("expect".to_owned(), call.expect.clone().into());
    put(&mut fields, "keep", call.keep.as_deref());
    fields
}

impl TimingArgs {
    /// When it is called, as fields of the API.
    pub(crate) fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        for (name, text) in [
            ("every", &self.every),
            ("jitter", &self.jitter),
            ("cron", &self.cron),
            ("random", &self.random),
            ("window", &self.window),
            ("days", &self.days),
            ("tz", &self.tz),
            ("from", &self.from),
            ("until", &self.until),
            ("except", &self.except),
        ] {
            put(&mut fields, name, text.as_deref());
        }
        fields.insert("align".to_owned(), self.align.into());
        let mut pause = Map::new();
        put(&mut pause, "until", self.pause_until.as_deref());
        put(&mut pause, "note", self.pause_note.as_deref());
        if !pause.is_empty() {
            fields.insert("pause".to_owned(), pause.into());
        }
        fields
    }
}

impl SlaArgs {
    /// The SLA, as fields of the API.
    pub(crate) fn fields(&self) -> Map<String, Value> {
        let (mut fields, mut sla) = (Map::new(), Map::new());
        for (name, text) in [("within", &self.sla_within), ("days", &self.sla_days), ("tz", &self.sla_tz)] {
            put(&mut sla, name, text.as_deref());
        }
        if sla.is_empty() {
            put(&mut fields, "sla", self.sla.as_deref());
        } else {
            put(&mut sla, "every", self.sla.as_deref());
            fields.insert("sla".to_owned(), sla.into());
        }
        fields
    }
}

/// Adds a field that is said.
pub(crate) fn put(fields: &mut Map<String, Value>, name: &str, text: Option<&str>) {
    fields.extend(text.map(|text| (name.to_owned(), text.into())));
}

/// Adds what is wrong with fields as faults of the arguments that they were read from, in the words of the command line.
pub(crate) fn add_faults(faults: &mut Faults, invalid: Vec<Invalid>) {
    for fault in invalid {
        let mut detail = fault.detail;
        for field in FLAGS {
            detail = detail.replace(&format!("`{field}`"), &format!("`{}`", argument(field)));
        }
        faults.add(argument(&fault.field), detail);
    }
}

/// The fields that messages name.
const FLAGS: [&str; 23] = [
    "every", "jitter", "align", "cron", "random", "window", "days", "tz", "from", "until", "except", "pause", "sla",
    "late", "sign", "method", "body", "timeout", "at", "in", "key", "after", "n",
];

/// The argument of a field.
fn argument(field: &str) -> String {
    match field {
        "url" => "URL".to_owned(),
        "headers" => "--header".to_owned(),
        "tags" => "--tag".to_owned(),
        "active" => "--activate".to_owned(),
        "n" => "-n".to_owned(),
        "catch_up" => "--catch-up".to_owned(),
        "failing_after" => "--failing-after".to_owned(),
        "keep" => "--keep".to_owned(),
        "pause" => "--pause-until".to_owned(),
        "sla.every" => "--sla".to_owned(),
        // `pause.until` is --pause-until.
        field => format!("--{}", field.replace('.', "-")),
    }
}

/// Refuses a job whose timeout is longer than its pool allows, which only the store can tell.
pub(crate) async fn check_timeout(store: &dyn Store, new: &NewJob) -> anyhow::Result<()> {
    let mut faults = Faults::default();
    let (pool, timeout) = (new.spec.endpoint.pool(), new.spec.request.timeout);
    if let Some(fault) = TimeoutLimits::default().fault(store, pool, timeout).await? {
        add_faults(&mut faults, vec![fault]);
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

/// The time by this machine's clock. The store's decides in the end.
#[expect(clippy::disallowed_methods, reason = "there is no store to ask")]
pub(crate) fn wall_clock() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Time::from_millis(i64::try_from(since.as_millis()).unwrap_or(0))
}
