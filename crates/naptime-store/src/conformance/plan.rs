//! What the capacity plan is made from.

use std::collections::BTreeSet;
use std::time::Duration;

use naptime_core::{Change, Edit, NewJob, PoolChange, Schedule, Time};

use super::Backend;
use super::case::{Case, HOUR, SECONDS, new_job};
use crate::PageRef;

/// All due work, read in pages of `limit`.
async fn all_due<B: Backend>(case: &Case<B>, limit: usize) -> Vec<(String, Time)> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = case.store.due_work(&PageRef { limit, cursor }).await.expect("a page");
        assert!(page.items.len() <= limit);
        all.extend(page.items.into_iter().map(|work| (work.schedule.describe(), work.due)));
        assert!(all.len() < 100, "it comes to an end");
        cursor = page.next;
        if cursor.is_none() {
            return all;
        }
    }
}

pub async fn all_that_is_due_is_planned<B: Backend>() {
    let case = Case::<B>::new().await;
    let mut expect = BTreeSet::new();
    for n in 1..=7_u32 {
        let mut new = NewJob { active: true, ..new_job() };
        let at = case.now().await + n * HOUR;
        new.spec.schedule = if n % 2 == 0 { Schedule::Once { at } } else { Schedule::every(n * HOUR, new.id) };
        let job = case.add(new).await;
        expect.insert((job.spec.schedule.describe(), job.state.due.expect("due")));
    }
    case.add(new_job()).await;
    let off = case.add_due().await;
    case.edit(off.id, Edit::Change(Change::switch(false))).await;
    let deleted = case.add_due().await;
    case.edit(deleted.id, Edit::Delete).await;
    for limit in [1, 3, 100] {
        let found = all_due(&case, limit).await;
        assert_eq!(found.len(), expect.len(), "each once, in pages of {limit}");
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expect, "in pages of {limit}");
    }
}

pub async fn what_is_due_names_its_gate<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_due().await;
    let gates = async || {
        let page = case.store.due_work(&PageRef::first(10)).await.expect("a page");
        page.items.into_iter().map(|work| work.gate).collect::<Vec<_>>()
    };
    assert_eq!(gates().await, [None]);
    let pool = job.spec.endpoint.pool();
    let off = PoolChange { active: Some(false), ..PoolChange::default() };
    case.store.change_pool(pool, None, off).await.expect("switched off");
    assert_eq!(gates().await, [Some(pool.clone())]);
}

pub async fn what_could_have_been_claimed_is_late<B: Backend>() {
    let case = Case::<B>::new().await;
    case.add_due_in(SECONDS).await;
    case.add_due_in(HOUR).await;
    let late = async |by: u64| case.store.late(Duration::from_secs(by)).await.expect("a count");
    assert_eq!(late(0).await, 0);
    case.advance(Duration::from_secs(60)).await;
    assert_eq!((late(30).await, late(120).await), (1, 0));
    case.claim().await;
    assert_eq!(late(30).await, 0, "it is held");
}
