//! What is moved beside jobs: settings as a whole, and history part by part.

use std::collections::HashMap;

use naptime_core::load::{Figures, Load};
use naptime_core::standing::Amount;
use naptime_core::{Breach, JobId, KeptAnswer, PoolSettings, Run, Tier, Time, Token, WorkerId};

use crate::{Record, StoredRule};

/// What is there beside jobs and history. There is never much of it.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The settings of all pools.
    pub pools: Vec<PoolSettings>,
    /// The rules.
    pub rules: Vec<StoredRule>,
    /// What alerts go by.
    pub records: Vec<Record>,
    /// The sums of what has ended of SLAs.
    pub sums: HashMap<(Tier, Time), Amount>,
    /// The figures of all workers since the store was made.
    pub total: Figures,
}

/// Where a part of the history ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryCursor {
    /// Among the runs.
    Runs(Option<(JobId, Token)>),
    /// Among the answers that are kept.
    Answers(Option<(JobId, String)>),
    /// Among the breaches of SLAs.
    Breaches(Option<(JobId, Time)>),
    /// Among the figures.
    Load(Option<(u16, Time, WorkerId)>),
}

impl HistoryCursor {
    /// Before all of it.
    pub const START: Self = Self::Runs(None);

    /// The beginning of the next kind; none after the last.
    pub fn next_kind(&self) -> Option<Self> {
        match self {
            Self::Runs(_) => Some(Self::Answers(None)),
            Self::Answers(_) => Some(Self::Breaches(None)),
            Self::Breaches(_) => Some(Self::Load(None)),
            Self::Load(_) => None,
        }
    }
}

/// A part of the history.
#[derive(Clone, Debug)]
pub struct HistoryPart {
    /// What is in it.
    pub items: HistoryItems,
    /// Where it ends; none: it is the last part.
    pub next: Option<HistoryCursor>,
}

/// History of one kind.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // The kinds say what they are.
pub enum HistoryItems {
    Runs(Vec<Run>),
    Answers(Vec<KeptAnswer>),
    Breaches(Vec<Breach>),
    /// Rows as they are stored, each of its tier.
    Load(Vec<(Tier, Load)>),
}
