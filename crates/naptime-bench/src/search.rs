//! The search for the highest rate that is kept up, as far as it is arithmetic.

/// How close it comes: the rate found is kept up, and one so much higher is not.
const CLOSE: f64 = 1.1;
/// How different rates must be for it to be worth to try both.
const APART: f64 = 1.05;
/// The lowest rate that is tried.
const LOWEST: f64 = 1.0;

/// A search under way.
#[derive(Debug, Default)]
pub(crate) struct Search {
    kept: Option<f64>,
    failed: Option<f64>,
    /// What to try next, the last of them first.
    guesses: Vec<f64>,
}

impl Search {
    /// A search that begins at `first` and grows from there.
    pub(crate) fn from(first: f64) -> Self {
        Self { guesses: vec![first], ..Self::default() }
    }

    /// A search for more than `kept`.
    pub(crate) fn above(kept: f64) -> Self {
        Self { kept: Some(kept), ..Self::from(kept * CLOSE) }
    }

    /// A search for less than `failed`, of which so many calls per second came `through`.
    pub(crate) fn below(failed: f64, through: f64) -> Self {
        let mut search = Self::default();
        search.note(failed, false, through);
        search
    }

    /// What to offer next; none once it is found. Rates that are too high take their time to show it, so few are tried.
    pub(crate) fn next(&mut self) -> Option<f64> {
        let least = self.kept.unwrap_or(LOWEST);
        let most = self.failed.unwrap_or(f64::INFINITY);
        if most <= least * CLOSE {
            return None;
        }
        while let Some(guess) = self.guesses.pop() {
            if guess >= least * APART && guess * APART <= most {
                return Some(guess);
            }
        }
        Some(match (self.kept, self.failed) {
            (Some(kept), Some(_)) => kept * CLOSE,
            (Some(kept), None) => kept * 2.0,
            (None, _) => (most / 2.0).max(LOWEST),
        })
    }

    /// Takes note of what came of `offered`: whether it was kept up, and how many calls per second came through.
    pub(crate) fn note(&mut self, offered: f64, kept_up: bool, through: f64) {
        if kept_up {
            self.kept = Some(offered);
        } else {
            self.failed = Some(offered);
            // What comes through when too much is offered is about what can be kept up.
            self.guesses = vec![through * CLOSE, through];
        }
    }

    /// The highest rate that was kept up so far; zero if none was.
    pub(crate) fn found(&self) -> f64 {
        self.kept.unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches among workers that keep up `most`, and get `share` of it through when offered more.
    fn run(mut search: Search, most: f64, share: f64) -> (f64, usize) {
        let mut steps = 0;
        while let Some(offered) = search.next() {
            steps += 1;
            assert!(steps < 30, "no end at {offered}");
            search.note(offered, offered <= most, offered.min(most * share));
        }
        (search.found(), steps)
    }

    #[test]
    fn the_highest_rate_is_found_within_a_tenth() {
        for most in [1.5, 7.0, 130.0, 999.0, 1_000.0, 1_001.0, 6_500.0, 77_777.0] {
            for share in [0.3, 0.9, 1.0, 1.2] {
                let (found, _) = run(Search::from(1_000.0), most, share);
                assert!(found <= most && found * CLOSE >= most, "{found} of {most}, {share}");
            }
        }
    }

    #[test]
    fn what_comes_through_saves_steps() {
        let (found, steps) = run(Search::from(500.0), 6_500.0, 0.98);
        assert!(found > 6_300.0);
        // Four that are kept up, one that is not, what came through, and that much and a tenth.
        assert_eq!(steps, 7);
    }

    #[test]
    fn little_is_tried_above_the_best_so_far() {
        // A tenth more, twice that, and another tenth.
        assert_eq!(run(Search::above(300.0), 340.0, 0.9).1, 3);
    }

    #[test]
    fn one_step_shows_that_there_is_no_more() {
        assert_eq!(run(Search::above(300.0), 310.0, 1.0), (300.0, 1));
        assert!(run(Search::above(300.0), 700.0, 1.0).0 > 630.0);
    }

    #[test]
    fn what_is_found_below_is_below() {
        // It was kept up at 1,000 by luck, and not for longer at 800.
        let (found, _) = run(Search::below(800.0, 600.0), 640.0, 1.0);
        assert!((640.0 / CLOSE..=640.0).contains(&found), "{found}");
    }

    #[test]
    fn nothing_is_found_where_nothing_is_kept_up() {
        assert_eq!(run(Search::from(1_000.0), 0.0, 1.0).0, 0.0);
    }
}
