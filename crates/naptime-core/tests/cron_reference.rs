//! Random cron patterns around changes of the clock, compared with a second implementation of Vixie's rules: one that
//! goes through all minutes, and through what the clock shows in each.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
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
        // Three days, the middle one of which has the change; and now and then half a year.
        let short = minutes(zone, day, 1);
        for _ in 0..PATTERNS {
            check(&Pattern::random(&mut rng, false), zone, &short);
        }
        let long = minutes(zone, day, 90);
        for _ in 0..5 {
            check(&Pattern::random(&mut rng, true), zone, &long);
        }
    }
}

/// A minute: when it is, and what a clock shows then.
struct Minute {
    at: Time,
    wall: DateTime,
}

fn minutes(zone: &str, day: Date, around: i64) -> Vec<Minute> {
    let zone = jiff::tz::TimeZoneDatabase::bundled().get(zone).expect("a zone");
    let start = |days: i64| day.checked_add(days.days()).expect("a day").to_zoned(TimeZone::UTC).expect("a time");
    let (from, to): (Zoned, Zoned) = (start(-around), start(around + 1));
    let seconds = (from.timestamp().as_second()..to.timestamp().as_second()).step_by(60);
    let show = |second: i64| zone.to_datetime(Timestamp::from_second(second).expect("a time"));
    seconds.map(|second| Minute { at: Time::from_millis(second * 1000), wall: show(second) }).collect()
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
    let expect: Vec<Time> = pattern.walk(minutes).into_iter().filter(|at| *at > first).collect();
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
    /// Tells the number of this field.
    value: fn(DateTime) -> i8,
    numbers: BTreeSet<i8>,
    /// What is no number: `L`, `15W`, `5#2`.
    special: Box<dyn Fn(DateTime) -> bool>,
}

impl Field {
    fn has(&self, wall: DateTime) -> bool {
        self.numbers.contains(&(self.value)(wall)) || (self.special)(wall)
    }

    fn starts_with_star(&self) -> bool {
        self.text.starts_with('*')
    }

    fn or(mut self, text: &str, special: impl Fn(DateTime) -> bool + 'static) -> Self {
        self.text = format!("{},{text}", self.text);
        self.special = Box::new(special);
        self
    }
}

impl Pattern {
    /// When it comes, by Vixie's rules: in each minute he looks at the clock.
    fn walk(&self, minutes: &[Minute]) -> BTreeSet<Time> {
        let [minute, hour, ..] = &self.fields;
        // A star that leaves one number is as good as the number.
        let wildcard = [minute, hour].iter().any(|field| field.starts_with_star() && field.numbers.len() > 1);
        let mut latest = minutes[0].wall;
        let mut came = BTreeSet::new();
        for Minute { at, wall } in minutes {
            if wildcard {
                if self.has(*wall) {
                    came.insert(*at);
                }
                continue;
            }
            // Whatever the clock has not shown before, up to what it shows now, is run now.
            let mut shown = latest.checked_add(1.minute()).expect("a time");
            while shown <= *wall {
                if self.has(shown) {
                    came.insert(*at);
                }
                latest = shown;
                shown = shown.checked_add(1.minute()).expect("a time");
            }
        }
        came
    }

    fn has(&self, wall: DateTime) -> bool {
        let [minute, hour, day, month, weekday] = &self.fields;
        let days = (day.has(wall), weekday.has(wall));
        let either =
            if day.starts_with_star() || weekday.starts_with_star() { days.0 && days.1 } else { days.0 || days.1 };
        minute.has(wall) && hour.has(wall) && month.has(wall) && either
    }

    /// A random one. `rare`: with few times in a day.
    fn random(rng: &mut StdRng, rare: bool) -> Self {
        let fields = [
            if rare { number_field(rng, 0, 59, DateTime::minute) } else { field(rng, 0, 59, DateTime::minute, &[]) },
            if rare { number_field(rng, 0, 23, DateTime::hour) } else { field(rng, 0, 23, DateTime::hour, &[]) },
            day_field(rng),
            field(rng, 1, 12, DateTime::month, &MONTHS),
            weekday_field(rng),
        ];
        Self { text: fields.each_ref().map(|field| field.text.as_str()).join(" "), fields }
    }
}

const MONTHS: [&str; 12] =
    ["JAN", "feb", "Mar", "April", "MAY", "jun", "July", "AUG", "september", "oct", "Nov", "DECEMBER"];
const WEEKDAYS: [&str; 7] = ["SUN", "Monday", "tue", "WED", "thursday", "Fri", "SATURDAY"];

/// A field of stars, numbers, names, ranges and steps. The first of `names` is that of `min`.
fn field(rng: &mut StdRng, min: i8, max: i8, value: fn(DateTime) -> i8, names: &[&str]) -> Field {
    let mut items = Vec::new();
    if rng.random_ratio(1, 3) {
        items.push(("*".to_owned(), (min..=max).collect()));
    } else {
        (0..rng.random_range(1..4)).for_each(|_| items.push(item(rng, min, max, names)));
    }
    let (texts, numbers): (Vec<String>, Vec<Vec<i8>>) = items.into_iter().unzip();
    Field {
        text: texts.join(","),
        value,
        numbers: numbers.into_iter().flatten().collect(),
        special: Box::new(|_| false),
    }
}

/// An item of a list: its text and its numbers.
fn item(rng: &mut StdRng, min: i8, max: i8, names: &[&str]) -> (String, Vec<i8>) {
    let (from, to) = (rng.random_range(min..=max), rng.random_range(min..=max));
    let step = rng.random_range(1..=max - min + 1);
    let mut spell = |number: i8| {
        let name = names.get(usize::try_from(number - min).expect("small"));
        name.filter(|_| rng.random_bool(0.5)).map_or(number.to_string(), |name| (*name).to_owned())
    };
    let (from_text, to_text) = (spell(from), spell(to));
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

/// A field of one number.
fn number_field(rng: &mut StdRng, min: i8, max: i8, value: fn(DateTime) -> i8) -> Field {
    let number = rng.random_range(min..=max);
    Field { text: number.to_string(), value, numbers: [number].into(), special: Box::new(|_| false) }
}

fn day_field(rng: &mut StdRng) -> Field {
    let field = field(rng, 1, 31, DateTime::day, &[]);
    let number = rng.random_range(1..=31);
    let last = |wall: DateTime| wall.date().last_of_month();
    match rng.random_range(0..8) {
        0 => field.or("L", move |wall| wall.date() == last(wall)),
        1 => {
            let before = number % 30 + 1;
            field.or(&format!("L-{before}"), move |wall| wall.day() + before == last(wall).day())
        }
        2 => field.or("LW", move |wall| wall.date() == nearest_workday(last(wall))),
        3 => field.or(&format!("{number}W"), move |wall| {
            let day = Date::new(wall.year(), wall.month(), number);
            day.is_ok_and(|day| wall.date() == nearest_workday(day))
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

fn weekday_field(rng: &mut StdRng) -> Field {
    let field = field(rng, 0, 6, |wall| wall.weekday().to_sunday_zero_offset(), &WEEKDAYS);
    let number = rng.random_range(0..7);
    let is_day = move |wall: DateTime| wall.weekday().to_sunday_zero_offset() == number;
    match rng.random_range(0..6) {
        0 => field.or(&format!("{number}L"), move |wall| is_day(wall) && wall.day() > wall.date().days_in_month() - 7),
        1 => {
            let nth = rng.random_range(1..=5);
            field.or(&format!("{number}#{nth}"), move |wall| is_day(wall) && (wall.day() - 1) / 7 + 1 == nth)
        }
        _ => field,
    }
}
