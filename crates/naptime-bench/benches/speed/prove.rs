//! `naptime prove`, and its report.

use anyhow::{Context, Result};
use naptime_bench::prove;
use naptime_tests::naptime;
use serde_json::Value;

use crate::pieces::{Piece, Setting};
use crate::table::{Bar, Table};

/// The runs of `naptime prove` of a piece.
pub(crate) struct Prove<'a> {
    setting: &'a Setting,
    piece: Piece,
    /// How many runs of the piece there were.
    runs: usize,
    /// Whether what is promised held in all of them.
    holds: bool,
    strangers: f64,
}

impl<'a> Prove<'a> {
    /// None yet. The table says that they have these arguments.
    pub(crate) fn new(setting: &'a Setting, table: &mut Table, piece: Piece, args: &str) -> Self {
        let runs = table.command(piece.name(), &format!("naptime prove {args}"));
        Self { setting, piece, runs, holds: true, strangers: 0.0 }
    }

    /// Runs `naptime prove` with these arguments.
    pub(crate) async fn run(&mut self, args: &str) -> Result<Found> {
        self.runs += 1;
        let name = self.piece.name();
        let name = if self.runs == 1 { name.to_owned() } else { format!("{name}-{}", self.runs) };
        let (report, wrong) = prove(naptime::binary(), args, &self.setting.mongo, &name).await?;
        if let Some(wrong) = wrong {
            self.holds = false;
            eprintln!("{wrong}");
        }
        let found = Found(report);
        self.disturbed(found.legs().filter_map(|leg| leg.number("/used/strangers").ok()).fold(0.0, f64::max));
        Ok(found)
    }

    /// So many cores were kept busy by strangers, in these runs or in what they are compared with.
    pub(crate) fn disturbed(&mut self, strangers: f64) {
        self.strangers = self.strangers.max(strangers);
    }

    /// Adds to the table whether what is promised held, and whether the machine was busy otherwise.
    pub(crate) fn tell(self, table: &mut Table) {
        let bar = Bar::new("yes", self.holds);
        let holds = if self.holds { "yes" } else { "NO" };
        table.check(self.piece.name(), "nothing lost, repeated, early or overlapping; books agree", holds, bar);
        if self.strangers > 0.1 {
            table.tell(self.piece.name(), "cores kept busy by strangers meanwhile", format!("{:.2}", self.strangers));
        }
    }
}

/// The report of a run, or a part of it.
pub(crate) struct Found(Value);

impl Found {
    /// Runs `naptime prove` with these arguments, and adds to the table the command and whether what is promised held.
    pub(crate) async fn by(setting: &Setting, table: &mut Table, piece: Piece, args: &str) -> Result<Self> {
        let mut prove = Prove::new(setting, table, piece, args);
        let found = prove.run(args).await?;
        prove.tell(table);
        Ok(found)
    }

    /// A number of the report, by its JSON pointer.
    pub(crate) fn number(&self, pointer: &str) -> Result<f64> {
        let value = self.0.pointer(pointer).and_then(Value::as_f64);
        value.with_context(|| format!("the report has no number at {pointer}"))
    }

    /// A number of each element of a list.
    pub(crate) fn numbers(&self, list: &str, pointer: &'static str) -> impl Iterator<Item = f64> {
        self.list(list).filter_map(move |it| it.number(pointer).ok())
    }

    fn legs(&self) -> impl Iterator<Item = Found> {
        self.list("/legs")
    }

    /// The leg of so many workers, of recurring calls.
    pub(crate) fn leg(&self, workers: usize) -> Result<Found> {
        let is_it = |leg: &Found| leg.0["workers"] == workers && leg.0["backlog"].is_null();
        self.legs().find(is_it).with_context(|| format!("the report has no leg of {workers} workers"))
    }

    /// The most calls per second at which the backlog was drained, and the workers it took.
    pub(crate) fn drained(&self) -> Result<(f64, usize)> {
        let legs = self.legs().filter(|leg| !leg.0["backlog"].is_null());
        let rates = legs.map(|leg| Ok((leg.number("/verdict/calls_per_second")?, leg.number("/workers")? as usize)));
        let rates: Vec<(f64, usize)> = rates.collect::<Result<_>>()?;
        let best = rates.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
        best.context("the report has no backlog")
    }

    fn list(&self, pointer: &str) -> impl Iterator<Item = Found> {
        let list = self.0.pointer(pointer).and_then(Value::as_array);
        list.cloned().unwrap_or_default().into_iter().map(Found)
    }
}
