//! The states and kinds of schedules that endpoints are found by.

use std::str::FromStr;
use std::time::Duration;

use naptime_core::{Invalid, Trouble};

/// What could have been called for longer than this is late.
pub const LATE_AFTER: Duration = Duration::from_secs(5);

/// A state that endpoints are found by. Most are in several: one that fails is switched on, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndpointState {
    /// [`Trouble::Failing`].
    Failing,
    /// [`Trouble::PutOff`].
    PutOff,
    /// [`Trouble::Flapping`].
    Flapping,
    /// It could have been called for longer than [`LATE_AFTER`]. One whose pool is limited or switched off is not late: it
    /// waits for its turn.
    Late,
    /// It has not been called well as often as its SLA promises.
    Breach,
    /// A worker holds it: it is being called, or about to be.
    Running,
    /// It has a pause that lasts, whether it is switched on or not.
    Paused,
    /// It is switched on.
    On,
    /// It is switched off.
    Off,
    /// It is switched on and not paused, is in no trouble and not in breach. That it is late is no fault of its
    /// own.
    Healthy,
}

impl EndpointState {
    /// All of them, those that need somebody first.
    pub const ALL: [EndpointState; 10] = [
        Self::Failing,
        Self::PutOff,
        Self::Flapping,
        Self::Late,
        Self::Breach,
        Self::Running,
        Self::Paused,
        Self::On,
        Self::Off,
        Self::Healthy,
    ];

    /// The state as it is sent: `failing`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::PutOff => "put_off",
            Self::Flapping => "flapping",
            Self::Late => "late",
            Self::Breach => "breach",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::On => "on",
            Self::Off => "off",
            Self::Healthy => "healthy",
        }
    }

    /// Whether a list goes by how long each has been in it, the longest first, unless it is sorted otherwise.
    pub fn has_since(self) -> bool {
        matches!(self, Self::Failing | Self::PutOff | Self::Flapping | Self::Late | Self::Breach)
    }
}

impl From<Trouble> for EndpointState {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Failing => Self::Failing,
            Trouble::PutOff => Self::PutOff,
            Trouble::Flapping => Self::Flapping,
        }
    }
}

impl FromStr for EndpointState {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
            let all = Self::ALL.map(Self::as_str).join(", ");
            Invalid::new("state", "unknown_state", format!("the state is one of {all}"))
        })
    }
}

/// A kind of schedule that recurs, within bounds or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduleKind {
    /// Once in every period.
    Every,
    /// By a cron pattern.
    Cron,
    /// At a random moment in each period.
    Random,
}

impl ScheduleKind {
    /// All of them.
    pub const ALL: [ScheduleKind; 3] = [Self::Every, Self::Cron, Self::Random];

    /// The kind as [`Schedule::kind`](naptime_core::Schedule::kind) has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Every => "every",
            Self::Cron => "cron",
            Self::Random => "random",
        }
    }
}

impl FromStr for ScheduleKind {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let all = Self::ALL.map(Self::as_str).join(", ");
            Invalid::new("schedule", "unknown_schedule", format!("the kind of schedule is one of {all}"))
        })
    }
}
