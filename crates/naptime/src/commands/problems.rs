//! `naptime problems`: what needs somebody now.

use std::collections::BTreeMap;

use clap::Args;
use clap::builder::PossibleValuesParser;
use futures::TryStreamExt;
use naptime_client::{Client, Event, Filter, Item, Problem, Timestamp};
use naptime_core::problem::Kind;
use serde_json::json;

use super::connect::ServerArgs;
use super::following::Following;
use super::output::{Form, Look, OutputArgs, Printer, Row, json as print_json, line};
use super::table::Cell;

#[derive(Args)]
pub(crate) struct ProblemsArgs {
    /// Only those of this kind
    #[arg(long, value_parser = PossibleValuesParser::new(Kind::NAMES))]
    kind: Option<String>,
    /// Only those that are bad, or those to be warned of
    #[arg(long, value_parser = ["bad", "warn"])]
    severity: Option<String>,
    /// Only those of a pool and its endpoints, such as https://example.com
    #[arg(long)]
    pool: Option<String>,
    /// Only those of endpoints with a tag
    #[arg(long)]
    tag: Option<String>,
    /// Print what opens and ends, until Ctrl-C
    #[arg(long, short)]
    watch: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

impl ProblemsArgs {
    fn wants(&self, problem: &Problem) -> bool {
        let is = |said: &Option<String>, value: &str| said.as_ref().is_none_or(|said| said == value);
        is(&self.kind, &problem.kind)
            && is(&self.severity, &problem.severity)
            && is(&self.pool, problem.pool.as_deref().unwrap_or_default())
            && self.tag.as_ref().is_none_or(|tag| problem.tags.contains(tag))
    }
}

impl Row for Problem {
    const HEAD: &'static [&'static str] = &["SEVERITY", "KIND", "SINCE", "WHOSE", "CAUSE", "REMEDY"];
    const SPARE: &'static [&'static str] = &["SINCE", "KIND", "REMEDY"];

    fn id(&self) -> String {
        self.id.clone()
    }

    fn cells(&self, look: Look) -> Vec<Cell> {
        vec![
            Cell::word(&self.severity),
            Cell::new(&self.kind),
            look.when(self.since),
            Cell::new(&self.title),
            Cell::new(&self.cause),
            Cell::new(self.remedy.as_deref().unwrap_or_default()),
        ]
    }
}

pub(super) async fn problems(args: &ProblemsArgs) -> anyhow::Result<()> {
    let client = args.server.client()?;
    if args.watch {
        return watch(&client, args).await;
    }
    let found: Vec<_> = client.problems().await?.items.into_iter().filter(|problem| args.wants(problem)).collect();
    let mut printer = Printer::new(&args.output);
    for problem in &found {
        printer.print(problem)?;
    }
    if found.is_empty() && args.output.form() == Form::Table {
        line("no problem")?;
    }
    Ok(printer.flush()?)
}

/// Prints what opens, changes and ends, until the program is stopped.
async fn watch(client: &Client, args: &ProblemsArgs) -> anyhow::Result<()> {
    let mut stream = client.stream(Filter::new().with("kinds", "problems"));
    let mut following = Following::new("problems");
    let mut open: BTreeMap<String, Item<Problem>> = BTreeMap::new();
    while let Some(event) = stream.try_next().await? {
        following.tell(&event);
        match event {
            // All that are open: the others are over.
            Event::Problems(now) => {
                let is_over = |problem: &Item<Problem>| now.items.iter().all(|it| it.id != problem.id);
                let over: Vec<_> = open.values().filter(|problem| is_over(problem)).cloned().collect();
                for problem in over {
                    turn(&mut open, &problem, false, args)?;
                }
                for problem in &now.items {
                    turn(&mut open, problem, args.wants(problem), args)?;
                }
            }
            Event::Problem(change) => {
                let is_open = change.event != "ended" && args.wants(&change.problem);
                turn(&mut open, &change.problem, is_open, args)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Notes how a problem is now, and tells what of that is new.
fn turn(
    open: &mut BTreeMap<String, Item<Problem>>,
    problem: &Item<Problem>,
    is_open: bool,
    args: &ProblemsArgs,
) -> std::io::Result<()> {
    let before = open.remove(&problem.id);
    if is_open {
        open.insert(problem.id.clone(), problem.clone());
    }
    match before {
        None if is_open => tell(&args.output, "opened", problem),
        Some(before) if !is_open => tell(&args.output, "ended", &before),
        Some(before) if (&before.kind, &before.severity) != (&problem.kind, &problem.severity) => {
            tell(&args.output, "changed", problem)
        }
        _ => Ok(()),
    }
}

/// Tells what happened to a problem.
fn tell(output: &OutputArgs, event: &str, problem: &Item<Problem>) -> std::io::Result<()> {
    match output.form() {
        Form::Json => print_json(&json!({"event": event, "problem": problem.json()})),
        Form::Ids => line(&format!("{event}\t{}", problem.id)),
        Form::Table | Form::Tabs => {
            let cells =
                [&problem.severity, &problem.kind, &problem.title, &problem.cause].map(|text| Cell::new(text).text);
            line(&format!("{}\t{event}\t{}", Timestamp::now().strftime("%FT%TZ"), cells.join("\t")))
        }
    }
}
