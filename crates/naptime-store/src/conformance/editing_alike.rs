//! The same edit of many jobs.

use std::collections::{HashMap, HashSet};

use naptime_core::{Change, Edit, Job, JobId, NewJob, SkipReason};

use super::Backend;
use super::case::{Case, HOUR, SECONDS, due_at, new_job, rename, want};
use crate::Want;

fn off() -> Edit {
    Edit::Change(Change::switch(false))
}

fn ids(jobs: &[Job]) -> Vec<JobId> {
    jobs.iter().map(|job| job.id).collect()
}

pub async fn each_of_many_is_edited_as_one_would_be<B: Backend>() {
    let case = Case::<B>::new().await;
    let due = case.now().await + SECONDS;
    // More than one transaction takes, some of them large, one with an SLA that is not met.
    let mut new: Vec<NewJob> = (0..230).map(|_| due_at(due)).collect();
    for large in &mut new[10..50] {
        large.spec.request.body = Some("x".repeat(naptime_core::request::MAX_BODY));
    }
    new[60].spec.sla = Some((HOUR / 2).into());
    case.add_all(new.clone()).await;
    case.advance_to(due + 2 * HOUR + HOUR / 2).await;
    let claims = case.claim_by(&Want { slots: 3, ..want() }).await;
    let held: HashSet<JobId> = claims.iter().map(|claim| claim.job.id).collect();
    let ids: Vec<JobId> = new.iter().map(|new| new.id).collect();
    let mut free = ids.iter().copied().filter(|id| !held.contains(id));
    let (first, second) = (free.next().expect("one that is not held"), free.next().expect("another"));
    case.switch(first, false).await;
    case.edit(second, Edit::Delete).await;
    let mut before = HashMap::new();
    for &id in &ids {
        before.insert(id, case.get(id).await);
    }
    let unknown = new_job().id;
    let asked: Vec<JobId> = ids.iter().copied().chain([unknown]).collect();
    assert_eq!(case.store.edit_each(&asked, &off()).await.expect("edited"), 229, "without the deleted one");
    for (id, mut job) in before {
        let edited = case.get(id).await;
        if id != second {
            let changed = job.edit(off(), edited.updated_at).expect("not deleted");
            assert_eq!(changed, id != first);
        }
        assert_eq!(edited, job);
        if ![first, second].contains(&id) && !held.contains(&id) {
            assert_eq!(case.skipped(id).await, [(due, 3, SkipReason::Edited)], "what is dropped is told");
        }
    }
    assert_eq!(case.store.edit_each(&asked, &Edit::Delete).await.expect("deleted"), 229);
    assert_eq!(case.store.edit_each(&asked, &Edit::Delete).await.expect("deleted"), 0);
    assert_eq!(case.store.edit_each(&[], &off()).await.expect("nothing to edit"), 0);
    assert!(case.claim().await.is_empty());
}

pub async fn many_are_edited_though_others_come_between<B: Backend>() {
    let case = Case::<B>::new().await;
    let jobs = case.add_all((0..120).map(|_| NewJob { active: true, ..new_job() }).collect()).await;
    let other = case.backend.another().await;
    let renamed = jobs.clone();
    let renaming = tokio::spawn(async move {
        for job in renamed.iter().step_by(7) {
            other.edit(job.id, None, rename(job, "renamed")).await.expect("renamed");
        }
    });
    assert_eq!(case.store.edit_each(&ids(&jobs), &off()).await.expect("edited"), 120);
    renaming.await.expect("no panic");
    for (n, job) in jobs.iter().enumerate() {
        let job = case.get(job.id).await;
        let renamed = n % 7 == 0;
        assert_eq!((job.active, job.spec.name == "renamed", job.rev.0), (false, renamed, 2 + i64::from(renamed)));
    }
}
