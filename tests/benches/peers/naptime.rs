//! Naptime: `naptime prove` runs its workers and judges them by the same target.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, anyhow, bail};
use naptime_core::duration::show;
use naptime_tests::mongo::ReplicaSet;
use naptime_tests::process::Process;
use naptime_tests::tools;
use serde_json::Value;

use crate::args::Args;
use crate::meter::Used;
use crate::product::Product;
use crate::round::{Figures, Rate};

/// The longest time that one run of `naptime prove` may take.
const LIMIT: Duration = Duration::from_secs(10 * 60);
/// The pause between two looks at its process.
const LOOK: Duration = Duration::from_millis(100);

/// The second load of the original's algorithm, as a multiple of its rate under the first one. It gets slower the more is
/// overdue, so under far too much load alone it would look worse than it is.
const SECOND_LOAD: f64 = 1.5;

/// The arguments of `naptime prove` for `offered` recurring jobs.
pub(crate) fn prove_args(args: &Args, offered: usize) -> String {
    let (window, workers, capacity) = (show(args.window), args.workers, args.capacity);
    format!("--endpoints {offered} --every 1s --for {window} --workers {workers} --capacity {capacity}")
}

/// Measures the binary `program` and, beside the product Naptime, the original's algorithm. The errors are faults that
/// `naptime prove` found in the calls.
pub(crate) async fn measure(
    args: &Args,
    product: Product,
    program: &Path,
    mongo: &ReplicaSet,
    number: usize,
) -> Result<(Vec<Figures>, Vec<Error>)> {
    let with_original = product == Product::Naptime && args.wants(Product::Original);
    let backlog = format!("{} --backlog {}", prove_args(args, args.offered), args.backlog);
    if !with_original {
        let proved = prove(program, &backlog, mongo, &report_file(product, number)?).await?;
        return Ok((vec![proved.figures(product, "naptime")?], proved.faults.into_iter().collect()));
    }
    let proved = prove(program, &format!("{backlog} --reference"), mongo, &report_file(product, number)?).await?;
    let mut original = proved.figures(Product::Original, "reference")?;
    let less = (original.recurring.calls_per_second * SECOND_LOAD).ceil() as usize;
    let words = format!("{} --reference", prove_args(args, less.max(1)));
    let calm = prove(program, &words, mongo, &report_file(Product::Original, number)?).await?;
    let calmly = calm.rate("reference", false)?;
    if calmly.calls_per_second > original.recurring.calls_per_second {
        original.recurring = calmly;
    }
    let faults = proved.faults.iter().chain(&calm.faults).map(|faults| anyhow!("{faults}")).collect();
    Ok((vec![proved.figures(product, "naptime")?, original], faults))
}

/// The result of one run of `naptime prove`.
struct Proved {
    report: Value,
    faults: Option<Error>,
}

/// Runs `naptime prove` with these arguments. The report is written to `file`.
async fn prove(program: &Path, words: &str, mongo: &ReplicaSet, file: &Path) -> Result<Proved> {
    let json = ["--json".to_owned(), file.display().to_string()];
    let all = ["prove"].into_iter().chain(words.split(' ')).map(str::to_owned).chain(json);
    let env = [("MONGODB_URI".to_owned(), mongo.uri())];
    let process = Process::spawn("naptime prove", program, all, &env);
    let start = Instant::now();
    let status = loop {
        match process.exited() {
            Some(status) => break status,
            None if start.elapsed() > LIMIT => bail!("naptime prove {words} took too long:\n{}", process.output()),
            None => tokio::time::sleep(LOOK).await,
        }
    };
    let said = || format!("{} prove {words} ended with {status}:\n{}", program.display(), process.output());
    let Ok(report) = std::fs::read(file) else { bail!(said()) };
    let faults = (!status.success()).then(|| anyhow!(said()));
    Ok(Proved { report: serde_json::from_slice(&report)?, faults })
}

impl Proved {
    /// The figures of both workloads of a subject.
    fn figures(&self, product: Product, subject: &str) -> Result<Figures> {
        Ok(Figures { product, backlog: self.rate(subject, true)?, recurring: self.rate(subject, false)? })
    }

    /// The figures of one workload of a subject.
    fn rate(&self, subject: &str, is_backlog: bool) -> Result<Rate> {
        let mut legs = self.report["legs"].as_array().into_iter().flatten();
        let leg = legs.find(|leg| leg["subject"] == subject && leg["backlog"].is_null() != is_backlog);
        leg.and_then(rate).with_context(|| format!("the report of naptime prove lacks figures of {subject}"))
    }
}

fn rate(leg: &Value) -> Option<Rate> {
    let used = &leg["used"];
    Some(Rate {
        calls_per_second: leg["verdict"]["calls_per_second"].as_f64()?,
        used: Used {
            workers_us: used["workers_us_per_call"].as_f64()?,
            database_us: used["database_us_per_call"].as_f64()?,
            strangers: used["strangers"].as_f64()?,
        },
    })
}

/// The file of a report, such as `target/bench/peers-naptime-1.json`.
fn report_file(product: Product, number: usize) -> Result<PathBuf> {
    let folder = tools::workspace().join("target/bench");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join(format!("peers-{}-{number}.json", product.name()));
    // A report of an earlier run must not pass for one of this run.
    let _ = std::fs::remove_file(&file);
    Ok(file)
}
