//! One field of a pattern: lists of numbers, names, ranges and steps.

use super::set::Set;
use crate::request::excerpt;
use crate::schedule::draw;

/// The longest part of a pattern that a fault repeats, in characters.
const SHOWN: usize = 40;
/// Marks the draws of `H`, so that they differ from those of other schedules with the same seed.
const HASHED: i64 = -1;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const ORDINALS: [&str; 6] = ["first", "second", "third", "fourth", "fifth", "sixth"];

/// What a field is. `H` is drawn by the place in this list, which therefore stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Second,
    Minute,
    Hour,
    Day,
    Month,
    Weekday,
}

/// A field as it was written, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    pub(super) part: Part,
    pub(super) text: &'a str,
    /// Whether the pattern has six fields, seconds first.
    pub(super) of_six: bool,
    /// What `H` is derived from.
    pub(super) seed: u64,
}

impl Part {
    pub(super) const ALL: [Self; 6] = [Self::Second, Self::Minute, Self::Hour, Self::Day, Self::Month, Self::Weekday];

    /// Whether a word is the name of a month or a weekday.
    pub(super) fn is_name(word: &str) -> bool {
        Self::Month.named(word).or(Self::Weekday.named(word)).is_some()
    }

    fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day of the month",
            Self::Month => "month",
            Self::Weekday => "weekday",
        }
    }

    /// The least and the greatest number that may be written.
    fn bounds(self) -> (u32, u32) {
        match self {
            Self::Second | Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::Day => (1, 31),
            Self::Month => (1, 12),
            Self::Weekday => (0, 7),
        }
    }

    /// How many values there are: 0 and 7 are one weekday.
    fn size(self) -> u32 {
        let (min, max) = self.bounds();
        if self == Self::Weekday { 7 } else { max - min + 1 }
    }

    /// The value that a count from the least one leads to; beyond the greatest it goes on with the least.
    fn wrap(self, number: u32) -> u32 {
        let (min, _) = self.bounds();
        (number - min) % self.size() + min
    }

    /// The names that may stand for numbers.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Month => &MONTHS,
            Self::Weekday => &WEEKDAYS,
            _ => &[],
        }
    }

    /// The number of a name, which is written in full or by its first three letters.
    fn named(self, word: &str) -> Option<u32> {
        let is = |name: &&str| word.eq_ignore_ascii_case(name) || word.eq_ignore_ascii_case(&name[..3]);
        let place = self.names().iter().position(is)?;
        u32::try_from(place).ok().map(|place| place + self.bounds().0)
    }

    /// What may be written.
    fn help(self) -> &'static str {
        match self {
            Self::Second | Self::Minute => "write a number from 0 to 59, a range like 0-29, a step like */5, or `*`",
            Self::Hour => "write a number from 0 to 23, a range like 9-17, a step like */2, or `*`",
            Self::Day => {
                "write a number from 1 to 31, a range like 1-7, L (the last day), L-2 (two days before it), 15W (the \
                 weekday nearest to the 15th), LW (the last weekday), or `*`"
            }
            Self::Month => "write a number from 1 to 12, a name like JAN, a range like JUN-AUG, or `*`",
            Self::Weekday => {
                "write a number from 0 (Sunday) to 7, a name like MON, a range like MON-FRI, 5L (the last Friday), \
                 5#2 (the second Friday), or `*`"
            }
        }
    }
}

impl Field<'_> {
    /// What decides how days are combined, and what happens when the clocks change: not the numbers, but the first
    /// character.
    pub(super) fn begins_with_star(&self) -> bool {
        self.text.starts_with('*')
    }

    /// The items of the list.
    ///
    /// # Errors
    /// If one of them is empty.
    pub(super) fn items(&self) -> Result<impl Iterator<Item = &str>, String> {
        if self.text.split(',').any(str::is_empty) {
            let (name, text) = (self.part.name(), excerpt(self.text, SHOWN));
            return Err(format!("an item of the {name} `{text}` is empty; take away the comma that is too many"));
        }
        Ok(self.text.split(','))
    }

    /// The numbers of a field that has nothing but numbers, names, ranges and steps.
    ///
    /// # Errors
    /// What is wrong, naming the field and the word.
    pub(super) fn numbers(&self) -> Result<Set, String> {
        let mut set = Set::default();
        for item in self.items()? {
            set.extend(self.item(item)?);
        }
        Ok(set)
    }

    /// The numbers of an item: `5`, `MON-FRI`, `*/5`, `H(0-7)`.
    ///
    /// # Errors
    /// As [`Field::numbers`].
    pub(super) fn item(&self, item: &str) -> Result<Vec<u32>, String> {
        let (base, step) = match item.split_once('/') {
            Some((base, step)) => (base, Some(self.step(item, step)?)),
            None => (item, None),
        };
        let (min, size) = (self.part.bounds().0, self.part.size());
        let last = min + size - 1;
        if let Some(range) = hashed(base) {
            let (from, to) = match range {
                Some(range) => self.range(item, range)?,
                // Every month has so many days.
                None if self.part == Part::Day => (1, 28),
                None => (min, last),
            };
            return Ok(self.hashed(from, to, step));
        }
        let (from, to) = match step {
            _ if base == "*" => (min, last),
            // From there to the end, or only that.
            Some(_) if !base.contains('-') => (self.part.wrap(self.number(item, base)?), last),
            _ if !base.contains('-') => {
                let number = self.number(item, base)?;
                (number, number)
            }
            _ => self.range(item, base)?,
        };
        Ok(self.stepped(from, to, step.unwrap_or(1)))
    }

    /// A number of this field, or a name of one.
    ///
    /// # Errors
    /// As [`Field::numbers`]. `item` is what the word is a part of.
    pub(super) fn number(&self, item: &str, word: &str) -> Result<u32, String> {
        let (min, max) = self.part.bounds();
        if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = word.parse().ok().filter(|number| (min..=max).contains(number));
            return number.ok_or_else(|| format!("{} {}: from {min} to {max}", self.part.name(), excerpt(word, SHOWN)));
        }
        if let Some(number) = self.part.named(word) {
            return Ok(number);
        }
        let shown = excerpt(word, SHOWN);
        if Part::Weekday.named(word).is_some() {
            return Err(format!("`{shown}` is a weekday; {}", self.place()));
        }
        if Part::Month.named(word).is_some() {
            return Err(format!("`{shown}` is a month; {}", self.place()));
        }
        if word == "?" {
            return Err(format!("`?` stands only for a whole field of a day; {}", self.place()));
        }
        Err(self.fault(if word.is_empty() { item } else { word }))
    }

    /// Says that a word has no meaning in this field, and what has.
    pub(super) fn fault(&self, word: &str) -> String {
        let article = if self.part == Part::Hour { "an" } else { "a" };
        format!("`{}` is not {article} {}; {}", excerpt(word, SHOWN), self.part.name(), self.part.help())
    }

    /// Which field this is: `the third field is the day of the month`.
    pub(super) fn place(&self) -> String {
        let place = Part::ALL.iter().position(|part| *part == self.part).unwrap_or(0);
        let name = self.part.name();
        if self.of_six {
            format!("the {} field of six is the {name}, as six begin with the seconds", ORDINALS[place])
        } else {
            format!("the {} field is the {name}", ORDINALS[place.saturating_sub(1)])
        }
    }

    fn step(&self, item: &str, step: &str) -> Result<u32, String> {
        let size = self.part.size();
        if step.is_empty() || !step.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(self.fault(item));
        }
        step.parse().ok().filter(|step| (1..=size).contains(step)).ok_or_else(|| {
            let (name, step) = (self.part.name(), excerpt(step, SHOWN));
            format!("step {step} of the {name}: from 1 to {size}; a longer period is written as `every`")
        })
    }

    /// The ends of a range. If the first is greater, the range goes over the end.
    fn range(&self, item: &str, range: &str) -> Result<(u32, u32), String> {
        let (from, to) = range.split_once('-').ok_or_else(|| self.fault(item))?;
        let (from, to) = (self.number(item, from)?, self.number(item, to)?);
        Ok(if from > to { (from, to + self.part.size()) } else { (from, to) })
    }

    fn stepped(&self, from: u32, to: u32, step: u32) -> Vec<u32> {
        (from..=to).step_by(step as usize).map(|number| self.part.wrap(number)).collect()
    }

    /// One number of a range; with a step, every so many from one of the first on.
    fn hashed(&self, from: u32, to: u32, step: Option<u32>) -> Vec<u32> {
        let count = to - from + 1;
        let step = step.unwrap_or(count);
        let drawn = draw(self.seed, self.part as i64, HASHED, step.min(count).into());
        self.stepped(from + u32::try_from(drawn).unwrap_or(0), to, step)
    }
}

/// Whether an item is `H`, and then the range in its brackets.
fn hashed(base: &str) -> Option<Option<&str>> {
    let rest = base.strip_prefix(['H', 'h'])?;
    if rest.is_empty() { Some(None) } else { Some(Some(rest.strip_prefix('(')?.strip_suffix(')')?)) }
}
