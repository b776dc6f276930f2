//! Naptime: `naptime prove` runs its workers and judges them by the same target.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, anyhow, bail};
use naptime_bench::Used;
use naptime_core::duration::show;
use naptime_tests::mongo::ReplicaSet;
use naptime_tests::process::Process;
use naptime_tests::tools;
use serde_json::Value;

use crate::args::Args;
use crate::product::Product;
use crate::round::{Figures, Rate};

/// The longest time that one run of `naptime prove` may take.
const LIMIT: Duration = Duration::from_secs(10 * 60);
/// The pause between two looks at its process.
const LOOK: Duration = Duration::from_millis(100);

/// The arguments of `naptime prove`.
pub(crate) fn prove_args(args: &Args) -> String {
    let (offered, window, workers) = (args.offered, show(args.window), args.workers);
    let (capacity, backlog) = (args.capacity, args.backlog);
    format!(
        "--endpoints {offered} --every 1s --for {window} --workers {workers} --capacity {capacity} --backlog {backlog}"
    )
}

/// Measures the binary `program`. The error beside the figures is what `naptime prove` found wrong in the calls.
pub(crate) async fn measure(
    args: &Args,
    product: Product,
    program: &Path,
    mongo: &ReplicaSet,
    number: usize,
) -> Result<(Figures, Option<Error>)> {
    let (report, faults) = prove(program, &prove_args(args), mongo, &report_file(product, number)?).await?;
    let figures = Figures { product, backlog: leg_rate(&report, true)?, recurring: leg_rate(&report, false)? };
    Ok((figures, faults))
}

/// Runs `naptime prove` with these arguments, and returns its report and what it found wrong.
async fn prove(program: &Path, words: &str, mongo: &ReplicaSet, file: &Path) -> Result<(Value, Option<Error>)> {
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
    Ok((serde_json::from_slice(&report)?, faults))
}

/// The figures of one workload.
fn leg_rate(report: &Value, is_backlog: bool) -> Result<Rate> {
    let mut legs = report["legs"].as_array().into_iter().flatten();
    let leg = legs.find(|leg| leg["backlog"].is_null() != is_backlog);
    leg.and_then(rate).context("the report of naptime prove lacks figures")
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
