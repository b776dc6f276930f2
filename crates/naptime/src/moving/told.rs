//! What `naptime move` prints, a line for each step.

use std::fmt;
use std::io::Write;
use std::time::Duration;

use naptime_store::moving::Held;

/// A step that was taken.
pub(super) enum Step<'a> {
    Begun { from: &'a str, to: &'a str },
    Copied { jobs: usize, took: Duration },
    Closed { from: &'a str },
    Waiting { held: Held },
    HandedOver { jobs: usize, took: Duration },
    Opened { to: &'a str },
    NotOpened { to: &'a str, why: &'a naptime_store::Error },
    Done { rows: usize, from: &'a str, to: &'a str },
    TakenBack { from: &'a str },
    LeftBehind { to: &'a str },
}

/// Prints a step. Whoever reads it may be gone: the move goes on.
pub(super) fn tell(step: &Step<'_>) {
    let _ = writeln!(std::io::stdout(), "{step}");
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begun { from, to } => write!(f, "moving everything from {from} to {to}; calls go on meanwhile"),
            Self::Copied { jobs, took } => write!(f, "copied {jobs} endpoints and jobs in {}", seconds(*took)),
            Self::Closed { from } => {
                write!(f, "closed {from}: nothing more is called from there; waiting for what is under way")
            }
            Self::Waiting { held: Held { count, until } } => {
                write!(f, "waiting for {count} calls that are under way")?;
                until.map_or(Ok(()), |until| write!(f, ", or gone by {until}"))
            }
            Self::HandedOver { jobs, took } => {
                write!(f, "handed over {jobs} endpoints and jobs {} after it was closed", seconds(*took))
            }
            Self::TakenBack { from } => write!(f, "taken back: calls go on from {from}"),
            Self::LeftBehind { to } => {
                write!(f, "what was copied is still in {to}, which stays shut; `naptime move --undo --to` removes it")
            }
            Self::NotOpened { to, why } => {
                write!(f, "{to} cannot be opened yet, and nothing is called until it is; trying again: {why}")
            }
            Self::Opened { to } => write!(f, "calls go on from {to}; copying the history"),
            Self::Done { rows, from, to } => write!(
                f,
                "done: copied {rows} rows of history; stop what runs on {from}, and keep `naptime web` or `worker` running on {to}"
            ),
        }
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}
