//! Numbers that look random and follow from others, so that a run can be repeated, and a part of it left out without a
//! change to the rest.

use std::time::Duration;

use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

/// A number that follows from these.
pub(crate) fn hash(parts: &[u64]) -> u64 {
    let bytes: Vec<u8> = parts.iter().flat_map(|part| part.to_le_bytes()).collect();
    xxh3_64(&bytes)
}

/// An id that follows from these.
pub(crate) fn id(parts: &[u64]) -> Uuid {
    let half = |half| u128::from(hash(&[parts, &[half]].concat()));
    Uuid::from_u128((half(0) << 64) | half(1))
}

/// A row of numbers that follows from a seed.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    seed: u64,
    drawn: u64,
}

impl Random {
    /// The row of this seed; `of` sets rows of the same seed apart.
    pub(crate) fn new(seed: u64, of: &[u64]) -> Self {
        Self { seed: hash(&[&[seed], of].concat()), drawn: 0 }
    }

    /// A number from 0 to `below - 1`.
    pub(crate) fn below(&mut self, below: u64) -> u64 {
        self.drawn += 1;
        hash(&[self.seed, self.drawn]) % below.max(1)
    }

    /// Whether something happens that does so once in so many times.
    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// A duration from `least` up to `most`, in whole milliseconds.
    pub(crate) fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let range = u64::try_from((most - least).as_millis()).unwrap_or(0);
        least + Duration::from_millis(self.below(range + 1))
    }

    /// One of these.
    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        let index = usize::try_from(self.below(of.len() as u64)).unwrap_or(0);
        of[index].clone()
    }
}
