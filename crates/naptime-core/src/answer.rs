//! Answers that are kept: what was sent and answered, beyond the two lines of it that every run has.
//!
//! Nobody reads the answer of a call that went well, so of an endpoint that never fails one is kept a day. Of each streak
//! of failures the first and the last are kept, and the first good one after it. So there is always a good answer to
//! hold a bad one against.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Claim, Invalid, JobId, Outcome, Run, Time, Token};

/// The most of a body that is kept, in bytes.
pub const MAX_KEPT_BODY: usize = 16 * 1024;
/// The most of the headers that is kept, in bytes.
pub const MAX_KEPT_HEAD: usize = 8 * 1024;
/// The most answers of a job that are kept for sure: of more, the oldest go sooner or later.
pub const MAX_ANSWERS: usize = 100;

/// Which answers of an endpoint are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The first and the last of each streak of failures, the first good one after it, and a good one a day.
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
    pub fn is_default(&self) -> bool {
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

/// What was sent and what came back, with a mask in place of credentials that were sent.
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

/// Of which calls the answer is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeepIf {
    /// Of one that ends well.
    pub well: bool,
    /// Of one that does not.
    pub badly: bool,
}

impl KeepIf {
    /// Whether the answer of a call that ended so is kept.
    pub fn covers(self, outcome: Outcome) -> bool {
        if outcome == Outcome::Ok { self.well } else { self.badly }
    }
}

impl Claim {
    /// Whether the answer of a call that leaves `now` is kept.
    pub fn keeps(&self, now: Time) -> KeepIf {
        let (spec, state) = (&self.job.spec, &self.job.state);
        match spec.keep {
            Keep::None => KeepIf::default(),
            Keep::All => KeepIf { well: true, badly: true },
            Keep::Failures => {
                let failed = state.last.as_ref().is_some_and(|last| last.outcome != Outcome::Ok);
                // Of one-off jobs each call would be the first of the day.
                let is_first_of_day = state.last_ok.is_none_or(|at| day(at) != day(now));
                KeepIf { well: failed || (is_first_of_day && !spec.schedule.is_once()), badly: true }
            }
        }
    }

    /// The answer of this run as it is kept.
    pub fn kept(&self, run: &Run, transcript: Transcript) -> KeptAnswer {
        let (spec, state) = (&self.job.spec, &self.job.state);
        let well = run.outcome == Outcome::Ok;
        // All runs of a streak have the same good one before them.
        let streak = state.last_ok.map_or(0, Time::millis);
        let failed = state.last.as_ref().is_some_and(|last| last.outcome != Outcome::Ok);
        let place = match (spec.keep, well) {
            (Keep::All, _) => Place { name: format!("run {}", run.token), replaces: false },
            (_, true) if failed => Place { name: format!("good {streak}"), replaces: false },
            (_, true) => Place { name: format!("day {}", day(run.finished)), replaces: false },
            // Where nothing was answered, the last answer stays.
            (_, false) if failed && transcript.head.is_empty() => {
                Place { name: format!("silent {streak}"), replaces: true }
            }
            (_, false) if failed => Place { name: format!("last {streak}"), replaces: true },
            (_, false) => Place { name: format!("first {streak}"), replaces: false },
        };
        KeptAnswer { job: run.job, run: run.token, at: run.finished, well, place, transcript }
    }
}

/// The number of the day in UTC.
fn day(at: Time) -> i64 {
    at.millis().div_euclid(86_400_000)
}
