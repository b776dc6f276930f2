//! The algorithm that Naptime began with.

use std::path::Path;

use anyhow::Result;
use naptime_bench::original::{Measured, Original};
use naptime_tests::mongo::ReplicaSet;

use crate::args::Args;
use crate::product::Product;
use crate::round::{Figures, Rate};

/// The second load, as a multiple of the rate under the first one. The algorithm gets slower the more is overdue, so under
/// far too much load alone it would look worse than it is.
const SECOND_LOAD: f64 = 1.5;

/// Measures it under both workloads.
pub(crate) async fn measure(args: &Args, mongo: &ReplicaSet) -> Result<Figures> {
    let program = Path::new(env!("CARGO_BIN_EXE_original"));
    let original = Original { program, mongo, workers: args.workers };
    let backlog = original.backlog(args.backlog, args.window).await?;
    let pressed = original.recurring(args.offered, args.window).await?;
    let less = (pressed.calls_per_second * SECOND_LOAD).ceil() as usize;
    let calm = original.recurring(less.max(1), args.window).await?;
    let recurring = if calm.calls_per_second > pressed.calls_per_second { calm } else { pressed };
    Ok(Figures { product: Product::Original, backlog: rate(&backlog), recurring: rate(&recurring) })
}

fn rate(measured: &Measured) -> Rate {
    Rate { calls_per_second: measured.calls_per_second, used: measured.used }
}
