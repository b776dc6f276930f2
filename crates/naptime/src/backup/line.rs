//! The lines of a backup. Each is an object with one field, which says what it is: `{"run": {…}}`.
//!
//! The first line tells of the backup, and the last one how many lines there are of each kind.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use naptime_core::answer::Place;
use naptime_core::load::Figures;
use naptime_core::{
    Breach, Job, JobId, KeptAnswer, Load, Noted, Plan, PoolSettings, Rev, Rule, Run, Spec, State, Tier, Time, Token,
    Transcript, WorkerId,
};
use naptime_store::{Record, StoredRule};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// The format that is written, and the latest that can be read. It is raised with whatever an earlier version would lose
/// or misread.
pub(super) const FORMAT: u32 = 1;

/// How a backup begins.
pub(super) const BEGIN: &[u8] = br#"{"naptime":"#;

/// The first line.
#[derive(Serialize, Deserialize)]
pub(super) struct First {
    pub(super) naptime: Header,
}

/// What the first line says.
#[derive(Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) format: u32,
    /// The version of the program that has written it.
    pub(super) version: String,
    /// What a store knows this backup by.
    pub(super) id: Uuid,
    /// Where it comes from, for people: without credentials.
    pub(super) from: String,
    /// When it was begun.
    pub(super) at: Time,
}

/// Any other line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant)] // There is one at a time.
pub(super) enum Line {
    Job(#[serde(with = "JobFields")] Job),
    /// The job of an earlier line is taken out, since the next one has its key. A later line may bring it again.
    Gone(JobId),
    Pool(PoolSettings),
    Rule(#[serde(with = "RuleFields")] StoredRule),
    Record(#[serde(with = "RecordFields")] Record),
    Sum(Sum),
    Total(Figures),
    Run(Run),
    Answer(Answer),
    Breach(Breach),
    Load(LoadRow),
    End(Counts),
}

impl Line {
    /// As it is counted.
    fn kind(&self) -> &'static str {
        match self {
            Self::Job(_) => "job",
            Self::Gone(_) => "gone",
            Self::Pool(_) => "pool",
            Self::Rule(_) => "rule",
            Self::Record(_) => "record",
            Self::Sum(_) => "sum",
            Self::Total(_) => "total",
            Self::Run(_) => "run",
            Self::Answer(_) => "answer",
            Self::Breach(_) => "breach",
            Self::Load(_) => "load",
            Self::End(_) => "end",
        }
    }
}

/// How many lines there are of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Counts(BTreeMap<String, u64>);

impl Counts {
    pub(super) fn add(&mut self, line: &Line) {
        match self.0.get_mut(line.kind()) {
            Some(count) => *count += 1,
            None => _ = self.0.insert(line.kind().to_owned(), 1),
        }
    }

    pub(super) fn of(&self, kind: &str) -> u64 {
        self.0.get(kind).copied().unwrap_or(0)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> = self.0.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        f.write_str(&counts.join(", "))
    }
}

/// A sum of what has ended of SLAs.
#[derive(Serialize, Deserialize)]
pub(super) struct Sum {
    pub(super) tier: Tier,
    pub(super) at: Time,
    pub(super) promised_ms: u64,
    pub(super) breached_ms: u64,
}

/// Figures of a worker.
#[derive(Serialize, Deserialize)]
pub(super) struct LoadRow {
    tier: Tier,
    at: Time,
    worker: WorkerId,
    figures: Figures,
}

impl From<(Tier, Load)> for LoadRow {
    fn from((tier, Load { at, worker, figures }): (Tier, Load)) -> Self {
        Self { tier, at, worker, figures }
    }
}

impl From<LoadRow> for (Tier, Load) {
    fn from(LoadRow { tier, at, worker, figures }: LoadRow) -> Self {
        (tier, Load { at, worker, figures })
    }
}

/// An answer that is kept.
#[derive(Serialize, Deserialize)]
pub(super) struct Answer {
    job: JobId,
    run: Token,
    at: Time,
    well: bool,
    place: String,
    transcript: Transcript,
}

impl From<KeptAnswer> for Answer {
    fn from(KeptAnswer { job, run, at, well, place, transcript }: KeptAnswer) -> Self {
        Self { job, run, at, well, place: place.name, transcript }
    }
}

impl From<Answer> for KeptAnswer {
    fn from(Answer { job, run, at, well, place, transcript }: Answer) -> Self {
        // What there is was kept at its place.
        Self { job, run, at, well, place: Place { name: place, replaces: false }, transcript }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Job")]
struct JobFields {
    id: JobId,
    #[serde(with = "shared")]
    spec: Arc<Spec>,
    active: bool,
    deleted_at: Option<Time>,
    rev: Rev,
    plan: Plan,
    created_at: Time,
    updated_at: Time,
    changes: Vec<Noted>,
    state: State,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "StoredRule")]
struct RuleFields {
    rule: Rule,
    rev: Rev,
    updated_at: Time,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Record")]
struct RecordFields {
    id: String,
    rev: Rev,
    value: Value,
}

mod shared {
    use std::sync::Arc;

    use naptime_core::Spec;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(spec: &Arc<Spec>, serializer: S) -> Result<S::Ok, S::Error> {
        spec.as_ref().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Spec>, D::Error> {
        Spec::deserialize(deserializer).map(Arc::new)
    }
}
