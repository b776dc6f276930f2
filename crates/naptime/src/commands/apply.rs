//! `naptime apply`: makes what there is what a file says.

mod faults;
mod files;
mod told;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Args;
use naptime_client::{ApplyPlan, Client, Error, Item};
use serde_json::Value;

use super::connect::ServerArgs;
use super::output::{json, line};
use crate::exit;
use crate::faults::Faults;
pub(super) use files::Sources;

#[derive(Args)]
pub(crate) struct ApplyArgs {
    /// The file, YAML or JSON; a folder: all .yaml, .yml and .json files in it; -: standard input
    #[arg(long, short, value_name = "FILE|DIR")]
    file: String,
    #[command(flatten)]
    how: HowArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// How a document is applied.
#[derive(Args)]
pub(crate) struct HowArgs {
    /// Only show what there is to do, and end with 2 if there is something
    #[arg(long, conflicts_with = "yes")]
    pub(super) plan: bool,
    /// Apply without asking
    #[arg(long, short)]
    yes: bool,
    /// Delete what an earlier apply of the same project made and the file does not have any more
    #[arg(long)]
    pub(super) prune: bool,
    /// Print the plan as the API sends it
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn apply(args: &ApplyArgs) -> anyhow::Result<ExitCode> {
    let (document, sources) = files::read(&args.file, &|name| std::env::var(name).ok())?;
    apply_document(&args.server.client()?, &document, &sources, &args.how).await
}

/// Applies a document, or shows what that would do. `sources` say where its parts are written.
pub(super) async fn apply_document(
    client: &Client,
    document: &Value,
    sources: &Sources,
    how: &HowArgs,
) -> anyhow::Result<ExitCode> {
    let planned = client.plan_apply(document, how.prune).await.map_err(|error| placed(error, sources));
    let plan = match planned {
        // What there is to do is told by the exit code that a server out of reach has elsewhere.
        Err(error) if how.plan => {
            exit::with(&error);
            return Ok(ExitCode::from(exit::WRONG));
        }
        planned => planned?,
    };
    show(&plan, how)?;
    let changes_nothing = plan.changes.is_empty();
    if changes_nothing && (how.plan || plan.marks == 0) {
        return Ok(ExitCode::SUCCESS);
    }
    if how.plan {
        return Ok(ExitCode::from(exit::TO_DO));
    }
    // Nobody is asked about marks alone: the endpoints are as the file says already.
    if !changes_nothing && !how.yes && !is_confirmed()? {
        writeln!(io::stderr(), "nothing was applied")?;
        return Ok(ExitCode::from(exit::WRONG));
    }
    let done = client.apply(document, how.prune, Some(&plan.plan)).await;
    let done = done.map_err(|error| placed(error, sources))?;
    if !how.json && !changes_nothing {
        line(&told::done(&done))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(plan: &Item<ApplyPlan>, how: &HowArgs) -> anyhow::Result<()> {
    if how.json {
        return Ok(json(plan.json())?);
    }
    told::plan(plan).iter().try_for_each(|told| line(told))?;
    Ok(())
}

/// Asks whoever sits there. Where nobody does, `--yes` must have been said.
fn is_confirmed() -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        let mut faults = Faults::default();
        faults.add("--yes", "there is nobody to be asked, so this must be said (or --plan)");
        return Err(faults.into());
    }
    write!(io::stderr(), "Apply this? [y/N] ")?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

/// What the server found wrong with a document, where it is written.
fn placed(error: Error, sources: &Sources) -> anyhow::Error {
    match &error {
        Error::Problem(problem) if matches!(problem.status, 400 | 422) && !problem.faults().is_empty() => {
            sources.refused(problem.faults().into_iter().map(|fault| (fault.field, fault.detail))).into()
        }
        Error::Problem(problem) if problem.code == "stale" => match &problem.field {
            Some(field) if field.starts_with('/') => sources.refused([(field.clone(), problem.detail.clone())]).into(),
            _ => error.into(),
        },
        _ => error.into(),
    }
}
