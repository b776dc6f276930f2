//! What is to be proved, and on what.

use std::path::PathBuf;
use std::time::Duration;

use naptime_core::Invalid;
use naptime_core::duration::{MAX_PERIOD, SHORTEST_PERIOD, show};
use naptime_store::MAX_RUNS;
use serde::{Serialize, Serializer};

use crate::limits;
use crate::workers::faketime;

/// The most endpoints, and the most jobs of a backlog.
const MOST_JOBS: usize = 1_000_000;
/// The most workers.
const MOST_WORKERS: usize = 64;
/// The most claims a worker may be asked to hold.
const MOST_CAPACITY: u32 = 10_000;
/// The longest delay of the target: what takes longer is cut when a worker is told to stop.
const LONGEST_DELAY: Duration = Duration::from_secs(20);
/// The longest that a leg is watched: all calls are kept in memory.
const LONGEST: Duration = Duration::from_secs(3600);
/// The most calls of an endpoint while a leg is watched. Its runs are kept to be compared, those of before and after too.
const MOST_CALLS: u64 = MAX_RUNS / 5 * 4;
/// The furthest that clocks are off.
const FURTHEST: Duration = Duration::from_secs(86_400);

/// Which database.
#[derive(Clone, Debug)]
pub enum Where {
    /// A MongoDB replica set. Of the URI, the name of the database is not used.
    Mongo(String),
    /// An embedded file, in a directory of its own.
    Embedded,
}

/// What is to be proved, and on what.
#[derive(Clone, Debug, Serialize)]
pub struct Options {
    /// Which database.
    #[serde(skip)]
    pub database: Where,
    /// The program whose workers are started: `naptime` itself.
    #[serde(skip)]
    pub program: PathBuf,
    /// How many endpoints are called.
    pub endpoints: usize,
    /// The period of each.
    #[serde(with = "naptime_core::duration::text")]
    pub every: Duration,
    /// One leg for each: so many worker processes.
    pub workers: Vec<usize>,
    /// `WORKER_MAX_CAPACITY` of each worker.
    pub capacity: u32,
    /// How long the target takes to answer.
    #[serde(with = "naptime_core::duration::text")]
    pub target_delay: Duration,
    /// How often a worker is killed (`kill -9`) and started anew.
    #[serde(serialize_with = "as_text")]
    pub kill_every: Option<Duration>,
    /// How often a worker is asked to stop (SIGTERM) and started anew.
    #[serde(serialize_with = "as_text")]
    pub stop_every: Option<Duration>,
    /// How far the clocks of the workers are off: of every second worker ahead, of the others behind.
    #[serde(serialize_with = "as_text")]
    pub skew: Option<Duration>,
    /// How long each leg is watched.
    #[serde(with = "naptime_core::duration::text")]
    pub length: Duration,
    /// So many one-off jobs, all due at once, in a leg of their own for each number of workers.
    pub backlog: Option<usize>,
}

impl Options {
    /// Checks them.
    ///
    /// # Errors
    /// All that is wrong, at the names of the command's arguments.
    pub fn check(&self) -> Result<(), Vec<Invalid>> {
        let mut faults = Faults::default();
        let workers = |count: &usize| !(1..=MOST_WORKERS).contains(count);
        if self.workers.is_empty() || self.workers.iter().any(workers) {
            faults.add("--workers", format!("a list of numbers from 1 to {MOST_WORKERS} is wanted, such as 1,2,4"));
        }
        let second = Duration::from_secs(1);
        faults.number("--endpoints", self.endpoints, 1, MOST_JOBS);
        faults.number("--backlog", self.backlog.unwrap_or(1), 1, MOST_JOBS);
        faults.number("--capacity", self.capacity, 1, MOST_CAPACITY);
        let files = limits::files(self);
        if let Some(most) = limits::most().filter(|most| *most < files) {
            let detail =
                format!("so many calls at once take {files} open files, of which there may be {most} (ulimit -n)");
            faults.add("--capacity", detail);
        }
        faults.time("--every", self.every, SHORTEST_PERIOD, MAX_PERIOD);
        faults.time("--target-delay", self.target_delay, Duration::ZERO, LONGEST_DELAY);
        faults.time("--for", self.length, second, LONGEST);
        if self.length.as_millis() / self.every.as_millis().max(1) > u128::from(MOST_CALLS) {
            let detail =
                format!("{} is more than {MOST_CALLS} times --every; no more runs are kept", show(self.length));
            faults.add("--for", detail);
        }
        faults.time("--skew", self.skew.unwrap_or(second), second, FURTHEST);
        for (name, every) in [("--kill-every", self.kill_every), ("--stop-every", self.stop_every)] {
            if every.is_some_and(|every| every < second || every >= self.length) {
                let length = show(self.length);
                faults.add(name, format!("it may be from 1s to less than --for ({length}), or else it never happens"));
            }
        }
        if self.skew.is_some() && faketime().is_none() {
            faults.add("--skew", "it takes libfaketime, which is not installed: the package faketime of Debian has it");
        }
        if matches!(self.database, Where::Embedded) {
            if self.workers.iter().any(|count| *count > 1) {
                faults.add("--workers", "with --embedded there is one worker: a file has but one working process");
            }
            if self.skew.is_some() {
                faults.add("--skew", "not with --embedded, where the worker's clock is the one that counts");
            }
        }
        if faults.0.is_empty() { Ok(()) } else { Err(faults.0) }
    }
}

/// As the other spans are written.
fn as_text<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    span.map(show).serialize(serializer)
}

#[derive(Default)]
struct Faults(Vec<Invalid>);

impl Faults {
    fn add(&mut self, name: &'static str, detail: impl Into<String>) {
        self.0.push(Invalid::new(name, "out_of_range", detail));
    }

    fn number<N: PartialOrd + std::fmt::Display>(&mut self, name: &'static str, number: N, min: N, max: N) {
        if number < min || number > max {
            self.add(name, format!("{number} is out of range; it may be from {min} to {max}"));
        }
    }

    fn time(&mut self, name: &'static str, time: Duration, min: Duration, max: Duration) {
        if time < min || time > max {
            let (time, min, max) = (show(time), show(min), show(max));
            self.add(name, format!("{time} is out of range; it may be from {min} to {max}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options {
            database: Where::Embedded,
            program: PathBuf::new(),
            endpoints: 1_000,
            every: Duration::from_secs(1),
            workers: vec![1],
            capacity: 100,
            target_delay: Duration::ZERO,
            kill_every: None,
            stop_every: None,
            skew: None,
            length: Duration::from_secs(30),
            backlog: None,
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        assert_eq!(options().check(), Ok(()));
        let wrong = Options {
            endpoints: 1_000_001,
            every: Duration::from_millis(99),
            workers: vec![2, 0],
            capacity: 0,
            target_delay: Duration::from_secs(21),
            kill_every: Some(Duration::from_secs(30)),
            stop_every: Some(Duration::from_millis(1)),
            skew: Some(Duration::ZERO),
            length: Duration::from_secs(30),
            backlog: Some(0),
            ..options()
        };
        let faults = wrong.check().unwrap_err();
        let mut names: Vec<&str> = faults.iter().map(|fault| &*fault.field).collect();
        names.sort_unstable();
        names.dedup();
        let expected = "--backlog --capacity --endpoints --every --kill-every --skew --stop-every \
                        --target-delay --workers";
        assert_eq!(names.join(" "), expected);
    }

    #[test]
    fn no_more_is_called_than_runs_are_kept() {
        let with = |ms| Options { every: Duration::from_millis(100), length: Duration::from_millis(ms), ..options() };
        assert_eq!(with(800_000).check(), Ok(()));
        let faults = with(800_100).check().unwrap_err();
        assert_eq!(faults.iter().map(|fault| &*fault.field).collect::<Vec<_>>(), ["--for"]);
    }
}
