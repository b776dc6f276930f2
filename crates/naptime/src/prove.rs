//! `naptime prove`: holds Naptime to what it promises, on the user's own database.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use naptime_core::{Invalid, duration};
use naptime_prove::{Options, Progress, Report, Where};

use crate::cli::ProveArgs;
use crate::faults::Faults;
use crate::{settings, signals};

/// `naptime prove`.
pub(crate) fn prove(args: &ProveArgs) -> anyhow::Result<()> {
    let mut faults = Faults::default();
    let options = read(args, &mut faults);
    let page = Output::open("--report", args.report.as_ref(), &mut faults);
    let json = Output::open("--json", args.json.as_ref(), &mut faults);
    let (options, page, json) = faults.check((options, page, json))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (report, error) = runtime.block_on(async {
        let stop = signals::stop_on_signal()?;
        anyhow::Ok(naptime_prove::prove(options, Progress::new(), stop).await?)
    })?;
    let page = page.map_or(Ok(()), |page| page.write(naptime_prove::html(&report).as_bytes()));
    let json = json.map_or(Ok(()), |json| json.write(format!("{}\n", report.json()).as_bytes()));
    // Last, as whoever reads it may be gone.
    write!(std::io::stdout(), "{}", naptime_prove::table(&report))?;
    page.and(json)?;
    error.map_or(Ok(()), Err)?;
    anyhow::ensure!(Report::holds(&report), "not all holds that is promised; the report says what");
    Ok(())
}

fn read(args: &ProveArgs, faults: &mut Faults) -> Options {
    let uri = (!args.embedded).then(|| settings::mongodb_uri(&args.mongo, faults)).flatten();
    // That of the environment is for other commands as well.
    let in_environment = || std::env::var("MONGODB_URI").ok();
    if args.embedded && args.mongo.mongodb_uri.is_some() && args.mongo.mongodb_uri != in_environment() {
        faults.add("--embedded", "not together with --mongodb-uri: it is proved on the one or on the other");
    }
    if uri.is_none() && !args.embedded {
        faults.add("MONGODB_URI", "not set; name the MongoDB to prove it on, or ask for --embedded");
    }
    let options = Options {
        database: uri.map_or(Where::Embedded, Where::Mongo),
        program: std::env::current_exe().unwrap_or_else(|_| "naptime".into()),
        endpoints: number("--endpoints", args.endpoints.as_ref(), faults).unwrap_or(1_000),
        every: time("--every", args.every.as_ref(), faults).unwrap_or(Duration::from_secs(1)),
        workers: numbers("--workers", args.workers.as_ref(), faults).unwrap_or_else(|| vec![1]),
        capacity: number("--capacity", args.capacity.as_ref(), faults).unwrap_or(100),
        target_delay: time("--target-delay", args.target_delay.as_ref(), faults).unwrap_or_default(),
        kill_every: time("--kill-every", args.kill_every.as_ref(), faults),
        stop_every: time("--stop-every", args.stop_every.as_ref(), faults),
        skew: time("--skew", args.skew.as_ref(), faults),
        length: time("--for", args.length.as_ref(), faults).unwrap_or(Duration::from_secs(30)),
        backlog: number("--backlog", args.backlog.as_ref(), faults),
    };
    for fault in options.check().err().into_iter().flatten() {
        faults.add(fault.field, fault.detail);
    }
    options
}

fn time(name: &'static str, text: Option<&String>, faults: &mut Faults) -> Option<Duration> {
    value(name, text, faults, |text| duration::parse(name, text))
}

fn number<N: FromStr>(name: &'static str, text: Option<&String>, faults: &mut Faults) -> Option<N> {
    value(name, text, faults, whole)
}

fn numbers(name: &'static str, text: Option<&String>, faults: &mut Faults) -> Option<Vec<usize>> {
    value(name, text, faults, |text| text.split(',').map(whole).collect())
}

/// The value of an argument. One that is empty is no slip of an environment, so it is a fault.
fn value<T>(
    name: &'static str,
    text: Option<&String>,
    faults: &mut Faults,
    read: impl FnOnce(&str) -> Result<T, Invalid>,
) -> Option<T> {
    read(text?).map_err(|invalid| faults.add(name, invalid.detail)).ok()
}

fn whole<N: FromStr>(text: &str) -> Result<N, Invalid> {
    let not = || Invalid::new("", "not_a_number", format!("`{}` is not a whole number", text.trim()));
    text.trim().parse().map_err(|_| not())
}

/// A file that is written at the end. It is opened at once, so that nothing is run in vain.
struct Output {
    path: PathBuf,
    file: File,
    /// Whether it was not there before.
    new: bool,
}

impl Output {
    fn open(name: &'static str, path: Option<&String>, faults: &mut Faults) -> Option<Self> {
        let path = PathBuf::from(path?);
        let new = !path.exists();
        match OpenOptions::new().create(true).append(true).open(&path) {
            Ok(file) => Some(Self { path, file, new }),
            Err(error) => {
                faults.add(name, format!("cannot write {}: {error}", path.display()));
                None
            }
        }
    }

    fn write(mut self, text: &[u8]) -> anyhow::Result<()> {
        self.new = false;
        let mut write = || -> std::io::Result<()> {
            // What is no file, such as a pipe, has no length to be set.
            if self.file.metadata()?.is_file() {
                self.file.set_len(0)?;
            }
            self.file.write_all(text)
        };
        write().with_context(|| format!("cannot write {}", self.path.display()))
    }
}

impl Drop for Output {
    /// A run that came to nothing leaves no empty file behind.
    fn drop(&mut self) {
        if self.new {
            // If it cannot be removed, it is there and empty.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
