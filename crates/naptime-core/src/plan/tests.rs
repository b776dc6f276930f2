use super::*;
use crate::Heartbeat;

const NOW: Time = Time::from_millis(1_767_225_600_000);

fn every(seconds: u64) -> Schedule {
    Schedule::Every { period: Duration::from_secs(seconds), anchor: NOW, jitter: None }
}

fn demand(jobs: &[(Schedule, Time)]) -> Demand {
    let mut demand = Demand::new(NOW);
    jobs.iter().for_each(|(schedule, due)| demand.add(schedule, *due));
    demand
}

fn per_minute(demand: &Demand) -> Vec<f64> {
    demand.per_step(1).map(|(_, count)| count).collect()
}

fn supply(workers: u32, slots: u32, held: u32) -> Supply {
    Supply { workers, slots, held, largest: slots.checked_div(workers).unwrap_or(0) }
}

#[test]
fn only_workers_that_go_on_count() {
    let worker = |alive, stopping| {
        let id = uuid::Uuid::new_v4().into();
        let (host, version) = ("here".to_owned(), "1".to_owned());
        let beat = Heartbeat {
            id,
            host,
            pid: 1,
            version,
            tzdb: None,
            capacity: 7,
            held: 3,
            started_at: NOW,
            stopping,
            trouble: None,
        };
        Worker { beat, seen_at: NOW, alive }
    };
    let workers = [worker(true, false), worker(true, true), worker(false, false)];
    assert_eq!(Supply::of(&workers), supply(1, 7, 3));
}

#[test]
fn a_hundred_calls_of_five_seconds_every_thirty_take_seventeen_slots() {
    let demand = demand(&vec![(every(30), NOW); 100]);
    let slots = demand.slots(Duration::from_secs(5));
    assert!((slots - 16.666).abs() < 0.001);
    assert_eq!(supply(1, 10, 0).workers_for(slots), Some(2));
    assert_eq!(supply(2, 10, 0).workers_for(slots), Some(4), "of five slots each");
    assert_eq!(supply(1, 17, 0).workers_for(slots), Some(1));
    assert_eq!(supply(4, 40, 0).workers_for(slots), Some(2), "fewer will do");
    assert_eq!(supply(0, 0, 0).workers_for(slots), None);
    let mixed = Supply { workers: 2, slots: 12, held: 0, largest: 10 };
    assert_eq!(mixed.workers_for(slots), Some(3), "one more of ten");
}

#[test]
fn as_many_slots_as_there_are_are_enough() {
    // A tenth is no binary fraction: adding up leaves a little behind.
    let demand = demand(&vec![(every(10), NOW); 60]);
    assert_eq!(supply(3, 6, 0).workers_for(demand.slots(Duration::from_secs(1))), Some(3));
}

#[test]
fn the_forecast_counts_what_is_due_in_each_minute() {
    let hourly = demand(&[(every(3600), NOW + Duration::from_secs(90))]);
    let due = per_minute(&hourly).into_iter().enumerate().filter(|(_, n)| *n > 0.0).map(|(minute, _)| minute);
    // The grid goes on from its anchor: on the hour.
    let mut expect = vec![1];
    expect.extend((1..24).map(|hour| hour * 60));
    assert_eq!(due.collect::<Vec<_>>(), expect);

    let often = demand(&[(every(10), NOW)]);
    assert!(per_minute(&often).iter().all(|n| (n - 6.0).abs() < 1e-9), "steady");

    let late = demand(&[(Schedule::Once { at: NOW }, NOW - Duration::from_secs(600))]);
    assert_eq!(per_minute(&late)[..2], [1.0, 0.0], "what is late is due now");
    assert!(late.rate() == 0.0);
}

#[test]
fn steps_are_sums_of_minutes() {
    let demand = demand(&[(every(3600), NOW), (every(10), NOW)]);
    let steps: Vec<_> = demand.per_step(60).collect();
    assert_eq!(steps.len(), 24);
    assert_eq!(steps[1].0, NOW + Duration::from_secs(3600));
    assert!(steps.iter().all(|(_, count)| (count - 361.0).abs() < 1e-6), "{steps:?}");
    assert_eq!(demand.per_step(7).count(), 206, "the last one is shorter");
}

#[test]
fn a_cron_of_every_other_second_is_spread() {
    let cron = crate::Cron::parse("*/2 * * * * *", crate::Zone::UTC, 0).expect("a pattern");
    let demand = demand(&[(Schedule::Cron(cron), NOW)]);
    let total: f64 = per_minute(&demand).iter().sum();
    assert!((total - 43_200.0).abs() < 60.0, "{total}");
}

#[test]
fn jobs_of_one_pattern_are_counted_each() {
    let daily = crate::Cron::parse("30 12 * * *", crate::Zone::UTC, 0).expect("a pattern");
    let schedule = Schedule::Cron(daily);
    let due = schedule.first(NOW).expect("it recurs");
    // The last one is late.
    let counts = per_minute(&demand(&[(schedule.clone(), due), (schedule.clone(), due), (schedule, NOW)]));
    let found: Vec<(usize, f64)> = counts.into_iter().enumerate().filter(|(_, count)| *count > 0.0).collect();
    assert_eq!(found, [(0, 1.0), (750, 3.0)]);
}

#[test]
fn what_is_too_much_to_count_is_spread() {
    let mut demand = Demand::new(NOW);
    demand.left_to_count = 30;
    (0..2).for_each(|_| demand.add(&every(3600), NOW));
    let counts = per_minute(&demand);
    assert!((counts[60] - 2.0).abs() < 1e-9 && (counts[61] - 0.0).abs() < 1e-9, "both are counted: {counts:?}");
    assert!((counts[8 * 60] - 1.0 - 1.0 / 60.0).abs() < 1e-9, "one is spread: {counts:?}");
    assert!((counts.iter().sum::<f64>() - 48.0).abs() < 1.1);
}

#[test]
fn capacity_is_slots_over_time() {
    assert!((supply(2, 20, 0).per_second(Duration::from_secs(5)) - 4.0).abs() < 1e-9);
}

fn judged(calls: u64, supply: Supply, mean: Option<u64>) -> (Option<Because>, Option<u32>) {
    // Twenty calls a second.
    let demand = demand(&vec![(every(30), NOW); 600]);
    let late = supply.judge(calls, Some(&demand), mean.map(Duration::from_millis));
    assert_eq!(late.calls, calls);
    (late.because, late.more_workers)
}

#[test]
fn late_work_says_why_and_what_would_do() {
    assert_eq!(judged(0, supply(1, 100, 100), Some(5_000)), (None, Some(0)), "nothing is late");
    assert_eq!(judged(3, supply(0, 0, 0), Some(5_000)), (Some(Because::NoWorker), None));
    assert_eq!(judged(3, supply(2, 100, 80), Some(5_000)), (Some(Because::SlotsFree), Some(0)));
    // 20 calls a second of 12 s take 240 slots; what is late takes 24 more.
    assert_eq!(judged(120, supply(1, 100, 100), Some(12_000)), (Some(Because::SlotsFull), Some(2)));
    assert_eq!(judged(120, supply(1, 100, 95), Some(12_000)), (Some(Because::SlotsFull), Some(2)));
    // A burst: slots enough for what is due, but it would take long to catch up.
    assert_eq!(judged(6_000, supply(1, 50, 50), Some(1_000)), (Some(Because::SlotsFull), Some(2)));
    assert_eq!(judged(60, supply(1, 50, 50), Some(1_000)), (Some(Because::SlotsFull), Some(0)));
    assert_eq!(judged(120, supply(1, 100, 100), None), (Some(Because::SlotsFull), None), "not known yet");
}

#[test]
fn an_autoscaler_is_told_a_number_that_does_not_follow_what_it_does() {
    // Twenty calls a second.
    let demand = demand(&vec![(every(30), NOW); 600]);
    let check = |calls: u64, supply: Supply, mean: Option<u64>, expect: Option<u32>| {
        let mean = mean.map(Duration::from_millis);
        let late = supply.judge(calls, Some(&demand), mean);
        assert_eq!(supply.workers_to_run(&late, Some(&demand), mean), expect, "{calls} late, {supply:?}, {mean:?}");
    };
    // Calls of 12 s take 240 slots, whatever there is.
    for workers in [1, 3, 9] {
        check(0, supply(workers, workers * 100, 0), Some(12_000), Some(3));
    }
    let beside_a_page = Supply { workers: 4, slots: 310, held: 240, largest: 100 };
    check(0, beside_a_page, Some(12_000), Some(3));
    check(0, supply(4, 400, 390), Some(12_000), Some(4));
    check(60, supply(4, 400, 390), Some(12_000), Some(5));
    check(6_000, supply(4, 400, 400), Some(12_000), Some(16));
    // How long calls take is not known yet.
    check(0, supply(2, 200, 0), None, Some(1));
    check(5, supply(2, 200, 200), None, Some(3));
    check(60, supply(4, 400, 100), Some(12_000), Some(3));
    check(5, supply(0, 0, 0), Some(12_000), None);
}
