//! What was found: the words that judge, table, page and JSON share. Times are of this machine's wall clock, in
//! microseconds since 1970 where they end in `_us`; spans are in milliseconds where they end in `_ms`.

mod verdict;

use naptime_core::Time;
use serde::Serialize;

pub use self::verdict::{Fault, Lag, Ledger, Recovery, Verdict};
use crate::Options;

/// Everything that one run found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// When it began.
    pub at: Time,
    /// The version of Naptime.
    pub version: String,
    /// Where it ran.
    pub machine: Machine,
    /// Kind and version of the database, such as `MongoDB 6.0.5`.
    pub database: String,
    /// What was asked for.
    pub options: Options,
    /// What ran, in its order.
    pub legs: Vec<Leg>,
    /// Why it ended before all had run; none if all did.
    pub cut_short: Option<String>,
}

/// The machine.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// Its cores.
    pub cores: usize,
    /// Its memory in MiB.
    pub memory_mib: u64,
    /// Its kernel, such as `Linux 6.1.0`.
    pub system: String,
}

/// One leg: so many workers under one load.
#[derive(Debug, Serialize)]
pub struct Leg {
    /// How many workers.
    pub workers: usize,
    /// What was due per second; none of a backlog.
    pub offered: Option<f64>,
    /// Of a backlog: how many one-off jobs were due at once.
    pub backlog: Option<usize>,
    /// What the target saw, held against the schedule.
    pub verdict: Verdict,
    /// What the database says.
    pub ledger: Ledger,
    /// What was used for it.
    pub used: Used,
    /// The leg second by second.
    pub seconds: Vec<Second>,
    /// What was done to the workers.
    pub disturbances: Vec<Disturbance>,
}

/// What was used within the time watched.
#[derive(Debug, Default, Serialize)]
pub struct Used {
    /// CPU time of all workers for each call, in microseconds.
    pub workers_us_per_call: f64,
    /// The same of the database, where it runs on this machine.
    pub database_us_per_call: Option<f64>,
    /// Commands that the database carried out for each call; none of the embedded one.
    pub commands_per_call: Option<f64>,
    /// The most memory that a worker had resident, in MiB.
    pub worker_mib: f64,
    /// How many cores everything else on this machine kept busy, on average. It disturbs what is measured.
    pub strangers: f64,
    /// The longest that this process or all of the machine stood still. Nobody is blamed for calls in that time.
    pub stalled_ms: f64,
}

/// One second of a leg.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Second {
    /// Calls that came.
    pub calls: usize,
    /// How late those were, at the median.
    pub p50_ms: f64,
    /// At the 99th percentile.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

/// Something done to a worker.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Disturbance {
    /// When, from the beginning of the time watched.
    pub after_ms: i64,
    /// The same by the wall clock.
    pub at_us: i64,
    /// What.
    pub kind: Disturbed,
}

/// What was done to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Disturbed {
    /// Killed (`kill -9`).
    Killed,
    /// Asked to stop (SIGTERM).
    Stopped,
}

impl Report {
    /// The report as JSON, with the verdict as `holds`.
    pub fn json(&self) -> String {
        #[derive(Serialize)]
        struct Judged<'a> {
            holds: bool,
            #[serde(flatten)]
            report: &'a Report,
        }
        // Names and figures always have a form in JSON; what is infinite is `null` there.
        serde_json::to_string_pretty(&Judged { holds: self.holds(), report: self }).unwrap_or_default()
    }

    /// Whether nothing was lost, skipped or repeated outside a kill, early or overlapping, and the books agree.
    pub fn holds(&self) -> bool {
        self.cut_short.is_none() && self.legs.iter().all(Leg::holds)
    }
}

impl Leg {
    /// Whether nothing was lost, skipped or repeated outside a kill, early or overlapping, and the books agree.
    pub fn holds(&self) -> bool {
        self.verdict.holds() && self.ledger.holds() && self.lost_unexplained() == 0
    }

    /// The claims that were lost although no worker was killed.
    pub(crate) fn lost_unexplained(&self) -> usize {
        let killed = self.disturbances.iter().any(|it| it.kind == Disturbed::Killed);
        if killed { 0 } else { self.ledger.lost_runs }
    }

    /// What is told in words of calls and books.
    pub(crate) fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.verdict.faults.iter().chain(&self.ledger.faults)
    }
}

#[cfg(test)]
mod tests {
    use crate::sample;

    #[test]
    fn json_has_the_verdict_and_no_secret() {
        for report in [sample::good(), sample::broken()] {
            let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
            assert_eq!(json["holds"], report.holds());
            assert_eq!(json["legs"][1]["verdict"]["early"], report.legs[1].verdict.early);
            assert_eq!(json["options"]["every"], "1s");
            assert!(!report.json().contains("secret"));
        }
        let full: serde_json::Value = serde_json::from_str(&sample::full().json()).unwrap();
        assert_eq!(full["options"]["stop_every"], "1m 30s");
        // A second without a call.
        assert!(sample::full().json().contains("\"p50_ms\": null"));
    }
}
