//! Backups: everything that a store holds as lines of JSON, written by `naptime export --all` and taken in by `naptime
//! import`.
//!
//! Both open the store themselves, as `naptime move` does, and go by the same traits. A backup of the one kind of store can
//! be taken in by the other.

mod export;
mod import;
mod line;
mod private;
mod reader;
#[cfg(test)]
mod tests;

use std::io::{self, BufRead, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, bail};
use naptime_embed::store::{self, Backend};
use uuid::Uuid;

use self::line::{Counts, FORMAT, Header};
use self::private::NewFile;
use self::reader::Reader;
use crate::cli::StoreArgs;
use crate::faults::Faults;
use crate::{logging, moving, settings, signals};

pub(crate) use reader::is_backup;

/// `naptime export --all`: into `output`, or on standard output. A database of an earlier version is upgraded, as by whatever
/// opens it.
pub(crate) async fn export(args: &StoreArgs, output: Option<&str>) -> anyhow::Result<()> {
    let mut faults = Faults::default();
    let settings = settings::store(args, false, &mut faults);
    if let Backend::File(path) = &settings.backend
        && !path.is_file()
    {
        // To open it would make it.
        faults.add("NAPTIME_DB", format!("there is no file {}; name the one that `naptime up` uses", path.display()));
    }
    let settings = faults.check(settings)?;
    logging::start_on_stderr();
    let store = store::open_whole(&settings).await?;
    if let Some(shut) = store.shut().await? {
        bail!("{shut}");
    }
    let stop = signals::stop_on_signal()?;
    let from = settings.backend.shown();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let header = Header { format: FORMAT, version, id: Uuid::now_v7(), from: from.clone(), at: store.now() };
    let counts = match output {
        Some(path) => {
            let mut file = NewFile::create(Path::new(path))?;
            let counts = export::write(&*store, header, &mut file, &stop).await?;
            file.finish()?;
            counts
        }
        None => {
            let mut out = BufWriter::new(io::stdout().lock());
            let counts = export::write(&*store, header, &mut out, &stop).await?;
            out.flush()?;
            counts
        }
    };
    let told = format!("exported {} from {from}, with credentials: nobody else is to read the file", shown(&counts));
    // Whoever reads it may be gone: all is written.
    let _ = writeln!(io::stderr(), "{told}");
    Ok(())
}

/// `naptime import` of a backup.
pub(crate) async fn import(args: &StoreArgs, file: &str, input: impl BufRead) -> anyhow::Result<()> {
    let mut faults = Faults::default();
    let settings = settings::store(args, false, &mut faults);
    let settings = faults.check(settings)?;
    let reader = Reader::open(input).with_context(|| format!("nothing of {file} was imported"))?;
    logging::start_on_stderr();
    let store = store::open_whole(&settings).await?;
    let place = settings.backend.shown();
    moving::check_versions(&*store, &place).await?;
    let stop = signals::stop_on_signal()?;
    let counts = import::fill(&*store, reader, (file, &place), &stop).await?;
    let _ = writeln!(io::stdout(), "imported {} into {place}; what is due is called from there", shown(&counts));
    Ok(())
}

fn shown(counts: &Counts) -> String {
    let history: u64 = ["run", "answer", "breach", "load"].into_iter().map(|kind| counts.of(kind)).sum();
    let jobs = counts.of("job").saturating_sub(counts.of("gone"));
    format!("{jobs} endpoints and jobs and {history} rows of history")
}
