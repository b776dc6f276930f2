//! The pieces of the benchmark. Each leaves nothing running behind.

mod compared;
mod embedded;
mod idle;
mod main_load;
mod pages;
mod queue;
mod saturation;

use std::str::FromStr;
use std::time::Duration;

use anyhow::Result;
use naptime_tests::mongo::ReplicaSet;

use crate::ground::Watched;
use crate::table::{Bar, Table};

/// What the pieces share.
pub(crate) struct Setting {
    /// The database server: one for all, since what is compared must be on the same.
    pub(crate) mongo: ReplicaSet,
    /// How long the main load is watched.
    pub(crate) length: Duration,
}

/// One piece of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Main,
    Reference,
    Saturation,
    Idle,
    Embedded,
    Pages,
    Queue,
}

impl Piece {
    pub(crate) const ALL: [Self; 7] =
        [Self::Main, Self::Reference, Self::Saturation, Self::Idle, Self::Embedded, Self::Pages, Self::Queue];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Reference => "reference",
            Self::Saturation => "saturation",
            Self::Idle => "idle",
            Self::Embedded => "embedded",
            Self::Pages => "pages",
            Self::Queue => "queue",
        }
    }

    /// Runs it, and adds its lines to the table.
    pub(crate) async fn run(self, setting: &Setting, table: &mut Table) -> Result<()> {
        match self {
            Self::Main => main_load::run(setting, table).await,
            Self::Reference => compared::run(setting, table).await,
            Self::Saturation => saturation::run(setting, table).await,
            Self::Idle => idle::run(setting, table).await,
            Self::Embedded => embedded::run(table).await,
            Self::Pages => pages::run(setting, table).await,
            Self::Queue => queue::run(setting, table).await,
        }
    }
}

impl FromStr for Piece {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|piece| piece.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("no such piece: {name}; there are {names}")
        })
    }
}

/// The main load, on any store: so many endpoints, each once in a second.
const ENDPOINTS: usize = 1_000;
const PERIOD: Duration = Duration::from_secs(1);

/// The lines that every store has to show for the main load.
fn judge_main_load(table: &mut Table, piece: &str, watched: &Watched) {
    let Watched { verdict, used, rss, .. } = watched;
    let called = format!("{} of {}", verdict.called, verdict.owed);
    table.check(piece, "occurrences called", called, Bar::new("all", verdict.called == verdict.owed));
    table.check(piece, "occurrences called twice", verdict.repeated.to_string(), Bar::none(verdict.repeated));
    table.check(piece, "calls before their time", verdict.early.to_string(), Bar::none(verdict.early));
    let close = verdict.too_close;
    table.check(piece, "calls closer than half a period", close.to_string(), Bar::none(close));
    let (p50, p99) = (verdict.lags.p50(), verdict.lags.p99());
    table.check(piece, "start lag, p50", format!("{p50:.2} ms"), Bar::at_most(p50, 3.0, "ms"));
    table.check(piece, "start lag, p99", format!("{p99:.1} ms"), Bar::at_most(p99, 50.0, "ms"));
    table.tell(piece, "start lag, longest", format!("{:.0} ms", verdict.lags.max()));
    table.check(piece, "memory of naptime, peak", format!("{rss:.1} MiB"), Bar::below(*rss, 60.0, "MiB"));
    table.tell(piece, "CPU per call, naptime", format!("{:.0} us", watched.cpu_per_call(0)));
    if used.cpu.len() > 1 {
        table.tell(piece, "CPU per call, mongod", format!("{:.0} us", watched.cpu_per_call(1)));
        table.tell(piece, "round trips to mongod per call", format!("{:.2}", watched.commands_per_call));
    }
    table.tell(piece, "cores kept busy by strangers meanwhile", format!("{:.2}", used.disturbance()));
}
