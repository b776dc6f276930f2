//! `naptime show`: all there is to an endpoint or a one-off job.

use anyhow::Context;
use clap::Args;
use naptime_client::{Client, Filter, Uuid};
use serde_json::Value;

use super::connect::ServerArgs;
use super::output::{Form, OutputArgs, json, line};
use super::table::{Cell, Table};
use super::target::{self, NotFound};

#[derive(Args)]
pub(crate) struct ShowArgs {
    /// An endpoint, by id or the beginning of one, by name, key or URL; or a one-off job by its id
    #[arg(value_name = "ENDPOINT")]
    target: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn show(args: &ShowArgs) -> anyhow::Result<()> {
    let shown = find(&args.server.client()?, &args.target).await?;
    match args.output.form() {
        Form::Json => json(&shown)?,
        Form::Ids => line(shown["id"].as_str().unwrap_or_default())?,
        form => {
            let fields = shown.as_object().context("the server sent no object")?;
            let said = fields.iter().filter(|(_, value)| !is_blank(value));
            let rows = said.map(|(name, value)| [name.clone(), text(value)]);
            if form == Form::Tabs {
                for [name, value] in rows {
                    line(&format!("{name}\t{}", Cell::new(value).text))?;
                }
            } else {
                let rows = rows.map(|row| row.map(Cell::new).to_vec()).collect();
                super::output::styled(&Table::default().lines(&["FIELD", "VALUE"], rows))?;
            }
        }
    }
    Ok(())
}

/// The endpoint, or the job, with all that the API says of it.
async fn find(client: &Client, said: &str) -> anyhow::Result<Value> {
    match target::find(client, said, &Filter::new()).await {
        // A list says less of it.
        Ok(endpoint) => Ok(client.endpoint(endpoint.id).await?.json().clone()),
        Err(error) if error.is::<NotFound>() => match Uuid::try_parse(said) {
            Ok(id) => match client.job(id).await {
                Err(missing) if missing.is_not_found() => Err(error),
                job => Ok(job?.json().clone()),
            },
            Err(_) => Err(error),
        },
        Err(error) => Err(error),
    }
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// A value on one line: what has a text of its own by that, everything else as it would be typed.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => match fields.get("text") {
            Some(Value::String(text)) => text.clone(),
            _ => {
                let said = fields.iter().filter(|(_, value)| !is_blank(value));
                said.map(|(name, value)| format!("{name} {}", text(value))).collect::<Vec<_>>().join(", ")
            }
        },
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_read_on_one_line() {
        assert_eq!(text(&json!({"kind": "every", "text": "every 5m"})), "every 5m");
        assert_eq!(text(&json!({"attempts": 3, "on": "503", "note": null})), "attempts 3, on 503");
        assert_eq!(text(&json!([["Accept", "a"], true])), "Accept, a, true");
    }
}
