//! How many recurring calls per second are kept up at most.
//!
//! What is offered varies by the number of endpoints, each called every second. It is kept up if all that comes due
//! within some seconds is called, and hardly any of it a second late.

use std::time::Duration;

use anyhow::Result;
use naptime_core::figures::counted;

use crate::search::Search;

/// How long each step is watched.
const STEP: Duration = Duration::from_secs(6);
/// How long a part of the rate is watched, for the lag at it. What is hardly too much takes its time to show.
const CALM: Duration = Duration::from_secs(15);
/// That part.
const PART: f64 = 0.8;
/// How late a call may be at the 99th percentile, in milliseconds.
const LATE_MS: f64 = 1_000.0;

/// A rate to be tried.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// How many workers.
    pub workers: usize,
    /// How many endpoints, each called every second.
    pub endpoints: usize,
    /// How long it is watched.
    pub window: Duration,
}

/// What came of a rate.
#[derive(Clone, Copy, Debug)]
pub struct Tried {
    /// Whether all that came due was called, or nearly so.
    pub called: bool,
    /// Calls per second.
    pub through: f64,
    /// The start lag at the 99th percentile, in milliseconds.
    pub p99_ms: f64,
}

/// The highest rate that was kept up.
#[derive(Clone, Copy, Debug)]
pub struct Sustained {
    /// How many workers it took.
    pub workers: usize,
    /// Calls per second; 0 if no rate was kept up.
    pub calls_per_second: f64,
    /// The start lag at 80 % of it, at the 99th percentile, in milliseconds; infinite if no rate was kept up.
    pub p99_ms_at_80: f64,
}

/// Finds the highest rate that one of these numbers of workers keeps up, and how late calls are at 80 % of it. `first` is
/// the lowest rate that is tried, as long as it is kept up.
///
/// # Errors
/// That of `attempt`, which tries a rate.
pub async fn find(workers: &[usize], first: f64, attempt: impl AsyncFnMut(Step) -> Result<Tried>) -> Result<Sustained> {
    let mut finder = Finder(attempt);
    let (mut most, mut best) = (0, 0.0);
    for &count in workers {
        let search = if best > 0.0 { Search::above(best) } else { Search::from(first) };
        let found = finder.search(count, search).await?;
        if found > best || most == 0 {
            (most, best) = (count, found);
        }
    }
    let mut p99_ms_at_80 = f64::INFINITY;
    while best >= 1.0 {
        let part = best * PART;
        let (tried, kept_up) = finder.run(most, part, CALM).await?;
        if kept_up {
            p99_ms_at_80 = tried.p99_ms;
            break;
        }
        // Then more was not kept up either, but by luck.
        best = finder.search(most, Search::below(part, tried.through)).await?;
    }
    Ok(Sustained { workers: most, calls_per_second: best, p99_ms_at_80 })
}

/// What tries rates.
struct Finder<A>(A);

impl<A: AsyncFnMut(Step) -> Result<Tried>> Finder<A> {
    /// Searches to the end, and returns the highest rate that was kept up.
    async fn search(&mut self, workers: usize, mut search: Search) -> Result<f64> {
        while let Some(rate) = search.next() {
            let (tried, kept_up) = self.run(workers, rate, STEP).await?;
            search.note(rate, kept_up, tried.through);
        }
        Ok(search.found())
    }

    /// Tries a rate, and returns what came of it and whether it was kept up.
    async fn run(&mut self, workers: usize, rate: f64, window: Duration) -> Result<(Tried, bool)> {
        let endpoints = (rate.round() as usize).max(1);
        let tried = (self.0)(Step { workers, endpoints, window }).await?;
        let kept_up = tried.called && tried.p99_ms <= LATE_MS;
        let (workers, not) = (counted(workers, "worker"), if kept_up { "" } else { "not " });
        eprintln!("bench:   {workers}, {endpoints} calls/s due: {not}kept up, {:.0} calls/s came", tried.through);
        Ok((tried, kept_up))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Workers that carry so many calls per second in a step, by how many they are, and `calm` of that for longer.
    async fn found(carried: &[(usize, f64)], calm: f64) -> Sustained {
        let workers: Vec<usize> = carried.iter().map(|(workers, _)| *workers).collect();
        let attempt = async |step: Step| {
            let carried = carried.iter().find(|(workers, _)| *workers == step.workers).unwrap().1;
            let most = if step.window == CALM { carried * calm } else { carried };
            let through = most.min(step.endpoints as f64);
            Ok(Tried { called: through == step.endpoints as f64, through, p99_ms: 10.0 * step.workers as f64 })
        };
        find(&workers, 100.0, attempt).await.unwrap()
    }

    #[tokio::test]
    async fn the_best_number_of_workers_is_found() {
        let found = found(&[(1, 300.0), (2, 1_000.0), (4, 900.0)], 1.0).await;
        assert_eq!((found.workers, found.p99_ms_at_80), (2, 20.0));
        assert!((900.0..=1_000.0).contains(&found.calls_per_second), "{found:?}");
    }

    #[tokio::test]
    async fn what_is_kept_up_by_luck_is_not_the_rate() {
        // For longer, 600 of what is offered are carried: not 80 % of a thousand.
        let found = found(&[(1, 1_000.0)], 0.6).await;
        assert!((500.0..=800.0).contains(&found.calls_per_second), "{found:?}");
    }

    #[tokio::test]
    async fn where_nothing_is_kept_up_nothing_is_found() {
        let found = found(&[(1, 0.0)], 1.0).await;
        assert_eq!((found.workers, found.calls_per_second), (1, 0.0));
        assert!(found.p99_ms_at_80.is_infinite());
    }
}
