//! A log that has each kind of fault, and one that is just short of it.

use naptime_core::{Cron, Days, Random, Zone};
use proptest::prelude::*;

use super::endpoint::occurrences;
use super::*;

/// The beginning of the time watched; a point of each grid here.
const FROM: i64 = 1_767_323_000_000;
const SECOND: i64 = 1_000;
/// How long after it was due what was called in time may be called again.
const LEASE_LEFT_US: i64 = 14_000_000;

/// So many milliseconds after the beginning.
fn at(ms: i64) -> Time {
    Time::from_millis(FROM + ms)
}

fn every(period_ms: u64) -> Schedule {
    Schedule::Every { period: Duration::from_millis(period_ms), anchor: at(0), jitter: None }
}

/// A call of the endpoint 0 for what is due at `due` ms, begun and ended so many microseconds after that.
fn call(due_ms: i64, lag_us: i64, ended_us: i64) -> Arrival {
    let due_us = us(at(due_ms));
    Arrival { endpoint: 0, due: at(due_ms), at_us: due_us + lag_us, ended_us: Some(due_us + ended_us) }
}

/// A call a second for `seconds`, each 2 ms late and 3 ms long.
fn calls(seconds: std::ops::Range<i64>) -> Vec<Arrival> {
    seconds.map(|second| call(second * SECOND, 2_000, 5_000)).collect()
}

fn kills(seconds: &[f64]) -> Vec<i64> {
    seconds.iter().map(|second| us(at(0)) + (second * 1e6) as i64).collect()
}

/// Kills of workers whose claims have the usual lease.
fn leased(at_us: &[i64]) -> Kills<'_> {
    Kills { at_us, lease: LEASE }
}

/// What is found from the beginning to the end of so many milliseconds.
fn judged(calls: &[Arrival], expected: &[Schedule], to: i64, kills: &[i64]) -> Verdict {
    judge(calls, expected, (at(0), at(to)), at(to), leased(kills))
}

/// What is found of one endpoint that is called every second, in a minute.
fn found(calls: &[Arrival], kills: &[i64]) -> Verdict {
    judged(calls, &[every(1000)], 60 * SECOND, kills)
}

/// The faults by their kind, with their number.
fn faults(verdict: &Verdict) -> Vec<(&'static str, usize)> {
    let counts = [
        ("early", verdict.early),
        ("never_called", verdict.never_called),
        ("overlapping", verdict.overlapping),
        ("repeated", verdict.repeated_unexplained),
        ("skipped", verdict.skipped),
        ("unexpected", verdict.unexpected),
    ];
    assert_eq!(verdict.holds(), counts.iter().all(|(_, count)| *count == 0));
    let told = |code: &str| verdict.faults.iter().filter(|fault| fault.code == code).count();
    assert!(counts.iter().all(|(code, count)| told(code) == (*count).min(10)), "{verdict:?}");
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}

fn check(calls: &[Arrival], kills: &[i64], expect: &[(&str, usize)]) {
    let verdict = found(calls, kills);
    assert_eq!(faults(&verdict), expect, "{verdict:?}");
}

#[test]
fn all_is_counted_where_all_is_well() {
    let mut calls = calls(-3..63);
    // One that comes so late that the next is passed over.
    calls[9] = call(6 * SECOND, 600_000, 603_000);
    calls.remove(10);
    let verdict = found(&calls, &[]);
    assert_eq!(faults(&verdict), []);
    assert_eq!((verdict.calls, verdict.owed, verdict.called, verdict.repeated), (59, 60, 59, 0));
    assert!((verdict.calls_per_second - 59.0 / 60.0).abs() < 1e-9);
    assert!((verdict.lag.p50_ms - 2.0).abs() < 1e-9 && verdict.recovery.is_none());
}

#[test]
fn a_microsecond_before_its_time_is_early() {
    let with = |lag_us| [calls(0..60), vec![call(60 * SECOND, lag_us, 900)]].concat();
    check(&with(0), &[], &[]);
    check(&with(-1), &[], &[("early", 1)]);
    let verdict = found(&with(-1), &[]);
    assert_eq!(verdict.faults[0].detail, "/e/0: due 03:04:20.000000, called 0.001 ms before");
}

#[test]
fn a_call_that_begins_before_the_one_before_ended_overlaps() {
    let with = |ended_us| [calls(0..59), vec![call(59 * SECOND, 0, ended_us), call(60 * SECOND, 0, 900)]].concat();
    check(&with(1_000_000), &[], &[]);
    check(&with(1_000_001), &[], &[("overlapping", 1)]);
    let mut lasting = calls(0..61);
    lasting[60].ended_us = None;
    check(&lasting, &[], &[]);
    lasting[59].ended_us = None;
    check(&lasting, &[], &[("overlapping", 1)]);
}

#[test]
fn a_long_call_overlaps_with_all_that_begin_in_it() {
    let mut calls = calls(0..60);
    calls[10].ended_us = calls[15].ended_us;
    check(&calls, &[], &[("overlapping", 5)]);
}

#[test]
fn after_a_kill_calls_may_overlap_once_the_lease_is_over() {
    // The call of second 10 lasts to the end of second 24, of which the target knows no better.
    let lease_us = LEASE_LEFT_US;
    let with = |again_us| {
        let again = vec![call(10 * SECOND, again_us, 15_500_000)];
        let late = vec![call(25 * SECOND, 500_000, 505_000)];
        let mut calls = [calls(0..11), again, late, calls(26..60)].concat();
        calls[10].ended_us = Some(us(at(25_000)));
        calls
    };
    check(&with(lease_us), &kills(&[10.5]), &[]);
    check(&with(lease_us - 1), &kills(&[10.5]), &[("overlapping", 1), ("repeated", 1)]);
    // Killed before it can have left: so it was not the dead worker's.
    check(&with(lease_us), &kills(&[9.001_999]), &[("overlapping", 1), ("repeated", 1)]);
    check(&with(lease_us), &[], &[("overlapping", 1), ("repeated", 1)]);
}

#[test]
fn only_a_kill_repeats() {
    // Second 10 is called at 10.002 to 10.005, and again at 25.5.
    let with = |more: &[Arrival], from| {
        let again = call(10 * SECOND, 15_500_000, 15_600_000);
        [&calls(0..11)[..], &[again], more, &calls(from..60)].concat()
    };
    let once = with(&[], 26);
    check(&once, &[], &[("repeated", 1)]);
    // It may have been on its way for a second.
    check(&once, &kills(&[9.001_999]), &[("repeated", 1)]);
    check(&once, &kills(&[9.002]), &[]);
    // Its result was to be written by then.
    check(&once, &kills(&[15.005]), &[]);
    check(&once, &kills(&[15.005_001]), &[("repeated", 1)]);
    // One kill excuses one repetition.
    let twice = with(&[call(10 * SECOND, 30_500_000, 30_600_000)], 41);
    check(&twice, &kills(&[10.003]), &[("repeated", 1)]);
    check(&twice, &kills(&[10.003, 25.55]), &[]);
    let verdict = found(&twice, &kills(&[10.003, 25.55]));
    assert_eq!((verdict.repeated, verdict.repeated_unexplained), (2, 0));
}

#[test]
fn a_kill_repeats_when_the_lease_is_over() {
    let with = |again_us| {
        let again = call(10 * SECOND, again_us, again_us + 1_000);
        let then = call(25 * SECOND, 2_000, 5_000);
        [&calls(0..11)[..], &[again, then], &calls(26..60)].concat()
    };
    check(&with(LEASE_LEFT_US), &kills(&[10.003]), &[]);
    check(&with(LEASE_LEFT_US - 1), &kills(&[10.003]), &[("repeated", 1)]);
}

#[test]
fn what_was_called_late_may_have_been_claimed_long_before() {
    // Second 10 is called seven and a half seconds late. It was claimed five seconds before that at the earliest.
    let with = |again_us| {
        let late = [call(10 * SECOND, 7_500_000, 7_503_000), call(10 * SECOND, again_us, again_us + 1_000)];
        [&calls(0..10)[..], &late, &calls(28..60)].concat()
    };
    check(&with(17_500_000), &kills(&[17.503]), &[]);
    check(&with(17_499_999), &kills(&[17.503]), &[("repeated", 1)]);
}

#[test]
fn in_a_file_a_kill_repeats_at_once() {
    let calls = [&calls(0..11)[..], &[call(10 * SECOND, 200_000, 203_000)], &calls(11..60)].concat();
    let with = |lease, killed| {
        let kills = Kills { at_us: &kills(&[killed]), lease };
        faults(&judge(&calls, &[every(1000)], (at(0), at(60 * SECOND)), at(60 * SECOND), kills))
    };
    assert_eq!(with(Duration::ZERO, 10.1), []);
    assert_eq!(with(Duration::ZERO, 10.200_001), [("repeated", 1)]);
    assert_eq!(with(LEASE, 10.1), [("repeated", 1)]);
}

#[test]
fn what_is_passed_over_without_reason_shows() {
    let with = |lag_us| [&calls(0..10)[..], &[call(10 * SECOND, lag_us, 600_000)], &calls(12..60)].concat();
    // Half a period late, the next point of the grid is too near.
    check(&with(500_999), &[], &[("skipped", 1)]);
    check(&with(501_000), &[], &[]);
    check(&with(2_000), &[], &[("skipped", 1)]);
    let verdict = found(&with(2_000), &[]);
    let told = "/e/0: called at 03:03:30.002000, then due 03:03:31.000000, called for 03:03:32.000000 instead";
    assert_eq!(verdict.faults[0].detail, told);
    // The dead worker may have had it.
    check(&with(2_000), &kills(&[11.5]), &[]);
    check(&with(2_000), &kills(&[12.003]), &[("skipped", 1)]);
    // Each third one, which would be counted as missed.
    let some: Vec<Arrival> = calls(0..60).into_iter().filter(|call| call.due.millis() / SECOND % 3 != 0).collect();
    check(&some, &[], &[("skipped", 20)]);
}

#[test]
fn what_the_schedule_does_not_have_is_unexpected() {
    let with = |call| [calls(0..60), vec![call]].concat();
    check(&with(call(60 * SECOND - 1, 0, 10)), &[], &[("unexpected", 1)]);
    check(&with(Arrival { endpoint: 1, ..call(60 * SECOND, 0, 10) }), &[], &[("unexpected", 1)]);
}

#[test]
fn an_endpoint_that_is_forgotten_while_others_are_called_shows() {
    // It was due at 20; the patience is 5 s and four times the usual 2 ms.
    let others: Vec<Arrival> = calls(0..60).into_iter().map(|call| Arrival { endpoint: 1, ..call }).collect();
    let calls = [calls(0..20), others].concat();
    let check = |end, expect: &[(&str, usize)]| {
        let verdict = judged(&calls, &[every(1000), every(1000)], end, &[]);
        assert_eq!(faults(&verdict), expect, "{verdict:?}");
    };
    check(25_008, &[]);
    check(25_009, &[("never_called", 1)]);
}

#[test]
fn an_endpoint_that_is_forgotten_by_idle_workers_shows() {
    // A backlog: all were late, so the one that is missing may be too, until nothing else is called for 5 s.
    let expected = vec![Schedule::Once { at: at(0) }; 101];
    let one = |endpoint| {
        let lag_us = 300_000 * endpoint as i64;
        Arrival { endpoint, ..call(0, lag_us, lag_us + 100_000) }
    };
    let mut calls: Vec<Arrival> = (0..100).map(one).collect();
    let idle_from = 99 * 300 + 100;
    let check = |calls: &[Arrival], end, expect: &[(&str, usize)]| {
        let verdict = judge(calls, &expected, (at(0), at(idle_from)), at(end), leased(&[]));
        assert_eq!(faults(&verdict), expect, "{verdict:?}");
    };
    check(&calls, idle_from + 5_000, &[]);
    check(&calls, idle_from + 5_001, &[("never_called", 1)]);
    // A call that lasts is work.
    calls[99].ended_us = None;
    check(&calls, idle_from + 10_000, &[]);
}

#[test]
fn an_endpoint_that_is_never_called_shows() {
    check(&[], &[], &[("never_called", 1)]);
    // The third is not due within, and the fourth is until 50 s.
    let expected = [every(1000), every(1000), every(100_000), Schedule::Once { at: at(50_000) }];
    let within = |to| faults(&judge(&calls(0..60), &expected, (at(1), at(to)), at(60 * SECOND), leased(&[])));
    assert_eq!(within(50_001), [("never_called", 2)]);
    assert_eq!(within(50_000), [("never_called", 1)]);
    // One that lasts is not forgotten.
    let mut lasting = calls(0..11);
    lasting[10].ended_us = None;
    check(&lasting, &[], &[]);
}

#[test]
fn after_a_kill_it_takes_a_lease_to_be_called_again() {
    // Due again at 37, when the lease of the dead worker is over.
    let with = |to, killed| faults(&judged(&calls(0..21), &[every(1000)], to, &kills(&[killed])));
    assert_eq!(with(42_000, 20.5), []);
    assert_eq!(with(42_001, 20.5), [("never_called", 1)]);
    // A kill before its last call has nothing to do with it.
    assert_eq!(with(26_001, 19.0), [("never_called", 1)]);
    assert_eq!(with(26_001, 19.002), []);
}

/// A log as workers make it that call so many endpoints, each due every second, in turn, one every `step` ms.
fn in_turn(endpoints: usize, step: i64, (from, to): (i64, i64)) -> Vec<Arrival> {
    let mut due = vec![at(from); endpoints];
    let turns = (from..to).step_by(usize::try_from(step).unwrap()).zip((0..endpoints).cycle());
    let one = |(now, endpoint): (i64, usize)| {
        let arrival = Arrival { endpoint, due: due[endpoint], at_us: us(at(now)), ended_us: Some(us(at(now)) + 500) };
        due[endpoint] = every(1000).next(arrival.due, at(now)).due.unwrap();
        arrival
    };
    turns.map(one).collect()
}

#[test]
fn more_than_can_be_carried_is_missed_and_no_fault() {
    // 300 endpoints every second, of which 100 are carried in a second.
    let expected: Vec<Schedule> = vec![every(1000); 300];
    let mut calls = in_turn(300, 10, (0, 60 * SECOND));
    let verdict = judged(&calls, &expected, 60 * SECOND, &[]);
    assert_eq!(faults(&verdict), []);
    assert_eq!((verdict.owed, verdict.called), (18_000, 6_000));
    // But for one that has no turn any more.
    calls.retain(|call| call.endpoint != 7 || call.at_us < us(at(30_000)));
    assert_eq!(faults(&judged(&calls, &expected, 60 * SECOND, &[])), [("never_called", 1)]);
}

#[test]
fn far_more_than_can_be_carried_is_no_fault_either() {
    // Each waits 50 s for its turn, so that no call within the time watched is of what was due in it.
    let calls = in_turn(100, 500, (-150 * SECOND, 30 * SECOND));
    let verdict = judged(&calls, &vec![every(1000); 100], 30 * SECOND, &[]);
    assert_eq!(faults(&verdict), []);
    assert_eq!((verdict.calls, verdict.owed, verdict.called), (60, 3_000, 0));
}

#[test]
fn a_backlog_that_is_not_drained_is_no_fault() {
    // Half of it in a minute.
    let expected = vec![Schedule::Once { at: at(0) }; 1_000];
    let one = |endpoint| {
        let lag_us = 120_000 * endpoint as i64;
        Arrival { endpoint, ..call(0, lag_us, lag_us + 500) }
    };
    let verdict = judged(&(0..500).map(one).collect::<Vec<_>>(), &expected, 60 * SECOND, &[]);
    assert_eq!(faults(&verdict), []);
    assert_eq!((verdict.owed, verdict.called), (1_000, 500));
}

#[test]
fn recovery_is_told_by_kill() {
    // Killed during the call of second 10, which is repeated; during that of 40, whose result was written.
    let mut calls =
        [calls(0..11), vec![call(10 * SECOND, 15_100_000, 15_200_000)], calls(26..41), calls(56..60)].concat();
    let kills = kills(&[5.5, 10.003, 40.003]);
    let verdict = found(&calls, &kills);
    assert_eq!(faults(&verdict), []);
    let told: Vec<(i64, usize, i64)> =
        verdict.recoveries.iter().map(|it| (it.kill_us, it.endpoints, it.max_ms.round() as i64)).collect();
    assert_eq!(told, [(kills[0], 0, 0), (kills[1], 1, 15_097), (kills[2], 1, 15_002)]);
    assert!((verdict.recovery.unwrap().max_ms - 15_097.0).abs() < 0.5);
    // A second late is not late.
    calls.retain(|call| call.due != at(59_000));
    calls.push(call(59 * SECOND, 1_000_000, 1_100_000));
    assert_eq!(found(&calls, &self::kills(&[59.0])).recoveries[0].endpoints, 0);
    calls.last_mut().unwrap().at_us += 1;
    assert_eq!(found(&calls, &self::kills(&[59.0])).recoveries[0].endpoints, 1);
}

#[test]
fn the_kill_that_took_it_is_the_one_it_recovers_from() {
    let waits = |kills_s: &[f64], period_ms: u64| {
        let period = i64::try_from(period_ms).unwrap();
        let calls = [call(0, 0, 100), call(period, 16_000_000, 16_000_100)];
        let verdict = judged(&calls, &[every(period_ms)], 60 * SECOND, &kills(kills_s));
        verdict.recoveries.iter().map(|it| (it.max_ms / 1e3).round() as i64).collect::<Vec<_>>()
    };
    // Due at 20, called at 36. It was held at 20.5; it was late since 20; nobody held it at 5.
    assert_eq!(waits(&[10.0, 20.5, 30.5], 20_000), [0, 16, 0]);
    assert_eq!(waits(&[10.0, 30.5], 20_000), [16, 0]);
    assert_eq!(waits(&[5.0], 20_000), [16]);
    assert_eq!(waits(&[30.0], 20_000), [6]);
}

#[test]
fn seconds_are_told_one_by_one() {
    let calls = [call(0, 0, 10), call(0, 999_999, 1_000_000), call(2 * SECOND, 500_000, 500_010), call(2_600, 0, 10)];
    let seconds = seconds(&calls, at(0), at(2_600));
    assert_eq!(seconds.iter().map(|second| second.calls).collect::<Vec<_>>(), [2, 0, 1]);
    assert!((seconds[0].max_ms - 999.999).abs() < 1e-6 && seconds[1].max_ms.is_infinite());
}

#[test]
fn quantiles_are_of_all_calls() {
    let lag = Lag::of_ms((0..=1000).rev().map(f64::from).collect());
    assert_eq!([lag.p50_ms, lag.p99_ms, lag.p999_ms, lag.max_ms], [500.0, 990.0, 999.0, 1000.0]);
    assert!(Lag::of_ms(Vec::new()).p50_ms.is_infinite());
}

fn any_schedule() -> impl Strategy<Value = Schedule> {
    let every =
        (100_u64..40_000, 0..100_000_i64, any::<u128>(), 0_u64..1_000).prop_map(|(period, anchor, id, jitter)| {
            let plain = Schedule::Every { period: Duration::from_millis(period), anchor: at(anchor), jitter: None };
            let id = uuid::Uuid::from_u128(id).into();
            plain.with_jitter(Duration::from_millis(jitter * (period - 1) / 1_000), id).unwrap()
        });
    let random = (60_u64..3_600, any::<u64>()).prop_map(|(period, seed)| {
        let period = Duration::from_secs(period);
        Schedule::Random(Random::new(period, None, Days::ALL, Zone::UTC, seed).unwrap())
    });
    let cron = prop::sample::select(vec!["*/7 * * * * *", "30 * * * * *", "* * * * *", "0 9 * * *"])
        .prop_map(|text| Schedule::Cron(Cron::parse(text, Zone::UTC, 0).unwrap()));
    let once = (-10_000..100_000_i64).prop_map(|ms| Schedule::Once { at: at(ms) });
    prop_oneof![every, random, cron, once]
}

proptest! {
    #[test]
    fn a_perfect_log_holds(
        expected in prop::collection::vec(any_schedule(), 1..12),
        lag_us in 0..1_000_000_i64,
        kills_ms in prop::collection::vec(-5_000..90_000_i64, 0..4),
        length_ms in 1..90_000_i64,
    ) {
        let (from, to) = (at(0), at(length_ms));
        // From before the time watched until after it, each call ending just before the next is due.
        let calls = |(endpoint, schedule): (usize, &Schedule)| {
            let dues: Vec<Time> = occurrences(schedule, at(-20_000), at(length_ms + 5_000)).collect();
            let ends: Vec<i64> = dues.iter().skip(1).map(|due| us(*due) + lag_us).chain([i64::MAX]).collect();
            dues.into_iter().zip(ends).map(move |(due, end)| {
                let at_us = us(due) + lag_us;
                Arrival { endpoint, due, at_us, ended_us: Some(end.min(at_us + 200_000)) }
            }).collect::<Vec<_>>()
        };
        let mut log: Vec<Arrival> = expected.iter().enumerate().flat_map(calls).collect();
        log.sort_by_key(|call| call.at_us);
        let kills: Vec<i64> = kills_ms.into_iter().map(|ms| us(at(ms))).collect();
        let verdict = judge(&log, &expected, (from, to), to + Duration::from_secs(5), leased(&kills));
        prop_assert!(verdict.holds(), "{verdict:?}");
        prop_assert_eq!(verdict.owed, verdict.called);
        prop_assert_eq!(verdict.repeated, 0);
        prop_assert_eq!(verdict.owed, log.iter().filter(|call| (from..to).contains(&call.due)).count());
        prop_assert!(verdict.recovery.is_none());
    }
}
