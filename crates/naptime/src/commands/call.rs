//! `naptime call`: call endpoints now.

use std::collections::HashSet;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use naptime_client::{Client, Endpoint, Filter, Item, Run, Uuid};

use super::connect::ServerArgs;
use super::output::{OutputArgs, Printer};
use super::target::TargetsArgs;
use super::told::{shown, told};
use crate::exit;

/// How often it is looked whether the call has ended.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// After how many looks it is said that this takes long, some 10 s.
const LONG_LOOKS: u32 = 40;

#[derive(Args)]
pub(crate) struct CallArgs {
    #[command(flatten)]
    targets: TargetsArgs,
    /// Wait for the call, print the run, and end with 0 only if it ended well
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn call(args: &CallArgs) -> anyhow::Result<ExitCode> {
    let client = args.server.client()?;
    let mut asked = Vec::new();
    for endpoint in args.targets.find(&client).await? {
        let before: HashSet<Uuid> = newest(&client, endpoint.id).await?.iter().map(|run| run.id).collect();
        let called = client.call(endpoint.id).await?;
        if !args.wait {
            told(&args.output, &called, format_args!("asked for a call of {}", shown(&called)))?;
        }
        asked.push((called, before));
    }
    if !args.wait {
        return Ok(ExitCode::SUCCESS);
    }
    let (mut printer, mut all_well) = (Printer::new(&args.output), true);
    for (endpoint, before) in asked {
        let run = wait(&client, &endpoint, &before).await?;
        all_well &= run.outcome == "ok";
        printer.print(&run)?;
    }
    printer.flush()?;
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::from(exit::WRONG) })
}

/// Waits for the run of a call that was asked for: one that was not there before.
async fn wait(client: &Client, endpoint: &Endpoint, before: &HashSet<Uuid>) -> anyhow::Result<Item<Run>> {
    for look in 0_u32.. {
        let runs = newest(client, endpoint.id).await?;
        // Of those, the first to begin is the one that was waited for.
        if let Some(run) = runs.into_iter().rev().find(|run| run.manual && !before.contains(&run.id)) {
            return Ok(run);
        }
        if look == LONG_LOOKS {
            eprintln!("naptime: still waiting for a worker to call {}; Ctrl-C ends that", shown(endpoint));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    unreachable!("nobody waits for as many looks as there are numbers")
}

/// The newest runs, newest first.
async fn newest(client: &Client, id: Uuid) -> naptime_client::Result<Vec<Item<Run>>> {
    let page = client.runs_of(id, Filter::new().with("limit", 50)).page(None).await?;
    Ok(page.items)
}
