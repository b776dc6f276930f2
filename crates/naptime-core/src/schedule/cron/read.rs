//! How a pattern is read.

use super::dates::{Dates, MonthDays, Weekdays};
use super::dialect;
use super::field::{Field, Part};
use super::pattern::Pattern;
use super::set::Set;
use super::times::Times;

/// The longest pattern, in characters.
const MAX_PATTERN: usize = 200;

/// The nicknames and what they stand for.
const NICKNAMES: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

const FIELDS: &str = "write five fields (minute, hour, day of the month, month, weekday) like 0 9 * * MON-FRI, or six \
                      with the seconds first";

/// Reads a pattern, in which single blanks separate the fields. `H` is derived from `seed`.
///
/// # Errors
/// What is wrong, naming the field and the word, and what to write instead.
pub(super) fn read(text: &str, seed: u64) -> Result<Pattern, String> {
    dialect::refuse(text)?;
    if text.chars().count() > MAX_PATTERN {
        return Err(format!("the pattern is longer than {MAX_PATTERN} characters"));
    }
    let text = if text.starts_with('@') { nickname(text)? } else { text };
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let (second, [minute, hour, day, month, weekday]) = match words[..] {
        [minute, hour, day, month, weekday] => (None, [minute, hour, day, month, weekday]),
        [second, minute, hour, day, month, weekday] => (Some(second), [minute, hour, day, month, weekday]),
        [] => return Err(format!("the pattern is missing; {FIELDS}")),
        [_] => return Err(format!("there is one field; {FIELDS}")),
        [.., year] if words.len() == 7 => {
            return Err(format!("there is a seventh field, `{year}`: patterns have no year here; leave it out"));
        }
        _ => return Err(format!("there are {} fields; {FIELDS}", words.len())),
    };
    let field = |part, text| Field { part, text, of_six: second.is_some(), seed };
    let [minute, hour] = [field(Part::Minute, minute), field(Part::Hour, hour)];
    let seconds = second.map_or(Ok([0].into_iter().collect()), |second| field(Part::Second, second).numbers())?;
    let times = Times { seconds, minutes: minute.numbers()?, hours: hour.numbers()? };
    // `0 */24 * * *` is midnight and no interval, and so is not passed over when midnight is skipped.
    let follows_clock = |field: Field<'_>, numbers: Set| field.begins_with_star() && numbers.count() > 1;
    Ok(Pattern {
        follows_clock: follows_clock(minute, times.minutes) || follows_clock(hour, times.hours),
        times,
        dates: dates(field(Part::Day, day), field(Part::Month, month), field(Part::Weekday, weekday))?,
    })
}

/// Whether what a pattern stands for depends on the seed.
pub(super) fn is_hashed(text: &str) -> bool {
    !text.starts_with('@')
        && text.split([' ', ',']).any(|item| {
            let base = item.split('/').next().unwrap_or_default();
            base.eq_ignore_ascii_case("H") || base.to_ascii_uppercase().starts_with("H(")
        })
}

fn nickname(text: &str) -> Result<&'static str, String> {
    let known = NICKNAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    known.map(|(_, pattern)| *pattern).ok_or_else(|| {
        let names = NICKNAMES.map(|(name, _)| name).join(", ");
        format!("`{}` is not known; there are {names}", crate::request::excerpt(text, 40))
    })
}

fn dates(day: Field<'_>, month: Field<'_>, weekday: Field<'_>) -> Result<Dates, String> {
    dialect::refuse_quartz_weekdays(day, weekday)?;
    // In Quartz's dialect `?` says that only the other field of the day counts, and `*` says that here.
    let [day, mut weekday] =
        [day, weekday].map(|field| if field.text == "?" { Field { text: "*", ..field } } else { field });
    let mut both = day.begins_with_star() || weekday.begins_with_star();
    if let Some(rest) = weekday.text.strip_prefix('+') {
        (both, weekday.text) = (true, rest);
    }
    Ok(Dates { days: days(day)?, months: month.numbers()?, weekdays: weekdays(weekday)?, both })
}

fn days(field: Field<'_>) -> Result<MonthDays, String> {
    let mut days = MonthDays::default();
    for item in field.items()? {
        let upper = item.to_ascii_uppercase();
        if upper == "L" {
            days.from_end.extend([0]);
        } else if upper == "LW" {
            days.last_weekday = true;
        } else if let Some(before) = upper.strip_prefix("L-") {
            days.from_end.extend([days_before_the_last(field, item, before)?]);
        } else if let Some(day) = upper.strip_suffix('W') {
            days.nearest.extend([field.number(item, day)?]);
        } else {
            days.days.extend(field.item(item)?);
        }
    }
    Ok(days)
}

/// The number in `L-2`. In a month that has no such day, nothing comes.
fn days_before_the_last(field: Field<'_>, item: &str, text: &str) -> Result<u32, String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(field.fault(item));
    }
    let out_of_range = || format!("day of the month L-{}: from L-1 to L-30", crate::request::excerpt(text, 40));
    text.parse().ok().filter(|before| (1..=30).contains(before)).ok_or_else(out_of_range)
}

fn weekdays(field: Field<'_>) -> Result<Weekdays, String> {
    let mut weekdays = Weekdays::default();
    for item in field.items()? {
        if let Some((day, nth)) = item.split_once('#') {
            // Compared as text, since a number could be read with a sign before it.
            let place = ["1", "2", "3", "4", "5"].iter().position(|place| *place == nth);
            let place = place.ok_or_else(|| format!("weekday {item}: behind `#` comes a number from 1 to 5"))?;
            weekdays.nth[place].extend([single(field, item, day)?]);
        } else if let Some(day) = item.strip_suffix(['L', 'l']).filter(|_| !Part::is_name(item)) {
            weekdays.last.extend([single(field, item, day)?]);
        } else {
            weekdays.days.extend(field.item(item)?);
        }
    }
    Ok(weekdays)
}

/// The one day before `#` and `L`, with Sunday as 0.
fn single(field: Field<'_>, item: &str, day: &str) -> Result<u32, String> {
    Ok(field.number(item, day)? % 7)
}
