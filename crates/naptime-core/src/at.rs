//! The time at which a one-off job is to be called, as people write it: `2030-01-31T09:00:00Z`.

use jiff::fmt::temporal::{Pieces, PiecesOffset, TimeZoneAnnotation, TimeZoneAnnotationKind};

use crate::request::excerpt;
use crate::{Invalid, Time, Zone};

/// The end of the last year that can be asked for: 9999-01-01T00:00:00Z.
const END: Time = Time::from_millis(253_370_764_800_000);
/// Pieces of input are quoted up to this many characters, so that a time with a zone in brackets is quoted whole.
const QUOTED: usize = 70;

/// Reads a date with a time of day, as in RFC 3339 and RFC 9557: `2030-01-31T09:00:00Z`, `2030-01-31 09:00+01:00`,
/// `2030-01-31T09:00:00+01:00[Europe/Berlin]`. What is shorter than a millisecond is cut off.
///
/// A time without an offset is read in the zone in its brackets, or else in `zone`, by the rule that RFC 5545 and
/// `java.time` have too (`compatible` in jiff): of two moments with the same local time the first is meant. A local time
/// that clocks leave out as they are put forward is later by as much as they are: 02:30 is then 03:30.
///
/// # Errors
/// At `at`: `not_a_time`; `ambiguous` without an offset and without a zone; `contradiction` if the zone in brackets has
/// another offset; `unknown_zone`; `out_of_range` outside the years 1970 to 9998.
pub fn read_at(text: &str, zone: Option<&Zone>) -> Result<Time, Invalid> {
    let text = text.trim();
    let fault = |code, detail: &str| Invalid::new("at", code, format!("`{}` {detail}", excerpt(text, QUOTED)));
    if let Some(detail) = beyond_a_clock(text) {
        return Err(fault("not_a_time", detail));
    }
    let not_a_time = || fault("not_a_time", "is not a time; write it like 2030-01-31T09:00:00Z");
    let pieces = Pieces::parse(text).map_err(|_| not_a_time())?;
    let no_time_of_day = || fault("not_a_time", "has no time of day; write it like 2030-01-31T09:00:00Z");
    let wall = pieces.date().to_datetime(pieces.time().ok_or_else(no_time_of_day)?);
    let in_brackets = pieces.time_zone_annotation().map(read_brackets).transpose()?;
    let at = match (pieces.offset(), in_brackets.as_ref().or(zone)) {
        (Some(offset), _) => offset.to_numeric_offset().to_timestamp(wall).ok().map(Time::from),
        (None, Some(zone)) => zone.moment(wall),
        (None, None) => {
            return Err(fault("ambiguous", "says neither an offset nor a zone: add Z or an offset, or say `tz`"));
        }
    };
    let at = at.filter(|at| (Time::from_millis(0)..END).contains(at));
    let at = at.ok_or_else(|| fault("out_of_range", "is not within the years 1970 to 9998 of UTC"))?;
    // `Z` says a moment and nothing of what clocks show, so it agrees with every zone.
    if let (Some(PiecesOffset::Numeric(offset)), Some(zone)) = (pieces.offset(), &in_brackets)
        && zone.clock(at).is_some_and(|clock| clock.offset() != offset.offset())
    {
        let meant = zone.moment(wall).and_then(|at| zone.clock(at)).ok_or_else(not_a_time)?;
        let meant = meant.strftime("%Y-%m-%dT%H:%M:%S%:z");
        let detail = format!("contradicts itself: in {zone} that is {meant}; write that, or leave out the zone");
        return Err(fault("contradiction", &detail));
    }
    Ok(at)
}

/// What is wrong with a second 60, and with an offset that no clock has. jiff reads the one as 59, and offsets of up to 25
/// hours.
fn beyond_a_clock(text: &str) -> Option<&'static str> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let time = time.split('[').next()?;
    if !date.ends_with(|c: char| c.is_ascii_digit()) || !time.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let clock = time.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(time.len());
    if digits(&time[..clock]).get(4..6) == Some("60") {
        return Some("is a leap second, which is not counted here; write the second before or after it");
    }
    let offset = &time[time.find(['+', '-'])?..];
    let is_beyond = digits(offset).get(..2).is_some_and(|hours| hours >= "24");
    is_beyond.then_some("has an offset of a day or more; write one like +02:00, or Z")
}

fn read_brackets(zone: &TimeZoneAnnotation<'_>) -> Result<Zone, Invalid> {
    match zone.kind() {
        TimeZoneAnnotationKind::Named(name) => {
            Zone::parse(name.as_str()).map_err(|fault| Invalid { field: "at".into(), ..fault })
        }
        _ => {
            let detail = "the brackets have an offset in them; write the name of a zone there, or leave them out";
            Err(Invalid::new("at", "unknown_zone", detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, zone: Option<&str>) -> Result<String, String> {
        let zone = zone.map(|name| Zone::parse(name).expect("a zone"));
        read_at(text, zone.as_ref()).map(|at| at.to_string()).map_err(|fault| {
            assert_eq!(fault.field, "at");
            format!("{}: {}", fault.code, fault.detail)
        })
    }

    #[test]
    fn times_with_an_offset_are_read_as_they_say() {
        let check = |text: &str, expect: &str| {
            for zone in [None, Some("America/New_York")] {
                assert_eq!(read(text, zone).as_deref(), Ok(expect), "{text}");
            }
        };
        check("2026-07-01T12:00:00Z", "2026-07-01T12:00:00.000Z");
        check(" 2026-07-01t12:00:00z ", "2026-07-01T12:00:00.000Z");
        check("2026-07-01 12:00:00.0069+02:00", "2026-07-01T10:00:00.006Z");
        check("2026-07-01T12:00-0330", "2026-07-01T15:30:00.000Z");
        check("2026-07-01T12:00:00-00:00", "2026-07-01T12:00:00.000Z");
        check("2026-07-01T12:00:00+23:59", "2026-06-30T12:01:00.000Z");
        check("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z");
        check("9998-12-31T23:59:59.999Z", "9998-12-31T23:59:59.999Z");
        check("2026-07-01T12:00:00+02:00[Europe/Berlin]", "2026-07-01T10:00:00.000Z");
        check("2026-07-01T12:00:00Z[Europe/Berlin]", "2026-07-01T12:00:00.000Z");
        check("2026-07-01T12:00[europe/berlin]", "2026-07-01T10:00:00.000Z");
        // Both hours from 02:00 to 03:00 can be named.
        check("2026-10-25T02:30:00+02:00[Europe/Berlin]", "2026-10-25T00:30:00.000Z");
        check("2026-10-25T02:30:00+01:00[Europe/Berlin]", "2026-10-25T01:30:00.000Z");
    }

    #[test]
    fn times_without_an_offset_are_read_in_the_zone() {
        let check = |text: &str, expect: &str| {
            assert_eq!(read(text, Some("Europe/Berlin")).as_deref(), Ok(expect), "{text}");
        };
        check("2026-07-01T12:00:00", "2026-07-01T10:00:00.000Z");
        check("2026-01-01 12:00", "2026-01-01T11:00:00.000Z");
        check("2026-07-01T12:00[Asia/Tokyo]", "2026-07-01T03:00:00.000Z");
        // 02:00 to 03:00 does not exist, and comes twice.
        check("2026-03-29T02:30:00", "2026-03-29T01:30:00.000Z");
        check("2026-10-25T02:30:00", "2026-10-25T00:30:00.000Z");
    }

    #[test]
    fn what_is_unclear_is_refused_with_what_to_write() {
        let check = |text: &str, expect: &str| assert_eq!(read(text, None), Err(expect.to_owned()), "{text}");
        let like = "write it like 2030-01-31T09:00:00Z";
        let not = [
            "",
            "tomorrow",
            "1767323045",
            "2026-02-30T12:00Z",
            "2026-07-01T24:00Z",
            "2026-07-01T12:00Z x",
            "12:00",
            "tomorrow at 5-30",
        ];
        for text in not {
            check(text, &format!("not_a_time: `{text}` is not a time; {like}"));
        }
        check("2026-07-01", &format!("not_a_time: `2026-07-01` has no time of day; {like}"));

        let neither = "says neither an offset nor a zone: add Z or an offset, or say `tz`";
        check("2026-07-01T12:00:00", &format!("ambiguous: `2026-07-01T12:00:00` {neither}"));
        check("2026-07-01 12:00", &format!("ambiguous: `2026-07-01 12:00` {neither}"));

        let leap = "is a leap second, which is not counted here; write the second before or after it";
        for text in ["2026-12-31T23:59:60Z", "2016-12-31 23:59:60.5+00:00", "20161231T235960Z", "2016-12-31T23:59:60"] {
            check(text, &format!("not_a_time: `{text}` {leap}"));
        }
        let offset = "has an offset of a day or more; write one like +02:00, or Z";
        for text in ["2026-07-01T12:00:00+24:00", "2026-07-01T12:00:00-25:00[Europe/Berlin]", "2026-07-01T12:00+9900"] {
            check(text, &format!("not_a_time: `{text}` {offset}"));
        }

        check(
            "2026-07-01T12:00:00+05:00[Europe/Berlin]",
            "contradiction: `2026-07-01T12:00:00+05:00[Europe/Berlin]` contradicts itself: in Europe/Berlin that is \
             2026-07-01T12:00:00+02:00; write that, or leave out the zone",
        );
        check(
            "2026-03-29T02:30:00+01:00[Europe/Berlin]",
            "contradiction: `2026-03-29T02:30:00+01:00[Europe/Berlin]` contradicts itself: in Europe/Berlin that is \
             2026-03-29T03:30:00+02:00; write that, or leave out the zone",
        );
        check(
            "2026-07-01T12:00[Europe/Foobar]",
            "unknown_zone: `Europe/Foobar` is not a known time zone; write it like Europe/Berlin or UTC",
        );
        check(
            "2026-07-01T12:00+02:00[+02:00]",
            "unknown_zone: the brackets have an offset in them; write the name of a zone there, or leave them out",
        );

        let years = "is not within the years 1970 to 9998 of UTC";
        let beyond = [
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+05:00",
            "0026-07-01T12:00:00Z",
            "9999-01-01T00:00:00Z",
            "9999-12-31T23:59:59-12:00",
            "-002026-07-01T12:00:00Z",
            "9999-12-31T23:59:59[America/New_York]",
        ];
        for text in beyond {
            check(text, &format!("out_of_range: `{text}` {years}"));
        }
    }

    proptest! {
        #[test]
        fn nothing_typed_panics(
            text in "[0-9+-]{4,6}-[01][0-9]-[0-3][0-9][Tt ]?[0-9]{2}:?[0-6][0-9]:?[0-9]{0,2}[.,]?[0-9]{0,3}[Zz+-]?[0-9:]{0,6}(\\[[A-Za-z/+:0-9]{0,9}\\])?|.*"
        ) {
            let _ = read(&text, None);
            let _ = read(&text, Some("Europe/Berlin"));
        }

        #[test]
        fn what_is_shown_reads_the_same(millis in 0..END.millis()) {
            let at = Time::from_millis(millis);
            prop_assert_eq!(read_at(&at.to_string(), None), Ok(at));
        }
    }
}
