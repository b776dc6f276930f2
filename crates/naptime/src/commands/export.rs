//! `naptime export`: writes what there is into a file for `naptime apply`, or all of it into a backup.

use std::io::Write;

use anyhow::Context;
use clap::Args;
use naptime_client::Export;

use super::connect::ServerArgs;
use super::yaml;
use crate::backup;
use crate::cli::StoreArgs;

#[derive(Args)]
pub(crate) struct ExportArgs {
    /// Where to write it: JSON if the name ends in .json, else YAML [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<String>,
    /// Write a backup: all there is, with history and credentials, as lines of JSON. A file is then readable by you alone
    #[arg(long, conflicts_with = "project")]
    all: bool,
    /// Only the endpoints of this project
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten, next_help_heading = "Database (with --all)")]
    store: StoreArgs,
}

pub(super) async fn export(args: &ExportArgs) -> anyhow::Result<()> {
    if args.all {
        return backup::export(&args.store, args.output.as_deref()).await;
    }
    let export = args.server.client()?.export(args.project.as_deref()).await?;
    let is_json = args.output.as_deref().is_some_and(|file| file.ends_with(".json"));
    let text = if is_json { format!("{:#}\n", export.document) } else { as_yaml(&export) };
    match &args.output {
        Some(file) => std::fs::write(file, text).with_context(|| format!("cannot write {file}"))?,
        None => std::io::stdout().write_all(text.as_bytes())?,
    }
    // What is to be set is told beside the document, so that whoever pipes it sees it too.
    for secret in &export.secrets {
        writeln!(std::io::stderr(), "to be set before it is applied: {} ({})", secret.name, secret.field)?;
    }
    Ok(())
}

/// The document, with what is to be set before it is applied in a comment.
fn as_yaml(export: &Export) -> String {
    let mut text = String::new();
    if !export.secrets.is_empty() {
        text.push_str("# To be set in the environment before this is applied (•••• keeps what the server has):\n");
    }
    for secret in &export.secrets {
        // A pointer has the names of things, which hold no line breaks.
        text.push_str(&format!("#   {}: {}\n", secret.name, secret.field));
    }
    text + &yaml::write(&export.document)
}
