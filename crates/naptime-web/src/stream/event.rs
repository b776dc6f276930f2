//! The events of a stream, and their ids.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use naptime_core::problem::Report;
use naptime_core::{JobId, Run, Time};
use naptime_store::Edited;
use serde::Serialize;
use uuid::Uuid;

use super::changes::Change;
use super::ring::{Key, Place};
use crate::runs;

/// The subject of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Runs,
    Problems,
    Endpoints,
}

impl Kind {
    /// In the order in which they are told: an endpoint that is new comes before its runs.
    pub(super) const ALL: [Self; 3] = [Self::Endpoints, Self::Runs, Self::Problems];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Problems => "problems",
            Self::Endpoints => "endpoints",
        }
    }
}

/// Something that happened. All connections share its JSON.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) payload: Payload,
    pub(super) json: String,
}

#[derive(Debug)]
pub(super) enum Payload {
    Run(Run),
    Problem(Arc<Report>),
    Endpoint(JobId),
}

/// What happened to a problem.
#[derive(Serialize)]
struct ProblemEvent<'a> {
    event: Change,
    /// When it was found.
    at: Time,
    problem: &'a Report,
}

/// The problems that are open.
#[derive(Serialize)]
struct OpenProblems<'a> {
    at: Time,
    items: Vec<&'a Report>,
}

/// An endpoint that was added, edited or deleted.
#[derive(Serialize)]
struct EndpointEvent {
    id: JobId,
    rev: i64,
    event: &'static str,
    at: Time,
}

/// That not all was told.
#[derive(Serialize)]
struct GapEvent {
    /// What some are missing of.
    kind: &'static str,
    /// What happened until then was told.
    since: Time,
}

impl Event {
    pub(super) fn run(run: Run) -> Self {
        Self { json: json(&runs::run(&run)), payload: Payload::Run(run) }
    }

    pub(super) fn problem(event: Change, at: Time, problem: Arc<Report>) -> Self {
        Self { json: json(&ProblemEvent { event, at, problem: &problem }), payload: Payload::Problem(problem) }
    }

    pub(super) fn endpoint(edited: &Edited) -> Self {
        let event = match (edited.deleted, edited.rev.0) {
            (true, _) => "deleted",
            (false, 1) => "added",
            (false, _) => "edited",
        };
        let Edited { id, rev, at, .. } = *edited;
        Self { json: json(&EndpointEvent { id, rev: rev.0, event, at }), payload: Payload::Endpoint(id) }
    }

    /// The name that it has in the stream.
    pub(super) fn name(&self) -> &'static str {
        match self.payload {
            Payload::Run(_) => "run",
            Payload::Problem(_) => "problem",
            Payload::Endpoint(_) => "endpoint",
        }
    }
}

pub(super) fn key_of_run(run: &Run) -> Key {
    (run.job.uuid().as_u128(), run.token.uuid().as_u128())
}

pub(super) fn key_of_edit(edited: &Edited) -> Key {
    (edited.id.uuid().as_u128(), u128::from(edited.rev.0.unsigned_abs()))
}

pub(super) fn open_problems(at: Time, items: &[Arc<Report>]) -> String {
    json(&OpenProblems { at, items: items.iter().map(|report| &**report).collect() })
}

pub(super) fn gap(kind: Kind, since: Time) -> String {
    json(&GapEvent { kind: kind.as_str(), since })
}

fn json(view: &impl Serialize) -> String {
    // Texts, numbers and lists of them can always be written.
    serde_json::to_string(view).unwrap_or_default()
}

/// The id of an event: where a stream is. The process that gave it goes on exactly there, any other by the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EventId {
    /// When the stream began.
    pub(super) begun: Time,
    /// The time of the look that found the event.
    pub(super) found: Time,
    pub(super) process: Uuid,
    /// By [`Kind`]: the number of the next one.
    pub(super) next: [u64; 3],
}

impl EventId {
    /// Where the stream was in what is kept of a kind by this process.
    pub(super) fn place(&self, kind: Kind, process: Uuid) -> Place {
        let seq = (self.process == process).then_some(self.next[kind as usize]);
        Place { seq, found: self.found, begun: self.begun }
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [runs, problems, endpoints] = self.next;
        let (begun, found, process) = (self.begun.millis(), self.found.millis(), self.process.simple());
        write!(f, "{begun}.{found}.{process}.{runs}.{problems}.{endpoints}")
    }
}

impl FromStr for EventId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let parts: Vec<&str> = text.split('.').collect();
        let [begun, found, process, runs, problems, endpoints] = parts.as_slice() else { return Err(()) };
        let number = |text: &str| text.parse().map_err(drop);
        let time = |text: &str| text.parse().map(Time::from_millis).map_err(drop);
        Ok(Self {
            begun: time(begun)?,
            found: time(found)?,
            process: process.parse().map_err(drop)?,
            next: [number(runs)?, number(problems)?, number(endpoints)?],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_where_a_stream_is() {
        let process = Uuid::from_u128(7);
        let (begun, found) = (Time::from_millis(900), Time::from_millis(1_000));
        let id = EventId { begun, found, process, next: [1, 2, 3] };
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.place(Kind::Problems, process), Place { seq: Some(2), found, begun });
        assert_eq!(id.place(Kind::Runs, Uuid::nil()).seq, None);
        for wrong in ["", "1", "1.2.3.4.5.6", "1.x.00000000000000000000000000000007.1.2.3", &format!("{id}.4")] {
            assert_eq!(wrong.parse::<EventId>(), Err(()), "{wrong}");
        }
    }
}
