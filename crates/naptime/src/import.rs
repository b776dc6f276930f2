//! `naptime import`: the rows of a table `queued_job`, from CSV or from a dump.
//!
//! Each row of the file is taken over as it was meant, or named with its line and the reason.

mod row;
mod sql;
mod table;

use std::collections::{BTreeSet, HashMap};
use std::io::Write;

use anyhow::bail;
use naptime_core::{Invalid, JobId, NewJob};
use naptime_store::{Added, Store, TimeoutLimits};
use uuid::Uuid;

use self::row::{Fate, Row};
use crate::cli::ImportArgs;
use crate::commands::{block_on, read_file};
use crate::faults::Faults;
use crate::settings::{InputSettings, StoreSettings};
use crate::store;

/// The most jobs added at once.
const CHUNK: usize = 1_000;

/// `naptime import`.
pub(crate) fn import(args: &ImportArgs) -> anyhow::Result<()> {
    let mut faults = Faults::default();
    let store = StoreSettings::read(&args.store, false, &mut faults);
    let input = InputSettings::read_for(&store, &args.input, &mut faults);
    let store = faults.check(store)?;
    let text = read(&args.file)?;
    let rows: Box<dyn Iterator<Item = ReadRow> + '_> = if is_sql(&args.file, &text) {
        let strings = match (args.standard_strings, args.backslash_escapes) {
            (true, _) => Some(sql::Strings::Standard),
            (false, true) => Some(sql::Strings::Mysql),
            (false, false) => None,
        };
        Box::new(sql::rows(&text, strings))
    } else {
        table::rows(&text)
    };
    block_on(async {
        let opened = store::open(&store, false).await?;
        add(opened.store.as_ref(), rows, &input, args.all).await
    })
}

fn read(file: &str) -> anyhow::Result<String> {
    let bytes = read_file(file)?;
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

/// Whether it is SQL: by its name or, where that says nothing, because its first line is no header with a `url`.
fn is_sql(file: &str, text: &str) -> bool {
    let ends = |end: &str| file.len() > end.len() && file.to_lowercase().ends_with(end);
    let first = text.lines().next().unwrap_or_default().to_lowercase();
    ends(".sql") || (!ends(".csv") && !first.split(',').any(|name| name.trim().trim_matches('"') == "url"))
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

async fn add(
    store: &dyn Store,
    rows: impl Iterator<Item = ReadRow>,
    input: &InputSettings,
    all: bool,
) -> anyhow::Result<()> {
    let mut counts = Counts::default();
    let mut unknown = BTreeSet::new();
    let mut new: Vec<NewJob> = Vec::new();
    let mut limits = TimeoutLimits::default();
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
            row.fate(input.limits(), JobId::from(Uuid::now_v7()), store.now(), all).map_err(|faults| (line, faults))
        });
        let fault = match &fate {
            Ok(Fate::Job(job)) => limits.fault(store, job.spec.endpoint.pool(), job.spec.request.timeout).await?,
            _ => None,
        };
        match fault.map_or(fate, |fault| Err((line, vec![fault]))) {
            Ok(Fate::Job(job)) => new.push(*job),
            Ok(Fate::Done) => counts.done += 1,
            Err((line, faults)) => {
                counts.bad += 1;
                for fault in faults {
                    writeln!(std::io::stderr(), "line {line}: {}: {}", fault.field, fault.detail)?;
                }
            }
        }
        if new.len() == CHUNK {
            insert(store, &mut new, &mut counts).await?;
        }
    }
    insert(store, &mut new, &mut counts).await?;
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

async fn insert(store: &dyn Store, new: &mut Vec<NewJob>, counts: &mut Counts) -> anyhow::Result<()> {
    for added in store.insert(std::mem::take(new)).await? {
        match added {
            Added::New(_) => counts.added += 1,
            Added::Existing(_) => counts.existing += 1,
        }
    }
    Ok(())
}
