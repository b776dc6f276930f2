use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::standing::Ended;
use crate::{
    Bounds, Change, Claim, Edit, Endpoint, Job, JobId, NewJob, Outcome, Pause, Phase, Run, Schedule, Spec, Then,
};

const SLA: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

fn at(second: i64) -> Time {
    Time::from_millis(1_800_000_000_000 + second * 1000)
}

/// Called every 30 s, at least once a minute, switched on at 0.
fn job() -> Job {
    let id = JobId::from(Uuid::from_u128(7));
    let endpoint = Endpoint::parse("https://a.example/b").expect("a URL");
    let mut spec = Spec::new(endpoint, Schedule::every(Duration::from_secs(30), id));
    spec.sla = Some(SLA.into());
    NewJob { id, spec, active: true }.into_job(at(0))
}

/// Calls the job, and settles. Returns the breach that this ends.
fn call(job: &mut Job, started: Time, finished: Time, outcome: Outcome, worker_since: Option<Time>) -> Option<Breach> {
    let then = Then::Next { due: Some(started + Duration::from_secs(30)), missed: 0 };
    call_then(job, (started, finished), outcome, worker_since, then)
}

/// The same, with what comes after it.
fn call_then(
    job: &mut Job,
    (started, finished): (Time, Time),
    outcome: Outcome,
    worker_since: Option<Time>,
    then: Then,
) -> Option<Breach> {
    job.state.phase = Phase::Idle { at: started };
    let token = Uuid::from_u128(started.millis().unsigned_abs().into()).into();
    let due = job.state.due.unwrap_or(started);
    assert!(job.claim(Uuid::nil().into(), token, started, Duration::ZERO));
    let lock = job.state.lock().cloned().expect("claimed");
    let claim = Claim { job: job.clone().into(), lock, recorded: None };
    let run = Run {
        token,
        job: job.id,
        worker: Uuid::nil().into(),
        due,
        started,
        finished,
        outcome,
        status: None,
        message: String::new(),
        attempt: 1,
        manual: false,
        skipped: None,
    };
    let settled = claim.settled(Some(run), then);
    let breach = claim.breach_ended_by(&settled, worker_since);
    assert!(job.settle(&settled, finished));
    breach
}

#[test]
fn a_promise_ends_with_the_last_call() {
    let check = |until: i64, promised: bool| {
        let (id, mut spec) = (job().id, Spec::clone(&job().spec));
        let bounds = Bounds { until: Some(at(until)), ..Bounds::none() };
        spec.schedule = spec.schedule.within(bounds).expect("it comes");
        let mut job = NewJob { id, spec, active: true }.into_job(at(0));
        let Some(due) = job.state.due else { return assert_eq!(job.state.watch, None, "nothing is ever called") };
        let next = job.spec.schedule.next(due, due);
        assert_eq!(next.due.is_some(), promised);
        call_then(&mut job, (due, due), Outcome::Ok, None, Then::Next { due: next.due, missed: 0 });
        assert_eq!(job.state.watch.is_some(), promised, "until {until}");
        assert_eq!((job.breach(at(1000), None).is_some(), job.state.ended_at), (promised, None));
        // A new name promises nothing; a later end does.
        rename(&mut job, at(100));
        assert_eq!(job.state.watch.is_some(), promised);
        let endless = Change::schedule(job.spec.schedule.base().clone());
        edit(&mut job, endless, at(100));
        assert!(job.state.watch.is_some());
    };
    check(-1, false);
    check(30, false);
    check(60, true);
}

#[test]
fn a_breach_ends_with_the_last_call() {
    let mut job = job();
    let last = Then::Next { due: None, missed: 0 };
    let ended = call_then(&mut job, (at(90), at(91)), Outcome::Failed, Some(at(0)), last).expect("a breach");
    assert_eq!((ended.from, ended.to, ended.cause), (at(60), Some(at(91)), Cause::LateStart));
    assert_eq!(job.state.watch, None);
    // A call that was skipped may be the last, too.
    let mut job = self::job();
    job.state.phase = Phase::Idle { at: at(90) };
    assert!(job.claim(Uuid::nil().into(), Uuid::nil().into(), at(90), Duration::ZERO));
    let claim = Claim { job: job.clone().into(), lock: job.state.lock().cloned().expect("claimed"), recorded: None };
    let skipped = claim.settled(None, Then::Skip { due: None, missed: 1 });
    let ended = claim.breach_ended_by(&skipped, None).expect("a breach");
    assert_eq!((ended.from, ended.to), (at(60), Some(at(90))));
    // One that is edited meanwhile promises on.
    let deadline = |job: &Job| job.state.watch.map(|watch| watch.deadline);
    for (is_edited, was_ended) in [(false, true), (true, false)] {
        let (before, mut job) = (deadline(&job), job.clone());
        if is_edited {
            switch(&mut job, false, at(91));
        }
        assert!(job.settle(&skipped, at(92)));
        assert_eq!(ended.was_ended(before, deadline(&job)), was_ended, "edited: {is_edited}");
    }
}

#[test]
fn an_sla_equal_to_the_period_has_a_grace() {
    // Called each minute, and promised each minute.
    let minute = Schedule::every(SLA, job().id);
    let spec = |timeout: Duration| {
        let mut spec = Spec { schedule: minute.clone(), ..Spec::clone(&job().spec) };
        spec.request.timeout = timeout;
        spec
    };
    let mut job = NewJob { id: job().id, spec: spec(30 * SECOND), active: true }.into_job(at(0));
    let first = job.state.due.expect("due");
    let deadline = |job: &Job| job.state.watch.expect("a promise").deadline;
    assert_eq!(deadline(&job), (at(0) + SLA).max(first + 6 * SECOND));
    let mut due = first;
    for took in [100, 102, 3_000, 5_900, 1] {
        let finished = due + Duration::from_millis(took);
        let then = Then::Next { due: Some(due + SLA), missed: 0 };
        assert_eq!(call_then(&mut job, (due, finished), Outcome::Ok, Some(at(0)), then), None, "{took} ms");
        assert_eq!((deadline(&job), job.breach(due + SLA + 6 * SECOND, None)), (due + SLA + 6 * SECOND, None));
        due = due + SLA;
    }
    let late = job.breach(due + 6 * SECOND + Duration::from_millis(1), Some(at(0))).expect("a breach");
    assert_eq!((late.from, late.cause), (due + 6 * SECOND, Cause::LateStart));
    // The gap itself is what it was.
    let longest = job.state.watch.expect("a promise").longest_ms;
    assert_eq!(longest, 60_000 + 5_900 - 3_000);
    // A call that may take two seconds has two, and what leaves room needs none.
    assert_eq!([1, 2, 30].map(|timeout| spec(timeout * SECOND).grace(SLA).as_secs()), [1, 2, 6]);
    assert_eq!(spec(30 * SECOND).grace(5 * SECOND), SECOND);
}

#[test]
fn a_promise_within_hours_has_its_deadlines_in_them() {
    let sla = |every: u64, windows: &str, days: &str| {
        let hours = Hours {
            windows: (!windows.is_empty()).then(|| windows.parse().expect("windows")),
            days: days.parse().expect("days"),
            zone: Zone::parse("Europe/Berlin").expect("a zone"),
        };
        Sla::within(Duration::from_secs(60 * every), hours).expect("an SLA")
    };
    let check = |sla: &Sla, began: &str, deadline: &str| {
        let time = |text: &str| text.parse::<Time>().expect("a time");
        assert_eq!(sla.deadline(time(began), &Schedule::aligned(SECOND)), time(deadline), "{sla}, {began}");
        let stored = serde_json::to_string(sla).expect("JSON");
        assert_eq!(serde_json::from_str::<Sla>(&stored).ok().as_ref(), Some(sla), "{stored}");
    };
    // 2026-06-01 is a Monday, and summer time.
    let office = sla(15, "09:00-17:00", "mon-fri");
    check(&office, "2026-06-01T08:00:00Z", "2026-06-01T08:15:00Z");
    check(&office, "2026-06-01T06:59:00Z", "2026-06-01T07:15:00Z");
    check(&office, "2026-06-01T14:44:59.999Z", "2026-06-01T14:59:59.999Z");
    // What would be too long only after the hours counts from their start.
    check(&office, "2026-06-01T14:45:00Z", "2026-06-02T07:15:00Z");
    check(&office, "2026-06-05T20:00:00Z", "2026-06-08T07:15:00Z");
    check(&office, "2026-10-23T20:00:00Z", "2026-10-26T08:15:00Z");
    // All of the hours may be the gap.
    check(&sla(8 * 60, "09:00-17:00", "mon-fri"), "2026-06-01T06:59:00Z", "2026-06-01T15:00:00Z");
    check(&sla(8 * 60, "09:00-17:00", "mon-fri"), "2026-06-01T07:00:00Z", "2026-06-02T15:00:00Z");
    // Days and windows in a row are one stretch.
    let work = sla(60, "", "mon-fri");
    check(&work, "2026-06-01T21:30:00Z", "2026-06-01T22:30:00Z");
    check(&work, "2026-06-05T21:30:00Z", "2026-06-07T23:00:00Z");
    check(&sla(60, "22:00-24:00, 00:00-06:00", "daily"), "2026-06-01T21:30:00Z", "2026-06-01T22:30:00Z");
    // The hour that is skipped is none, and that which comes twice is two.
    check(&sla(90, "02:00-04:00", "daily"), "2026-03-29T00:00:00Z", "2026-03-30T01:30:00Z");
    check(&sla(90, "01:00-04:00", "daily"), "2026-10-25T01:00:00Z", "2026-10-25T02:30:00Z");
    // Around the clock it is stored as it always was.
    let always = Sla::from(SLA);
    assert_eq!(serde_json::to_string(&always).ok(), serde_json::to_string(&SLA).ok());
    check(&always, "2026-06-01T08:00:00Z", "2026-06-01T08:01:00Z");
}

#[test]
fn exceptions_are_not_of_the_hours() {
    let time = |text: &str| text.parse::<Time>().expect("a time");
    let zone = Zone::parse("Europe/Berlin").expect("a zone");
    let windows = Some("09:00-17:00".parse().expect("a window"));
    let hours = Hours { windows, days: "mon-fri".parse().expect("days"), zone: zone.clone() };
    let sla = Sla::within(Duration::from_secs(900), hours).expect("an SLA");
    let except = "06-03, daily 12:00-13:00, 2026-06-08..2026-06-09".parse().expect("exceptions");
    let bounds = Bounds { except, zone, ..Bounds::none() };
    let schedule = Schedule::aligned(SECOND).within(bounds).expect("it comes");
    let check =
        |began: &str, deadline: &str| assert_eq!(sla.deadline(time(began), &schedule), time(deadline), "{began}");
    // 2026-06-01 is a Monday. Before lunch, over it, after it.
    check("2026-06-01T09:40:00Z", "2026-06-01T09:55:00Z");
    check("2026-06-01T09:45:00Z", "2026-06-01T11:15:00Z");
    check("2026-06-01T11:00:00Z", "2026-06-01T11:15:00Z");
    // Over a day of each year, and over two dates with the weekend before them.
    check("2026-06-02T14:50:00Z", "2026-06-04T07:15:00Z");
    check("2026-06-05T14:50:00Z", "2026-06-10T07:15:00Z");
    // Around the clock they do count.
    assert_eq!(Sla::from(SLA).deadline(time("2026-06-01T09:59:30Z"), &schedule), time("2026-06-01T10:00:30Z"));
}

#[test]
fn a_breach_within_hours_lasts_until_a_good_call() {
    let hours = Hours { windows: Some("09:00-17:00".parse().expect("a window")), days: Days::ALL, zone: Zone::UTC };
    let mut spec = Spec::clone(&job().spec);
    let time = |text: &str| text.parse::<Time>().expect("a time");
    spec.sla = Sla::within(SLA, hours).ok();
    let mut job = NewJob { id: job().id, spec, active: true }.into_job(time("2026-06-01T05:00:00Z"));
    let deadline = |job: &Job| job.state.watch.expect("a promise").deadline;
    assert_eq!(deadline(&job), time("2026-06-01T09:01:00Z"));
    let evening = time("2026-06-01T16:59:00Z");
    call(&mut job, evening, evening, Outcome::Ok, None);
    assert_eq!(deadline(&job), time("2026-06-02T09:01:00Z"));
    assert_eq!(job.breach(time("2026-06-02T09:01:00Z"), None), None, "the night is no gap");
    let lasting = job.breach(time("2026-06-02T18:00:00Z"), None).expect("a breach");
    assert_eq!((lasting.from, lasting.to), (time("2026-06-02T09:01:00Z"), None));
    let night = time("2026-06-02T23:00:00Z");
    let ended = call(&mut job, night, night, Outcome::Ok, None).expect("it ends");
    assert_eq!((ended.from, ended.to), (lasting.from, Some(night)));
    assert_eq!(deadline(&job), time("2026-06-03T09:01:00Z"));
    // From when it counted.
    assert_eq!(job.state.watch.map(|watch| watch.longest_ms), Some(14 * 3_600_000));
    // A holiday is made, and is none after all.
    let mut change = |except: &str, now: Time| {
        let bounds = Bounds { except: except.parse().expect("exceptions"), ..Bounds::none() };
        let schedule = job.spec.schedule.clone().within(bounds).expect("it comes");
        job.edit(Edit::Change(Change::schedule(schedule)), now).expect("not deleted");
        job.state.watch.expect("a promise").deadline
    };
    assert_eq!(change("2026-06-03", time("2026-06-03T00:30:00Z")), time("2026-06-04T09:01:00Z"));
    assert_eq!(change("", time("2026-06-03T12:00:00Z")), time("2026-06-03T12:01:00Z"));
}

#[test]
fn a_pause_suspends_the_promise() {
    let paused = |job: &Job, until: Option<i64>| {
        let pause = Some(Pause { until: until.map(at), note: "a move".to_owned() });
        let schedule = job.spec.schedule.base().clone().within(Bounds { pause, ..Bounds::none() });
        Change::schedule(schedule.expect("it comes, later"))
    };
    let mut job = job();
    call(&mut job, at(20), at(20), Outcome::Ok, None);
    let (before, change) = (job.clone(), paused(&job, Some(1000)));
    edit(&mut job, change, at(90));
    // What was broken before is recorded, and the promise begins anew with the calls.
    let broken = job.breach_ended_since(&before, at(90), None).expect("a breach");
    assert_eq!((broken.from, broken.to), (at(80), Some(at(90))));
    assert_eq!(job.state.watch, Some(Watch::new(at(1000), at(1000) + SLA)));
    assert_eq!((job.breach(at(1060), None), job.breach(at(1061), None).is_some()), (None, true));
    // Neither a new name nor a clock that was set back begins another.
    rename(&mut job, at(100));
    assert_eq!(job.state.watch, Some(Watch::new(at(1000), at(1000) + SLA)));
    assert_eq!(job.after_set_back(at(100)), None);
    // Until somebody resumes it there is none; then it begins.
    let change = paused(&job, None);
    edit(&mut job, change, at(200));
    assert_eq!((job.state.watch, job.state.due, job.active), (None, None, true));
    let resumed = Change::schedule(job.spec.schedule.resumed());
    edit(&mut job, resumed, at(300));
    assert_eq!(job.state.watch, Some(Watch::new(at(300), at(300) + SLA)));
}

fn edit(job: &mut Job, change: Change, now: Time) {
    job.edit(Edit::Change(change), now).expect("it is not deleted");
}

fn switch(job: &mut Job, active: bool, now: Time) {
    edit(job, Change::switch(active), now);
}

fn rename(job: &mut Job, now: Time) {
    let renamed = Spec { name: "b".to_owned(), ..Spec::clone(&job.spec) };
    edit(job, Change::to(renamed), now);
}

#[test]
fn a_breach_shows_while_it_lasts() {
    let mut job = job();
    assert_eq!(call(&mut job, at(20), at(20), Outcome::Ok, None), None);
    assert_eq!(job.breach(at(80), Some(at(0))), None, "the deadline is to be met, not passed");
    let lasting = job.breach(at(81), Some(at(0))).expect("a breach");
    assert_eq!((lasting.from, lasting.to, lasting.cause), (at(80), None, Cause::LateStart));
    assert_eq!(lasting.lasted(at(90)), Duration::from_secs(10));
    let ended = call(&mut job, at(95), at(95), Outcome::Ok, Some(at(0))).expect("it ends");
    assert_eq!(ended, Breach { to: Some(at(95)), ..lasting });
    assert_eq!(job.breach(at(96), None), None);
    assert_eq!(job.state.watch.map(|watch| watch.longest_ms), Some(75_000));
}

#[test]
fn the_cause_is_what_kept_the_deadline_from_being_met() {
    let check = |prepare: &dyn Fn(&mut Job), worker_since: Option<i64>, expect: Cause| {
        let mut job = job();
        call(&mut job, at(10), at(10), Outcome::Ok, None);
        prepare(&mut job);
        let worker_since = worker_since.map(at);
        let lasting = job.breach(at(100), worker_since).map(|breach| breach.cause);
        assert_eq!(lasting, Some(expect), "while it lasts");
        if !job.active {
            switch(&mut job, true, at(101));
        }
        let ended = call(&mut job, at(102), at(102), Outcome::Ok, worker_since).map(|breach| breach.cause);
        assert_eq!(ended, Some(expect), "when it has ended");
    };
    let fail = |started, outcome| {
        move |job: &mut Job| assert_eq!(call(job, at(started), at(started + 1), outcome, None), None)
    };
    // The deadline is at 70, and a call is due at 40.
    check(&|_| {}, Some(0), Cause::LateStart);
    check(&|_| {}, Some(40), Cause::LateStart);
    check(&|_| {}, Some(41), Cause::NoWorker);
    check(&fail(40, Outcome::Failed), Some(0), Cause::TargetFailed);
    // Nobody is there any more, but the target had its chance.
    check(&fail(40, Outcome::Timeout), None, Cause::TargetFailed);
    // Two failures, the second after the deadline.
    check(
        &|job| [40, 80].into_iter().for_each(|second| fail(second, Outcome::Failed)(job)),
        Some(0),
        Cause::TargetFailed,
    );
    // What failed after the deadline did not break it.
    check(&fail(90, Outcome::Failed), Some(85), Cause::NoWorker);
    check(&fail(90, Outcome::Failed), Some(0), Cause::LateStart);
    // A call that was cut here says nothing of the target.
    check(&fail(40, Outcome::Interrupted), Some(0), Cause::LateStart);
    check(&|job| switch(job, false, at(50)), Some(0), Cause::SwitchedOff);
}

#[test]
fn a_pool_that_is_off_is_a_cause() {
    let check = |cause, off_at: Option<i64>, expect| {
        let breach = Breach { job: job().id, from: at(60), to: None, cause };
        assert_eq!(breach.in_pool_off_at(off_at.map(at)).cause, expect, "{cause:?}, off at {off_at:?}");
    };
    check(Cause::LateStart, Some(70), Cause::SwitchedOff);
    check(Cause::NoWorker, Some(60), Cause::SwitchedOff);
    check(Cause::LateStart, Some(59), Cause::LateStart);
    check(Cause::LateStart, None, Cause::LateStart);
    check(Cause::TargetFailed, Some(70), Cause::TargetFailed);
}

#[test]
fn a_target_that_takes_too_long_has_failed() {
    let mut job = job();
    job.state.phase = Phase::Idle { at: at(40) };
    let mut held = job.clone();
    assert!(held.claim(Uuid::nil().into(), Uuid::nil().into(), at(40), Duration::ZERO));
    assert!(held.renew(Uuid::nil().into(), at(85)));
    assert_eq!(held.breach(at(70), Some(at(0))).map(|breach| breach.cause), Some(Cause::TargetFailed));
    // Whoever held it is gone.
    assert_eq!(held.breach(at(101), None).map(|breach| breach.cause), Some(Cause::NoWorker));
    let ended = call(&mut job, at(40), at(75), Outcome::Ok, Some(at(0)));
    assert_eq!(ended.map(|breach| breach.cause), Some(Cause::TargetFailed));
}

#[test]
fn an_edit_may_end_promise_and_breach() {
    let check = |edit: Edit, now: i64, ends_promise: bool, ends_breach: bool| {
        let before = job();
        let mut after = before.clone();
        after.edit(edit, at(now)).expect("it is not deleted");
        let promise = after.promise_ended_since(&before, at(now));
        assert_eq!(promise, ends_promise.then_some(Ended::Promise(at(0), at(now))));
        let breach = after.breach_ended_since(&before, at(now), None);
        assert_eq!(breach.map(|it| (it.from, it.to)), ends_breach.then_some((at(60), Some(at(now)))));
    };
    let sla = |sla| Edit::Change(Change::to(Spec { sla, ..Spec::clone(&job().spec) }));
    check(Edit::Delete, 90, true, true);
    check(Edit::Delete, 50, true, false);
    check(sla(None), 90, true, true);
    check(sla(Some((SLA * 2).into())), 90, true, true);
    check(sla(Some(SLA.into())), 90, false, false);
    check(Edit::Change(Change::switch(false)), 90, false, false);
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![3 => Just(Outcome::Ok), 2 => Just(Outcome::Failed), 1 => Just(Outcome::Interrupted)]
}

proptest! {
    /// What is found settle by settle is what the whole history says: a gap between successes that is longer than
    /// promised is broken for the rest of it.
    #[test]
    fn breaches_are_what_the_whole_history_says(
        calls in prop::collection::vec((1i64..150, 0i64..20, outcome()), 1..40), left in 0i64..200,
    ) {
        let mut job = job();
        let (mut now, mut successes, mut found) = (at(0), vec![at(0)], Vec::new());
        for (pause, took, outcome) in calls {
            let started = now + Duration::from_secs(pause.unsigned_abs());
            now = started + Duration::from_secs(took.unsigned_abs());
            found.extend(call(&mut job, started, now, outcome, Some(at(0))));
            if outcome == Outcome::Ok {
                successes.push(now);
            }
        }
        now = now + Duration::from_secs(left.unsigned_abs());
        let broken: Vec<(Time, Time)> = successes
            .windows(2)
            .map(|pair| (pair[0] + SLA, pair[1]))
            .filter(|(from, to)| from < to)
            .collect();
        let ended: Vec<(Time, Time)> = found.iter().filter_map(|breach| Some((breach.from, breach.to?))).collect();
        prop_assert_eq!(&ended, &broken);
        prop_assert!(ended.windows(2).all(|pair| pair[0].1 <= pair[1].0), "none overlaps the next");
        let last = *successes.last().expect("the first");
        let lasting = job.breach(now, None).map(|breach| breach.from);
        prop_assert_eq!(lasting, Some(last + SLA).filter(|deadline| *deadline < now));

        // The time within the SLA and the time in breach add up to all there is.
        let day = Duration::from_secs(86_400);
        let ended_ms: u64 = ended.iter().map(|(from, to)| ms(to.since(*from))).sum();
        let standing = crate::Standing::of(&job, [ended_ms; 4], now, 7 * day).expect("a promise runs");
        let gaps = successes.windows(2).map(|pair| pair[1].since(pair[0])).chain([now.since(last)]);
        let (mut within, mut longest) = (0, 0);
        for gap in gaps {
            within += ms(gap.min(SLA));
            longest = longest.max(ms(gap));
        }
        let week = standing.amounts[2];
        prop_assert_eq!(week.promised_ms, within + week.breached_ms);
        prop_assert_eq!(standing.longest_ms, longest);
        prop_assert_eq!(standing.is_met(), lasting.is_none());
    }
}
