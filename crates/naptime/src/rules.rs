//! `naptime rules`: store rules from a file, and print them.

use std::io::{Read, Write};

use anyhow::{Context, bail};
use naptime_core::Rule;
use naptime_store::{Error, Expect, Store};

use crate::cli::{RulesCommand, RulesExportArgs, RulesImportArgs};
use crate::commands::block_on;
use crate::enqueue::rules_of;
use crate::faults::Faults;
use crate::settings::StoreSettings;
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
    let limits = rules_of(&store, &args.rules, &mut faults);
    let store = faults.check(store)?;
    let limits = naptime_core::Rules { networks: &limits.networks, min_period: limits.min_period };
    let rules = naptime_web::read_rules(&read(&args.file)?, limits).map_err(|faults| {
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

fn read(file: &str) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if file == "-" {
        std::io::stdin().lock().read_to_end(&mut bytes).context("cannot read the rules")?;
        return Ok(bytes);
    }
    match std::fs::read(file) {
        Ok(bytes) => Ok(bytes),
        Err(error) => bail!("cannot read {file}: {error}"),
    }
}
