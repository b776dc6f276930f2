//! `naptime list`: the endpoints.

use clap::Args;
use futures::TryStreamExt;
use naptime_client::{Endpoint, Filter, Timestamp};

use super::connect::ServerArgs;
use super::output::{Look, OutputArgs, Printer, Row};
use super::table::Cell;

#[derive(Args)]
pub(crate) struct ListArgs {
    /// Only those whose URL, name or tag holds this text
    text: Option<String>,
    /// Only those in this state: failing, put_off, flapping, late, breach, running, paused, on, off or healthy
    #[arg(long)]
    state: Option<String>,
    /// Only those whose last call ended so, such as timeout; bad for all that did not end well
    #[arg(long)]
    outcome: Option<String>,
    /// Only those of a pool, such as https://example.com
    #[arg(long)]
    pool: Option<String>,
    /// Only those with a tag
    #[arg(long)]
    tag: Option<String>,
    /// Only those that are switched on
    #[arg(long, conflicts_with = "off")]
    on: bool,
    /// Only those that are switched off
    #[arg(long)]
    off: bool,
    /// Those that are deleted, while they are kept
    #[arg(long)]
    deleted: bool,
    /// By what they are in order: url, name, next, last, lag or success; -name is the other way round
    #[arg(long, value_name = "[-]FIELD", allow_hyphen_values = true)]
    sort: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

impl ListArgs {
    fn filter(&self) -> Filter {
        Filter::new()
            .maybe("q", self.text.as_ref())
            .maybe("state", self.state.as_ref())
            .maybe("outcome", self.outcome.as_ref())
            .maybe("pool", self.pool.as_ref())
            .maybe("tag", self.tag.as_ref())
            .maybe("active", (self.on || self.off).then_some(self.on))
            .maybe("deleted", self.deleted.then_some(true))
            .maybe("sort", self.sort.as_ref())
    }
}

impl Row for Endpoint {
    const HEAD: &'static [&'static str] =
        &["ID", "STATE", "NEXT CALL", "LAST", "WHEN", "SUCCESS", "LAG", "SCHEDULE", "METHOD", "URL", "NAME", "KEY"];
    const SPARE: &'static [&'static str] =
        &["METHOD", "KEY", "LAG", "SUCCESS", "WHEN", "SCHEDULE", "NEXT CALL", "NAME", "LAST"];

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn cells(&self, look: Look) -> Vec<Cell> {
        let outcome = self.last.as_ref().map_or("not called yet", |last| last.outcome.as_str());
        let day = self.last_day.as_ref();
        vec![
            Cell::id(self.id),
            Cell::word(state(self, look.now)),
            look.when(self.due),
            if self.last.is_some() { Cell::word(outcome) } else { Cell::new(outcome) },
            look.when(self.last.as_ref().map(|last| last.finished)),
            look.share(day.map(|day| day.success)),
            day.and_then(|day| day.lag_p99_ms).map_or_else(Cell::default, |ms| look.took(ms)),
            Cell::new(&self.schedule.text),
            Cell::new(&self.method),
            Cell::new(&self.url),
            Cell::new(&self.name),
            Cell::new(self.key.as_deref().unwrap_or_default()),
        ]
    }
}

pub(super) async fn list(args: &ListArgs) -> anyhow::Result<()> {
    let mut pages = args.server.client()?.endpoints(args.filter()).pages();
    let mut printer = Printer::new(&args.output);
    while let Some(page) = pages.try_next().await? {
        for endpoint in &page.items {
            printer.print(endpoint)?;
        }
        for row in page.unreadable {
            eprintln!("naptime: the server cannot read endpoint {}: {}", row.id, row.detail);
        }
    }
    Ok(printer.flush()?)
}

/// The one word for how an endpoint stands.
pub(super) fn state(endpoint: &Endpoint, now: Timestamp) -> &str {
    if endpoint.deleted_at.is_some() {
        return "deleted";
    }
    if !endpoint.active {
        return "off";
    }
    if let Some(trouble) = &endpoint.trouble {
        return &trouble.kind;
    }
    if endpoint.held {
        return "running";
    }
    let pause = endpoint.schedule.pause.as_ref();
    let until = |pause: &serde_json::Value| pause["until"].as_str().and_then(|until| until.parse::<Timestamp>().ok());
    // One without an end lasts until somebody resumes it.
    match pause.map(until) {
        Some(until) if until.is_none_or(|until| until > now) => "paused",
        _ => "on",
    }
}
