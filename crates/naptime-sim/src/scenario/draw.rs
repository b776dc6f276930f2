//! Makes a scenario from a seed.

use std::time::Duration;

use naptime_core::request::MAX_BODY;
use naptime_core::retry::MAX_ATTEMPTS;
use naptime_core::{CatchUp, Misfire};

use super::{Behaviour, Event, JobPlan, Limits, PersonalEdit, Scenario, Weather, What, When};
use crate::random::Random;

const SECOND: Duration = Duration::from_secs(1);

/// So many slots and more are not all taken by calls that hang.
const FEW: u32 = 10;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What rows of random numbers are for, so that another choice in one leaves the others as they are.
#[derive(Clone, Copy)]
enum Row {
    Size,
    Pools,
    Jobs,
    Events,
    Down,
    Misfires,
    Bodies,
    Machine,
}

impl Scenario {
    /// The scenario of this seed. Most are small; one in 32 has a thousand calls a second.
    pub fn of(seed: u64) -> Self {
        let row = |row: Row| Random::new(seed, &[row as u64]);
        let mut random = row(Row::Size);
        let workers = random.pick(&[1, 2, 2, 3, 3, 4]);
        let is_large = random.one_in(32);
        let capacity = if is_large { 200 } else { random.pick(&[3, 5, 10, 30]) };
        let count = if is_large { 200 + random.below(200) } else { 3 + random.below(20) };
        let active = random.between(10 * SECOND, 40 * SECOND);

        let mut random = row(Row::Pools);
        let pools: Vec<Limits> = (0..1 + random.below(4)).map(|_| limits(&mut random, 4)).collect();

        let mut random = row(Row::Jobs);
        let mut jobs: Vec<JobPlan> = (0..count).map(|_| job(&mut random, pools.len(), is_large, active)).collect();
        let (mut misfires, mut bodies) = (row(Row::Misfires), row(Row::Bodies));
        let are_heavy = is_large && bodies.one_in(2);
        for job in &mut jobs {
            let drawn = misfire(&mut misfires);
            // Of what is called once, nothing is missed.
            job.misfire = if matches!(job.when, When::Once(_)) { Misfire::default() } else { drawn };
            job.body = if are_heavy { MAX_BODY } else { 0 };
        }
        let mut scenario = Self { seed, workers, capacity, jobs, pools, events: Vec::new(), length: active };
        if scenario.capacity < FEW {
            scenario.spare_slots();
        }
        scenario.bound_load();

        let mut random = row(Row::Events);
        let events = 1 + random.below(8);
        let mut drawn: Vec<Event> = (0..events).map(|_| scenario.event(&mut random, active)).collect();
        // People edit while the target asks for another period.
        let steering = |(_, job): &(usize, &JobPlan)| job.target == Behaviour::Steering;
        for (number, _) in scenario.jobs.iter().enumerate().filter(steering).take(3) {
            for _ in 0..4 {
                let (at, edit) = (random.between(Duration::ZERO, active), edit(&mut random, scenario.pools.len()));
                drawn.push(Event { at, what: What::Edit { job: number, edit } });
            }
        }
        let mut random = row(Row::Down);
        if random.one_in(4) {
            let pool = usize::try_from(random.below(scenario.pools.len() as u64)).unwrap_or(0);
            let (at, lasts) = (random.between(Duration::ZERO, active), random.between(5 * SECOND, 70 * SECOND));
            drawn.push(Event { at, what: What::Down { pool, lasts } });
            if random.one_in(2) {
                // It comes back for a while.
                let at = at + lasts + random.between(2 * SECOND, 20 * SECOND);
                drawn.push(Event { at, what: What::Down { pool, lasts: random.between(5 * SECOND, 40 * SECOND) } });
            }
        }
        let mut random = row(Row::Machine);
        if random.one_in(8) {
            let worker = usize::try_from(random.below(workers as u64)).unwrap_or(0);
            let (at, lasts) = (random.between(Duration::ZERO, active), random.between(SECOND, 10 * SECOND));
            drawn.push(Event { at, what: What::Exhaust { worker, lasts } });
        }
        drawn.sort_by_key(|event| event.at);
        for event in &drawn {
            if let What::Edit { job, .. } = event.what {
                scenario.jobs[job].is_edited = true;
            }
        }
        scenario.length = drawn.iter().map(Event::ends).max().unwrap_or(active).max(active);
        scenario.events = drawn.into_iter().map(Some).collect();
        scenario
    }

    /// Has targets answer that would hang: with few slots, those of one pool leave none to its other jobs, by design.
    fn spare_slots(&mut self) {
        for job in self.jobs.iter_mut().filter(|job| job.target == Behaviour::Hanging) {
            job.target = Behaviour::Failing;
        }
    }

    /// Slows jobs down until the workers can carry a third of them with one worker away: what is owed for want of slots
    /// is another subject.
    fn bound_load(&mut self) {
        let slots = f64::from(self.capacity) * self.workers.saturating_sub(1).max(1) as f64 / 3.0;
        while self.jobs.iter().map(JobPlan::slots).sum::<f64>() > slots {
            for job in &mut self.jobs {
                if let When::Every(period) | When::Random(period) = &mut job.when {
                    *period *= 2;
                }
            }
            if !self.jobs.iter().any(|job| !matches!(job.when, When::Once(_))) {
                return;
            }
        }
    }

    fn event(&self, random: &mut Random, active: Duration) -> Event {
        let at = random.between(Duration::ZERO, active);
        let worker = usize::try_from(random.below(self.workers as u64)).unwrap_or(0);
        let away = random.between(Duration::ZERO, 20 * SECOND);
        let what = match random.below(16) {
            0..=2 => What::Kill { worker, away },
            3 => What::Stop { worker, away },
            4..=5 => What::Freeze { worker, lasts: random.between(ms(100), 25 * SECOND) },
            6..=10 => {
                let weather = random.pick(&[
                    Weather::Late(ms(200)),
                    Weather::Late(6 * SECOND),
                    Weather::Lossy,
                    Weather::Haunted,
                    Weather::Refused,
                    Weather::Cut,
                ]);
                let worker = Some(worker).filter(|_| !random.one_in(3));
                What::Weather { worker, lasts: random.between(ms(100), 25 * SECOND), weather }
            }
            11 => {
                let pool = usize::try_from(random.below(self.pools.len() as u64)).unwrap_or(0);
                if random.one_in(2) {
                    What::Close { pool, lasts: random.between(SECOND, 15 * SECOND) }
                } else {
                    What::Limit { pool, limits: limits(random, 1) }
                }
            }
            _ => {
                let job = usize::try_from(random.below(self.jobs.len() as u64)).unwrap_or(0);
                What::Edit { job, edit: edit(random, self.pools.len()) }
            }
        };
        Event { at, what }
    }
}

impl JobPlan {
    /// The slots that it takes on average.
    fn slots(&self) -> f64 {
        let lasts = match self.target {
            Behaviour::Well(most) => most,
            Behaviour::Failing => ms(500),
            Behaviour::Steering => 3 * SECOND,
            Behaviour::Hanging => 3 * SECOND,
        };
        match self.when {
            When::Every(period) | When::Random(period) => {
                let settle = ms(50);
                (lasts + settle).as_secs_f64() / period.as_secs_f64().max(lasts.as_secs_f64())
            }
            When::Once(_) => 0.05,
        }
    }
}

fn job(random: &mut Random, pools: usize, is_large: bool, active: Duration) -> JobPlan {
    let periods: &[u64] = if is_large { &[200, 500] } else { &[200, 500, 1_000, 1_000, 2_000, 5_000, 10_000] };
    let period = ms(random.pick(periods));
    let when = match random.below(8) {
        0..=1 => When::Once(random.between(Duration::ZERO, active)),
        2 => When::Random(10 * period),
        _ => When::Every(period),
    };
    let target = match random.below(12) {
        0 => Behaviour::Failing,
        1 if !is_large => Behaviour::Hanging,
        2 => Behaviour::Steering,
        3 if !is_large => Behaviour::Well(random.between(SECOND, 20 * SECOND)),
        _ => Behaviour::Well(ms(random.pick(&[5, 20, 100, 400]))),
    };
    JobPlan {
        pool: usize::try_from(random.below(pools as u64)).unwrap_or(0),
        when,
        target,
        attempts: random.pick(&[1, 2, 3, MAX_ATTEMPTS, MAX_ATTEMPTS, MAX_ATTEMPTS]),
        has_sla: random.one_in(4),
        lease: Duration::from_secs(random.pick(&[15, 15, 15, 5, 30])),
        misfire: Misfire::default(),
        body: 0,
        added: if random.one_in(4) { random.between(Duration::ZERO, active) } else { Duration::ZERO },
        is_edited: false,
    }
}

fn misfire(random: &mut Random) -> Misfire {
    match random.below(16) {
        0 => Misfire { late: Some(random.between(ms(200), 5 * SECOND)), ..Misfire::default() },
        1 => Misfire { catch_up: CatchUp::ALL, ..Misfire::default() },
        _ => Misfire::default(),
    }
}

fn limits(random: &mut Random, one_in: u64) -> Limits {
    let mut one = |most: u64| {
        let limit = u32::try_from(1 + random.below(most)).ok();
        limit.filter(|_| random.one_in(2))
    };
    let limits = Limits { in_flight: one(5), per_second: one(10) };
    if random.one_in(one_in) { limits } else { Limits::default() }
}

fn edit(random: &mut Random, pools: usize) -> PersonalEdit {
    match random.below(9) {
        0 => PersonalEdit::SwitchOff,
        1 => PersonalEdit::SwitchOn,
        2 => PersonalEdit::Period(ms(random.pick(&[500, 1_000, 3_000]))),
        3 => PersonalEdit::Rename,
        4 => PersonalEdit::Move(usize::try_from(random.below(pools as u64)).unwrap_or(0)),
        5..=6 => PersonalEdit::CallNow,
        7 => PersonalEdit::Delete,
        _ => PersonalEdit::Restore,
    }
}
