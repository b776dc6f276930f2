//! The formats that are read, and how a file is known to be of one. Each has a file with a function from a text to what
//! was found.

mod app_engine;
mod cloud_scheduler;
mod command;
mod cron_job_org;
mod crontab;
mod curl;
mod documents;
mod eventbridge;
mod github;
mod groc;
mod kubernetes;
mod shell;
mod timing;
mod uptime_kuma;
mod vercel;
mod wget;

use anyhow::{Context, bail};
use clap::ValueEnum;
use serde_json::Value;

use super::found::Found;
use super::queue;

/// What a file may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Crontab,
    Curl,
    Vercel,
    Github,
    AppEngine,
    Eventbridge,
    CloudScheduler,
    #[value(name = "cron-job.org")]
    CronJobOrg,
    Kubernetes,
    UptimeKuma,
    QueuedJob,
}

/// What a file does not say.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    /// The file, or `-`.
    pub(super) file: String,
    pub(super) base_url: Option<String>,
    pub(super) repo: Option<String>,
    pub(super) branch: String,
    pub(super) every: Option<String>,
    pub(super) cron: Option<String>,
    /// The zone that is said.
    pub(super) zone: Option<String>,
    /// The zone of this machine.
    pub(super) machine_zone: String,
    /// The URLs of targets that have names only.
    pub(super) urls: Vec<(String, String)>,
}

impl Options {
    /// The URL of a path of an app.
    ///
    /// # Errors
    /// If nobody said where the app is.
    pub(super) fn url_of(&self, path: &str) -> anyhow::Result<String> {
        let base =
            self.base_url.as_deref().context("the file has paths only; say where the app is: --base-url https://…")?;
        Ok(format!("{}/{}", base.trim_end_matches('/'), path.trim_start_matches('/')))
    }
}

/// What is in a file of a format other than `queued-job`.
///
/// # Errors
/// If it is not of that format, or something has to be said beside it.
pub(super) fn read(format: Format, text: &str, options: &Options) -> anyhow::Result<Found> {
    let documents = || documents::read(text);
    match format {
        Format::Crontab => Ok(crontab::read(text, options)),
        Format::Curl => curl::read(text, options),
        Format::Vercel => vercel::read(documents()?, options),
        Format::Github => github::read(documents()?, options),
        Format::AppEngine => app_engine::read(documents()?, options),
        Format::Eventbridge => eventbridge::read(documents()?, options),
        Format::CloudScheduler => cloud_scheduler::read(documents()?, options),
        Format::CronJobOrg => cron_job_org::read(documents()?),
        Format::Kubernetes => kubernetes::read(documents()?, options),
        Format::UptimeKuma => uptime_kuma::read(documents()?),
        Format::QueuedJob => bail!("rows of a table are jobs, which are no endpoints"),
    }
}

/// The format of a file, by its content, or by the end of its name where that is `.csv` or `.sql`.
///
/// # Errors
/// If it is none of them.
pub(super) fn detect(file: &str, text: &str) -> anyhow::Result<Format> {
    let ends = |end: &str| file.len() > end.len() && file.to_lowercase().ends_with(end);
    if ends(".csv") || ends(".sql") {
        return Ok(Format::QueuedJob);
    }
    if !documents::is_json(text) {
        if curl::is_one(text) {
            return Ok(Format::Curl);
        }
        if crontab::is_one(text) {
            return Ok(Format::Crontab);
        }
        if queue::has_header(text) || is_dump(text) {
            return Ok(Format::QueuedJob);
        }
    }
    let unknown = "what the file is cannot be told from its content; say it with --from";
    let documents = documents::read(text).context(unknown)?;
    documents::flat(documents).find_map(|document| of_document(&document)).context(unknown)
}

/// Whether a text has statements that add rows.
fn is_dump(text: &str) -> bool {
    let begins =
        |line: &str, words: &str| line.get(..words.len()).is_some_and(|start| start.eq_ignore_ascii_case(words));
    let adds = ["INSERT ", "REPLACE ", "COPY ", "CREATE TABLE "];
    text.lines().any(|line| adds.iter().any(|words| begins(line.trim_start(), words)))
}

/// The format of a document, by the fields that only it has.
fn of_document(document: &Value) -> Option<Format> {
    let has = |field: &str| document.get(field).is_some();
    let is_list = |field: &str| document.get(field).is_some_and(Value::is_array);
    let format = match () {
        () if has("monitorList") => Format::UptimeKuma,
        () if has("kind") && has("apiVersion") => Format::Kubernetes,
        () if has("on") && has("jobs") => Format::Github,
        () if is_list("jobs") || has("jobDetails") => Format::CronJobOrg,
        () if is_list("crons") => Format::Vercel,
        // The second is app.yaml, which is answered with where its schedules are.
        () if is_list("cron") || has("runtime") => Format::AppEngine,
        () if has("ScheduleExpression") || has("Schedules") => Format::Eventbridge,
        () if has("httpTarget") || has("pubsubTarget") || has("appEngineHttpTarget") => Format::CloudScheduler,
        () => return None,
    };
    Some(format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_content() {
        let check = |text: &str, expect: Option<Format>| assert_eq!(detect("-", text).ok(), expect, "{text}");
        check("# m h dom mon dow command\n\nA=b\n*/5 * * * * curl https://a.test\n", Some(Format::Crontab));
        check("@reboot x\n", Some(Format::Crontab));
        check("*/5 * * * * x\nsomething else\n", None);
        check("# as copied\n$ curl https://a.test \\\n  -d a=1\n", Some(Format::Curl));
        check("{\"framework\": null, \"crons\": [{}]}", Some(Format::Vercel));
        check("on:\n  schedule: []\njobs: {}\n", Some(Format::Github));
        check("runtime: python312\n", Some(Format::AppEngine));
        check("cron:\n- url: /a\n", Some(Format::AppEngine));
        check(
            "{\"Name\": \"a\", \"ScheduleExpression\": \"rate(1 day)\"}\n{\"Name\": \"b\"}",
            Some(Format::Eventbridge),
        );
        check("[{\"name\": \"a\", \"httpTarget\": {}}]", Some(Format::CloudScheduler));
        check("{\"jobs\": [], \"someFailed\": false}", Some(Format::CronJobOrg));
        check(
            "---\napiVersion: v1\nkind: Service\n---\napiVersion: batch/v1\nkind: CronJob\n",
            Some(Format::Kubernetes),
        );
        check("{\"version\": \"1.23.0\", \"monitorList\": []}", Some(Format::UptimeKuma));
        check("id,url,method\n1,https://a.test,GET\n", Some(Format::QueuedJob));
        check("-- a dump\ninsert into queued_job (id, url) values (1, 'x');\n", Some(Format::QueuedJob));
        for text in ["", "a: b\n", "{", "hello"] {
            check(text, None);
        }
        assert_eq!(detect("x.CSV", "whatever").ok(), Some(Format::QueuedJob));
    }
}
