//! `naptime status`: whether all is well, for whoever reads only the exit code.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::connect::ServerArgs;
use super::output::{json as print_json, line};
use super::table::Cell;
use crate::exit;

/// How long a server that is busy is waited for. A monitor asks again by itself.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Args)]
pub(crate) struct StatusArgs {
    /// Print nothing
    #[arg(long, short, conflicts_with = "json")]
    quiet: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn status(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let client = args.server.builder()?.patience(PATIENCE).build()?;
    let found = client.problems().await?;
    let alive = client.workers().await?.iter().filter(|worker| worker.alive).count();
    let is_well = found.total == 0;
    if args.json {
        print_json(&json!({
            "server": client.server(), "ok": is_well, "headline": found.headline, "problems": found.total,
            "workers": alive,
        }))?;
    } else if !args.quiet {
        let workers = if alive == 1 { "1 worker".to_owned() } else { format!("{alive} workers") };
        match &found.headline {
            None => line(&format!("all is well at {}, with {workers}", client.server()))?,
            Some(headline) => line(&format!("{}: {headline}", client.server()))?,
        }
        for problem in &found.items {
            let text = format!("  {}: {}: {}", problem.severity, problem.title, problem.cause);
            line(&Cell::new(text).text)?;
        }
        if found.total > found.items.len() as u64 {
            line(&format!("  and {} more", found.total - found.items.len() as u64))?;
        }
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::from(exit::WRONG) })
}
