//! Schedules in the words of App Engine: `every 5 minutes`, `1st,third monday of month 09:00`.

use std::time::Duration;

use serde_json::{Map, Value};

use super::timing;

const MINUTES_OF_DAY: u32 = 24 * 60;
const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const ORDINALS: [(&str, &str); 5] =
    [("1st", "first"), ("2nd", "second"), ("3rd", "third"), ("4th", "fourth"), ("5th", "fifth")];

/// When it is called, and what differs.
#[derive(Debug)]
pub(super) struct Schedule {
    pub(super) timing: Map<String, Value>,
    pub(super) differs: Vec<String>,
}

impl Schedule {
    fn exact(timing: Map<String, Value>) -> Self {
        Self { timing, differs: Vec::new() }
    }
}

/// Reads a schedule in a time zone.
///
/// # Errors
/// Why it cannot be taken over: a sentence without a full stop.
pub(super) fn read(text: &str, zone: &str) -> Result<Schedule, String> {
    let lower = text.to_lowercase().replace(", ", ",");
    let words: Vec<&str> = lower.split_whitespace().collect();
    match words[..] {
        ["every", number, unit, ref rest @ ..] if number.parse::<u32>().is_ok() => {
            let minutes = match unit.trim_end_matches('s') {
                "minute" | "min" => 1,
                "hour" => 60,
                _ => return Err(format!("`{unit}` is neither minutes nor hours")),
            };
            let number: u32 = number.parse().unwrap_or(0);
            let step = number.checked_mul(minutes).filter(|step| *step > 0).ok_or("the interval is out of range")?;
            interval(step, rest, zone)
        }
        ["every", days, time] => on_days(None, days, "month", time, zone),
        ["every", days, "of", months, time] => on_days(None, days, months, time, zone),
        [days, "of", months, time] => on_dates(days, months, time, zone),
        [ordinals, days, "of", months, time] => on_days(Some(ordinals), days, months, time, zone),
        _ => Err(format!("`{text}` is no schedule of App Engine that is known here")),
    }
}

/// Each so many minutes, perhaps in a part of the day.
fn interval(step: u32, rest: &[&str], zone: &str) -> Result<Schedule, String> {
    let (from, to) = match rest {
        [] => {
            let timing = timing::every(Duration::from_secs(u64::from(step) * 60));
            let differs =
                vec!["the interval begins with the end of the call before there; here with its time".to_owned()];
            return Ok(Schedule { timing, differs });
        }
        ["synchronized"] if MINUTES_OF_DAY.is_multiple_of(step) => (0, MINUTES_OF_DAY - 1),
        ["synchronized"] => return Err("the interval does not divide a day, as `synchronized` needs".to_owned()),
        ["from", from, "to", to] => (minute_of_day(from)?, minute_of_day(to)?),
        _ => return Err(format!("`{}` is not known here", rest.join(" "))),
    };
    let length = (to + MINUTES_OF_DAY - from) % MINUTES_OF_DAY;
    if 60 % step == 0 {
        let first = from % step;
        let minutes = match (step, first) {
            (1, _) => "*".to_owned(),
            (60, first) => first.to_string(),
            (step, 0) => format!("*/{step}"),
            (step, first) => format!("{first}-59/{step}"),
        };
        let mut timing = timing::cron(&format!("{minutes} * * * *"), zone);
        if length < MINUTES_OF_DAY - 1 {
            let end = (to + 1) % MINUTES_OF_DAY;
            timing.insert("except".to_owned(), format!("{}-{}", clock(end), clock(from)).into());
        }
        return Ok(Schedule::exact(timing));
    }
    let times: Vec<u32> = (0..=length / step).map(|number| (from + number * step) % MINUTES_OF_DAY).collect();
    let minute = from % 60;
    if times.iter().all(|time| time % 60 == minute) {
        let mut hours: Vec<u32> = times.iter().map(|time| time / 60).collect();
        hours.sort_unstable();
        let hours: Vec<String> = hours.iter().map(ToString::to_string).collect();
        return Ok(Schedule::exact(timing::cron(&format!("{minute} {} * * *", hours.join(",")), zone)));
    }
    let times: Vec<String> = times.into_iter().take(3).map(clock).collect();
    Err(format!("no cron pattern has its times ({}, …); make an endpoint for each hour it begins at", times.join(", ")))
}

/// On weekdays, all of them or the first, second, … of a month.
fn on_days(ordinals: Option<&str>, days: &str, months: &str, time: &str, zone: &str) -> Result<Schedule, String> {
    let weekdays = match (ordinals, days) {
        (None, "day") => "*".to_owned(),
        (None, days) => each(days, |day| Ok(named(&WEEKDAYS, day)?[..3].to_uppercase()))?,
        (Some(_), "day") => return Err("which day of a month is meant has to be said as a number".to_owned()),
        (Some(ordinals), days) => {
            let mut items = Vec::new();
            for ordinal in ordinals.split(',') {
                let place = ORDINALS.iter().position(|(short, long)| [*short, *long].contains(&ordinal));
                let place = place.ok_or_else(|| format!("`{ordinal}` is no place in a month, from 1st to 5th"))? + 1;
                for day in days.split(',') {
                    items.push(format!("{}#{place}", named(&WEEKDAYS, day)?[..3].to_uppercase()));
                }
            }
            items.join(",")
        }
    };
    at(time, "*", months, &weekdays, zone)
}

/// On days of the month.
fn on_dates(days: &str, months: &str, time: &str, zone: &str) -> Result<Schedule, String> {
    let days = each(days, |day| {
        day.parse()
            .ok()
            .filter(|day: &u32| (1..=31).contains(day))
            .map(|day| day.to_string())
            .ok_or_else(|| format!("`{day}` is no day of a month"))
    })?;
    at(time, &days, months, "*", zone)
}

fn at(time: &str, days: &str, months: &str, weekdays: &str, zone: &str) -> Result<Schedule, String> {
    let months = match months {
        "month" => "*".to_owned(),
        "quarter" => "JAN,APR,JUL,OCT".to_owned(),
        months => each(months, |month| Ok(named(&MONTHS, month)?[..3].to_uppercase()))?,
    };
    let time = minute_of_day(time)?;
    let pattern = format!("{} {} {days} {months} {weekdays}", time % 60, time / 60);
    Ok(Schedule::exact(timing::cron(&pattern, zone)))
}

/// The items of a list, each as cron writes it.
fn each(list: &str, write: impl Fn(&str) -> Result<String, String>) -> Result<String, String> {
    Ok(list.split(',').map(write).collect::<Result<Vec<_>, _>>()?.join(","))
}

/// The whole name of a day or a month, which is written in full or cut to three letters or more.
fn named(names: &[&'static str], word: &str) -> Result<&'static str, String> {
    let known = names.iter().find(|name| word.len() >= 3 && name.starts_with(word));
    known.copied().ok_or_else(|| format!("`{word}` is not known here"))
}

fn minute_of_day(time: &str) -> Result<u32, String> {
    let read = time.split_once(':').and_then(|(hour, minute)| Some((hour.parse().ok()?, minute.parse().ok()?)));
    let in_range = read.filter(|(hour, minute): &(u32, u32)| *hour < 24 && *minute < 60);
    in_range.map(|(hour, minute)| hour * 60 + minute).ok_or_else(|| format!("`{time}` is no time of a day"))
}

fn clock(minute: u32) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let read = read(text, "UTC").map(|schedule| {
            let words = schedule.timing.iter().filter(|(name, _)| *name != "tz");
            words
                .map(|(name, value)| format!("{name} {}", value.as_str().unwrap_or_default()))
                .collect::<Vec<_>>()
                .join("; ")
        });
        match read {
            Ok(words) => assert_eq!(words, expect, "{text}"),
            Err(why) => assert!(why.contains(expect), "{text}: {why}"),
        }
    }

    #[test]
    fn intervals_are_read() {
        check("every 5 minutes", "every 5m");
        check("every 24 hours", "every 1d");
        check("every 2 mins", "every 2m");
        check("every 5 minutes synchronized", "cron */5 * * * *");
        check("every 2 hours synchronized", "cron 0 0,2,4,6,8,10,12,14,16,18,20,22 * * *");
        check("every 5 minutes from 10:00 to 14:00", "cron */5 * * * *; except 14:01-10:00");
        check("every 30 minutes from 22:10 to 05:00", "cron 10-59/30 * * * *; except 05:01-22:10");
        check("every 1 hours from 00:30 to 23:59", "cron 30 * * * *; except 00:00-00:30");
        check("every 3 hours from 08:15 to 18:00", "cron 15 8,11,14,17 * * *");
        check("every 10 mins from 00:00 to 23:59", "cron */10 * * * *");
        check("every 90 minutes synchronized", "00:00, 01:30, 03:00");
        check("every 7 hours synchronized", "does not divide a day");
        check("every 5 seconds", "neither minutes nor hours");
        check("every 0 minutes", "out of range");
    }

    #[test]
    fn days_are_read() {
        check("every day 00:00", "cron 0 0 * * *");
        check("every monday 09:00", "cron 0 9 * * MON");
        check("every mon,wed of jan,september 9:05", "cron 5 9 * JAN,SEP MON,WED");
        check("1st,third monday of month 09:00", "cron 0 9 * * MON#1,MON#3");
        check("2nd,third mon, wed of march 17:00", "cron 0 17 * MAR MON#2,WED#2,MON#3,WED#3");
        check("1,15 of month 10:30", "cron 30 10 1,15 * *");
        check("1 of jan,april,july,oct 00:00", "cron 0 0 1 JAN,APR,JUL,OCT *");
        check("first wed of quarter 08:00", "cron 0 8 * JAN,APR,JUL,OCT WED#1");
        check("first day of month 08:00", "said as a number");
        check("32 of month 08:00", "no day of a month");
        check("every funday 09:00", "`funday`");
        check("every day 24:00", "no time of a day");
        check("whenever", "no schedule");
    }
}
