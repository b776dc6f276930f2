//! The pieces of the benchmark. Each takes a few minutes at most, and leaves nothing running behind.

mod hostile;
mod pages;
mod punctual;
mod queue;
mod small;
mod speed;
mod sustained;
mod upset;

use std::path::Path;
use std::str::FromStr;

use anyhow::Result;
use naptime_bench::original::Original;
use naptime_tests::mongo::ReplicaSet;

use crate::table::Table;

/// What the pieces share.
pub(crate) struct Setting {
    /// The database server: one for all, since what is compared must be on the same.
    pub(crate) mongo: ReplicaSet,
}

impl Setting {
    /// So many workers of the algorithm that Naptime began with.
    fn original(&self, workers: usize) -> Original<'_> {
        Original { program: Path::new(env!("CARGO_BIN_EXE_original")), mongo: &self.mongo, workers }
    }
}

/// One piece of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Sustained,
    Backlog,
    Scaling,
    Slots,
    Main,
    Million,
    Idle,
    Memory,
    Embedded,
    Kills,
    Restarts,
    Skew,
    Pages,
    Queue,
    Hostile,
}

impl Piece {
    pub(crate) const ALL: [Self; 15] = [
        Self::Sustained,
        Self::Backlog,
        Self::Scaling,
        Self::Slots,
        Self::Main,
        Self::Million,
        Self::Idle,
        Self::Memory,
        Self::Embedded,
        Self::Kills,
        Self::Restarts,
        Self::Skew,
        Self::Pages,
        Self::Queue,
        Self::Hostile,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sustained => "sustained",
            Self::Backlog => "backlog",
            Self::Scaling => "scaling",
            Self::Slots => "slots",
            Self::Main => "main",
            Self::Million => "million",
            Self::Idle => "idle",
            Self::Memory => "memory",
            Self::Embedded => "embedded",
            Self::Kills => "kills",
            Self::Restarts => "restarts",
            Self::Skew => "skew",
            Self::Pages => "pages",
            Self::Queue => "queue",
            Self::Hostile => "hostile",
        }
    }

    /// Runs it, and adds its lines to the table.
    pub(crate) async fn run(self, setting: &Setting, table: &mut Table) -> Result<()> {
        match self {
            Self::Sustained => sustained::sustained(setting, table).await,
            Self::Backlog => speed::backlog(setting, table).await,
            Self::Scaling => speed::scaling(setting, table).await,
            Self::Slots => speed::slots(setting, table).await,
            Self::Main => punctual::main(setting, table).await,
            Self::Million => small::million(setting, table).await,
            Self::Idle => small::idle(setting, table).await,
            Self::Memory => small::memory(setting, table).await,
            Self::Embedded => sustained::embedded(setting, table).await,
            Self::Kills => upset::kills(setting, table).await,
            Self::Restarts => upset::restarts(setting, table).await,
            Self::Skew => upset::skew(setting, table).await,
            Self::Pages => pages::run(setting, table).await,
            Self::Queue => queue::run(setting, table).await,
            Self::Hostile => hostile::run(table).await,
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
