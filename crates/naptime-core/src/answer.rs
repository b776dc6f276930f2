//! Answers that are kept: what was sent and answered, beyond the two lines of it that every run has.
//!
//! Nobody reads the answer of a call that went well, so of an endpoint that never fails only the first one is kept. Of
//! each streak of failures it is the first and the last, and then the first good one after it: what was answered while
//! all was well lies beside what was answered when it was not.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Claim, Invalid, JobId, Outcome, Run, Time, Token};

/// The most of a body that is kept, in bytes.
pub const MAX_BODY: usize = 16 * 1024;
/// The most of the headers that is kept, in bytes.
pub const MAX_HEAD: usize = 8 * 1024;
/// How many answers of a job are kept at least, if it has as many. Older ones may go.
pub const MAX_ANSWERS: usize = 100;

/// Which answers of an endpoint are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The first and the last of each streak of failures, and the first good one after it.
    #[default]
    Failures,
    /// All.
    All,
    /// None.
    None,
}

impl Keep {
    /// All of them.
    pub const EACH: [Self; 3] = [Self::Failures, Self::All, Self::None];

    /// As it is written: `failures`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failures => "failures",
            Self::All => "all",
            Self::None => "none",
        }
    }

    /// Whether this is what an endpoint has that says nothing.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Keep {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::EACH
            .into_iter()
            .find(|keep| keep.as_str() == text.trim())
            .ok_or_else(|| Invalid::new("keep", "unknown_word", "`keep` must be `failures`, `all` or `none`"))
    }
}

/// What was sent and what came back, without credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transcript {
    /// The request's first line and headers, one on each line.
    pub request: String,
    /// The answer's status and headers, one on each line.
    pub head: String,
    /// The beginning of the answer's body.
    pub body: Body,
    /// Whether that is all of it.
    pub whole: bool,
    /// How long each part of the call took.
    #[serde(default)]
    pub phases: Phases,
}

/// A body, or its beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// UTF-8.
    Text(String),
    /// Anything else, in hexadecimal digits.
    Hex(String),
}

impl Default for Body {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

/// How long each part of a call took, in microseconds. A call on a connection that was there already looked up and
/// connected nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phases {
    /// To look its name up.
    pub lookup: Option<u64>,
    /// To connect.
    pub connect: Option<u64>,
    /// To agree on TLS.
    pub tls: Option<u64>,
    /// From then to the head of the answer.
    pub first_byte: Option<u64>,
    /// From then to its end.
    pub rest: Option<u64>,
}

impl Phases {
    /// Those that are known, in their order, each with its name.
    pub fn known(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        let all = [
            ("Name lookup", self.lookup),
            ("Connection", self.connect),
            ("TLS", self.tls),
            ("First byte", self.first_byte),
            ("Rest", self.rest),
        ];
        all.into_iter().filter_map(|(name, micros)| Some((name, Duration::from_micros(micros?))))
    }
}

/// An answer that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The job.
    pub job: JobId,
    /// The claim that called.
    pub run: Token,
    /// When the call ended.
    pub at: Time,
    /// Whether it ended well.
    pub well: bool,
    /// Its place among those of its job.
    pub place: Place,
    /// What was sent and answered.
    pub transcript: Transcript,
}

/// The place of an answer among those of its job, each of which holds one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What tells it from the others.
    pub name: String,
    /// Whether an answer that is there gives way to a later one.
    pub replaces: bool,
}

impl Claim {
    /// Whether the answer will be kept if the call ends well, and if it does not.
    pub fn keeps(&self) -> [bool; 2] {
        let (spec, state) = (&self.job.spec, &self.job.state);
        match spec.keep {
            Keep::None => [false, false],
            Keep::All => [true, true],
            // Of one-off jobs each call would be the first.
            Keep::Failures => match &state.last {
                None => [!spec.schedule.is_once(), true],
                Some(last) => [last.outcome != Outcome::Ok, true],
            },
        }
    }

    /// The answer of this run as it is kept.
    pub fn kept(&self, run: &Run, transcript: Transcript) -> KeptAnswer {
        let (spec, state) = (&self.job.spec, &self.job.state);
        let well = run.outcome == Outcome::Ok;
        // All runs of a streak have the same good one before them.
        let streak = state.last_ok.map_or(0, |at| at.millis());
        let goes_on = state.last.as_ref().is_some_and(|last| last.outcome != Outcome::Ok);
        let place = match (spec.keep, well) {
            (Keep::All, _) => Place { name: format!("run {}", run.token), replaces: false },
            (_, true) => Place { name: format!("good {streak}"), replaces: false },
            (_, false) if goes_on => Place { name: format!("last {streak}"), replaces: true },
            (_, false) => Place { name: format!("first {streak}"), replaces: false },
        };
        KeptAnswer { job: run.job, run: run.token, at: run.finished, well, place, transcript }
    }
}
