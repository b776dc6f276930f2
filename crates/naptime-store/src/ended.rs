//! How the last call of endpoints ended, to find them by.

use std::str::FromStr;

use naptime_core::{Invalid, Outcome};

/// How the last call of an endpoint ended, if not well. Most last calls end well, so no filter finds those: stores have an
/// index of all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// In any way but well.
    Badly,
    /// So, and not well.
    As(Outcome),
}

impl Ended {
    /// All of them. No endpoint's last call was lost or skipped: there, nobody saw an end.
    pub fn all() -> impl Iterator<Item = Self> {
        let badly = Outcome::counted().filter(|outcome| *outcome != Outcome::Ok);
        std::iter::once(Self::Badly).chain(badly.map(Self::As))
    }

    /// As it is sent: `bad` or `timeout`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Badly => "bad",
            Self::As(outcome) => outcome.as_str(),
        }
    }

    /// Whether an outcome is one of these.
    pub fn fits(self, outcome: Outcome) -> bool {
        match self {
            Self::Badly => outcome != Outcome::Ok,
            Self::As(wanted) => outcome == wanted,
        }
    }
}

impl FromStr for Ended {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::all().find(|ended| ended.as_str() == text).ok_or_else(|| {
            let all: Vec<&str> = Self::all().map(Self::as_str).collect();
            let detail = format!("the outcome of the last call is one of {}", all.join(", "));
            Invalid::new("outcome", "unknown_word", detail)
        })
    }
}
