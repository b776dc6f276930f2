//! The rows of a table `queued_job`, from CSV or from a dump, as one-off jobs.
//!
//! Each row of the file is taken over as it was meant, or named with its line and the reason.

mod row;
mod sql;
mod table;

use std::collections::{BTreeSet, HashMap};
use std::io::Write;

use anyhow::bail;
use clap::Args;
use naptime_client::{Client, Enqueued, Fault};
use naptime_core::duration::MIN_PERIOD;
use naptime_core::{AllowedNetworks, Invalid, Limits};
use serde_json::{Map, Value};

use self::row::{Fate, Row, column};
use crate::clock::wall_clock;

/// The most jobs sent at once.
const MAX_JOBS: usize = 1_000;
/// From this length on they are sent, in bytes: with one more job, which may have 1 MiB, well below what a request may
/// have.
const MAX_BYTES: usize = 8 * 1024 * 1024;

#[derive(Args)]
#[command(next_help_heading = "Rows of a table queued_job")]
pub(crate) struct QueueArgs {
    /// Rows that are done, or whose state is not known, as well
    #[arg(long)]
    pub(super) all: bool,
    /// A backslash in an SQL string is a backslash, as PostgreSQL and SQLite have it, whatever the dump says
    #[arg(long, conflicts_with = "backslash_escapes")]
    pub(super) standard_strings: bool,
    /// A backslash in an SQL string begins an escape, as MySQL has it, whatever the dump says
    #[arg(long)]
    pub(super) backslash_escapes: bool,
}

/// Adds the jobs of a file.
pub(super) async fn import(client: &Client, file: &str, text: &str, args: &QueueArgs) -> anyhow::Result<()> {
    let rows: Box<dyn Iterator<Item = ReadRow> + '_> = if is_sql(file, text) {
        let strings = match (args.standard_strings, args.backslash_escapes) {
            (true, _) => Some(sql::Strings::Standard),
            (false, true) => Some(sql::Strings::Mysql),
            (false, false) => None,
        };
        Box::new(sql::rows(text, strings))
    } else {
        table::rows(text)
    };
    add(client, rows, args.all).await
}

/// Whether it is SQL: by its name or, where that says nothing, because its first line is no header with a `url`.
fn is_sql(file: &str, text: &str) -> bool {
    let ends = |end: &str| file.len() > end.len() && file.to_lowercase().ends_with(end);
    ends(".sql") || (!ends(".csv") && !has_header(text))
}

/// Whether the first line is a header of CSV with a `url`.
pub(super) fn has_header(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default().to_lowercase();
    first.split(',').any(|name| name.trim().trim_matches('"') == "url")
}

/// What became of the rows.
#[derive(Default)]
struct Counts {
    added: usize,
    existing: usize,
    done: usize,
    bad: usize,
}

/// A row that can be read, or where it stands and what is wrong with it.
type ReadRow = Result<Row, (u64, Vec<Invalid>)>;

/// Jobs that are still to be sent, and what is wrong with the rows between them.
#[derive(Default)]
struct Batch {
    /// The fields of each, and the line of its row.
    jobs: Vec<Map<String, Value>>,
    lines: Vec<u64>,
    bytes: usize,
    bad: Vec<(u64, Vec<String>)>,
}

impl Batch {
    fn add(&mut self, line: u64, job: Map<String, Value>) {
        self.bytes += job.values().map(|value| value.as_str().map_or(0, str::len)).sum::<usize>();
        self.jobs.push(job);
        self.lines.push(line);
    }

    fn refuse(&mut self, line: u64, faults: impl IntoIterator<Item = String>) {
        self.bad.push((line, faults.into_iter().collect()));
    }

    fn is_full(&self) -> bool {
        self.jobs.len() >= MAX_JOBS || self.bytes >= MAX_BYTES
    }

    /// Sends the jobs, and names the rows that are not taken over, in the order of their lines.
    async fn send(mut self, client: &Client, counts: &mut Counts) -> anyhow::Result<()> {
        if !self.jobs.is_empty() {
            let answer = client.enqueue_many(&self.jobs).await?;
            counts.added += answer.added;
            counts.existing += answer.existing;
            let refused: Vec<_> = answer.items.iter().filter_map(|item| self.refused(item)).collect();
            self.bad.extend(refused);
        }
        self.bad.sort_by_key(|(line, _)| *line);
        counts.bad += self.bad.len();
        for (line, faults) in &self.bad {
            for fault in faults {
                writeln!(std::io::stderr(), "line {line}: {fault}")?;
            }
        }
        Ok(())
    }

    /// The row that a job was made of, and what the server finds wrong with it.
    fn refused(&self, item: &Enqueued) -> Option<(u64, Vec<String>)> {
        let problem = item.error.as_ref()?;
        let line = *self.lines.get(item.line.checked_sub(1)?)?;
        let faults: Vec<String> =
            problem.faults().iter().map(|Fault { field, detail, .. }| format!("{}: {detail}", column(field))).collect();
        Some((line, if faults.is_empty() { vec![problem.detail.clone()] } else { faults }))
    }
}

async fn add(client: &Client, rows: impl Iterator<Item = ReadRow>, all: bool) -> anyhow::Result<()> {
    // Which networks may be called, only the server knows.
    let networks: AllowedNetworks = "0.0.0.0/0,::/0".parse()?;
    let limits = Limits { networks: &networks, min_period: MIN_PERIOD, now: wall_clock() };
    let (mut counts, mut batch) = (Counts::default(), Batch::default());
    let mut unknown = BTreeSet::new();
    let mut seen: HashMap<String, u64> = HashMap::new();
    for row in rows {
        let line = row.as_ref().map_or_else(|(line, _)| *line, |row| row.line);
        let fate = row.and_then(|row| {
            unknown.extend(row.unknown_columns());
            let line = row.line;
            // The second would pass for one that was imported before.
            if let Some(first) = row.id().and_then(|id| seen.insert(id.to_owned(), line)) {
                let detail = format!("the row at line {first} has the same id, so this one is not imported");
                return Err((line, vec![Invalid::new("id", "conflict", detail)]));
            }
            row.fate(limits, all).map_err(|faults| (line, faults))
        });
        match fate {
            Ok(Fate::Job(job)) => batch.add(line, job),
            Ok(Fate::Done) => counts.done += 1,
            Err((line, faults)) => batch.refuse(line, faults.iter().map(ToString::to_string)),
        }
        if batch.is_full() {
            std::mem::take(&mut batch).send(client, &mut counts).await?;
        }
    }
    batch.send(client, &mut counts).await?;
    let mut out = std::io::stdout().lock();
    let Counts { added, existing, done, bad } = counts;
    for column in &unknown {
        writeln!(out, "column {column} says nothing to Naptime, so it was left out")?;
    }
    let read = added + existing + done + bad;
    writeln!(out, "{read} rows: imported {added}, there already {existing}, done already {done}, not readable {bad}")?;
    if bad > 0 {
        bail!("what could not be read was not imported; see above");
    }
    if read == 0 {
        bail!("there is no row of a table queued_job");
    }
    Ok(())
}
