//! `naptime import`: what is called elsewhere, taken over: crontabs, commands, the files and lists of other schedulers,
//! and the rows of a table `queued_job`. A backup is put into a database by [`crate::backup`].
//!
//! Each of the [`formats`] has a pure function from a text to what was [`found`]. What they have in common comes after:
//! keys, a check of all fields, the report, and the document that is written or applied.

mod call;
mod check;
mod document;
mod formats;
mod found;
mod keys;
mod queue;
mod report;
#[cfg(test)]
mod tests;

use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use serde_json::Value;

use self::formats::{Format, Options};
use self::queue::QueueArgs;
use super::apply::{HowArgs, Sources, apply_document};
use super::connect::ServerArgs;
use super::variables::fill_in;
use super::{open_file, read_all, yaml};
use crate::backup;
use crate::cli::StoreArgs;
use crate::faults::Faults;
use crate::next::own_zone;

/// The branch of a GitHub workflow, if none is said.
const DEFAULT_BRANCH: &str = "main";

#[derive(Args)]
pub(crate) struct ImportArgs {
    /// The file; -: standard input
    file: String,
    /// What the file is [default: what its content says]
    #[arg(long, value_enum, value_name = "FORMAT")]
    from: Option<Format>,
    /// Print this in place of applying anything: a file for `naptime apply`, or the crontab without what was taken over
    #[arg(long = "as", value_enum, value_name = "FORM", conflicts_with_all = ["plan", "yes", "prune", "json"])]
    form: Option<Form>,
    #[command(flatten)]
    how: HowArgs,
    /// Switch on what is switched on there; without it, new endpoints are off until you switch the old ones off
    #[arg(long)]
    activate: bool,
    /// A header for each call that has none of its name, such as 'Authorization: Bearer ${TOKEN}'; may be repeated
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// Where the app is, of files that have paths only (Vercel, App Engine)
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// What a target without a URL is called by instead (EventBridge); may be repeated
    #[arg(long, value_name = "NAME=URL")]
    url: Vec<String>,
    /// Whose workflow it is (GitHub)
    #[arg(long, value_name = "OWNER/REPO")]
    repo: Option<String>,
    /// The branch that a workflow runs on (GitHub)
    #[arg(long, value_name = "BRANCH", default_value = DEFAULT_BRANCH)]
    branch: String,
    /// How often a curl command is called
    #[arg(long, value_name = "PERIOD")]
    every: Option<String>,
    /// When a curl command is called, in place of --every
    #[arg(long, value_name = "PATTERN")]
    cron: Option<String>,
    /// The time zone where the file names none [default: of a crontab that of this machine, else UTC]
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// The project that the endpoints are of
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    #[command(flatten)]
    queue: QueueArgs,
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten, next_help_heading = "Database (for a backup)")]
    store: StoreArgs,
}

/// What is printed in place of applying it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Yaml,
    Json,
    Crontab,
}

pub(super) async fn import(args: &ImportArgs) -> anyhow::Result<ExitCode> {
    let mut input = open_file(&args.file)?;
    let is_backup = backup::is_backup(&mut input).with_context(|| format!("cannot read {}", args.file))?;
    if is_backup && args.from.is_none() {
        let flags = args.not_for_backups();
        if !flags.is_empty() {
            bail!("a backup is put into a database as it is, at once; leave out {}", flags.join(", "));
        }
        backup::import(&args.store, &args.file, input).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let text = read(&args.file, input)?;
    let format = args.from.map_or_else(|| formats::detect(&args.file, &text), Ok)?;
    if format == Format::QueuedJob {
        if args.form.is_some() || args.how.plan || args.how.json {
            bail!("the rows of a table become one-off jobs, at once; --as, --plan and --json are for endpoints");
        }
        queue::import(&args.server.client()?, &args.file, &text, &args.queue).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let (options, headers) = args.options()?;
    let mut found = formats::read(format, &text, &options)?;
    keys::assign(&mut found.taken);
    for taken in &mut found.taken {
        headers.iter().for_each(|(name, value)| taken.add_header(name, value));
        taken.switch(args.activate);
    }
    let found = check::check(found);
    report::print(&found)?;
    if found.taken.is_empty() {
        bail!("there is nothing in {} that Naptime can call", args.file);
    }
    let document = document::of(&found, args.project.as_deref());
    let written = match args.form {
        None => return apply(args, document).await,
        Some(Form::Yaml) => yaml::write(&document),
        Some(Form::Json) => document::json(&document),
        Some(Form::Crontab) if format == Format::Crontab => document::crontab(&text, &found),
        Some(Form::Crontab) => bail!("--as crontab is for crontabs"),
    };
    io::stdout().lock().write_all(written.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Does what `naptime apply` does with a document.
async fn apply(args: &ImportArgs, mut document: Value) -> anyhow::Result<ExitCode> {
    let sources = Sources::default();
    let missing = fill_in(&mut document, &|name| std::env::var(name).ok());
    if !missing.is_empty() {
        return Err(sources.refused(missing).into());
    }
    apply_document(&args.server.client()?, &document, &sources, &args.how).await
}

fn read(file: &str, input: impl BufRead) -> anyhow::Result<String> {
    let bytes = read_all(file, input)?;
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        bail!("{file} is UTF-16: save it as UTF-8");
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|&&byte| byte == b'\n').count();
        anyhow::anyhow!("{file} is not UTF-8 at line {line}, so nothing of it was imported: save or dump it as UTF-8")
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Headers by their names.
type Headers = Vec<(String, String)>;

impl ImportArgs {
    /// The flags that are given and would change nothing of what a backup brings.
    fn not_for_backups(&self) -> Vec<&'static str> {
        let (how, queue) = (&self.how, &self.queue);
        let flags = [
            ("--as", self.form.is_some()),
            ("--plan", how.plan),
            ("--prune", how.prune),
            ("--json", how.json),
            ("--activate", self.activate),
            ("--header", !self.header.is_empty()),
            ("--base-url", self.base_url.is_some()),
            ("--url", !self.url.is_empty()),
            ("--repo", self.repo.is_some()),
            ("--branch", self.branch != DEFAULT_BRANCH),
            ("--every", self.every.is_some()),
            ("--cron", self.cron.is_some()),
            ("--tz", self.tz.is_some()),
            ("--project", self.project.is_some()),
            ("--all", queue.all),
            ("--standard-strings", queue.standard_strings),
            ("--backslash-escapes", queue.backslash_escapes),
        ];
        flags.into_iter().filter(|(_, is_given)| *is_given).map(|(flag, _)| flag).collect()
    }

    /// What is said beside the file, and the headers that each call gets.
    fn options(&self) -> anyhow::Result<(Options, Headers)> {
        let mut faults = Faults::default();
        let mut pairs = |setting: &'static str, texts: &[String], sign: char, detail: &str| -> Headers {
            let split = texts.iter().map(|text| text.split_once(sign).ok_or(text));
            let read = split.filter_map(|pair| match pair {
                Ok((name, value)) => Some((name.trim().to_owned(), value.trim().to_owned())),
                Err(text) => {
                    faults.add(setting, format!("`{text}` is not {detail}"));
                    None
                }
            });
            read.collect()
        };
        let headers = pairs("--header", &self.header, ':', "a header, such as 'Accept: text/plain'");
        let urls = pairs("--url", &self.url, '=', "a name and a URL, such as report=https://example.com/report");
        let options = Options {
            file: self.file.clone(),
            base_url: self.base_url.clone(),
            repo: self.repo.clone(),
            branch: self.branch.clone(),
            every: self.every.clone(),
            cron: self.cron.clone(),
            zone: self.tz.clone(),
            machine_zone: own_zone().map_or_else(|| "UTC".to_owned(), |zone| zone.name().to_owned()),
            urls,
        };
        Ok(faults.check((options, headers))?)
    }
}
