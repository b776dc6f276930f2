//! `naptime receivers`: who is told of problems.

use clap::Args;
use naptime_client::Receiver;

use super::connect::ServerArgs;
use super::output::{Look, OutputArgs, Printer, Row};
use super::table::Cell;

#[derive(Args)]
pub(crate) struct ReceiversArgs {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

impl Row for Receiver {
    const HEAD: &'static [&'static str] = &["NAME", "STATE", "KIND", "TOLD FROM"];
    const SPARE: &'static [&'static str] = &["TOLD FROM"];

    fn id(&self) -> String {
        self.name.clone()
    }

    fn cells(&self, _: Look) -> Vec<Cell> {
        let state = if self.active { "on" } else { "off" };
        let severity = self.severity.as_deref().unwrap_or("warn");
        vec![Cell::new(&self.name), Cell::word(state), Cell::new(&self.kind), Cell::new(severity)]
    }
}

pub(super) async fn receivers(args: &ReceiversArgs) -> anyhow::Result<()> {
    let mut printer = Printer::new(&args.output);
    for receiver in args.server.client()?.receivers().await? {
        printer.print(&receiver)?;
    }
    Ok(printer.flush()?)
}
