//! `naptime plan`: how many workers the work takes.

use clap::Args;

use super::connect::ServerArgs;
use super::output::{json, line};

#[derive(Args)]
pub(crate) struct PlanArgs {
    /// Print the JSON of the API, with the forecast of 24 hours
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn plan(args: &PlanArgs) -> anyhow::Result<()> {
    let plan = args.server.client()?.plan().await?;
    if args.json {
        return Ok(json(plan.json())?);
    }
    let known = |value: Option<f64>, unit: &str| {
        value.map_or_else(|| "not known".to_owned(), |value| format!("{value:.2}{unit}"))
    };
    let needed = plan.workers_needed.map_or_else(|| "not known".to_owned(), |needed| needed.to_string());
    let late = match &plan.late.because {
        Some(because) => format!("{} ({because})", plan.late.calls),
        None => plan.late.calls.to_string(),
    };
    for (name, value) in [
        ("calls due a second", known(plan.rate_per_s, "")),
        ("a call takes", known(plan.mean_call_ms, " ms")),
        ("slots needed", known(plan.slots_needed, "")),
        ("slots there", plan.slots.to_string()),
        ("workers needed", needed),
        ("workers there", plan.workers.to_string()),
        ("late calls", late),
    ] {
        line(&format!("{name:<20}{value}"))?;
    }
    Ok(())
}
