//! Collects what is wrong: counts all of it and keeps a few of each kind in words.

use std::collections::BTreeMap;

use naptime_core::Time;

use crate::Fault;

/// The most that is kept in words.
const MOST: usize = 10;

/// What is wrong.
#[derive(Default)]
pub(crate) struct Faults {
    counts: BTreeMap<&'static str, usize>,
    /// Each with its number among those of its kind.
    told: Vec<(usize, Fault)>,
}

impl Faults {
    /// Counts a fault. It is put into words only while those of its kind are few.
    pub(crate) fn note(&mut self, code: &'static str, detail: impl FnOnce() -> String) {
        let count = self.counts.entry(code).or_default();
        if *count < MOST {
            self.told.push((*count, Fault { code, detail: detail() }));
        }
        *count += 1;
    }

    /// How many of a kind there are.
    pub(crate) fn count(&self, code: &str) -> usize {
        self.counts.get(code).copied().unwrap_or(0)
    }

    /// A few of them in words: the first of each kind, then the second of each.
    pub(crate) fn told(mut self) -> Vec<Fault> {
        self.told.sort_by_key(|(number, _)| *number);
        self.told.into_iter().take(MOST).map(|(_, fault)| fault).collect()
    }
}

/// The path of an endpoint, as the target serves it.
pub(crate) fn path(endpoint: usize) -> String {
    format!("/e/{endpoint}")
}

/// A moment to the microsecond, without its date: `12:03:04.000123`.
pub(crate) fn clock(at_us: i64) -> String {
    let text = Time::from_millis(at_us.div_euclid(1000)).to_string();
    let time = text.split_once('T').map_or(text.as_str(), |(_, time)| time.trim_end_matches('Z'));
    format!("{time}{:03}", at_us.rem_euclid(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_ten_of_all_kinds_told() {
        let mut faults = Faults::default();
        for number in 0..30 {
            faults.note("early", || format!("early {number}"));
        }
        faults.note("repeated", || "repeated 0".to_owned());
        assert_eq!((faults.count("early"), faults.count("repeated"), faults.count("held")), (30, 1, 0));
        let told: Vec<String> = faults.told().into_iter().map(|fault| fault.detail).collect();
        assert_eq!(told.len(), 10);
        assert_eq!(told[..3], ["early 0", "repeated 0", "early 1"]);
    }

    #[test]
    fn a_moment_is_told_to_the_microsecond() {
        assert_eq!(clock(1_767_323_045_006_001), "03:04:05.006001");
    }
}
