//! What a target may say about its own schedule, by its answers.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::duration::{self, MAX_PERIOD, SHORTEST_PERIOD};
use crate::{By, Change, Claim, Edit, Invalid, Job, Run, Schedule, Then, Time};

/// The limits within which a target may set its period (`Naptime-Every: 2m` on a successful answer) and ask to be left
/// alone (`Retry-After`, on 429, 503 and whatever status is tried again). A bare number is seconds in both headers. What
/// the target asks beyond the limits is taken as the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Steer {
    /// The shortest period.
    #[serde(with = "crate::duration::text")]
    #[schema(value_type = String)]
    pub min: Duration,
    /// The longest period, and the longest time to be left alone.
    #[serde(with = "crate::duration::text")]
    #[schema(value_type = String)]
    pub max: Duration,
}

impl Steer {
    /// Checks the limits; `shortest` is the shortest period that may be configured.
    ///
    /// # Errors
    /// At `steer`, if they are out of range or the wrong way round.
    pub fn new(min: Duration, max: Duration, shortest: Duration) -> Result<Self, Invalid> {
        let shortest = shortest.max(SHORTEST_PERIOD);
        if min < shortest || max > MAX_PERIOD || min > max {
            let (shortest, longest) = (duration::show(shortest), duration::show(MAX_PERIOD));
            let detail = format!("the limits may be from {shortest} to {longest}, the shorter one first");
            return Err(Invalid::new("steer", "out_of_range", detail));
        }
        Ok(Self { min, max })
    }
}

/// What a target changes of its own schedule by an answer: the only edits that a worker makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Steered {
    /// It is to be called by this schedule from now on.
    Schedule(Schedule),
    /// It is not to be called before this time.
    PutOff {
        /// When it may be called again.
        until: Time,
        /// The pause that it asked for, if that is longer than it may be.
        cut: Option<Duration>,
    },
}

impl From<Steered> for Edit {
    fn from(steered: Steered) -> Self {
        match steered {
            Steered::Schedule(schedule) => Self::Change(Change { by: By::Target, ..Change::schedule(schedule) }),
            Steered::PutOff { until, cut } => Self::PutOff { until, cut },
        }
    }
}

impl Claim {
    /// What the target changes of its schedule by the answer that `run` records: by the period it asks for (`every`, as
    /// it wrote it), or by the `pause`, where that leads past the next occurrence. None if it has no say in it, or asks
    /// for what is the case already.
    ///
    /// # Errors
    /// At `Naptime-Every`, if that cannot be read.
    pub fn steered(&self, run: &Run, every: Option<&str>, pause: Option<Duration>) -> Result<Option<Steered>, Invalid> {
        let job = &self.job;
        let Some(limits) = job.spec.steer else { return Ok(None) };
        if let Some(every) = every {
            let period = duration::parse_seconds("Naptime-Every", every)?.clamp(limits.min, limits.max);
            return Ok(with_period(job, period).map(Steered::Schedule));
        }
        // There is nothing to put off of a job that is called once: it is tried again, or not.
        let heeded = self.heeds_pause(run) && !job.spec.schedule.is_once();
        let Some(pause) = pause.filter(|_| heeded) else { return Ok(None) };
        let next = if run.manual { self.lock.due } else { job.spec.schedule.next(run.due, self.lock.since).due };
        let until = run.finished + pause.min(limits.max);
        let cut = (pause > limits.max).then_some(pause);
        Ok(next.filter(|next| *next <= until).map(|_| Steered::PutOff { until, cut }))
    }

    /// Says that a pause the target asked for is cut, where it is and `then` comes after the call. What puts the next
    /// call off is noted with the job instead.
    pub fn pause_cut(&self, run: &Run, asked: Option<Duration>, then: Then) -> Option<String> {
        let asked = asked.filter(|_| self.heeds_pause(run) && !run.manual)?;
        if self.steered(run, None, Some(asked)).is_ok_and(|steered| steered.is_some()) {
            return None;
        }
        match then {
            Then::Retry { after } if asked > after => {
                Some(format!("(asked for a pause of {}, cut to {})", show_pause(asked), duration::show(after)))
            }
            Then::Next { due: Some(due), .. }
                if asked > due.since(run.finished) && run.attempt < self.job.spec.retry.attempts =>
            {
                Some(format!("(asked for a pause of {}, cut at the next occurrence)", show_pause(asked)))
            }
            _ => None,
        }
    }

    /// Whether a pause asked for with this answer counts: with 429 and 503, and with all that is taken for temporary.
    fn heeds_pause(&self, run: &Run) -> bool {
        matches!(run.status, Some(429 | 503)) || self.job.spec.retry.on.covers(run.outcome, run.status)
    }
}

/// A pause as its target asked for it, which may be anything.
pub(crate) fn show_pause(pause: Duration) -> String {
    if pause > MAX_PERIOD { "more than a year".to_owned() } else { duration::show(pause) }
}

/// The schedule of a job that recurs in a period, with another period. None if it does not, or that is its period.
fn with_period(job: &Job, period: Duration) -> Option<Schedule> {
    let old = &job.spec.schedule;
    let Schedule::Every { period: present, jitter, .. } = old.base() else { return None };
    if period == *present {
        return None;
    }
    let schedule = if old.is_aligned() { Schedule::aligned(period) } else { Schedule::every(period, job.id) };
    // A jitter must be shorter than the period.
    let within = jitter.map(|jitter| if jitter.within < period { jitter.within } else { period / 2 });
    let jittered = within.and_then(|within| schedule.clone().with_jitter(within, job.id).ok()).unwrap_or(schedule);
    Some(old.with_base(jittered))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::{Bounds, Cron, Duty, Edit, Endpoint, JobId, NewJob, Outcome, Spec, Token, WorkerId, Zone};

    const MINUTE: Duration = Duration::from_secs(60);

    fn every(period: Duration) -> Schedule {
        Schedule::every(period, JobId::from(Uuid::from_u128(7)))
    }

    /// A claim of a job with this schedule, made when it was due, and the record of its call, which took a second.
    fn called(schedule: Schedule, steer: Option<Steer>) -> (Claim, Run) {
        let id = JobId::from(Uuid::from_u128(7));
        let mut spec = Spec::new(Endpoint::parse("http://target.test/").expect("a URL"), schedule);
        spec.steer = steer;
        let mut job = NewJob { id, spec, active: true }.into_job(Time::from_millis(1_767_323_045_006));
        let due = job.state.due.expect("due");
        let (worker, token) = (WorkerId::from(Uuid::from_u128(1)), Token::from(Uuid::from_u128(2)));
        assert!(job.claim(worker, token, due, Duration::ZERO));
        let claim = Claim { lock: job.state.lock().cloned().expect("claimed"), job: job.into(), recorded: None };
        assert!(matches!(claim.duty(), Duty::Call { .. }));
        let run = Run {
            token,
            job: id,
            worker,
            due,
            started: due,
            finished: due + Duration::from_secs(1),
            outcome: Outcome::Ok,
            status: Some(200),
            message: String::new(),
            attempt: 1,
            manual: false,
            skipped: None,
        };
        (claim, run)
    }

    fn limits() -> Option<Steer> {
        Some(Steer { min: Duration::from_secs(10), max: 60 * MINUTE })
    }

    #[test]
    fn a_period_is_set_within_the_limits() {
        let (claim, run) = called(every(5 * MINUTE), limits());
        let check = |text: &str, expect: Result<Option<Duration>, ()>| {
            let steered =
                claim.steered(&run, Some(text), None).map_err(|fault| assert_eq!(fault.field, "Naptime-Every"));
            assert_eq!(steered, expect.map(|period| period.map(|period| Steered::Schedule(every(period)))), "{text:?}");
        };
        check("2m", Ok(Some(2 * MINUTE)));
        check("120", Ok(Some(2 * MINUTE)));
        check("1s", Ok(Some(Duration::from_secs(10))));
        check("0s", Ok(Some(Duration::from_secs(10))));
        check("900 days", Ok(Some(60 * MINUTE)));
        check("5 minutes", Ok(None));
        for unreadable in ["", "soon", "-2m", "2m, 3m", "99999999999999999999"] {
            check(unreadable, Err(()));
        }
    }

    #[test]
    fn only_what_recurs_in_a_period_takes_another() {
        let cron: Schedule = Schedule::Cron(Cron::parse("0 0 * * *", Zone::UTC, 0).expect("cron"));
        for (schedule, steer) in [(every(MINUTE), None), (cron, limits())] {
            let (claim, run) = called(schedule, steer);
            assert_eq!(claim.steered(&run, Some("2m"), None), Ok(None));
        }
    }

    #[test]
    fn the_jitter_is_kept() {
        let id = JobId::from(Uuid::from_u128(7));
        let jittered = |period, within| every(period).with_jitter(within, id).expect("a jitter");
        let (claim, run) = called(jittered(5 * MINUTE, MINUTE), limits());
        let steered = |text| claim.steered(&run, Some(text), None).expect("readable");
        assert_eq!(steered("2m"), Some(Steered::Schedule(jittered(2 * MINUTE, MINUTE))));
        assert_eq!(steered("1m"), Some(Steered::Schedule(jittered(MINUTE, MINUTE / 2))), "shorter than the period");
    }

    #[test]
    fn round_times_are_kept() {
        let (claim, run) = called(Schedule::aligned(5 * MINUTE), limits());
        let steered = claim.steered(&run, Some("7m"), None).expect("readable");
        assert_eq!(steered, Some(Steered::Schedule(Schedule::aligned(7 * MINUTE))));
    }

    #[test]
    fn bounds_are_kept() {
        let bounds = Bounds { except: "12-25, 01:00-03:00".parse().expect("exceptions"), ..Bounds::none() };
        let bounded = |period| every(period).within(bounds.clone()).expect("it comes");
        let (claim, run) = called(bounded(5 * MINUTE), limits());
        let steered = |text| claim.steered(&run, Some(text), None).expect("readable");
        assert_eq!(steered("2m"), Some(Steered::Schedule(bounded(2 * MINUTE))));
        assert_eq!(steered("5m"), None);
    }

    #[test]
    fn what_is_put_off_into_an_exception_comes_after_it() {
        // The first is due within five minutes of 03:04:05.
        let bounds = Bounds { except: "03:10-05:00".parse().expect("exceptions"), ..Bounds::none() };
        let (claim, run) = called(every(5 * MINUTE).within(bounds).expect("it comes"), limits());
        let mut job = Job::clone(&claim.job);
        job.edit(Edit::PutOff { until: run.due + 20 * MINUTE, cut: None }, run.finished).expect("not deleted");
        assert!(job.state.due.is_some_and(|due| due >= "2026-01-02T05:00:00Z".parse().expect("a time")));
        assert_eq!(job.state.counters.missed, 0, "the one is being called, and those in the exception are none");
    }

    /// The record of a call that the target turned away.
    fn turned_away(run: Run) -> Run {
        Run { outcome: Outcome::Failed, status: Some(503), ..run }
    }

    #[test]
    fn a_pause_puts_off_what_it_reaches() {
        let (claim, run) = called(every(5 * MINUTE), limits());
        let run = turned_away(run);
        let put_off = |pause| claim.steered(&run, None, Some(pause)).expect("readable");
        let until = |pause, cut| Some(Steered::PutOff { until: run.finished + pause, cut });
        assert_eq!(put_off(4 * MINUTE), None, "the next occurrence is later");
        assert_eq!(put_off(6 * MINUTE), until(6 * MINUTE, None));
        assert_eq!(put_off(60 * MINUTE), until(60 * MINUTE, None));
        for beyond in [61 * MINUTE, Duration::from_secs(u64::MAX)] {
            assert_eq!(put_off(beyond), until(60 * MINUTE, Some(beyond)));
        }
        let (claim, _) = called(every(5 * MINUTE), None);
        assert_eq!(claim.steered(&run, None, Some(6 * MINUTE)), Ok(None), "it has no say in it");
        let (claim, _) = called(Schedule::Once { at: Time::from_millis(0) }, limits());
        assert_eq!(claim.steered(&run, None, Some(6 * MINUTE)), Ok(None), "there is no next one");
    }

    #[test]
    fn a_pause_counts_with_what_is_tried_again() {
        let check = |on: &str, outcome, status, expect: bool| {
            let (mut claim, run) = called(every(5 * MINUTE), limits());
            Arc::make_mut(&mut claim.job).spec_mut().retry.on = on.parse().expect("failures");
            let run = Run { outcome, status: Some(status), ..run };
            let steered = claim.steered(&run, None, Some(6 * MINUTE)).expect("readable");
            assert_eq!(steered.is_some(), expect, "{on}: {status}");
        };
        check("none", Outcome::Failed, 429, true);
        check("none", Outcome::Ok, 503, true);
        check("none", Outcome::Failed, 500, false);
        check("500-599", Outcome::Failed, 500, true);
        check("302", Outcome::RedirectNotFollowed, 302, true);
        check("200", Outcome::Ok, 200, false);
    }

    #[test]
    fn a_pause_that_is_cut_is_told() {
        let check = |claim: &Claim, run: &Run, pause, expect: Option<&str>| {
            let then = claim.conclude(run, Some(pause));
            assert_eq!(claim.pause_cut(run, Some(pause), then).as_deref(), expect, "{pause:?}");
        };
        let day = 24 * 60 * MINUTE;
        let (claim, run) = called(Schedule::Once { at: Time::from_millis(0) }, None);
        let run = turned_away(run);
        check(&claim, &run, 30 * MINUTE, None);
        check(&claim, &run, 60 * MINUTE, None);
        check(&claim, &run, 3 * day, Some("(asked for a pause of 3d, cut to 1h)"));
        let for_ever = Some("(asked for a pause of more than a year, cut to 1h)");
        check(&claim, &run, Duration::from_secs(u64::MAX), for_ever);
        check(&claim, &Run { status: Some(500), ..run.clone() }, 3 * day, None);
        check(&claim, &Run { manual: true, ..run.clone() }, 3 * day, None);

        let (claim, run) = called(every(5 * MINUTE), None);
        let run = turned_away(run);
        check(&claim, &run, MINUTE, None);
        check(&claim, &run, 6 * MINUTE, Some("(asked for a pause of 6m, cut at the next occurrence)"));
        let (claim, _) = called(every(5 * MINUTE), limits());
        check(&claim, &run, 3 * day, None);
    }

    #[test]
    fn a_call_out_of_turn_puts_off_what_is_due() {
        let (mut claim, run) = called(every(5 * MINUTE), limits());
        let mut run = turned_away(run);
        claim.lock.due = Some(run.due + MINUTE);
        run.manual = true;
        let put_off = |pause| claim.steered(&run, None, Some(pause)).expect("readable");
        assert_eq!(put_off(Duration::from_secs(30)), None);
        let until = run.finished + 2 * MINUTE;
        assert_eq!(put_off(2 * MINUTE), Some(Steered::PutOff { until, cut: None }));
    }
}
