//! `naptime rules`: store rules from a file, and print them.

use std::io::Write;

use naptime_core::Rule;
use naptime_store::{Error, Expect, Store};

use crate::cli::{RulesCommand, RulesExportArgs, RulesImportArgs};
use crate::commands::{block_on, read_file};
use crate::faults::Faults;
use crate::settings::{InputSettings, StoreSettings};
use crate::store;

/// `naptime rules`.
pub(crate) fn run(command: &RulesCommand) -> anyhow::Result<()> {
    match command {
        RulesCommand::Import(args) => import(args),
        RulesCommand::Export(args) => export(args),
    }
}

fn import(args: &RulesImportArgs) -> anyhow::Result<()> {
    let mut faults = Faults::default();
    let store = StoreSettings::read(&args.store, false, &mut faults);
    let limits = InputSettings::read_for(&store, &args.input, &mut faults);
    let store = faults.check(store)?;
    let rules = naptime_web::read_rules(&read_file(&args.file)?, limits.limits()).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(|fault| format!("\n  {fault}")).collect();
        anyhow::anyhow!("nothing of {} was stored:{}", args.file, faults.concat())
    })?;
    block_on(async {
        let opened = store::open(&store, false).await?;
        put_all(opened.store.as_ref(), rules).await
    })
}

async fn put_all(store: &dyn Store, rules: Vec<Rule>) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for rule in rules {
        let (name, event) = (rule.name.clone(), rule.event.clone());
        let before = store.rule(&name).await;
        let after = store.put_rule(rule, Expect::Anything).await?;
        let what = match before {
            Ok(before) if before.rev == after.rev => "unchanged",
            Ok(_) => "changed",
            Err(Error::NotFound) => "added",
            Err(error) => return Err(error.into()),
        };
        writeln!(out, "{what} {name}, on {event}")?;
    }
    Ok(())
}

fn export(args: &RulesExportArgs) -> anyhow::Result<()> {
    let mut faults = Faults::default();
    let store = StoreSettings::read(&args.store, false, &mut faults);
    let store = faults.check(store)?;
    block_on(async {
        let opened = store::open(&store, false).await?;
        let rules: Vec<Rule> = opened.store.rules(None).await?.into_iter().map(|stored| stored.rule).collect();
        let mut out = std::io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, &rules)?;
        writeln!(out)?;
        Ok(())
    })
}
