//! What is found of one leg: of the calls, and of the books.

use serde::Serialize;

/// What the target saw, held against the schedule.
#[derive(Debug, Default, Serialize)]
pub struct Verdict {
    /// Calls that came within the time watched.
    pub calls: usize,
    /// The same per second.
    pub calls_per_second: f64,
    /// Occurrences due within the time watched.
    pub owed: usize,
    /// Those of them that were called.
    pub called: usize,
    /// Calls of an occurrence that had been called before.
    pub repeated: usize,
    /// Those of them that no kill of a worker accounts for.
    pub repeated_unexplained: usize,
    /// Calls before their due time.
    pub early: usize,
    /// Calls that began before another one of the same endpoint had ended, where no kill accounts for it.
    pub overlapping: usize,
    /// Endpoints that were due and were never called again.
    pub never_called: usize,
    /// Occurrences that were passed over although the call before them was not that late, where no kill accounts for it.
    pub skipped: usize,
    /// Calls of what no schedule has: an endpoint that is not there, or an occurrence that is not its.
    pub unexpected: usize,
    /// How late the calls were whose due time is within the time watched.
    pub lag: Lag,
    /// What became of the endpoints a killed worker held, kill by kill.
    pub recoveries: Vec<Recovery>,
    /// How long all of those waited from the kill, or from their due time if that was later; none if there are none.
    pub recovery: Option<Lag>,
    /// Some of what is wrong, in words, at most ten.
    pub faults: Vec<Fault>,
}

/// How late calls were, in milliseconds. Infinite, in JSON `null`, where there was none.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Lag {
    /// Half of them were less late.
    pub p50_ms: f64,
    /// 99 of 100.
    pub p99_ms: f64,
    /// 999 of 1,000.
    pub p999_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

/// The time from a kill until what the worker held was called again.
#[derive(Debug, Serialize)]
pub struct Recovery {
    /// When the worker was killed.
    pub kill_us: i64,
    /// How many endpoints were more than a second late after it.
    pub endpoints: usize,
    /// How long it took until 99 of 100 of them were called; 0 if there were none.
    pub p99_ms: f64,
    /// How long until all were; 0 if there were none.
    pub max_ms: f64,
}

/// Something that is not as promised.
#[derive(Debug, Serialize)]
pub struct Fault {
    /// What, by the name of the field that counts it, such as `early`.
    pub code: &'static str,
    /// In words, with the endpoint's path and times.
    pub detail: String,
}

/// What the database says, held against what the target saw.
#[derive(Debug, Default, Serialize)]
pub struct Ledger {
    /// Jobs compared: those that were due or called.
    pub jobs: usize,
    /// Runs recorded, those of lost claims included.
    pub runs: usize,
    /// Runs of claims that were lost with their worker.
    pub lost_runs: usize,
    /// Occurrences settled.
    pub settled: u64,
    /// Occurrences counted as missed.
    pub missed: u64,
    /// Calls that the target saw and no run tells of.
    pub calls_without_run: usize,
    /// Runs that tell of an answer to a call that the target never saw.
    pub runs_without_call: usize,
    /// Runs too many: a second one of the same claim, or of an occurrence that had ended well before.
    pub repeated_runs: usize,
    /// Jobs whose occurrences are not all settled, if they were called, or else counted as missed.
    pub unaccounted: usize,
    /// Jobs still held at the end.
    pub held: usize,
    /// Some of what is wrong, in words, at most ten.
    pub faults: Vec<Fault>,
}

impl Verdict {
    /// Whether nothing was repeated or skipped outside a kill, early, overlapping, unexpected or never called again.
    pub fn holds(&self) -> bool {
        let of_calls = self.repeated_unexplained + self.early + self.overlapping + self.unexpected;
        of_calls + self.skipped + self.never_called == 0
    }
}

impl Ledger {
    /// Whether every call has its run, every claim one run, and every occurrence is settled or counted as missed.
    pub fn holds(&self) -> bool {
        self.calls_without_run + self.runs_without_call + self.repeated_runs + self.unaccounted + self.held == 0
    }
}
