//! `naptime add`: add an endpoint.

use clap::Args;

use super::connect::ServerArgs;
use super::output::OutputArgs;
use super::told;
use crate::cli::{EndpointArgs, put};
use crate::faults::Faults;

#[derive(Args)]
pub(crate) struct AddArgs {
    /// The URL to call
    url: String,
    #[command(flatten)]
    endpoint: EndpointArgs,
    /// Switch it on at once
    #[arg(long)]
    activate: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn add(args: &AddArgs) -> anyhow::Result<()> {
    check(&args.url)?;
    let mut fields = args.endpoint.fields();
    put(&mut fields, "url", Some(&args.url));
    fields.insert("active".to_owned(), args.activate.into());
    let added = args.server.client()?.add(&fields).await?;
    let what = match added.note {
        None => format!("added {} as {}", added.url, added.id),
        Some(_) => format!("nothing was added: {} has this key already, {}", told::shown(&added), added.id),
    };
    let (schedule, next) = (&added.schedule.text, told::next_call(&added));
    told::told(&args.output, &added, format_args!("{what}: {schedule}, {next}"))?;
    Ok(())
}

/// Refuses what people paste that is no URL, with a word on where it belongs.
fn check(url: &str) -> Result<(), Faults> {
    let mut faults = Faults::default();
    if url.split_whitespace().any(|word| word == "curl") {
        let detail = "this is a command, not a URL; `naptime import -` takes a curl command, or lines of a crontab, from standard input";
        faults.add("URL", detail);
    }
    faults.check(())
}
