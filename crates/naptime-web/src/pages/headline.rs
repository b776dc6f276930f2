//! The sentence that says at a glance whether calls happen on time.

use naptime_core::load::Figures;
use naptime_store::JobCount;

use crate::format;

/// A lag above this is not on time any more, in milliseconds.
const LATE: u64 = 1_000;
/// A share of failed calls above this is worth the headline.
const MANY_ERRORS: f64 = 0.05;
/// Workers that are fuller than this have no room for a burst.
const FULL: f64 = 0.9;

/// The sentence, with what it means and what may be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Headline {
    /// The class that colours it: good, warn, bad or calm.
    pub(super) tone: &'static str,
    pub(super) sentence: String,
    pub(super) more: String,
    /// Whether what helps is to add an endpoint.
    pub(super) add: bool,
}

/// What is looked at.
pub(super) struct Facts<'a> {
    pub(super) endpoints: JobCount,
    /// The workers alive.
    pub(super) workers: usize,
    /// Their claims held, as a share of their capacity; none without workers.
    pub(super) used: Option<f64>,
    /// The last hour.
    pub(super) hour: &'a Figures,
    /// Why the store takes no writes, if so.
    pub(super) fault: Option<&'a str>,
}

pub(super) fn headline(facts: &Facts<'_>) -> Headline {
    let say = |tone, sentence: String, more: String| Headline { tone, sentence, more, add: false };
    let Facts { endpoints, workers, used, hour, fault } = facts;
    if let Some(fault) = fault {
        let more = "Nothing is called or saved meanwhile. When that has ended, calls go on by themselves.";
        return say("bad", format!("No calls: {fault}"), more.to_owned());
    }
    if endpoints.total == 0 {
        let more = match workers {
            0 => "No worker is running either; the command naptime worker starts one.".to_owned(),
            _ => "Say what to call and how often; its calls show up here.".to_owned(),
        };
        return Headline { add: true, ..say("calm", "No endpoints yet".to_owned(), more) };
    }
    if *workers == 0 {
        let more = match endpoints.active {
            0 => "Nothing is switched on either.".to_owned(),
            active => format!("{} wait to be called.", format::counted(active, "active endpoint")),
        };
        return say("bad", "No worker is running".to_owned(), more);
    }
    if endpoints.active == 0 && hour.calls == 0 {
        let more = format!("{} wait to be switched on.", format::counted(endpoints.total, "endpoint"));
        return say("calm", "Nothing is switched on".to_owned(), more);
    }
    let (Some(half), Some(most)) = (hour.lag.percentile(0.5), hour.lag.percentile(0.99)) else {
        let sentence = match hour.calls {
            0 => "No calls in the last hour".to_owned(),
            calls => format!("{} in the last hour, none of them due", format::counted(calls, "call")),
        };
        return say("calm", sentence, "The endpoints that are switched on are not due yet.".to_owned());
    };
    let errors = match hour.errors {
        0 => "All of them ended well.".to_owned(),
        errors => format!("{} of {} failed.", format::count(errors), format::counted(hour.calls, "call")),
    };
    let (half, bound) = (format::bound(Some(half)), format::bound(Some(most)));
    let full = used.is_some_and(|used| used > FULL);
    if most > LATE {
        let more = match full {
            true => "The workers are full; start another one.".to_owned(),
            false => errors,
        };
        return say("warn", format!("Late: half of the calls left within {half}, 99 % within {bound}"), more);
    }
    if full {
        return say("warn", "On time, but the workers are almost full".to_owned(), "Start another worker.".to_owned());
    }
    let tone = if hour.errors as f64 > hour.calls as f64 * MANY_ERRORS { "warn" } else { "good" };
    say(tone, format!("On time: 99 % of calls left within {bound}"), errors)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn check(total: u64, active: u64, workers: usize, lags: &[u64], errors: u64, tone: &str, sentence: &str) {
        let mut hour = Figures { calls: lags.len() as u64, errors, ..Figures::default() };
        lags.iter().for_each(|&ms| hour.lag.record(Duration::from_millis(ms)));
        let facts = Facts { endpoints: JobCount { total, active }, workers, used: Some(0.1), hour: &hour, fault: None };
        let said = headline(&facts);
        assert_eq!((said.tone, said.sentence.as_str()), (tone, sentence));
        let full = headline(&Facts { fault: Some("the disk of the database is full"), ..facts });
        assert_eq!((full.tone, full.sentence.as_str()), ("bad", "No calls: the disk of the database is full"));
    }

    #[test]
    fn says_what_matters_most() {
        check(0, 0, 0, &[], 0, "calm", "No endpoints yet");
        check(3, 1, 0, &[1], 0, "bad", "No worker is running");
        check(3, 0, 1, &[], 0, "calm", "Nothing is switched on");
        check(3, 1, 1, &[], 0, "calm", "No calls in the last hour");
        check(3, 1, 1, &[1, 5], 0, "good", "On time: 99 % of calls left within 5 ms");
        check(3, 1, 1, &[1, 5], 1, "warn", "On time: 99 % of calls left within 5 ms");
        check(3, 1, 1, &[1, 5, 5_000], 0, "warn", "Late: half of the calls left within 5 ms, 99 % within 5 s");
    }
}
