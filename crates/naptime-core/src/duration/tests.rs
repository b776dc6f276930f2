//! What is read as a duration, and what is said of all else. More of what is read is in `tests/duration_vectors.rs`.

use proptest::prelude::*;

use super::*;

#[derive(serde::Deserialize)]
struct Stored(#[serde(with = "text")] Duration);

fn detail<T>(read: Result<T, Invalid>) -> Result<T, String> {
    read.map_err(|invalid| {
        assert_eq!(invalid.field, "every");
        format!("{}: {}", invalid.code, invalid.detail)
    })
}

#[test]
fn what_is_unclear_is_refused_with_what_to_write() {
    let check = |text: &str, expect: &str| assert_eq!(detail(parse("every", text)), Err(expect.to_owned()), "{text:?}");
    let like = "write it like 10s, 5m or 1h 30m";
    check(" ", &format!("empty: a duration is missing; {like}"));
    check("soon", &format!("not_a_duration: `soon` is not a duration; {like}"));
    check("~5m", &format!("not_a_duration: `~5m` is not a duration; {like}"));
    check("5m-10m", &format!("not_a_duration: `-10m` in `5m-10m` cannot be read; {like}"));
    check("5m/2", &format!("not_a_duration: `/2` in `5m/2` cannot be read; {like}"));
    check("5m,", &format!("not_a_duration: `,` in `5m,` cannot be read; {like}"));
    check("5m.30s", &format!("not_a_duration: `.30s` in `5m.30s` cannot be read; {like}"));
    check("in minutes", "not_a_duration: `minutes` has no number; write 1 minutes");
    check("m", "not_a_duration: `m` has no number; write 1 m");
    check("-", &format!("not_a_duration: `-` is not a duration; {like}"));
    check("-5m", "not_a_duration: `-5m` is negative; write 5m");
    check("2x5m", "not_a_duration: `x` in `2x5m` is not a unit; write ms, s, m, h, d or w");

    check("30", "ambiguous: `30` could be seconds or milliseconds: write 30s or 30ms");
    check("every 5", "ambiguous: `5` could be seconds or milliseconds: write 5s or 5ms");
    check("1.5", "ambiguous: `1.5` could be seconds or milliseconds: write 1.5s or 1.5ms");
    check("5 5m", "ambiguous: `5` in `5 5m` has no unit: write 5m, 5s or what it is");
    check("1 hour 30", "ambiguous: `30` in `1 hour 30` has no unit: write 30m, 30s or what it is");
    check("5M", "ambiguous: `5M` could be minutes or months: write 5m, 5 min, or a cron pattern");
    check("1d 5M", "ambiguous: `5M` could be minutes or months: write 5m, 5 min, or a cron pattern");
    check("1,5h", "ambiguous: `1,5h` has a comma within a number: write a decimal point, or no comma");
    check("5:30", "ambiguous: `5:30` could be hours and minutes or minutes and seconds: write 5h 30m or 5m 30s");

    let cut = "has no fixed length, as months and years differ in length: write days, like 30d, or a cron pattern";
    for text in ["1 month", "2 months", "1mo", "1y", "2 years", "monthly", "annually", "P1M", "P1Y2M"] {
        check(text, &format!("not_a_duration: `{text}` {cut}"));
    }
    check("every month", &format!("not_a_duration: `month` {cut}"));
    check("5m 5m", "not_a_duration: `5m 5m` names the unit `m` twice; write 10m for the sum");
    check("1h 1 hour", "not_a_duration: `1h 1 hour` names the unit `hour` twice; write 2h for the sum");

    check("100us", "out_of_range: `100us` is not a whole number of milliseconds; leave out what is shorter");
    check(
        "1.0000000000000000001s",
        "out_of_range: `1.0000000000000000001s` is not a whole number of milliseconds; leave out what is shorter",
    );
    for text in ["999999999999d", "18446744073709551615s", "99999999999999999999999999999999999999999w"] {
        let shown = crate::request::excerpt(text, 40);
        check(text, &format!("out_of_range: `{shown}` is longer than any duration here; write a shorter one"));
    }

    let clock = "is not hours, minutes and seconds; write it like 00:05:00, or 5m";
    for text in ["5:61", "1:2:3", "00:00:60", "1:00:00:00", "00:05:00x", ":30"] {
        check(text, &format!("not_a_duration: `{text}` {clock}"));
    }
    let iso = "is not a duration of ISO 8601; write it like PT1H30M, or 1h 30m";
    for text in ["PT", "P1DT", "P5", "PT5D", "P1H", "PT.5S", "PT5M ago"] {
        check(text, &format!("not_a_duration: `{text}` {iso}"));
    }
}

#[test]
fn bounds_are_allowed_themselves() {
    let read = |text| detail(parse_within("every", text, Duration::from_secs(10), Duration::from_secs(3600)));
    assert_eq!(read("10s"), Ok(Duration::from_secs(10)));
    assert_eq!(read("1 hour"), Ok(Duration::from_secs(3600)));
    assert_eq!(read("9s"), Err("out_of_range: 9s is out of range; it may be from 10s to 1h".to_owned()));
}

#[test]
fn a_bare_number_is_what_its_place_says() {
    let (min, max) = (Duration::ZERO, MAX_PERIOD);
    assert_eq!(parse("every", "0"), Ok(Duration::ZERO));
    assert_eq!(parse_setting("every", " 250 ", min, max), Ok(Duration::from_millis(250)));
    assert_eq!(parse_setting("every", "5 min", min, max), Ok(Duration::from_secs(300)));
    assert_eq!(parse_seconds("every", "120"), Ok(Duration::from_secs(120)));
    assert_eq!(parse_seconds("every", "2m"), Ok(Duration::from_secs(120)));
    assert!(parse_setting("every", "", min, max).is_err() && parse_seconds("every", "").is_err());
    assert!(parse_setting("every", "250.5", min, max).is_err() && parse_seconds("every", "1.5").is_err());
}

#[test]
fn numbers_of_json_that_look_like_seconds_are_refused() {
    let check = |number: &str, min_period: Duration, expect: Result<&str, &str>| {
        let read = detail(from_millis_number("every", number, min_period)).map(show);
        assert_eq!(read.as_deref().map_err(String::as_str), expect, "{number}");
    };
    let usual = |number: &str, expect: Result<&str, &str>| check(number, MIN_PERIOD, expect);
    usual("0", Ok("0ms"));
    usual("1000", Ok("1s"));
    usual("300000", Ok("5m"));
    usual("300000.0", Ok("5m"));
    usual("3e5", Ok("5m"));
    usual("3600", Err(r#"ambiguous: 3600 is 3.6 s; write "1h" or 3600000, or "3s 600ms" if that is meant"#));
    usual("30", Err(r#"ambiguous: 30 is 0.03 s; write "30s" or 30000, or "30ms" if that is meant"#));
    check("250", SHORTEST_PERIOD, Ok("250ms"));
    check(
        "3600",
        SHORTEST_PERIOD,
        Err(r#"ambiguous: 3600 is 3.6 s; write "1h" or 3600000, or "3s 600ms" if that is meant"#),
    );
    for number in ["-5", "1.5", "1e-3", "1e400"] {
        let detail =
            format!("not_a_duration: {number} is not a whole number of milliseconds; write a text like \"5m\"");
        check(number, MIN_PERIOD, Err(&detail));
    }
    let too_long = "out_of_range: `100000000000000000000ms` is longer than any duration here; write a shorter one";
    usual("1e20", Err(too_long));
    usual("100000000000000000000", Err(too_long));
}

#[test]
fn what_is_stored_is_read_by_rules_of_its_own() {
    let read = |text: &str| serde_json::from_str(&format!("\"{text}\"")).ok().map(|Stored(duration)| duration);
    assert_eq!(read("1d 2h 3m 4s 5ms"), Some(Duration::from_millis(93_784_005)));
    assert_eq!(read("0ms"), Some(Duration::ZERO));
    for text in ["", "5", "5 m", "5x", "99999999999999999999d", "999999999999999999d"] {
        assert_eq!(read(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_shown_reads_the_same(millis in 0u64..40_000_000_000) {
        let duration = Duration::from_millis(millis);
        prop_assert_eq!(parse("every", &show(duration)), Ok(duration));
        let stored: Stored = serde_json::from_value(show(duration).into()).expect("readable");
        prop_assert_eq!(stored.0, duration);
    }

    #[test]
    fn nothing_typed_panics(text in "(every |in )?[0-9.,:+]{0,6} ?([A-Za-z]{0,4}|PT?[0-9HMSD.]{0,8})[0-9smhdwMµ.:, -]{0,9}|.*") {
        let _ = parse("every", &text);
        let _ = parse_seconds("every", &text);
        let _ = parse_setting("every", &text, Duration::ZERO, MAX_PERIOD);
        let _ = from_millis_number("every", &text, MIN_PERIOD);
    }

    #[test]
    fn decimals_are_exact(whole in 0u64..10_000, thousandths in 0u64..1_000) {
        let read = parse("every", &format!("{whole}.{thousandths:03}s"));
        prop_assert_eq!(read, Ok(Duration::from_millis(whole * 1_000 + thousandths)));
    }
}
