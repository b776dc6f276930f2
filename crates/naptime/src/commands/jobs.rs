//! `naptime jobs`: the one-off jobs.

use clap::Args;
use futures::TryStreamExt;
use naptime_client::{Filter, Job};

use super::connect::ServerArgs;
use super::output::{Look, OutputArgs, Printer, Row};
use super::table::Cell;

#[derive(Args)]
pub(crate) struct JobsArgs {
    /// Only those whose URL, name, key or tag holds this text
    text: Option<String>,
    /// Only those in one of these states: waiting, running, retrying, failed, done, cancelled
    #[arg(long, value_name = "STATE,...")]
    state: Option<String>,
    /// Only those of a pool, such as https://example.com
    #[arg(long)]
    pool: Option<String>,
    /// Only those with a tag
    #[arg(long)]
    tag: Option<String>,
    /// How many at most; 0: all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    count: usize,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

impl Row for Job {
    const HEAD: &'static [&'static str] =
        &["ID", "STATE", "NEXT CALL", "ATTEMPT", "LAST", "METHOD", "URL", "KEY", "NAME"];
    const SPARE: &'static [&'static str] = &["METHOD", "ATTEMPT", "NAME", "NEXT CALL", "KEY", "LAST"];

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn cells(&self, look: Look) -> Vec<Cell> {
        vec![
            Cell::id(self.id),
            Cell::word(&self.state),
            look.when(self.next_at),
            // Of one that is over the API counts none; its log does.
            Cell::new(if self.attempt == 0 { String::new() } else { self.attempt.to_string() }),
            Cell::word(self.last.as_ref().map_or("", |last| last.outcome.as_str())),
            Cell::new(&self.method),
            Cell::new(&self.url),
            Cell::new(self.key.as_deref().unwrap_or_default()),
            Cell::new(&self.name),
        ]
    }
}

pub(super) async fn jobs(args: &JobsArgs) -> anyhow::Result<()> {
    let filter = Filter::new()
        .maybe("q", args.text.as_ref())
        .maybe("state", args.state.as_ref())
        .maybe("pool", args.pool.as_ref())
        .maybe("tag", args.tag.as_ref());
    let mut items = args.server.client()?.jobs(filter).items();
    let mut printer = Printer::new(&args.output);
    let mut left = if args.count == 0 { usize::MAX } else { args.count };
    while left > 0
        && let Some(job) = items.try_next().await?
    {
        printer.print(&job)?;
        left -= 1;
    }
    Ok(printer.flush()?)
}
