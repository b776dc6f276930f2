//! Naptime: `naptime prove` runs its workers and judges them by the same target.

use std::path::Path;

use anyhow::{Context, Error, Result};
use naptime_bench::{Used, prove};
use naptime_core::duration::show;
use naptime_tests::mongo::ReplicaSet;
use serde_json::Value;

use crate::args::Args;
use crate::product::Product;
use crate::round::{Figures, Rate};

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
    let name = format!("peers-{}-{number}", product.name());
    let (report, wrong) = prove(program, &prove_args(args), mongo, &name).await?;
    let figures = Figures { product, backlog: leg_rate(&report, true)?, recurring: leg_rate(&report, false)? };
    Ok((figures, wrong.map(Error::msg)))
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
