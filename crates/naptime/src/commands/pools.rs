//! `naptime pools`.

use clap::Args;
use futures::TryStreamExt;
use naptime_client::{Filter, Pool};

use super::connect::ServerArgs;
use super::output::{Look, OutputArgs, Printer, Row};
use super::table::Cell;

#[derive(Args)]
pub(crate) struct PoolsArgs {
    /// Only those whose name holds this text
    text: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

impl Row for Pool {
    const HEAD: &'static [&'static str] = &["POOL", "STATE", "ENDPOINTS", "ON", "MAX IN FLIGHT", "MAX PER SECOND"];
    const SPARE: &'static [&'static str] = &["MAX PER SECOND", "MAX IN FLIGHT", "ON", "ENDPOINTS"];

    fn id(&self) -> String {
        self.pool.clone()
    }

    fn cells(&self, _: Look) -> Vec<Cell> {
        let limit = |limit: Option<u32>| Cell::new(limit.map_or_else(String::new, |limit| limit.to_string()));
        vec![
            Cell::new(&self.pool),
            Cell::word(match (self.active, &self.down) {
                (false, _) => "off",
                (true, Some(_)) => "down",
                (true, None) => "on",
            }),
            Cell::new(self.endpoints.to_string()),
            Cell::new(self.active_endpoints.to_string()),
            limit(self.max_in_flight),
            limit(self.max_per_second),
        ]
    }
}

pub(super) async fn pools(args: &PoolsArgs) -> anyhow::Result<()> {
    let mut items = args.server.client()?.pools(Filter::new().maybe("q", args.text.as_ref())).items();
    let mut printer = Printer::new(&args.output);
    while let Some(pool) = items.try_next().await? {
        printer.print(&pool)?;
    }
    Ok(printer.flush()?)
}
