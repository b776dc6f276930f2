//! `naptime prove`, and its report.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use naptime_tests::process::Process;
use naptime_tests::{naptime, tools};
use serde_json::Value;

use crate::pieces::{Piece, Setting};
use crate::table::{Bar, Table};

/// The longest that it may take.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// What it found.
pub(crate) struct Found(Value);

impl Found {
    /// Runs `naptime prove` with these arguments, and adds to the table the command and whether what is promised held.
    /// The reports are kept in `target/bench`.
    pub(crate) async fn by(setting: &Setting, table: &mut Table, piece: Piece, args: &str) -> Result<Self> {
        let number = table.command(piece.name(), &format!("naptime prove {args}"));
        let (json, html) = (kept(piece, number, "json")?, kept(piece, number, "html")?);
        let _ = std::fs::remove_file(&json);
        let files = ["--json", &json.display().to_string(), "--report", &html.display().to_string()].map(str::to_owned);
        let all = ["prove"].into_iter().chain(args.split_whitespace()).map(str::to_owned).chain(files);
        let env = [("MONGODB_URI".to_owned(), setting.mongo.uri())];
        let process = Process::spawn("naptime prove", naptime::binary(), all, &env);
        let status = process.wait_exit(LIMIT).await;
        let Ok(report) = std::fs::read(&json) else { bail!("naptime prove ended with {status}: {}", process.output()) };
        let found = Self(serde_json::from_slice(&report)?);
        let holds = if status.success() { "yes" } else { "NO" };
        let bar = Bar::new("yes", status.success());
        table.check(piece.name(), "nothing lost, repeated, early or overlapping; books agree", holds, bar);
        if !status.success() {
            eprintln!("{}", process.output());
        }
        let strangers = found.numbers("/legs", "/used/strangers").chain(found.numbers("/sustained", "/strangers"));
        let strangers = strangers.chain(found.number("/raw/strangers")).fold(0.0, f64::max);
        if strangers > 0.1 {
            table.tell(piece.name(), "cores kept busy by strangers meanwhile", format!("{strangers:.2}"));
        }
        Ok(found)
    }

    /// A number of the report, by its JSON pointer.
    pub(crate) fn number(&self, pointer: &str) -> Result<f64> {
        let value = self.0.pointer(pointer).and_then(Value::as_f64);
        value.with_context(|| format!("the report has no number at {pointer}"))
    }

    /// A number of each element of a list.
    pub(crate) fn numbers(&self, list: &str, pointer: &'static str) -> impl Iterator<Item = f64> {
        self.list(list).filter_map(move |it| it.number(pointer).ok())
    }

    fn legs(&self) -> impl Iterator<Item = Found> {
        self.list("/legs")
    }

    /// The leg of so many workers of Naptime, of recurring calls.
    pub(crate) fn leg(&self, workers: u64) -> Result<Found> {
        let is_it = |leg: &Found| leg.is("naptime", Some(workers)) && leg.0["backlog"].is_null();
        self.legs().find(is_it).with_context(|| format!("the report has no leg of {workers} workers"))
    }

    /// What was sustained by a subject.
    pub(crate) fn sustained(&self, subject: &str) -> Result<Found> {
        let found = self.list("/sustained").find(|it| it.is(subject, None));
        found.with_context(|| format!("the report has no sustained rate of {subject}"))
    }

    /// The most calls per second at which a subject drained the backlog, and the workers it took.
    pub(crate) fn drained(&self, subject: &str) -> Result<(f64, f64)> {
        let legs = self.legs().filter(|leg| leg.is(subject, None) && !leg.0["backlog"].is_null());
        let rates = legs.map(|leg| Ok((leg.number("/verdict/calls_per_second")?, leg.number("/workers")?)));
        let rates: Vec<(f64, f64)> = rates.collect::<Result<_>>()?;
        let best = rates.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
        best.with_context(|| format!("the report has no backlog of {subject}"))
    }

    fn is(&self, subject: &str, workers: Option<u64>) -> bool {
        self.0["subject"] == subject && workers.is_none_or(|workers| self.0["workers"] == workers)
    }

    fn list(&self, pointer: &str) -> impl Iterator<Item = Found> {
        let list = self.0.pointer(pointer).and_then(Value::as_array);
        list.cloned().unwrap_or_default().into_iter().map(Found)
    }
}

/// Where the report of a run of a piece is kept.
fn kept(piece: Piece, number: usize, kind: &str) -> Result<PathBuf> {
    let folder = tools::workspace().join("target/bench");
    std::fs::create_dir_all(&folder)?;
    let number = if number == 1 { String::new() } else { format!("-{number}") };
    Ok(folder.join(format!("{}{number}.{kind}", piece.name())))
}
