//! `random`: one moment in each slot, where and when it may be, the same for all who ask.

use jiff::civil::date;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn random(period: Duration, window: &str, days: &str, name: &str, seed: u64) -> Result<Random, Invalid> {
    let window = (!window.is_empty()).then(|| window.parse()).transpose()?;
    Random::new(period, window, days.parse()?, zone(name), seed)
}

fn code(period: Duration, window: &str, days: &str) -> Result<(), (String, &'static str)> {
    random(period, window, days, "UTC", 1).map(|_| ()).map_err(|invalid| (invalid.field.into_owned(), invalid.code))
}

#[test]
fn says_what_is_wrong() {
    let fault = |field: &str, code| Err((field.to_owned(), code));
    assert_eq!(code(HOUR, "09:00-17:00", "mon-fri"), Ok(()));
    assert_eq!(code(HOUR, "09:00-10:00", "mon"), Ok(()));
    assert_eq!(code(HOUR, "09:00-09:59", "mon"), fault("window", "too_narrow"));
    assert_eq!(code(DAY, "09:00-09:01", "mon"), Ok(()));
    assert_eq!(code(23 * HOUR, "", "mon"), Ok(()));
    assert_eq!(code(25 * HOUR, "", "mon"), fault("random", "not_whole_days"));
    assert_eq!(code(366 * DAY, "", "mon"), Ok(()));
    assert_eq!(code(367 * DAY, "", "mon"), fault("random", "out_of_range"));
    assert_eq!(code(Duration::ZERO, "", "mon"), fault("random", "out_of_range"));
    assert_eq!(code(HOUR, "17:00-09:00", "mon"), fault("window", "ends_before_it_starts"));
    assert_eq!(code(HOUR, "", ","), fault("days", "empty"));
    let narrow = r#"{"random":{"period":"2h","window":"09:00-10:00","days":"Mon","tz":"UTC","seed":1}}"#;
    assert!(serde_json::from_str::<Schedule>(narrow).is_err());
}

#[test]
fn moments_are_the_same_for_ever() {
    let hourly = Schedule::Random(random(HOUR, "09:00-17:00", "mon-fri", "Europe/Berlin", 7).expect("valid"));
    let weekly = Schedule::Random(random(7 * DAY, "", "sat,sun", "UTC", u64::MAX).expect("valid"));
    let from = time("2026-03-27T14:30:00Z");
    assert_eq!(hourly.upcoming(from, 3), HOURLY.map(time));
    assert_eq!(weekly.upcoming(from, 2), WEEKLY.map(time));
    assert_eq!(hourly.describe(), "at random once in each 1h, 09:00-17:00, Mon-Fri (Europe/Berlin)");
    assert_eq!(weekly.describe(), "at random once in each 7d, Sat-Sun (UTC)");
    assert_eq!((hourly.period(), hourly.zone()), (Some(HOUR), Some("Europe/Berlin")));
    let json = r#"{"random":{"period":"7d","window":null,"days":"Sat-Sun","tz":"UTC","seed":18446744073709551615}}"#;
    assert_eq!(serde_json::to_string(&weekly).expect("JSON"), json);
}

const HOURLY: [&str; 3] = ["2026-03-27T14:53:49.876Z", "2026-03-27T15:26:58.330Z", "2026-03-30T07:34:23.599Z"];
const WEEKLY: [&str; 2] = ["2026-03-28T09:55:49.757Z", "2026-04-05T11:00:54.425Z"];

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

fn any_random() -> impl Strategy<Value = (Random, Time)> {
    let period = prop_oneof![
        Just(10 * MINUTE),
        Just(HOUR),
        Just(Duration::from_millis(1_234_567)),
        Just(7 * HOUR),
        Just(DAY),
        Just(2 * DAY),
        Just(7 * DAY),
        Just(30 * DAY),
    ];
    let window =
        prop_oneof![Just(""), Just("09:00-17:00"), Just("01:30-24:00"), Just("00:00-08:15"), Just("02:20-09:40")];
    let days = prop_oneof![Just("mon-sun"), Just("mon-fri"), Just("sun"), Just("tue,sat-sun")];
    (period, window, days, zone_and_time(), any::<u64>()).prop_map(|(period, window, days, (zone, now), seed)| {
        (random(period, window, days, zone.name(), seed).expect("valid"), now)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn random_keeps_its_books((random, now) in any_random(), picks: (prop::sample::Index, prop::sample::Index)) {
        keeps_its_books(&Schedule::Random(random), now, picks);
    }

    #[test]
    fn each_slot_has_one_moment_where_it_may_be((random, now) in any_random()) {
        let zone = random.zone().clone();
        let window = random.window().unwrap_or(Window::DAY).to_string();
        let (from, to) = window.split_once('-').expect("two");
        let mut last: Option<(i64, i64)> = None;
        for at in Schedule::Random(random.clone()).upcoming(now, 60) {
            let clock = zone.clock(at).expect("a time");
            let wall = clock.strftime("%H:%M").to_string();
            let weekday = u8::try_from(clock.weekday().to_monday_zero_offset()).expect("small");
            prop_assert!(random.days().has(weekday), "{at} is on a day that is not allowed");
            prop_assert!(*wall >= *from && *wall < *to, "{at}, there {wall}, is outside {window}");
            let day = i64::from(date(1970, 1, 5).until(clock.date()).expect("days").get_days());
            let slot = if random.period() < DAY {
                let start = zone.first(format!("{}T{from}", clock.date()).parse().expect("a time")).expect("a time");
                let late = zone.last(format!("{}T{from}", clock.date()).parse().expect("a time")).expect("a time");
                let start = if from == "00:00" { start } else { late };
                (day, i64::try_from(at.since(start).as_millis() / random.period().as_millis()).expect("small"))
            } else {
                (day.div_euclid(i64::try_from(random.period().as_secs() / 86_400).expect("small")), 0)
            };
            if let Some(last) = last {
                let days = i64::try_from(random.period().as_secs() / 86_400).expect("small").max(1);
                let allowed = |day: i64| random.days().has(u8::try_from(day.rem_euclid(7)).expect("small"));
                let skipped = last.0 + 1..slot.0;
                if slot.0 == last.0 {
                    prop_assert_eq!(slot.1, last.1 + 1, "each slot of a day once");
                } else {
                    prop_assert_eq!(slot.1, 0, "from the first slot of the day");
                    prop_assert!(skipped.clone().all(|slot| !(slot * days..(slot + 1) * days).any(allowed)), "none left out");
                }
            }
            last = Some(slot);
        }
    }
}
