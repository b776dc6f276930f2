//! The verdict in words, and what else an operator should know at once.

use naptime_core::duration::show;

use crate::format::{count, counted, millis, rate};
use crate::{Leg, Options, Report, Where};

/// How busy other programs may keep the machine, in cores, before it is said that they disturb.
const STRANGERS: f64 = 0.2;

/// How long all may stand still, in milliseconds, before it is said.
const STALLED_MS: f64 = 1_000.0;

/// The verdict.
pub(crate) struct Summary {
    /// Whether all is as promised.
    pub(crate) holds: bool,
    /// That in a sentence.
    pub(crate) verdict: String,
    /// What is no fault and should be known.
    pub(crate) notes: Vec<String>,
}

impl Summary {
    pub(crate) fn of(report: &Report) -> Self {
        let cut_short = report.cut_short.as_ref().map(|why| format!("not all was done: {why}"));
        let legs = &report.legs;
        let broken: Vec<String> = legs.iter().filter_map(broken).chain(cut_short).collect();
        let calls = counted(legs.iter().map(|leg| leg.verdict.calls).sum::<usize>(), "call");
        // What ends at once is not seen to overlap.
        let overlapping = if report.options.target_delay.is_zero() { "" } else { ", overlapping" };
        let killed = legs.iter().any(|leg| !leg.verdict.recoveries.is_empty());
        let repeated = if killed { "repeated without a kill" } else { "repeated" };
        let verdict = if report.holds() {
            format!(
                "of {calls} none was early{overlapping} or {repeated}; none was skipped without reason, no endpoint was \
                 forgotten, and the books agree."
            )
        } else {
            format!("{}.", broken.join("; "))
        };
        let mut notes: Vec<String> = legs.iter().filter_map(missed).collect();
        let stalled_ms = legs.iter().map(|leg| leg.used.stalled_ms).fold(0.0, f64::max);
        if stalled_ms > STALLED_MS {
            notes.push(format!(
                "This machine, or this program on it, stood still for up to {}: calls in that time say little.",
                millis(stalled_ms)
            ));
        }
        let strangers = legs.iter().map(|leg| leg.used.strangers).fold(0.0, f64::max);
        if strangers > STRANGERS {
            notes.push(format!(
                "Other programs kept up to {} cores busy, which slows down what was measured.",
                rate(strangers)
            ));
        }
        Self { holds: report.holds(), verdict, notes }
    }

    /// The verdict's first word.
    pub(crate) fn word(&self) -> &'static str {
        if self.holds { "Holds" } else { "Does not hold" }
    }
}

/// Which leg it is, in words: `4 workers, 1,000 calls/s due`.
fn which(leg: &Leg) -> String {
    let load = match (leg.backlog, leg.offered) {
        (Some(jobs), _) => format!("a backlog of {}", counted(jobs, "job")),
        (None, offered) => format!("{} calls/s due", rate(offered.unwrap_or(0.0))),
    };
    format!("{}, {load}", counted(leg.workers, "worker"))
}

/// What does not hold of a leg; none if all does.
fn broken(leg: &Leg) -> Option<String> {
    let (verdict, ledger) = (&leg.verdict, &leg.ledger);
    let all = [
        (verdict.early, "call", "early"),
        (verdict.overlapping, "call", "overlapping"),
        (verdict.repeated_unexplained, "call", "repeated"),
        (verdict.unexpected, "call", "not due"),
        (verdict.skipped, "occurrence", "skipped without reason"),
        (verdict.never_called, "endpoint", "never called again"),
        (ledger.calls_without_run, "call", "without a run"),
        (ledger.runs_without_call, "run", "without a call"),
        (ledger.repeated_runs, "run", "too many"),
        (ledger.unaccounted, "job", "not accounted for"),
        (ledger.held, "job", "still held at the end"),
        (leg.lost_unexplained(), "claim", "lost without a kill"),
    ];
    let said: Vec<String> = all
        .into_iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, thing, what)| format!("{} {what}", counted(number, thing)))
        .collect();
    (!said.is_empty()).then(|| format!("{} ({})", said.join(", "), which(leg)))
}

/// What was not called although it was due.
fn missed(leg: &Leg) -> Option<String> {
    let missed = leg.verdict.owed.saturating_sub(leg.verdict.called);
    let (of, leg) = (format!("{} of {}", count(missed), count(leg.verdict.owed)), (which(leg), leg.backlog));
    match leg {
        _ if missed == 0 => None,
        (which, Some(_)) => Some(format!("{of} jobs were not called in the time watched ({which}).")),
        (which, None) => Some(format!(
            "{of} occurrences were not called ({which}): more was due than could be carried, a kill kept them, or \
             their calls failed on the way."
        )),
    }
}

/// The command that does the same again.
pub(crate) fn command(options: &Options) -> String {
    // Without the spaces that are written between hours and minutes.
    let span = |span| show(span).replace(' ', "");
    let mut words = vec!["naptime prove".to_owned()];
    words.push(match options.database {
        // The URI may hold a password.
        Where::Mongo(_) => "--mongodb-uri \"$MONGODB_URI\"".to_owned(),
        Where::Embedded => "--embedded".to_owned(),
    });
    let workers: Vec<String> = options.workers.iter().map(ToString::to_string).collect();
    words.push(format!("--endpoints {} --every {}", options.endpoints, span(options.every)));
    words.push(format!("--workers {} --capacity {}", workers.join(","), options.capacity));
    if !options.target_delay.is_zero() {
        words.push(format!("--target-delay {}", span(options.target_delay)));
    }
    let spans = [("kill-every", options.kill_every), ("stop-every", options.stop_every), ("skew", options.skew)];
    words.extend(spans.into_iter().filter_map(|(name, it)| it.map(|it| format!("--{name} {}", span(it)))));
    words.push(format!("--for {}", span(options.length)));
    words.extend(options.backlog.map(|jobs| format!("--backlog {jobs}")));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use crate::sample;

    use super::*;

    #[test]
    fn what_holds_is_said_to_hold() {
        let summary = Summary::of(&sample::good());
        assert!(summary.holds && summary.verdict.starts_with("of 90,000 calls none was early"), "{}", summary.verdict);
        assert!(summary.notes.is_empty(), "{:?}", summary.notes);
    }

    #[test]
    fn what_is_broken_is_named_with_its_leg() {
        let mut report = sample::good();
        report.legs[1].verdict.early = 3;
        let ledger = &mut report.legs[1].ledger;
        (ledger.held, ledger.unaccounted) = (1, 2);
        let summary = Summary::of(&report);
        assert!(!summary.holds);
        let expect =
            "3 calls early, 2 jobs not accounted for, 1 job still held at the end (2 workers, 1,000 calls/s due).";
        assert_eq!(summary.verdict, expect);
    }

    #[test]
    fn each_fault_is_said() {
        let faults: [fn(&mut Leg); 12] = [
            |leg| leg.verdict.early = 1,
            |leg| leg.verdict.overlapping = 1,
            |leg| leg.verdict.repeated_unexplained = 1,
            |leg| leg.verdict.unexpected = 1,
            |leg| leg.verdict.never_called = 1,
            |leg| leg.ledger.calls_without_run = 1,
            |leg| leg.ledger.runs_without_call = 1,
            |leg| leg.ledger.repeated_runs = 1,
            |leg| leg.ledger.unaccounted = 1,
            |leg| leg.ledger.held = 1,
            |leg| leg.verdict.skipped = 1,
            |leg| leg.ledger.lost_runs = 1,
        ];
        for fault in faults {
            let mut report = sample::good();
            fault(&mut report.legs[0]);
            let summary = Summary::of(&report);
            assert!(!summary.holds && summary.verdict.starts_with("1 "), "{}", summary.verdict);
        }
        // With a kill, claims are lost.
        let mut report = sample::full();
        report.legs[0].ledger.lost_runs = 1;
        assert!(Summary::of(&report).holds);
    }

    #[test]
    fn what_was_cut_short_does_not_hold() {
        let mut report = sample::good();
        report.cut_short = Some("told to stop".to_owned());
        let summary = Summary::of(&report);
        assert_eq!((summary.holds, summary.verdict.as_str()), (false, "not all was done: told to stop."));
    }

    #[test]
    fn overlaps_are_spoken_of_only_where_calls_last() {
        assert!(!Summary::of(&sample::good()).verdict.contains("overlapping"));
        assert!(
            Summary::of(&sample::full()).verdict.contains("none was early, overlapping or repeated without a kill")
        );
    }

    #[test]
    fn what_should_be_known_is_noted() {
        let mut report = sample::full();
        report.legs[0].verdict.called -= 5;
        report.legs[0].used.strangers = 0.5;
        let notes = Summary::of(&report).notes.join("\n");
        for expect in ["5 of 30,000 occurrences", "0.5 cores"] {
            assert!(notes.contains(expect), "{expect} in {notes}");
        }
    }

    #[test]
    fn the_command_repeats_it_without_secrets() {
        let options = sample::full().options;
        let expect = "naptime prove --mongodb-uri \"$MONGODB_URI\" --endpoints 1000 --every 1s --workers 1,2,4 \
                      --capacity 500 --target-delay 200ms --kill-every 10s --stop-every 1m30s --skew 1h --for 30s \
                      --backlog 20000";
        assert_eq!(command(&options), expect);
    }
}
