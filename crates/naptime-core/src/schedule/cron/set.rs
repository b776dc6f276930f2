//! A set of small numbers.

/// Some of the numbers from 0 to 63, one bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Set(u64);

impl Set {
    pub(super) fn has(self, number: u32) -> bool {
        self.from(number) == Some(number)
    }

    pub(super) fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// The least number of the set that is not below `number`.
    pub(super) fn from(self, number: u32) -> Option<u32> {
        let rest = self.0.checked_shr(number).filter(|rest| *rest != 0)?;
        Some(number + rest.trailing_zeros())
    }

    /// How many numbers of the set are below `number`, which is at most 63.
    pub(super) fn below(self, number: u32) -> u32 {
        (self.0 & ((1 << number) - 1)).count_ones()
    }

    /// The numbers as bits, the lowest for 0.
    pub(super) fn bits(self) -> u64 {
        self.0
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<u32> for Set {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        Self(numbers.into_iter().fold(0, |bits, number| bits | 1 << number))
    }
}

impl Extend<u32> for Set {
    fn extend<I: IntoIterator<Item = u32>>(&mut self, numbers: I) {
        self.0 |= numbers.into_iter().collect::<Self>().0;
    }
}
