//! The same edit of many jobs.

use naptime_core::job::MAX_LEASE;
use naptime_core::{Change, Edit, Job, JobId, NewJob, SkipReason};

use super::Backend;
use super::case::{Case, HOUR, due_at, new_job, rename, want};
use crate::{PageRef, Want};

fn off() -> Edit {
    Edit::Change(Change::switch(false))
}

fn ids(jobs: &[Job]) -> Vec<JobId> {
    jobs.iter().map(|job| job.id).collect()
}

pub async fn each_of_many_is_edited_as_one_would_be<B: Backend>() {
    let case = Case::<B>::new().await;
    let due = case.now().await + HOUR / 2;
    // Many go together: some beside one that is off, deleted, held, or in breach of its SLA. Those that are large would not
    // fit into one command.
    let (is_off, deleted, held, unmet, large) = (210, 215, 160, [120, 130], 0..70);
    let mut new: Vec<NewJob> = (0..230).map(|_| due_at(due)).collect();
    for large in &mut new[large] {
        large.spec.request.body = Some("x".repeat(naptime_core::request::MAX_BODY));
    }
    for unmet in unmet {
        new[unmet].spec.sla = Some((HOUR / 2).into());
    }
    new[held].spec.schedule = due_at(due - HOUR / 4).spec.schedule;
    new[held].spec.lease = MAX_LEASE;
    case.add_all(new.clone()).await;
    case.advance_to(due + 2 * HOUR + HOUR / 2).await;
    let claims = case.claim_by(&Want { slots: 1, ..want() }).await;
    let ids: Vec<JobId> = new.iter().map(|new| new.id).collect();
    assert_eq!(claims.iter().map(|claim| claim.job.id).collect::<Vec<_>>(), [ids[held]]);
    case.switch(ids[is_off], false).await;
    case.edit(ids[deleted], Edit::Delete).await;
    let mut before = Vec::new();
    for &id in &ids {
        before.push(case.get(id).await);
    }

    let asked: Vec<JobId> = ids.iter().copied().chain([new_job().id]).collect();
    assert_eq!(case.store.edit_each(&asked, &off()).await.expect("edited"), 229, "without the deleted one");
    for (n, mut job) in before.into_iter().enumerate() {
        let edited = case.get(job.id).await;
        if n != deleted {
            assert_eq!(job.edit(off(), edited.updated_at).expect("not deleted"), n != is_off);
        }
        assert_eq!(edited, job);
        if ![is_off, deleted, held].contains(&n) {
            assert_eq!(case.skipped(job.id).await, [(due, 3, SkipReason::Edited)], "what is dropped is told");
        }
    }

    let breaches =
        async |n: usize| case.store.breaches(Some(ids[n]), &PageRef::first(10)).await.expect("breaches").items.len();
    assert_eq!((breaches(unmet[0]).await, breaches(unmet[1]).await), (0, 0), "they last");
    assert_eq!(case.store.edit_each(&asked, &Edit::Delete).await.expect("deleted"), 229);
    assert_eq!((breaches(unmet[0]).await, breaches(unmet[1]).await), (1, 1), "they have ended");
    assert_eq!(case.store.edit_each(&asked, &Edit::Delete).await.expect("deleted"), 0);
    assert_eq!(case.store.edit_each(&[], &off()).await.expect("nothing to edit"), 0);
    assert!(case.claim().await.is_empty());
}

pub async fn many_are_edited_though_others_come_between<B: Backend>() {
    let case = Case::<B>::new().await;
    let jobs = case.add_all((0..120).map(|_| NewJob { active: true, ..new_job() }).collect()).await;
    let other = case.backend.another().await;
    let meanwhile = jobs.clone();
    let editing = tokio::spawn(async move {
        for (n, job) in meanwhile.iter().enumerate() {
            if n % 7 == 0 {
                other.edit(job.id, None, rename(job, "renamed")).await.expect("renamed");
            } else if n % 7 == 3 {
                other.edit(job.id, None, Edit::CallNow).await.expect("asked for");
            }
        }
    });
    assert_eq!(case.store.edit_each(&ids(&jobs), &off()).await.expect("edited"), 120);
    editing.await.expect("no panic");
    let mut asked_for = Vec::new();
    for (n, job) in jobs.iter().enumerate() {
        let job = case.get(job.id).await;
        let renamed = n % 7 == 0;
        assert_eq!((job.active, job.spec.name == "renamed", job.rev.0), (false, renamed, 2 + i64::from(renamed)));
        if n % 7 == 3 {
            asked_for.push(job.id);
        }
    }
    let mut claimed: Vec<JobId> = case.claim().await.iter().map(|claim| claim.job.id).collect();
    claimed.sort_unstable();
    asked_for.sort_unstable();
    assert_eq!(claimed, asked_for, "who is asked for is called, though it is off by now");
}
