//! Expressions of EventBridge: `rate(5 minutes)`, `cron(0 9 ? * MON-FRI *)`, `at(2030-01-31T09:00:00)`.

use std::time::Duration;

const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// When a schedule comes, again and again.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Expression {
    Rate(Duration),
    /// A pattern as Naptime writes it, and the first and the last year if they are said.
    Cron {
        pattern: String,
        years: Option<(u32, u32)>,
    },
}

/// Reads an expression.
///
/// # Errors
/// Why it cannot be taken over: a sentence without a full stop.
pub(super) fn read(text: &str) -> Result<Expression, String> {
    let inner = |name: &str| text.trim().strip_prefix(name)?.strip_suffix(')');
    if let Some(rate) = inner("rate(") {
        return self::rate(rate).map(Expression::Rate);
    }
    if let Some(fields) = inner("cron(") {
        return cron(fields);
    }
    if inner("at(").is_some() {
        return Err("it comes once; ask for such a call with `naptime enqueue --at`".to_owned());
    }
    Err(format!("`{text}` is neither rate(…) nor cron(…)"))
}

fn rate(text: &str) -> Result<Duration, String> {
    let bad = || format!("`rate({text})` is no number of minutes, hours or days");
    let (number, unit) = text.trim().split_once(' ').ok_or_else(bad)?;
    let seconds = match unit.trim().trim_end_matches('s') {
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => return Err(bad()),
    };
    let number: u64 = number.parse().map_err(|_| bad())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(bad)
}

fn cron(text: &str) -> Result<Expression, String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minute, hour, day, month, weekday, year] = fields[..] else {
        return Err(format!(
            "`cron({text})` has {} fields; there are six, the last of which is the year",
            fields.len()
        ));
    };
    let day = if day == "?" { "*" } else { day };
    let pattern = format!("{minute} {hour} {day} {month} {}", weekdays(weekday)?);
    Ok(Expression::Cron { pattern, years: years(year)? })
}

/// The weekdays by name: there 1 is Sunday, and here it is Monday.
fn weekdays(field: &str) -> Result<String, String> {
    if matches!(field, "?" | "*") {
        return Ok("*".to_owned());
    }
    let items = field.split(',').map(|item| {
        // Alone, it is the last day of a week.
        if item == "L" {
            return Ok("SAT".to_owned());
        }
        let (base, end) = item.find(['/', '#']).map_or((item, ""), |at| item.split_at(at));
        let (base, last) = base.strip_suffix('L').filter(|day| !day.is_empty()).map_or((base, ""), |day| (day, "L"));
        let days: Result<Vec<String>, String> = base.split('-').map(weekday).collect();
        Ok(format!("{}{last}{end}", days?.join("-")))
    });
    Ok(items.collect::<Result<Vec<_>, String>>()?.join(","))
}

fn weekday(word: &str) -> Result<String, String> {
    if word == "*" {
        return Ok(word.to_owned());
    }
    let number: Option<usize> = word.parse().ok();
    let name = number.and_then(|number| WEEKDAYS.get(number.checked_sub(1)?)).copied();
    let name = name.or_else(|| WEEKDAYS.into_iter().find(|day| day.eq_ignore_ascii_case(word)));
    name.map(str::to_owned).ok_or_else(|| format!("`{word}` is no weekday"))
}

fn years(field: &str) -> Result<Option<(u32, u32)>, String> {
    if field == "*" {
        return Ok(None);
    }
    let (first, last) = field.split_once('-').unwrap_or((field, field));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) => Ok(Some((first, last))),
        _ => Err(format!("the years `{field}` are neither one year nor a range, which is all that can be said here")),
    }
}

#[cfg(test)]
mod tests {
    use naptime_core::{Cron, Zone};

    use super::*;

    #[test]
    fn patterns_are_those_that_naptime_reads() {
        let check = |text: &str, expect: &str| match read(text) {
            Ok(Expression::Cron { pattern, years: None }) => {
                assert_eq!(pattern, expect, "{text}");
                Cron::parse(&pattern, Zone::UTC, 0).expect(text);
            }
            other => panic!("{text}: {other:?}"),
        };
        check("cron(0 9 * * ? *)", "0 9 * * *");
        check("cron(15 10 ? * 2-6 *)", "15 10 * * MON-FRI");
        check("cron(15 10 ? * mon-fri *)", "15 10 * * MON-FRI");
        check("cron(0/5 8-17 ? * 1,7 *)", "0/5 8-17 * * SUN,SAT");
        check("cron(0 9 L * ? *)", "0 9 L * *");
        check("cron(0 9 15W * ? *)", "0 9 15W * *");
        check("cron(0 9 ? * 6L *)", "0 9 * * FRIL");
        check("cron(0 9 ? * 6#3 *)", "0 9 * * FRI#3");
        check("cron(0 9 ? * L *)", "0 9 * * SAT");
        check("cron(0 9 ? * 2/2 *)", "0 9 * * MON/2");
        check("cron(0 9 1 JAN,6 ? *)", "0 9 1 JAN,6 *");
    }

    #[test]
    fn rates_and_years_are_read() {
        assert_eq!(read("rate(5 minutes)"), Ok(Expression::Rate(Duration::from_secs(300))));
        assert_eq!(read("rate(1 day)"), Ok(Expression::Rate(Duration::from_secs(86_400))));
        let years = |text| match read(text) {
            Ok(Expression::Cron { years, .. }) => years,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(years("cron(0 9 * * ? 2027)"), Some((2027, 2027)));
        assert_eq!(years("cron(0 9 * * ? 2027-2029)"), Some((2027, 2029)));
    }

    #[test]
    fn what_cannot_be_said_here_is_refused() {
        for (text, why) in [
            ("at(2030-01-31T09:00:00)", "naptime enqueue"),
            ("rate(5 weeks)", "rate(5 weeks)"),
            ("rate(5)", "rate(5)"),
            ("cron(0 9 * * *)", "5 fields"),
            ("cron(0 9 ? * 8 *)", "`8` is no weekday"),
            ("cron(0 9 * * ? 2027,2029)", "2027,2029"),
            ("0 9 * * *", "neither"),
        ] {
            let fault = read(text).expect_err(text);
            assert!(fault.contains(why), "{text}: {fault}");
        }
    }
}
