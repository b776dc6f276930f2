//! Adding, reading, changing, switching, calling now, deleting, restoring.

use std::time::Duration;

use naptime_core::state::LEASE;
use naptime_core::{
    Bounds, By, CatchUp, Change, Edit, Headers, Hours, Job, JobId, Method, Misfire, NewJob, Pause, Plan, Random,
    Request, Retry, Rev, Schedule, SigningKeys, Sla, Spec, State, Steer, Zone,
};
use uuid::Uuid;

use super::Backend;
use super::case::{Case, HOUR, SECONDS, about, due_at, endpoint, new_job, rename};
use crate::{Edited, Error};

/// One that holds in some hours only.
fn sla() -> Sla {
    let hours = Hours {
        windows: "22:00-02:00, 09:00-17:00".parse().ok(),
        days: "mon-fri".parse().expect("days"),
        zone: Zone::parse("Europe/Berlin").expect("a zone"),
    };
    Sla::within(Duration::from_secs(600), hours).expect("an SLA")
}

/// A job with something in every field that a store might take for something else.
fn full_job() -> NewJob {
    let mut new = new_job();
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let spec = &mut new.spec;
    spec.endpoint = endpoint("http://bücher.example:8080/$period?a.b=$$NOW&c={\"$ne\":null}");
    spec.request = Request {
        method: Method::Post,
        headers: Headers::new(vec![
            header("X-Dollar", "$period"),
            header("X.Dots.In.$Name", "a.b.$c"),
            header("x-twice", "1"),
            header("x-twice", "2"),
            header("X-Empty", ""),
        ])
        .expect("headers"),
        body: Some(
            "{\"$set\": {\"a.b\": null}}\r\n'; DROP TABLE jobs; -- <script>alert(1)</script> \u{0} 🦦 ü".to_owned(),
        ),
        timeout: Duration::from_millis(12_345),
        secret: true,
        secret_path: true,
        sign: keys(&[7, 8]),
    };
    spec.schedule = Schedule::Every {
        period: Duration::from_millis(90_061_001),
        anchor: naptime_core::Time::from_millis(7),
        jitter: None,
    };
    spec.retry = Retry::new(7, Duration::from_millis(1_500)).expect("a retry");
    spec.sla = Some(sla());
    spec.name = "<script> {\"$ne\": null} $name 🦦".to_owned();
    spec.tags = vec!["$tag".to_owned(), "a.b".to_owned(), "Ünï \"quoted\"".to_owned(), "$tag".to_owned()];
    spec.retry = spec.retry.clone().on("500-503, timeout".parse().expect("failures"));
    spec.success = "200-204, 404".parse().expect("statuses");
    spec.lease = Duration::from_secs(20);
    spec.steer = Some(Steer { min: Duration::from_secs(5), max: HOUR });
    spec.failing_after = 7;
    spec.keep = naptime_core::Keep::All;
    spec.expect = naptime_core::Expect::read("json $.a is \"$b\"\ntook at most 5s".lines()).expect("conditions");
    spec.misfire = Misfire { late: Some(HOUR), catch_up: CatchUp::up_to(7).expect("a number") };
    spec.key = Some(format!("$key {}", new.id));
    new
}

/// Keys to sign with, told apart by a byte.
fn keys(keys: &[u8]) -> SigningKeys {
    // 32 bytes in base64.
    let key = |byte: &u8| format!("whsec_{byte}{}", "A".repeat(42));
    SigningKeys::read(keys.iter().map(key).collect(), &SigningKeys::default()).expect("keys")
}

pub async fn what_is_added_is_read_back_as_it_was<B: Backend>() {
    let case = Case::<B>::new().await;
    let before = case.now().await;
    for active in [false, true] {
        let new = NewJob { active, ..full_job() };
        let added = case.add(new.clone()).await;
        assert!(about(added.created_at, before), "added at the store's time");
        assert_eq!(added, new.clone().into_job(added.created_at));
        assert_eq!(case.get(new.id).await, added);
        assert_eq!(
            case.backend.another().await.get(new.id).await.expect("there"),
            added,
            "for another process as well"
        );
    }
    let empty = NewJob { active: false, ..new_job() };
    let added = case.add(empty.clone()).await;
    assert_eq!(case.get(empty.id).await, added);
    let body = "x".repeat(naptime_core::request::MAX_BODY);
    let mut large = new_job();
    large.spec.request.body = Some(body);
    let added = case.add(large.clone()).await;
    assert_eq!(*added.spec, large.spec);
    assert_eq!(case.get(large.id).await, added);
}

pub async fn jobs_are_added_each_by_itself<B: Backend>() {
    let case = Case::<B>::new().await;
    // More than one command or transaction takes.
    let several: Vec<NewJob> = (0..2_100).map(|_| new_job()).collect();
    let added = case.add_all(several.clone()).await;
    let ids: Vec<JobId> = several.iter().map(|new| new.id).collect();
    assert_eq!(added.iter().map(|job| job.id).collect::<Vec<_>>(), ids, "the answers are in the order of the jobs");
    assert!(case.store.insert(Vec::new()).await.expect("nothing to add").is_empty());
    let renamed = case.rename(ids[3], "x").await;
    case.edit(ids[4], Edit::Delete).await;

    // Whoever does not know whether it was done does it again.
    let (first, last) = (new_job(), new_job());
    let again = [vec![first.clone()], several[..2_000].to_vec(), vec![last.clone()]].concat();
    let answer = case.add_all(again).await;
    assert_eq!((answer[0].id, answer[2_001].id), (first.id, last.id));
    assert_eq!(answer[4], renamed, "what was there is as it was");
    assert!(answer[5].deleted_at.is_some(), "and not revived");
    assert_eq!(answer[6..2_001], added[5..2_000]);
    assert_eq!(case.store.count().await.expect("a count").total, 2_101);
    assert_eq!((case.get(first.id).await, case.get(last.id).await), (answer[0].clone(), answer[2_001].clone()));
}

pub async fn what_is_unknown_is_not_found<B: Backend>() {
    let case = Case::<B>::new().await;
    let known = case.add(new_job()).await;
    let unknown = JobId::from(Uuid::new_v4());
    assert!(matches!(case.store.get(unknown).await, Err(Error::NotFound)));
    for edit in [rename(&known, "x"), Edit::CallNow, Edit::Delete, Edit::Restore] {
        for expect in [None, Some(Rev(1))] {
            let answer = case.store.edit(unknown, expect, edit.clone()).await;
            assert!(matches!(answer, Err(Error::NotFound)), "{edit:?}: {answer:?}");
        }
    }
    assert!(matches!(case.store.get(unknown).await, Err(Error::NotFound)), "nothing was made of it");
}

/// A schedule with all that one can have besides.
fn random() -> Schedule {
    let (zone, windows) = (Zone::parse("Europe/Berlin").expect("a zone"), "09:00-12:00, 22:00-02:00".parse());
    let days = "mon-fri".parse().expect("days");
    Schedule::Random(Random::new(HOUR, windows.ok(), days, zone, u64::MAX).expect("a schedule"))
}

/// The same from a moment on, until another, and not always between.
fn bounded(schedule: Schedule) -> Schedule {
    let [from, until] = [1_767_225_600_001, 4_102_444_800_000].map(naptime_core::Time::from_millis);
    let except = "2026-12-25, 12-24..01-02, mon-fri 01:00-03:00".parse().expect("exceptions");
    let zone = Zone::parse("Asia/Tokyo").expect("a zone");
    let pause = Pause { until: Some(from), note: "the target moves".to_owned() };
    let bounds = Bounds { from: Some(from), until: Some(until), except, pause: Some(pause), zone };
    schedule.within(bounds).expect("a schedule")
}

pub async fn each_field_can_be_changed<B: Backend>() {
    let case = Case::<B>::new().await;
    let full = full_job().spec;
    let mut model = case.add(new_job()).await;
    let set_one: [fn(&mut Spec, Spec); 20] = [
        |spec, full| spec.endpoint = full.endpoint,
        |spec, full| spec.request = full.request,
        |spec, _| spec.request = Request::default(),
        |spec, _| spec.request.sign = keys(&[9]),
        |spec, full| spec.retry = full.retry,
        |spec, full| spec.sla = full.sla,
        |spec, _| spec.sla = None,
        |spec, full| spec.name = full.name,
        |spec, _| spec.name = String::new(),
        |spec, full| spec.tags = full.tags,
        |spec, full| spec.success = full.success,
        |spec, full| spec.lease = full.lease,
        |spec, full| spec.steer = full.steer,
        |spec, full| spec.misfire = full.misfire,
        |spec, full| spec.failing_after = full.failing_after,
        |spec, full| spec.keep = full.keep,
        |spec, full| spec.expect = full.expect,
        |spec, _| spec.tags = Vec::new(),
        |spec, full| spec.key = full.key,
        |spec, _| spec.key = None,
    ];
    let mut spec = Spec::clone(&model.spec);
    let mut changes: Vec<Change> = Vec::new();
    for set in set_one {
        set(&mut spec, full.clone());
        changes.push(Change::to(spec.clone()));
    }
    let schedules = [full.schedule.clone(), bounded(full.schedule.clone()), bounded(random()), random()];
    changes.extend(schedules.map(|schedule| Change { by: By::Target, ..Change::schedule(schedule) }));
    changes.extend([true, false].map(Change::switch));
    let all = Spec {
        endpoint: endpoint("http://all.test/"),
        schedule: Schedule::Every { period: HOUR, anchor: naptime_core::Time::from_millis(1), jitter: None },
        retry: Retry::default(),
        sla: Some(HOUR.into()),
        name: "all".to_owned(),
        success: "204".parse().expect("a status"),
        lease: LEASE,
        steer: None,
        misfire: Misfire { late: None, catch_up: CatchUp::ALL },
        ..full
    };
    changes.push(Change { active: Some(true), by: By::Rule("$rule".to_owned()), ..Change::to(all) });
    for edit in changes.into_iter().map(Edit::Change) {
        case.advance(Duration::from_secs(60)).await;
        let rev = model.rev;
        let edited = case.store.edit(model.id, Some(rev), edit.clone()).await.expect("edited");
        assert!(edited.updated_at.since(model.updated_at) >= Duration::from_secs(60), "edited at the store's time");
        assert_eq!(model.edit(edit.clone(), edited.updated_at), Ok(true));
        assert_eq!(edited, model, "after {edit:?}");
        assert_eq!(case.get(model.id).await, model, "after {edit:?}");
        assert_eq!(model.rev, Rev(rev.0 + 1));
    }
}

pub async fn an_edit_by_a_stale_revision_changes_nothing<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add(new_job()).await;
    let edited = case.store.edit(job.id, Some(job.rev), rename(&job, "first")).await.expect("edited");
    for edit in [rename(&job, "second"), Edit::CallNow, Edit::Delete, Edit::Restore] {
        for rev in [job.rev, Rev(99)] {
            let answer = case.store.edit(job.id, Some(rev), edit.clone()).await;
            assert!(matches!(answer, Err(Error::Stale(rev)) if rev == edited.rev), "{edit:?}: {answer:?}");
        }
    }
    assert_eq!(case.get(job.id).await, edited);
    let forced = case.edit(job.id, rename(&edited, "third")).await;
    assert_eq!(forced.spec.name, "third", "without a revision the edit is made whatever it is");
}

pub async fn an_edit_that_changes_nothing_is_no_edit<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add(full_job()).await;
    case.advance(HOUR).await;
    let same = Change { active: Some(false), ..Change::to(Spec::clone(&job.spec)) };
    for edit in [Edit::Change(Change::default()), Edit::Change(same), Edit::Restore] {
        assert_eq!(case.edit(job.id, edit).await, job);
        assert_eq!(case.get(job.id).await, job);
    }
}

pub async fn of_edits_at_the_same_time_one_wins<B: Backend>() {
    let case = Case::<B>::new().await;
    let mut job = case.add(new_job()).await;
    let handles = [case.store.clone(), case.backend.another().await];
    for _ in 0..10 {
        let tasks: Vec<_> = (0..8)
            .map(|n| {
                let (store, id, rev) = (handles[n % 2].clone(), job.id, job.rev);
                let edit = rename(&job, &format!("{} {n}", rev.0));
                tokio::spawn(async move { store.edit(id, Some(rev), edit).await })
            })
            .collect();
        let mut won = Vec::new();
        for task in tasks {
            match task.await.expect("no panic") {
                Ok(edited) => won.push(edited),
                Err(Error::Stale(rev)) => assert_eq!(rev, Rev(job.rev.0 + 1)),
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(won.len(), 1);
        job = case.get(job.id).await;
        assert_eq!(won, [job.clone()]);
    }
    // Without a revision all are made, one after the other.
    let tasks: Vec<_> = (0..16)
        .map(|n| {
            let (store, id) = (handles[n % 2].clone(), job.id);
            let edit = rename(&job, &format!("forced {n}"));
            tokio::spawn(async move { store.edit(id, None, edit).await })
        })
        .collect();
    let mut revs = Vec::new();
    for task in tasks {
        revs.push(task.await.expect("no panic").expect("edited").rev.0);
    }
    revs.sort_unstable();
    assert_eq!(revs, (job.rev.0 + 1..=job.rev.0 + 16).collect::<Vec<_>>());
}

/// Invariant 4, its last part.
pub async fn an_edit_beside_the_schedule_leaves_the_next_call<B: Backend>() {
    let case = Case::<B>::new().await;
    let idle = case.add_due_in(SECONDS).await;
    let edited = case
        .change(idle.id, |spec| {
            spec.endpoint = endpoint("http://elsewhere.test/");
            spec.request = full_job().spec.request;
            spec.retry = Retry::new(1, Duration::from_secs(1)).expect("a retry");
            spec.sla = Some(HOUR.into());
            spec.name = "another".to_owned();
            spec.tags = vec!["new".to_owned()];
        })
        .await;
    let unwatched = |job: &Job| State { watch: None, ..job.state.clone() };
    assert_eq!((edited.plan, unwatched(&edited)), (idle.plan, unwatched(&idle)), "idle");
    assert_eq!(edited.rev, Rev(2));
    let idle = edited;

    case.advance_to(idle.state.due.expect("due")).await;
    let overdue = case.rename(idle.id, "overdue").await;
    assert_eq!((overdue.plan, &overdue.state), (idle.plan, &idle.state), "overdue");

    let claim = case.claim_only(idle.id).await;
    let held = case.rename(idle.id, "held").await;
    let mut state = claim.job.state.clone();
    state.lock_mut().expect("held").edits = 1;
    assert_eq!((held.plan, &held.state), (idle.plan, &state), "held");
}

pub async fn a_new_schedule_sets_the_next_call<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_due_in(SECONDS).await;
    let anchor = job.created_at + 10 * SECONDS;
    let schedule = Schedule::Every { period: 2 * HOUR, anchor, jitter: None };
    let edited = case.edit(job.id, Edit::Change(Change::schedule(schedule))).await;
    assert_eq!((edited.state.due, edited.state.claim_at(), edited.plan), (Some(anchor), Some(anchor), Plan(2)));

    let off = case.add(new_job()).await;
    let schedule = Schedule::Every { period: 2 * HOUR, anchor, jitter: None };
    let edited = case.edit(off.id, Edit::Change(Change::schedule(schedule))).await;
    assert_eq!((edited.state.due, edited.state.claim_at(), edited.plan), (None, None, Plan(2)), "it stays off");
}

pub async fn switching_off_and_on<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_due_in(SECONDS).await;
    let off = case.switch(job.id, false).await;
    assert_eq!((off.active, off.state.due, off.state.claim_at()), (false, None, None));
    assert_eq!((off.rev, off.plan), (Rev(2), Plan(2)));
    case.advance(HOUR).await;
    assert!(case.claim().await.is_empty());
    let on = case.switch(job.id, true).await;
    let due = on.state.due.expect("due");
    assert!(due > on.updated_at && due <= on.updated_at + HOUR);
    assert_eq!((on.active, on.state.claim_at(), on.rev, on.plan), (true, Some(due), Rev(3), Plan(3)));
}

pub async fn call_now_leaves_what_is_due<B: Backend>() {
    let case = Case::<B>::new().await;
    let on = case.add_due_in(HOUR / 2).await;
    let off = case.add(new_job()).await;
    for job in [on, off] {
        case.advance(Duration::from_secs(60)).await;
        let now = case.now().await;
        let asked = case.edit(job.id, Edit::CallNow).await;
        let at = asked.state.asked_at.expect("asked");
        assert!(about(at, now), "asked at the store's time");
        let mut model = job;
        assert_eq!(model.edit(Edit::CallNow, at), Ok(true));
        assert_eq!(asked, model);
        assert_eq!((asked.rev, asked.plan, asked.state.claim_at()), (Rev(1), Plan(1), Some(at)));
        assert_eq!(case.get(asked.id).await, model);
    }
}

pub async fn a_deleted_job_can_be_read_and_restored_only<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_due_in(SECONDS).await;
    case.edit(job.id, Edit::CallNow).await;
    let deleted = case.store.edit(job.id, Some(job.rev), Edit::Delete).await.expect("deleted");
    assert_eq!(deleted.deleted_at, Some(deleted.updated_at));
    assert_eq!((deleted.active, deleted.rev, deleted.plan), (false, Rev(2), Plan(2)));
    let state = &deleted.state;
    assert_eq!((state.due, state.asked_at, state.claim_at()), (None, None, None));
    assert_eq!(case.get(job.id).await, deleted);
    for edit in [rename(&job, "x"), Edit::Change(Change::switch(true)), Edit::CallNow, Edit::Delete] {
        // To whoever saw it before it was deleted, that it is says more than that it has another revision.
        for expect in [None, Some(deleted.rev), Some(job.rev)] {
            let answer = case.store.edit(job.id, expect, edit.clone()).await;
            assert!(matches!(answer, Err(Error::Deleted)), "{edit:?}: {answer:?}");
        }
    }
    case.advance(HOUR).await;
    assert!(case.claim().await.is_empty());
    let answer = case.store.edit(job.id, Some(job.rev), Edit::Restore).await;
    assert!(matches!(answer, Err(Error::Stale(Rev(2)))), "{answer:?}");
    let restored = case.store.edit(job.id, Some(deleted.rev), Edit::Restore).await.expect("restored");
    assert_eq!((restored.deleted_at, restored.active, restored.rev), (None, false, Rev(3)));
    assert_eq!(restored.spec, job.spec);
    assert_eq!(case.get(job.id).await, restored);
    assert!(case.switch(job.id, true).await.state.due.is_some());
}

pub async fn what_an_edit_drops_is_missed<B: Backend>() {
    let case = Case::<B>::new().await;
    let due = case.now().await + SECONDS;
    let edits = [
        Edit::Change(Change::switch(false)),
        Edit::Change(Change::schedule(Schedule::Every { period: 7 * HOUR, anchor: due, jitter: None })),
        Edit::Delete,
    ];
    let new: Vec<NewJob> = edits.iter().map(|_| due_at(due)).collect();
    let jobs = case.add_all(new).await;
    // Due at 0, 1 and 2 hours, and none of them called.
    case.advance_to(due + 2 * HOUR + HOUR / 2).await;
    for (job, edit) in jobs.iter().zip(edits) {
        let edited = case.edit(job.id, edit.clone()).await;
        assert_eq!(edited.state.counters.missed, 3, "{edit:?}");
        assert_eq!(case.get(job.id).await.state.counters.missed, 3, "{edit:?}");
    }
}

pub async fn the_last_edits_of_endpoints_are_found<B: Backend>() {
    let case = Case::<B>::new().await;
    let mut once = new_job();
    once.spec.schedule = Schedule::Once { at: case.now().await + HOUR };
    let (first, second, third) = (case.add(new_job()).await, case.add(new_job()).await, case.add(new_job()).await);
    case.add(once).await;
    case.advance(SECONDS).await;
    let from = case.rename(first.id, "x").await.updated_at;
    case.rename(second.id, "y").await;
    let found = case.store.last_edits(from, 10).await.expect("edits");
    let ids = |found: &[Edited]| found.iter().map(|edit| (edit.id, edit.rev, edit.deleted)).collect::<Vec<_>>();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|edit| edit.at >= from && edit.rev == Rev(2) && !edit.deleted), "{found:?}");
    case.advance(SECONDS).await;
    case.edit(first.id, Edit::Delete).await;
    case.advance(SECONDS).await;
    let last = case.rename(second.id, "z").await;
    let found = case.store.last_edits(from, 10).await.expect("edits");
    assert_eq!(
        ids(&found),
        [(second.id, Rev(3), false), (first.id, Rev(3), true)],
        "the last of each, the latest first"
    );
    assert_eq!(found[0].at, last.updated_at);
    assert_eq!(case.store.last_edits(from, 1).await.expect("edits"), found[..1]);
    let all = case.store.last_edits(third.created_at, 10).await.expect("edits");
    assert!(ids(&all).contains(&(third.id, Rev(1), false)), "added is edited: {all:?}");
}
