//! `naptime rules`: what happens to endpoints on events.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::bail;
use clap::{Args, Subcommand};
use futures::TryStreamExt;
use naptime_client::{Client, Error, Rule};
use serde_json::Value;

use super::connect::ServerArgs;
use super::output::{Look, OutputArgs, Printer, Row};
use super::read_file;
use super::table::Cell;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct RulesArgs {
    #[command(subcommand)]
    command: Option<RulesCommand>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Subcommand)]
enum RulesCommand {
    /// List the rules, as `naptime rules` does
    List(ListArgs),
    /// Store rules from a file: a JSON list of them, as the API takes them and `export` prints them
    ///
    /// A rule takes the place of the one of its name; others stay. If anything is wrong with one, nothing is stored.
    Import(ImportArgs),
    /// Print all rules as a JSON list, credentials masked
    ///
    /// A mask that is imported again keeps what is stored.
    Export(ExportArgs),
}

#[derive(Args)]
struct ListArgs {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Args)]
struct ImportArgs {
    /// The file; -: standard input
    file: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Args)]
struct ExportArgs {
    #[command(flatten)]
    server: ServerArgs,
}

impl Row for Rule {
    const HEAD: &'static [&'static str] = &["NAME", "STATE", "EVENT"];

    fn id(&self) -> String {
        self.name.clone()
    }

    fn cells(&self, _: Look) -> Vec<Cell> {
        vec![Cell::new(&self.name), Cell::word(if self.enabled { "on" } else { "off" }), Cell::new(&self.event)]
    }
}

pub(super) async fn run(args: &RulesArgs) -> anyhow::Result<()> {
    match &args.command {
        None => list(&args.list).await,
        Some(RulesCommand::List(args)) => list(args).await,
        Some(RulesCommand::Import(args)) => import(args).await,
        Some(RulesCommand::Export(args)) => export(args).await,
    }
}

async fn list(args: &ListArgs) -> anyhow::Result<()> {
    let mut items = args.server.client()?.rules().items();
    let mut printer = Printer::new(&args.output);
    while let Some(rule) = items.try_next().await? {
        printer.print(&rule)?;
    }
    Ok(printer.flush()?)
}

async fn import(args: &ImportArgs) -> anyhow::Result<()> {
    let rules = read(&args.file)?;
    let client = args.server.client()?;
    let faults = check(&client, &rules).await?;
    if !faults.is_empty() {
        bail!("nothing of {} was stored:\n  {}", args.file, faults.join("\n  "));
    }
    let before: BTreeMap<String, i64> =
        client.rules().items().map_ok(|rule| (rule.name.clone(), rule.rev)).try_collect().await?;
    let mut out = std::io::stdout().lock();
    for (name, rule) in &rules {
        let stored = client.put_rule(name, rule).await?;
        let what = match before.get(name) {
            None => "added",
            Some(rev) if *rev == stored.rev => "unchanged",
            Some(_) => "changed",
        };
        writeln!(out, "{what} {name}, on {}", stored.event)?;
    }
    Ok(())
}

/// The rules of a file by their names, in their order.
fn read(file: &str) -> anyhow::Result<Vec<(String, Value)>> {
    let rules = match naptime_web::parse_file(&read_file(file)?) {
        Ok(Value::Array(rules)) => rules,
        Ok(_) => bail!("nothing of {file} was stored:\n  it must hold a list of rules"),
        Err(why) => bail!("nothing of {file} was stored:\n  it is not JSON: {why}"),
    };
    let mut named: Vec<(String, Value)> = Vec::new();
    for (number, mut rule) in (1..).zip(rules) {
        let name = rule["name"].as_str().unwrap_or_default().to_owned();
        if name.is_empty() {
            bail!("nothing of {file} was stored:\n  {number}.name: rule {number} has no name");
        }
        if named.iter().any(|(other, _)| *other == name) {
            bail!("nothing of {file} was stored:\n  {number}.name: there is a rule {name} before it");
        }
        strip(&mut rule);
        named.push((name, rule));
    }
    Ok(named)
}

/// What is wrong with rules, each fault at a field such as `3.then.upsert.url`: that of the third rule.
async fn check(client: &Client, rules: &[(String, Value)]) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    for (number, (name, rule)) in (1..).zip(rules) {
        match client.check_rule(name, rule).await {
            Ok(()) => {}
            Err(Error::Problem(problem)) if matches!(problem.status, 400 | 422) => {
                let found = problem.faults();
                faults.extend(found.iter().map(|fault| format!("{number}.{}: {}", fault.field, fault.detail)));
                if found.is_empty() {
                    faults.push(format!("{number}: {problem}"));
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(faults)
}

async fn export(args: &ExportArgs) -> anyhow::Result<()> {
    let mut rules: Vec<Value> =
        args.server.client()?.rules().items().map_ok(|rule| rule.json().clone()).try_collect().await?;
    rules.iter_mut().for_each(strip);
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &rules)?;
    writeln!(out)?;
    Ok(())
}

/// Leaves of a rule what may be sent.
fn strip(rule: &mut Value) {
    if let Some(fields) = rule.as_object_mut() {
        fields.shift_remove("rev");
        fields.shift_remove("updated_at");
    }
}
