//! `naptime runs`: runs, newest first, or as they come.

use std::collections::HashSet;

use clap::Args;
use futures::TryStreamExt;
use naptime_client::{Client, Event, Filter, Item, Run, Uuid};

use super::connect::ServerArgs;
use super::following::Following;
use super::output::{Look, OutputArgs, Printer, Row};
use super::table::Cell;
use super::target::{self, NotFound};

/// How many of the runs that were there are known to be so while others are followed.
const PAGE: usize = 500;

#[derive(Args)]
pub(crate) struct RunsArgs {
    /// Only those of an endpoint, by id or the beginning of one, by name, key or URL; or of a one-off job by its id
    #[arg(value_name = "ENDPOINT")]
    target: Option<String>,
    /// Only those with this outcome, such as timeout; bad: all but ok
    #[arg(long)]
    outcome: Option<String>,
    /// Only those of endpoints whose URL, name or tag holds this text, as that of `naptime list`
    #[arg(long, value_name = "TEXT")]
    q: Option<String>,
    /// Only those of endpoints of a pool, such as https://example.com
    #[arg(long)]
    pool: Option<String>,
    /// Only those of endpoints with a tag
    #[arg(long)]
    tag: Option<String>,
    /// Only those of a worker, by its whole id: `naptime workers --quiet`
    #[arg(long)]
    worker: Option<String>,
    /// Only those that ended at this time or later; UTC unless it says otherwise
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only those that ended before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// How many at most; 0: all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    count: usize,
    /// Print the newest, then those that come, until Ctrl-C
    #[arg(long, short, conflicts_with = "until")]
    follow: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

impl Row for Run {
    const HEAD: &'static [&'static str] = &["ENDED", "OUTCOME", "STATUS", "LAG", "TOOK", "JOB", "WORKER", "MESSAGE"];
    const SPARE: &'static [&'static str] = &["WORKER", "TOOK", "LAG", "STATUS", "MESSAGE"];

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn cells(&self, look: Look) -> Vec<Cell> {
        vec![
            look.when(Some(self.finished)),
            Cell::word(&self.outcome),
            Cell::new(self.status.map_or_else(String::new, |status| status.to_string())),
            look.took(self.start_lag_ms),
            look.took(self.took_ms),
            Cell::id(self.job),
            Cell::new(self.worker.as_ref().map_or("", |worker| &worker.name)),
            Cell::new(&self.message),
        ]
    }
}

pub(super) async fn runs(args: &RunsArgs) -> anyhow::Result<()> {
    let client = args.server.client()?;
    let job = match &args.target {
        Some(said) => Some(job(&client, said).await?),
        None => None,
    };
    let filter = Filter::new()
        .maybe("job", job)
        .maybe("outcome", args.outcome.as_ref())
        .maybe("q", args.q.as_ref())
        .maybe("pool", args.pool.as_ref())
        .maybe("tag", args.tag.as_ref())
        .maybe("worker", args.worker.as_ref());
    let mut printer = Printer::new(&args.output);
    if args.follow {
        return follow(&client, filter, args, &mut printer).await;
    }
    let filter = filter.maybe("from", args.from.as_ref()).maybe("until", args.until.as_ref());
    let mut items = client.runs(filter).items();
    let mut left = if args.count == 0 { usize::MAX } else { args.count };
    while left > 0
        && let Some(run) = items.try_next().await?
    {
        printer.print(&run)?;
        left -= 1;
    }
    Ok(printer.flush()?)
}

/// The job whose runs are meant: an endpoint, or a one-off job by its id.
async fn job(client: &Client, said: &str) -> anyhow::Result<Uuid> {
    match (target::find(client, said, &Filter::new()).await, Uuid::try_parse(said)) {
        (Ok(endpoint), _) => Ok(endpoint.id),
        (Err(error), Ok(id)) if error.is::<NotFound>() => Ok(client.job(id).await?.id),
        (Err(error), _) => Err(error),
    }
}

/// Prints the newest runs, the oldest of them first, and then each that ends, until the program is stopped.
async fn follow(client: &Client, filter: Filter, args: &RunsArgs, printer: &mut Printer<Run>) -> anyhow::Result<()> {
    // It has begun when the list is asked for, so that nothing comes between them.
    let mut stream = client.stream(filter.clone().with("kinds", "runs"));
    let mut following = Following::new("runs");
    let mut listed = None;
    while let Some(event) = stream.try_next().await? {
        following.tell(&event);
        match event {
            Event::Open if listed.is_none() => {
                let newest = filter.clone().maybe("from", args.from.as_ref()).with("limit", PAGE);
                let newest = client.runs(newest).page(None).await?.items;
                let count = if args.count == 0 { usize::MAX } else { args.count };
                for run in newest.iter().take(count).rev() {
                    printer.print(run)?;
                }
                listed = Some(newest.iter().map(key).collect::<HashSet<_>>());
            }
            Event::Run(run) if !listed.as_ref().is_some_and(|listed| listed.contains(&key(&run))) => {
                printer.print(&run)?;
            }
            _ => {}
        }
        printer.flush()?;
    }
    Ok(())
}

/// Two jobs may have runs of one id, as one claim may be of several jobs.
fn key(run: &Item<Run>) -> (Uuid, Uuid) {
    (run.job, run.id)
}
