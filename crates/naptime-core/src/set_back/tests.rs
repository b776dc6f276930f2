use uuid::Uuid;

use super::*;
use crate::{Bounds, Cron, Days, Endpoint, Hours, JobId, NewJob, Outcome, Spec, State, Steer, Token, WorkerId, Zone};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const WRONG_BY: Duration = Duration::from_secs(400 * 86_400);
/// The time as it is.
const NOW: Time = Time::from_millis(1_796_000_000_000);

fn job(schedule: Schedule, added: Time) -> Job {
    let id = JobId::from(Uuid::from_u128(7));
    let spec = Spec::new(Endpoint::parse("http://target.test/").expect("a URL"), schedule);
    NewJob { id, spec, active: true }.into_job(added)
}

fn every(period: Duration) -> Schedule {
    Schedule::every(period, JobId::from(Uuid::from_u128(7)))
}

fn cron(pattern: &str) -> Schedule {
    Schedule::Cron(Cron::parse(pattern, Zone::UTC, 0).expect("a pattern"))
}

/// Every minute, and not now for a month.
fn paused() -> Schedule {
    let bounds = Bounds { except: "11-20..12-31".parse().expect("exceptions"), ..Bounds::none() };
    every(60 * SECOND).within(bounds).expect("it comes")
}

/// What is recorded of a call that ended well at `finished`.
fn called(state: &mut State, finished: Time) {
    let started = finished - SECOND;
    let message = String::new();
    state.last = Some(Last { due: started, started, finished, outcome: Outcome::Ok, status: Some(200), message });
    state.last_ok = Some(finished);
}

#[test]
fn what_a_right_clock_planned_stays() {
    for schedule in [every(SECOND), every(90 * DAY), cron("0 3 1 1 *"), cron("* * * * *"), paused()] {
        let mut job = job(schedule.clone(), NOW - HOUR);
        for now in [NOW - HOUR, NOW - 4 * SECOND] {
            job.state.due = schedule.first(NOW - HOUR);
            job.state.phase = Phase::free(job.state.due, 0);
            assert_eq!(job.after_set_back(now.max(NOW - HOUR)), None, "{schedule:?}");
        }
    }
    let once = job(Schedule::Once { at: NOW + WRONG_BY }, NOW - HOUR);
    assert_eq!(once.after_set_back(NOW), None, "the time is the user's");
    let mut put_off = job(every(SECOND), NOW);
    put_off.spec_mut().steer = Some(Steer { min: SECOND, max: HOUR });
    put_off.edit(crate::Edit::PutOff { until: NOW + HOUR, cut: None }, NOW).expect("not deleted");
    assert_eq!(put_off.after_set_back(NOW), None, "its target asked for that");
}

#[test]
fn what_is_due_too_far_ahead_is_planned_anew() {
    for schedule in [every(SECOND), every(30 * DAY), cron("0 3 1 1 *"), cron("* * * * *"), paused()] {
        let wrong = job(schedule.clone(), NOW + WRONG_BY);
        let right = wrong.after_set_back(NOW).unwrap_or_else(|| panic!("{schedule:?} stays"));
        assert_eq!(right.state.due, schedule.first(NOW));
        assert_eq!(right.state.claim_at(), right.state.due);
        assert_eq!((right.created_at, right.updated_at), (NOW, NOW));
        assert!(right.rev > wrong.rev && right.plan > wrong.plan);
        let noted = right.changes.last().expect("a change");
        assert_eq!((noted.at, &noted.by), (NOW, &By::Clock));
        assert!(noted.what.starts_with("the clock was wrong: due at "), "{}", noted.what);
        assert_eq!(right.after_set_back(NOW), None, "that is all");
    }
}

#[test]
fn records_move_back_together() {
    let mut wrong = job(every(SECOND), NOW - HOUR);
    wrong.spec_mut().sla = Some(HOUR.into());
    wrong.state.watch = Some(Watch { longest_ms: ms(WRONG_BY), ..Watch::new(NOW - HOUR, NOW) });
    let ended = NOW + WRONG_BY;
    called(&mut wrong.state, ended);
    wrong.state.last_ok = Some(ended - 10 * SECOND);
    wrong.state.watch.as_mut().expect("a promise").deadline = ended - 10 * SECOND + HOUR;
    let right = wrong.after_set_back(NOW).expect("a change").state;
    let last = right.last.expect("a run");
    assert_eq!((last.started, last.finished), (NOW - SECOND, NOW));
    assert_eq!(right.last_ok, Some(NOW - 10 * SECOND));
    let watch = right.watch.expect("a promise");
    assert_eq!((watch.since, watch.deadline), (NOW - HOUR, NOW - 10 * SECOND + HOUR));
    assert_eq!(watch.longest_ms, ms(HOUR), "no longer than the promise has run");
}

#[test]
fn a_deadline_that_moves_back_stays_within_its_hours() {
    // The clock was three days and an hour ahead, and showed an afternoon.
    let evening: Time = "2026-06-01T18:00:00Z".parse().expect("a time");
    let ahead = evening + 66 * HOUR;
    let hours = Hours { windows: Some("09:00-17:00".parse().expect("a window")), days: Days::ALL, zone: Zone::UTC };
    let sla = Sla::within(900 * SECOND, hours).expect("an SLA");
    let mut wrong = job(every(SECOND), evening - HOUR);
    wrong.state.watch = Some(Watch::new(evening - HOUR, sla.deadline(ahead, &wrong.spec.schedule)));
    wrong.state.last_ok = Some(ahead);
    wrong.spec_mut().sla = Some(sla);
    called(&mut wrong.state, ahead);
    let right = wrong.after_set_back(evening).expect("a change").state;
    let deadline = right.watch.expect("a promise").deadline;
    let opening: Time = "2026-06-02T09:15:00Z".parse().expect("a time");
    assert!(deadline >= opening && deadline < opening + 90 * SECOND, "{deadline}");
}

#[test]
fn a_pause_ends_at_once_if_it_began_too_far_ahead() {
    let mut wrong = job(every(30 * DAY), NOW - HOUR);
    wrong.state.due = Some(NOW - SECOND);
    called(&mut wrong.state, NOW + 60 * SECOND);
    wrong.state.phase = Phase::Retrying { at: NOW + 62 * SECOND, attempts: 1 };
    let right = wrong.after_set_back(NOW).expect("a change").state;
    assert_eq!((right.due, right.phase), (wrong.state.due, Phase::Retrying { at: NOW, attempts: 1 }));

    called(&mut wrong.state, NOW - SECOND);
    assert_eq!(wrong.after_set_back(NOW), None, "a minute is no long pause");
    wrong.state.phase = Phase::Retrying { at: NOW + WRONG_BY, attempts: 1 };
    let right = wrong.after_set_back(NOW).expect("a change").state;
    assert_eq!(right.claim_at(), Some(NOW));
}

#[test]
fn a_lease_is_no_longer_than_a_lease() {
    let mut wrong = job(every(30 * DAY), NOW - 31 * DAY);
    wrong.state.due = Some(NOW - HOUR);
    wrong.state.phase = Phase::free(wrong.state.due, 0);
    let (worker, token) = (WorkerId::from(Uuid::from_u128(1)), Token::from(Uuid::from_u128(2)));
    assert!(wrong.claim(worker, token, NOW + WRONG_BY, Duration::ZERO));
    let right = wrong.after_set_back(NOW).expect("a change").state;
    let lock = right.lock().expect("held");
    assert_eq!(right.claim_at(), Some(NOW + lock.lease));
    assert_eq!((lock.since, lock.at, lock.token), (NOW, NOW, token));
}

#[test]
fn a_call_asked_for_comes_at_once() {
    let mut wrong = job(every(30 * DAY), NOW - HOUR);
    wrong.edit(crate::Edit::CallNow, NOW + 2 * WRONG_BY).expect("not deleted");
    wrong.state.due = None;
    wrong.state.phase = Phase::free(wrong.state.asked_at, 0);
    let right = wrong.after_set_back(NOW).expect("a change").state;
    assert_eq!((right.asked_at, right.claim_at()), (Some(NOW), Some(NOW)));
}

#[test]
fn a_delay_counted_from_a_wrong_present_is_counted_anew() {
    let check = |at: Time, expect: Time| {
        let wrong = job(Schedule::Once { at }, NOW + WRONG_BY);
        let right = wrong.after_set_back(NOW).expect("a change");
        assert_eq!(
            (right.spec.schedule.clone(), right.state.due),
            (Schedule::Once { at: expect }, Some(expect)),
            "{at}"
        );
    };
    check(NOW + WRONG_BY, NOW);
    check(NOW + WRONG_BY - Duration::from_millis(3), NOW);
    check(NOW + WRONG_BY + HOUR, NOW + HOUR);
    let named = NOW + HOUR;
    check(named, named);
    let far = NOW + 2 * WRONG_BY;
    let right = job(Schedule::Once { at: far }, NOW + WRONG_BY).after_set_back(NOW).expect("a change");
    assert_eq!((right.spec.schedule.clone(), right.state.due), (Schedule::Once { at: far }, Some(far)));
}

#[test]
fn a_clock_that_shows_the_past_is_wrong_itself() {
    assert!(is_set_back(NOW + WRONG_BY, NOW) && is_set_back(NOW + 6 * SECOND, NOW));
    assert!(!is_set_back(NOW + 4 * SECOND, NOW) && !is_set_back(NOW, NOW + WRONG_BY));
    assert!(!is_set_back(NOW, Time::from_millis(60_000)), "as after a start without a battery");
}
