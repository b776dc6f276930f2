//! `naptime edit`: change an endpoint.

use clap::Args;
use naptime_client::{Error, Filter};
use serde_json::Value;

use super::connect::ServerArgs;
use super::output::OutputArgs;
use super::{target, told};
use crate::cli::{EndpointArgs, put};
use crate::faults::Faults;
use crate::flags::add_faults;

#[derive(Args)]
pub(crate) struct EditArgs {
    /// Which: by id or the beginning of one, by name, key or URL
    #[arg(value_name = "ENDPOINT")]
    target: String,
    /// Another URL to call
    #[arg(long)]
    url: Option<String>,
    #[command(flatten)]
    endpoint: EndpointArgs,
    /// Give fields their defaults again, by their names in the API, such as sla,jitter,retry
    #[arg(long, value_name = "FIELD,...", value_delimiter = ',')]
    unset: Vec<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn edit(args: &EditArgs) -> anyhow::Result<()> {
    let mut fields = args.endpoint.fields();
    put(&mut fields, "url", args.url.as_deref());
    let mut faults = Faults::default();
    for field in &args.unset {
        if fields.insert(field.trim().to_owned(), Value::Null).is_some() {
            faults.add("--unset", format!("`{field}` is both set and unset"));
        }
    }
    if fields.is_empty() {
        faults.add("OPTIONS", "there is nothing to change; say what, such as --every 10m");
    }
    faults.check(())?;
    let client = args.server.client()?;
    let old = target::find(&client, &args.target, &Filter::new()).await?;
    let new = client.change(old.id, &fields).await.map_err(|error| of_unset(error, &args.unset))?;
    let what = if new.rev == old.rev { "nothing has changed of" } else { "changed" };
    let (shown, schedule) = (told::shown(&new), &new.schedule.text);
    told::told(&args.output, &new, format_args!("{what} {shown}: {schedule}, {}", told::next_call(&new)))?;
    Ok(())
}

/// A fault of a field that is unset is one of `--unset`: there may be no flag of its name.
fn of_unset(error: Error, unset: &[String]) -> anyhow::Error {
    let Error::Problem(problem) = &error else { return error.into() };
    let (of_unset, others): (Vec<_>, Vec<_>) =
        problem.faults().into_iter().partition(|fault| unset.iter().any(|field| field.trim() == fault.field));
    if of_unset.is_empty() {
        return error.into();
    }
    let mut faults = Faults::default();
    of_unset.into_iter().for_each(|fault| faults.add("--unset", fault.detail));
    add_faults(&mut faults, others);
    faults.into()
}
