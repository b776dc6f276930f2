//! What is refused, and what is said of it.

use super::*;

fn check(text: &str, detail: &str) {
    let fault = Cron::parse(text, Zone::UTC, 0).map(|cron| cron.to_string()).expect_err(text);
    assert_eq!((&*fault.field, fault.code), ("cron", "bad_cron"), "{text:?}");
    assert_eq!(fault.detail, detail, "{text:?}");
}

#[test]
fn names_belong_to_their_field() {
    check("MON 9 * * *", "`MON` is a weekday; the first field is the minute");
    check("0 mon * * *", "`mon` is a weekday; the second field is the hour");
    check("0 9 MON * *", "`MON` is a weekday; the third field is the day of the month");
    check("0 9 * MON *", "`MON` is a weekday; the fourth field is the month");
    check("0 9 * * JAN", "`JAN` is a month; the fifth field is the weekday");
    check("0 9 * * JUL", "`JUL` is a month; the fifth field is the weekday");
    check("0 9 JAN-MAR * *", "`JAN` is a month; the third field is the day of the month");
    check(
        "0 9 * * MON-FRI *",
        "`MON` is a weekday; the fifth field of six is the month, as six begin with the seconds",
    );
    check(
        "0 0 1 JANFEB *",
        "`JANFEB` is not a month; write a number from 1 to 12, a name like JAN, a range like JUN-AUG, or `*`",
    );
    check("0 9 * * SUNMON", &format!("`SUNMON` is not a weekday; {WEEKDAY}"));
    check("0 9 * * MON-FRIDAYS", &format!("`FRIDAYS` is not a weekday; {WEEKDAY}"));
    check("0 0 9 * * MONDAYS", &format!("`MONDAYS` is not a weekday; {WEEKDAY}"));
}

const MINUTE: &str = "write a number from 0 to 59, a range like 0-29, a step like */5, or `*`";
const DAY_OF_MONTH: &str = "write a number from 1 to 31, a range like 1-7, L (the last day), L-2 (two days before it), \
                            15W (the weekday nearest to the 15th), LW (the last weekday), or `*`";
const WEEKDAY: &str = "write a number from 0 (Sunday) to 7, a name like MON, a range like MON-FRI, 5L (the last Friday), \
                       5#2 (the second Friday), or `*`";

#[test]
fn numbers_have_bounds() {
    check("61 * * * *", "minute 61: from 0 to 59");
    check("0-60 * * * *", "minute 60: from 0 to 59");
    check("60 0 0 * * *", "second 60: from 0 to 59");
    check("* 24 * * *", "hour 24: from 0 to 23");
    check("* * 0 * *", "day of the month 0: from 1 to 31");
    check("* * 32W * *", "day of the month 32: from 1 to 31");
    check("* * L-31 * *", "day of the month L-31: from L-1 to L-30");
    check("* * * 13 *", "month 13: from 1 to 12");
    check("* * * * 8", "weekday 8: from 0 to 7");
    check("* * * * 8L", "weekday 8: from 0 to 7");
    check("* * * * 1#6", "weekday 1#6: behind `#` comes a number from 1 to 5");
    check("* * * * 1#+2", "weekday 1#+2: behind `#` comes a number from 1 to 5");
    check("99999999999 * * * *", "minute 99999999999: from 0 to 59");
    check("*/0 * * * *", "step 0 of the minute: from 1 to 60; a longer period is written as `every`");
    check("*/90 * * * *", "step 90 of the minute: from 1 to 60; a longer period is written as `every`");
}

#[test]
fn what_has_no_meaning_is_named() {
    check("5.5 * * * *", &format!("`5.5` is not a minute; {MINUTE}"));
    check("☃ * * * *", &format!("`☃` is not a minute; {MINUTE}"));
    check("-1 * * * *", &format!("`-1` is not a minute; {MINUTE}"));
    check("1-2-3 * * * *", &format!("`2-3` is not a minute; {MINUTE}"));
    check("*/5/2 * * * *", &format!("`*/5/2` is not a minute; {MINUTE}"));
    check("*5 * * * *", &format!("`*5` is not a minute; {MINUTE}"));
    check("L * * * *", &format!("`L` is not a minute; {MINUTE}"));
    check("H(0-70) * * * *", "minute 70: from 0 to 59");
    check("H(5) * * * *", &format!("`H(5)` is not a minute; {MINUTE}"));
    check("0 0 15W3 * *", &format!("`15W3` is not a day of the month; {DAY_OF_MONTH}"));
    check("0 0 W * *", &format!("`W` is not a day of the month; {DAY_OF_MONTH}"));
    check("0 0 LW3 * *", &format!("`LW3` is not a day of the month; {DAY_OF_MONTH}"));
    check("0 0 L3 * *", &format!("`L3` is not a day of the month; {DAY_OF_MONTH}"));
    check("0 0 L- * *", &format!("`L-` is not a day of the month; {DAY_OF_MONTH}"));
    check("0 0 * * L", &format!("`L` is not a weekday; {WEEKDAY}"));
    check("0 0 * * 5L2", &format!("`5L2` is not a weekday; {WEEKDAY}"));
    check("0 0 * * MON-FRI#2", &format!("`MON-FRI` is not a weekday; {WEEKDAY}"));
    check("0 0 * * +", "an item of the weekday `` is empty; take away the comma that is too many");
    check("1,,2 * * * *", "an item of the minute `1,,2` is empty; take away the comma that is too many");
    check("0 1, * * *", "an item of the hour `1,` is empty; take away the comma that is too many");
}

#[test]
fn patterns_have_five_fields_or_six() {
    let fields = "write five fields (minute, hour, day of the month, month, weekday) like 0 9 * * MON-FRI, or six with \
                  the seconds first";
    check("", &format!("the pattern is missing; {fields}"));
    check("*", &format!("there is one field; {fields}"));
    check("* * * *", &format!("there are 4 fields; {fields}"));
    check("* * * * * * * *", &format!("there are 8 fields; {fields}"));
    check(&format!("{} * * * *", "1,".repeat(200)), "the pattern is longer than 200 characters");
    let nicknames = "there are @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually";
    check("@hourlyish", &format!("`@hourlyish` is not known; {nicknames}"));
    check("@hourly *", &format!("`@hourly *` is not known; {nicknames}"));
}

#[test]
fn other_dialects_are_told_apart() {
    check("@every 5m", "a period is no cron pattern; write it as `every`: 5m");
    check("@every 1h 30m", "a period is no cron pattern; write it as `every`: 1h 30m");
    check("@reboot", "`@reboot` is no time, but the start of a machine; write when to call, like @hourly or 0 9 * * *");
    check("0 0 12 * * ? 2027", "there is a seventh field, `2027`: patterns have no year here; leave it out");
    check(
        "cron(0 12 ? * MON-FRI *)",
        "`cron(...)` is how AWS writes it, with a year as the sixth field; write the first five fields alone, \
         `0 12 ? * MON-FRI`, and weekdays by name, as 1 is Sunday there and Monday here",
    );
    // Without its brackets.
    check(
        "0 12 ? * MON-FRI *",
        "`?` stands only for a whole field of a day; the third field of six is the hour, as six begin with the seconds",
    );
    check(
        "0 0 12 ? * 2-6",
        "weekday 2: beside `?`, as in Quartz and AWS, 1 is Sunday, and here it is Monday; write names like MON, or `*` \
         for `?`",
    );
    check("? * * * *", "`?` stands only for a whole field of a day; the first field is the minute");
    check("* * ?,1 * *", "`?` stands only for a whole field of a day; the third field is the day of the month");
}

#[test]
fn lines_of_a_crontab_are_known() {
    let line = |text: &str, pattern: &str, command: &str| {
        let detail = format!(
            "this is a line of a crontab; its pattern is `{pattern}`: write only that here, and give the URL to call as \
             `url`, since commands (`{command}`) are not run"
        );
        check(text, &detail);
    };
    line("0 5 * * * curl -s https://example.com/", "0 5 * * *", "curl -s https://example.com/");
    line("0 5 * * * root /usr/bin/foo", "0 5 * * *", "root /usr/bin/foo");
    line("0 5 * * *\t/usr/bin/foo", "0 5 * * *", "/usr/bin/foo");
    line("0 5 * * * backup", "0 5 * * *", "backup");
    line("@daily /usr/bin/foo 1", "@daily", "/usr/bin/foo 1");
}

#[test]
fn what_never_comes_is_refused() {
    let code = |text: &str, name: &str| Cron::parse(text, zone(name), 0).map_err(|fault| fault.code);
    for text in ["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 30,31 FEB *", "0 0 31W 2 *", "0 0 L-30 2 *"] {
        assert_eq!(code(text, "UTC"), Err("never"), "{text:?}");
    }
    // Always in the hour that is skipped.
    assert_eq!(code("*/5 2 25-31 3 +SUN", "Europe/Berlin"), Err("never"));
    for text in ["0 0 29 2 *", "0 0 29 2 +MON", "0 0 31 2 MON", "*/5 2 25-31 3 +SUN", "0 0 L-28 2 *"] {
        assert!(code(text, "UTC").is_ok(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn nothing_typed_panics(text in "([0-9*/,LW#H()-]{1,4} ){4,5}[0-9*/,L#+-]{1,4}|[@a-z]{0,5}.{0,40}", millis: i64) {
        if let Ok(cron) = Cron::parse(&text, zone("Europe/Berlin"), 7) {
            let schedule = Schedule::Cron(cron);
            let at = Time::from_millis(millis);
            let _ = (schedule.first(at), schedule.next(at, at + DAY), schedule.mean_rate(), schedule.describe());
        }
    }

    #[test]
    fn what_is_shown_reads_the_same(
        text in "([0-9]{1,2}|\\*|\\*/[1-9]|H) ([0-9]|H\\(1-5\\)|20-4) (\\*|L|15W|H) (\\*|JAN|feb-4) (\\*|5L|MON#2|\\?)", seed: u64,
    ) {
        if let Ok(cron) = Cron::parse(&format!("  {text}"), zone("Europe/Berlin"), seed) {
            let again = Cron::parse(cron.text(), cron.zone().clone(), seed).expect("it was read before");
            prop_assert_eq!(&again, &cron);
            let json = serde_json::to_string(&cron).expect("JSON");
            let stored: Cron = serde_json::from_str(&json).expect("it was stored");
            prop_assert_eq!((&stored, stored.fault()), (&cron, None));
            let now = time("2026-01-01T12:00:00Z");
            prop_assert_eq!(stored.after(now), cron.after(now));
        }
    }
}
