//! The sentence that says at a glance whether anything needs somebody, by what is so now.

use naptime_core::load::Figures;
use naptime_core::problem::Found;
use naptime_store::JobCount;

use crate::kit::format;
use crate::problems;

/// A lag above this is not on time, in milliseconds.
const LATE: u64 = 1_000;

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
    /// What needs somebody.
    pub(super) found: &'a Found,
    /// The last hour.
    pub(super) hour: &'a Figures,
}

pub(super) fn headline(facts: &Facts<'_>) -> Headline {
    let Facts { endpoints, workers, found, hour } = facts;
    let say = |tone, sentence: String, more: String| Headline { tone, sentence, more, add: false };
    let lateness = lateness(hour);
    if let (Some(sentence), Some(severity)) = (found.headline(), found.severity()) {
        return say(problems::tone(severity), sentence, lateness.map_or(String::new(), |(_, words)| words));
    }
    if endpoints.total == 0 {
        let more = match workers {
            0 => "No worker is running either; the command naptime worker starts one.".to_owned(),
            _ => "Say what to call and how often; its calls show up here.".to_owned(),
        };
        return Headline { add: true, ..say("calm", "No endpoints yet".to_owned(), more) };
    }
    if endpoints.active == 0 && hour.calls == 0 {
        let more = format!("{} wait to be switched on.", format::counted(endpoints.total, "endpoint"));
        return say("calm", "Nothing is switched on".to_owned(), more);
    }
    let Some((on_time, words)) = lateness else {
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
    let sentence = if on_time { "On time, and nothing needs you" } else { "Nothing needs you now" };
    say("good", sentence.to_owned(), format!("{words} {errors}"))
}

/// Whether the calls of this hour were on time, and how late they left, in words; none if none of them was due.
fn lateness(hour: &Figures) -> Option<(bool, String)> {
    let most = hour.lag.percentile(0.99)?;
    let words = format!("In the last hour 99 % of calls left within {}.", format::bound(Some(most)));
    Some((most <= LATE, words))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use naptime_core::problem::{Kind, Problem, Whose};

    use super::*;

    fn check(total: u64, active: u64, workers: usize, lags: &[u64], kind: Option<Kind>, tone: &str, sentence: &str) {
        let mut hour = Figures { calls: lags.len() as u64, ..Figures::default() };
        lags.iter().for_each(|&ms| hour.lag.record(Duration::from_millis(ms)));
        let problem = |kind| Problem {
            of: Whose::Fleet,
            kind,
            tags: BTreeSet::new(),
            since: None,
            called_at: None,
            message: None,
        };
        let found = Found { problems: kind.map(problem).into_iter().collect(), ..Found::default() };
        let facts = Facts { endpoints: JobCount { total, active }, workers, found: &found, hour: &hour };
        let said = headline(&facts);
        assert_eq!((said.tone, said.sentence.as_str()), (tone, sentence));
    }

    #[test]
    fn says_what_matters_most() {
        let nobody = Some(Kind::NoWorker { active: 1 });
        let late = Some(Kind::Late { calls: 7 });
        let full = Some(Kind::Database { fault: "the disk of the database is full".to_owned() });
        check(0, 0, 0, &[], None, "calm", "No endpoints yet");
        check(3, 1, 0, &[1], nobody, "bad", "No worker is running");
        check(3, 0, 1, &[], None, "calm", "Nothing is switched on");
        check(3, 1, 1, &[], None, "calm", "No calls in the last hour");
        check(3, 1, 1, &[1, 5], None, "good", "On time, and nothing needs you");
        // It was so within the hour, and is no more.
        check(3, 1, 1, &[1, 5, 5_000], None, "good", "Nothing needs you now");
        check(3, 1, 1, &[1, 5, 5_000], late, "warn", "7 calls are late");
        check(0, 0, 0, &[], full, "bad", "No calls: the disk of the database is full");
    }
}
