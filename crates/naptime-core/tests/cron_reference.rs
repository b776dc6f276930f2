//! Random cron patterns around changes of the clock, compared with a second implementation of Vixie's rules: one that
//! goes through all minutes, and through what the clock shows in each.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};
use naptime_core::{Cron, Schedule, Time, Zone};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Zones and days on which, or around which, their clocks are changed: by an hour, by half of one, at midnight, by a
/// whole day, for ever; and days without a change.
const CHANGES: [(&str, &str); 14] = [
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("America/New_York", "2027-03-14"),
    ("America/New_York", "2027-11-07"),
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Australia/Lord_Howe", "2026-10-04"),
    ("Africa/Cairo", "2026-04-24"),
    ("Africa/Cairo", "2026-10-29"),
    ("America/Havana", "2028-11-05"),
    ("Atlantic/Azores", "2026-03-29"),
    ("Antarctica/Troll", "2026-10-25"),
    ("Pacific/Apia", "2011-12-30"),
    ("America/Caracas", "2007-12-09"),
    ("UTC", "2028-02-29"),
];

/// How many patterns are tried at each of them.
const PATTERNS: usize = 143;

#[test]
fn random_patterns_come_as_a_walk_through_all_minutes_says() {
    let mut rng = StdRng::seed_from_u64(20_260_101);
    for (zone, day) in CHANGES {
        let day: Date = day.parse().expect("a day");
        let three_days = minutes(zone, day, 1);
        for _ in 0..PATTERNS {
            check(&Pattern::random(&mut rng), zone, &three_days);
        }
        // Where days of the month and weekdays count.
        let three_weeks = minutes(zone, day, 10);
        for _ in 0..5 {
            check(&Pattern::random_of_the_day(&mut rng), zone, &three_weeks);
        }
    }
}

/// A minute: when it is, and what a clock shows then.
struct Minute {
    at: Time,
    wall: Wall,
    /// What the clock has not shown before, up to what it shows now: nothing in an hour that is repeated, and all of an
    /// hour that was skipped.
    new: Vec<Wall>,
}

/// A local time.
#[derive(Clone, Copy)]
struct Wall {
    date: Date,
    /// Minute, hour, day, month and weekday, as the fields of a pattern.
    numbers: [i8; 5],
}

impl Wall {
    fn new(wall: DateTime) -> Self {
        let weekday = wall.weekday().to_sunday_zero_offset();
        Self { date: wall.date(), numbers: [wall.minute(), wall.hour(), wall.day(), wall.month(), weekday] }
    }
}

/// The minutes of a day in UTC and of so many days before and after it.
fn minutes(zone: &str, day: Date, around: i64) -> Vec<Minute> {
    let zone = TimeZoneDatabase::bundled().get(zone).expect("a zone");
    let start = |days: i64| {
        let day = day.checked_add(days.days()).expect("a day");
        day.to_zoned(TimeZone::UTC).expect("a time").timestamp().as_second()
    };
    let show = |second: i64| zone.to_datetime(Timestamp::from_second(second).expect("a time"));
    let (from, to) = (start(-around), start(around + 1));
    let mut latest = show(from);
    let minute = |second: i64| {
        let wall = show(second);
        let mut new = Vec::new();
        while latest < wall {
            latest = latest.checked_add(1.minute()).expect("a time");
            new.push(Wall::new(latest));
        }
        Minute { at: Time::from_millis(second * 1000), wall: Wall::new(wall), new }
    };
    (from..to).step_by(60).map(minute).collect()
}

fn check(pattern: &Pattern, zone: &str, minutes: &[Minute]) {
    let cron = match Cron::parse(&pattern.text, Zone::parse(zone).expect("a zone"), 0) {
        Ok(cron) => Schedule::Cron(cron),
        Err(fault) if fault.code == "never" => return,
        Err(fault) => panic!("{}: {fault}", pattern.text),
    };
    let (first, last) = (minutes[0].at, minutes[minutes.len() - 1].at);
    let came = std::iter::successors(cron.first(first), |at| cron.next(*at, *at).due);
    let came: Vec<Time> = came.take_while(|at| *at <= last).collect();
    let expect: Vec<Time> = pattern.walk(&minutes[1..]);
    assert_eq!(came, expect, "{} in {zone} from {first}", pattern.text);
    let counted = cron.owed(first, last) - 1;
    assert_eq!(counted, expect.len() as u64, "how often {} in {zone} from {first}", pattern.text);
}

/// A pattern, and for each field what it matches.
struct Pattern {
    text: String,
    fields: [Field; 5],
}

struct Field {
    text: String,
    /// Which one of the five it is.
    place: usize,
    numbers: BTreeSet<i8>,
    /// What is no number: `L`, `15W`, `5#2`.
    special: Box<dyn Fn(Date) -> bool>,
}

impl Field {
    fn has(&self, wall: Wall) -> bool {
        self.numbers.contains(&wall.numbers[self.place]) || (self.special)(wall.date)
    }

    fn starts_with_star(&self) -> bool {
        self.text.starts_with('*')
    }

    fn or(mut self, text: &str, special: impl Fn(Date) -> bool + 'static) -> Self {
        self.text = format!("{},{text}", self.text);
        self.special = Box::new(special);
        self
    }
}

impl Pattern {
    /// When it comes, by Vixie's rules: the clock is looked at in each minute.
    fn walk(&self, minutes: &[Minute]) -> Vec<Time> {
        let [minute, hour, ..] = &self.fields;
        // A star that leaves one number is as good as the number.
        let wildcard = [minute, hour].iter().any(|field| field.starts_with_star() && field.numbers.len() > 1);
        let comes = |minute: &&Minute| match wildcard {
            true => self.has(minute.wall),
            false => minute.new.iter().any(|wall| self.has(*wall)),
        };
        minutes.iter().filter(comes).map(|minute| minute.at).collect()
    }

    fn has(&self, wall: Wall) -> bool {
        let [minute, hour, day, month, weekday] = &self.fields;
        let both = day.starts_with_star() || weekday.starts_with_star();
        let day_matches = || match both {
            true => day.has(wall) && weekday.has(wall),
            false => day.has(wall) || weekday.has(wall),
        };
        minute.has(wall) && hour.has(wall) && month.has(wall) && day_matches()
    }

    fn random(rng: &mut StdRng) -> Self {
        Self::of([
            field(rng, 0, 0, 59, &[]),
            field(rng, 1, 0, 23, &[]),
            day(rng),
            field(rng, 3, 1, 12, &MONTHS),
            weekday(rng),
        ])
    }

    /// A random one with one time in a day, in any month.
    fn random_of_the_day(rng: &mut StdRng) -> Self {
        let number = |rng: &mut StdRng, place, max| Field::new(place, vec![number(rng, 0, max, &[])]);
        let any = Field::new(3, vec![("*".to_owned(), (1..=12).collect())]);
        Self::of([number(rng, 0, 59), number(rng, 1, 23), day(rng), any, weekday(rng)])
    }

    fn of(fields: [Field; 5]) -> Self {
        Self { text: fields.each_ref().map(|field| field.text.as_str()).join(" "), fields }
    }
}

const MONTHS: [&str; 12] =
    ["JAN", "feb", "Mar", "April", "MAY", "jun", "July", "AUG", "september", "oct", "Nov", "DECEMBER"];
const WEEKDAYS: [&str; 7] = ["SUN", "Monday", "tue", "WED", "thursday", "Fri", "SATURDAY"];

/// An item of a list: its text and its numbers.
type Item = (String, Vec<i8>);

impl Field {
    fn new(place: usize, items: Vec<Item>) -> Self {
        let (texts, numbers): (Vec<String>, Vec<Vec<i8>>) = items.into_iter().unzip();
        let numbers = numbers.into_iter().flatten().collect();
        Self { text: texts.join(","), place, numbers, special: Box::new(|_| false) }
    }
}

/// A field of stars, numbers, names, ranges and steps. The first of `names` is that of `min`.
fn field(rng: &mut StdRng, place: usize, min: i8, max: i8, names: &[&str]) -> Field {
    if rng.random_ratio(1, 3) {
        return Field::new(place, vec![("*".to_owned(), (min..=max).collect())]);
    }
    Field::new(place, (0..rng.random_range(1..4)).map(|_| item(rng, min, max, names)).collect())
}

fn item(rng: &mut StdRng, min: i8, max: i8, names: &[&str]) -> Item {
    let [(from_text, from), (to_text, to)] = [(); 2].map(|()| number(rng, min, max, names));
    let (from, to) = (from[0], to[0]);
    let step = rng.random_range(1..=max - min + 1);
    let range: Vec<i8> = if from <= to { (from..=to).collect() } else { (from..=max).chain(min..=to).collect() };
    let every = |numbers: Vec<i8>| numbers.into_iter().step_by(usize::try_from(step).expect("positive")).collect();
    match rng.random_range(0..5) {
        0 => (format!("*/{step}"), every((min..=max).collect())),
        1 => (from_text, vec![from]),
        2 => (format!("{from_text}-{to_text}"), range),
        3 => (format!("{from_text}-{to_text}/{step}"), every(range)),
        _ => (format!("{from_text}/{step}"), every((from..=max).collect())),
    }
}

/// One number, or its name.
fn number(rng: &mut StdRng, min: i8, max: i8, names: &[&str]) -> Item {
    let number = rng.random_range(min..=max);
    let name = names.get(usize::try_from(number - min).expect("positive")).filter(|_| rng.random_bool(0.5));
    (name.map_or(number.to_string(), |name| (*name).to_owned()), vec![number])
}

fn day(rng: &mut StdRng) -> Field {
    let field = field(rng, 2, 1, 31, &[]);
    let number = rng.random_range(1..=31);
    match rng.random_range(0..8) {
        0 => field.or("L", |date| date == date.last_of_month()),
        1 => {
            let before = number % 30 + 1;
            field.or(&format!("L-{before}"), move |date| date.day() + before == date.days_in_month())
        }
        2 => field.or("LW", |date| date == nearest_workday(date.last_of_month())),
        3 => field.or(&format!("{number}W"), move |date| {
            Date::new(date.year(), date.month(), number).is_ok_and(|day| date == nearest_workday(day))
        }),
        _ => field,
    }
}

/// The day from Monday to Friday that is nearest, in the same month.
fn nearest_workday(day: Date) -> Date {
    let is_workday = |day: &Date| day.weekday().to_monday_one_offset() <= 5;
    let around = [0, -1, 1, -2, 2].map(|days: i64| day.checked_add(days.days()).expect("a day"));
    around.into_iter().filter(|other| other.month() == day.month()).find(is_workday).expect("one of five")
}

fn weekday(rng: &mut StdRng) -> Field {
    let field = field(rng, 4, 0, 6, &WEEKDAYS);
    let number = rng.random_range(0..7);
    let is_day = move |date: Date| date.weekday().to_sunday_zero_offset() == number;
    match rng.random_range(0..6) {
        0 => field.or(&format!("{number}L"), move |date| is_day(date) && date.day() > date.days_in_month() - 7),
        1 => {
            let nth = rng.random_range(1..=5);
            field.or(&format!("{number}#{nth}"), move |date| is_day(date) && (date.day() - 1) / 7 + 1 == nth)
        }
        _ => field,
    }
}
