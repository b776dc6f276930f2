//! `naptime workers`.

use clap::Args;
use naptime_client::Worker;

use super::connect::ServerArgs;
use super::output::{Look, OutputArgs, Printer, Row};
use super::table::Cell;

#[derive(Args)]
pub(crate) struct WorkersArgs {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

impl Row for Worker {
    const HEAD: &'static [&'static str] =
        &["ID", "NAME", "STATE", "CALLS", "CAPACITY", "HOST", "VERSION", "STARTED", "SEEN", "TROUBLE"];
    const SPARE: &'static [&'static str] = &["STARTED", "VERSION", "HOST", "SEEN", "CAPACITY", "CALLS", "TROUBLE"];

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn cells(&self, look: Look) -> Vec<Cell> {
        let state = match (self.alive, self.stopping) {
            (false, _) => "gone",
            (true, true) => "stopping",
            (true, false) => "alive",
        };
        vec![
            Cell::id(self.id),
            Cell::new(&self.name),
            Cell::word(state),
            Cell::new(self.held.to_string()),
            Cell::new(self.capacity.to_string()),
            Cell::new(&self.host),
            Cell::new(&self.version),
            look.when(Some(self.started_at)),
            look.when(Some(self.seen_at)),
            Cell::new(self.trouble.as_deref().unwrap_or_default()),
        ]
    }
}

pub(super) async fn workers(args: &WorkersArgs) -> anyhow::Result<()> {
    let mut printer = Printer::new(&args.output);
    for worker in args.server.client()?.workers().await? {
        printer.print(&worker)?;
    }
    Ok(printer.flush()?)
}
