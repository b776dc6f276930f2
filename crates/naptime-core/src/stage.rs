//! Where a one-off job is on its way from asked for to done.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Invalid, Job, Outcome, Phase};

/// The stage of a one-off job. It follows from the job's state; stores keep it beside, to list jobs by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Not called yet.
    Waiting,
    /// A worker holds it.
    Running,
    /// An attempt failed, and another is to come.
    Retrying,
    /// The last attempt failed, or none is left.
    Failed,
    /// An attempt ended well.
    Done,
    /// Somebody did not want it any more.
    Cancelled,
}

impl Stage {
    /// All of them, in the order in which a job goes through them.
    pub const ALL: [Stage; 6] =
        [Self::Waiting, Self::Running, Self::Retrying, Self::Failed, Self::Done, Self::Cancelled];

    /// The stage as it is stored and sent: `waiting`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Failed => "failed",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }
}

impl FromStr for Stage {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == text).ok_or_else(|| {
            let all = Self::ALL.map(Self::as_str).join(", ");
            Invalid::new("state", "unknown_state", format!("the state is one of {all}"))
        })
    }
}

impl Job {
    /// The stage of a one-off job; none of a recurring one.
    pub fn stage(&self) -> Option<Stage> {
        if !self.spec.schedule.is_once() {
            return None;
        }
        let state = &self.state;
        Some(match &state.phase {
            _ if self.deleted_at.is_some() => Stage::Cancelled,
            Phase::Held { .. } => Stage::Running,
            Phase::Retrying { .. } => Stage::Retrying,
            _ if state.due.is_some() => Stage::Waiting,
            _ if state.last.as_ref().is_some_and(|last| last.outcome == Outcome::Ok) => Stage::Done,
            _ => Stage::Failed,
        })
    }
}
