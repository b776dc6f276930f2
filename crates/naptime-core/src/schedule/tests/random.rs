//! `random`: one moment in each slot, where and when it may be, the same for all who ask.

use jiff::civil::date;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn random(period: Duration, window: &str, days: &str, name: &str, seed: u64) -> Result<Random, Invalid> {
    let windows = (!window.is_empty()).then(|| window.parse()).transpose()?;
    Random::new(period, windows, days.parse()?, zone(name), seed)
}

#[test]
fn says_what_is_wrong() {
    let check = |period, window: &str, days: &str, expect: Result<(), (&str, &str, &str)>| {
        let read = random(period, window, days, "UTC", 1).map(|_| ());
        let fault = read.as_ref().map_err(|invalid| (&*invalid.field, invalid.code, &*invalid.detail));
        assert_eq!(fault.copied(), expect, "{period:?} {window} {days}");
    };
    check(HOUR, "09:00-17:00", "mon-fri", Ok(()));
    check(HOUR, "09:00-10:00", "mon", Ok(()));
    check(HOUR, "09:00-09:30, 12:00-12:30", "mon", Ok(()));
    check(8 * HOUR, "22:00-06:00", "mon", Ok(()));
    check(DAY, "09:00-09:01", "mon", Ok(()));
    check(23 * HOUR, "", "mon", Ok(()));
    check(366 * DAY, "", "mon", Ok(()));
    let narrow = |detail| Err(("window", "too_narrow", detail));
    let detail = "`09:00-09:59` is 59m a day, shorter than the period of 1h; write 1d for once a day";
    check(HOUR, "09:00-09:59", "mon", narrow(detail));
    let detail = "`09:00-12:00, 23:00-01:00` is 5h a day, shorter than the period of 6h; write 1d for once a day";
    check(6 * HOUR, "9-12, 23-1", "mon", narrow(detail));
    let whole = "1d 1h is longer than a day, so it must be whole days; write 1d or 2d";
    check(25 * HOUR, "", "mon", Err(("random", "not_whole_days", whole)));
    let bounds = "the period may be from 100ms to 366d";
    check(367 * DAY, "", "mon", Err(("random", "out_of_range", bounds)));
    check(Duration::ZERO, "", "mon", Err(("random", "out_of_range", bounds)));
    let same = "`09:00-09:00` has no length; write 00:00-24:00 for the whole day";
    check(HOUR, "09:00-09:00", "mon", Err(("window", "no_length", same)));
    let none = "no weekday is named; write them like mon-fri or sat, sun";
    check(HOUR, "", ",", Err(("days", "empty", none)));
    let narrow = r#"{"random":{"period":"2h","window":"09:00-10:00","days":"Mon","tz":"UTC","seed":1}}"#;
    assert!(serde_json::from_str::<Schedule>(narrow).is_ok(), "what was stored once stays readable");
}

#[test]
fn moments_are_the_same_for_ever() {
    let hourly = Schedule::Random(random(HOUR, "09:00-17:00", "mon-fri", "Europe/Berlin", 7).expect("valid"));
    let weekly = Schedule::Random(random(7 * DAY, "", "sat,sun", "UTC", u64::MAX).expect("valid"));
    let from = time("2026-03-27T14:30:00Z");
    let windows = Schedule::Random(random(2 * HOUR, "22-2, 9-12 and 14-17", "6", "UTC", 1).expect("valid"));
    let nightly = Schedule::Random(random(DAY, "23:59-06:00", "sun", "UTC", 1).expect("valid"));
    let through = Schedule::Random(random(23 * HOUR, "", "mon-sun", "Europe/Berlin", 1).expect("valid"));
    assert_eq!(hourly.upcoming(from, 3), HOURLY.map(time));
    assert_eq!(weekly.upcoming(from, 2), WEEKLY.map(time));
    assert_eq!(windows.upcoming(from, 6), WINDOWED.map(time));
    assert_eq!(nightly.upcoming(from, 2), NIGHTLY.map(time));
    assert_eq!(through.upcoming(from, 3), THROUGH.map(time));
    assert_eq!(hourly.describe(), "at random once in each 1h, 09:00-17:00, Mon-Fri (Europe/Berlin)");
    assert_eq!(weekly.describe(), "at random once in each 7d, Sat-Sun (UTC)");
    let words = "at random once in each 2h, 09:00-12:00, 14:00-17:00, 22:00-02:00, Sat (UTC)";
    assert_eq!(windows.describe(), words);
    assert_eq!((hourly.period(), hourly.zone()), (Some(HOUR), Some("Europe/Berlin")));
    let json = r#"{"random":{"period":"7d","window":null,"days":"Sat-Sun","tz":"UTC","seed":18446744073709551615}}"#;
    assert_eq!(serde_json::to_string(&weekly).expect("JSON"), json);
}

const HOURLY: [&str; 3] = ["2026-03-27T14:53:49.876Z", "2026-03-27T15:26:58.330Z", "2026-03-30T07:34:23.599Z"];
const WEEKLY: [&str; 2] = ["2026-03-28T09:55:49.757Z", "2026-04-05T11:00:54.425Z"];
const WINDOWED: [&str; 6] = [
    "2026-03-28T10:07:46.324Z",
    "2026-03-28T11:37:54.640Z",
    "2026-03-28T14:59:34.033Z",
    "2026-03-28T16:43:26.243Z",
    "2026-03-28T22:57:54.754Z",
    "2026-03-29T00:48:14.083Z",
];
const NIGHTLY: [&str; 2] = ["2026-03-30T03:04:12.383Z", "2026-04-06T00:08:50.560Z"];
const THROUGH: [&str; 3] = ["2026-03-27T17:05:48.485Z", "2026-03-28T14:51:57.626Z", "2026-03-29T01:41:31.248Z"];

#[test]
fn moments_are_spread_over_their_slots() {
    let hourly = Schedule::Random(random(HOUR, "", "mon-sun", "UTC", 3).expect("valid"));
    let mut tenths = [0; 10];
    for at in hourly.upcoming(time("2026-01-01T00:00:00Z"), 2_000) {
        tenths[usize::try_from(at.since(at.floor(HOUR)).as_secs() / 360).expect("small")] += 1;
    }
    assert!(tenths.iter().all(|count| (150..250).contains(count)), "{tenths:?}");
}

#[test]
fn a_window_that_the_clock_skips_is_one_moment_after_the_gap() {
    let daily = Schedule::Random(random(DAY, "02:10-02:50", "sun", "Europe/Berlin", 1).expect("valid"));
    assert_eq!(daily.first(time("2026-03-28T12:00:00Z")), Some(time("2026-03-29T01:00:00Z")));
    let often = Schedule::Random(random(10 * MINUTE, "02:10-02:50", "sun", "Europe/Berlin", 1).expect("valid"));
    let upcoming = often.upcoming(time("2026-03-28T12:00:00Z"), 2);
    assert_eq!(upcoming[0], time("2026-03-29T01:00:00Z"));
    assert!(upcoming[1] > time("2026-04-05T00:00:00Z"), "the next week");
}

#[test]
fn a_day_of_23_or_25_hours_has_as_many_slots() {
    // In Havana it is midnight that comes twice.
    for (name, midnight, hours) in [
        ("Europe/Berlin", "2026-03-28T23:00:00Z", 23),
        ("Europe/Berlin", "2026-10-24T22:00:00Z", 25),
        ("Europe/Berlin", "2026-06-06T22:00:00Z", 24),
        ("America/Havana", "2028-11-05T04:00:00Z", 25),
    ] {
        let hourly = Schedule::Random(random(HOUR, "", "sun", name, 5).expect("valid"));
        let start = time(midnight);
        let upcoming = hourly.upcoming(Time::from_millis(start.millis() - 1), hours + 1);
        for (hour, at) in upcoming[..hours].iter().enumerate() {
            assert_eq!(at.since(start).as_secs() / 3600, hour as u64, "{midnight}");
        }
        assert!(upcoming[hours] >= start + 7 * DAY - HOUR);
    }
}

#[test]
fn rates_are_those_of_the_long_run() {
    let rate = |period, window: &str, days: &str, count, of| {
        rate_is(&Schedule::Random(random(period, window, days, "UTC", 1).expect("valid")), count, of);
    };
    rate(HOUR, "", "mon-sun", 24, DAY);
    rate(HOUR, "09:00-17:30", "mon-fri", 45, 7 * DAY);
    rate(DAY, "09:00-17:00", "mon", 1, 7 * DAY);
    rate(3 * DAY, "", "mon-sun", 1, 3 * DAY);
    rate(30 * DAY, "", "mon", 1, 30 * DAY);
    // Of seven slots of three days, which begin on each weekday in turn, three have a Monday.
    rate(3 * DAY, "", "mon", 3, 21 * DAY);
}

#[test]
fn rates_of_periods_that_do_not_divide_a_day_are_those_of_the_weeks_in_which_they_repeat() {
    let check = |hours: u32, window: &str, days: &str, weeks: u32| {
        let random = random(hours * HOUR, window, days, "UTC", 1).expect("valid");
        // A slot begins there, and at the end.
        let start = time("1970-01-05T00:00:00Z") + 100 * weeks * 7 * DAY;
        let count = random.count(start, start + weeks * 7 * DAY);
        rate_is(&Schedule::Random(random), count, weeks * 7 * DAY);
    };
    check(7, "", "mon-sun", 1);
    check(7, "09:00-17:00", "mon-fri", 1);
    check(9, "09:00-12:00, 20:00-04:00", "sat-sun", 9);
    check(23, "", "mon", 23);
    check(23, "12:00-11:30", "mon,tue,sun", 23);
    rate_is(&Schedule::Random(random(23 * HOUR, "", "mon", "UTC", 1).expect("valid")), 46, 23 * 7 * DAY);
}

#[test]
fn a_window_belongs_to_the_day_on_which_it_starts() {
    let nightly = Schedule::Random(random(HOUR, "22:00-02:00", "fri", "UTC", 1).expect("valid"));
    // 2026-05-01 was a Friday. On Saturday its window is not over.
    for (from, hours) in [("2026-05-01T21:00:00Z", 22..26), ("2026-05-01T23:59:59.999Z", 24..26)] {
        let friday = time("2026-05-01T00:00:00Z");
        let upcoming = nightly.upcoming(time(from), 4);
        let of_the_night: Vec<u64> = upcoming.iter().map(|at| at.since(friday).as_secs() / 3600).collect();
        assert_eq!(of_the_night[..hours.clone().count()], hours.collect::<Vec<_>>());
    }
}

#[test]
fn a_slot_is_once_whatever_windows_it_holds() {
    let check = |period, window: &str, expect: &[u64]| {
        let schedule = Schedule::Random(random(period, window, "fri", "UTC", 1).expect("valid"));
        let friday = time("2026-05-01T00:00:00Z");
        let upcoming = schedule.upcoming(friday, 20).into_iter();
        let of_the_day = upcoming.take_while(|at| *at < friday + 2 * DAY);
        let slots: Vec<u64> = of_the_day.map(|at| (at.since(friday) - 9 * HOUR).as_secs() / period.as_secs()).collect();
        assert_eq!(slots, expect, "{period:?} {window}");
    };
    check(HOUR, "9-12, 14-17", &[0, 1, 2, 5, 6, 7]);
    check(2 * HOUR, "9-12, 14-17", &[0, 1, 2, 3]);
    check(4 * HOUR, "9-12, 14-17", &[0, 1]);
    check(6 * HOUR, "9-12, 14-17", &[0, 1]);
    check(HOUR, "09:00-09:30, 23:45-00:45", &[0, 14, 15]);
}

#[test]
fn a_period_that_does_not_divide_a_day_comes_once_in_each() {
    let random = random(23 * HOUR, "", "mon-sun", "Europe/Berlin", 1).expect("valid");
    let anchor = time("1970-01-04T23:00:00Z");
    let upcoming = Schedule::Random(random).upcoming(time("2026-03-20T00:00:00Z"), 100);
    let slots: Vec<u64> = upcoming.iter().map(|at| at.since(anchor).as_secs() / (23 * 3600)).collect();
    assert!(slots.windows(2).all(|pair| pair[1] == pair[0] + 1), "{slots:?}");
}

#[test]
fn an_outage_of_years_is_counted_at_once() {
    let random = random(Duration::from_millis(700), "22:00-02:00", "mon-sun", "UTC", 1).expect("valid");
    let start = time("2000-01-01T12:00:00Z");
    let slots_of_a_night = 4 * 3_600_000 / 700;
    let count = random.count(start, start + 9_000 * DAY);
    assert!((9_000 * slots_of_a_night..=9_000 * (slots_of_a_night + 2)).contains(&count), "{count}");
}

fn any_random(windows: &'static [&'static str]) -> impl Strategy<Value = (Random, Time)> {
    let minutes = prop::sample::select(vec![10, 60, 240, 420, 1_380, 1_440, 2_880, 10_080, 43_200]);
    let period = prop_oneof![9 => minutes.prop_map(|n| n * MINUTE), 1 => Just(Duration::from_millis(1_234_567))];
    let days = prop::sample::select(vec!["mon-sun", "mon-fri", "sun", "tue,sat-sun"]);
    let parts = (period, prop::sample::select(windows), days, zone_and_time(), any::<u64>());
    parts.prop_filter_map("a window is too narrow", |(period, window, days, (zone, now), seed)| {
        Some((random(period, window, days, zone.name(), seed).ok()?, now))
    })
}

/// Windows that start and end at any time, also when the clocks are changed.
const WINDOWS: [&str; 9] = [
    "",
    "09:00-17:00",
    "01:30-24:00",
    "00:00-08:15",
    "02:20-09:40",
    "09:00-12:00, 14:00-17:00",
    "22:00-02:30",
    "01:40-02:10, 02:20-02:40, 23:00-01:10",
    "02:30-02:29",
];
/// Windows of which no start and no end is skipped or comes twice.
const PLAIN_WINDOWS: [&str; 8] = [
    "",
    "09:00-17:00",
    "03:30-24:00",
    "00:00-08:15",
    "09:00-12:00, 14:00-17:00",
    "22:00-04:00",
    "12:00-11:55",
    "12:00-13:00, 21:00-00:30, 05:00-05:05",
];

/// The slot that a time is in, told by the clock; none if that is outside all windows.
fn slot(random: &Random, at: Time) -> Option<(i64, i64)> {
    let zone = random.zone();
    let clock = zone.clock(at).expect("a time");
    let minute = u16::try_from(clock.hour()).expect("small") * 60 + u16::try_from(clock.minute()).expect("small");
    let windows = random.windows().cloned().unwrap_or_else(|| "00:00-24:00".parse().expect("windows"));
    let day = i64::from(date(1970, 1, 5).until(clock.date()).expect("days").get_days());
    let (day, _) = [(day, minute), (day - 1, minute + 1440)].into_iter().find(|(day, minute)| {
        let allowed = random.days().has(u8::try_from(day.rem_euclid(7)).expect("small"));
        allowed && windows.as_slice().iter().any(|window| (window.minutes().0..window.minutes().1).contains(minute))
    })?;
    let period = i64::try_from(random.period().as_millis()).expect("small");
    let start = |day: i64, minute: u16| {
        let midnight = date(1970, 1, 5).at(0, 0, 0, 0).checked_add(jiff::Span::new().days(day)).expect("a day");
        let wall = midnight.checked_add(jiff::Span::new().minutes(i64::from(minute))).expect("a time");
        zone.first(wall).expect("a time").millis()
    };
    if period >= 86_400_000 {
        return Some((day.div_euclid(period / 86_400_000), 0));
    }
    if 86_400_000 % period != 0 {
        return Some(((at.millis() - start(0, 0)).div_euclid(period), 0));
    }
    Some((day, (at.millis() - start(day, windows.as_slice()[0].minutes().0)) / period))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn random_keeps_its_books((random, now) in any_random(&WINDOWS), picks: (prop::sample::Index, prop::sample::Index)) {
        keeps_its_books(&Schedule::Random(random), now, picks);
    }
}

proptest! {
    // Each looks at thousands of times.
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn each_slot_has_one_moment_where_it_may_be((random, now) in any_random(&PLAIN_WINDOWS)) {
        let schedule = Schedule::Random(random.clone());
        let end = now + 9 * DAY;
        let moments = schedule.upcoming(now, 1_500);
        let mut with_moment = Vec::new();
        for at in moments.into_iter().take_while(|at| *at < end) {
            let slot = slot(&random, at);
            prop_assert!(slot.is_some(), "{at} is outside the windows");
            prop_assert!(slot > with_moment.last().copied(), "{at} is the second of its slot");
            with_moment.extend(slot);
        }
        prop_assert_eq!(random.count(now, end - Duration::from_millis(1)), with_moment.len() as u64);
        // All windows and changes of the clock are at multiples of 5 min, so no part of a slot lies between two looks.
        let step = 5 * MINUTE;
        let looks = (0..).map(|n| now.floor(step) + n * step).take_while(|at| *at < end);
        let looks = looks.flat_map(|at| [Time::from_millis(at.millis() - 1), at]).filter(|at| *at >= now);
        let mut slots: Vec<(i64, i64)> = looks.filter_map(|at| slot(&random, at)).collect();
        slots.dedup();
        // The moment of the first slot may be over, and that of the last one yet to come.
        for slot in slots.iter().skip(1).rev().skip(1) {
            prop_assert!(with_moment.contains(slot), "{slot:?} has no moment");
        }
    }
}
