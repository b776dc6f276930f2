//! Reports for tests.

use std::path::PathBuf;
use std::time::Duration;

use naptime_core::Time;

use crate::{
    Disturbance, Disturbed, Fault, Lag, Ledger, Leg, Machine, Options, Recovery, Report, Second, Used, Verdict, Where,
};

const SECONDS: usize = 30;
const FROM: i64 = 1_767_323_000_000;

/// 1,000 calls a second by 1, 2 and 4 workers, undisturbed.
pub(crate) fn good() -> Report {
    Report {
        at: Time::from_millis(FROM),
        version: "0.1.0".to_owned(),
        machine: Machine { cores: 2, memory_mib: 8_192, system: "Linux 6.1.0".to_owned() },
        database: "MongoDB 6.0.5".to_owned(),
        options: Options {
            database: Where::Mongo("mongodb://me:secret@db/".to_owned()),
            program: PathBuf::new(),
            endpoints: 1_000,
            every: Duration::from_secs(1),
            workers: vec![1, 2, 4],
            capacity: 100,
            target_delay: Duration::ZERO,
            kill_every: None,
            stop_every: None,
            skew: None,
            length: Duration::from_secs(SECONDS as u64),
            backlog: None,
        },
        legs: [1, 2, 4].map(|workers| leg(workers, 1_000.0)).into(),
        cut_short: None,
    }
}

/// The same with everything there is: kills and restarts, wrong clocks and a backlog.
pub(crate) fn full() -> Report {
    let mut report = good();
    let options = &mut report.options;
    (options.capacity, options.target_delay) = (500, Duration::from_millis(200));
    (options.kill_every, options.stop_every) = (Some(Duration::from_secs(10)), Some(Duration::from_secs(90)));
    (options.skew, options.backlog) = (Some(Duration::from_secs(3600)), Some(20_000));
    report.legs.iter_mut().for_each(disturb);
    let backlog = |(workers, rate)| Leg { offered: None, backlog: Some(20_000), ..leg(workers, rate) };
    report.legs.extend([(1, 7_700.0), (2, 9_000.0), (4, 9_800.0)].map(backlog));
    report
}

/// The same with faults of many kinds.
pub(crate) fn broken() -> Report {
    let mut report = full();
    let leg = &mut report.legs[1];
    (leg.verdict.early, leg.verdict.overlapping, leg.verdict.never_called) = (2, 1, 1);
    let fault = |code, detail: &str| Fault { code, detail: detail.to_owned() };
    leg.verdict.faults = vec![
        fault("early", "/e/17: due 03:04:05.120000, called 0.113 ms before"),
        fault("overlapping", "/e/3: called at 03:04:06.000200 during the call from 03:04:05.000100 to 03:04:06.000900"),
        fault(
            "never_called",
            "/e/996 <b>: last called at 03:04:07.996412, due 03:04:08.996000, not called until 03:04:30.101",
        ),
        fault("early", "/e/18: due 03:04:05.121000, called 0.004 ms before"),
    ];
    let ledger = &mut leg.ledger;
    ledger.unaccounted = 1;
    ledger.faults = vec![fault("unaccounted", "/e/996: 31 occurrences, 29 of them called; 29 settled and 1 missed")];
    report
}

fn leg(workers: usize, rate: f64) -> Leg {
    let wave = |second: usize, by: f64| 1.0 + by * ((second * second % 11) as f64 - 5.0) / 5.0;
    let second = |second: usize| Second {
        calls: (rate * wave(second, 0.03)) as usize,
        p50_ms: 0.9 * wave(second, 0.2),
        p99_ms: 3.8 * wave(second, 0.5),
        max_ms: 14.0 * wave(second, 0.9),
    };
    let calls = rate as usize * SECONDS;
    Leg {
        workers,
        offered: Some(rate),
        backlog: None,
        verdict: Verdict {
            calls,
            calls_per_second: rate,
            owed: calls,
            called: calls,
            lag: Lag { p50_ms: 0.9, p99_ms: 4.2, p999_ms: 11.0, max_ms: 26.0 },
            ..Verdict::default()
        },
        ledger: Ledger { jobs: 1_000, runs: calls, settled: calls as u64, ..Ledger::default() },
        used: Used {
            workers_us_per_call: 62.0,
            database_us_per_call: Some(88.0),
            commands_per_call: Some(0.043),
            worker_mib: 31.0,
            strangers: 0.04,
            stalled_ms: 12.0,
        },
        seconds: (0..SECONDS).map(second).collect(),
        disturbances: Vec::new(),
    }
}

/// Kills at 10 and 20 s, a restart at 5 and 15 s.
fn disturb(leg: &mut Leg) {
    let at = |second: i64, kind| Disturbance { after_ms: second * 1000, at_us: (FROM + second * 1000) * 1000, kind };
    leg.disturbances = vec![
        at(5, Disturbed::Stopped),
        at(10, Disturbed::Killed),
        at(15, Disturbed::Stopped),
        at(20, Disturbed::Killed),
    ];
    for second in [25, 26] {
        leg.seconds[second].max_ms = 15_100.0;
        leg.seconds[second].p99_ms = 900.0;
    }
    leg.seconds[10].calls -= 300;
    leg.seconds[18].calls = 0;
    (leg.seconds[18].p50_ms, leg.seconds[18].p99_ms, leg.seconds[18].max_ms) =
        (f64::INFINITY, f64::INFINITY, f64::INFINITY);
    let recovery = |kill_us, endpoints, max_ms| Recovery { kill_us, endpoints, p99_ms: max_ms, max_ms };
    leg.verdict.recoveries =
        vec![recovery((FROM + 10_000) * 1000, 12, 15_130.0), recovery((FROM + 20_000) * 1000, 0, 0.0)];
    leg.verdict.recovery = Some(Lag { p50_ms: 15_040.0, p99_ms: 15_130.0, p999_ms: 15_130.0, max_ms: 15_130.0 });
    leg.verdict.repeated = 9;
    leg.verdict.lag.max_ms = 15_130.0;
}
