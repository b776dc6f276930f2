//! Exceptions: what is read, what is refused, and when they hold.

use super::*;

/// The exceptions as they are shown, or the code and the words of the fault.
fn check(text: &str, expect: Result<&str, (&str, &str)>) {
    let read = Exceptions::parse_list([text]);
    let read = read.as_ref().map(ToString::to_string).map_err(|invalid| {
        assert_eq!(invalid.field, "except");
        (invalid.code, &*invalid.detail)
    });
    assert_eq!(read.as_deref().map_err(|fault| *fault), expect, "{text:?}");
}

#[test]
fn dates_are_read_with_and_without_a_year() {
    check("", Ok(""));
    check("2026-12-25", Ok("2026-12-25"));
    check("12-25", Ok("12-25"));
    check("02-29", Ok("02-29"));
    for range in
        ["12-24..01-02", "12-24 .. 01-02", "12-24 to 01-02", "12-24\u{2013}01-02", "12-24 - 01-02", "12-24…01-02"]
    {
        check(range, Ok("12-24..01-02"));
    }
    check("2026-12-24..2027-01-02", Ok("2026-12-24..2027-01-02"));
    check("2026-12-24 to 2027-01-02", Ok("2026-12-24..2027-01-02"));
    check("2026-12-24 \u{2014} 2026-12-24", Ok("2026-12-24"));
    check("12-25, 2026-05-01 and 12-24..01-02,", Ok("12-25, 2026-05-01, 12-24..01-02"));
}

#[test]
fn parts_of_the_day_are_read_with_and_without_weekdays() {
    check("01:00-03:00", Ok("01:00-03:00"));
    check("1am-3am, 22:00 to 02:00", Ok("01:00-03:00, 22:00-02:00"));
    check("mon-fri 01:00-03:00", Ok("Mon-Fri 01:00-03:00"));
    check("01:00-03:00 on mon-fri", Ok("Mon-Fri 01:00-03:00"));
    check("9:30 pm - 1 am weekdays", Ok("Mon-Fri 21:30-01:00"));
    check("mon wed 9-17", Ok("Mon Wed 09:00-17:00"));
    check("daily 01:00-03:00", Ok("01:00-03:00"));
    check("sat, sun", Ok("Sat 00:00-24:00, Sun 00:00-24:00"));
    check("weekend, daily 01:00-03:00", Ok("Sat-Sun 00:00-24:00, daily 01:00-03:00"));
    check("daily 01:00-03:00, sat", Ok("01:00-03:00, Sat 00:00-24:00"));
    check("daily 01:00-03:00, 05:00-06:00", Ok("01:00-03:00, 05:00-06:00"));
    check("9-17 on mon-fri", Ok("Mon-Fri 09:00-17:00"));
    check("sat 01:00-03:00, daily 05:00-06:00", Ok("Sat 01:00-03:00, daily 05:00-06:00"));
    check("05:00-06:00, sat 01:00-03:00", Ok("05:00-06:00, Sat 01:00-03:00"));
    // As it was stored once.
    let stored = "Sat 01:00-03:00, 05:00-06:00".parse::<Exceptions>();
    assert_eq!(stored.map(|it| it.to_string()).as_deref(), Ok("Sat 01:00-03:00, daily 05:00-06:00"));
}

#[test]
fn says_what_is_wrong() {
    let fault = |text: &str, code: &str, detail: &str| check(text, Err((code, detail)));
    let forms = "write it like 2026-12-25, 12-24..01-02, sat-sun or mon-fri 01:00-03:00";
    for item in ["christmas", "25.12.", "2026/12/25", "1225", "2026-12", "12-24..26", "-", "mon 01:00-03:00 fri"] {
        let shown = item.replace("..", "-");
        let detail = format!("`{shown}` is not a date, weekdays or a part of the day; {forms}");
        fault(item, "not_an_exception", &detail);
    }
    fault("12-25, 2026-02-30", "no_such_day", &format!("there is no day `2026-02-30`; {forms}"));
    for day in ["25-12", "02-30", "00-01", "22-02"] {
        let detail = format!(
            "there is no day `{day}`; write the month first, like 12-25, or a part of the day like 22:00-02:00"
        );
        fault(day, "no_such_day", &detail);
    }
    fault(
        "2027-01-02..2026-12-24",
        "not_an_exception",
        "`2027-01-02..2026-12-24` ends before it starts; write 2026-12-24..2027-01-02",
    );
    fault(
        "2026-12-24..12-26",
        "ambiguous",
        "`2026-12-24..12-26` has a year at one end only; write 2026-12-24..2026-12-26",
    );
    for (range, instead) in [
        ("2026-12-24..01-02", "2026-12-24..2027-01-02"),
        ("12-24..2027-01-02", "2026-12-24..2027-01-02"),
        ("12-01..2027-12-24", "2027-12-01..2027-12-24"),
    ] {
        fault(range, "ambiguous", &format!("`{range}` has a year at one end only; write {instead}"));
    }
    for day in ["Dec 25", "25 December", "25 dec"] {
        fault(day, "not_an_exception", &format!("`{day}` is written 12-25, the month first"));
    }
    fault(
        "sat 01:00-03:00, 05:00-06:00",
        "ambiguous",
        "`05:00-06:00` may be of every day or go with `sat 01:00-03:00`; write `daily 05:00-06:00` for every day, or the \
         weekdays before each part",
    );
    for (items, bare, part) in
        [("mon-fri, 01:00-03:00", "mon-fri", "01:00-03:00"), ("01:00-03:00, sat", "sat", "01:00-03:00")]
    {
        let detail = format!(
            "`{bare}` may be the whole day or go with `{part}`; write `{bare} 00:00-24:00` for the whole day, or all days of \
             a window with blanks between, like `mon wed 01:00-03:00`"
        );
        fault(items, "ambiguous", &detail);
    }
    fault("22-2", "not_an_exception", "`22-2` is written 22:00-02:00");
    fault("0-24", "not_an_exception", "`0-24` is written 00:00-24:00");
    fault("1-1", "not_an_exception", "`1-1` is written 01-01");
    for (item, word) in [("UTC 9:00-10:00", "UTC"), ("not 12:00-13:00", "not")] {
        fault(item, "not_an_exception", &format!("`{word}` is not a weekday; {forms}"));
    }
    fault("9-17", "ambiguous", "`9-17` may be a date or a part of the day; write 09-17 for the date, or 09:00-17:00");
    fault(
        "mon, wed 01:00-03:00",
        "ambiguous",
        "`mon` may be the whole day or go with `wed 01:00-03:00`; write `mon 00:00-24:00` for the whole day, or all days \
         of a window with blanks between, like `mon wed 01:00-03:00`",
    );
    fault(
        "01:00-03:00 on mon and wed",
        "ambiguous",
        "`wed` may be the whole day or go with `01:00-03:00 on mon`; write `wed 00:00-24:00` for the whole day, or all \
         days of a window with blanks between, like `mon wed 01:00-03:00`",
    );
    fault(
        "12-23 22:00-24:00",
        "not_an_exception",
        "`12-23 22:00-24:00` is a part of a date; write `12-23` for all of that day, or weekdays before the part",
    );
    fault("mon 01:00-25:00", "not_a_window", "`25:00` is not a time of day; write it like 09:00, 9 or 9am");
    fault("01:00-01:00", "no_length", "`01:00-01:00` has no length; write 00:00-24:00 for the whole day");
    fault("mo-fry 01:00-03:00", "not_an_exception", &format!("`fry` is not a weekday; {forms}"));
    fault("01:00-03:00 on", "not_an_exception", &format!("no weekday is named; {forms}"));
    let many = vec!["12-25"; 101].join(",");
    fault(&many, "too_many", "101 exceptions are too many; there may be up to 100");
}

/// The parts of `every 1h` from a local time on that are left, as `25T03 26T00`.
#[track_caller]
fn holds(except: &str, name: &str, from: &str, hours: u64, expect: &str) {
    let bounds = Bounds { except: except.parse().expect("exceptions"), zone: zone(name), ..Bounds::none() };
    let schedule = Schedule::aligned(HOUR).within(bounds).expect("it comes");
    let from: jiff::civil::DateTime = from.parse().expect("a local time");
    let from = zone(name).moment(from).expect("a moment");
    let end = from + Duration::from_secs(hours * 3600);
    let left = schedule.upcoming(Time::from_millis(from.millis() - 1), 1000).into_iter().take_while(|at| *at < end);
    let show = |at: Time| zone(name).clock(at).expect("a time").strftime("%dT%H").to_string();
    assert_eq!(left.map(show).collect::<Vec<_>>().join(" "), expect, "{except} in {name}");
}

#[test]
fn exceptions_hold_by_the_clock() {
    holds("2026-12-25", "Europe/Berlin", "2026-12-24T22:00", 30, "24T22 24T23 26T00 26T01 26T02 26T03");
    holds("12-25", "UTC", "2027-12-24T22:00", 30, "24T22 24T23 26T00 26T01 26T02 26T03");
    holds("12-24..01-02", "UTC", "2026-12-23T22:00", 10 * 24 + 2, "23T22 23T23");
    holds("12-24..01-02", "UTC", "2030-12-23T23:00", 10 * 24 + 3, "23T23 03T00 03T01");
    // 2027 has no February 29.
    holds("02-29", "UTC", "2027-02-28T23:00", 3, "28T23 01T00 01T01");
    holds("02-29", "UTC", "2028-02-28T23:00", 27, "28T23 01T00 01T01");
    holds("02-29..03-01", "UTC", "2027-02-28T23:00", 27, "28T23 02T00 02T01");
    holds("02-27..02-29", "UTC", "2027-02-26T23:00", 51, "26T23 01T00 01T01");
    holds("02-27..02-29", "UTC", "2028-02-26T23:00", 75, "26T23 01T00 01T01");
    // 2026-01-09 is a Friday. A part belongs to the day on which it starts.
    holds("fri 22:00-02:00", "UTC", "2026-01-09T21:00", 6, "09T21 10T02");
    holds("fri 22:00-02:00", "UTC", "2026-01-10T21:00", 3, "10T21 10T22 10T23");
    holds("sat-sun", "UTC", "2026-01-09T23:00", 50, "09T23 12T00");
    holds("01:00-03:00, 03:00-05:00, 02:00-04:00", "UTC", "2026-01-09T00:00", 7, "09T00 09T05 09T06");
    // The hour from 02:00 comes twice, and is skipped.
    holds("02:00-03:00", "Europe/Berlin", "2026-10-25T01:00", 5, "25T01 25T03 25T04");
    holds("02:30-03:30", "Europe/Berlin", "2026-10-25T01:00", 5, "25T01 25T02 25T02 25T04");
    holds("01:00-03:00", "America/New_York", "2026-11-01T00:00", 5, "01T00 01T03");
    holds("02:00-03:00", "America/New_York", "2026-03-08T01:00", 3, "08T01 08T03 08T04");
    holds("01:00-04:00", "Europe/Berlin", "2026-03-29T00:00", 4, "29T00 29T04");
}

proptest! {
    #[test]
    fn nothing_typed_panics_and_what_is_shown_reads_the_same(
        text in "[0-9:. a-z,-]{0,24}|([0-9]{2,4}[-. ]{1,2}){1,6}|(mon|fri|on|and|to|12-25|[0-9]:00-9:00|[ ,-]){0,8}|.*",
    ) {
        if let Ok(exceptions) = text.parse::<Exceptions>() {
            prop_assert_eq!(exceptions.to_string().parse(), Ok(exceptions));
        }
    }
}
